"""What a training run and the sharpness of a solution put into a study's results."""

import math

import numpy as np
import pytest
from landscape import models, records, sharpness, spectrum
from landscape.objective import Objective
from landscape.training import SGD, TrainConfig, train

from tests.sample_networks import SMALL, digits, small_cnn, small_objective
from tests.sample_study import rows_of


def test_eigenvalue_is_recorded_with_residual_cost_and_convergence(study, tmp_path):
    at = small_objective(13)
    pairs = spectrum.eigenpairs(at.hessian(at.theta), which="both ends", max_products=6, tol=1e-6)
    records.eigenvalue(study, "lambda_min", pairs, -1, at, arm="a", seed=3)
    study.write("title", [], [])
    (row,) = rows_of(tmp_path)
    assert float(row["value"]) == pytest.approx(pairs.smallest, rel=1e-9)
    assert float(row["error"]) == pytest.approx(float(pairs.residuals[-1]), rel=1e-9)
    assert (row["error_kind"], row["converged"], row["cost"]) == ("residual", "false", "7")
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
    given = {"optimizer": SGD(0.05, momentum=0.9), "epochs": 2, "batch_size": 20, **settings}
    config = TrainConfig(models.CNN(**SMALL), **given)
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
    records.run(study, run_of(study, optimizer=SGD(1e30)), "a", 0)
    study.write("title", [], [])
    rows = rows_of(tmp_path)
    assert all(row["converged"] == "false" for row in rows)
    assert all(row["note"] == "diverged at step 1" for row in rows)
    assert not study.converged("train_loss")


def test_subsets_record_a_value_for_each_set_of_examples(study):
    model, task = small_cnn(), digits()
    sets = [task.first(8), task.first(24)]
    records.subsets(study, {"a": model}, sets, seed=3)
    for found, examples in zip(study.values("lambda_max_by_examples", "a"), sets, strict=True):
        L = Objective(model, examples)
        exact = np.linalg.eigvalsh(L.hessian(L.theta).to_dense().numpy())
        assert found == pytest.approx(exact[-1], rel=1e-4)


def test_twins_record_sharpness_of_one_function_at_several_scales(study):
    radii = {"rho": 0.05, "rho_adaptive": 0.5}
    fixed = digits().first(24)
    records.twins(study, {"a": small_cnn()}, fixed, layer="0", factors=[0.5, 1.0], seed=3, **radii)
    assert max(study.values("twin_loss_change", "a")) < 1e-5
    halved, same = study.values("twin_lambda_max", "a")
    assert halved > 1.2 * same
    relative = study.values("twin_lambda_max_relative", "a")
    assert relative[0] == pytest.approx(relative[1], rel=1e-3)
    records.geometry(study, Objective(small_cnn(), fixed), arm="b", **radii)
    assert study.values("lambda_max", "b") == pytest.approx([same], rel=1e-4)
