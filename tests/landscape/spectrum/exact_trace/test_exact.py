"""The exact trace and diagonal against closed forms and dense Hessians in float64."""

import pytest
import torch
from landscape import models, rng
from landscape.objective import Objective
from landscape.spectrum.exact_trace import exact
from landscape.spectrum.exact_trace.exact import exact_trace
from torch import nn

from tests.sample_networks import (
    digits,
    filled,
    regression_data,
    relu_net,
    relu_objective,
    small_cnn,
    small_objective,
    state_of,
)

EXACT = {"rtol": 1e-10, "atol": 1e-12}  # float64, two orders of summation


class Block(nn.Module):
    """A residual block with ReLUs in place; a shortcut of stride 2 pads channels with zeros."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.stride, self.more, self.relu = stride, outputs - inputs, nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.second(self.relu(self.norm(self.first(x))))
        x = nn.functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return nn.functional.relu_(y + x)


class Sequences(nn.Module):
    """Linear layers on each row of an image, a scale, a shift, and a mean over rows."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 5), nn.Linear(5, 3, bias=False)
        self.shift, self.scale = nn.Parameter(torch.zeros(1, 8, 5)), nn.Parameter(torch.zeros(5))
        self.last = nn.Linear(3, 10)

    def forward(self, x):
        y = (self.first(x.flatten(0, 1).flatten(1, -2)) + self.shift).relu()
        return self.last(self.second(self.scale * y).relu().mean(1))


class Joined(nn.Module):
    """Two layers and a function that puts them together."""

    def __init__(self, forward):
        super().__init__()
        self.first, self.second, self._forward = nn.Linear(4, 4), nn.Linear(4, 4), forward

    def forward(self, inputs):
        return self._forward(self, inputs)


def residual():
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1),
        nn.BatchNorm2d(2),
        nn.ReLU(inplace=True),
        Block(2, 2, 1),
        Block(2, 3, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(3, 10),
    )


def unusual_convolutions():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=2),
        nn.LeakyReLU(inplace=True),
        nn.Conv2d(4, 4, 2, groups=2, dilation=2),
        nn.AvgPool2d(2, stride=1),
        nn.Hardtanh(-2, 2),
        nn.Conv2d(4, 4, 2, groups=4, padding=1, padding_mode="reflect"),
        nn.Flatten(),
        nn.Linear(36, 10),
    )


NETWORKS = {
    "residual": residual,
    "unusual convolutions": unusual_convolutions,
    "sequences": Sequences,
    "perceptron": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(64, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 10)
    ),
    "one dimension": lambda: nn.Sequential(
        nn.Flatten(2),
        nn.Conv1d(1, 3, 9, stride=4),
        nn.MaxPool1d(2),
        nn.Flatten(),
        nn.Linear(21, 10),
    ),
    "ResNet": lambda: models.ResNet(depth=8, width=1 / 16).build((1, 8, 8), 10, seed=0),
}


def sample(name, count=7, **options):
    model = filled(NETWORKS[name](), "exact", name)
    with torch.no_grad():
        model.train()(digits().x_train[:20].double())  # Running statistics away from 0 and 1.
    options = {"microbatch": 3, "dtype": torch.float64, **options}
    return Objective(model.eval(), digits().first(count), **options)


def one_hot(examples):
    inputs, targets = examples
    return inputs, nn.functional.one_hot(targets, 10).double()


def hessian_diagonal(objective):
    return objective.hessian(objective.theta).to_dense().diagonal()


def gauss_newton_trace(model, inputs):
    """tr GGN of cross-entropy by definition: dense Jacobians and dense diag(p) - p pᵀ."""
    named = {name: tensor.detach() for name, tensor in model.named_parameters()}
    outputs = lambda named: torch.func.functional_call(model, named, (inputs,))  # noqa: E731
    p = outputs(named).softmax(1)
    inner = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    jacobians = [part.flatten(2) for part in torch.func.jacrev(outputs)(named).values()]
    return float(torch.einsum("nki,nkl,nli->", j := torch.cat(jacobians, 2), inner, j) / len(p))


# Against closed forms and dense Hessians


def test_softmax_regression_is_the_closed_form():
    inputs, _, classes = regression_data()
    model = filled(nn.Linear(4, 3), "softmax")
    objective = Objective(model, (inputs, classes), microbatch=4)  # 4 + 4 + 3 examples
    p = (inputs @ model.weight.detach().T + model.bias.detach()).softmax(1)
    variance = p * (1 - p)
    weight, bias = variance.T @ inputs.square() / 11, variance.sum(0) / 11
    found = exact_trace(objective, objective.theta)
    torch.testing.assert_close(found.diagonal, torch.cat([weight.flatten(), bias]), **EXACT)
    assert found.value == pytest.approx(float(weight.sum() + bias.sum()), rel=1e-12)
    assert found.passes == 3 and found.converged


def test_least_squares_is_the_closed_form():
    inputs, targets, _ = regression_data()
    objective = Objective(filled(nn.Linear(4, 3)), (inputs, targets), loss="mse", microbatch=4)
    weight = 2 / (11 * 3) * inputs.square().sum(0).repeat(3)
    bias = torch.full((3,), 2 / 3, dtype=torch.float64)
    found = exact_trace(objective, objective.theta)
    torch.testing.assert_close(found.diagonal, torch.cat([weight, bias]), **EXACT)
    assert found.passes == 4


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("count", [1, 13])
def test_diagonal_of_a_cnn_is_that_of_the_dense_hessian(norm, count):
    objective = small_objective(count, norm=norm)  # 5 + 5 + 3 examples
    found, want = exact_trace(objective, objective.theta), hessian_diagonal(objective)
    torch.testing.assert_close(found.diagonal, want, **EXACT)
    assert found.value == pytest.approx(float(want.sum()), rel=1e-12)
    assert found.diagonal.dtype == torch.float64 and found.dtype == "float64"
    assert (found.examples, found.examples_hash) == (count, objective.examples_hash)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_diagonal_of_a_network_is_that_of_the_dense_hessian(name):
    objective = sample(name)
    want = hessian_diagonal(objective)
    assert float(want.max()) > 1e-3
    torch.testing.assert_close(exact_trace(objective, objective.theta).diagonal, want, **EXACT)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["residual", "sequences"])
def test_squared_error_of_a_network_is_that_of_the_dense_hessian(name):
    objective = sample(name)
    objective = objective.replace(examples=one_hot(digits().first(7)), loss="mse")
    found = exact_trace(objective, objective.theta)
    torch.testing.assert_close(found.diagonal, hessian_diagonal(objective), **EXACT)
    assert found.passes == 11


@pytest.mark.slow
def test_reestimated_statistics_are_those_of_theta():
    objective = small_objective(7, bn="reestimate", bn_block=4)
    found = exact_trace(objective, objective.theta)
    torch.testing.assert_close(found.diagonal, hessian_diagonal(objective), **EXACT)
    frozen = small_objective(7)
    assert found.bn == "reestimate"
    assert found.value != pytest.approx(exact_trace(frozen, frozen.theta).value, rel=0.01)


def test_given_statistics_are_used():
    objective, other = small_objective(7), small_objective(7, bn="reestimate", bn_block=4)
    buffers = other.statistics(objective.theta)
    found = exact_trace(objective, objective.theta, buffers=buffers)
    assert found.value == exact_trace(other, objective.theta).value


def test_other_points_than_the_models_own_are_measured():
    objective = small_objective(5)
    theta = objective.theta + torch.linspace(-0.3, 0.3, objective.n, dtype=torch.float64)
    want = objective.hessian(theta).to_dense().diagonal()
    torch.testing.assert_close(exact_trace(objective, theta).diagonal, want, **EXACT)


def test_without_theta_the_objectives_own_point_is_measured():
    objective = small_objective(5)
    points = [(), (objective.theta,), (None,), (0.9 * objective.theta,)]
    own, given, none, other = (exact_trace(objective, *point).value for point in points)
    assert own == given == none and own != other


@pytest.mark.slow
def test_label_smoothing_does_not_change_the_trace():
    plain, smooth = small_objective(6), small_objective(6, label_smoothing=0.2)
    found = exact_trace(smooth, smooth.theta)
    torch.testing.assert_close(found.diagonal, hessian_diagonal(smooth), **EXACT)
    assert found.value == exact_trace(plain, plain.theta).value


@pytest.mark.slow
def test_probabilities_as_targets_weigh_by_their_sum():
    inputs, targets = one_hot(digits().first(6))
    targets = 0.3 * targets + torch.linspace(0, 0.2, 10, dtype=torch.float64)
    objective = Objective(small_cnn(), (inputs, targets), microbatch=4, dtype=torch.float64)
    want = hessian_diagonal(objective)
    torch.testing.assert_close(exact_trace(objective, objective.theta).diagonal, want, **EXACT)


@pytest.mark.slow
def test_ignored_examples_have_no_curvature():
    inputs, targets = digits().first(6)
    targets = targets.clone()
    targets[::2] = -100  # What torch's cross-entropy ignores.
    objective = Objective(small_cnn(), (inputs, targets), microbatch=4, dtype=torch.float64)
    want = hessian_diagonal(objective)
    torch.testing.assert_close(exact_trace(objective, objective.theta).diagonal, want, **EXACT)


def test_a_single_class_has_no_curvature():
    inputs = torch.randn(4, 3, generator=rng.stream(0, "single class"))
    objective = Objective(nn.Linear(3, 1), (inputs, torch.zeros(4, dtype=torch.long)))
    found = exact_trace(objective, objective.theta)
    assert (found.value, found.error, found.passes) == (0.0, 0.0, 1)


def test_frozen_parameters_are_left_out():
    model = small_cnn()
    for name in ("0.weight", "1.bias", "9.bias", "11.weight"):
        model.get_parameter(name).requires_grad_(False)
    objective = Objective(model, digits().first(5), microbatch=3, dtype=torch.float64)
    found = exact_trace(objective, objective.theta)
    assert found.diagonal.shape == (objective.n,)
    torch.testing.assert_close(found.diagonal, hessian_diagonal(objective), **EXACT)


def test_unused_parameters_have_no_curvature():
    model = filled(Joined(lambda m, x: m.first(x)), "unused")
    inputs, _, classes = regression_data()
    objective = Objective(model, (inputs, classes))
    diagonal = exact_trace(objective, objective.theta).diagonal
    assert float(diagonal[:20].min()) > 0 and not diagonal[20:].any()


@pytest.mark.parametrize("logit", [-300.0, -30.0, 0.0, 30.0, 300.0])
def test_confident_predictions_keep_their_relative_accuracy(logit):
    # p (1 - p) = 1 / (2 + 2 cosh z): in float32 the difference 1 - p alone would be 0 for z > 17.
    model = nn.Linear(1, 2, bias=False).float()
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[logit], [0.0]]))
    objective = Objective(model, (torch.ones(1, 1), torch.zeros(1, dtype=torch.long)))
    want = 2 / (2 + 2 * torch.tensor(logit).double().cosh())
    assert exact_trace(objective, objective.theta).value == pytest.approx(float(want), rel=1e-6)


# Where it holds, and where it does not


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.GELU])
def test_hessian_and_gauss_newton_share_their_trace_only_for_piecewise_linear_networks(activation):
    inputs, _, classes = regression_data()
    model = filled(nn.Sequential(nn.Linear(4, 5), activation(), nn.Linear(5, 3)), "activation")
    objective = Objective(model, (inputs, classes))
    hessian, ggn = float(hessian_diagonal(objective).sum()), gauss_newton_trace(model, inputs)
    if activation is nn.ReLU:
        assert hessian == pytest.approx(ggn, rel=1e-12)
        assert exact_trace(objective, objective.theta).value == pytest.approx(ggn, rel=1e-12)
        return
    assert abs(hessian - ggn) > 0.01 * ggn
    with pytest.raises(ValueError, match="not known to be piecewise linear"):
        exact_trace(objective, objective.theta)


def test_hessian_and_gauss_newton_differ_with_a_shared_layer():
    inputs, _, classes = regression_data()
    model = filled(Joined(lambda m, x: m.first(m.first(x).relu())), "shared")
    objective = Objective(model, (inputs, classes))
    hessian, ggn = float(hessian_diagonal(objective).sum()), gauss_newton_trace(model, inputs)
    assert abs(hessian - ggn) > 0.01 * ggn
    with pytest.raises(ValueError, match="is used more than once"):
        exact_trace(objective, objective.theta)


@pytest.mark.slow
def test_batch_statistics_are_refused_and_do_differ():
    objective = small_objective(7, bn="batch", bn_block=7)
    diagonal = exact_trace(small_objective(7, bn="reestimate"), objective.theta).diagonal
    assert float((hessian_diagonal(objective) - diagonal).abs().max()) > 0.1
    with pytest.raises(ValueError, match=r"normalises by statistics .*bn='batch'.*bn='frozen'"):
        exact_trace(objective, objective.theta)


def test_batch_policy_without_batch_norm_is_no_obstacle():
    objective = small_objective(7, norm="none", bn="batch")
    want = hessian_diagonal(objective)
    torch.testing.assert_close(exact_trace(objective, objective.theta).diagonal, want, **EXACT)


REFUSED = {
    "centred examples": (
        lambda m, x: m.second((y := m.first(x)) - y.mean(0)),
        r"depends on another example through AddmmBackward0 with 'first\.bias'.*act on each other",
    ),
    "the example before": (lambda m, x: m.first(x).roll(1, 0), "depends on another example"),
    "examples in the second axis": (
        lambda m, x: m.first(x.expand(len(x), *x.shape)).mean(0),
        "or are not in the first axis",
    ),
    "scaled weight": (lambda m, x: x @ (2 * m.first.weight).t(), "has a result of shape"),
    "square": (lambda m, x: m.first(x) * m.first(x), "is used more than once"),
    "gate of itself": (lambda m, x: (y := m.first(x)) * m.second(y), "both factors of a product"),
    "softmax": (lambda m, x: m.second(m.first(x).softmax(1)), "SoftmaxBackward0"),
    "outputs of three axes": (lambda m, x: m.first(x)[:, None], r"outputs \(6, 1, 4\).*\(N, K\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_networks_outside_the_conditions_are_refused(name):
    forward, text = REFUSED[name]
    inputs, _, classes = regression_data()
    # Without the check, which refuses some of them earlier.
    objective = Objective(filled(Joined(forward), "refused"), (inputs, classes), check=False)
    with pytest.raises(ValueError, match=text):
        exact_trace(objective, objective.theta)


def test_losses_of_the_readers_own_are_refused():
    objective = relu_objective(relu_net(), loss=lambda outputs, targets: outputs.square().sum(1))
    with pytest.raises(ValueError, match=r"loss is a function of the reader's own.*L\.hessian"):
        exact_trace(objective, objective.theta)


def test_theta_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        exact_trace(small_objective(3), torch.zeros(3))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_parameters_that_are_not_finite_are_an_error(value):
    objective = small_objective(3)
    theta = objective.theta
    theta[-1] = value
    with pytest.raises(RuntimeError, match="outputs of the network are not finite"):
        exact_trace(objective, theta)


def test_overflow_is_an_error():
    inputs = torch.full((2, 1), 1e25)
    objective = Objective(nn.Linear(1, 1, bias=False), (inputs, inputs), loss="mse")
    with pytest.raises(RuntimeError, match=r"not finite in torch\.float32.*torch\.float64"):
        exact_trace(objective, objective.theta)
    exact64 = objective.replace(dtype=torch.float64)
    assert exact_trace(exact64, exact64.theta).value == pytest.approx(2e50, rel=1e-6)


# Rounding, memory, repetition


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize(
    "config",
    [
        models.CNN(channels=(4, 6), hidden=16),
        models.CNN(norm="none"),
        models.MLP(),
        models.ResNet(depth=14, width=0.25, norm="none"),
    ],
    ids=["small CNN", "CNN without norm", "MLP", "ResNet"],
)
def test_single_precision_is_within_its_error_of_double_precision(config, scale):
    model = config.build((1, 8, 8), 10, seed=3).eval()
    with torch.no_grad():
        *_, last = (module for module in model.modules() if isinstance(module, nn.Linear))
        last.weight.mul_(scale)
    single = Objective(model, digits().first(40), dtype=torch.float32)
    double = Objective(model, digits().first(40), dtype=torch.float64)
    found, true = (exact_trace(L, single.theta) for L in (single, double))
    assert found.dtype == "float32" and 0 < true.error < 1e-10 * true.value
    assert 0 < abs(found.value - true.value) <= found.error < 1e-3 * true.value
    torch.testing.assert_close(
        found.diagonal, true.diagonal, rtol=1e-3, atol=1e-4 * float(true.diagonal.max())
    )


@pytest.mark.parametrize("microbatch", [1, 4, 13, 100])
def test_trace_does_not_depend_on_the_microbatch(microbatch):
    objective, other = small_objective(13), small_objective(13, microbatch=microbatch)
    found, want = (exact_trace(L, L.theta) for L in (other, objective))
    torch.testing.assert_close(found.diagonal, want.diagonal, rtol=1e-12, atol=1e-15)
    assert found.passes == want.passes == 10


@pytest.mark.parametrize("name", ["_CHUNK_BYTES", "_LARGEST_BYTES"])
def test_trace_does_not_depend_on_the_memory_bound(name, monkeypatch):
    objective = sample("residual")
    want = exact_trace(objective, objective.theta)
    counts, network = [], exact._Network.__call__

    def counted(self, inputs):
        counts.append(len(inputs))
        return network(self, inputs)

    monkeypatch.setattr(exact._Network, "__call__", counted)
    monkeypatch.setattr(exact, name, 1)
    found = exact_trace(objective, objective.theta)
    assert counts == [6] + 7 * [1]  # A few to see what they take, then one at once.
    torch.testing.assert_close(found.diagonal, want.diagonal, rtol=1e-12, atol=1e-15)


def test_same_objective_same_bits():
    first, second = (exact_trace(L, L.theta) for L in (small_objective(13), small_objective(13)))
    assert torch.equal(first.diagonal, second.diagonal) and first.value == second.value


def test_model_and_objective_are_not_touched():
    model = filled(residual(), "untouched")
    before = state_of(model)
    objective = Objective(model, digits().first(5), dtype=torch.float64)
    theta, gradient = objective.theta.clone(), objective.gradient(objective.theta)
    exact_trace(objective, objective.theta)
    assert state_of(model) == before
    assert torch.equal(objective.theta, theta)
    assert torch.equal(objective.gradient(theta), gradient)


def test_gradients_may_be_switched_off_outside():
    objective = small_objective(5)
    with torch.no_grad():
        found = exact_trace(objective, objective.theta)
    assert found.value == exact_trace(objective, objective.theta).value


class Behind(nn.Module):
    """A convolution, what stands behind it, and a linear layer."""

    def __init__(self, conv, *behind, skip=False, untrained=()):
        super().__init__()
        self.conv, self.behind, self.skip = conv, nn.Sequential(*behind), skip
        self.linear = nn.LazyLinear(3)
        self(torch.zeros(2, 4, 5, 5))
        filled(self, "behind")
        for name in untrained:
            self.get_parameter(name).requires_grad_(False)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.uniform_(-1, 1, generator=rng.stream(0, "mean"))
                module.running_var.uniform_(0.5, 2, generator=rng.stream(0, "variance"))

    def forward(self, x):
        y = self.conv(x)
        z = self.behind(y)
        return self.linear((z + y if self.skip else z).relu().flatten(1))


NORMALISED = {
    "bias": lambda: Behind(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6)),
    "no bias": lambda: Behind(nn.Conv2d(4, 6, 3, bias=False), nn.BatchNorm2d(6)),
    "groups": lambda: Behind(nn.Conv2d(4, 6, 3, groups=2), nn.BatchNorm2d(6)),
    "depthwise": lambda: Behind(nn.Conv2d(4, 4, 3, groups=4, stride=2), nn.BatchNorm2d(4)),
    "one place": lambda: Behind(nn.Conv2d(4, 6, 5), nn.BatchNorm2d(6)),
    "also a skip": lambda: Behind(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), skip=True),
    "not affine": lambda: Behind(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6, affine=False)),
    "twice": lambda: Behind(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.BatchNorm2d(6)),
    "untrained bias": lambda: Behind(
        nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), untrained=["conv.bias"]
    ),
    "untrained weight": lambda: Behind(
        nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), untrained=["conv.weight"]
    ),
    "untrained scale": lambda: Behind(
        nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), untrained=["behind.0.weight"]
    ),
    "untrained shift": lambda: Behind(
        nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), untrained=["behind.0.bias"]
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NORMALISED)
def test_normalisation_behind_a_convolution_has_its_share_of_the_diagonal(name):
    generator = rng.stream(0, "normalised")
    inputs = torch.randn(5, 4, 5, 5, dtype=torch.float64, generator=generator)
    classes = torch.randint(3, (5,), generator=generator)
    objective = Objective(NORMALISED[name](), (inputs, classes))
    want = objective.hessian(objective.theta).to_dense().diagonal()
    found = exact_trace(objective, objective.theta)
    torch.testing.assert_close(found.diagonal, want, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("name", "backward"), [("bias", 0), ("no bias", 0), ("also a skip", 2), ("untrained bias", 2)]
)
def test_joined_normalisation_has_no_backward_pass_of_its_own(name, backward):
    inputs, classes = torch.ones(5, 4, 5, 5, dtype=torch.float64), torch.tensor([0, 1, 2, 1, 0])
    objective = Objective(NORMALISED[name](), (inputs, classes))
    trained = {block.name for block in objective.layout.blocks}
    network = exact._Network(objective.parts(objective.theta), trained)
    outputs, graph = network(inputs)
    with torch.profiler.profile() as profile:
        exact._squares(graph, outputs, torch.ones(2, 5, 3, dtype=torch.float64))
    calls = {event.key: event.count for event in profile.key_averages()}
    assert calls.get("aten::native_batch_norm_backward", 0) == backward
