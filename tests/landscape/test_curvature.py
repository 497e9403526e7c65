"""Hessian and GGN of an objective, against closed forms and networks written by hand."""

import functools

import numpy as np
import pytest
import scipy.sparse.linalg
import torch
from landscape.objective import Objective
from torch import nn

from tests.sample_networks import (
    cnn_outputs,
    cross_entropy,
    dense_ggn,
    digits,
    filled,
    half_squares,
    regression_data,
    relu_net,
    small_cnn,
    small_objective,
    small_vit,
    state_of,
    vit_outputs,
)

EXACT = {"rtol": 1e-11, "atol": 1e-13}  # float64, sums of some hundred terms
BOTH = pytest.mark.parametrize("kind", ["hessian", "ggn"])


def curvature(objective, kind="hessian", **options):
    return getattr(objective, kind)(objective.theta, **options)


def dense(objective, kind="hessian", **options):
    return curvature(objective, kind, **options).to_dense()


@functools.cache
def dense_cnn(kind="hessian"):
    """The matrix of the CNN with BN on 6 examples, which several tests compare with."""
    return dense(small_objective(6), kind)


def directions(n, generator, count=3):
    return torch.randn(n, count, dtype=torch.float64, generator=generator)


# Networks by hand


@pytest.mark.slow
@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
def test_cnn_has_the_curvature_of_the_network_by_hand(bn):
    objective = small_objective(6, bn=bn, bn_block=3, microbatch=4)  # 4 + 2 examples
    inputs, targets = digits().first(6)
    held = objective.statistics(objective.theta) if bn != "batch" else None

    def outputs(theta):
        blocks = inputs.split(3 if bn == "batch" else 6)
        apply = functools.partial(cnn_outputs, statistics=held, layout=objective.layout)
        return torch.cat([apply(theta, block) for block in blocks])

    hessian = torch.func.hessian(lambda theta: cross_entropy(outputs(theta), targets))
    torch.testing.assert_close(dense(objective), hessian(objective.theta), **EXACT)
    want = dense_ggn(outputs, objective.theta, count=6)
    torch.testing.assert_close(dense(objective, "ggn"), want, **EXACT)


@pytest.mark.slow
def test_vit_has_the_curvature_of_the_network_by_hand():
    model, (inputs, targets) = small_vit(), digits().first(5)
    objective = Objective(model, (inputs, targets % 4), microbatch=2, dtype=torch.float64)

    def outputs(theta):
        return vit_outputs(theta, inputs, layout=objective.layout)

    theta, loss = objective.theta, lambda theta: cross_entropy(outputs(theta), targets % 4)
    assert objective.loss(theta) == pytest.approx(float(loss(theta)), rel=1e-13)
    torch.testing.assert_close(objective.gradient(theta), torch.func.grad(loss)(theta), **EXACT)
    torch.testing.assert_close(dense(objective), torch.func.hessian(loss)(theta), **EXACT)
    want = dense_ggn(outputs, theta, count=5)
    torch.testing.assert_close(dense(objective, "ggn"), want, **EXACT)


@pytest.mark.slow
@pytest.mark.parametrize("layer", [nn.TransformerEncoderLayer, nn.TransformerDecoderLayer])
def test_pytorch_s_own_attention_has_a_symmetric_curvature(layer, generator):
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.head = layer(4, 2, 8, batch_first=True), nn.Linear(4, 3)

        def forward(self, x):
            memory = (x,) if layer is nn.TransformerDecoderLayer else ()
            return self.head(self.layer(x, *memory).mean(1))

    inputs = torch.randn(5, 3, 4, dtype=torch.float64, generator=generator)
    objective = Objective(filled(Network()), (inputs, torch.arange(5) % 3), microbatch=2)
    whole, head = dense(objective), slice(objective.n - 15, None)
    torch.testing.assert_close(whole, whole.T, **EXACT)
    # With the attention held, PyTorch would take a path of its own for it.
    torch.testing.assert_close(dense(objective, within="head"), whole[head, head], **EXACT)
    step = 1e-5 * directions(objective.n, generator, 1)[:, 0]
    ends = [objective.gradient(objective.theta + sign * step) for sign in (1, -1)]
    torch.testing.assert_close((ends[0] - ends[1]) / 2, whole @ step, rtol=1e-5, atol=1e-9)


# Closed forms


def test_deep_linear_network_is_the_closed_form():
    inputs, targets, _ = regression_data(outputs=2)
    model = filled(nn.Sequential(nn.Linear(4, 3, bias=False), nn.Linear(3, 2, bias=False)))
    objective = Objective(model, (inputs, targets), loss="mse", microbatch=4)
    w1, w2 = (layer.weight.detach() for layer in model)
    scale, eye = 2 / (11 * 2), torch.eye(2, dtype=torch.float64)
    s, r = inputs.T @ inputs, (inputs @ w1.T @ w2.T - targets).T @ inputs
    first = torch.einsum("ki,kj,ab->iajb", w2, w2, s).reshape(12, 12)
    second = torch.einsum("kl,ij->kilj", eye, w1 @ s @ w1.T).reshape(6, 6)
    shared = torch.einsum("kj,ia->jaki", w2, w1 @ s).reshape(12, 6)
    bent = torch.einsum("ij,ka->jaki", torch.eye(3, dtype=torch.float64), r).reshape(12, 6)
    for kind, cross in (("hessian", shared + bent), ("ggn", shared)):
        want = scale * torch.cat([torch.cat([first, cross], 1), torch.cat([cross.T, second], 1)])
        torch.testing.assert_close(dense(objective, kind), want, **EXACT)
    assert float(torch.linalg.eigvalsh(dense(objective))[0]) < -0.01


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_hessian_and_ggn_are_one_where_outputs_are_linear_in_theta(loss):
    inputs, targets, classes = regression_data()
    model = filled(nn.Linear(4, 3))
    examples = (inputs, targets if loss == "mse" else classes)
    objective = Objective(model, examples, loss=loss, microbatch=4)
    torch.testing.assert_close(dense(objective, "ggn"), dense(objective), **EXACT)


@pytest.mark.parametrize("smoothing", [0.1, 0.7])
def test_label_smoothing_moves_the_gradient_by_its_closed_form_and_not_the_ggn(smoothing):
    inputs, _, classes = regression_data()
    plain = Objective(filled(nn.Linear(4, 3)), (inputs, classes), microbatch=4)
    smooth = plain.replace(label_smoothing=smoothing)
    theta, x = plain.theta, torch.cat([inputs, torch.ones(11, 1, dtype=torch.float64)], dim=1)
    moved = smoothing * (nn.functional.one_hot(classes, 3).double() - 1 / 3).T @ x / 11
    want = torch.cat([moved[:, :4].reshape(-1), moved[:, 4]])
    torch.testing.assert_close(smooth.gradient(theta) - plain.gradient(theta), want, **EXACT)
    torch.testing.assert_close(dense(smooth, "ggn"), dense(plain, "ggn"), **EXACT)
    torch.testing.assert_close(dense(smooth), dense(plain), **EXACT)


@pytest.mark.slow
def test_label_smoothing_changes_the_hessian_where_outputs_are_curved():
    objective = small_objective(6, label_smoothing=0.3)
    inputs, targets = digits().first(6)
    apply = functools.partial(
        cnn_outputs, inputs=inputs, statistics=objective.buffers, layout=objective.layout
    )

    def loss(theta):
        return nn.functional.cross_entropy(apply(theta), targets, label_smoothing=0.3)

    found = dense(objective)
    torch.testing.assert_close(found, torch.func.hessian(loss)(objective.theta), **EXACT)
    assert not torch.allclose(found, dense_cnn())
    want = dense_ggn(apply, objective.theta, count=6)
    torch.testing.assert_close(dense(objective, "ggn"), want, **EXACT)


@BOTH
def test_callable_loss_has_the_curvature_of_the_named_one(kind):
    inputs, targets, classes = regression_data()

    def squares(outputs, targets):
        return (outputs - targets).square().mean(1)

    entropy = functools.partial(nn.functional.cross_entropy, reduction="none")
    for own, name, y in ((squares, "mse", targets), (entropy, "cross_entropy", classes)):
        one, two = (Objective(relu_net(), (inputs, y), loss=loss) for loss in (own, name))
        torch.testing.assert_close(dense(one, kind), dense(two, kind), **EXACT)


def test_ggn_of_a_loss_that_is_not_convex_has_its_negative_curvature():
    targets = torch.tensor([[1.0, -10.0]], dtype=torch.float64)
    model = filled(nn.Linear(1, 2, bias=False))
    inputs = torch.full((1, 1), 3.0, dtype=torch.float64)
    objective = Objective(model, (inputs, targets), loss=half_squares)
    assert dense(objective, "ggn").tolist() == [[9, 0], [0, -90]]


# Properties


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("bn", ["frozen", "batch"])
def test_curvature_is_symmetric(kind, bn):
    matrix = dense_cnn(kind) if bn == "frozen" else dense(small_objective(6, bn=bn), kind)
    torch.testing.assert_close(matrix, matrix.T, rtol=0, atol=1e-13 * float(matrix.abs().max()))


@pytest.mark.slow
def test_ggn_is_positive_semidefinite_and_of_the_rank_of_the_outputs():
    values = torch.linalg.eigvalsh(dense_cnn("ggn"))
    assert float(values[0]) > -1e-13 * float(values[-1])
    # 6 examples with 10 outputs each; the softmax ignores their sum.
    assert 40 < int((values > 1e-12 * values[-1]).sum()) <= 6 * 9
    assert float(torch.linalg.eigvalsh(dense_cnn())[0]) < -1e-3


def test_hessian_and_ggn_of_a_relu_network_have_one_trace_and_differ():
    hessian, ggn = dense_cnn(), dense_cnn("ggn")
    torch.testing.assert_close(hessian.diagonal(), ggn.diagonal(), **EXACT)
    assert float((hessian - ggn).abs().max()) > 0.01 * float(ggn.abs().max())


@BOTH
def test_block_is_its_columns_one_by_one(kind, generator):
    op = curvature(small_objective(7, microbatch=3), kind)
    block = directions(235, generator)
    columns = torch.stack([op @ column for column in block.unbind(1)], dim=1)
    assert torch.equal(op @ block, columns) and op.products == 6


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("memory", [0, 300_000, 2**30])
def test_memory_for_graphs_changes_no_bit(kind, memory, generator):
    block = directions(235, generator)
    want = curvature(small_objective(13), kind) @ block
    op = curvature(small_objective(13, graph_memory=memory), kind)
    assert torch.equal(op @ block, want) and torch.equal(op @ block, want)
    assert torch.equal(curvature(small_objective(13, graph_memory=memory), kind) @ block, want)


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("microbatch", [1, 4, 6, 7, 100])
def test_ragged_microbatches_weigh_each_example_once(kind, microbatch, generator):
    block = directions(235, generator)
    want = sum(curvature(one, kind) @ block for one in single_examples(7)) / 7
    found = curvature(small_objective(7, microbatch=microbatch), kind) @ block
    torch.testing.assert_close(found, want, **EXACT)


def single_examples(count):
    inputs, targets = digits().first(count)
    whole = small_objective(count)
    return [whole.replace(examples=(inputs[i : i + 1], targets[i : i + 1])) for i in range(count)]


@BOTH
def test_float32_agrees_with_float64_to_its_precision(kind, generator):
    single, double = (small_objective(13, dtype=dtype) for dtype in (torch.float32, torch.float64))
    block = directions(235, generator)
    one, two = (curvature(objective, kind) @ block for objective in (single, double))
    assert one.dtype == torch.float64
    # Some hundred roundings of 6e-8 each, relative to the largest entry.
    assert 0 < float((one - two).abs().max()) < 1e-5 * float(two.abs().max())


@pytest.mark.slow
@BOTH
def test_scipy_finds_the_eigenvalues(kind):
    want = torch.linalg.eigvalsh(dense_cnn(kind))[-3:]
    form = curvature(small_objective(6), kind).to_scipy()
    values = scipy.sparse.linalg.eigsh(form, k=3, which="LA", tol=1e-10)[0]
    np.testing.assert_allclose(np.sort(values), want.numpy(), rtol=1e-8)
    np.testing.assert_allclose(form @ np.eye(235)[:, :2], dense_cnn(kind)[:, :2], rtol=1e-12)


# Groups of parameters


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize(
    "names", ["0", "0.weight", "5", ["11.bias", "4.weight", "1"], "9", ["0", "4", "9.bias"]]
)
def test_curvature_within_a_group_is_the_block_of_the_whole(kind, names):
    objective = small_objective(6, microbatch=4)
    wanted = [names] if isinstance(names, str) else names
    entries = torch.cat(
        [
            torch.arange(block.start, block.start + block.size)
            for block in objective.layout.blocks
            if any(block.name == name or block.name.split(".")[0] == name for name in wanted)
        ]
    )
    found = curvature(objective, kind, within=names)
    assert found.shape == (len(entries),) * 2
    want = dense_cnn(kind)[entries][:, entries]
    torch.testing.assert_close(found.to_dense(), want, **EXACT)


@pytest.mark.slow
@pytest.mark.parametrize("bn", ["batch", "reestimate"])
def test_curvature_within_a_group_follows_the_policy(bn):
    objective = small_objective(7, bn=bn)
    want = dense(objective)[:18, :18]
    torch.testing.assert_close(dense(objective, within="0.weight"), want, **EXACT)


class Unused(nn.Module):
    """A network with a layer that its outputs do not depend on, and with one weight used twice."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.spare = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.two.weight = self.one.weight

    def forward(self, x):
        return self.two(self.one(x).tanh())[:, :3]


@BOTH
def test_parameters_without_use_have_no_curvature_and_shared_ones_that_of_both_uses(kind):
    inputs, _, classes = regression_data()
    objective = Objective(filled(Unused()), (inputs, classes))
    assert not dense(objective, kind, within="spare").any()
    whole = dense(objective, kind)
    assert whole.shape == (34, 34) and not whole[24:].any() and whole[:24].any()
    torch.testing.assert_close(dense(objective, kind, within="one"), whole[:20, :20], **EXACT)


def test_parameters_that_are_not_trained_are_held():
    model = small_cnn()
    model[4].requires_grad_(False)
    objective = Objective(model, digits().first(6), dtype=torch.float64)
    entries = torch.tensor([i for i in range(235) if i not in range(24, 24 + 57)])
    want = dense_cnn()[entries][:, entries]
    torch.testing.assert_close(dense(objective), want, **EXACT)
    with pytest.raises(ValueError, match=r"no parameter is named '4'"):
        curvature(objective, within="4")


@BOTH
def test_unknown_name_is_refused(kind):
    with pytest.raises(ValueError, match=r"no parameter is named '0.weights' .* '0.weight'"):
        curvature(small_objective(), kind, within="0.weights")


# Identity and what a call leaves alone


def test_curvature_is_identified_by_kind_group_point_and_statistics():
    objective = small_objective()
    theta, other = objective.theta, {name: b + 1 for name, b in objective.buffers.items()}
    assert objective.ggn(theta).fingerprint == small_objective().ggn(theta.clone()).fingerprint
    assert objective.hessian(theta).fingerprint == objective.hessian(theta, within="").fingerprint
    known = [
        objective.hessian(theta).fingerprint,
        objective.ggn(theta).fingerprint,
        objective.ggn(theta + 1).fingerprint,
        objective.ggn(theta, buffers=other).fingerprint,
        objective.ggn(theta, within="0").fingerprint,
        objective.ggn(theta, within="0.weight").fingerprint,
        objective.replace(label_smoothing=0.1).ggn(theta).fingerprint,
    ]
    assert len(set(known)) == len(known)


@BOTH
def test_other_statistics_are_used_where_they_are_given(kind):
    objective = small_objective(6)
    other = {name: buffer + 1 for name, buffer in objective.buffers.items()}
    model = small_cnn()
    for name, buffer in other.items():
        model.get_buffer(name).copy_(buffer)
    v = torch.ones(235, dtype=torch.float64)
    moved = Objective(model, digits().first(6), dtype=torch.float64, microbatch=5)
    want = curvature(moved, kind) @ v
    assert torch.equal(curvature(objective, kind, buffers=other) @ v, want)
    assert not torch.allclose(curvature(objective, kind) @ v, want)


@BOTH
@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
def test_model_buffers_theta_and_random_numbers_stay_bit_for_bit(kind, bn):
    model = small_cnn().train()
    before, numbers = state_of(model), torch.get_rng_state()
    objective = Objective(model, digits().first(7), bn=bn, bn_block=4, microbatch=3)
    theta, buffers = objective.theta.clone(), {k: v.clone() for k, v in objective.buffers.items()}
    v = torch.ones(235, dtype=torch.float64)
    curvature(objective, kind) @ v
    curvature(objective, kind, within="0") @ v[:20]
    assert state_of(model) == before and torch.equal(torch.get_rng_state(), numbers)
    assert torch.equal(objective.theta, theta) and torch.equal(v, torch.ones_like(v))
    assert all(torch.equal(objective.buffers[name], buffers[name]) for name in buffers)


@BOTH
def test_operator_keeps_the_point_that_it_was_made_at(kind):
    objective = small_objective(6)
    theta = objective.theta
    v = torch.ones(235, dtype=torch.float64)
    op, want = curvature(objective, kind), curvature(objective, kind) @ v
    theta.add_(1)
    assert torch.equal(op @ v, want)


@BOTH
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_curvature_is_the_same_where_the_caller_does_not_differentiate(kind, context):
    objective, v = small_objective(6), torch.ones(235, dtype=torch.float64)
    want, gradient = curvature(objective, kind) @ v, objective.gradient(objective.theta)
    with context():
        assert torch.equal(curvature(objective, kind) @ v, want)
        assert torch.equal(objective.gradient(objective.theta), gradient)
        op = curvature(objective, kind)
    assert torch.equal(op @ v, want)


def test_operator_knows_where_it_computes():
    op = curvature(small_objective(2))
    assert op.device == torch.device("cpu") and (op @ torch.ones(235)).device == op.device


# What is refused


@BOTH
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_theta_that_is_not_finite_is_refused(kind, bad):
    objective = small_objective()
    theta = objective.theta
    theta[19] = bad
    with pytest.raises(ValueError, match=r"1 of the 2 entries of '0.bias'.* Pass a finite theta"):
        getattr(objective, kind)(theta)


class Noisy(nn.Module):
    """A network that draws random numbers in eval mode too."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        return nn.functional.dropout(self.linear(x), training=True)


@BOTH
@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_network_that_is_not_deterministic_is_refused(kind, loss):
    inputs, targets, classes = regression_data()
    examples = (inputs, targets if loss == "mse" else classes)
    model, before = filled(Noisy()), torch.get_rng_state()
    with pytest.raises(ValueError, match=r"not deterministic: .* dropout called with train"):
        Objective(model, examples, loss=loss)
    assert torch.equal(torch.get_rng_state(), before)
    objective = Objective(model, examples, loss=loss, check=False)
    with torch.random.fork_rng():
        with pytest.raises(RuntimeError, match=r"not deterministic: .* dropout called with train"):
            curvature(objective, kind) @ objective.theta
