"""A watch on a reader's own training loop: it measures what it says and changes nothing."""

import copy
import math

import pytest
import torch
from landscape import spectrum
from landscape.dynamics.watching import watch
from landscape.objective import Objective
from torch import nn
from torch.nn import functional

from tests import sample_networks


def digits(count):
    return sample_networks.digits(train=64).first(count)


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 6),
        nn.BatchNorm1d(6),
        nn.Tanh(),
        nn.Dropout(0.2),
        nn.Linear(6, 10),
    )


def trained(model, optimizer, steps, examples):
    inputs, targets = examples
    torch.manual_seed(1)
    for _ in range(steps):
        chosen = torch.randint(len(inputs), (16,))
        optimizer.zero_grad()
        functional.cross_entropy(model(inputs[chosen]), targets[chosen]).backward()
        optimizer.step()
    return model


def sgd(model, **options):
    return torch.optim.SGD(model.parameters(), lr=0.1, **options)


def test_training_is_the_same_bit_for_bit_with_a_watch():
    examples = digits(64)
    plain, watched = network(), network()
    trained(plain, sgd(plain), 5, examples)
    optimizer = sgd(watched)
    watch(watched, optimizer, examples, every=2)
    trained(watched, optimizer, 5, examples)
    for first, second in zip(
        plain.state_dict().values(), watched.state_dict().values(), strict=True
    ):
        assert torch.equal(first, second)
    assert watched.training


def test_each_measurement_is_of_the_network_before_its_step():
    examples = digits(64)
    model = network()
    optimizer = sgd(model, momentum=0.9, weight_decay=0.5)
    watched = watch(model, optimizer, examples, every=3)
    kept = []
    optimizer.register_step_pre_hook(lambda *_: kept.append(copy.deepcopy(model)))
    trained(model, optimizer, 4, examples)
    assert [step.step for step in watched.steps] == [0, 3]
    for step, before in zip(watched.steps, kept[::3], strict=True):
        L = Objective(before, examples)
        assert step.loss == L.loss()
        top = spectrum.eigenpairs(L.hessian(), tol=1e-6)
        assert step.lambda_max == pytest.approx(top.largest, rel=1e-2)
        assert step.threshold == pytest.approx(2 * 1.9 / 0.1 - 0.5)
        assert step.learning_rate == 0.1 and step.examples == 64
        assert step.examples_hash == L.examples_hash
        assert step.noise_scale > 0


def test_full_batch_descent_has_a_critical_sharpness_below_the_largest_eigenvalue():
    examples = digits(64)
    model = network().eval()
    optimizer = sgd(model)
    watched = watch(model, optimizer, examples, every=1)
    inputs, targets = examples
    for _ in range(3):
        optimizer.zero_grad()
        functional.cross_entropy(model(inputs), targets).backward()
        optimizer.step()
    assert all(0 < step.critical_sharpness < 1.2 * step.lambda_max for step in watched.steps)


def test_an_optimizer_without_a_threshold_has_none():
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    watched = watch(model, optimizer, digits(16), noise=False)
    trained(model, optimizer, 1, digits(16))
    (step,) = watched.steps
    assert math.isnan(step.threshold) and math.isnan(step.noise_scale)
    assert step.critical_sharpness > 0


def test_training_that_diverges_goes_on_and_the_watch_says_so():
    model = network()
    optimizer = sgd(model)
    watched = watch(model, optimizer, digits(16), every=1)
    trained(model, optimizer, 1, digits(16))
    with torch.no_grad():
        model[1].weight.fill_(math.nan)
    trained(model, optimizer, 2, digits(16))
    assert [step.converged for step in watched.steps[1:]] == [False, False]
    assert all(math.isnan(step.lambda_max) for step in watched.steps[1:])


def test_a_closed_watch_measures_no_more():
    model = network()
    optimizer = sgd(model)
    watched = watch(model, optimizer, digits(16), every=1)
    trained(model, optimizer, 1, digits(16))
    watched.close()
    trained(model, optimizer, 1, digits(16))
    assert len(watched.steps) == 1 and watched.rows()[0]["step"] == 0


def test_a_watch_is_drawn_without_bands_and_with_its_threshold():
    model = network()
    optimizer = sgd(model)
    watched = watch(model, optimizer, digits(16), every=1)
    with pytest.raises(ValueError, match="nothing was watched yet"):
        watched.plot()
    trained(model, optimizer, 3, digits(16))
    axes = watched.plot()
    drawn = {line.get_label(): line for line in axes.lines}
    assert list(drawn) == ["λ_max", "critical sharpness", "threshold of stability"]
    assert drawn["λ_max"].get_ydata().tolist() == [step.lambda_max for step in watched.steps]
    assert drawn["threshold of stability"].get_ydata().tolist() == [20.0] * 3


def test_what_does_not_fit_is_said_at_once_and_leaves_no_hook():
    model = network()
    optimizer = sgd(model)
    with pytest.raises(ValueError, match="every=0: measure at every step"):
        watch(model, optimizer, digits(16), every=0)
    with pytest.raises(ValueError):
        watch(model, optimizer, (digits(16)[0], digits(8)[1]))
    assert not optimizer._optimizer_step_pre_hooks and not optimizer._optimizer_step_post_hooks
