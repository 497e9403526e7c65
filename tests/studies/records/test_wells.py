"""Recorded descent between two wells."""

import math

import numpy as np
import pytest
from landscape.theory import TwoWells, occupancy
from studies.records.wells import measure_wells

OPTIONS = {
    "dimensions": [1],
    "half_log_dets": [0.0, 0.7],
    "seeds": [0, 1],
    "gap": 0.02,
    "temperature": 0.05,
    "learning_rates": [0.2, 0.1],
    "duration": 40.0,
    "chains": 60,
}


def test_log_odds_are_those_of_the_library_and_slopes_their_limits(study):
    numbers = measure_wells(study, noises=["isotropic"], **OPTIONS)
    odds = {}
    for half in (0.0, 0.7):
        for rate in (0.2, 0.1):
            counted = occupancy(
                TwoWells(1, math.exp(2 * half)),
                temperature=0.05,
                learning_rate=rate,
                duration=40.0,
                chains=60,
                seed=1,
            )
            odds[half, rate] = counted.log_odds
            where = {"half_log_det": half, "learning_rate": rate, "gap": 0.0, "seed": 1}
            (row,) = numbers.where(quantity="log_odds", **where).rows
            assert row["value"] == pytest.approx(counted.log_odds, rel=1e-9)
            assert row["error"] == pytest.approx(counted.error, rel=1e-9)
    limits = [2 * odds[half, 0.1] - odds[half, 0.2] for half in (0.0, 0.7)]
    (slope,) = numbers.where(quantity="odds_slope", seed=1).rows
    assert slope["value"] == pytest.approx((limits[1] - limits[0]) / 0.7, rel=1e-8)
    exact = [TwoWells(1, math.exp(2 * half)).log_odds(0.05) for half in (0.0, 0.7)]
    (row,) = numbers.where(quantity="odds_slope_exact", seed=1).rows
    assert row["value"] == pytest.approx(np.diff(exact)[0] / 0.7, rel=1e-8)
    assert len(study.frame("occupancy")) == 2 * 40


def test_odds_of_chains_that_never_leave_are_shown_as_missing(study):
    cold = {**OPTIONS, "temperature": 1e-4, "seeds": [0]}
    numbers = measure_wells(study, noises=["isotropic"], **cold)
    for quantity, note in (
        ("log_odds", "no chain left a well"),
        ("odds_slope", "at some ratio no chain left a well"),
        ("gap_slope", "at some ratio no chain left a well"),
    ):
        rows = numbers.where(quantity=quantity).rows
        assert all(math.isnan(row["value"]) and not row["converged"] for row in rows)
        assert {row["note"] for row in rows} == {note}
    assert numbers.converged("odds_slope_exact")


@pytest.mark.parametrize(
    "changes", [{"half_log_dets": [0.0]}, {"learning_rates": [0.1]}, {"gap": 0.0}]
)
def test_too_few_ratios_or_rates_are_refused(study, changes):
    with pytest.raises(ValueError, match="pass at least two ratios and two rates, and a gap > 0"):
        measure_wells(study, noises=["isotropic"], **{**OPTIONS, **changes})
