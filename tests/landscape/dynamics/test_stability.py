"""Where optimizers lose stability, by PyTorch's own steps; what adaptive ones divide by."""

import dataclasses
import math

import pytest
import scipy.linalg
import torch
from landscape import models, rng
from landscape.dynamics.stability import is_adaptive, preconditioner, threshold
from landscape.network.parameters import layout
from landscape.objective import Objective
from landscape.training import ASAM, SAM, SGD, Adam, AdamW, OptimizerConfig, TrainConfig, train

from tests.sample_networks import digits

RATE = 0.05
LINES = {
    "plain": (SGD(RATE), 40.0),
    "heavy ball": (SGD(RATE, momentum=0.9), 76.0),
    "nesterov": (SGD(RATE, momentum=0.9, nesterov=True), 76 / 2.8),
    "plain, decayed": (SGD(RATE, weight_decay=3.0), 37.0),
    "heavy ball, decayed": (SGD(RATE, momentum=0.5, weight_decay=3.0), 57.0),
    "nesterov, decayed": (SGD(RATE, momentum=0.5, weight_decay=3.0, nesterov=True), 27.0),
    "Adam": (Adam(RATE), 38 / RATE),
    "Adam, short memory": (Adam(RATE, beta1=0.5), 6 / RATE),
    "Adam without momentum": (Adam(RATE, beta1=0.0), 2 / RATE),
    "AdamW": (AdamW(RATE, weight_decay=3.0), 37 * 19.0),
}


def growth(optimizer, curvature, *, begun=None, steps=3000):
    """How far descent on curvature · θ²/2 goes from θ = 1, in units of θ; P is 1 throughout."""
    if isinstance(optimizer, Adam):  # Squares of such gradients are 0: P = eps.
        optimizer = dataclasses.replace(optimizer, eps=1.0)
    start = 1e-170 if isinstance(optimizer, Adam) else 1.0
    theta = torch.nn.Parameter(torch.full((1,), start, dtype=torch.float64))
    descent = optimizer.build([theta])

    def closure():
        theta.grad = curvature * theta.detach()
        return theta.grad

    for _ in range(steps):
        descent.step(closure)
        if begun is not None:  # Its bias correction stays that of the step ``begun``.
            descent.state[theta]["step"].fill_(begun - 1)
    return abs(float(theta.detach())) / start


@pytest.mark.slow
@pytest.mark.parametrize("name", LINES)
def test_descent_on_a_quadratic_converges_below_the_line_and_diverges_above(name):
    optimizer, line = LINES[name]
    assert threshold(optimizer) == pytest.approx(line, rel=1e-12)
    assert growth(optimizer, 0.995 * line) < 1e-3
    assert growth(optimizer, 1.005 * line) > 1e3


@pytest.mark.slow
def test_early_steps_of_adam_have_a_lower_line():
    optimizer = Adam(RATE)
    assert threshold(optimizer, step=1) == pytest.approx(3.8 / RATE, rel=1e-12)
    assert threshold(optimizer, step=1000) == pytest.approx(38 / RATE, rel=1e-12)
    line = threshold(optimizer, step=5)
    assert line == pytest.approx((1 - 0.9**5) * 38 / RATE, rel=1e-12)
    assert growth(optimizer, 0.99 * line, begun=5) < 1e-3
    assert growth(optimizer, 1.01 * line, begun=5) > 1e3


def test_a_schedule_moves_the_line():
    halved = dataclasses.replace(SGD(RATE, momentum=0.9, weight_decay=3.0), learning_rate=RATE / 2)
    assert threshold(SGD(RATE, momentum=0.9, weight_decay=3.0), factor=0.5) == threshold(halved)
    assert threshold(Adam(RATE), factor=0.1) == pytest.approx(380 / RATE, rel=1e-12)
    assert threshold(SGD(RATE), step=1) == threshold(SGD(RATE))  # No bias correction.


def test_weight_decay_alone_may_diverge():
    assert threshold(SGD(1.0, weight_decay=3.0)) == -1.0
    assert growth(SGD(1.0, weight_decay=3.0), 0.0, steps=50) > 1e3


@pytest.mark.parametrize("optimizer", [SAM(RATE), ASAM(RATE), OptimizerConfig(RATE)])
def test_an_optimizer_without_a_line_is_refused(optimizer):
    name = type(optimizer).__name__
    with pytest.raises(ValueError, match=f"{name} has no curvature at which .* Pass training.SGD"):
        threshold(optimizer)


def test_adam_that_divides_its_penalty_is_refused():
    with pytest.raises(ValueError, match=r"Adam with weight_decay=0.1 divides .*training.AdamW"):
        threshold(Adam(RATE, weight_decay=0.1))
    assert threshold(AdamW(RATE, weight_decay=0.0)) == threshold(Adam(RATE))


@pytest.mark.parametrize("wrong", [{"factor": 0.0}, {"factor": math.nan}, {"step": 0}])
def test_a_line_of_no_step_is_refused(wrong):
    with pytest.raises(ValueError, match=r"Pass factor > 0, and step >= 1 or None"):
        threshold(Adam(RATE), **wrong)


# What adaptive optimizers divide by


def run_of(store, optimizer, **settings):
    model = models.MLP(hidden=(3,))
    settings = {"epochs": 2, "batch_size": 16, "snapshots": (0, 1, 4), **settings}
    return train(TrainConfig(model, optimizer, **settings), digits(), store)


def divisor(run, step, *, beta2=0.999, eps=1e-8):
    """P by hand, in the order of theta."""
    states = run.optimizer_states[step]
    squares = layout(run.model()).flatten(states["exp_avg_sq"])
    return (squares / (1 - beta2**step)).sqrt() + eps


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [Adam(0.01), AdamW(0.01), Adam(0.01, beta2=0.9, eps=0.1)])
def test_the_scaled_hessian_has_the_eigenvalues_of_the_preconditioned_one(store, optimizer):
    run = run_of(store, optimizer)
    L = Objective(run.model(step=4), digits().first(24), dtype=torch.float64)
    d = preconditioner(run, step=4)
    assert d.dtype == torch.float64 and d.shape == (L.n,)
    P = divisor(run, 4, beta2=optimizer.beta2, eps=optimizer.eps)
    torch.testing.assert_close(1 / d.square(), P, rtol=1e-12, atol=0.0)
    H = L.hessian(L.theta)
    want = scipy.linalg.eigh(H.to_dense().numpy(), P.diag().numpy(), eigvals_only=True)
    found = torch.linalg.eigvalsh(H.scaled(d).to_dense())
    torch.testing.assert_close(found[-5:], torch.from_numpy(want[-5:]), rtol=1e-9, atol=0.0)


def test_a_step_of_adam_is_the_momentum_over_what_the_preconditioner_says(store):
    run = run_of(store, Adam(0.01, beta1=0.0), snapshots=(3, 4))
    at = layout(run.model())
    moved = at.flatten(run.snapshots[3]) - at.flatten(run.snapshots[4])
    momentum = at.flatten(run.optimizer_states[4]["exp_avg"])
    want = 0.01 * momentum * preconditioner(run, step=4).square()
    # Weights of about 1 are stored in float32.
    torch.testing.assert_close(moved, want, rtol=1e-4, atol=3e-7)


def test_the_end_of_training_is_where_it_stopped(store):
    run = run_of(store, Adam(0.01))
    want = divisor(run, run.steps).rsqrt()
    torch.testing.assert_close(preconditioner(run), want, rtol=1e-12, atol=0.0)
    assert not torch.equal(preconditioner(run), preconditioner(run, step=4))


@pytest.mark.parametrize("optimizer", [SGD(0.05), SGD(0.05, momentum=0.9), SAM(0.05), ASAM(0.05)])
def test_what_does_not_adapt_divides_by_one(store, optimizer):
    run = run_of(store, optimizer, epochs=1, snapshots=(0,))
    assert torch.equal(preconditioner(run, step=0), torch.ones(run_size(run)).double())
    assert torch.equal(preconditioner(run), torch.ones(run_size(run)).double())
    assert not is_adaptive(optimizer) and is_adaptive(Adam(0.1)) and is_adaptive(AdamW(0.1))


def run_size(run):
    return sum(p.numel() for p in run.model().parameters())


@pytest.mark.parametrize("step", [0, 2])
def test_a_step_without_a_state_is_refused(store, step):
    run = run_of(store, Adam(0.01))
    text = rf"no running squares of Adam at step {step}, only at \[1, 4, 6\]. Name a step >= 1"
    with pytest.raises(ValueError, match=text):
        preconditioner(run, step=step)


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(
        ValueError, match=r"whether OptimizerConfig divides its steps .* is not known"
    ):
        is_adaptive(OptimizerConfig(0.1))


def test_descent_in_several_directions_turns_at_the_preconditioned_line():
    # H and P do not commute: neither λ_max(H) nor its diagonal tells where Adam loses stability.
    half = torch.randn(4, 4, dtype=torch.float64, generator=rng.stream(0, "half"))
    H, P = half @ half.T, torch.tensor([1.0, 0.1, 3.0, 0.5], dtype=torch.float64)
    d = P.rsqrt()
    top = float(torch.linalg.eigvalsh(d[:, None] * H * d)[-1])
    for share, grows in ((0.99, False), (1.01, True)):
        optimizer = Adam(share * 38 / top, beta2=1 - 1e-12, eps=1e-200)
        theta = torch.nn.Parameter(torch.full((4,), 1e-100, dtype=torch.float64))
        descent = optimizer.build([theta])
        theta.grad = torch.zeros(4, dtype=torch.float64)
        descent.step()
        state = descent.state[theta]
        state["step"].fill_(1e9)
        correction = 1 - optimizer.beta2**1e9
        state["exp_avg_sq"].copy_(P.square() * correction)
        for _ in range(3000):
            theta.grad = H @ theta.detach()
            descent.step()
        assert (float(theta.detach().norm()) > 1e-97) == grows
