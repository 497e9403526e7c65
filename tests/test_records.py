"""What a run, an eigenvalue, a line, a plane and a path put into a study's results."""

import csv
import math

import numpy as np
import pytest
from landscape import models, records, sharpness, slices, spectrum
from landscape.connectivity import linear_barrier
from landscape.results import Study
from landscape.training import TrainConfig, train

from tests.sample_networks import SMALL, digits, small_objective


@pytest.fixture
def study(tmp_path):
    folders = {"data_dir": str(tmp_path / "data"), "build_dir": str(tmp_path / "build")}
    return Study("09_tests", {"profile": "paper", **folders})


def rows_of(folder, name="measurements.csv"):
    path = folder / "build" / "paper" / "results" / "09_tests" / name
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_eigenvalue_is_recorded_with_residual_cost_and_convergence(study, tmp_path):
    at = small_objective(13)
    pairs = spectrum.eigenpairs(at.hessian(at.theta), which="both ends", max_products=6, tol=1e-6)
    records.eigenvalue(study, "lambda_min", pairs, -1, at, arm="a", seed=3)
    study.write("title", [], [])
    (row,) = rows_of(tmp_path)
    assert float(row["value"]) == pytest.approx(pairs.smallest, rel=1e-9)
    assert float(row["error"]) == pytest.approx(float(pairs.residuals[-1]), rel=1e-9)
    assert (row["error_kind"], row["converged"], row["cost"]) == ("residual", "false", "8")
    assert (row["cost_unit"], row["seed"], row["examples"]) == ("products", "3", "13")


def test_geometry_records_raw_and_scale_free_sharpness(study):
    at = small_objective(13)
    records.geometry(study, at, rho=0.05, rho_adaptive=0.5, arm="a", prefix="twin_")
    op = at.hessian(at.theta)
    exact = np.linalg.eigvalsh(op.to_dense().numpy())
    norms = at.layout.filter_norms(at.theta)
    relative = np.linalg.eigvalsh(op.scaled(norms).to_dense().numpy())
    spread = exact[-1] - exact[0]
    for name, want in (("lambda_max", exact[-1]), ("lambda_min", exact[0])):
        # An eigenvalue within the residual, at most tol = 1e-4 of the range; quadratically better.
        assert study.values(f"twin_{name}", "a") == pytest.approx([want], abs=1e-6 * spread)
    assert study.values("twin_lambda_max_relative", "a") == pytest.approx([relative[-1]], rel=1e-6)
    for name, rho, adaptive in (("sam", 0.05, False), ("sam_adaptive", 0.5, True)):
        want = sharpness.sam(at, at.theta, rho=rho, adaptive=adaptive).value
        assert study.values(f"twin_{name}", "a") == [want]
    before = op.products
    records.geometry(study, at, rho=0.05, rho_adaptive=0.5, arm="again", which="largest")
    assert study.values("lambda_max", "again") == pytest.approx([exact[-1]], abs=1e-6 * spread)
    assert op.products == before
    with pytest.raises(KeyError):
        study.values("lambda_min", "again")


def run_of(study, **settings):
    config = TrainConfig(
        models.CNN(**SMALL), **{"epochs": 2, "batch_size": 20, "learning_rate": 0.05, **settings}
    )
    return train(config, digits(), study.store)


def test_run_is_recorded_with_its_end_its_noise_and_its_curves(study, tmp_path):
    run = run_of(study)
    records.run(study, run, "a", 7)
    study.write("title", [], [])
    rows = {row["quantity"]: row for row in rows_of(tmp_path)}
    for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
        assert float(rows[name]["value"]) == pytest.approx(float(run.history[name][-1]), rel=1e-9)
        assert (rows[name]["arm"], rows[name]["seed"], rows[name]["cost"]) == ("a", "7", "6")
    later = run.step_loss[3:].numpy()
    want = math.sqrt(np.square(np.diff(later)).mean() / 2)
    assert float(rows["step_noise"]["value"]) == pytest.approx(want, rel=1e-9)
    curves = rows_of(tmp_path, "curves.csv")
    assert [row["epoch"] for row in curves] == ["0", "1", "2"]
    assert curves[0]["gradient_norm"] == "nan"


@pytest.mark.parametrize("settings", [{"epochs": 1}, {"batch_size": 48}])
def test_run_too_short_for_step_noise_is_recorded_without_it(study, settings):
    records.run(study, run_of(study, **settings), "a", 0)
    assert math.isnan(study.values("step_noise", "a")[0])


def test_run_that_diverged_is_recorded_as_such_with_its_step(study, tmp_path):
    records.run(study, run_of(study, learning_rate=1e30), "a", 0)
    study.write("title", [], [])
    rows = rows_of(tmp_path)
    assert all(row["converged"] == "false" for row in rows)
    assert all(row["note"] == "diverged at step 1" for row in rows)
    assert not study.converged("train_loss")


def test_slices_and_paths_are_recorded_point_by_point(study, tmp_path):
    start, end = (small_objective(13, seed=seed) for seed in (0, 1))
    cuts = slices.random_lines(start, start.theta, alphas=[-1.0, 1.0], seed=0, count=2)
    records.lines(study, cuts, arm="a", seed=0)
    grid = {"alphas": [0.0, 1.0], "betas": [-1.0, 0.0, 1.0]}
    plane = slices.random_plane(start, start.theta, **grid, seed=0)
    records.plane(study, plane, arm="a", seed=0)
    path = linear_barrier(start, end, ts=3)
    records.path(study, path, "a", "0-1", "test")
    study.write("title", [], [])
    lines = rows_of(tmp_path, "lines.csv")
    want = [(str(d), f"{a:g}") for d in (0, 1) for a in (-1.0, 1.0)]
    assert [(row["direction"], row["alpha"]) for row in lines] == want
    assert float(lines[1]["loss"]) == pytest.approx(float(cuts.loss[0, 1]), rel=1e-9)
    planes = rows_of(tmp_path, "planes.csv")
    assert [(row["alpha"], row["beta"]) for row in planes[:3]] == [
        ("0", "-1"),
        ("0", "0"),
        ("0", "1"),
    ]
    assert float(planes[4]["loss"]) == pytest.approx(float(plane.loss[1, 1]), rel=1e-9)
    assert [row["t"] for row in rows_of(tmp_path, "paths.csv")] == ["0", "0.5", "1"]
    names = {row["quantity"]: row for row in rows_of(tmp_path)}
    assert float(names["barrier_test_frozen"]["value"]) == pytest.approx(path.barrier, rel=1e-9)
    assert names["error_barrier_test_frozen"]["seed"] == "0-1"
