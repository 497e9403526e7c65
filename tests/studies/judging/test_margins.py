"""Margins: written once, checked once."""

import math

import pytest
from studies.judging.margins import Margins, check_margin, margin_ends


def test_the_standard_margins_are_those_of_the_report():
    assert vars(Margins()) == {
        "ratio": 1.25,
        "accuracy": 0.5,
        "accuracy_cifar": 1.0,
        "exponent": 0.25,
        "correlation": 0.3,
        "barrier": 2.0,
    }


@pytest.mark.parametrize("value", [1.0, 0.8, -2.0, math.nan, math.inf])
def test_a_margin_of_ratios_is_a_factor_above_one(value):
    with pytest.raises(ValueError, match=r"ratio=.* is no margin. Pass a finite number above 1"):
        Margins(ratio=value)


@pytest.mark.parametrize(
    "name", ["accuracy", "accuracy_cifar", "exponent", "correlation", "barrier"]
)
@pytest.mark.parametrize("value", [0.0, -0.5, math.nan, math.inf])
def test_another_margin_is_above_zero(name, value):
    with pytest.raises(ValueError, match=rf"{name}=.* is no margin. Pass a finite number above 0"):
        Margins(**{name: value})


def test_a_margin_is_taken_by_name_or_as_a_number():
    margins = Margins(ratio=1.5)
    assert margins.of("ratio", log=True) == 1.5
    assert margins.of(0.1, log=False) == 0.1 and margins.of(None, log=True) is None


def test_an_unknown_name_and_a_number_that_is_none_are_refused():
    with pytest.raises(ValueError, match=r"there is no margin 'ratios'. The margins are ratio,"):
        Margins().of("ratios", log=True)
    with pytest.raises(ValueError, match=r"margin=0.5 is no margin"):
        Margins().of(0.5, log=True)


@pytest.mark.parametrize(("name", "log"), [("ratio", False), ("accuracy", True)])
def test_a_name_that_does_not_fit_the_scale_is_refused(name, log):
    with pytest.raises(ValueError, match=rf"the margin '{name}' does not fit"):
        Margins().of(name, log=log)


def test_a_margin_reaches_to_both_sides():
    assert margin_ends(1.0, 1.25, log=True) == (0.8, 1.25)
    assert margin_ends(2.0, 0.5, log=False) == (1.5, 2.5)
    assert check_margin("m", 1.25, log=True) == 1.25
