"""Paths with a fitted softmax temperature."""

import math

import pytest
import torch
from landscape.connectivity import calibrated_path, linear_barrier
from landscape.objective import Objective
from torch import nn

from tests.sample_networks import small_objective


class Scaled(nn.Module):
    """Outputs s·x, s the one parameter; at s it is as sure as the softmax of s times its inputs."""

    def __init__(self, scale):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(float(scale), dtype=torch.float64))

    def forward(self, inputs):
        return self.scale * inputs


def scaled(scale, *, wrong=1, right=4, **options):
    # Two classes, a margin of 1 either way: right answers of four, wrong of one.
    inputs = torch.tensor([[1.0, 0.0]] * (right + wrong), dtype=torch.float64)
    targets = torch.tensor([0] * right + [1] * wrong)
    return Objective(Scaled(scale), (inputs, targets), **options)


def test_a_scaled_network_gets_the_temperature_in_closed_form():
    # The loss is least where σ(β s) is the share of right answers: β s = log(4 / 1).
    calibrated = calibrated_path(scaled(1.0), scaled(5.0), ts=5)
    scales = 1 + 4 * calibrated.path.ts
    assert calibrated.inverse_temperatures * scales == pytest.approx([math.log(4)] * 5, rel=1e-4)
    entropy = -(0.8 * math.log(0.8) + 0.2 * math.log(0.2))
    assert calibrated.path.loss.tolist() == pytest.approx([entropy] * 5, abs=1e-9)
    assert abs(calibrated.path.barrier) < 1e-9
    assert not calibrated.at_bound.any()


def test_a_barrier_of_confidence_alone_is_gone_and_accuracies_stay():
    start, end = scaled(0.5, wrong=2, right=8), scaled(40.0, wrong=2, right=8)
    plain, calibrated = linear_barrier(start, end, ts=9), calibrated_path(start, end, ts=9)
    assert plain.loss[-1] > 5  # Far too sure.
    assert calibrated.path.loss.max() < 0.51
    assert torch.equal(calibrated.path.accuracy, plain.accuracy)
    assert (calibrated.path.kind, calibrated.path.length) == ("calibrated", 1.0)


@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
def test_losses_never_exceed_those_of_the_plain_path(bn):
    start, end = (small_objective(40, seed=seed, bn=bn) for seed in (0, 1))
    plain, calibrated = (f(start, end, ts=5) for f in (linear_barrier, calibrated_path))
    assert (calibrated.path.loss <= plain.loss + 1e-6).all()
    assert calibrated.path.accuracy.tolist() == plain.accuracy.tolist()
    assert calibrated.path.bn == bn
    # Without scaling the outputs, the losses are those of the plain path.
    beta = calibrated.inverse_temperatures[2]
    assert abs(beta - 1) > 1e-3 and calibrated.path.loss[2] < plain.loss[2]


def test_an_error_free_network_says_that_the_factor_is_at_its_bound():
    calibrated = calibrated_path(scaled(1.0, wrong=0), scaled(2.0, wrong=0), ts=3)
    assert calibrated.at_bound.all()
    assert calibrated.inverse_temperatures[0] == pytest.approx(1000, rel=1e-9)
    assert calibrated.path.loss.max() < 1e-12


def test_outputs_that_are_not_finite_are_kept():
    start, end = scaled(1.0), scaled(math.inf, check=False)
    calibrated = calibrated_path(start, end, ts=3)
    assert calibrated.inverse_temperatures.isfinite().tolist() == [True, False, False]
    assert not calibrated.path.loss[-1].isfinite() and math.isnan(calibrated.path.barrier)


def test_only_classifiers_have_a_temperature():
    inputs = torch.ones(3, 2, dtype=torch.float64)
    start, end = (Objective(Scaled(s), (inputs, inputs), loss="mse") for s in (1.0, 2.0))
    text = r"outputs \(3, 2\) with targets \(3, 2\) of type torch.float64 are no classification"
    with pytest.raises(ValueError, match=text):
        calibrated_path(start, end)
    with pytest.raises(ValueError, match="both solutions are the same point"):
        calibrated_path(scaled(1.0), scaled(1.0))
