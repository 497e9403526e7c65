"""The optimizer's own next step, against PyTorch's, and the sharpness along it in closed form."""

import math
import tempfile

import pytest
import torch
from landscape import models
from landscape.dynamics.updates import critical_sharpness, next_update
from landscape.objective import Objective
from landscape.store.entries import Store
from landscape.training import ASAM, SGD, Adam, AdamW, TrainConfig, train

from tests.landscape.dynamics.test_critical import CURVATURES, point, quadratic
from tests.sample_networks import digits

OPTIMIZERS = {
    "SGD": SGD(0.1),
    "momentum": SGD(0.1, momentum=0.9),
    "decay": SGD(0.1, momentum=0.5, weight_decay=0.1),
    "Nesterov": SGD(0.1, momentum=0.9, nesterov=True),
    "Adam": Adam(0.01),
    "Adam, penalty": Adam(0.01, weight_decay=0.1),
    "AdamW": AdamW(0.01, weight_decay=0.1),
}


def trained(optimizer, *, steps=3):
    """One batch an epoch: each step takes the gradient of all examples."""
    options = {"epochs": steps, "batch_size": 48, "snapshots": tuple(range(steps + 1))}
    config = TrainConfig(models.MLP(hidden=(4,)), optimizer, **options)
    return train(config, digits(), Store(tempfile.mkdtemp()))


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_the_next_update_is_the_step_that_training_takes(optimizer):
    run = trained(optimizer)
    points = [Objective(run.model(step=step), digits().first(48)) for step in range(4)]
    for step in range(3):
        L = points[step]
        update = next_update(run, L.gradient(), L.theta, layout=L.layout, step=step)
        taken = points[step + 1].theta - L.theta
        assert float((update - taken).norm()) < 1e-4 * float(taken.norm())


def test_an_optimizer_without_a_known_step_and_a_missing_state_are_refused():
    run = trained(ASAM(0.1, rho=0.5))
    L = Objective(run.model(), digits().first(48))
    with pytest.raises(ValueError, match="next step of ASAM is not known"):
        next_update(run, L.gradient(), L.theta, layout=L.layout)
    momentum = trained(SGD(0.1, momentum=0.9))
    with pytest.raises(ValueError, match=r"no momentum_buffer at step 7, only at \[1, 2, 3\]"):
        next_update(momentum, L.gradient(), L.theta, layout=L.layout, step=7)


@pytest.mark.parametrize("length", [1e-3, 1.0, 50.0])
def test_along_an_eigenvector_it_is_the_eigenvalue_whatever_the_length(length):
    L = quadratic()
    for axis, curvature in enumerate(CURVATURES.tolist()):
        theta = torch.zeros(3, dtype=torch.float64)
        theta[axis] = 2.0
        sharp = critical_sharpness(L, -length * L.gradient(theta), theta, rtol=1e-3)
        assert sharp.converged and sharp.value == pytest.approx(curvature, rel=2e-3)
        assert abs(sharp.value - curvature) <= sharp.error * (1 + 1e-6)


def test_along_any_direction_downhill_it_is_the_curvature_along_it():
    L, theta, d = quadratic(), point(1.0, -2.0, 3.0), point(-1.0, 3.0, 0.5)
    sharp = critical_sharpness(L, d, theta, gradient=L.gradient(theta), rtol=1e-4)
    assert sharp.value == pytest.approx(float(d @ (CURVATURES * d) / (d @ d)), rel=1e-3)
    assert sharp.value < float(CURVATURES.max())


def test_uphill_there_is_no_sharpness():
    L, theta = quadratic(), point(1.0, -2.0, 3.0)
    sharp = critical_sharpness(L, L.gradient(theta), theta)
    assert math.isnan(sharp.value) and not sharp.converged
