"""Expressions of recorded numbers: arithmetic, comparisons, and their words."""

import pytest
from studies.verdicts.columns import NotMeasuredError
from studies.verdicts.expressions import (
    Parameter,
    diverged,
    factor,
    largest,
    learned,
    least,
    lowest,
    minima,
    number,
    parameter_count,
)
from studies.verdicts.networks import Networks
from studies.verdicts.recorded_study import RecordedStudy

from tests.sample_records import SampleRecord


@pytest.fixture
def record(tmp_path):
    record = SampleRecord(tmp_path, rho=0.5)
    for seed, sam in enumerate((3.0, 5.0)):
        labels = {"seed": seed, "width": 8}
        record.run(0.9 - seed, labels=labels, train_loss=0.5, parameters=100 * (seed + 1))
        record.add("sam", sam, labels=labels, error=0.25, converged=seed == 0)
        record.add("gradient_norm", 2.0, labels=labels, converged=True)
    return record


@pytest.fixture
def networks(record):
    return Networks(RecordedStudy(record.write(), "01_sample"), {})


def values(expression, networks):
    return expression.ask(networks).values.tolist()


def test_arithmetic_goes_case_by_case(networks):
    sam, slope = number("sam"), number("gradient_norm")
    assert values(sam - slope, networks) == [1, 3]
    assert values(sam + slope, networks) == [5, 7]
    assert values(sam / slope, networks) == [1.5, 2.5]
    assert values(-sam, networks) == [-3, -5] and values(abs(-sam), networks) == [3, 5]
    assert values(0.5 * sam, networks) == [1.5, 2.5]
    assert values(sam.times(Parameter("rho")), networks) == [1.5, 2.5]


def test_comparisons_are_one_or_zero(networks):
    sam = number("sam")
    assert values(sam <= 3.0, networks) == [1, 0]
    assert values(sam > number("gradient_norm") + number("gradient_norm"), networks) == [0, 1]
    assert values(sam.equals(5.0), networks) == [0, 1]
    assert values(diverged(), networks) == [0, 1]
    assert values(learned(), networks) == [1, 0]
    assert values(learned().equals(0), networks) == [0, 1]
    assert values(least(sam, number("gradient_norm")), networks) == [2, 2]
    assert values(largest(sam, number("gradient_norm")), networks) == [3, 5]


def test_flags_can_be_asked_and_replaced(networks):
    sam = number("sam")
    assert values(sam.converges(), networks) == [1, 0]
    assert sam.as_recorded().ask(networks).converged.tolist() == [True, True]
    # Its error reaches 2.8 from 3.0, not from 5.0.
    assert sam.resolved_above(2.8).ask(networks).converged.tolist() == [False, True]


def test_a_condition_chooses_cases(networks):
    sam = number("sam")
    assert values(sam.where(parameter_count() > 150, "many parameters"), networks) == [5]
    with pytest.raises(NotMeasuredError, match="no network has over a million parameters"):
        sam.where(parameter_count() > 1e6, "over a million parameters").ask(networks)


def test_an_expression_bound_to_networks_keeps_them(record):
    study = RecordedStudy(record.write(), "01_sample")
    first = Networks(study, {"width": 8})["sam"]
    assert values(first, None) == [3, 5]
    assert values(first - number("gradient_norm"), Networks(study, {"width": 8})) == [1, 3]


def test_words_name_the_place_and_the_quantity():
    equal = number("lambda_max", at="equal loss", bn="batch", examples=64)
    assert (equal.heading, equal.places) == (
        "λ_max",
        ("at equal training loss", "under batch statistics"),
    )
    slope = equal - number("gradient_norm", at="equal loss")
    assert (slope.heading, slope.places) == ("λ_max", equal.places)
    assert slope.named("rise", "here").places == ("here",) and slope.named("rise").heading == "rise"
    assert number("signal_to_noise").heading == "signal to noise"
    assert factor("width").heading == "width"


def test_slices_are_told_by_their_minima_and_lowest_cell(tmp_path):
    record = SampleRecord(tmp_path)
    for pair, losses in (("0-1", [0.0, 1.0, 0.2]), ("2-3", [0.0, 0.1, 0.2])):
        rows = [
            {"bn": "frozen", "t": t, "loss": loss, "accuracy": 1 - loss}
            for t, loss in zip((0.0, 0.5, 1.0), losses, strict=True)
        ]
        # Points stand in any order.
        record.add(labels={"pair": pair}, tables={"paths": rows[::-1]})
    plane = [{"alpha": a, "beta": b, "loss": a * a + b * b} for a in (-1, 0, 1) for b in (-1, 0, 1)]
    record.add(labels={"seed": 0}, tables={"planes": plane})
    networks = Networks(RecordedStudy(record.write(), "01_sample"), {})
    assert values(minima("paths", height=0.5), networks) == [2, 1]
    assert values(minima("paths", height=0.9), networks) == [1, 1]
    assert values(lowest("paths", "accuracy"), networks) == [0.0, 0.8]
    assert values(minima("planes", height=0.0), networks) == [1]


def test_a_slice_with_a_loss_that_is_no_number_is_not_measured(tmp_path):
    record = SampleRecord(tmp_path)
    rows = [{"t": 0.0, "loss": float("nan")}, {"t": 1.0, "loss": 1.0}]
    record.add(labels={"pair": "0-1"}, tables={"paths": rows})
    networks = Networks(RecordedStudy(record.write(), "01_sample"), {})
    with pytest.raises(NotMeasuredError, match="losses that are not finite"):
        minima("paths", height=0.1).ask(networks)


@pytest.mark.parametrize(
    "expression",
    [number("sam"), factor("width"), diverged(), learned(), parameter_count(), -number("sam")],
)
def test_an_expression_without_networks_is_refused(expression):
    with pytest.raises(ValueError, match=r"asked without networks. Take it of some: networks\["):
        expression.ask(None)
