"""Bounds from the literature, against the formula worked out by hand."""

import math

import pytest
from landscape.theory.bounds import pac_bayes_bound


def test_pac_bayes_bound_is_the_formula_of_the_source():
    # 2p/δ = e² with p = 1 and δ = 2/e²: log(2p/δ) = 2, so √(2·0.5² + 2/8) = √0.75.
    delta = 2 / math.e**2
    bound = pac_bayes_bound(1, 8, rho=0.5, delta=delta)
    assert bound == pytest.approx(math.sqrt(0.75), abs=1e-15)
    # Inside the division by n: √((0.5 + 2) / 8).
    inside = pac_bayes_bound(1, 8, rho=0.5, delta=delta, inside=True)
    assert inside == pytest.approx(math.sqrt(0.3125), abs=1e-15)


def test_pac_bayes_bound_never_falls_below_its_radius_unless_the_radius_is_divided():
    # With n → ∞ the printed formula keeps √2·ρ, the other one goes to 0.
    assert pac_bayes_bound(1, 10**12) == pytest.approx(math.sqrt(2) * 0.05, rel=1e-6)
    assert pac_bayes_bound(1, 10**12, inside=True) < 1e-5


def test_pac_bayes_bound_grows_with_parameters_and_falls_with_examples():
    assert pac_bayes_bound(100, 50) < pac_bayes_bound(1000, 50)
    assert pac_bayes_bound(100, 50) > pac_bayes_bound(100, 500)


@pytest.mark.parametrize(
    "wrong",
    [
        {"parameters": 0, "examples": 5},
        {"parameters": 5, "examples": 0},
        {"parameters": 5, "examples": 5, "rho": -0.1},
        {"parameters": 5, "examples": 5, "delta": 1.0},
    ],
)
def test_pac_bayes_bound_refuses_what_gives_none(wrong):
    with pytest.raises(ValueError, match="give no bound"):
        pac_bayes_bound(**wrong)
