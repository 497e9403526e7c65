"""Sentences and counts on shapes of paths, from numbers that a test makes by hand."""

import pytest
from studies.path_findings import NULLS, RUN, PathFindings, within_spans

ARMS = (("MLP", "SGD"), ("CNN", "Adam"))


@pytest.fixture
def shapes(numbers):
    """The MLP lies above all null models; the CNN's second seed below shuffled steps."""
    for network, optimizer in ARMS:
        where = {"arm": f"{network}, {optimizer}", "network": network, "optimizer": optimizer}
        for seed, own in ((0, 0.96), (1, 0.98)):
            place = {**where, "seed": seed}
            for centre in ("mean", "end"):
                near = {**place, "components": 2, "centre": centre}
                numbers.add("path_share", own, source=RUN, unit="share", **near)
                for null in NULLS:
                    high = 0.9
                    if (network, null, seed) == ("CNN", "shuffled steps", 1):
                        high = 0.99
                    numbers.add("path_share", high - 0.01, source=null, unit="share", **near)
                    numbers.add("path_share_high", high, source=null, unit="share", **near)
            numbers.add("lissajous", 0.9, component=1, **place)
            for window, left in (("path", 0.2), ("last epoch", 0.01)):
                for degree in (2, 4):
                    numbers.add(
                        "parabola_residual", left / degree, window=window, degree=degree, **place
                    )
                numbers.add("line_range", 10 * left, window=window, **place)
            numbers.add("parabola_window", 0.5, **place)
    return numbers


def test_the_excess_is_the_share_minus_the_quantile_in_points(shapes):
    found = PathFindings(shapes)
    assert found.arms == ["MLP, SGD", "CNN, Adam"]
    assert found.excess("CNN, Adam", "shuffled steps") == pytest.approx([6, -1])
    assert found.fewer == ["MLP after SGD"]


def test_sentences_count_settings_and_runs(shapes):
    found = PathFindings(shapes)
    assert found.explained == (
        "Two principal components hold from 97 ± 13% of a path's spread (MLP after SGD) to "
        "97 ± 13% (MLP after SGD); with 95% confidence, more than 90% in 0 of 2 settings"
    )
    assert found.above == (
        "Two components hold more than in 97.5% of a null model's draws in 4 of 4 runs for the "
        "random walk, 4 for the correlated walk, 3 for the shuffled steps and 4 for the straight "
        "line"
    )
    assert found.parabola == (
        "Along the first component a quadratic leaves less than 5% of the variation of the loss in "
        "0 of 4 runs over the whole path, where the loss varies by 2 to 2 nats, and in 4 over the "
        "last epoch, where it varies by 0.1 to 0.1 nats"
    )


def test_rows_have_a_cell_for_each_null_model_and_window(shapes):
    found = PathFindings(shapes)
    row = found.rows()["CNN, Adam"]
    assert row["minus random walk (points)"] == "7 ± 13"
    assert len(row) == 3 + len(NULLS)
    assert found.parabolas()["MLP, SGD"]["quadratic leaves, path (%)"] == "10"
    assert found.parabolas()["MLP, SGD"]["widest parabola (% of the path)"] == "50"
    assert found.sources["MLP, SGD"]["random walk"] == "MLP, SGD, random walk"


def test_changes_of_accuracy_are_named_by_span(numbers):
    for network, optimizer in ARMS:
        for span, change in (("own path", 0.001), ("other order", -0.02), ("random walk", -0.5)):
            for seed in (0, 1):
                numbers.add(
                    "span_change",
                    change * (2 if network == "CNN" else 1),
                    arm="a",
                    network=network,
                    optimizer=optimizer,
                    span=span,
                    components=10,
                    seed=seed,
                )
    assert within_spans(numbers, 10) == (
        "Trained within 10 directions instead of all, networks change their test accuracy by 0.1 "
        "to 0.2 percentage points along their own path, by −4 to −2 percentage points along a path "
        "that saw other batches and by −100 to −50 percentage points along random directions"
    )
