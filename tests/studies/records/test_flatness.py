"""Flatness of many solutions as a study records it, and the outliers of their spectra."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from landscape import models, rng, sharpness, spectrum
from landscape.dynamics.gradient_noise import gradient_noise
from landscape.dynamics.stability import preconditioner
from landscape.objective import Objective
from landscape.operators import from_matrix
from landscape.training import SGD, Adam, TrainConfig, train
from studies.records import flatness
from studies.records.flatness import largest_gap
from studies.tables import measurements

from tests.sample_networks import (
    digits,
    quadratic,
    relu_net,
    relu_objective,
    small_objective,
    small_vit,
)
from tests.sample_study import rows_of

HOW = {"rho": 0.1, "rise_rtol": 0.5}
BASE = ("trace", "mean_eigenvalue", "average_rise", "noise_trace", "noise_scale")


def run_of(study, optimizer=SGD(0.05), **settings):  # noqa: B008 (frozen)
    config = TrainConfig(models.MLP(hidden=(3,)), optimizer, epochs=2, batch_size=16, **settings)
    return train(config, digits(), study.store)


def recorded(study, tmp_path):
    study.write("title", [], [])
    return {row["quantity"]: row for row in rows_of(tmp_path)}


def test_every_number_is_recorded_with_its_error_and_its_cost(study, tmp_path):
    L = relu_objective(relu_net())
    flatness.record_flatness(study, {("a", 4): L}, {("a", 4): run_of(study)}, **HOW)
    rows = recorded(study, tmp_path)
    assert set(rows) == set(BASE) and all(row["seed"] == "4" for row in rows.values())
    trace = float(np.trace(L.hessian(L.theta).to_dense().numpy()))
    rise = sharpness.average_case(L, L.theta, rho=0.1, rtol=0.5, seed=4)
    noisy = gradient_noise(L, L.theta)
    exact = spectrum.exact_trace(L, L.theta)
    error = ("standard error", "passes")
    for name, value, stderr, kind, cost, unit in (
        ("trace", trace, exact.error, ("rounding", "passes"), 3, "nats per parameter²"),
        ("mean_eigenvalue", trace / L.n, exact.error / L.n, ("rounding", "passes"), 3, None),
        ("average_rise", rise.value, rise.stderr, error, rise.passes, "nats"),
        ("noise_trace", noisy.trace, noisy.trace_stderr, error, 4, "(nats per parameter)²"),
        ("noise_scale", noisy.scale, noisy.scale_stderr, error, 4, "examples"),
    ):
        row = rows[name]
        assert float(row["value"]) == pytest.approx(value, rel=1e-9), name
        assert float(row["error"]) == pytest.approx(stderr, rel=1e-9, abs=0, nan_ok=True), name
        assert (row["error_kind"], row["cost_unit"]) == kind and row["cost"] == str(cost)
        assert unit is None or row["unit"] == unit
        assert (row["examples"], row["bn"], row["dtype"]) == ("11", "frozen", "float64")


def vit_objective():
    inputs = torch.rand(7, 1, 8, 8, dtype=torch.float64, generator=rng.stream(0, "images"))
    return Objective(small_vit(), (inputs, torch.arange(7) % 4))


def test_the_trace_of_another_network_is_estimated(study, tmp_path):
    L = vit_objective()
    flatness.record_flatness(study, {("a", 0): L}, {("a", 0): run_of(study)}, **HOW, trace_rtol=0.1)
    row = recorded(study, tmp_path)["trace"]
    exact = float(np.trace(L.hessian(L.theta).to_dense().numpy()))
    assert (row["error_kind"], row["cost_unit"]) == ("standard error", "products")
    assert 0 < float(row["error"]) <= 0.1 * abs(float(row["value"]))
    assert abs(float(row["value"]) - exact) < 4 * float(row["error"])


def test_the_preconditioned_eigenvalue_is_that_of_adams_own_hessian(study, tmp_path):
    run = run_of(study, Adam(0.01), snapshots=(3,))
    for arm, step in (("end", None), ("early", 3)):
        L = Objective(run.model(step=step), digits().first(24), dtype=torch.float64)
        flatness.record_flatness(study, {(arm, 0): L}, {(arm, 0): run}, **HOW, step=step)
        d = preconditioner(run, step=step).numpy()
        dense = d[:, None] * L.hessian(L.theta).to_dense().numpy() * d
        want = np.linalg.eigvalsh(dense)
        found = study.values("lambda_max_preconditioned", arm)
        assert found == pytest.approx([want[-1]], rel=1e-6)
    row = recorded(study, tmp_path)["lambda_max_preconditioned"]
    assert (row["error_kind"], row["unit"]) == ("residual", "1 per parameter")


def test_what_does_not_adapt_has_no_preconditioned_eigenvalue(study):
    flatness.record_flatness(
        study, {("a", 0): relu_objective(relu_net())}, {("a", 0): run_of(study)}, **HOW
    )
    with pytest.raises(KeyError, match="lambda_max_preconditioned"):
        study.values("lambda_max_preconditioned", "a")


@pytest.mark.parametrize("optimizer", [SGD(1e30), Adam(1e30)])
def test_a_run_that_diverged_has_rows_that_say_so(study, tmp_path, optimizer):
    run = run_of(study, optimizer)
    assert run.diverged_at is not None
    flatness.record_flatness(study, {("a", 0): None}, {("a", 0): run}, **HOW)
    flatness.record_outliers(study, {("a", 0): None}, k=5)
    rows = recorded(study, tmp_path)
    extra = {"lambda_max_preconditioned"} if isinstance(optimizer, Adam) else set()
    assert set(rows) == {*BASE, "outliers", *extra}
    for row in rows.values():
        assert (row["value"], row["converged"], row["note"]) == ("nan", "false", "the run diverged")


def test_a_gradient_lost_in_noise_is_said(study, tmp_path):
    # Opposite gradients: their mean is shorter than noise makes it.
    L = quadratic(1.0, -1.0, copies=2)
    inputs, targets = (torch.cat(x) for x in zip(*L.parts(L.theta).batches, strict=True))
    signs = torch.tensor([[1.0], [-1.0], [1.0], [-1.001]]).double()
    L = L.replace(examples=(inputs.repeat(2, 1), targets.repeat(2, 1) * signs))
    L.theta.fill_(1.0)
    flatness.record_flatness(study, {("a", 0): L}, {("a", 0): run_of(study)}, **HOW)
    row = recorded(study, tmp_path)["noise_scale"]
    assert (row["value"], row["converged"]) == ("inf", "false")
    assert row["note"] == "the gradient is lost in its noise"
    assert study.converged("noise_trace")


def test_nothing_is_computed_twice(study, monkeypatch):
    at, runs = {("a", 0): relu_objective(relu_net())}, {("a", 0): run_of(study)}
    flatness.record_flatness(study, at, runs, **HOW)
    flatness.record_outliers(study, at, k=5)
    monkeypatch.setattr(type(study.store), "_write", None)  # Nothing is left to be written.
    flatness.record_flatness(study, at, runs, **HOW)
    flatness.record_outliers(study, at, k=5)
    for name in (*BASE, "outliers"):
        first, second = study.values(name, "a")
        assert first == second or math.isnan(first)


def test_batch_statistics_are_refused(study):
    at = {("a", 0): small_objective(13, bn="batch")}
    with pytest.raises(ValueError, match="none has a gradient of its own"):
        flatness.record_flatness(study, at, {("a", 0): run_of(study)}, **HOW)


# Outliers


def pairs_of(values, k, **how):
    return spectrum.eigenpairs(from_matrix(torch.diag(torch.tensor(values).double())), k, **how)


@pytest.mark.parametrize("planted", [1, 4, 7])
def test_planted_outliers_above_a_random_bulk_are_counted(planted):
    half = torch.randn(120, 200, dtype=torch.float64, generator=rng.stream(0, "bulk"))
    directions = torch.randn(120, planted, dtype=torch.float64, generator=rng.stream(0, "planted"))
    basis = torch.linalg.qr(directions).Q
    heights = torch.linspace(12.0, 30.0, planted, dtype=torch.float64)
    matrix = half @ half.T / 200 + (basis * heights) @ basis.T  # The bulk ends at about 3.
    gap = largest_gap(spectrum.eigenpairs(from_matrix(matrix, rtol=1e-9), 12))
    exact = np.linalg.eigvalsh(matrix.numpy())[::-1]
    assert (gap.outliers, gap.converged) == (planted, True)
    assert gap.factor == pytest.approx(exact[planted - 1] / exact[planted], rel=1e-4)


def test_the_gap_is_the_largest_in_ratio_not_in_difference():
    assert largest_gap(pairs_of([100.0, 60.0, 50.0, 10.0, 9.0, 8.0], 5)).outliers == 3


def test_a_gap_at_the_last_of_those_seen_has_not_converged():
    values = [9.0, 8.0, 7.0, 1.0, 0.1, 0.09, 0.08]
    seen = largest_gap(pairs_of(values, 5))
    assert (seen.outliers, seen.converged) == (4, False)
    assert largest_gap(pairs_of(values, 6)) == dataclasses.replace(seen, converged=True)


def test_a_gap_of_a_small_factor_is_none():
    gap = largest_gap(pairs_of([9.0, 8.0, 5.5, 5.0, 4.5, 1.0], 5))
    assert gap.outliers == 2 and gap.factor == pytest.approx(8 / 5.5) and not gap.converged


def test_zeros_below_the_outliers_make_one_gap_among_themselves_none():
    gap = largest_gap(pairs_of([9.0, 8.0, 7.0, *[0.0] * 9], 6))
    assert gap.outliers == 3 and gap.converged and gap.factor > 1e6
    low = largest_gap(pairs_of([9.0, 8.0, 7.0, -1.0, -2.0, -3.0, -4.0], 6))
    assert low.outliers == 3 and low.converged


def test_what_its_residual_hides_makes_no_gap():
    pairs = pairs_of([9.0, 8.0, 2.0, 1e-9, 1e-12, 1e-12], 5)
    blurred = dataclasses.replace(pairs, residuals=torch.full((5,), 1.0).double())
    assert largest_gap(pairs).outliers == 3
    assert largest_gap(blurred).outliers == 2
    assert largest_gap(blurred).factor == pytest.approx(4.0, rel=1e-12)


def test_a_spectrum_without_positive_eigenvalues_has_no_outliers():
    gap = largest_gap(pairs_of([-1.0, -2.0, -3.0, -4.0], 3))
    assert gap.outliers == 0 and math.isnan(gap.factor) and not gap.converged


def test_eigenvalues_that_did_not_converge_leave_the_gap_open():
    pairs = pairs_of([9.0, 8.0, 7.0, 1.0, 0.9, 0.8], 5)
    late = dataclasses.replace(pairs, converged=torch.tensor([True] * 4 + [False]))
    assert largest_gap(pairs).converged and not largest_gap(late).converged
    assert largest_gap(late).outliers == 3


def test_of_both_ends_the_upper_one_counts():
    values = [9.0, 8.0, 1.0, 0.9, 0.8, -1.0, -50.0, -60.0]
    both = pairs_of(values, 4, which="both ends")
    assert largest_gap(both) == largest_gap(pairs_of(values, 4))


@pytest.mark.parametrize(("k", "which"), [(2, "largest"), (4, "smallest")])
def test_too_few_of_the_largest_are_refused(k, which):
    pairs = pairs_of([4.0, 3.0, 2.0, 1.0, 0.5], k, which=which)
    with pytest.raises(ValueError, match=f"the {k} {which} eigenvalues show no gap .* at least 3"):
        largest_gap(pairs)


def test_outliers_are_recorded_with_their_gap(study, tmp_path):
    L = quadratic(90.0, 80.0, 70.0, 2.0, 1.9, 1.8, 1.7, 1.0)
    found = flatness.record_outliers(study, {("a", 3): L, ("b", 3): None}, k=6)
    assert list(found) == [("a", 3)] and found["a", 3].k == 6
    row, missing = (study.write("title", [], []), rows_of(tmp_path))[1]
    assert (row["quantity"], row["value"], row["converged"]) == ("outliers", "3", "true")
    assert row["note"] == "a factor of 35 to the next, among the 6 largest"
    assert (row["cost_unit"], row["unit"]) == ("products", "eigenvalues")
    assert (missing["arm"], missing["value"]) == ("b", "nan")
    with pytest.raises(ValueError, match="the 2 largest eigenvalues show no gap"):
        flatness.record_outliers(study, {("a", 3): L}, k=2)


def test_clear_gaps_are_counted_by_their_place():
    clear = pairs_of([90.0, 80.0, 7.0, 6.0, 5.0], 5)
    tops = {("a", 0): clear, ("a", 1): clear, ("b", 0): pairs_of([5.0, 4.0, 3.0, 2.5], 4)}
    text = measurements.gaps(tops, classes=10).text
    assert text.startswith(
        "Of 3 spectra 2 have a clear gap among the eigenvalues computed: 2 behind 2;"
    )
    assert text.endswith("none behind 10, the number of classes.")
    assert "; some behind 2, the" in measurements.gaps(tops, classes=2).text
    assert (
        "0 have a clear gap among the eigenvalues computed: none;"
        in measurements.gaps({("b", 0): tops["b", 0]}, classes=2).text
    )


def test_a_relu_networks_top_eigenvalues_are_those_counted(study):
    inputs = torch.randn(40, 4, dtype=torch.float64, generator=rng.stream(0, "inputs"))
    L = Objective(relu_net(), (inputs, torch.arange(40) % 3))
    flatness.record_outliers(study, {("a", 0): L}, k=12)
    exact = np.linalg.eigvalsh(L.hessian(L.theta).to_dense().numpy())[::-1][:12]
    ratios = exact[:-1] / exact[1:].clip(min=1e-12)
    assert study.values("outliers", "a") == [float(ratios.argmax() + 1)]
