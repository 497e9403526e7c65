"""Records of reparametrized twins: one function at several scales."""

import pytest
from landscape.objective import Objective
from studies.records import solutions, twins

from tests.sample_networks import digits, small_cnn


def test_twins_record_sharpness_of_one_function_at_several_scales(study):
    radii = {"rho": 0.05, "rho_adaptive": 0.5}
    fixed = digits().first(24)
    twins.record_twins(
        study, {"a": small_cnn()}, fixed, layer="0", factors=[0.5, 1.0], seed=3, **radii
    )
    assert max(study.values("twin_loss_change", "a")) < 1e-5
    halved, same = study.values("twin_lambda_max", "a")
    assert halved > 1.2 * same
    relative = study.values("twin_lambda_max_relative", "a")
    assert relative[0] == pytest.approx(relative[1], rel=1e-3)
    solutions.record_geometry(study, Objective(small_cnn(), fixed), arm="b", **radii)
    assert study.values("lambda_max", "b") == pytest.approx([same], rel=1e-4)
