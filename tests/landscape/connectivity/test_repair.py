"""REPAIR: units between two networks have the statistics of the networks."""

import math

import pytest
import torch
from landscape import models, rng
from landscape.connectivity import linear_barrier, repaired_path
from landscape.objective import Objective
from landscape.store.entries import Store
from torch import nn

from tests.sample_networks import digits, filled, state_of

EXAMPLES = digits().first(40)
INPUTS = EXAMPLES[0].double()

# The layers whose statistics are restored, by network.
NETWORKS = {
    "mlp": (models.MLP(hidden=(9, 7)), ["1", "3"]),
    "cnn": (models.CNN(norm="none", channels=(4, 5), hidden=6), ["0", "3", "7"]),
    "cnn bn": (models.CNN(norm="batch", channels=(4, 5), hidden=6), ["9"]),
    "resnet none": (
        models.ResNet(depth=8, width=0.5, norm="none"),
        ["conv"] + [f"stage{s}.0.residual.conv{k}" for s in (1, 2, 3) for k in (1, 2)],
    ),
    "resnet group": (
        models.ResNet(depth=8, width=0.5, norm="group", groups=2),
        ["norm"] + [f"stage{s}.0.residual.norm{k}" for s in (1, 2, 3) for k in (1, 2)],
    ),
    "vit": (
        models.ViT(patch=4, dim=4, depth=1, heads=2, mlp_ratio=1.0),
        "1 3.norm1 3.attention.qkv 3.attention.projection 3.norm2 3.mlp.0 3.mlp.2 4".split(),
    ),
}


def network(name, seed):
    model = NETWORKS[name][0].build((1, 8, 8), 10, seed=seed).double()
    with torch.no_grad():
        for key, tensor in model.named_parameters():
            tensor += 0.2 * torch.randn(tensor.shape, generator=rng.stream(seed, key)).double()
    return model.eval()


def ends(name, examples=EXAMPLES, **options):
    return [Objective(network(name, seed), examples, **options) for seed in (0, 1)]


def statistics(objective, theta, names, *, inputs=INPUTS):
    """Mean and deviation of layers' outputs at theta behind batch statistics, by recording them."""
    parts, outputs = objective.replace(bn="batch").parts(theta), {}
    handles = [
        parts.module.get_submodule(name).register_forward_hook(
            lambda module, _, out, name=name: outputs.__setitem__(name, out.clone())
        )
        for name in names
    ]
    with torch.no_grad():
        torch.func.functional_call(parts.module, (parts.named, parts.buffers), (inputs,))
    for handle in handles:
        handle.remove()
    found = {}
    for name, out in outputs.items():
        rows = out.flatten(0, -2) if out.dim() < 4 else out.movedim(1, 3).flatten(0, 2)
        mean = rows.mean(0)
        found[name] = mean, (rows - mean).square().mean(0).sqrt()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_statistics_behind_repair_are_those_of_the_ends_interpolated(name):
    start, end = ends(name)
    found = repaired_path(start, end, ts=[0.0, 0.3, 0.5, 1.0])
    layers = NETWORKS[name][1]
    assert list(found.layers) == layers and found.examples_used == 40
    both = [statistics(at, at.theta, layers) for at in (start, end)]
    for place, t in ((1, 0.3), (2, 0.5)):
        has = statistics(start, found.thetas[place], layers)
        plain = statistics(start, torch.lerp(start.theta, end.theta, t), layers)
        far = 0.0
        for layer in layers:
            for what in (0, 1):
                want = (1 - t) * both[0][layer][what] + t * both[1][layer][what]
                torch.testing.assert_close(has[layer][what], want, rtol=1e-9, atol=1e-10)
                far = max(far, float((plain[layer][what] - want).abs().max()))
        assert far > 0.05  # Without repair they are others.


@pytest.mark.parametrize("name", ["mlp", "cnn", "resnet none", "resnet group"])
def test_ends_of_a_repaired_path_are_the_networks_themselves(name):
    start, end = ends(name)
    found = repaired_path(start, end, ts=3)
    assert torch.equal(found.thetas[0], start.theta) and torch.equal(found.thetas[-1], end.theta)
    assert float(found.path.loss[0]) == start.loss(start.theta)
    assert float(found.path.loss[-1]) == end.loss(end.theta)
    straight = linear_barrier(start, end, ts=3)
    assert abs(float(found.path.loss[1] - straight.loss[1])) > 1e-3


def test_a_hidden_layer_is_rescaled_row_by_row_as_by_hand():
    start, end = ends("mlp")
    found = repaired_path(start, end, ts=[0.0, 0.25, 1.0])
    images = INPUTS.flatten(1)
    p, q, r = (start.layout.unflatten(x) for x in (start.theta, end.theta, found.thetas[1]))
    weight, bias = (torch.lerp(p[f"1.{part}"], q[f"1.{part}"], 0.25) for part in ("weight", "bias"))

    def moments(weight, bias):
        z = images @ weight.T + bias
        return z.mean(0), z.std(0, correction=0)

    (m0, s0), (m1, s1), (m, s) = (
        moments(*pair)
        for pair in ((p["1.weight"], p["1.bias"]), (q["1.weight"], q["1.bias"]), (weight, bias))
    )
    scale = (0.75 * s0 + 0.25 * s1) / s
    torch.testing.assert_close(r["1.weight"], scale[:, None] * weight, rtol=1e-12, atol=0)
    shift = 0.75 * m0 + 0.25 * m1 - scale * m
    torch.testing.assert_close(r["1.bias"], scale * bias + shift, rtol=1e-11, atol=1e-13)
    for part in ("weight", "bias"):  # The output layer stays.
        want = torch.lerp(p[f"5.{part}"], q[f"5.{part}"], 0.25)
        torch.testing.assert_close(r[f"5.{part}"], want, rtol=1e-15, atol=0)


def test_repair_is_the_batch_normalisation_that_the_paper_inserts():
    # Behind each hidden layer, with the targets as shift and scale and the inputs' statistics.
    start, end = ends("cnn")
    found = repaired_path(start, end, ts=[0.0, 0.4, 1.0])
    theta = torch.lerp(start.theta, end.theta, 0.4)
    targets = [statistics(at, at.theta, found.layers) for at in (start, end)]
    middle, x = network("cnn", 0), INPUTS
    middle.load_state_dict(start.layout.unflatten(theta))
    for name, layer in middle.named_children():
        x = layer(x)
        if name in found.layers:
            mean, std = (0.6 * targets[0][name][k] + 0.4 * targets[1][name][k] for k in (0, 1))
            x = nn.functional.batch_norm(x, None, None, std, mean, training=True, eps=1e-300)
    parts = start.parts(found.thetas[1])
    got = torch.func.functional_call(parts.module, parts.named, (INPUTS,))
    torch.testing.assert_close(got, x, rtol=1e-10, atol=1e-11)


def test_repair_of_a_network_normalised_throughout_is_reestimated_statistics():
    model = models.ResNet(depth=8, width=0.25)
    pair = [model.build((1, 8, 8), 10, seed=seed).double() for seed in (0, 1)]
    start, end = (Objective(m, EXAMPLES, bn="reestimate") for m in pair)
    found, want = repaired_path(start, end, ts=5), linear_barrier(start, end, ts=5)
    assert found.layers == () and torch.equal(found.path.loss, want.loss)
    assert found.path.barrier == want.barrier and found.path.error_barrier == want.error_barrier
    for t, theta in zip(want.ts.tolist(), found.thetas, strict=True):
        assert torch.equal(theta, torch.lerp(start.theta, end.theta, t))


@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
def test_the_policy_of_the_objectives_does_not_matter_and_the_results_is_named(bn):
    found = repaired_path(*ends("cnn bn", bn=bn), ts=3)
    want = repaired_path(*ends("cnn bn"), ts=3)
    assert torch.equal(found.path.loss, want.path.loss)
    assert (found.path.bn, found.path.kind) == ("repaired", "repaired")
    assert math.isnan(found.path.length) and found.path.examples == 40


def test_the_path_is_measured_at_the_repaired_points():
    start, end = ends("cnn bn")
    found = repaired_path(start, end, ts=3)
    for place in range(3):
        want = start.loss(found.thetas[place], buffers=found.buffers[place])
        assert float(found.path.loss[place]) == want


def test_statistics_are_taken_from_the_inputs_given_and_measured_on_the_examples():
    start, end = ends("mlp", digits().first(24))
    own, given = repaired_path(start, end, ts=3), repaired_path(start, end, ts=3, inputs=INPUTS)
    assert (own.examples_used, given.examples_used) == (24, 40) and given.path.examples == 24
    assert not torch.equal(own.thetas[1], given.thetas[1])
    want = repaired_path(*ends("mlp"), ts=3)  # Other examples, the same inputs to repair by.
    assert torch.equal(given.thetas, want.thetas)


class InPlace(nn.Module):
    """A layer changed in place before a normalisation, which then does not follow it directly."""

    def __init__(self, between):
        super().__init__()
        self.a, self.norm, self.b = nn.Linear(64, 5), nn.BatchNorm1d(5), nn.Linear(5, 10)
        self.between = between

    def forward(self, x):
        return self.b(self.norm(self.between(self.a(x.flatten(1)))).relu())


@pytest.mark.parametrize(
    ("between", "layers"),
    [(nn.Identity(), ()), (nn.ReLU(), ("a",)), (nn.ReLU(inplace=True), ("a",))],
)
def test_a_layer_is_left_to_the_normalisation_only_where_that_follows_at_once(between, layers):
    pair = [Objective(filled(InPlace(between), name), EXAMPLES) for name in "ab"]
    assert repaired_path(*pair, ts=3).layers == layers


def test_a_unit_of_constant_output_is_only_shifted():
    pair = []
    for name in "ab":
        model = filled(
            nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.ReLU(), nn.Linear(3, 10)), name
        )
        with torch.no_grad():
            model[1].weight[1] = 0
        pair.append(Objective(model, EXAMPLES))
    start, end = pair
    found = repaired_path(start, end, ts=3)
    middle = start.layout.unflatten(found.thetas[1])
    p, q = (at.layout.unflatten(at.theta) for at in pair)
    assert middle["1.weight"][1].tolist() == [0.0] * 64
    want = float(p["1.bias"][1] + q["1.bias"][1]) / 2
    assert float(middle["1.bias"][1]) == pytest.approx(want, rel=1e-12)


def test_repair_is_repeatable_leaves_networks_alone_and_is_kept_by_the_store(store):
    pair = [network("cnn bn", seed).train() for seed in (0, 1)]
    before, numbers = [state_of(m) for m in pair], torch.get_rng_state()
    start, end = (Objective(m, EXAMPLES) for m in pair)
    found = store.remember(repaired_path, start, end, ts=3)
    again = Store(store.root).remember(repaired_path, start, end, ts=3)
    with torch.inference_mode():
        third = repaired_path(start, end, ts=3)
    for other in (again, third):
        assert torch.equal(found.thetas, other.thetas)
        assert torch.equal(found.path.loss, other.path.loss)
    assert found.layers == again.layers and found.buffers[1].keys() == again.buffers[1].keys()
    assert [state_of(m) for m in pair] == before and torch.equal(torch.get_rng_state(), numbers)


def test_infinity_between_two_networks_is_kept():
    start, end = ends("mlp")
    broken = network("mlp", 1)
    with torch.no_grad():
        broken[3].weight[0, 0] = math.inf
    end = Objective(broken, EXAMPLES)
    found = repaired_path(start, end, ts=3)
    assert not bool(found.path.loss[1:].isfinite().any()) and math.isnan(found.path.barrier)


# What is refused


@pytest.mark.parametrize("frozen", [False, True])
def test_a_layer_without_a_bias_of_its_own_is_refused(frozen):
    pair = []
    for name in "ab":
        layers = nn.Linear(64, 5, bias=frozen), nn.ReLU(), nn.Linear(5, 10)
        model = filled(nn.Sequential(nn.Flatten(), *layers), name)
        if frozen:
            model[1].bias.requires_grad_(False).zero_()
        pair.append(Objective(model, EXAMPLES))
    with pytest.raises(
        ValueError, match=r"layer '1' cannot take a scale and a shift: 1.bias is no"
    ):
        repaired_path(*pair)


def test_a_layer_used_twice_is_refused():
    pair = []
    for name in "ab":
        inner = nn.Linear(64, 64)
        model = nn.Sequential(nn.Flatten(), inner, nn.ReLU(), inner, nn.Linear(64, 10))
        pair.append(Objective(filled(model, name), EXAMPLES))
    with pytest.raises(ValueError, match=r"layer '1' is used more than once"):
        repaired_path(*pair)


def test_ends_that_do_not_fit_are_refused():
    start, end = ends("mlp")
    with pytest.raises(ValueError, match=r"different parameters"):
        repaired_path(start, ends("cnn")[0])
    with pytest.raises(ValueError, match=r"same point"):
        repaired_path(start, start)
    with pytest.raises(ValueError, match=r"are no path"):
        repaired_path(start, end, ts=2)


class ChannelsFirst(nn.LayerNorm):
    """A layer norm over channels of images (N, C, H, W), as torchvision's ConvNeXt has it."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


@pytest.mark.parametrize("side", [4, 5])
def test_a_layer_norm_with_axes_of_its_own_is_refused(side):
    # With as many columns as channels nothing else would fail: the statistics would be wrong.
    def model(seed):
        torch.manual_seed(seed)
        layers = nn.Conv2d(1, 4, 3, padding=1), ChannelsFirst(4), nn.ReLU(), nn.Flatten()
        return nn.Sequential(*layers, nn.Linear(4 * side * side, 3)).double()

    images = torch.randn(6, 1, side, side, generator=rng.stream(0, "images")).double()
    examples = images, torch.arange(6) % 3
    start, end = (Objective(model(seed), examples) for seed in (0, 1))
    with pytest.raises(ValueError, match=r"layer '1' is a ChannelsFirst, a LayerNorm with a"):
        repaired_path(start, end, ts=3)
