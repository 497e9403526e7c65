"""Fused inference: any network's values, NaN and infinity included, from fewer passes."""

import collections
import copy
import math
import weakref

import pytest
import torch
from landscape import models, rng
from landscape.network.kernels.deferred import Deferred, computed
from landscape.network.kernels.fused_inference import FusedInference, bypass_module_checks
from landscape.network.memory_format import channels_last
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from tests.sample_networks import small_vit


def numbers(*shape, name="x", dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=rng.stream(0, "fusion", name, *shape))


def moved(model):
    """The network in eval mode, in float64, with normalisation that does something."""
    model = model.double().eval()
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(0.4 * numbers(*tensor.shape, name=name))
                if "running_var" in name:
                    tensor.abs_().add_(0.3)
    return model


def fused(model, inputs, **options):
    with torch.inference_mode():
        with FusedInference([*model.parameters(), *model.buffers()], **options):
            found = model(inputs)
        return computed(found)


class Of(nn.Module):
    """A network from a function of (layers, inputs)."""

    def __init__(self, function, **layers):
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x):
        return self.function(self, x)


def conv(i=2, o=2, size=3, **options):
    return nn.Conv2d(i, o, size, padding=size // 2, **options)


def functional_style(m, x):
    y = functional.conv2d(x, m.a.weight, bias=m.a.bias, padding=1)
    y = functional.batch_norm(
        y, m.n.running_mean, m.n.running_var, weight=m.n.weight, bias=m.n.bias, eps=0.1
    )
    return torch.relu(input=y)


def residual(m, x):
    return functional.relu(m.n(m.a(x)) + x)


def residual_from_the_left(m, x):
    return (x + m.n(m.a(x))).relu()


def residual_in_place(m, x):
    y = m.n(m.a(x))
    y += x
    return functional.relu(y, True) * y


def two_branches(m, x):
    return m.n(m.a(x)) + m.k(m.b(x))


def output_used_twice(m, x):
    y = m.a(x)
    return m.n(y) * 2 + y.relu() + y


def sum_used_twice(m, x):
    y = m.a(x) + x
    return y.relu() + 3 * y


def changed_after_its_use(m, x):
    y = m.a(x)
    z = m.n(y)
    y.relu_()
    return z + 2 * y


def input_changed_meanwhile(m, x):
    x = x.clone()
    y = m.n(m.a(x))
    x.mul_(3)
    return y.relu() + x


def summand_changed_meanwhile(m, x):
    z = x.clone()
    y = m.a(x) + z
    z[:, 0] = 7
    return y.relu() + z


def input_changed_by_out(m, x):
    x = x.clone()
    y = m.a(x)
    torch.mul(x, 5, out=x)
    return y


def weight_changed_meanwhile(m, x):
    y = m.a(x)
    m.a.weight.mul_(2)
    z = m.a(x)
    m.a.weight.mul_(0.5)
    return y + 10 * z


def written_into(m, x):
    y = m.a(x)
    y[:, 1] = 2
    return y + m.b(y)


def seen_through_a_view(m, x):
    y = m.n(m.a(x))
    part = y[:, :1]
    y.relu_()
    return part + y


def broadcast(m, x):
    mean = x.mean((2, 3), keepdim=True)
    return (m.a(x) + mean).relu() + (m.b(x) + 1.5)


def weighted_sum(m, x):
    return torch.add(m.a(x), x, alpha=2).relu()


def narrower_summand(m, x):
    narrow = x.float()
    return (narrow + m.a(x)).relu() + (m.b(x) + narrow)


def larger_summand(m, x):
    larger = torch.stack([x, 2 * x])
    return (m.a(x) + larger).relu()


def itself(m, x):
    y = m.a(x)
    return (y + y).relu()


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x


def own_function(m, x):
    return Doubled.apply(m.a(x))


def mapped_over_examples(m, x):
    return torch.vmap(lambda image: m.n(m.a(image[None]))[0].relu())(x)


def asked(m, x):
    y = m.a(x)
    assert y.shape == x.shape and y.dim() == y.ndim == 4 and y.size(1) == 2
    assert y.dtype == x.dtype and y.device == x.device and y.numel() == x.numel()
    return y.view(y.size(0), -1)


FUNCTIONS = [
    functional_style,
    residual,
    residual_from_the_left,
    residual_in_place,
    two_branches,
    output_used_twice,
    sum_used_twice,
    changed_after_its_use,
    input_changed_meanwhile,
    summand_changed_meanwhile,
    input_changed_by_out,
    weight_changed_meanwhile,
    written_into,
    seen_through_a_view,
    broadcast,
    weighted_sum,
    narrower_summand,
    larger_summand,
    itself,
    own_function,
    mapped_over_examples,
    asked,
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_values_are_those_of_the_network_however_it_is_written(function):
    layers = {"a": conv(), "b": conv(), "n": nn.BatchNorm2d(2), "k": nn.BatchNorm2d(2)}
    model, x = moved(Of(function, **layers)), numbers(3, 2, 5, 6)
    with torch.inference_mode():
        want = model(x.clone())
    found = fused(model, x.clone())
    assert type(found) is torch.Tensor and not isinstance(found, Deferred)
    torch.testing.assert_close(found, want, rtol=1e-12, atol=1e-12)


def test_a_sum_has_the_wider_type_of_its_parts():
    def wider(m, x):
        exact = x.double()
        return (m.a(x) + exact).relu()

    model, x = Of(wider, a=conv()).eval(), numbers(2, 2, 5, 5, dtype=torch.float32)
    with torch.inference_mode():
        want = model(x)
    assert fused(model, x).dtype == want.dtype == torch.float64
    torch.testing.assert_close(fused(model, x), want, rtol=1e-6, atol=1e-6)


shared = conv()
SEQUENCES = {
    "in-place relu": [conv(), nn.BatchNorm2d(2), nn.ReLU(inplace=True), conv()],
    "no bias": [conv(bias=False), nn.BatchNorm2d(2), nn.ReLU()],
    "no scale": [conv(), nn.BatchNorm2d(2, affine=False), nn.ReLU()],
    "no scale, no bias": [conv(bias=False), nn.BatchNorm2d(2, affine=False)],
    "own statistics": [conv(), nn.BatchNorm2d(2, track_running_stats=False), nn.ReLU()],
    "twice normalised": [conv(), nn.BatchNorm2d(2), nn.BatchNorm2d(2), nn.ReLU()],
    "shared": [shared, nn.ReLU(), shared, nn.BatchNorm2d(2), shared],
    "grouped": [conv(2, 4, groups=2), nn.BatchNorm2d(4), nn.ReLU()],
    "strided": [nn.Conv2d(2, 3, (3, 1), (2, 1), (1, 0), (1, 2)), nn.BatchNorm2d(3), nn.ReLU()],
    "padding by name": [nn.Conv2d(2, 2, 3, padding="same"), nn.BatchNorm2d(2), nn.ReLU()],
    "padding by reflection": [nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"), nn.ReLU()],
    "transposed": [nn.ConvTranspose2d(2, 2, 3), nn.BatchNorm2d(2), nn.ReLU()],
    "one axis": [nn.Flatten(2), nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3), nn.ReLU()],
    "linear": [nn.Flatten(), nn.Linear(60, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)],
    "linear, channels second": [nn.Flatten(2), nn.Linear(30, 4), nn.BatchNorm1d(2), nn.ReLU()],
    "pooled": [conv(), nn.ReLU(), nn.MaxPool2d(2), conv(), nn.AdaptiveAvgPool2d(1)],
    "dropout": [conv(), nn.Dropout(0.5), nn.ReLU()],
    "other norms": [conv(2, 4), nn.GroupNorm(2, 4), nn.ReLU(), nn.InstanceNorm2d(4), nn.GELU()],
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_values_are_those_of_the_layers(name):
    model, x = moved(nn.Sequential(*copy.deepcopy(SEQUENCES[name]))), numbers(3, 2, 5, 6)
    with torch.inference_mode():
        want = model(x)
    torch.testing.assert_close(fused(model, x), want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", SEQUENCES)
def test_layers_without_checks_compute_the_same_with_and_without_fusion(name):
    model, x = moved(nn.Sequential(*copy.deepcopy(SEQUENCES[name]))), numbers(3, 2, 5, 6)
    with torch.inference_mode():
        want = model(x)
        bypass_module_checks(model)
        torch.testing.assert_close(model(x), want, rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(fused(model, x), want, rtol=1e-12, atol=1e-12)


def test_a_layer_without_checks_takes_the_statistics_that_it_has_when_it_is_called():
    model, x = moved(nn.Sequential(nn.BatchNorm2d(2))), numbers(3, 2, 5, 6)
    bypass_module_checks(model)
    with torch.inference_mode():
        before = model(x)
        model[0].running_mean.add_(1)
        model[0].weight.fill_(2)
        want = nn.BatchNorm2d.forward(model[0], x)
        assert torch.equal(model(x), want) and not torch.equal(before, want)


class Counter(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.calls = collections.Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


PASSES = ("conv2d", "convolution", "batch_norm", "native_batch_norm", "relu", "relu_", "add_")


def counted(model, x):
    with Counter() as counter:
        fused(model, x)
    return counter.calls


@pytest.mark.parametrize("skip", [True, False])
def test_a_resnet_needs_its_convolutions_and_no_passes_between_them(skip):
    model = moved(models.ResNet(depth=8, width=0.25, skip=skip).build((3, 8, 8), 4, seed=0))
    calls = counted(model, numbers(2, 3, 8, 8))
    assert {name: count for name, count in calls.items() if name in PASSES} == {
        "conv2d": 7,
        "relu_": 7,
        **({"add_": 3} if skip else {}),
    }


def test_folded_weights_are_kept_between_microbatches_and_not_beyond_the_constants():
    model, x = moved(nn.Sequential(conv(), nn.BatchNorm2d(2))), numbers(2, 2, 5, 5)
    with torch.inference_mode():
        mode = FusedInference([*model.parameters(), *model.buffers()])
        for known, count in ((mode, 1), (FusedInference(), 3)):
            with Counter() as counter:
                for _ in range(3):
                    with known:
                        found = model(x)
                    computed(found)
            assert counter.calls["rsqrt"] == count


def test_weights_computed_in_the_forward_pass_are_folded_each_time():
    # The identity of the first one's memory may pass on to the second one.
    def twice(m, x):
        return m.n(functional.conv2d(m.n(functional.conv2d(x, m.a.weight * 2)), m.a.weight * 3))

    model, x = moved(Of(twice, a=conv(), n=nn.BatchNorm2d(2))), numbers(2, 2, 7, 7)
    with torch.inference_mode():
        want = model(x)
    torch.testing.assert_close(fused(model, x), want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_pass_through_as_they_do_without(value, dtype):
    # oneDNN's fused ReLU would turn NaN into 0.
    model = nn.Sequential(conv(), nn.BatchNorm2d(2), nn.ReLU(), conv(), nn.ReLU()).to(dtype).eval()
    x = numbers(2, 2, 5, 5, dtype=dtype)
    x[0, 0, 2, 2] = value
    with torch.inference_mode():
        want = model(channels_last(x))
    found = fused(model, channels_last(x))
    assert bool(want[0].isnan().any()) and bool(want[1].isfinite().all())
    torch.testing.assert_close(found, want, rtol=1e-5, atol=1e-6, equal_nan=True)


def test_half_precision_is_normalised_by_pytorch():
    model = moved(nn.Sequential(conv(), nn.BatchNorm2d(2), nn.ReLU())).bfloat16()
    x = numbers(2, 2, 5, 5).bfloat16()
    with torch.inference_mode():
        want = model(x)
    assert torch.equal(fused(model, x), want)


def test_nothing_is_deferred_while_gradients_are_enabled():
    model, x = moved(nn.Sequential(conv(), nn.BatchNorm2d(2), nn.ReLU())), numbers(2, 2, 5, 5)
    with FusedInference():
        found = model(x)
    assert type(found) is torch.Tensor and found.requires_grad


def test_attention_is_computed_as_without_the_context():
    model, x = small_vit().eval(), numbers(3, 1, 8, 8)
    with torch.inference_mode():
        want = model(x)
    torch.testing.assert_close(fused(model, x), want, rtol=1e-12, atol=1e-12)


def test_a_deferred_tensor_keeps_no_activations_alive_after_its_use():
    alive, most = set(), []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            found = func(*args, **(kwargs or {}))
            if func.overloadpacket.__name__ == "conv2d":
                number = len(most)
                alive.add(number)
                most.append(len(alive))
                weakref.finalize(found, alive.discard, number)
            return found

    layers = [part for _ in range(12) for part in (conv(), nn.BatchNorm2d(2), nn.ReLU())]
    with Watch():
        fused(moved(nn.Sequential(*layers)), numbers(2, 2, 5, 5))
    assert len(most) == 12 and max(most) == 2


def test_channels_last_has_the_channels_innermost_also_where_there_is_one():
    for channels in (1, 3):
        x = numbers(2, channels, 4, 5)
        found = channels_last(x)
        assert found.stride() == (20 * channels, 1, 5 * channels, channels)
        assert torch.equal(found, x) and channels_last(found) is found


def test_an_exception_leaves_the_context_usable():
    def failing(m, x):
        m.a(x)
        raise KeyError("own")

    model, x = moved(Of(failing, a=conv())), numbers(2, 2, 5, 5)
    mode = FusedInference()
    with torch.inference_mode():
        with pytest.raises(KeyError, match="own"), mode:
            model(x)
        with mode:
            found = model.a(x)
        torch.testing.assert_close(computed(found), model.a(x), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (2, 3), (1, 4)])
@pytest.mark.parametrize("layer", [nn.MaxPool2d(2), nn.MaxPool2d(2, 1), nn.MaxPool2d(3)])
def test_pooling_has_the_bits_of_pytorch(size, layer):
    inputs = channels_last(numbers(2, 5, *size))
    inputs[0, 1, 0, 1] = math.nan
    inputs[1, 2, 0, 0] = -math.inf
    try:
        expected = layer(inputs)
    except RuntimeError:  # The image is smaller than the window: refused here as well.
        with pytest.raises(RuntimeError):
            fused(layer, inputs)
        return
    result = fused(layer, inputs)
    assert torch.equal(result.isnan(), expected.isnan())
    assert torch.equal(result.nan_to_num(), expected.nan_to_num())


def test_pooling_sees_its_input_as_it_was():
    def forward(net, x):
        y = net.conv(x)
        pooled = functional.max_pool2d(y, 2)
        y.mul_(3)
        return torch.relu(pooled) + 2 * pooled

    model = moved(Of(forward, conv=conv()))
    inputs = channels_last(numbers(2, 2, 6, 6))
    expected = model(inputs)
    assert torch.allclose(fused(model, inputs), expected)
