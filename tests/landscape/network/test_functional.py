"""A network as a function of named tensors."""

import pytest
import torch
from landscape.connectivity.straight import linear_barrier
from landscape.evaluator import Evaluator
from landscape.network import parameters
from landscape.network.functional import Network
from landscape.objective import Objective
from torch import nn

from tests.sample_networks import digits, filled, small_cnn, small_vit, state_of


def network(model, **options):
    inputs, _ = digits().first(6)
    options = {
        "dtype": torch.float64,
        "bn": "frozen",
        "bn_inputs": inputs,
        "bn_block": 3,
        **options,
    }
    return Network(model, **options)


def theta_of(model):
    return parameters.layout(model).flatten(dict(model.named_parameters()))


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("build", [small_cnn, small_vit])
def test_outputs_are_those_of_the_module(build, twice):
    model, (inputs, _) = build(), digits().first(6)
    net = network(model)
    found = net(net.named(theta_of(model)), net.buffers, net.place(inputs), twice=twice)
    torch.testing.assert_close(found, model(inputs.double()), rtol=1e-12, atol=1e-13)
    assert type(found) is torch.Tensor


@pytest.mark.parametrize("twice", [False, True])
def test_images_of_one_channel_are_spread_in_memory_where_that_is_faster(twice):
    seen = []

    class Watching(nn.Conv2d):
        def forward(self, x):
            seen.append((x.stride(), self.weight.stride()))
            return super().forward(x)

    model = nn.Sequential(Watching(1, 3, 3), nn.Flatten(), nn.Linear(108, 2))
    net, (inputs, _) = network(model), digits().first(6)
    seen.clear()
    net(net.named(theta_of(model)), net.buffers, net.place(inputs), twice=twice)
    spread = [(of_inputs == (64, 1, 8, 1), of_weight) for of_inputs, of_weight in seen]
    assert spread == [(False, (9, 9, 3, 1)) if twice else (True, (9, 1, 3, 1))]


def test_outputs_are_those_of_the_given_point_and_statistics():
    model, (inputs, _) = small_cnn(), digits().first(6)
    net, theta = network(small_cnn()), theta_of(model) + 0.1
    buffers = {name: buffer + 1 for name, buffer in net.buffers.items()}
    with torch.no_grad():
        for name, tensor in net.layout.unflatten(theta).items():
            model.get_parameter(name).copy_(tensor)
        for name, buffer in buffers.items():
            model.get_buffer(name).copy_(buffer)
    found = net(net.named(theta), net.statistics(theta, buffers), net.place(inputs))
    torch.testing.assert_close(found, model(inputs.double()), rtol=1e-13, atol=1e-14)


def test_attention_has_second_derivatives_where_it_is_asked_for():
    model, (inputs, _) = small_vit(), digits().first(2)
    net = network(model)
    leaf = net.cast(theta_of(model)).requires_grad_()
    outputs = net(net.named(leaf), net.buffers, net.place(inputs), twice=True)
    (gradient,) = torch.autograd.grad(outputs.square().sum(), leaf, create_graph=True)
    (product,) = torch.autograd.grad(gradient, leaf, torch.ones_like(leaf))
    assert product.isfinite().all() and product.any()


def test_module_stays_as_it_is():
    model = small_cnn().train()
    before = state_of(model)
    net = network(model, bn="reestimate")
    net.statistics(net.cast(theta_of(model)), None)
    assert state_of(model) == before
    assert not net.module.training and not any(p.requires_grad for p in net.module.parameters())


def test_dtype_and_layout_are_those_that_are_asked_for():
    model = small_cnn().float()
    for dtype, want in ((None, torch.float32), (torch.float64, torch.float64)):
        net = network(model, dtype=dtype)
        placed = net.place(digits().x_train[:2])
        assert (net.dtype, placed.dtype, net.cast(theta_of(model)).dtype) == (want,) * 3
        assert net.buffers["1.running_mean"].dtype == want
        assert placed.is_contiguous(memory_format=torch.channels_last)
        assert net.device == placed.device == torch.device("cpu")
    linear = network(filled(nn.Sequential(nn.Flatten(), nn.Linear(64, 2))))
    assert linear.place(digits().x_train[:2]).is_contiguous()


def test_untrained_parameters_are_part_of_the_named_ones():
    model = small_cnn()
    model[0].requires_grad_(False)
    net = network(model)
    named = net.named(theta_of(model))
    assert set(net.untrained) == {"0.weight", "0.bias"} and set(named) == set(
        dict(model.named_parameters())
    )
    assert torch.equal(named["0.weight"], model[0].weight)


def test_named_tensors_lead_back_to_the_point():
    model = small_cnn()
    net = network(model)
    leaf = theta_of(model).requires_grad_()
    total = sum(tensor.sum() for tensor in net.named(leaf).values())
    assert torch.equal(torch.autograd.grad(total, leaf)[0], torch.ones_like(leaf))


def test_theta_of_another_length_or_not_finite_is_refused():
    model = small_cnn()
    net, theta = network(model), theta_of(model)
    with pytest.raises(ValueError, match=r"theta has the shape \(3,\)"):
        net.cast(torch.zeros(3))
    for bad in (float("nan"), float("inf"), -float("inf")):
        theta[[0, 1, 100]] = bad
        with pytest.raises(ValueError, match=r"NaN or infinity: 2 of the 18 entries of '0.weight'"):
            net.check_finite(theta)


def test_policy_is_checked_against_the_module():
    with pytest.raises(ValueError, match=r"bn='eval' is no batch-normalisation policy"):
        network(small_cnn(), bn="eval")
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False))
    with pytest.raises(ValueError, match=r"'1' keeps no running statistics .* Pass bn='batch'"):
        network(model)
    assert network(model, bn="batch").bn == "batch"


# Group norms: only in the default format, since second derivatives in the other can end the process


class GroupNormed(nn.Module):
    """Two convolutions with a group norm between them, as a layer or as a function."""

    def __init__(self, norm=None):
        super().__init__()
        self.first, self.last = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 3, 3)
        self.norm = norm

    def forward(self, x):
        x = self.first(x)
        x = nn.functional.group_norm(x, 2) if self.norm is None else self.norm(x)
        return self.last(x.tanh()).mean((2, 3))


@pytest.mark.parametrize(
    ("norm", "last"),
    [
        (nn.GroupNorm(2, 4), False),
        (nn.GroupNorm(1, 4), False),
        (None, False),
        (nn.InstanceNorm2d(4), True),
        (nn.Identity(), True),
    ],
    ids=["groups", "one group", "a function", "instance", "none"],
)
def test_a_network_with_a_group_norm_is_measured_in_the_default_format(norm, last, monkeypatch):
    formats, plain = [], torch.group_norm

    def noting(x, *rest):
        formats.append(x.is_contiguous())
        return plain(x, *rest)

    monkeypatch.setattr(torch, "group_norm", noting)
    torch.manual_seed(0)
    inputs, targets = torch.randn(6, 2, 8, 8), torch.arange(6) % 3
    L, other = (Objective(GroupNormed(norm), (inputs, targets), check=False) for _ in range(2))
    L.gradient()
    L.hessian() @ torch.ones(L.n, dtype=torch.float64)
    Evaluator(L, L.theta, L.theta).evaluate(0.0)
    linear_barrier(L, other)
    assert L.channels_last == last
    assert bool(formats) == (norm is None or isinstance(norm, nn.GroupNorm)) and all(formats)
