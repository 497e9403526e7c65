"""Comparisons: the sources' estimators recorded beside converged values."""

import pytest
from studies import published_estimators
from studies.records import published

from tests.sample_networks import small_objective
from tests.sample_study import rows_of

RITZ = ("ritz_max", "ritz_min", "ritz_negative")
QUANTITIES = ["power_iteration", "coarse_range"]
QUANTITIES += [f"{name}_{size}" for size in ("0.0001", "0.01") for name in RITZ]


def estimated(study, at):
    published.record_published_estimates(study, at, iterations=2, points=4)
    published.record_published_lanczos(study, at, steps=3, step_sizes=[1e-4, 1e-2])


def test_the_sources_estimators_are_recorded_with_error_and_cost(study, tmp_path):
    at = small_objective(13)
    estimated(study, {("a", 5): at})
    power = published_estimators.power_iteration(at, at.theta, iterations=2, seed=5)
    coarse = published_estimators.coarse_range(at, at.theta, points=4, seed=5)
    want = [power.value, coarse.value]
    for size in (1e-4, 1e-2):
        ritz = published_estimators.finite_difference_lanczos(
            at, at.theta, steps=3, step_size=size, seed=5
        )
        want += [float(ritz.values[0]), float(ritz.values[-1]), ritz.negative]
    assert [study.values(name, "a")[0] for name in QUANTITIES] == want
    study.write("title", [], [])
    rows = {row["quantity"]: row for row in rows_of(tmp_path)}
    assert list(rows) == QUANTITIES
    assert float(rows["power_iteration"]["error"]) == pytest.approx(power.residual, rel=1e-9)
    costs = [(row["cost"], row["cost_unit"]) for row in rows.values()]
    gradients = [("4", "gradients")] * 6
    assert costs == [("3", "products"), ("17", "passes"), *gradients]
    assert rows["power_iteration"]["converged"] == "false"  # Two steps.
    assert float(rows["ritz_min_0.01"]["error"]) == pytest.approx(
        float(ritz.residuals[-1]), rel=1e-9
    )


def test_a_run_that_diverged_has_rows_that_say_so(study, tmp_path):
    estimated(study, {("a", 0): None})
    study.write("title", [], [])
    rows = rows_of(tmp_path)
    assert [row["quantity"] for row in rows] == QUANTITIES
    assert {(row["value"], row["converged"], row["note"]) for row in rows} == {
        ("nan", "false", "the run diverged")
    }


def test_comparisons_set_estimate_and_converged_value_side_by_side(study):
    for arm, values in (("a", (3.0, 4.0)), ("b", (5.0, 6.0))):
        study.add("rough", values[0], arm=arm)
        study.add("true", values[1], arm=arm)
    found = published.comparisons(study, {("rough", "true"): ("λ", {"a": 6.96})}, ["a", "b"])
    assert found == [
        published.Comparison("a", "λ", 6.96, [3.0], [4.0]),
        published.Comparison("b", "λ", None, [5.0], [6.0]),
    ]
