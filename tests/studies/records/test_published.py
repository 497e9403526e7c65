"""The sources' estimators as instruments, and their values beside converged ones."""

import math

import pytest
from landscape.training import SGD
from studies import published_estimators
from studies.measurements import Measurements
from studies.records import published

from tests.sample_study import config_of

RITZ = ["ritz_max", "ritz_min", "ritz_negative"]


def solutions_of(study, **settings):
    task = study.load("digits", max_train=48, max_test=24)
    return study.train({"a": config_of(**settings)}, task, seeds=[5]).solutions(task.first(24))


def estimated(study, solutions):
    numbers = study.measure(
        solutions, ["power_iteration", "coarse_range"], iterations=2, coarse_points=4
    )
    for size in (1e-4, 1e-2):
        numbers |= study.measure(solutions, RITZ, lanczos_steps=3, step_size=size)
    return numbers


def test_the_sources_estimators_are_recorded_with_options_error_and_cost(study):
    solutions = solutions_of(study)
    numbers = estimated(study, solutions)
    L = solutions["a", 5].objective
    power = published_estimators.power_iteration(L, L.theta, iterations=2, seed=5)
    coarse = published_estimators.coarse_range(L, L.theta, points=4, seed=5)
    assert numbers.values("power_iteration", "a") == pytest.approx([power.value], rel=1e-9)
    assert numbers.values("coarse_range", "a") == pytest.approx([coarse.value], rel=1e-9)
    for size in (1e-4, 1e-2):
        ritz = published_estimators.finite_difference_lanczos(
            L, L.theta, steps=3, step_size=size, seed=5
        )
        want = [float(ritz.values[0]), float(ritz.values[-1]), ritz.negative]
        chosen = numbers.where(step_size=size)
        values = [chosen.values(name, "a")[0] for name in RITZ]
        assert values == pytest.approx(want, rel=1e-9)
        assert chosen.errors("ritz_min", "a") == pytest.approx([float(ritz.residuals[-1])])
    rows = numbers.frame.set_index("quantity")
    assert rows["error"]["power_iteration"] == pytest.approx(power.residual, rel=1e-9)
    costs = list(zip(rows["cost"], rows["cost_unit"], strict=True))
    assert costs == [(3, "products"), (17, "passes"), *[(4, "gradients")] * 6]
    assert not rows["converged"]["power_iteration"]  # Two steps.
    assert rows["iterations"].tolist()[0] == 2 and rows["coarse_points"].tolist()[1] == 4
    assert rows["lanczos_steps"].tolist()[2:] == [3] * 6


def test_an_estimate_asked_for_again_is_not_computed(study, monkeypatch):
    first = estimated(study, solutions_of(study)).frame
    monkeypatch.setattr(published_estimators, "power_iteration", None)
    again = estimated(study, solutions_of(study)).frame
    assert again.equals(first)


def test_a_run_that_diverged_has_rows_that_say_so_for_each_option(study):
    numbers = estimated(study, solutions_of(study, optimizer=SGD(1e30)))
    assert numbers.quantities == ["power_iteration", "coarse_range", *RITZ]
    rows = numbers.frame
    assert set(rows["note"]) == {"the run diverged"} and set(rows["bn"]) == {"frozen"}
    assert rows["value"].isna().all() and not rows["converged"].any()
    assert math.isnan(numbers.where(step_size=1e-2).values("ritz_max", "a")[0])


@pytest.mark.parametrize(
    ("quantities", "options", "message"),
    [
        (["power_iteration"], {}, "power iteration need 'iterations'"),
        (RITZ, {"lanczos_steps": 3}, "ritz values need 'step_size'"),
        (["coarse_range"], {"points": 4}, "'points' is no option of coarse range"),
    ],
)
def test_wrong_options_are_refused(study, quantities, options, message):
    with pytest.raises(ValueError, match=message):
        study.measure(solutions_of(study), quantities, **options)


def test_an_estimator_without_steps_is_refused(study):
    with pytest.raises(ValueError, match="iterations=0 take no step"):
        study.measure(solutions_of(study), ["power_iteration"], iterations=0)


def numbers_of(**values):
    rows = [
        {"quantity": name, "arm": arm, "value": value}
        for name, arms in values.items()
        for arm, value in arms.items()
    ]
    return Measurements(rows, missing=["sam of 2 of 2 networks"])


def test_comparisons_set_estimate_and_converged_value_side_by_side():
    numbers = numbers_of(power_iteration={"a": 3.0, "b": 5.0}, lambda_max={"a": 4.0, "b": 6.0})
    pairs, source = {"power_iteration": "lambda_max"}, {"power_iteration": {"a": 6.96}}
    assert published.comparisons(numbers, pairs, source=source) == [
        published.Comparison("a", "λ_max, power iteration", 6.96, [3.0], [4.0]),
        published.Comparison("b", "λ_max, power iteration", None, [5.0], [6.0]),
    ]


def test_arms_and_quantities_that_the_record_lacks_are_not_compared():
    numbers = numbers_of(ritz_max={"a": 3.0, "b": 5.0}, lambda_max={"b": 6.0})
    pairs = {"ritz_max": "lambda_max", "ritz_min": "lambda_min"}
    (row,) = published.comparisons(numbers, pairs, arms=["a", "b", "c"])
    assert row == published.Comparison("b", "largest Ritz value", None, [5.0], [6.0])
    assert published.comparisons(Measurements([]), pairs) == []
