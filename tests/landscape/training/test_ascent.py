"""SAM and ASAM: steps worked out by hand, invariance, statistics, what goes wrong on the way."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from landscape import models, training
from landscape.store.fingerprint import digest
from torch import nn

from tests.sample_networks import SMALL, digits, regression_data, relu_net, rescaled

# ½ θᵀAθ − bᵀθ, indefinite; the first two entries of θ are one tensor, the third another.
A = np.array([[4.0, 1.0, 0.5], [1.0, -2.0, 0.0], [0.5, 0.0, 9.0]])
B = np.array([1.0, -0.5, 2.0])
START = np.array([0.3, -1.5, 0.2])
RATE, RHO, ETA = 0.02, 0.4, 0.1


class Quadratic:
    """The quadratic as two parameters and a closure that counts its calls."""

    def __init__(self, config, *, start=START, dtype=torch.float64):
        whole = torch.tensor(start, dtype=dtype)
        self.parameters = [nn.Parameter(whole[:2].clone()), nn.Parameter(whole[2:].clone())]
        self.optimizer = config.build(self.parameters)
        self.seen = []

    @property
    def theta(self):
        return torch.cat([p.detach() for p in self.parameters])

    def closure(self):
        self.optimizer.zero_grad()
        theta = torch.cat(self.parameters)
        self.seen.append(theta.detach().clone())
        a, b = (torch.tensor(x, dtype=theta.dtype) for x in (A, B))
        loss = theta @ a @ theta / 2 - b @ theta
        loss.backward()
        return loss


def by_hand(scale, *, rho=RHO, momentum=0.0, decay=0.0, steps=3):
    """The path of SAM with T = diag(scale(θ)): the points of ascent and where it ends."""
    theta, velocity, above = START, 0.0, []
    for _ in range(steps):
        g, t = A @ theta - B, scale(theta)
        above.append(theta + rho * t**2 * g / np.sqrt(np.sum((t * g) ** 2)))
        velocity = momentum * velocity + A @ above[-1] - B + decay * theta
        theta = theta - RATE * velocity
    return [torch.tensor(point) for point in above], torch.tensor(theta)


@pytest.mark.parametrize(
    "options", [{}, {"momentum": 0.9}, {"weight_decay": 0.3}, {"momentum": 0.5, "weight_decay": 1}]
)
@pytest.mark.parametrize(
    ("kind", "scale"),
    [
        (training.SAM(RATE, rho=RHO), np.ones_like),
        (training.ASAM(RATE, rho=RHO, eta=ETA), lambda theta: np.abs(theta) + ETA),
    ],
)
def test_a_step_is_that_worked_out_by_hand(kind, scale, options):
    at = Quadratic(dataclasses.replace(kind, **options))
    losses = [float(at.optimizer.step(at.closure).detach()) for _ in range(3)]
    how = {"momentum": options.get("momentum", 0.0), "decay": options.get("weight_decay", 0.0)}
    above, end = by_hand(scale, **how)
    torch.testing.assert_close(at.theta, end, rtol=1e-13, atol=1e-14)
    assert len(at.seen) == 6
    for found, want in zip(at.seen[1::2], above, strict=True):
        torch.testing.assert_close(found, want, rtol=1e-13, atol=1e-14)
    # The loss that a step returns is that at θ.
    assert losses[0] == pytest.approx(START @ A @ START / 2 - B @ START, rel=1e-13)


def test_the_ascent_of_sam_has_the_length_rho_over_all_parameters():
    at = Quadratic(training.SAM(RATE, rho=RHO))
    at.optimizer.step(at.closure)
    assert float((at.seen[1] - at.seen[0]).norm()) == pytest.approx(RHO, rel=1e-13)


def test_defaults_are_those_of_the_papers():
    sam, adaptive = training.SAM(0.1), training.ASAM(0.1)
    assert (sam.momentum, sam.weight_decay, sam.rho) == (0.0, 0.0, 0.05)
    assert (adaptive.momentum, adaptive.weight_decay) == (0.0, 0.0)
    assert (adaptive.rho, adaptive.eta) == (0.5, 0.01)


# Invariance


def outputs_above(model, config):
    """The network's outputs at the point of ascent."""
    inputs, _, classes = regression_data()
    optimizer, outputs = config.build(model.parameters()), []

    def closure():
        optimizer.zero_grad()
        outputs.append(model(inputs))
        loss = nn.functional.cross_entropy(outputs[-1], classes)
        loss.backward()
        return loss

    optimizer.step(closure)
    return outputs[1].detach()


@pytest.mark.parametrize("factor", [8.0, 0.01])
def test_asam_ascends_to_the_same_function_whatever_the_scale_of_layers(factor):
    config = training.ASAM(RATE, rho=0.5, eta=0.0)
    # relu_net has biases, which are rescaled with their layer.
    found = outputs_above(rescaled(relu_net(), factor), config)
    torch.testing.assert_close(found, outputs_above(relu_net(), config), rtol=1e-11, atol=1e-12)


def test_sam_does_not_ascend_to_the_same_function():
    config = training.SAM(RATE, rho=0.5)
    found, want = (outputs_above(model, config) for model in (rescaled(relu_net(), 8), relu_net()))
    assert float((found - want).abs().max()) > 0.1


# What goes wrong on the way


@pytest.mark.parametrize("kind", [training.SAM, training.ASAM])
def test_a_gradient_of_zero_has_no_ascent(kind):
    optimum = np.linalg.solve(np.diag([2.0, 4.0, 8.0]), np.array([1.0, 1.0, 1.0]))
    at = Quadratic(kind(RATE), start=optimum)

    def closure():
        at.closure()
        for p in at.parameters:
            p.grad.zero_()

    at.optimizer.step(closure)
    assert all(torch.equal(point, torch.tensor(optimum)) for point in [*at.seen, at.theta])


@pytest.mark.parametrize("kind", [training.SAM, training.ASAM])
def test_theta_is_put_back_bit_by_bit(kind):
    # θ + ε − ε loses digits of θ where ε is large; a second gradient of 0 leaves θ where it is put.
    at = Quadratic(kind(RATE, rho=1000.0), dtype=torch.float32)
    before = at.theta

    def closure():
        at.closure()
        if len(at.seen) == 2:
            for p in at.parameters:
                p.grad.zero_()

    at.optimizer.step(closure)
    assert torch.equal(at.theta, before) and float((at.seen[1] - before).abs().max()) > 100


class Lost(Exception):
    pass


def test_a_look_that_fails_leaves_theta_in_place():
    at = Quadratic(training.SAM(RATE, momentum=0.9))
    before = at.theta

    def closure():
        if at.seen:
            raise Lost
        return at.closure()

    with pytest.raises(Lost):
        at.optimizer.step(closure)
    assert torch.equal(at.theta, before) and not at.optimizer.state_dict()["state"]


def test_a_parameter_without_gradient_stays():
    at = Quadratic(training.ASAM(RATE))
    idle = nn.Parameter(torch.ones(2))
    at.optimizer.add_param_group({"params": [idle]})
    at.optimizer.step(at.closure)
    assert torch.equal(idle.detach(), torch.ones(2))
    assert not torch.equal(at.theta, torch.tensor(START))


def test_a_run_that_diverges_at_the_point_of_ascent_ends_at_theta(store):
    # Outputs of weights of that size overflow.
    config = training.TrainConfig(
        models.MLP(hidden=(4,)), training.SAM(0.05, rho=1e38), epochs=1, batch_size=20
    )
    run = training.train(config, digits(), store)
    start = config.model.build(digits().shape, 10, seed=0).state_dict()
    assert run.diverged_at == 0 and math.isfinite(float(run.step_loss[0]))
    assert digest(run.weights) == digest(dict(start))


@pytest.mark.parametrize("kind", [training.SAM, training.ASAM])
@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"learning_rate": -1.0}, "learning_rate=-1.0: it must be finite and > 0"),
        ({"momentum": 1.0}, r"momentum=1.0: it must be in \[0, 1\)"),
        ({"momentum": math.nan}, r"momentum=nan"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1: it must be finite and >= 0"),
        ({"rho": 0.0}, "rho=0.0: it must be finite and > 0; without an ascent it is training.SGD"),
        ({"rho": math.inf}, "rho=inf"),
    ],
)
def test_sharpness_aware_optimizer_that_cannot_be_used_is_refused(kind, settings, text):
    with pytest.raises(ValueError, match=f"^{kind.__name__} cannot be used: {text}"):
        kind(**{"learning_rate": 0.1, **settings})


@pytest.mark.parametrize("eta", [-0.1, math.nan, math.inf])
def test_eta_that_cannot_be_used_is_refused(eta):
    with pytest.raises(ValueError, match=f"ASAM cannot be used: eta={eta}: it must be finite and"):
        training.ASAM(0.1, eta=eta)


# In a run

CONFIG = training.TrainConfig(models.CNN(**SMALL), training.SGD(0.05), epochs=1, batch_size=20)


def trained(store, optimizer, **settings):
    config = dataclasses.replace(CONFIG, optimizer=optimizer, **settings)
    return training.train(config, digits(), store)


@pytest.mark.parametrize("kind", [training.SAM, training.ASAM])
def test_statistics_are_updated_once_a_step(store, kind):
    run = trained(store, kind(0.05))
    assert run.steps == 3 and run.weights["1.num_batches_tracked"] == 3
    # After one step they are those of the first batch at the initialisation, as of plain SGD.
    first, plain = (trained(store, own, snapshots=(1,)) for own in (kind(0.05), CONFIG.optimizer))
    names = [name for name in run.weights if "running" in name]
    assert len(names) == 4
    for name in names:
        assert torch.equal(first.snapshots[1][name], plain.snapshots[1][name])
    assert not torch.equal(first.snapshots[1]["0.weight"], plain.snapshots[1]["0.weight"])


def test_a_tiny_ascent_is_plain_descent(store):
    momentum = {"momentum": 0.9, "weight_decay": 0.01}
    tiny = trained(store, training.SAM(0.05, rho=1e-30, **momentum))
    plain = trained(store, training.SGD(0.05, **momentum))
    large = trained(store, training.SAM(0.05, rho=0.5, **momentum))
    assert digest(tiny.weights) == digest(plain.weights) != digest(large.weights)
