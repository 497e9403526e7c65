"""Permutations of hidden units: derived from the computation, the same function, recovered."""

import copy
import itertools

import pytest
import torch
from landscape import models, rng
from landscape.connectivity import (
    aligned,
    linear_barrier,
    match,
    permutation_groups,
    permuted,
    random_permutations,
)
from landscape.objective import Objective
from landscape.store.entries import Store
from torch import nn
from torch.nn import functional

from tests.sample_networks import digits, filled, small_cnn, state_of

IMAGES = digits().x_train[:6].double()

NETWORKS = {
    "mlp": models.MLP(hidden=(9, 7), activation="tanh"),
    "cnn": models.CNN(norm="none", channels=(4, 5), hidden=6),
    "cnn bn": models.CNN(norm="batch", channels=(4, 5), hidden=6),
    "resnet A": models.ResNet(depth=8, width=0.5),
    "resnet B": models.ResNet(depth=8, width=0.5, shortcut="B"),
    "resnet plain": models.ResNet(depth=8, width=0.5, skip=False),
    "resnet none": models.ResNet(depth=8, width=0.5, norm="none"),
    "resnet layer": models.ResNet(depth=8, width=0.5, norm="layer"),
    "resnet instance": models.ResNet(depth=8, width=0.5, norm="instance"),
    "resnet group": models.ResNet(depth=8, width=0.5, norm="group", groups=2),
}


def network(name, seed=0):
    """A network in float64 with no two parameters or running statistics alike."""
    model = NETWORKS[name].build((1, 8, 8), 10, seed=seed).double()
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if tensor.is_floating_point() and tensor.dim() == 1:
                tensor += 0.3 * torch.rand(len(tensor), generator=rng.stream(seed, name)).double()
    return model.eval()


def shuffles(model, inputs=IMAGES, seed=0):
    generator = rng.stream(seed, "shuffle")
    return {
        units.name: torch.randperm(units.size, generator=generator)
        for units in permutation_groups(model, inputs)
    }


def same_state(one, other):
    states = one.state_dict(), other.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def sizes(model, inputs):
    return {units.name: units.size for units in permutation_groups(model, inputs)}


# Which units may change places


def test_groups_of_an_mlp_are_its_hidden_layers_with_rows_bias_and_columns():
    groups = permutation_groups(network("mlp"), IMAGES)
    found = {units.name: [(axis.tensor, axis.axis) for axis in units.axes] for units in groups}
    assert found == {
        "1": [("1.weight", 0), ("1.bias", 0), ("3.weight", 1)],
        "3": [("3.weight", 0), ("3.bias", 0), ("5.weight", 1)],
    }
    assert groups[1].axes[2].entries.tolist() == [[i] for i in range(7)]


def test_a_channel_behind_flattening_is_a_block_of_features():
    _, second, _ = permutation_groups(network("cnn bn"), IMAGES)
    entries = {axis.tensor: axis.entries for axis in second.axes}
    assert entries["9.weight"].tolist() == [[4 * c + k for k in range(4)] for c in range(5)]
    assert {"5.running_mean", "5.running_var"} < set(entries)


def test_option_a_splits_the_stream_into_channels_handed_on_and_new_ones():
    assert sizes(network("resnet A"), IMAGES) == {
        "conv": 8,
        "stage1.0.residual.conv1": 8,
        "stage2.0.residual.conv1": 16,
        "stage2.0.residual.conv2[8:16]": 8,
        "stage3.0.residual.conv1": 32,
        "stage3.0.residual.conv2[16:32]": 16,
    }
    stream = permutation_groups(network("resnet A"), IMAGES)[0]
    (wide,) = (axis for axis in stream.axes if axis.tensor == "linear.weight")
    assert wide.entries.flatten().tolist() == list(range(8))


def test_a_convolution_in_the_shortcut_leaves_each_stage_its_own_stream():
    assert sizes(network("resnet B"), IMAGES)["stage3.0.residual.conv2"] == 32


def test_units_stay_in_their_group_of_a_group_norm():
    found = sizes(network("resnet group"), IMAGES)
    assert found["conv[0:4]"] == found["conv[4:8]"] == 4 and "conv" not in found


class Functional(nn.Module):
    """Layers as functions, a depthwise convolution, and an input added to hidden units."""

    def __init__(self, mean=False):
        super().__init__()
        self.first = nn.Conv2d(1, 6, 3, padding=1, padding_mode="reflect")
        self.depth = nn.Conv2d(6, 6, 3, groups=6)
        self.last = nn.Linear(6 if mean else 54, 10)
        self.norm = nn.LayerNorm([6, 6, 6])
        self.mean = mean

    def forward(self, x):
        x = functional.relu(self.first(input=x), inplace=True)
        x = self.norm(self.depth(x)).contiguous()
        x = x.mean((2, 3)) if self.mean else functional.max_pool2d(x, 2).reshape(x.size(0), -1)
        return functional.linear(x, self.last.weight, self.last.bias)


@pytest.mark.parametrize("mean", [False, True])
def test_functions_methods_and_depthwise_convolutions_are_understood(mean):
    model = filled(Functional(mean), "functional")
    (units,) = permutation_groups(model, IMAGES)
    assert units.size == 6 and "depth.weight" in {axis.tensor for axis in units.axes}
    assert ("depth.weight", 1) not in {(axis.tensor, axis.axis) for axis in units.axes}
    twin = permuted(model, shuffles(model), IMAGES)
    assert same_state(model, permuted(twin, match(model, twin, inputs=IMAGES).permutations, IMAGES))


class Shared(nn.Module):
    """One layer used twice, so that its inputs and outputs are the same units."""

    def __init__(self):
        super().__init__()
        self.first, self.middle, self.last = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(12, 3)
        self.alias = self.middle

    def forward(self, x):
        x = self.first(x).tanh()
        y = self.alias(x)
        return self.last(torch.cat([x, self.middle(x + y.relu())], dim=1))


def test_a_layer_used_twice_ties_its_inputs_to_its_outputs():
    model, inputs = filled(Shared(), "shared"), torch.randn(5, 4, generator=rng.stream(0, "x"))
    (units,) = permutation_groups(model, inputs)
    entries = {(axis.tensor, axis.axis): axis.entries for axis in units.axes}
    assert entries["last.weight", 1].tolist() == [[i, i + 6] for i in range(6)]
    assert {("middle.weight", 0), ("middle.weight", 1)} < set(entries)
    twin = permuted(model, shuffles(model, inputs), inputs)
    found = match(model, twin, inputs=inputs)  # Quadratic: a rise is not given, but kept.
    assert found.converged and found.similarity >= found.similarity_before


class Anchored(nn.Module):
    """Hidden units to which inputs are added, zero padding, and outputs of two layers."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x):
        y = self.a(x) + functional.pad(x, (0, 2))
        return functional.pad(self.c(self.b(y).relu()), (1, 0)) + x


def test_units_that_inputs_or_outputs_are_added_to_keep_their_places():
    model = filled(Anchored(), "anchored")
    inputs = torch.randn(5, 4, generator=rng.stream(0, "x"))
    # Of a's units the first 4 get an input each; the other 2 get zeros, and may change places.
    assert sizes(model, inputs) == {"a[4:6]": 2, "b": 6}
    permuted(model, shuffles(model, inputs, seed=3), inputs)


class Widened(nn.Module):
    """Units with zeros behind them, added to other units; with a norm the zeros get shifts."""

    def __init__(self, norm):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 3), nn.Linear(4, 5), nn.Linear(5, 2)
        self.norm = nn.BatchNorm1d(5) if norm else nn.Identity()

    def forward(self, x):
        return self.c(self.norm(functional.pad(self.a(x), (0, 2))) + self.b(x))


@pytest.mark.parametrize(("norm", "found"), [(False, {"a": 3, "b[3:5]": 2}), (True, {"a": 3})])
def test_zeros_behind_units_tie_nothing_until_a_norm_shifts_them(norm, found):
    model = filled(Widened(norm), "widened")
    inputs = torch.randn(5, 4, generator=rng.stream(0, "x"))
    assert sizes(model, inputs) == found
    permuted(model, shuffles(model, inputs), inputs)


def test_a_softmax_regression_has_nothing_to_permute():
    model = models.MLP(hidden=()).build((1, 8, 8), 10, seed=0)
    other = models.MLP(hidden=()).build((1, 8, 8), 10, seed=1)
    assert permutation_groups(model, IMAGES) == ()
    found = match(model, other, inputs=IMAGES)
    assert found.permutations == {} and found.converged and found.assignments == 0


class Refused(nn.Module):
    def __init__(self, layer, what):
        super().__init__()
        self.first, self.inner, self.what = nn.Conv2d(1, 4, 3), layer, what

    def forward(self, x):
        return self.what(self.inner(self.first(x)))


def changed_in_place(x):
    x[:, 0] = 0
    return x


@pytest.mark.parametrize(
    ("layer", "what", "text"),
    [
        (nn.Identity(), changed_in_place, r"layer 'Refused' calls __setitem__"),
        (
            nn.ConvTranspose2d(4, 4, 1, groups=2),
            torch.relu,
            r"'inner' is a convolution in 2 groups",
        ),
        (
            nn.ConvTranspose2d(4, 8, 1, groups=4),
            torch.relu,
            r"'inner' is a convolution in 4 groups",
        ),
        (nn.ConstantPad2d(1, 2.0), torch.relu, r"layer 'inner' pads with other values than zero"),
        (nn.Identity(), lambda x: (x, x), r"returns a tuple that does not come from its input"),
        (nn.Identity(), lambda x: torch.zeros(1), r"returns a Tensor that does not come from"),
        (
            nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 1)),
            torch.relu,
            r"layer 'inner' computes with a weight that is no parameter or buffer of its own",
        ),
    ],
)
def test_what_is_not_understood_is_refused_with_the_layers_name(layer, what, text):
    with pytest.raises(ValueError, match=text):
        permutation_groups(Refused(layer, what).double(), IMAGES)


# The same function


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_permuted_network_is_the_same_function_with_other_weights(name):
    model = network(name)
    before = state_of(model)
    twin = permuted(model, shuffles(model), IMAGES)
    torch.testing.assert_close(twin(IMAGES), model(IMAGES), rtol=1e-12, atol=1e-12)
    one, other = (m.state_dict() for m in (model, twin))
    moved = {axis.tensor for units in permutation_groups(model, IMAGES) for axis in units.axes}
    assert {key for key in one if not torch.equal(one[key], other[key])} == moved
    assert state_of(model) == before and not twin.training


@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
def test_a_permuted_network_has_the_same_loss_under_every_policy(bn):
    model = network("resnet A")
    twins = model, permuted(model, shuffles(model), IMAGES)
    losses = [
        (at := Objective(twin, digits().first(20), bn=bn, bn_block=7)).loss(at.theta)
        for twin in twins
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


def test_a_permutation_says_where_each_unit_comes_from():
    model = network("mlp")
    twin = permuted(model, {"1": torch.tensor([2, 0, 1, 3, 4, 5, 6, 7, 8])}, IMAGES)
    assert torch.equal(twin[1].weight[:3], model[1].weight[[2, 0, 1]])
    assert torch.equal(twin[1].bias[0], model[1].bias[2])
    assert torch.equal(twin[3].weight[:, :3], model[3].weight[:, [2, 0, 1]])
    assert torch.equal(twin[5].weight, model[5].weight)


class Odd(nn.Module):
    """Unit 0 decides what becomes of the others, by a number that no operation shows."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x):
        h = self.a(x)
        return self.b(functional.leaky_relu(h, float(h[0, 0])))


def test_a_network_that_addresses_units_by_number_is_caught():
    model, inputs = filled(Odd(), "odd"), torch.randn(5, 4, generator=rng.stream(0, "x"))
    with pytest.raises(RuntimeError, match=r"another function: outputs of size .* differ by"):
        permuted(model, {"a": torch.arange(5, -1, -1)}, inputs)


@pytest.mark.parametrize(
    "permutations",
    [
        {"2": torch.arange(9)},
        {"1": torch.arange(8)},
        {"1": torch.zeros(9, dtype=torch.int64)},
        {"1": torch.arange(1, 10)},
    ],
)
def test_what_is_no_permutation_of_a_group_is_refused(permutations):
    with pytest.raises(ValueError, match=r"fits no group .* \{'1': 9, '3': 7\}"):
        permuted(network("mlp"), permutations, IMAGES)


# Matching


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), [*((name, 0) for name in NETWORKS), ("resnet A", 1)])
def test_a_permuted_twin_is_recovered_bit_for_bit(name, seed):
    model = network(name)
    twin = permuted(model, shuffles(model, seed=seed), IMAGES)
    found = match(model, twin, inputs=IMAGES, seed=seed)
    assert found.converged and found.similarity_before < found.similarity
    squares = sum(float(x.detach().square().sum()) for x in model.parameters())
    assert found.similarity == pytest.approx(squares, rel=1e-12)
    assert same_state(model, permuted(twin, found.permutations, IMAGES))


@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
def test_objectives_of_flat_features_with_batch_normalisation_are_matched(bn):
    # Units are traced on one example, which has no statistics of its own.
    layers = nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)
    model = filled(nn.Sequential(*layers)).float()
    inputs = torch.randn(20, 6, generator=rng.stream(0, "flat"))
    order = {"0": torch.tensor([3, 0, 4, 1, 2])}
    twin = permuted(model, order, inputs)
    start, end = (Objective(m, (inputs, torch.arange(20) % 3), bn=bn) for m in (model, twin))
    again = permuted(twin, match(start, end).permutations, inputs)
    assert same_state(model, again)


@pytest.mark.parametrize("name", ["mlp", "cnn", "cnn bn", "resnet A"])
def test_barrier_to_a_permuted_twin_is_gone_after_alignment(name):
    model = network(name)
    examples = IMAGES, model(IMAGES).detach()  # Its own answers: its loss is 0.
    neighbour = copy.deepcopy(model)  # Not the very same point, to which there is no path.
    with torch.no_grad():
        next(neighbour.parameters()).add_(1e-9)
    twin = permuted(neighbour, shuffles(model), IMAGES)
    start, apart, close = (
        Objective(m, examples, loss="mse") for m in (model, twin, aligned(model, twin, IMAGES))
    )
    assert linear_barrier(start, apart, ts=5).barrier > 1e-3
    assert abs(linear_barrier(start, close, ts=5).barrier) < 1e-15


def test_a_single_hidden_layer_is_matched_as_by_trying_all_orders():
    one, other = (
        filled(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)), k) for k in "ab"
    )
    found = match(one, other, inputs=torch.zeros(1, 3))

    def similarity(order):
        order = list(order)
        pairs = (
            (one[0].weight, other[0].weight[order]),
            (one[0].bias, other[0].bias[order]),
            (one[2].weight, other[2].weight[:, order]),
            (one[2].bias, other[2].bias),
        )
        return float(sum((a * b).sum().detach() for a, b in pairs))

    best = max(itertools.permutations(range(5)), key=similarity)
    assert found.permutations["0"].tolist() == list(best)
    assert found.similarity == pytest.approx(similarity(best), rel=1e-13)
    assert found.similarity_before == pytest.approx(similarity(range(5)), rel=1e-13)
    assert (found.sweeps, found.assignments) == (2, 2)


def test_matching_two_networks_raises_their_similarity_by_what_it_says():
    one, other = network("resnet A"), network("resnet A", seed=1)
    found = match(one, other, inputs=IMAGES)
    near = permuted(other, found.permutations, IMAGES)
    values = [
        float(
            sum(
                (a * b).sum().detach()
                for a, b in zip(one.parameters(), x.parameters(), strict=True)
            )
        )
        for x in (other, near)
    ]
    assert [found.similarity_before, found.similarity] == pytest.approx(values, rel=1e-12)
    assert values[1] > values[0] and found.converged
    # A fixed point: nothing is left to gain from the aligned network.
    assert match(one, near, inputs=IMAGES, seed=1).similarity >= found.similarity


def test_a_matching_that_is_cut_short_says_so():
    found = match(network("mlp"), network("mlp", seed=1), inputs=IMAGES, max_sweeps=1)
    assert not found.converged and found.sweeps == 1 and found.assignments == 2


def test_same_seed_gives_the_same_matching_and_networks_stay():
    pair = network("resnet A"), network("resnet A", seed=1)
    before, numbers = [state_of(m) for m in pair], torch.get_rng_state()
    one, two = (match(*pair, inputs=IMAGES, seed=5) for _ in range(2))
    assert one.seed == 5 and one.permutations.keys() == two.permutations.keys()
    assert all(torch.equal(p, two.permutations[name]) for name, p in one.permutations.items())
    assert [state_of(m) for m in pair] == before and torch.equal(torch.get_rng_state(), numbers)


@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
def test_objectives_are_matched_like_their_networks_and_kept_by_the_store(bn, store):
    pair = network("cnn bn"), network("cnn bn", seed=1)
    want = match(*pair, inputs=IMAGES)
    ends = [Objective(model, digits().first(20), bn=bn) for model in pair]
    found = store.remember(match, *ends)
    again = Store(store.root).remember(match, *ends)
    for name, permutation in want.permutations.items():
        assert torch.equal(permutation, found.permutations[name])
        assert torch.equal(permutation, again.permutations[name])
    assert found.similarity == again.similarity == want.similarity


# What is refused


@pytest.mark.parametrize(
    "other", [models.MLP(hidden=(9, 8)), models.MLP(hidden=(9, 7), activation="relu")]
)
def test_networks_of_another_architecture_are_refused(other):
    with pytest.raises(ValueError, match=r"not of one architecture \(\d+ and \d+ parameters\)"):
        match(network("mlp"), other.build((1, 8, 8), 10, seed=0), inputs=IMAGES)


@pytest.mark.parametrize("place", [0, 1])
def test_a_diverged_network_is_refused(place):
    pair = [small_cnn(seed=0), small_cnn(seed=1)]
    with torch.no_grad():
        pair[place][4].bias[0] = float("nan")
    with pytest.raises(ValueError, match=r"'4.bias' of the .* holds NaN or infinity"):
        match(*pair, inputs=IMAGES)


def test_modules_without_inputs_are_refused():
    with pytest.raises(ValueError, match=r"Pass inputs=, some example inputs"):
        match(network("mlp"), network("mlp"))


@pytest.mark.parametrize("options", [{"max_sweeps": 0}, {"tol": -1.0}, {"tol": float("nan")}])
def test_a_search_that_cannot_be_run_is_refused(options):
    with pytest.raises(ValueError, match=r"pass at least one sweep and tol >= 0"):
        match(network("mlp"), network("mlp"), inputs=IMAGES, **options)


def test_random_permutations_give_a_twin_of_the_same_function_far_away():
    model = network("mlp")
    first, again, other = (random_permutations(model, IMAGES, seed=seed) for seed in (0, 0, 1))
    assert all(torch.equal(p, again[name]) for name, p in first.items())
    assert any(not torch.equal(p, other[name]) for name, p in first.items())
    twin = permuted(model, first, IMAGES)
    assert not same_state(model, twin)
    torch.testing.assert_close(twin(IMAGES), model(IMAGES))


def test_a_network_without_hidden_units_has_no_twin():
    with pytest.raises(ValueError, match="no units of this network can be permuted"):
        random_permutations(nn.Linear(3, 2), torch.ones(1, 3), seed=0)
