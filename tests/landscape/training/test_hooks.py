"""Optimizers with a hook: training within the span of some directions."""

import dataclasses

import pytest
import torch
from landscape import data, models, training
from landscape.directions.single import orthonormal
from landscape.store.entries import Store


def within(optimizer, k, n, generator):
    basis = orthonormal(*torch.randn(k, n, dtype=torch.float64, generator=generator))
    return basis, training.hooked(optimizer, training.WithinSpan(basis))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_descent_within_a_span_is_descent_by_the_projected_gradient(generator, momentum):
    # On ½‖θ‖² the projected gradient has a closed form: coordinates along the span alone shrink.
    basis, config = within(training.SGD(0.1, momentum=momentum), 2, 12, generator)
    start = torch.randn(12, dtype=torch.float64, generator=generator)
    theta = torch.nn.Parameter(start.clone())
    optimizer = config.build([theta])
    plain = (basis @ start).clone().requires_grad_()
    beside = torch.optim.SGD([plain], lr=0.1, momentum=momentum)
    for _ in range(5):
        theta.grad, plain.grad = theta.detach().clone(), plain.detach().clone()
        optimizer.step()
        beside.step()
    expected = start + basis.T @ (plain.detach() - basis @ start)
    torch.testing.assert_close(theta.detach(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("optimizer", [training.SGD(0.1, momentum=0.9), training.Adam(0.01)])
def test_training_stays_within_the_span_and_goes_on(generator, tmp_path, optimizer):
    digits = data.load("digits", max_train=96, max_test=40)
    config = training.TrainConfig(models.MLP(hidden=(4,)), optimizer, epochs=2, batch_size=32)
    model = config.model.build(digits.shape, digits.classes, seed=0)
    start = torch.nn.utils.parameters_to_vector(model.parameters()).detach()
    basis, confined = within(optimizer, 5, len(start), generator)
    config = dataclasses.replace(config, optimizer=confined)
    run = training.train(config, digits, Store(tmp_path))
    moved = torch.nn.utils.parameters_to_vector(run.model().parameters()).detach() - start
    moved = moved.double()
    off = moved - basis.T @ (basis @ moved)
    assert float(moved.norm()) > 1e-3 and float(off.norm()) < 1e-5 * float(moved.norm())
    again = training.train(config, digits, Store(tmp_path))
    assert torch.equal(run.weights["1.weight"], again.weights["1.weight"])


def test_a_full_basis_changes_nothing_but_rounding(tmp_path):
    digits = data.load("digits", max_train=64, max_test=40)
    config = training.TrainConfig(models.MLP(hidden=(2,)), training.SGD(0.1), epochs=1)
    n = sum(p.numel() for p in config.model.build(digits.shape, 10, seed=0).parameters())
    hook = training.WithinSpan(torch.eye(n))
    confined = dataclasses.replace(config, optimizer=training.hooked(config.optimizer, hook))
    one, other = (training.train(c, digits, Store(tmp_path)) for c in (config, confined))
    for name, values in one.weights.items():
        torch.testing.assert_close(other.weights[name], values, rtol=0, atol=1e-6)


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match=r"basis of shape \(1, 3\) is not orthonormal"):
        training.WithinSpan(torch.ones(1, 3))
    with pytest.raises(ValueError, match=r"basis of shape \(3,\) is not orthonormal"):
        training.WithinSpan(torch.ones(3))
    hook = training.WithinSpan(torch.eye(3)[:1])
    with pytest.raises(ValueError, match=r"has 3 entries a direction, and the optimizer 2 param"):
        training.hooked(training.SGD(0.1), hook).build([torch.nn.Parameter(torch.zeros(2))])
    with pytest.raises(ValueError, match=r"learning_rate=0.2, but the optimizer's is 0.1"):
        training.Hooked(0.2, training.SGD(0.1), hook)
