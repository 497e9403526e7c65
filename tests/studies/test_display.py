"""What a notebook cell shows: bundles for the report, panels, figures."""

import dataclasses
import io
import math
import re
import types
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest
import torch
from landscape.connectivity import Path
from landscape.plots.panel import Panel
from landscape.plots.style import LOOKS, STYLES, bold_maths, series_style
from landscape.slices import Lines, Plane
from matplotlib.figure import Figure as Canvas
from studies import display, figures, formatting, intervals
from studies.display import Figure, Missing, Sentence, Table
from studies.figures import bands, builders, captioned
from studies.intervals import band, mean_interval, paired_ratio, single_curve
from studies.recording import Request
from studies.tables import comparisons, paths
from studies.tables.study_summary import closing, quantity_words

from tests.sample_measurements import MEASURED
from tests.sample_study import recorded_run, runs_of

WORDS = {"label": "fig-test", "caption": "See $x$.", "alt": "A line."}


def canvas():
    figure = Canvas()
    figure.subplots().plot([1, 2], [3, 4])
    return figure


def bundle(thing):
    data, metadata = thing._repr_mimebundle_()
    assert "text/plain" in data and all(isinstance(text, str) for text in data.values())
    return data, metadata.get("landscape")


# Figures


def test_figure_is_an_svg_with_label_caption_and_alternative_text():
    data, carried = bundle(Figure(canvas(), **WORDS))
    assert set(data) == {"image/svg+xml", "text/plain"}
    assert ET.fromstring(data["image/svg+xml"]).tag.endswith("svg")
    assert carried == {"kind": "figure", **WORDS, "place": "body"}
    assert data["text/plain"] == "[fig-test] A line."


def test_figure_is_the_same_bytes_each_time_and_each_time_it_is_drawn():
    figure = Figure(canvas(), **WORDS)
    assert figure.svg() == figure.svg() == Figure(canvas(), **WORDS).svg()
    assert "dc:date" not in figure.svg()


def test_figures_of_two_labels_share_no_clip_path():
    def names(label):
        return set(
            re.findall(
                r'clipPath id="([^"]+)"', Figure(canvas(), **{**WORDS, "label": label}).svg()
            )
        )

    assert names("fig-a") and not names("fig-a") & names("fig-b")


@pytest.mark.parametrize("label", ["test", "fig-", "tab-test", "fig-a b", "fig-ä", "Fig-a", ""])
def test_figure_refuses_a_label_of_another_form(label):
    with pytest.raises(ValueError, match=rf"figure label '{label}' is not allowed. Use 'fig-'"):
        Figure(canvas(), **{**WORDS, "label": label})


@pytest.mark.parametrize("empty", ["caption", "alt"])
def test_figure_refuses_to_go_without_caption_or_alternative_text(empty):
    with pytest.raises(ValueError, match=r"figure 'fig-test' has caption=.*Say in the caption"):
        Figure(canvas(), **{**WORDS, empty: " \n"})


# Tables


def table(**changes):
    arguments = {
        "columns": ["arm", "$x$ | <b>"],
        "rows": [["a|b", "1.0"], ["c & d", 2]],
        "label": "tab-test",
        "caption": "A <caption>.",
    }
    arguments.update(changes)
    columns, rows = arguments.pop("columns"), arguments.pop("rows")
    return Table(columns, rows, **arguments)


def test_table_carries_its_cells_as_text():
    _, carried = bundle(table())
    assert carried == {
        "kind": "table",
        "label": "tab-test",
        "caption": "A <caption>.",
        "columns": ["arm", "$x$ | <b>"],
        "rows": [["a|b", "1.0"], ["c & d", "2"]],
        "align": ["left", "decimal"],
        "place": "body",
    }


def test_table_escapes_what_html_and_markdown_would_read():
    data, _ = bundle(table())
    root = ET.fromstring(data["text/html"])
    assert [cell.text for cell in root.iter("td")] == ["a|b", "1.0", "c & d", "2"]
    assert [cell.text for cell in root.iter("th")] == ["arm", "$x$ | <b>"]
    lines = data["text/markdown"].splitlines()
    assert lines == ["| arm | $x$ \\| <b> |", "| --- | --- |", "| a\\|b | 1.0 |", "| c & d | 2 |"]


def test_table_keeps_a_cell_of_two_lines_in_one_row():
    data, _ = bundle(table(rows=[["a\nb", "1"]]))
    assert len(data["text/markdown"].splitlines()) == 3


@pytest.mark.parametrize(
    "change", [{"rows": [["a"]]}, {"rows": [["a", "b", "c"]]}, {"align": ["left"]}]
)
def test_table_refuses_rows_of_another_length(change):
    with pytest.raises(ValueError, match=r"'tab-test' has 2 columns and a row of . cells"):
        table(**change)


def test_table_refuses_an_alignment_that_it_does_not_know():
    with pytest.raises(ValueError, match=r"center"):
        table(align=["left", "center"])


def test_table_refuses_a_label_of_another_form():
    with pytest.raises(ValueError, match=r"table label 'fig-x' is not allowed. Use 'tab-'"):
        table(label="fig-x")


# Sentences


def test_sentence_is_markdown_with_eigenvalues_as_mathematics():
    data, carried = bundle(Sentence("λ_max = 2, **λ_min** = −1"))
    assert data["text/markdown"] == r"$\lambda_{\max}$ = 2, **$\lambda_{\min}$** = −1"
    assert carried is None


def test_what_the_record_lacks_is_a_sentence_that_references_lead_to():
    data, carried = bundle(Missing("fig-density"))
    assert carried == {"kind": "note", "label": "fig-density", "place": "body"}
    assert bundle(Missing("fig-density").at("detail"))[1]["place"] == "detail"
    assert data["text/markdown"].startswith("*A figure is missing here: the record does not hold")
    assert bundle(Missing("tab-x"))[0]["text/markdown"].startswith("*A table is missing here")


# Tables and closing of a study


@pytest.fixture
def filled(numbers):
    for first, second in ((2.0, 1.0), (2.2, 1.0), (2.1, 1.1)):
        numbers.add("q", first, arm="a")
        numbers.add("q", second, arm="b")
        numbers.add("bad", first, arm="a", converged=False)
        numbers.add("bad", -second, arm="b")
    return numbers


def test_comparison_holds_means_ratio_and_convergence(filled):
    headings = {"q": "quantity (unit)", "bad": "other"}
    found = comparisons.comparison_table(filled, headings, ["a", "b"], label="tab-c", caption="c")
    assert found.columns == ["quantity", "a", "b", "a / b"]
    ratio = formatting.interval_text(paired_ratio([2.0, 2.2, 2.1], [1.0, 1.0, 1.1]))
    mean = formatting.interval_text(mean_interval([2.0, 2.2, 2.1]))
    assert found.rows[0][0] == "quantity (unit)" and found.rows[0][1] == mean
    assert found.rows[0][3:] == [ratio]
    assert found.rows[1][3:] == ["–"]  # A negative value has no ratio.


def test_interval_text_is_a_dash_where_there_is_no_estimate():
    assert formatting.interval_text(mean_interval([1.0, math.nan])) == "–"


def test_interval_text_of_a_mean_is_its_half_width_and_of_a_ratio_both_ends():
    assert formatting.interval_text(mean_interval([1.0, 1.0])) == "1"
    # Equal samples whose mean is off by rounding.
    assert formatting.interval_text(mean_interval([0.1166666667] * 3)) == "0.117"
    # t(0.975, 1 degree of freedom) = 12.7062 times a standard error of 0.01.
    assert formatting.interval_text(mean_interval([0.99, 1.01])) == "1.00 ± 0.13"
    assert formatting.interval_text(paired_ratio([2.0, 2.0], [1.0, 1.0])) == "2.00 [2.00, 2.00]"
    assert formatting.interval_text(mean_interval([0.99e-9, 1.01e-9])) == "1.00×10⁻⁹ ± 1.3×10⁻¹⁰"


def test_intervals_are_those_of_each_list():
    found = intervals.mean_intervals({"q": {"a": [1.0, 2.0], "b": [3.0, 3.0]}})
    assert found == {"q": {"a": mean_interval([1.0, 2.0]), "b": mean_interval([3.0, 3.0])}}


def closed(study, *, evidence=True):
    return closing(study, evidence=evidence).text


def recorded(study, *rows):
    """Record rows of one entry: (quantity, value, further columns)."""

    def compute(recorder):
        for quantity, value, columns in rows:
            recorder.add(quantity, value, **columns)

    study.step("kind", [Request({"rows": len(rows)}, {"arm": "a"}, compute)])


BAD = {"converged": False}


def test_closing_counts_what_did_not_converge(study):
    rows = [("q", 1.0, {})] * 9 + [("bad", 2.0, BAD)] * 3
    recorded(study, *rows)
    assert closed(study).startswith(
        "The study rests on 12 recorded numbers. **3 have not converged**: 3 values of bad."
    )
    diverged = ("lambda_max", math.nan, {**BAD, "note": "the run diverged"})
    recorded(study, diverged, ("bad", 1.0, {**BAD, "note": "lost in noise"}))
    text = closed(study)
    assert "**5 have not converged**: 1 value of runs that diverged and 4 values of bad " in text
    assert "bad (lost in noise)." in text
    # More reasons than a sentence holds.
    recorded(study, *[("bad", 1.0, {**BAD, "note": why}) for why in ("few", "many", "odd")])
    assert "1 value of runs that diverged and 7 values of bad." in closed(study)


def test_closing_of_a_trial_says_that_it_is_no_evidence(study):
    recorded(study, ("q", 1.0, {}))
    assert closed(study, evidence=False).startswith("These numbers are a trial")
    assert closed(study).endswith("All of them have converged.")


def test_closing_says_what_the_record_lacks_and_what_is_stale(study):
    recorded(study, ("q", 1.0, {}))
    study.missing["lines"] = [{"arm": "a"}, {"arm": "b"}]
    study.stale["e1"] = ["train", "sam"]
    text = closed(study)
    assert "made without 2 lines that the study also plans" in text
    assert "1 recorded entry comes from an earlier version of the code that measures the" in text
    assert "the SAM rise and training." in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sam", "SAM rise"),
        ("ritz_max_0.001", "largest Ritz value, 0.001"),
        ("sam, batch statistics", "SAM rise, batch statistics"),
        ("epochs_to_0.97", "epochs to 0.97"),
    ],
)
def test_quantities_have_words_for_prose(name, words):
    assert quantity_words(name) == words


def path(barrier, position=0.5):
    ts = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    loss = torch.tensor([0.0, barrier, 0.0], dtype=torch.float64)
    values = (barrier, barrier, barrier / 10, position)
    return Path(ts, loss, 1 - loss / 10, *values, **MEASURED)


def test_barriers_are_a_row_for_each_split_and_policy():
    found = paths.barrier_table({("test", "frozen"): [path(1.0), path(2.0, 0.25)]}, label="tab-b")
    (row,) = found.rows
    loss, error = (
        formatting.interval_text(mean_interval(values)) for values in ([1.0, 2.0], [10.0, 20.0])
    )
    assert row == ["frozen", "test", loss, error, "0.25 to 0.50"]
    assert "(mean over 2 pairs with its 95% interval)" in found.caption


def test_the_highest_and_the_lowest_barrier_are_named_in_words():
    heights = {("train", "reestimate"): [path(2.0)], ("test", "no BN"): [path(1.0)]}
    caption = paths.barrier_table(heights, label="tab-b").caption
    assert caption.startswith(
        "The loss barrier is highest for re-estimated statistics on training examples (2 nats) and "
        "lowest for networks without BN on test examples (1 nats). "
    )


def test_kinds_of_paths_are_a_row_for_each_kind_with_an_interval_over_pairs():
    found = paths.path_kind_table(
        {"straight": [path(1.0), path(2.0, 0.25)], "chain": [path(0.5)]}, label="tab-r"
    )
    loss = formatting.interval_text(mean_interval([1.0, 2.0]))
    assert found.rows[0][:5] == ["straight", "2", loss, found.rows[0][3], "0.25 to 0.50"]
    assert found.rows[1] == ["chain", "1", "0.5", "5", "0.50"]
    assert found.caption.startswith(
        "The loss barrier is highest for the straight path (1.5 nats) and lowest for the chain "
    )
    assert "from the mean of the end losses" not in found.caption
    equal = paths.path_kind_table({"straight": [path(1.0)], "chain": [path(0.5)]}, label="tab-r")
    assert "pairs" not in equal.columns and "(of a single pair)" in equal.caption


def test_a_barrier_that_is_no_number_is_a_dash_and_has_no_position():
    lost = path(math.nan, math.nan)
    found = paths.path_kind_table({"one": [lost], "two": [lost, path(1.0)]}, label="tab-r")
    assert found.rows[0][2:] == ["–", "–", "–"]
    assert found.rows[1][2:] == ["–", "–", "0.50"]


def test_show_displays_things_in_their_order(monkeypatch):
    seen = []
    monkeypatch.setattr(display.IPython.display, "display", lambda *things: seen.extend(things))
    display.show(1, "two")
    assert seen == [1, "two"]


# Panels


def run(history, epochs=2, diverged_at=None):
    history = {"train_loss": [1.0], **history}
    return recorded_run(history, plan=list(range(epochs + 1)), diverged_at=diverged_at)


def test_bands_of_runs_are_by_arm_and_stop_where_a_run_diverged():
    runs = runs_of(
        {
            ("a", 0): run({"loss": [4.0, 2.0, 1.0]}),
            ("a", 1): run({"loss": [9.0, 8.0]}),
            ("b", 0): run({"loss": [1.0, 1.0, 1.0]}),
            ("b", 1): run({"loss": [4.0, 4.0, 0.0]}),
        }
    )
    found = builders.run_bands(runs, "loss")
    assert list(found) == ["a", "b"] and found["b"].mean.tolist()[:2] == pytest.approx([2.0, 2.0])
    assert math.isnan(found["b"].mean[2])  # 0 has no place on a logarithmic axis.
    assert found["a"].mean[:2].tolist() == pytest.approx([6.0, 4.0])
    assert math.isnan(found["a"].mean[2])
    assert found["a"].x.tolist() == [0.0, 1.0, 2.0]
    assert found["a"].low[0] > 0  # As an interval of means would not be.
    left = {("a", 0): run({"loss": [4.0, 2.0, 1e27]}, diverged_at=1)}  # The last is what it left.
    assert builders.run_bands(left, "loss")["a"].mean.tolist() == pytest.approx(
        [4.0, 2.0, math.nan], nan_ok=True
    )
    halves = builders.run_bands(runs, "loss", lambda values: values / 2)
    assert halves["a"].mean[:2].tolist() == pytest.approx([3.0, 2.0])


def test_training_panels_name_quantity_and_unit():
    names = ("train_loss", "test_loss", "test_accuracy", "gradient_norm")
    runs = {("a", s): run({name: [0.1, 0.2, 0.6 + 0.3 * s] for name in names}) for s in (0, 1)}
    made = builders.training_panels(runs_of(runs))
    assert [panel.y for panel in made] == [
        "loss (nats)",
        "loss (nats)",
        "share wrong",
        "root mean square of ‖g‖₂",
    ]
    assert [panel.scale for panel in made] == ["log"] * 4
    # Accuracies as errors: 0.9, 0.8, 0.4 and 0.9, 0.8, 0.1.
    error = made[2].series["a"]
    assert error.mean.tolist() == pytest.approx([0.9, 0.8, 0.2])
    assert bool((error.low <= error.high).all())


def test_curves_of_arms_keep_their_names_and_the_caption_says_which_diverged():
    names = ("train_loss", "test_loss", "test_accuracy", "gradient_norm")
    whole, short = ({name: [0.1] * count for name in names} for count in (3, 1))
    runs = {("a", 0): run(whole), ("a", 1): run(short, diverged_at=2), ("b", 0): run(whole)}
    runs |= {("c", seed): run(short, diverged_at=2) for seed in (0, 1)}
    for panel in builders.training_panels(runs_of(runs)):
        assert list(panel.series) == ["a", "b", "c"] and panel.mark_ends
    shown = figures.training(runs_of(runs), label="fig-t", caption="See.")
    assert shown.caption == (
        "See. A cross ends a mean where the first run diverges: a (1 of 2 runs). "
        "Arms without a curve diverged at once: c (2 of 2 runs)."
    )


def test_training_shows_the_panels_that_are_asked_for():
    names = ("train_loss", "test_loss", "test_accuracy", "gradient_norm")
    runs = {("a", 0): run({name: [0.1] * 3 for name in names})}
    (panel,) = builders.training_panels(runs_of(runs), ["test error"])
    assert panel.title == "test error"
    with pytest.raises(ValueError, match=r"no panel 'loss'\. There are training loss, test loss"):
        builders.training_panels(runs_of(runs), ["loss"])


def test_panels_against_a_column_are_the_values_of_its_rows(numbers):
    for arm, shift in (("a", 0.0), ("b", 1.0)):
        for factor in (0.1, 1.0, 10.0):
            numbers.add("q", 2.0 + factor + shift, arm=arm, factor=factor, seed=0)
    (panel,) = builders.column_panels(numbers, {"q": "name"}, "factor", "scale")
    assert panel.ticks == (0.1, 1.0, 10.0)
    assert panel.series["b"].mean.tolist() == pytest.approx([3.1, 4.0, 13.0])
    assert (panel.x, panel.y, panel.x_scale) == ("scale", "name", "log")
    numbers.add("q", 5.0, arm="a", factor=1.0, seed=1)
    with pytest.raises(
        ValueError, match=r"a has several values of q at one factor: .*Choose a seed"
    ):
        builders.column_panels(numbers, {"q": "name"}, "factor", "scale")


def lines_of(*rows):
    alphas = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    loss = torch.tensor(rows, dtype=torch.float64)
    return Lines(alphas, loss, loss / 10, 0, **MEASURED)


def test_line_panels_are_bands_over_seeds_of_means_over_directions():
    lines = {
        ("a", 0): lines_of([1.0, 2.0], [3.0, 6.0]),
        ("a", 1): lines_of([4.0, 4.0], [4.0, 8.0]),
    }
    assert [panel.title for panel in builders.line_panels(lines, network="MLP")] == [
        "MLP: training loss",
        "MLP: training accuracy",
    ]
    loss, accuracy = builders.line_panels(lines)
    assert loss.title == "training loss"
    assert loss.series["a"].samples.tolist() == [[2.0, 4.0], [4.0, 6.0]]
    want = [math.sqrt(2 * 4), math.sqrt(4 * 6)]  # On a logarithmic axis.
    assert loss.series["a"].mean.tolist() == pytest.approx(want) and loss.scale == "log"
    assert accuracy.series["a"].mean.tolist() == pytest.approx([0.3, 0.5]) and accuracy.limits == (
        0,
        1,
    )


def test_path_panels_are_loss_and_accuracy_of_each_split():
    found = {
        (split, bn): [path(1.0), path(3.0)]
        for split in ("train", "test")
        for bn in ("frozen", "batch")
    }
    made = builders.path_panels(found)
    assert [p.title for p in made] == ["train loss", "test loss", "train accuracy", "test accuracy"]
    assert list(made[0].series) == ["frozen", "batch"]
    assert made[0].series["batch"].mean.tolist() == [0.0, 2.0, 0.0]


def test_line_spread_is_median_and_middle_four_fifths_over_directions():
    rows = [[float(k), float(k * k)] for k in range(11)]
    loss, accuracy = builders.line_spread_panels({"a": lines_of(*rows)})
    of = loss.series["a"]
    assert of.mean.tolist() == [5.0, 25.0] and of.n == 11
    assert of.low.tolist() == [1.0, 1.0] and of.high.tolist() == [9.0, 81.0]
    assert of.samples.tolist() == rows and loss.scale == "log"
    assert accuracy.series["a"].mean.tolist() == [0.5, 2.5] and accuracy.limits == (0, 1)


@pytest.mark.filterwarnings("error")
def test_line_spread_has_no_value_where_a_direction_has_none():
    of = builders.line_spread_panels({"a": lines_of([1.0, 2.0], [math.inf, 4.0])})[0].series["a"]
    assert np.isnan([of.mean[0], of.low[0], of.high[0]]).all() and of.mean[1] == 3.0
    assert of.samples[1, 0] == math.inf


def test_path_kind_panels_are_a_series_for_each_kind():
    found = {"straight": [path(1.0), path(3.0)], "chain": [path(0.1), path(0.1)]}
    loss, accuracy = builders.path_kind_panels(found)
    assert (loss.title, accuracy.title) == (
        "loss, statistics frozen",
        "accuracy, statistics frozen",
    )
    assert list(loss.series) == ["straight", "chain"] and accuracy.limits == (0, 1)
    assert loss.series["straight"].mean.tolist() == [0.0, 2.0, 0.0]
    assert (
        loss.series["straight"].n == 2 and loss.scale == "linear"
    )  # A loss of 0 has no logarithm.


def test_path_kind_panels_of_a_single_pair_have_no_band():
    loss, _ = builders.path_kind_panels({"straight": [path(1.0)]})
    assert loss.series["straight"].n == 1 and loss.series["straight"].mean.tolist() == [0, 1, 0]


def test_path_kind_panels_are_logarithmic_where_the_loss_asks_for_it():
    raised = [dataclasses.replace(path(b), loss=path(b).loss + 0.05) for b in (1.0, 0.0)]
    assert (
        builders.path_kind_panels({"straight": raised[:1], "chain": raised[1:]})[0].scale == "log"
    )
    assert builders.path_kind_panels({"chain": raised[1:]})[0].scale == "linear"


def test_path_kind_panels_of_several_policies_name_them_in_the_series():
    found = {"straight": [path(1.0)], "chain": [dataclasses.replace(path(0.5), bn="reestimate")]}
    loss, _ = builders.path_kind_panels(found)
    assert list(loss.series) == ["straight (frozen)", "chain (re-estimated)"]
    assert loss.title == "loss"


def test_path_kind_panels_refuse_two_policies_or_grids_in_one_kind():
    other = dataclasses.replace(path(0.5), bn="batch")
    with pytest.raises(ValueError, match=r"kind 'a' have the policies \['frozen', 'batch'\]"):
        builders.path_kind_panels({"a": [path(1.0), other]})
    other = dataclasses.replace(path(0.5), ts=torch.tensor([0.0, 0.4, 1.0], dtype=torch.float64))
    with pytest.raises(ValueError, match=r"at the same positions"):
        builders.path_kind_panels({"a": [path(1.0), other]})


# Plots


def test_a_legend_of_many_long_names_wraps_within_the_figure():
    series = {
        f"a kind of path with a long name, no. {k}": single_curve([1, 2], [k, k]) for k in range(5)
    }
    figure = captioned.curves([panel(series=series)] * 2, **WORDS).figure
    with matplotlib.style.context(STYLES):
        figure.draw_without_rendering()
        box = figure.legends[0].get_window_extent()
    assert figure.bbox.contains(*box.min) and figure.bbox.contains(*box.max)


def test_a_long_title_wraps_and_keeps_mathematics_whole():
    title = "the eigenvalue λ_max of the network with batch normalisation and skips"
    figure = captioned.curves([dataclasses.replace(panel(), title=title)] * 2, **WORDS).figure
    lines = figure.axes[0].get_title(loc="left").split("\n")
    assert len(lines) > 1 and " ".join(lines) == bold_maths(title)
    assert captioned.curves([panel()], **WORDS).figure.axes[0].get_title(loc="left") == "title"


def panel(**changes):
    x = [1.0, 2.0, 3.0]
    series = {
        "one": band(x, [[1.0, 2.0, 3.0], [2.0, 3.0, 30.0]]),
        "two": band(x, [[5.0, math.nan, 1.0], [4.0, 2.0, 1.0]]),
    }
    return Panel("title", "x (unit)", "λ_max (unit)", **{"series": series, **changes})


def drawn(figure):
    return figure.figure.axes


def test_curves_draw_mean_interval_and_every_seed():
    figure = captioned.curves([panel()], **WORDS)
    (axis,) = drawn(figure)
    lines = {line.get_label(): line for line in axis.get_lines()}
    np.testing.assert_array_equal(lines["one"].get_ydata(), [1.5, 2.5, 16.5])
    thin = [line.get_ydata().tolist() for line in axis.get_lines() if line.get_linewidth() < 1]
    assert [1.0, 2.0, 3.0] in thin and [2.0, 3.0, 30.0] in thin and len(thin) == 4
    assert len(axis.collections) == 2  # One band each.
    assert axis.get_xlabel() == "x (unit)" and "lambda" in axis.get_ylabel()


def test_curves_keep_values_that_are_not_a_number_as_gaps():
    figure = captioned.curves([panel()], **WORDS)
    lines = {line.get_label(): line for line in drawn(figure)[0].get_lines()}
    assert np.isnan(lines["two"].get_ydata()).tolist() == [False, True, False]


def test_a_series_looks_the_same_in_all_panels_and_unlike_the_others():
    second = {"two": panel().series["two"], "new": panel().series["one"]}
    figure = captioned.curves([panel(), panel(series=second)], **WORDS)
    looks = [
        {line.get_label(): (line.get_color(), line.get_marker()) for line in axis.get_lines()}
        for axis in drawn(figure)
    ]
    assert looks[0]["two"] == looks[1]["two"]
    assert len({looks[0]["one"], looks[0]["two"], looks[1]["new"]}) == 3
    styles = {str(look["linestyle"]) for look in LOOKS}
    markers = {look["marker"] for look in LOOKS}
    assert len(styles) == len(markers) == len(LOOKS)  # Legible without colour.


def test_series_beyond_eight_look_like_none_before():
    looks = [series_style(place) for place in range(20)]
    assert looks[:8] == list(LOOKS)
    assert len({(look["color"], str(look["linestyle"])) for look in looks}) == 20
    assert len({(look["color"], look["marker"]) for look in looks}) == 20


@pytest.mark.parametrize(
    "settings",
    [
        {"scale": "log"},
        {"x_scale": "log"},
        {"limits": (0, 1)},
        {"integers": True},
        {"scale": "symlog"},
    ],
)
def test_curves_follow_the_panel(settings):
    (axis,) = drawn(captioned.curves([panel(**settings)], **WORDS))
    assert axis.get_yscale() == settings.get("scale", "linear")
    assert axis.get_xscale() == settings.get("x_scale", "linear")
    if "limits" in settings:
        assert axis.get_ylim()[0] <= 0 and axis.get_ylim()[1] >= 1
    if "integers" in settings:
        assert all(float(tick).is_integer() for tick in axis.get_xticks())


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_wide_bands_do_not_press_the_curves_flat(scale):
    there = math.log if scale == "log" else float
    apart = bands.scaled_band([1, 2], [np.array([1.0, 1.0]), np.array([3.0, 2.0])], scale)
    (axis,) = drawn(captioned.curves([panel(series={"a": apart}, scale=scale)], **WORDS))
    low, high = map(there, axis.get_ylim())
    span = there(3.0) - there(1.0)  # Of the lines; the interval of two seeds is ten times as wide.
    bottom = 0.0 if scale == "linear" else there(1.0) - 0.5 * span  # No curve is negative.
    top = there(3.0) + 0.5 * span
    assert low == pytest.approx(bottom - 0.05 * (top - bottom))
    assert high == pytest.approx(top + 0.05 * (top - bottom))


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_narrow_bands_are_seen_whole(scale):
    curves = [np.array([1.0, 9.0]) + step for step in (0.0, 0.1, 0.2)]
    near = bands.scaled_band([1, 2], curves, scale)
    (axis,) = drawn(captioned.curves([panel(series={"a": near}, scale=scale)], **WORDS))
    low, high = axis.get_ylim()
    assert 0 < low < near.low.min() and near.high.max() < high < 11


def test_a_level_curve_or_one_of_gaps_alone_leaves_the_frame_to_matplotlib():
    for values in ([2.0, 2.0], [math.nan, math.nan]):
        (axis,) = drawn(
            captioned.curves([panel(series={"a": single_curve([1, 2], values)})], **WORDS)
        )
        assert axis.get_ylim()[0] < axis.get_ylim()[1]


def test_a_single_curve_is_drawn_without_seeds():
    figure = captioned.curves([panel(series={"a": single_curve([1, 2], [3, 4])})], **WORDS)
    assert len(drawn(figure)[0].get_lines()) == 1


def test_a_figure_of_one_series_needs_no_legend():
    one = captioned.curves([panel(series={"a": single_curve([1, 2], [3, 4])})], **WORDS)
    assert not one.figure.legends and captioned.curves([panel()], **WORDS).figure.legends


def pairs_figure(**changes):
    values = {"q (unit)": {"a": [1.0, 2.0], "b": [3.0, math.nan]}}
    return captioned.pairs(values, intervals.mean_intervals(values), **{**WORDS, **changes})


def test_pairs_draw_every_seed_and_the_interval_where_there_is_one():
    (axis,) = drawn(pairs_figure())
    points = [
        (float(x), float(y))
        for line in axis.get_lines()
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]
    for point in ((0.0, 1.0), (0.0, 2.0), (1.0, 3.0)):
        assert point in points
    assert len(axis.containers) == 1  # The arm with NaN has no interval.
    assert [label.get_text() for label in axis.get_xticklabels()] == ["a", "b"]


def plane(centre=0.0):
    alphas = torch.linspace(-1, 1, 5, dtype=torch.float64)
    betas = torch.linspace(-2, 2, 7, dtype=torch.float64)
    loss = 0.5 + (alphas[:, None] - centre) ** 2 + 2 * betas[None, :] ** 2
    return Plane(alphas, betas, loss, loss, 0.0, **MEASURED)


def test_planes_share_levels_and_are_not_transposed():
    levels = [0.5, 1.0, 2.0, 4.0, 8.0]
    figure = captioned.planes({"one": plane(), "two": plane(0.5)}, levels=levels, **WORDS)
    axes = drawn(figure)[:2]
    for axis in axes:
        assert axis.get_xlim() == pytest.approx((-1, 1)) and axis.get_ylim() == pytest.approx(
            (-2, 2)
        )
        assert axis.get_title(loc="left") in ("one", "two") and "α" in axis.get_xlabel()
        filled = axis.collections[0]
        assert [level for level in filled.levels if level in levels] == levels


def test_planes_with_values_that_are_not_finite_are_drawn_and_left_as_they_are():
    loss = plane().loss.clone()
    loss[0, 0], loss[4, 6] = math.nan, math.inf
    spoiled = dataclasses.replace(plane(), loss=loss)
    figure = captioned.planes({"one": spoiled}, levels=[0.5, 1.0, 2.0, 4.0], **WORDS)
    assert "<svg" in figure.svg()
    assert math.isnan(loss[0, 0]) and math.isinf(loss[4, 6])


def overlaid():
    of = plane()
    predicted = types.SimpleNamespace(
        alphas=of.alphas, betas=of.betas, loss=of.loss * 1.1, radius=0.5
    )
    over = {
        "paths": {"one": {"straight": [(-0.5, 0), (0.5, 0.5)]}},
        "marks": {"one": {"A": (-0.5, 0)}},
        "predictions": {"one": predicted},
    }
    return captioned.planes({"one": of}, levels=[0.5, 1, 2, 4], **over, **WORDS)


FIGURES = {
    "planes with all that goes over them": overlaid,
    "surface": lambda: captioned.surface({"one": plane(), "two": plane(0.5)}, **WORDS),
    "curves": lambda: captioned.curves([panel(scale="log"), panel(x_scale="log")], **WORDS),
    "pairs": lambda: pairs_figure(),
    "planes": lambda: captioned.planes(
        {"one": plane(), "two": plane()}, levels=[0.5, 1, 2, 4], **WORDS
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_deterministic_and_inked_in_the_one_colour_of_text(name):
    svg = FIGURES[name]().svg()
    assert svg == FIGURES[name]().svg()
    assert "#24292f" in svg and "#000000" not in svg and "fill: black" not in svg


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_figures_do_not_depend_on_the_readers_own_style(name):
    want = FIGURES[name]().svg()
    with matplotlib.rc_context({"font.size": 20, "xtick.color": "red", "savefig.facecolor": "red"}):
        assert FIGURES[name]().svg() == want


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_figures_leave_matplotlib_as_it_was(name):
    import matplotlib.pyplot as plt

    before, numbers = dict(matplotlib.rcParams), plt.get_fignums()
    FIGURES[name]().figure.savefig(io.BytesIO())
    assert dict(matplotlib.rcParams) == before and plt.get_fignums() == numbers


def test_a_linear_axis_has_few_labels_so_that_they_do_not_run_into_each_other():
    x = np.linspace(-1, 1, 41)
    figure = captioned.curves([Panel("t", "x", "y", {"a": single_curve(x, x**2)})], **WORDS).figure
    with matplotlib.style.context(STYLES):  # As a figure is saved.
        ticks = figure.axes[0].xaxis.get_major_locator().tick_values(-1, 1)
    assert ticks.tolist() == [-1, -0.5, 0, 0.5, 1]
