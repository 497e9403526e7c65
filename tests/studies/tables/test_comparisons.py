"""Tables of many arms: what diverged, what an estimator gives, what departs, what correlates."""

import dataclasses
import math
import types

import pytest
import torch
from landscape.models import MLP
from landscape.training import SGD, TrainConfig
from studies import formatting
from studies.display import Missing, Sentence
from studies.intervals import Interval, mean_interval, paired_ratio
from studies.records.published import Comparison
from studies.tables import comparisons, measurements, paired_ratios
from studies.tables import runs as run_tables
from studies.tables.layout import MARK_TEXT
from studies.tables.paths import coincidence

from tests.sample_study import Numbers, recorded_run, runs_of

NAN = math.nan
WORDS = {"label": "tab-test", "caption": "What to see."}


def run(
    step=None,
    *,
    accuracy=(0.1, 0.4, 0.3),
    loss=(2.3, 1.0, NAN),
    last=0.5,
    gradients=((1.0,),),
    known="all",
):
    """A run that diverged at a step, if one is given; the loss before a step is its number."""
    count = 6 if step is None else step
    before = count - 1 if count else NAN
    history = {"test_accuracy": accuracy, "test_loss": loss, "train_loss": (2.3, last)}
    history = {} if known == "end" else history
    return recorded_run(
        history, diverged_at=step, steps=count, last=(before, 1000 * before), gradients=gradients
    )


def text(values):
    return formatting.interval_text(mean_interval(values))


# Arms


def record(numbers, quantity, arm, values, **labels):
    for seed, value in enumerate(values):
        numbers.add(quantity, value, arm=arm, seed=seed, **labels)


@pytest.fixture
def recorded(numbers):
    """Eight arms of two quantities; the second has errors and lost some values."""
    for k in range(8):
        record(numbers, "q", f"arm {k}", [k, k + 0.1, k + 0.3])
        record(numbers, "r", f"arm {k}", [10 + k, 20 + k, 40 + k], error=0.01 * k)
    record(numbers, "q", "lost", [NAN, NAN, NAN], converged=False)
    record(numbers, "r", "lost", [NAN, math.inf, 1.0], converged=False)
    record(numbers, "q", "rough", [1.0, 1.2, 1.4], converged=False)
    record(numbers, "r", "rough", [2.0, 2.2, 2.4])
    return numbers


HEADINGS = {"q": "first (unit)", "r": "second"}
FEW, MANY = ["arm 1", "lost", "rough"], [*(f"arm {k}" for k in range(4)), "lost", "rough"]


def test_few_arms_are_columns_and_quantities_rows(recorded):
    found = comparisons.arm_table(recorded, HEADINGS, ["arm 1", "arm 2"], **WORDS)
    assert found.columns == ["quantity", "arm 1", "arm 2"]
    first, second = text([1, 1.1, 1.3]), text([2, 2.1, 2.3])
    assert found.rows[0] == ["first (unit)", first, second]
    assert found.rows[1] == ["second", text([11, 21, 41]), text([12, 22, 42])]


@pytest.mark.parametrize("count", [1, 5, 6, 8])
def test_more_than_five_arms_are_rows(recorded, count):
    names = [f"arm {k}" for k in range(count)]
    found = comparisons.arm_table(recorded, HEADINGS, names, **WORDS)
    assert found.columns[0] == ("configuration" if count > 5 else "quantity")
    heads = found.columns[1:], [row[0] for row in found.rows]
    assert heads == (
        (list(HEADINGS.values()), names) if count > 5 else (names, [*HEADINGS.values()])
    )


def test_the_two_layouts_hold_the_same_cells(recorded):
    few = comparisons.arm_table(recorded, HEADINGS, FEW, **WORDS).rows
    many = comparisons.arm_table(recorded, HEADINGS, MANY, **WORDS).rows
    chosen = [row for row in many if row[0] in FEW]
    assert [row[1:] for row in few] == [list(row) for row in zip(*chosen, strict=True)][1:]


def test_values_that_are_not_finite_are_counted_and_give_no_mean(recorded):
    first, second = comparisons.arm_table(recorded, HEADINGS, FEW, **WORDS).rows
    assert first[2] == "– (0 of 3 finite)" and second[2] == "– (1 of 3 finite)"


def test_runs_tell_which_of_them_diverged(recorded):
    runs = runs_of({("lost", seed): run(4) for seed in range(3)} | {("arm 1", 0): run()})
    first, second = comparisons.arm_table(recorded, HEADINGS, FEW, runs=runs, **WORDS).rows
    assert first[2] == "– (3 of 3 diverged)"
    assert second[2] == "– (1 of 3 finite)"  # Three diverged, two values are lost: another cause.
    assert first[1] == text([1, 1.1, 1.3])


def test_an_arm_without_a_quantity_has_an_empty_cell(recorded):
    record(recorded, "q", "half", [1.0, 1.1, 1.3])
    table = comparisons.arm_table(recorded, HEADINGS, ["arm 1", "half"], **WORDS)
    second = text([11, 21, 41])
    assert table.rows[1] == ["second", second, ""]


def test_what_did_not_converge_is_marked_and_the_caption_says_so(recorded):
    few = comparisons.arm_table(recorded, HEADINGS, FEW, **WORDS)
    rough = text([1.0, 1.2, 1.4])
    # A dash says by itself that there is no number.
    assert [row[-1] for row in few.rows] == [f"{rough} †", text([2.0, 2.2, 2.4])]
    assert few.caption.endswith(MARK_TEXT) and "†" in MARK_TEXT
    many = comparisons.arm_table(recorded, HEADINGS, MANY, **WORDS).rows
    assert [[cell.endswith("†") for cell in row[1:]] for row in many[-2:]] == [
        [False, False],
        [True, False],
    ]
    fine = comparisons.arm_table(recorded, HEADINGS, ["arm 1", "arm 2"], **WORDS)
    assert "†" not in fine.caption


def test_one_row_or_column_is_bold_and_an_unknown_one_is_refused(recorded):
    def bold(name):
        table = comparisons.arm_table(
            recorded, HEADINGS, ["arm 1", "arm 2"], emphasise=name, **WORDS
        )
        return [[cell.startswith("**") for cell in row] for row in table.rows]

    assert bold("second") == [[False] * 3, [True] * 3]
    assert bold("arm 2") == [[False, False, True]] * 2
    with pytest.raises(ValueError, match=r"no row or column 'arm 3' .* columns arm 1, arm 2"):
        bold("arm 3")


def test_arms_of_one_seed_have_its_value(numbers):
    record(numbers, "q", "a", [0.25])
    record(numbers, "q", "b", [NAN])
    (row,) = comparisons.arm_table(
        numbers, {"q": "q"}, ["a", "b"], runs=runs_of({("b", 0): run(0)}), **WORDS
    ).rows
    assert row == ["q", "0.25", "– (1 of 1 diverged)"]


def test_errors_that_intervals_do_not_dwarf_are_in_the_caption(recorded):
    pair = ["arm 1", "arm 2"]
    assert comparisons.comparison_table(recorded, HEADINGS, pair, **WORDS).caption == "What to see."
    for seed, value in enumerate([1.0, 1.1, 1.2]):  # The half-width is 0.25.
        for arm, error in zip(pair, (0.01, 0.03), strict=True):
            recorded.add("s", value, arm=arm, seed=seed, error=error)
    for names, end in (
        (pair[:1], ""),
        (pair, " Largest error of a single measurement: 0.03 (size)."),
    ):
        assert comparisons.arm_table(recorded, {"s": "size"}, names, **WORDS).caption == (
            f"What to see.{end}"
        )
    both = comparisons.comparison_table(recorded, {"s": "size"}, pair, **WORDS)
    assert both.caption.endswith(" measurement: 0.03 (size).")
    recorded.add(
        "open", 1.0, arm="arm 1", seed=0, error=math.inf
    )  # A bound, such as a censored one.
    caption = comparisons.arm_table(recorded, {"open": "width"}, ["arm 1"], **WORDS).caption
    assert caption == "What to see. Largest error of a single measurement: unknown (width)."


def test_columns_align_on_the_point_only_where_they_hold_one_quantity(recorded):
    assert set(comparisons.arm_table(recorded, HEADINGS, FEW, **WORDS).align) == {"left"}
    many = comparisons.arm_table(recorded, HEADINGS, MANY, **WORDS)
    assert many.align == ["left", "decimal", "decimal"]


def test_a_comparison_marks_the_arms_and_the_ratios_that_did_not_converge(recorded):
    def marks(*arms):
        (row,) = comparisons.comparison_table(recorded, {"q": "first"}, arms, **WORDS).rows
        return [cell.endswith("†") for cell in row[1:]]

    assert marks("arm 1", "arm 2") == [False] * 3
    assert marks("rough", "arm 2") == [True, False, True]
    assert marks("arm 2", "rough") == [False, True, True]


def test_negative_quantities_have_the_ratio_of_their_magnitudes(numbers):
    for arm, scale in (("a", -2.0), ("b", -1.0)):
        for seed, value in enumerate((1.0, 1.1, 0.9)):
            numbers.add("lambda_min", scale * value, arm=arm, seed=seed)
    (row,) = comparisons.comparison_table(
        numbers, {"lambda_min": "λ_min"}, ["a", "b"], **WORDS
    ).rows
    assert row[3].startswith("2.00 [2.00")


# Divergence


def test_divergence_is_a_row_for_each_run_that_diverged():
    runs = {("a", 0): run(), ("a", 1): run(4), ("b", 0): run(2)}
    found = run_tables.divergence(runs_of(runs), label="tab-d")
    assert found.rows == [
        ["a", "1", "4", "3", "3000", "0.4000"],
        ["b", "0", "2", "1", "1000", "0.4000"],
    ]
    assert found.caption.startswith("2 of 3 runs diverged.") and found.place == "appendix"


def test_a_run_that_diverged_in_its_last_step_is_one_of_them():
    (row,) = run_tables.divergence(
        runs_of({("a", 0): run(last=NAN), ("a", 1): run()}), label="tab-d"
    ).rows
    assert row == ["a", "0", "6", "5", "5000", "0.4000"]


def test_a_run_that_diverged_at_its_first_step_has_nothing_before():
    (row,) = run_tables.divergence(runs_of({("a", 0): run(0)}), label="tab-d").rows
    assert row == ["a", "0", "0", "–", "–", "0.4000"]


def test_the_accuracy_of_outputs_that_are_no_numbers_is_none():
    of = {"accuracy": (0.2, 0.1, 0.1), "loss": (2.3, NAN, math.inf)}
    (row,) = run_tables.divergence(runs_of({("a", 0): run(3, **of)}), label="tab-d").rows
    assert row[-1] == "0.2000"
    of = {"accuracy": (0.1, NAN), "loss": (NAN, 2.0)}
    (row,) = run_tables.divergence(runs_of({("a", 0): run(3, **of)}), label="tab-d").rows
    assert row[-1] == "–"


def test_divergence_of_no_run_is_a_sentence():
    found = run_tables.divergence(runs_of({("a", 0): run(), ("a", 1): run()}), label="tab-d")
    assert isinstance(found, Sentence) and found.text == "None of the 2 runs diverged."


def test_a_run_of_which_only_the_end_is_known_has_no_last_accuracy():
    (row,) = run_tables.divergence(runs_of({("a", 0): run(2, known="end")}), label="tab-d").rows
    assert row == ["a", "0", "2", "1", "1000", "–"]


def test_the_share_that_diverges_has_an_exact_interval():
    runs = {("a", seed): run(2, known="end") for seed in range(6)}
    runs |= {("b", seed): run(known="end") for seed in range(6)}
    runs |= {("c", 0): run(last=NAN), ("c", 1): run()}
    # Clopper and Pearson: 0.025^(1/6) = 0.541; for 1 of 2, 1 - 0.975^(1/2) = 0.0126.
    assert run_tables.divergence_shares(runs_of(runs)).text == (
        "Training diverges in 6 of 6 runs with a (share 1.00 [0.54, 1.00]), in 0 of 6 runs with b "
        "(share 0.00 [0.00, 0.46]) and in 1 of 2 runs with c (share 0.50 [0.01, 0.99])."
    )


def test_dead_networks_are_counted_by_the_gradients_of_their_weights():
    alive, dead = (run(gradients=norms) for norms in ([[1.0, 0.0], [1.0, 1e-9]], [[1, 0], [2, 0]]))
    runs = runs_of({("neither", 0): dead, ("neither", 1): alive, ("other", 0): dead})
    told = run_tables.dead(runs.where(arm="neither")).text
    assert told.startswith("All units are dead at the end of 1 of 2 runs with neither: ")


def test_the_lowest_accuracy_on_paths_stands_beside_that_of_guessing():
    paths = [types.SimpleNamespace(accuracy=torch.tensor([0.9, low, 0.8])) for low in (0.2, 0.1)]
    told = measurements.lowest(
        {("train", "frozen"): paths, ("test", "reestimate"): paths[:1]}, chance=0.1
    )
    lowest = formatting.mean_text([100 * float(path.accuracy.min()) for path in paths])
    assert told.text == (
        f"The lowest accuracy on a path, as a mean over pairs, is {lowest}% with frozen "
        "statistics on training examples and 20% with re-estimated statistics on test examples; "
        "guessing reaches 10.0%."
    )


def test_curves_of_policies_that_lie_on_each_other_are_named():
    batch, other = [0.1, 1.0, 0.1], [0.1, 2.0, 0.1]
    paths = {
        ("train", name): [types.SimpleNamespace(loss=torch.tensor(losses))]
        for name, losses in (("frozen", other), ("batch", batch), ("reestimate", batch))
    }
    assert coincidence(paths) == "The curves of batch and re-estimated statistics coincide."
    assert coincidence({key: paths[key] for key in list(paths)[:2]} | {("test", "x"): []}) == ""


def test_networks_are_told_apart_by_whether_their_first_steps_are_stable():
    starts, ends = Numbers(), Numbers()
    for arm, values in {"a": [(30.0, 0.9), (37.9, 0.8)], "b": [(39.0, 0.4), (1e5, 0.2)]}.items():
        for seed, (start, end) in enumerate(values):
            starts.add("lambda_max", start, arm=arm, seed=seed)
            ends.add("test_accuracy", end, arm=arm, seed=seed)
    optimizer = SGD(0.1, momentum=0.9)  # 2 (1 + 0.9) / 0.1
    told = measurements.stable_start_sentence(starts, ends, optimizer, "test_accuracy").text
    assert told.startswith(
        r"Full-batch steps at the first learning rate are stable up to $\lambda_{\max}$ = 38."
    )
    assert told.endswith(
        "Of 4 networks, 2 start within this limit, and end between 80.0% and 90.0%; 2 start above "
        "it, and end between 20.0% and 40.0% test accuracy."
    )
    told = measurements.stable_start_sentence(starts, ends, optimizer, "test_accuracy", ["b"]).text
    assert told.endswith("2 start above it, and end between 20.0% and 40.0% test accuracy.")


def test_starts_and_rounding_that_the_record_lacks_are_told_in_words():
    lacking = Numbers(missing=["lambda_max of 2 of 4 networks"])
    lacking.add("lambda_max", 30.0, arm="a", seed=0)
    told = measurements.stable_start_sentence(lacking, Numbers(), SGD(0.1), "test_accuracy").text
    assert told == (r"The record does not hold $\lambda_{\max}$ of all networks before training.")
    assert measurements.rounding_sentence(lacking, "at the end").text == (
        "The record does not hold the rounding of gradients at the end."
    )
    lacking.add("rounding", 1e-4, arm="b", seed=0)
    assert "of 1 networks" in measurements.rounding_sentence(lacking, "at the end").text


def test_arms_learn_that_beat_chance_twice_in_every_seed():
    ends = {"a": [0.5, 0.3], "b": [0.9, 0.19], "c": [0.9, 0.9], "d": [0.2, 0.9], "e": [0.7, 0.6]}
    runs = runs_of(
        {
            (arm, seed): run(4 if (arm, seed) == ("c", 1) else None, accuracy=(0.1, value))
            for arm, values in ends.items()
            for seed, value in enumerate(values)
        }
    )
    assert run_tables.learned(runs.where(arm=["a", "b", "c", "d"])).text == (
        "1 of the 4 configurations exceeds twice chance accuracy in every seed (a). The others do "
        "so in 1 of 2 seeds (b; c; d)."
    )
    assert run_tables.learned(runs.where(arm=["a", "d", "e"])).text == (
        "2 of the 3 configurations exceed twice chance accuracy in every seed. The other does so "
        "in 1 of 2 seeds (d)."
    )
    assert [runs["c", seed].learned for seed in (0, 1)] == [True, False]
    every = run_tables.learned(runs.where(arm=["a", "e"]))
    assert every.text == "All 2 configurations exceed twice chance accuracy in every seed."


def test_rounding_is_told_by_its_median_and_where_it_is_large():
    def told(shares):
        numbers = Numbers()
        for arm, values in shares.items():
            for seed, value in enumerate(values):
                numbers.add("rounding", value, arm=arm, seed=seed)
        return measurements.rounding_sentence(numbers, "at the end").text

    shares = {"a": [1e-4, 2e-4], "b": [3e-4, 0.5], "c": [NAN, math.inf]}
    assert told(shares).endswith(
        "(median of 6 networks), and by more than 1% in b (1 of 2) and c (2 of 2)."
    )
    assert told({"a": [1e-4, 2e-4]}) == (
        "Rounding changes the gradient at the end by 0.00015 of its norm (median of 2 networks), "
        "and by more than 1% in no network."
    )
    # What is not known stands above all others.
    assert (
        "by 0.0005 of its norm (median of 3 networks), and by more than 1% in d (1 of 3)."
        in told({"d": [NAN, 5e-4, 1e-4]})
    )


@pytest.mark.parametrize(
    ("ends", "want"),
    [
        ((1.0, 3.0), "covers 2"),
        ((2.5, 3.0), "lies above 2"),
        ((0.0, 1.5), "lies below 2"),
        ((NAN, NAN), "cannot be set against 2"),
    ],
)
def test_an_interval_is_set_against_a_value(ends, want):
    low, high = ends
    interval = Interval((low + high) / 2, low, high, 3, 0.95, 0, "mean")
    assert formatting.position_text(interval, 2.0) == want


def test_runs_that_end_in_a_rise_of_the_loss_are_named():
    runs = {("a", 0): run(), ("a", 1): run(last=4.7), ("b", 0): run(3, last=9.0)}
    assert run_tables.rebounds(runs_of(runs)).text == (
        "1 of the 3 runs ends above twice the lowest training loss that they had reached: a, seed "
        "1 (4.7 after 2.3 nats)."
    )
    del runs["a", 1]
    assert run_tables.rebounds(runs_of(runs)).text == (
        "None of the 2 runs ends above twice its lowest training loss."
    )


def test_sizes_stand_in_the_order_of_the_arms_beside_where_training_ended():
    runs = {("b", 0): run(last=0.5), ("b", 1): run(last=0.7), ("a", 0): run(last=0.2)}
    found = run_tables.sizes(runs_of(runs), **WORDS)
    assert [row[0] for row in found.rows] == ["b", "a"]
    assert found.rows[0][3] == formatting.seeds_text([0.5, 0.7])
    assert found.rows[1][2] == formatting.seeds_text([0.3])


def test_arms_of_one_config_are_named_together():
    base = TrainConfig(MLP(hidden=(4,)), SGD(0.1), epochs=1, batch_size=4)
    other = TrainConfig(MLP(hidden=(4,)), SGD(0.2), epochs=1, batch_size=4)
    configs = {"a": base, "b": other, "c": TrainConfig(MLP(hidden=(4,)), SGD(0.1), epochs=1)}
    configs["c"] = dataclasses.replace(configs["c"], batch_size=4)
    assert run_tables.repeated(configs).text == (
        "Some configurations share all settings, so they are one set of networks: a and c."
    )
    assert (
        run_tables.repeated({"a": base, "b": other}).text
        == "No two configurations have the same settings."
    )


# Ratios


def test_ratios_are_paired_over_the_seeds_that_count(numbers):
    values = {"a": [2.0, 4.4, 90.0], "b": [1.0, 2.0, 1.0], "c": [3.0, 3.3, 3.6]}
    for arm, own in values.items():
        record(numbers, "q", arm, own, converged=arm != "c")
    rows = {
        "a / b": {"whole": ("q", ("a", "b")), "late": ("q", ("c", "b"))},
        "c / a": {"late": ("q", ("c", "a"))},
    }
    kept = {"a": [True, True, False], "c": [False, False, True]}
    found = paired_ratios.ratio_table(numbers, rows, kept=kept, **WORDS)
    assert found.columns == ["ratio", "whole", "late"]
    ratio = formatting.interval_text(paired_ratio([2.0, 4.4], [1.0, 2.0]))
    assert found.rows == [
        ["a / b", f"{ratio}, n = 2", "3.6, n = 1 †"],
        ["c / a", "", "–, n = 0"],
    ]
    every = paired_ratios.ratio_table(numbers, {"a / b": {"whole": ("q", ("a", "b"))}}, **WORDS)
    whole = formatting.interval_text(paired_ratio(values["a"], values["b"]))
    assert every.rows == [["a / b", whole]]
    pairs = {"a / b": {"whole": ("a", "b")}}  # As arms.beside returns them.
    one = paired_ratios.ratio_table(numbers, pairs, quantity="q", **WORDS)
    assert one.rows == every.rows


def test_ratios_that_the_record_lacks_leave_their_cell_row_and_column_empty(numbers):
    for arm, own in {"a": [2.0, 4.4], "b": [1.0, 2.0]}.items():
        record(numbers, "q", arm, own)
    rows = {
        "a / b": {"whole": ("q", ("a", "b")), "other": ("unknown", ("a", "b"))},
        "a / d": {"whole": ("q", ("a", "d"))},
    }
    found = paired_ratios.ratio_table(numbers, rows, **WORDS)
    assert found.columns == ["ratio", "whole"]
    assert [row[0] for row in found.rows] == ["a / b"]
    nothing = paired_ratios.ratio_table(numbers, {"a / d": rows["a / d"]}, **WORDS)
    assert isinstance(nothing, Missing) and nothing.label == "tab-test"


# Estimators


def estimator(source, replica, converged):
    row = Comparison("a", "λ (unit)", source, replica, converged)
    (found,) = measurements.estimators([row], **WORDS).rows
    assert found[:2] == ["a", "λ (unit)"]
    return found[2:]


def test_estimators_stand_beside_source_and_converged_value_with_their_ratio():
    replica, converged = [5.0, 6.0, 7.0], [10.0, 12.0, 13.0]
    ratio = formatting.interval_text(paired_ratio(replica, converged))
    assert estimator(6.96, replica, converged) == ["6.96", text(replica), text(converged), ratio]
    assert ratio.startswith("0.51")


def test_two_negative_numbers_have_the_ratio_of_their_magnitudes():
    replica, converged = [5.0, 6.0, 7.0], [10.0, 12.0, 13.0]
    want = estimator(None, replica, converged)[-1]
    found = estimator(-95.48, [-value for value in replica], [-value for value in converged])
    assert found[0] == "−95.48" and found[-1] == want


@pytest.mark.parametrize("replica", [[5.0, -6.0], [0.0, 6.0], [NAN, 6.0], [math.inf, 6.0]])
def test_numbers_of_two_signs_or_not_finite_have_no_ratio(replica):
    assert estimator(1.0, replica, [1.0, 2.0])[-1] == "–"
    assert estimator(1.0, replica[:1], [-1.0 if replica[0] == 5.0 else 1.0])[-1] == "–"


def test_an_estimator_of_one_seed_has_a_plain_ratio():
    assert estimator(None, [1200.0], [800.0]) == ["–", "1200", "800", "1.5"]
    assert estimator(1613.77, [NAN], [800.0])[:2] == ["1613.77", "– (0 of 1 finite)"]


def test_numbers_of_one_seed_are_short_and_never_exponents_of_thousands():
    want = {1613.77: "1614", -2154.4: "−2154", 0.012345: "0.0123", 2.5e7: "2.5×10⁷", 1e-5: "1×10⁻⁵"}
    assert {value: estimator(None, [value], [1.0])[1] for value in want} == want


def test_a_share_has_both_ends_of_its_interval():
    share = Interval(0.5, 0.1, 0.7, 6, 0.95, 0, "share")
    assert formatting.interval_text(share) == "0.50 [0.10, 0.70]"
