"""The evaluator agrees with ``Objective.evaluate`` at every point, for every network."""

import gc
import math

import pytest
import torch
from landscape import directions, models, rng
from landscape.connectivity import linear_barrier
from landscape.evaluator import Evaluator
from landscape.network.kernels import first_layer
from landscape.objective import Objective
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from tests.sample_networks import (
    Point,
    digits,
    filled,
    log_point,
    quadratic,
    regression_data,
    small_cnn,
    small_objective,
    state_of,
)

POINTS = [(0.0, 0.0), (0.7, -0.4), (-1.0, 1.0), (0.0, 1.3)]
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
SMALL = {"depth": 8, "width": 0.25}
NETWORKS = {
    "MLP": models.MLP(hidden=(7, 5)),
    "MLP, tanh": models.MLP(hidden=(7,), activation="tanh"),
    "softmax regression": models.MLP(hidden=()),
    "CNN with BN": models.CNN(channels=(2, 3), hidden=6),
    "CNN without": models.CNN(channels=(2, 3), hidden=6, norm="none"),
    **{
        f"ResNet, {norm}, {'skips' if skip else 'no skips'}": models.ResNet(
            **SMALL, norm=norm, skip=skip, groups=2
        )
        for norm in ("batch", "group", "layer", "instance", "none")
        for skip in (True, False)
    },
    "ResNet, option B": models.ResNet(**SMALL, shortcut="B"),
    "ViT": models.ViT(patch=4, dim=4, depth=1, heads=2, mlp_ratio=1.0),
}


def two_directions(objective):
    drawn = [
        directions.random(objective.layout, generator=rng.stream(0, "sweep", i)) for i in (0, 1)
    ]
    return [
        directions.filter_normalize(d, objective.theta, objective.layout, others="match")
        for d in drawn
    ]


def settled_statistics(model, inputs):
    """Statistics of BN that are not 0 and 1, and scales that are not 1."""
    model = model.double()
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if tensor.dim() == 1:
                tensor.add_(0.1 * torch.randn(tensor.shape, generator=rng.stream(0, name)))
        model.train()(inputs.double())
    return model.eval()


def network(name):
    task = digits()
    model = NETWORKS[name].build((1, 8, 8), 10, seed=0)
    return settled_statistics(model, task.x_train[:20])


def check(objective, evaluator, vectors, points=POINTS):
    for point in points:
        theta = objective.theta + sum(c * d for c, d in zip(point, vectors, strict=True))
        want, found = objective.evaluate(theta), evaluator.evaluate(*point)
        assert found.loss == pytest.approx(want.loss, rel=TOLERANCE[objective.dtype])
        assert found.accuracy == want.accuracy
        assert (found.examples, found.bn) == (want.examples, want.bn)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NETWORKS)
def test_evaluator_gives_what_evaluate_gives(name, dtype):
    # 13 examples, 5 at once: a ragged last microbatch.
    objective = Objective(network(name), digits().first(13), microbatch=5, dtype=dtype)
    vectors = two_directions(objective)
    check(objective, Evaluator(objective, objective.theta, *vectors), vectors)


@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
@pytest.mark.parametrize("name", ["MLP", "CNN with BN", "ResNet, batch, skips"])
def test_evaluator_follows_the_policy_of_batch_normalisation(name, bn):
    objective = Objective(
        network(name), digits().first(13), bn=bn, microbatch=5, bn_block=7, dtype=torch.float64
    )
    vectors = two_directions(objective)
    check(objective, Evaluator(objective, objective.theta, *vectors), vectors)


@pytest.mark.parametrize("loss", ["mse", log_point])
def test_evaluator_takes_the_objectives_loss(loss):
    inputs, targets, _ = regression_data()
    model = filled(nn.Sequential(nn.Linear(4, 3), nn.Softplus()), "sweep")
    objective = Objective(model, (inputs, targets), loss=loss)
    vectors = two_directions(objective)
    evaluator = Evaluator(objective, objective.theta, *vectors)
    for point in POINTS:
        theta = objective.theta + point[0] * vectors[0] + point[1] * vectors[1]
        want = objective.evaluate(theta)
        assert evaluator.evaluate(*point).loss == pytest.approx(want.loss, rel=1e-12)
        assert math.isnan(evaluator.evaluate(*point).accuracy) and math.isnan(want.accuracy)


def test_label_smoothing_and_losses_in_several_groups_are_the_same(monkeypatch):
    # More examples than one loss takes at once, in ragged microbatches.
    monkeypatch.setattr("landscape.evaluator._LOSSES_AT_ONCE", 500)
    inputs, classes = digits(train=1500).first(1437)
    model = filled(models.MLP(hidden=(4,)).build((1, 8, 8), 10, seed=0), "sweep")
    objective = Objective(model, (inputs, classes), label_smoothing=0.1, microbatch=100)
    vectors = two_directions(objective)
    check(objective, Evaluator(objective, objective.theta, *vectors), vectors)


def test_points_do_not_depend_on_those_before_them():
    objective = small_objective()
    vectors = two_directions(objective)
    there, back = (
        Evaluator(objective, objective.theta, *vectors),
        Evaluator(objective, objective.theta, *vectors),
    )
    one, two = there.measure(POINTS), back.measure(POINTS[::-1])
    for first, second in zip(one, two, strict=True):
        assert torch.equal(first, second.flip(0))
    assert torch.equal(there.measure(POINTS)[0], one[0])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_any_number_of_directions_is_taken(count):
    objective = quadratic(1.0, 10.0)
    vectors = [torch.tensor([1.0, index], dtype=torch.float64) for index in range(count)]
    evaluator = Evaluator(objective, torch.ones(2, dtype=torch.float64), *vectors)
    found = evaluator.evaluate(*[2.0] * count)
    x, y = 1 + 2 * count, 1 + 2 * sum(range(count))
    assert found.loss == 0.5 * x**2 + 5 * y**2


def test_infinity_and_nan_are_kept():
    examples = (torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 1))
    objective = Objective(Point(1), examples, loss=log_point)
    evaluator = Evaluator(objective, torch.zeros(1), torch.ones(1))
    loss, _ = evaluator.measure([(-1.0,), (0.0,), (1.0,)])
    assert loss.isnan().tolist() == [True, False, False] and loss.tolist()[1:] == [-math.inf, 0.0]


@pytest.mark.parametrize("name", ["MLP", "CNN with BN", "ResNet, batch, skips"])
def test_overflow_in_float32_is_not_hidden_by_a_relu(name):
    objective = Objective(network(name), digits().first(13), dtype=torch.float32)
    far = two_directions(objective)[0]
    evaluator = Evaluator(objective, objective.theta, far)
    for scale in (1e18, 1e30, 1e39):
        want = objective.evaluate(objective.theta + scale * far)
        found = evaluator.evaluate(scale)
        assert math.isnan(found.loss) == math.isnan(want.loss)
        assert found.loss == pytest.approx(want.loss, rel=1e-5, nan_ok=True)
    assert math.isnan(found.loss)


# The first linear layer


class Scene(nn.Module):
    """A linear layer on the pixels, and what else a network may do with it."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.first, self.norm, self.last = nn.Linear(64, 6), nn.BatchNorm1d(6), nn.Linear(6, 10)
        self.back = nn.Linear(6, 64)
        self.back.weight = nn.Parameter(self.first.weight.detach().T.clone())
        self.again = nn.Linear(64, 6)
        if kind == "shared":
            self.again = self.first
        if kind == "tied":
            self.again.weight = self.first.weight

    def forward(self, x):
        flat = {"view": lambda: x.view(len(x), -1), "reshape": lambda: x.reshape(-1, 64)}
        flat = flat.get(self.kind, lambda: torch.flatten(x, 1))()
        if self.kind == "scaled":
            flat = flat / 2
        if self.kind == "rows":
            return self.last(nn.functional.linear(x[:, 0], self.first.weight[:, :8]).relu().mean(1))
        if self.kind == "turned":
            flat = x.transpose(2, 3).flatten(1)
        if self.kind == "functional":
            hidden = nn.functional.linear(input=flat, weight=self.first.weight).relu()
        else:
            hidden = self.first(flat)
        if self.kind == "two shapes":
            hidden = hidden * self.first(x.view(len(x), 1, 64))[:, 0]
        if self.kind == "mixed":
            hidden = hidden + self.first(flat.T)
        if self.kind == "norm":
            hidden = self.norm(hidden)
        if self.kind in ("shared", "tied", "twice"):
            hidden = hidden + self.again(flat.roll(1, 1)).relu()
        if self.kind == "decoder":
            hidden = hidden.relu() @ self.first.weight @ self.back.weight
        if self.kind == "by sign" and bool(flat.sum() > 300):
            hidden = flat @ self.first.weight.T + 1
        if self.kind == "penalty":
            hidden = hidden + self.first.weight.norm()
        return self.last(nn.functional.relu(hidden, inplace=True))


KINDS = "plain view reshape scaled rows turned functional norm shared tied twice decoder"
KINDS = [*KINDS.split(), "by sign", "penalty", "two shapes"]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_the_first_linear_layer_is_right_however_it_is_used(kind, dtype):
    model = settled_statistics(Scene(kind), digits().x_train[:20])
    objective = Objective(model, digits().first(13), microbatch=5, dtype=dtype)
    vectors = two_directions(objective)
    check(objective, Evaluator(objective, objective.theta, *vectors), vectors)


def test_a_transposed_view_of_the_examples_is_not_taken_for_them():
    # 64 examples of 64 pixels: pixels and examples change places, in the same memory.
    model = settled_statistics(Scene("mixed"), digits(64).x_train)
    objective = Objective(model, digits(64).first(64), dtype=torch.float64, check=False)
    vectors = two_directions(objective)
    check(objective, Evaluator(objective, objective.theta, *vectors), vectors)


class Products(TorchDispatchMode):
    """Counts products with matrices of 64 columns: those of the examples' pixels."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        factors = [x for x in args if isinstance(x, torch.Tensor) and x.dim() == 2]
        if func.overloadpacket.__name__ in ("linear", "addmm", "mm") and factors[0].shape[1] == 64:
            self.count += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("memory", "kept"), [(2**20, 3), (4 * 13 * 6 * 8 - 1, 2), (0, 0)])
def test_products_of_the_first_layer_are_computed_once_as_memory_allows(memory, kept):
    model = settled_statistics(Scene("plain"), digits().x_train[:20])
    objective = Objective(model, digits().first(13), microbatch=5, dtype=torch.float64)
    vectors = two_directions(objective)
    evaluator = Evaluator(objective, objective.theta, *vectors, memory=memory)
    for first in (True, False):
        with Products() as products:
            evaluator.evaluate(0.5, 0.5)
        # Three for each microbatch that is kept, once (memory holds four: a sum is kept too); one
        # for each of the others, each time.
        assert products.count == 3 * kept * first + (3 - kept)
    check(objective, evaluator, vectors)


def test_a_narrow_first_layer_is_computed_as_usual(monkeypatch):
    model = settled_statistics(Scene("plain"), digits().x_train[:20])
    objective = Objective(model, digits().first(13), dtype=torch.float64)
    monkeypatch.setattr(first_layer, "_FEATURES", 65)
    evaluator = Evaluator(objective, objective.theta, *two_directions(objective))
    for _ in range(2):
        with Products() as products:
            evaluator.evaluate(0.5, 0.5)
        assert products.count == 1


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_points():
    model = settled_statistics(Scene("plain"), digits().x_train[:20])
    objective = Objective(model, digits().first(13), dtype=torch.float64)
    evaluator = Evaluator(objective, objective.theta, *two_directions(objective))

    def tensors():
        gc.collect()
        return sum(issubclass(type(x), torch.Tensor) for x in gc.get_objects())

    evaluator.measure(POINTS)
    before = tensors()
    evaluator.measure(POINTS * 20)
    assert tensors() == before


# Between two solutions


@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
def test_evaluator_between_two_networks_is_their_straight_path(bn):
    ends = [small_objective(13, seed=seed, bn=bn) for seed in (0, 1)]
    path = linear_barrier(*ends, ts=5)
    loss, accuracy = Evaluator.between(*ends).measure([(t,) for t in path.ts.tolist()])
    torch.testing.assert_close(loss, path.loss, rtol=1e-12, atol=0)
    assert torch.equal(accuracy, path.accuracy)


def test_evaluator_between_two_mlps_has_their_losses_at_its_ends():
    ends = [
        Objective(models.MLP(hidden=(7,)).build((1, 8, 8), 10, seed=seed), digits().first(13))
        for seed in (0, 1)
    ]
    evaluator = Evaluator.between(*ends)
    for t, end in enumerate(ends):
        assert evaluator.evaluate(float(t)).loss == pytest.approx(end.loss(end.theta), rel=1e-6)


# What is not touched, and what is refused


@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
def test_model_and_objective_stay_bit_for_bit_also_after_an_exception(bn):
    class Failing(nn.Module):
        armed = False

        def forward(self, x):
            if Failing.armed:
                raise KeyError("own")
            return x

    model = nn.Sequential(*small_cnn().train(), Failing())
    before = state_of(model)
    objective = Objective(model, digits().first(9), bn=bn, bn_block=5, microbatch=4)
    want = objective.evaluate(objective.theta)
    vectors = two_directions(objective)
    evaluator = Evaluator(objective, objective.theta, *vectors)
    found = evaluator.evaluate(0.5, 0.5)
    Failing.armed = True
    with pytest.raises(KeyError, match="own"):
        evaluator.evaluate(1.0, 1.0)
    Failing.armed = False
    assert evaluator.evaluate(0.5, 0.5) == found
    assert state_of(model) == before
    assert objective.evaluate(objective.theta) == want


def test_inputs_and_directions_stay_as_they_are():
    objective = small_objective()
    vectors = [objective.theta, *two_directions(objective)]
    copies = [vector.clone() for vector in vectors]
    Evaluator(objective, *vectors).measure(POINTS)
    assert all(torch.equal(*pair) for pair in zip(vectors, copies, strict=True))


def test_a_recurrent_network_is_taken():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.last = nn.RNN(8, 5, batch_first=True), nn.Linear(5, 10)

        def forward(self, x):
            return self.last(self.cell(x[:, 0])[0][:, -1])

    objective = Objective(filled(Recurrent(), "rnn"), digits().first(7), microbatch=3)
    vectors = two_directions(objective)
    evaluator = Evaluator(objective, objective.theta, *vectors)
    check(objective, evaluator, vectors)
    assert evaluator.evaluate(0.0, 0.0).loss != evaluator.evaluate(1.0, 0.0).loss


def test_parameters_that_are_not_trained_stay():
    model = small_cnn()
    for parameter in model[0].parameters():
        parameter.requires_grad_(False)
    objective = Objective(model, digits().first(7))
    vectors = two_directions(objective)
    check(objective, Evaluator(objective, objective.theta, *vectors), vectors)


@pytest.mark.parametrize("wrong", [0, 1])
def test_vectors_of_another_length_are_refused(wrong):
    objective = quadratic(1.0, 10.0)
    vectors = [torch.zeros(2), torch.ones(2)]
    vectors[wrong] = torch.zeros(3)
    with pytest.raises(ValueError, match=r"theta has the shape \(3,\).* n = 2"):
        Evaluator(objective, *vectors)


@pytest.mark.parametrize("coefficients", [(), (1.0, 2.0)])
def test_another_number_of_coefficients_is_refused(coefficients):
    objective = quadratic(1.0, 10.0)
    evaluator = Evaluator(objective, torch.zeros(2), torch.ones(2))
    with pytest.raises(ValueError, match=r"coefficients for 1 directions give no point"):
        evaluator.evaluate(*coefficients)


def test_networks_of_different_parameters_are_refused():
    with pytest.raises(ValueError, match=r"different parameters \(n = 1 and 2\)"):
        Evaluator.between(quadratic(1.0), quadratic(1.0, 2.0))


@pytest.mark.parametrize("family", [models.MLP(hidden=(9,)), models.CNN(channels=(3, 4), hidden=8)])
def test_bits_do_not_depend_on_the_points_before(family):
    task = digits(300)
    model = family.build(task.x_train.shape[1:], 10, seed=0)
    objective = Objective(model, task.first(300), microbatch=150)
    vectors = two_directions(objective)
    grid = [-0.7, 0.0, 0.3]
    points = [(a, b) for a in grid for b in grid]
    losses, _ = Evaluator(objective, objective.theta, *vectors).measure(points)
    backwards, _ = Evaluator(objective, objective.theta, *vectors).measure(points[::-1])
    alone = [Evaluator(objective, objective.theta, *vectors).evaluate(*p).loss for p in points]
    assert losses.tolist() == backwards.flip(0).tolist() == alone
    exact = [
        objective.replace(dtype=torch.float64).loss(
            objective.theta.double() + a * vectors[0].double() + b * vectors[1].double()
        )
        for a, b in points
    ]
    assert losses.tolist() == pytest.approx(exact, rel=2e-6)
