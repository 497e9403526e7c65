"""Flatness of a solution as a study records it, and the loss of reparametrized twins."""

import dataclasses
import math
import types

import numpy as np
import pytest
import torch
from landscape import rng, sharpness, spectrum
from landscape.dynamics.gradient_noise import gradient_noise
from landscape.dynamics.stability import preconditioner
from landscape.objective import Objective
from landscape.training import SGD, Adam
from studies.arms import Arm
from studies.recorder import Recorder
from studies.records import flatness
from studies.solutions import Solution

from tests.sample_networks import (
    digits,
    quadratic,
    relu_net,
    relu_objective,
    small_objective,
    small_vit,
)
from tests.sample_study import config_of, digits_task, study_in

QUANTITIES = ("trace", "mean_eigenvalue", "average_rise", "noise_trace", "noise_scale")
OPTIONS = {"rho": 0.1, "rise_rtol": 0.5}


def recorded(store, *instruments):
    """Return quantity -> row of what instruments record."""
    recorder = Recorder(store)
    for measure, *where in instruments:
        measure(recorder, *where)
    return {row["quantity"]: row for row in recorder.measurements}


def at(L, *, seed=0):
    """Return a stand-in for a solution with this objective."""
    return types.SimpleNamespace(objective=L, config=types.SimpleNamespace(seed=seed))


def rise(recorder, solution):
    flatness.average_rise(recorder, solution, rho=0.1, rise_rtol=0.5)


def test_every_number_is_recorded_with_its_error_and_its_cost(store):
    L = relu_objective(relu_net())
    rows = recorded(store, (flatness.trace, L), (flatness.noise, L), (rise, at(L, seed=4)))
    assert set(rows) == set(QUANTITIES)
    trace = float(np.trace(L.hessian(L.theta).to_dense().numpy()))
    mean = sharpness.average_case(L, L.theta, rho=0.1, rtol=0.5, seed=4)
    noisy = gradient_noise(L, L.theta)
    exact = spectrum.exact_trace(L, L.theta)
    error = ("standard error", "passes")
    for name, value, stderr, kind, cost, unit in (
        ("trace", trace, exact.error, ("rounding", "passes"), 3, "nats per parameter²"),
        ("mean_eigenvalue", trace / L.n, exact.error / L.n, ("rounding", "passes"), 3, None),
        ("average_rise", mean.value, mean.stderr, error, mean.passes, "nats"),
        ("noise_trace", noisy.trace, noisy.trace_stderr, error, 4, "(nats per parameter)²"),
        ("noise_scale", noisy.scale, noisy.scale_stderr, error, 4, "examples"),
    ):
        row = rows[name]
        assert row["value"] == pytest.approx(value, rel=1e-9), name
        assert row["error"] == pytest.approx(stderr, rel=1e-9, abs=0, nan_ok=True), name
        assert (row["error_kind"], row["cost_unit"]) == kind and row["cost"] == cost
        assert unit is None or row["unit"] == unit
        assert (row["examples"], row["bn"], row["dtype"]) == (11, "frozen", "float64")


@pytest.mark.slow
def test_the_trace_of_another_network_is_estimated(store):
    inputs = torch.rand(7, 1, 8, 8, dtype=torch.float64, generator=rng.stream(0, "images"))
    L = Objective(small_vit(), (inputs, torch.arange(7) % 4))
    recorder = Recorder(store)
    flatness.trace(recorder, L, trace_rtol=0.1)
    row = recorder.measurements[0]
    exact = float(np.trace(L.hessian(L.theta).to_dense().numpy()))
    assert (row["error_kind"], row["cost_unit"]) == ("standard error", "products")
    assert 0 < row["error"] <= 0.1 * abs(row["value"])
    assert abs(row["value"] - exact) < 4 * row["error"]


def test_a_gradient_lost_in_noise_is_said(store):
    # Opposite gradients: their mean is shorter than noise makes it.
    L = quadratic(1.0, -1.0, copies=2)
    inputs, targets = (torch.cat(x) for x in zip(*L.parts(L.theta).batches, strict=True))
    signs = torch.tensor([[1.0], [-1.0], [1.0], [-1.001]]).double()
    L = L.replace(examples=(inputs.repeat(2, 1), targets.repeat(2, 1) * signs))
    L.theta.fill_(1.0)
    rows = recorded(store, (flatness.noise, L))
    assert (rows["noise_scale"]["value"], rows["noise_scale"]["converged"]) == (math.inf, False)
    assert rows["noise_scale"]["note"] == "the gradient is lost in its noise"
    assert rows["noise_trace"]["converged"] is True


def test_batch_statistics_are_refused(store):
    with pytest.raises(ValueError, match="none has a gradient of its own"):
        flatness.noise(Recorder(store), small_objective(13, bn="batch"))


# Networks of a study


def trained(folder, optimizer, **settings):
    study, task = study_in(folder), digits_task()
    config = config_of(optimizer=optimizer, **settings)
    return study, study.train({Arm("a", optimizer="its"): config}, task, seeds=[4]), task


def test_a_study_measures_flatness_once(tmp_path):
    first, second = (
        study.measure(runs.solutions(task.first(24)), QUANTITIES, **OPTIONS)
        for study, runs, task in (trained(tmp_path, SGD(0.05)) for _ in range(2))
    )
    assert first.quantities == list(QUANTITIES)
    for name in QUANTITIES:
        (one,), (other,) = (numbers.values(name, "a") for numbers in (first, second))
        assert one == other or math.isnan(one)
    frame = first.frame
    assert set(frame["optimizer"]) == {"its"} and set(frame["seed"]) == {4}
    assert frame.loc[frame["quantity"] == "average_rise", "rho"].tolist() == [0.1]


@pytest.mark.slow
def test_the_preconditioned_eigenvalue_is_of_adams_hessian(tmp_path):
    study, runs, task = trained(tmp_path, Adam(0.01), snapshots=(3,))
    for step in (None, 3):
        where = runs.solutions(task.first(24), step=step, dtype=None)
        numbers = study.measure(where.replace(), ["lambda_max_preconditioned"])
        L = Objective(runs["a", 4].model(step=step), digits().first(24), dtype=torch.float64)
        d = preconditioner(runs["a", 4].live(), step=step).numpy()
        dense = d[:, None] * L.hessian(L.theta).to_dense().numpy() * d
        want = np.linalg.eigvalsh(dense)
        measured = numbers.values("lambda_max_preconditioned", "a")
        assert measured == pytest.approx([want[-1]], rel=1e-3)  # Measured in float32.
    assert numbers.unit("lambda_max_preconditioned") == "1 per parameter"


def test_what_does_not_adapt_has_no_preconditioned_eigenvalue(tmp_path):
    study, runs, task = trained(tmp_path, SGD(0.05))
    with pytest.raises(ValueError, match=r"SGD does not divide .* Choose the runs of adaptive"):
        study.measure(runs.solutions(task.first(24)), ["lambda_max_preconditioned"])


def test_a_run_that_diverged_has_rows_that_say_so(tmp_path):
    study, runs, task = trained(tmp_path, SGD(1e30))
    assert runs["a", 4].diverged
    names = [*QUANTITIES, "lambda_max_preconditioned"]
    frame = study.measure(runs.solutions(task.first(24)), names, **OPTIONS).frame
    assert frame["quantity"].tolist() == names
    assert frame["value"].isna().all() and not frame["converged"].any()
    assert set(frame["note"]) == {"the run diverged"}


# Reparametrized twins


@pytest.mark.slow
def test_twins_have_one_function_and_other_curvature(tmp_path):
    study, runs, task = trained(tmp_path, SGD(0.05))
    end = runs.solutions(task.first(24))
    names = ["lambda_max", "lambda_max_relative", "loss_change"]
    halved, same = (study.measure(end.rescaled("0", factor), names) for factor in (0.5, 1.0))
    assert halved.values("loss_change", "a")[0] < 1e-5 and same.values("loss_change", "a") == [0]
    assert halved.values("lambda_max", "a")[0] > 1.2 * same.values("lambda_max", "a")[0]
    relative = [twin.values("lambda_max_relative", "a")[0] for twin in (halved, same)]
    assert relative[0] == pytest.approx(relative[1], rel=1e-3)
    assert set(halved.frame["factor"]) == {0.5}
    plain = study.measure(end, ["lambda_max"]).values("lambda_max", "a")
    assert same.values("lambda_max", "a") == pytest.approx(plain, rel=1e-4)


def test_the_loss_of_a_network_that_is_no_twin_changes_from_nothing(tmp_path):
    study, runs, task = trained(tmp_path, SGD(0.05))
    with pytest.raises(ValueError, match=r"no reparametrized twin.* solutions\.rescaled\(layer"):
        study.measure(runs.solutions(task.first(24)), ["loss_change"])
    assert {field.name for field in dataclasses.fields(Solution)} >= {"twin"}
