"""Loss, gradient and Hessian of a network, against closed forms and a network written by hand."""

import functools

import pytest
import torch
from landscape.network import batchnorm, parameters
from landscape.objective import Objective
from landscape.store.fingerprint import code_version
from torch import nn

from tests.sample_networks import (
    Point,
    cnn_loss,
    digits,
    filled,
    half_squares,
    log_point,
    quadratic,
    regression_data,
    relu_net,
    relu_objective,
    small_cnn,
    small_objective,
    state_of,
)

EXACT = {"rtol": 1e-11, "atol": 1e-13}  # float64, sums of some hundred terms


def augmented(inputs):
    return torch.cat([inputs, torch.ones(len(inputs), 1, dtype=inputs.dtype)], dim=1)


def in_theta_order(outputs, features):
    """Index from (output, feature, bias last) to theta = (weight rows, biases)."""
    grid = torch.arange(outputs * (features + 1)).view(outputs, features + 1)
    return torch.cat([grid[:, :features].reshape(-1), grid[:, features]])


# Closed forms


@pytest.fixture
def softmax():
    inputs, _, classes = regression_data()
    model = filled(nn.Linear(4, 3), "softmax")
    objective = Objective(model, (inputs, classes), microbatch=4)  # 4 + 4 + 3 examples
    logits = inputs @ model.weight.detach().T + model.bias.detach()
    return objective, augmented(inputs), classes, logits.softmax(1)


def test_loss_and_accuracy_of_softmax_regression_are_the_closed_form(softmax):
    objective, x, classes, p = softmax
    found = objective.evaluate(objective.theta)
    assert found.loss == pytest.approx(float(-p[range(len(x)), classes].log().mean()), rel=1e-14)
    assert found.accuracy == float((p.argmax(1) == classes).double().mean())
    assert (found.examples, found.bn) == (11, "frozen")


def test_gradient_of_softmax_regression_is_the_closed_form(softmax):
    objective, x, classes, p = softmax
    error = p - nn.functional.one_hot(classes, 3)
    want = (error.T @ x / len(x)).reshape(-1)[in_theta_order(3, 4)]
    torch.testing.assert_close(objective.gradient(objective.theta), want, **EXACT)


def test_hessian_of_softmax_regression_is_the_closed_form(softmax):
    objective, x, _, p = softmax
    inner = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    want = torch.einsum("nkl,ni,nj->kilj", inner, x, x).reshape(15, 15) / len(x)
    order = in_theta_order(3, 4)
    found = objective.hessian(objective.theta).to_dense()
    torch.testing.assert_close(found, want[order][:, order], **EXACT)


def test_least_squares_is_the_closed_form():
    inputs, targets, _ = regression_data()
    model = filled(nn.Linear(4, 3), "least squares")
    objective = Objective(model, (inputs, targets), loss="mse", microbatch=4)
    x, order = augmented(inputs), in_theta_order(3, 4)
    error = inputs @ model.weight.detach().T + model.bias.detach() - targets
    gradient = (2 / (11 * 3) * error.T @ x).reshape(-1)[order]
    hessian = 2 / (11 * 3) * torch.kron(torch.eye(3, dtype=torch.float64), x.T @ x)
    evaluation = objective.evaluate(objective.theta)
    assert evaluation.loss == pytest.approx(float(error.square().mean()), rel=1e-14)
    assert evaluation.accuracy != evaluation.accuracy  # No classes, no accuracy.
    torch.testing.assert_close(objective.gradient(objective.theta), gradient, **EXACT)
    found = objective.hessian(objective.theta).to_dense()
    torch.testing.assert_close(found, hessian[order][:, order], **EXACT)


def test_quadratic_with_a_negative_curvature_is_exact():
    objective = quadratic(1.0, -10.0, 0.0)
    theta = torch.tensor([2.0, 3.0, 5.0], dtype=torch.float64)
    assert objective.loss(theta) == 2.0 - 45.0
    assert objective.gradient(theta).tolist() == [2.0, -30.0, 0.0]
    assert objective.hessian(theta).to_dense().tolist() == [[1, 0, 0], [0, -10, 0], [0, 0, 0]]


def test_hessian_of_a_linear_loss_is_zero():
    inputs, targets, _ = regression_data()
    objective = Objective(filled(nn.Linear(4, 3)), (inputs, targets), loss=lambda o, t: o.sum(1))
    assert not objective.hessian(objective.theta).to_dense().any()


# A convolutional network with batch normalisation


@pytest.mark.slow
def test_frozen_cnn_has_the_loss_gradient_and_hessian_of_the_network_by_hand():
    objective = small_objective(6, microbatch=4)  # 4 + 2 examples
    inputs, targets = digits().first(6)
    loss = functools.partial(
        cnn_loss,
        inputs=inputs,
        targets=targets,
        statistics=objective.buffers,
        layout=objective.layout,
    )
    theta = objective.theta
    assert objective.loss(theta) == pytest.approx(float(loss(theta)), rel=1e-12)
    torch.testing.assert_close(objective.gradient(theta), torch.func.grad(loss)(theta), **EXACT)
    dense = torch.func.hessian(loss)(theta)
    torch.testing.assert_close(objective.hessian(theta).to_dense(), dense, **EXACT)
    assert float(torch.linalg.eigvalsh(dense)[0]) < 0  # Negative curvature is covered.


@pytest.mark.slow
def test_batch_statistics_are_those_of_equal_blocks_and_are_differentiated():
    objective = small_objective(7, bn="batch", bn_block=4, microbatch=1)  # blocks of 4 and 3
    inputs, targets = digits().first(7)

    def loss(theta):
        blocks = zip(inputs.split(4), targets.split(4), strict=True)
        parts = [len(y) * cnn_loss(theta, x, y, layout=objective.layout) for x, y in blocks]
        return sum(parts) / 7

    theta = objective.theta
    assert objective.loss(theta) == pytest.approx(float(loss(theta)), rel=1e-12)
    torch.testing.assert_close(objective.gradient(theta), torch.func.grad(loss)(theta), **EXACT)
    dense = torch.func.hessian(loss)(theta)
    torch.testing.assert_close(objective.hessian(theta).to_dense(), dense, **EXACT)


def test_reestimated_statistics_are_the_mean_over_equal_blocks():
    objective = small_objective(7, bn="reestimate", bn_block=4)
    inputs, _ = digits().first(7)
    statistics = objective.statistics(objective.theta)
    p = objective.layout.unflatten(objective.theta)
    convolved = nn.functional.conv2d(inputs.double(), p["0.weight"], p["0.bias"], padding=1)
    blocks = [block.transpose(0, 1).flatten(1) for block in (convolved[:4], convolved[4:])]
    mean = torch.stack([block.mean(1) for block in blocks]).mean(0)
    variance = torch.stack([block.var(1) for block in blocks]).mean(0)
    torch.testing.assert_close(statistics["1.running_mean"], mean, **EXACT)
    torch.testing.assert_close(statistics["1.running_var"], variance, **EXACT)
    assert int(statistics["1.num_batches_tracked"]) == 2


def test_reestimated_statistics_are_held_in_loss_gradient_and_hessian(generator):
    objective = small_objective(7, bn="reestimate", bn_block=4)
    theta = objective.theta + 0.1 * torch.randn(235, dtype=torch.float64, generator=generator)
    statistics = objective.statistics(theta)
    frozen = objective.replace(bn="frozen")
    v = torch.randn(235, dtype=torch.float64, generator=generator)
    assert objective.loss(theta) == frozen.loss(theta, buffers=statistics) != frozen.loss(theta)
    assert torch.equal(objective.gradient(theta), frozen.gradient(theta, buffers=statistics))
    held = frozen.hessian(theta, buffers=statistics)
    assert torch.equal(objective.hessian(theta) @ v, held @ v)


def test_statistics_may_be_reestimated_on_other_inputs():
    own, other = digits().x_train[:7], digits().x_train[7:20]
    here = small_objective(7, bn="reestimate", bn_examples=other.double())
    there = Objective(
        small_cnn(),
        (other, digits().y_train[7:20]),
        bn="reestimate",
        bn_block=7,
        dtype=torch.float64,
    )
    found, want = here.statistics(here.theta), there.statistics(there.theta)
    assert all(torch.equal(found[name], want[name]) for name in want)
    assert here.loss(here.theta) != small_objective(7, bn="reestimate").loss(here.theta)
    assert len(own) == here.num_examples


def test_frozen_policy_takes_other_statistics_when_given(generator):
    objective = small_objective(6)
    other = {name: buffer + 1 for name, buffer in objective.buffers.items()}
    inputs, targets = digits().first(6)
    want = cnn_loss(objective.theta, inputs, targets, statistics=other, layout=objective.layout)
    found = objective.loss(objective.theta, buffers=other)
    assert found == pytest.approx(float(want), rel=1e-12)


def test_policies_agree_where_there_is_no_normalisation():
    values = set()
    for bn in ("frozen", "batch", "reestimate"):
        objective = small_objective(13, norm="none", bn=bn, bn_block=5, microbatch=5)
        values.add(round(objective.loss(objective.theta), 13))
    assert len(values) == 1


@pytest.mark.parametrize(
    ("count", "size", "want"),
    [(13, 5, [5, 4, 4]), (10, 5, [5, 5]), (3, 5, [3]), (11, 10, [6, 5]), (1, 2, [1])],
)
def test_blocks_of_differ_by_at_most_one(count, size, want):
    assert batchnorm.block_sizes(count, size) == want


@pytest.mark.parametrize("bn", ["frozen", "reestimate"])
def test_objective_refuses_normalisation_without_running_statistics(bn):
    # It would use the statistics of each microbatch: results would depend on its size.
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False))
    inputs, _, classes = regression_data()
    with pytest.raises(ValueError, match=r"track_running_stats|running statistics"):
        Objective(model, (inputs, classes), bn=bn).loss(torch.zeros(21))


# What must not matter


@pytest.mark.slow
@pytest.mark.parametrize("bn", ["frozen", "reestimate"])
@pytest.mark.parametrize("microbatch", [1, 3, 12, 13, 1000])
def test_results_do_not_depend_on_the_microbatch(generator, bn, microbatch):
    one = small_objective(13, bn=bn, microbatch=5)
    two = small_objective(13, bn=bn, microbatch=microbatch)
    v = torch.randn(235, dtype=torch.float64, generator=generator)
    a, b = one.evaluate(one.theta), two.evaluate(two.theta)
    assert a.loss == pytest.approx(b.loss, rel=1e-13) and a.accuracy == b.accuracy
    torch.testing.assert_close(one.gradient(one.theta), two.gradient(two.theta), **EXACT)
    products = (objective.hessian(objective.theta) @ v for objective in (one, two))
    torch.testing.assert_close(*products, **EXACT)


def test_batch_statistics_do_not_depend_on_the_microbatch():
    losses = {
        small_objective(13, bn="batch", microbatch=size).loss(small_objective().theta)
        for size in (1, 5, 100)
    }
    assert len(losses) == 1


@pytest.mark.parametrize("memory", [0, 40_000, 2**30])
def test_products_do_not_depend_on_the_memory_for_graphs(generator, memory):
    v = torch.randn(235, 2, dtype=torch.float64, generator=generator)
    want = small_objective(13).hessian(small_objective().theta) @ v
    objective = small_objective(13, graph_memory=memory)
    op = objective.hessian(objective.theta)
    assert torch.equal(op @ v, want) and torch.equal(op @ v, want)


def test_graphs_are_kept_up_to_the_memory_that_is_allowed(generator):
    inputs, _, classes = regression_data()
    computed = []

    def loss(outputs, targets):
        computed.append(len(targets))
        return nn.functional.cross_entropy(outputs, targets, reduction="none")

    for memory, rebuilt in ((0, [4, 4, 3]), (2**20, [])):
        model = filled(nn.Linear(4, 3), "softmax")
        objective = Objective(
            model, (inputs, classes), loss=loss, microbatch=4, graph_memory=memory
        )
        op = objective.hessian(objective.theta)
        first = op @ objective.theta
        computed.clear()
        assert torch.equal(op @ objective.theta, first)
        # Two more where products are checked to be of one matrix.
        assert computed in (rebuilt, [4, 4, *rebuilt])


def test_one_example_is_a_set_of_examples():
    objective = small_objective(1)
    inputs, targets = digits().first(1)
    want = cnn_loss(
        objective.theta, inputs, targets, statistics=objective.buffers, layout=objective.layout
    )
    assert objective.loss(objective.theta) == pytest.approx(float(want), rel=1e-12)
    found = small_objective(1, bn="batch")
    want = cnn_loss(objective.theta, inputs, targets, layout=objective.layout)
    assert found.loss(objective.theta) == pytest.approx(float(want), rel=1e-12)


def test_mean_over_examples_counts_each_example_once():
    # Losses 0.5 t for targets t: the mean over 7 is not the mean of the means over 3, 3 and 1.
    targets = torch.tensor([[1.0], [1], [1], [1], [1], [1], [100]], dtype=torch.float64)
    objective = Objective(
        Point(1), (torch.zeros(7, 1), targets), loss=half_squares, microbatch=3, dtype=torch.float64
    )
    theta = torch.ones(1, dtype=torch.float64)
    assert objective.loss(theta) == pytest.approx(0.5 * 106 / 7, rel=1e-15)
    assert float(objective.gradient(theta)) == pytest.approx(106 / 7, rel=1e-15)
    assert float(objective.hessian(theta) @ theta) == pytest.approx(106 / 7, rel=1e-15)


def test_float32_agrees_with_float64_to_its_precision(generator):
    model = small_cnn().float()
    single, double = (
        Objective(model, digits().first(13), microbatch=5, dtype=dtype)
        for dtype in (None, torch.float64)
    )
    assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
    theta, v = single.theta, torch.randn(235, dtype=torch.float64, generator=generator)
    assert theta.dtype == torch.float64 and torch.equal(theta, double.theta)
    assert single.loss(theta) == pytest.approx(double.loss(theta), rel=1e-6)
    # Some hundred roundings of 6e-8 each, relative to the largest entry.
    for one, two in (
        (single.gradient(theta), double.gradient(theta)),
        (single.hessian(theta) @ v, double.hessian(theta) @ v),
    ):
        assert one.dtype == torch.float64
        assert 0 < float((one - two).abs().max()) < 1e-5 * float(two.abs().max())


def test_spectrum_is_unchanged_by_permuting_hidden_units(generator):
    model = relu_net()
    order = torch.randperm(5, generator=generator)
    twin = relu_net()
    with torch.no_grad():
        twin[0].weight.copy_(model[0].weight[order])
        twin[0].bias.copy_(model[0].bias[order])
        twin[2].weight.copy_(model[2].weight[:, order])
    spectra = []
    for network in (model, twin):
        objective = relu_objective(network)
        spectra.append(torch.linalg.eigvalsh(objective.hessian(objective.theta).to_dense()))
    assert float(spectra[0][0]) < 0 < float(spectra[0][-1])
    torch.testing.assert_close(*spectra, **EXACT)


def test_dropout_is_off():
    model = nn.Sequential(filled(nn.Linear(4, 3)), nn.Dropout(0.9)).train()
    assert relu_objective(model).loss(relu_objective(model).theta) == relu_objective(model[0]).loss(
        relu_objective(model[0]).theta
    )


def test_parameters_that_are_not_trained_are_held():
    model = relu_net()
    model[0].requires_grad_(False)
    objective = relu_objective(model)
    assert objective.n == 18
    whole = relu_objective(relu_net())
    assert objective.loss(objective.theta) == whole.loss(whole.theta)
    gradient = objective.gradient(objective.theta)
    torch.testing.assert_close(gradient, whole.gradient(whole.theta)[25:], **EXACT)


def test_shared_parameters_get_the_sum_of_both_uses():
    inputs, targets, _ = regression_data(features=3)
    first, second = filled(nn.Linear(3, 3), "a"), filled(nn.Linear(3, 3), "b")
    second.weight = first.weight
    objective = Objective(nn.Sequential(first, second), (inputs, targets), loss="mse")

    def loss(theta):
        weight, one, two = theta[:9].view(3, 3), theta[9:12], theta[12:]
        return (((inputs @ weight.T + one) @ weight.T + two - targets) ** 2).mean()

    want = torch.func.grad(loss)(objective.theta)
    torch.testing.assert_close(objective.gradient(objective.theta), want, **EXACT)


# What a call must leave alone


def use_all(objective):
    theta = objective.theta + 0.1
    objective.evaluate(theta)
    objective.gradient(theta)
    objective.statistics(theta)
    objective.hessian(theta) @ theta


@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
def test_model_and_global_random_numbers_stay_bit_for_bit(bn):
    model, examples = small_cnn().train(), digits().first(13)
    before, numbers = state_of(model), torch.get_rng_state()
    objective = Objective(model, examples, bn=bn, bn_block=7, microbatch=5)
    theta, buffers = objective.theta.clone(), {k: v.clone() for k, v in objective.buffers.items()}
    use_all(objective)
    assert state_of(model) == before and torch.equal(torch.get_rng_state(), numbers)
    assert torch.equal(objective.theta, theta)
    assert all(torch.equal(objective.buffers[name], buffers[name]) for name in buffers)


@pytest.mark.parametrize("method", ["evaluate", "gradient", "hessian"])
def test_model_and_objective_survive_an_exception(method):
    fail = [False]

    def loss(outputs, targets):
        if fail[0] and len(targets) < 5:
            raise ArithmeticError("in the last microbatch")
        return nn.functional.cross_entropy(outputs, targets, reduction="none")

    model = small_cnn().train()
    before = state_of(model)
    objective = Objective(model, digits().first(13), microbatch=5, loss=loss)
    want = objective.loss(objective.theta)
    fail[0] = True
    with pytest.raises(ArithmeticError, match=r"in the last microbatch"):
        found = getattr(objective, method)(objective.theta)
        found @ objective.theta
    fail[0] = False
    assert state_of(model) == before and objective.loss(objective.theta) == want
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


def test_objective_keeps_the_model_as_it_was_when_it_was_made():
    model = small_cnn()
    objective = Objective(model, digits().first(13))
    want = objective.loss(objective.theta)
    with torch.no_grad():
        for tensor in [*model.parameters(), model[1].running_mean]:
            tensor.add_(1)
    assert objective.loss(objective.theta) == want
    assert objective.replace().loss(objective.theta) == want


def test_theta_is_not_changed_by_a_call():
    objective = small_objective()
    theta = objective.theta.clone()
    use_all(objective)
    assert torch.equal(objective.theta, theta)


def test_replace_changes_what_it_is_given_and_keeps_the_rest():
    objective = small_objective(13, microbatch=5)
    other = objective.replace(examples=digits().first(6), bn="batch")
    assert (other.num_examples, other.bn, other.dtype) == (6, "batch", torch.float64)
    assert torch.equal(other.theta, objective.theta)
    assert objective.replace().fingerprint == objective.fingerprint


# Values that are not finite


def test_loss_that_is_infinite_or_nan_is_returned_as_such():
    examples = (torch.zeros(3, 1, dtype=torch.float64), torch.zeros(3, 2))
    objective = Objective(Point(2), examples, loss=log_point)
    values = [objective.loss(torch.tensor(point).double()) for point in ([0.0, 1.0], [-1.0, 1.0])]
    assert values[0] == float("-inf") and values[1] != values[1]


# Identity


def test_fingerprint_is_that_of_the_content_and_follows_theta():
    assert small_objective(13).fingerprint == small_objective(13).fingerprint
    with torch.no_grad():
        moved = small_cnn()
        moved[0].weight[0, 0, 0, 0] += 1
    other = Objective(moved, digits().first(13), microbatch=5, bn_block=7, dtype=torch.float64)
    assert other.fingerprint != small_objective(13).fingerprint


@pytest.mark.parametrize(
    "options",
    [
        {"bn": "batch"},
        {"loss": half_squares, "check": False},  # It does not fit these targets.
        {"dtype": torch.float32},
        {"count": 12},
        {"norm": "none"},
    ],
)
def test_fingerprint_follows_what_decides_the_function(options):
    assert small_objective(**options).fingerprint != small_objective(13).fingerprint


def test_fingerprint_follows_buffers_targets_and_held_parameters():
    model, (inputs, targets) = small_cnn(), digits().first(13)
    known = {Objective(model, (inputs, targets)).fingerprint}
    known.add(Objective(model, (inputs, targets.roll(1))).fingerprint)
    model[1].running_mean.add_(1e-9)
    known.add(Objective(model, (inputs, targets)).fingerprint)
    model[0].requires_grad_(False)
    known.add(Objective(model, (inputs, targets)).fingerprint)
    with torch.no_grad():
        model[0].weight[0, 0, 0, 0] += 1
    known.add(Objective(model, (inputs, targets)).fingerprint)
    assert len(known) == 5


class Scaled(nn.Module):
    """A module of the reader's own, whose factor is a plain attribute."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor
        self.linear = nn.Linear(4, 3)

    def forward(self, inputs):
        return self.factor * self.linear(inputs)


def test_fingerprint_follows_plain_attributes_of_a_module():
    one, two = (
        relu_objective(filled(Scaled(factor)), dtype=torch.float64) for factor in (1.0, 2.0)
    )
    assert one.loss(one.theta) != two.loss(two.theta)
    assert one.fingerprint != two.fingerprint


def test_fingerprint_follows_settings_that_a_layer_does_not_print():
    # Attention prints no number of heads: 2 and 4 heads have the same parameters.
    examples = (torch.ones(2, 3, 8).double(), torch.zeros(2, 3, 8).double())
    two, four = (
        Objective(filled(nn.TransformerEncoderLayer(8, heads, 8)), examples, loss="mse")
        for heads in (2, 4)
    )
    assert torch.equal(two.theta, four.theta)
    assert two.fingerprint != four.fingerprint


def scaled_squares(factor):
    def loss(outputs, targets):
        return factor * (outputs - targets).square().sum(1)

    return loss


def test_fingerprint_follows_the_values_that_a_loss_captures():
    inputs, targets, _ = regression_data()
    one, two = (
        Objective(filled(nn.Linear(4, 3)), (inputs, targets), loss=scaled_squares(factor))
        for factor in (1.0, 2.0)
    )
    assert one.loss(one.theta) != two.loss(two.theta)
    assert one.fingerprint != two.fingerprint


def test_hessian_is_identified_by_objective_point_and_statistics():
    objective = small_objective()
    theta, other = objective.theta, {name: b + 1 for name, b in objective.buffers.items()}
    assert objective.hessian(theta).fingerprint == objective.hessian(theta.clone()).fingerprint
    known = {
        objective.hessian(theta).fingerprint,
        objective.hessian(theta + 1).fingerprint,
        objective.hessian(theta, buffers=other).fingerprint,
        small_objective(12).hessian(theta).fingerprint,
    }
    assert len(known) == 4


# What is refused


@pytest.mark.parametrize("call", ["loss", "evaluate", "gradient", "hessian", "statistics"])
@pytest.mark.parametrize("shape", [(234,), (1,), (235, 1), ()])
def test_theta_of_another_shape_is_refused(call, shape):
    with pytest.raises(ValueError, match=r"theta has the shape .* n = 235"):
        getattr(small_objective(), call)(torch.zeros(shape))


@pytest.mark.parametrize("counts", [(0, 0), (3, 2), (2, 3)])
def test_examples_that_do_not_fit_together_are_refused(counts):
    examples = (torch.zeros(counts[0], 4), torch.zeros(counts[1], dtype=torch.int64))
    with pytest.raises(ValueError, match=rf"{counts[0]} inputs and {counts[1]} targets are no set"):
        Objective(nn.Linear(4, 3), examples)


@pytest.mark.parametrize("options", [{"microbatch": 0}, {"bn_block": 1}])
def test_batches_that_are_too_small_are_refused(options):
    with pytest.raises(ValueError, match=r"pass microbatch >= 1 and bn_block >= 2"):
        small_objective(**options)


def test_an_unknown_loss_is_refused():
    with pytest.raises(ValueError, match=r"loss='hinge' is not known. Pass 'cross_entropy', 'mse'"):
        small_objective(loss="hinge")


def test_an_unknown_policy_is_refused():
    with pytest.raises(
        ValueError, match=r"bn='eval' is no batch-normalisation policy. Pass 'frozen'"
    ):
        small_objective(bn="eval")


def test_a_loss_that_is_not_one_value_an_example_is_refused():
    # A mean over the microbatch would be divided by the number of examples once more.
    with pytest.raises(ValueError, match=r"one loss for each example"):
        small_objective(loss=nn.functional.cross_entropy).loss(small_objective().theta)


@pytest.mark.parametrize("outputs", [1, 3])
def test_squared_error_refuses_targets_that_would_broadcast(outputs):
    # Outputs (N, 1) minus targets (N,) is a matrix (N, N).
    inputs, targets, _ = regression_data(count=3)
    model = filled(nn.Linear(4, outputs))
    with pytest.raises(ValueError, match=r"shape"):
        objective = Objective(model, (inputs, targets[:, 0]), loss="mse")
        objective.loss(objective.theta)


@pytest.mark.parametrize(
    "loss",
    [
        functools.partial(nn.functional.cross_entropy, reduction="none"),
        nn.CrossEntropyLoss(reduction="none"),
    ],
    ids=["partial", "module"],
)
def test_any_callable_is_a_loss(loss):
    inputs, _, classes = regression_data()
    model = filled(nn.Linear(4, 3))
    found, want = (
        Objective(model, (inputs, classes), loss=chosen) for chosen in (loss, "cross_entropy")
    )
    assert found.loss(found.theta) == want.loss(want.theta)


def test_batch_normalisation_layers_are_found_by_name():
    assert batchnorm.batchnorm_layers(small_cnn()) == ["1", "5"]
    assert parameters.layout(small_cnn()) == small_objective().layout


def test_fingerprint_knows_the_code_that_computes():
    code = small_objective().fingerprint.code
    assert code["Objective"] == code_version(Objective)


def test_the_default_point_is_the_solution():
    L = small_objective()
    v = torch.linspace(-1, 1, L.n, dtype=torch.float64)
    assert L.loss() == L.loss(L.theta) and L.evaluate() == L.evaluate(L.theta)
    assert torch.equal(L.gradient(), L.gradient(L.theta))
    for kind in ("hessian", "ggn"):
        default, given = getattr(L, kind)(), getattr(L, kind)(L.theta)
        assert torch.equal(default @ v, given @ v)
        assert default.fingerprint == given.fingerprint
    assert L.parts().named.keys() == L.parts(L.theta).named.keys()


def test_a_key_made_late_is_of_the_point_at_which_the_operator_was_made():
    L = small_objective()
    theta = L.theta.clone()
    operator = L.hessian(theta)
    theta += 1.0
    assert operator.fingerprint == L.hessian().fingerprint != L.hessian(theta).fingerprint


def test_the_loss_of_each_example_is_public():
    L = small_objective()
    parts = L.parts()
    losses = [
        L.per_example_loss(
            torch.func.functional_call(parts.module, (parts.named, parts.buffers), (inputs,)),
            targets,
        )
        for inputs, targets in parts.batches
    ]
    assert torch.cat(losses).shape == (L.num_examples,)
    assert float(torch.cat(losses).mean()) == pytest.approx(L.loss(), rel=1e-12)
