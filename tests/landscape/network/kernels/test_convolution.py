"""Fast second derivatives of convolutions, against PyTorch's own."""

import collections
import contextlib
import gc
import itertools
import weakref

import pytest
import torch
from landscape import _torchvision, rng
from landscape.network import parameters
from landscape.network.kernels.double_backward import FastConvolutions, convolved
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from tests.sample_networks import filled


class Calls(TorchDispatchMode):
    """Counts the operations that are computed, by name."""

    def __init__(self):
        super().__init__()
        self.counts = collections.Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.counts[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))

    def __getitem__(self, name):
        return self.counts[name]


def normal(*shape, name=""):
    generator = rng.stream(3, "convolution", name, *shape)
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def curvature(outputs, theta):
    """Outputs, and gradient, Hessian and GGN products of Σ sin(outputs), by autograd alone."""
    v = normal(len(theta), name="v").to(theta)
    u = torch.zeros_like(outputs, requires_grad=True)
    (g,) = torch.autograd.grad(outputs.sin().sum(), theta, create_graph=True)
    (hv,) = torch.autograd.grad(g, theta, v, retain_graph=True)
    (pulled,) = torch.autograd.grad(outputs, theta, u, create_graph=True)
    (jv,) = torch.autograd.grad(pulled, u, v, retain_graph=True)
    (gv,) = torch.autograd.grad(outputs, theta, -outputs.detach().sin() * jv, retain_graph=True)
    return {"outputs": outputs.detach(), "g": g.detach(), "hv": hv, "jv": jv, "gv": gv}


def one_tensor(outputs):
    return torch.cat([part.reshape(-1) for part in torch.utils._pytree.tree_leaves(outputs)])


def both(network, n):
    """(without the context, with it): curvature of a function theta -> outputs of any form."""
    found = []
    for context in (contextlib.nullcontext(), FastConvolutions()):
        theta = (0.4 * normal(n, name="theta")).requires_grad_()
        with context:
            outputs = convolved(network(theta))
        found.append(curvature(one_tensor(outputs), theta))
    return found


def same(network, n, tolerance=1e-12):
    plain, fast = both(network, n)
    for name, want in plain.items():
        scale = float(want.abs().max())
        torch.testing.assert_close(fast[name], want, rtol=0, atol=tolerance * scale, msg=name)
    assert float(plain["hv"].abs().max()) > 1e-3 and float(plain["jv"].abs().max()) > 1e-3


# Every option of a convolution

OPTIONS = {
    "1x1": ((6, 4, 1, 1), {}),
    "3x3": ((6, 4, 3, 3), {"padding": 1}),
    "rectangular": ((6, 4, 3, 2), {"stride": (2, 1), "padding": (0, 1)}),
    "stride leaves rows over": ((2, 4, 2, 2), {"stride": 3}),
    "dilation": ((2, 4, 3, 2), {"dilation": (2, 3), "padding": 2}),
    "groups": ((6, 2, 3, 3), {"groups": 2, "stride": [2, 2]}),
    "depthwise": ((8, 1, 3, 3), {"groups": 4, "padding": (1,)}),
    "all": ((4, 2, 2, 3), {"groups": 2, "stride": 2, "padding": (2, 1), "dilation": (1, 2)}),
    "same": ((6, 4, 3, 3), {"padding": "same", "dilation": 2}),
    "valid": ((6, 4, 3, 2), {"padding": "valid"}),
}


def convolution_of(theta, shape, options, images, biased=True):
    """A convolution of inputs that depend on theta too, so that all three adjoints are used."""
    weight, bias, scale = theta.split([torch.Size(shape).numel(), shape[0], images.shape[-3]])
    inputs = (images * scale[:, None, None]).tanh()
    return functional.conv2d(inputs, weight.view(shape), bias if biased else None, **options)


def parameters_of(shape):
    return torch.Size(shape).numel() + shape[0] + 4


@pytest.mark.slow
@pytest.mark.parametrize("biased", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("name", OPTIONS)
def test_convolution_has_the_derivatives_that_pytorch_gives(name, biased):
    shape, options = OPTIONS[name]
    images = normal(3, 4, 8, 7)
    same(lambda t: convolution_of(t, shape, options, images, biased), parameters_of(shape))


@pytest.mark.parametrize("biased", [True, False], ids=["bias", "no bias"])
def test_convolution_of_one_image_without_batch_has_them_too(biased):
    shape, options = OPTIONS["3x3"]
    images = normal(4, 8, 7)
    same(lambda t: convolution_of(t, shape, options, images, biased), parameters_of(shape))


@pytest.mark.parametrize(
    "stride, padding, dilation, groups", list(itertools.product(*[(1, 2)] * 4))
)
def test_every_mix_of_options_has_the_derivatives_that_pytorch_gives(
    stride, padding, dilation, groups
):
    shape = (4, 4 // groups, 3, 2)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    images = normal(2, 4, 7, 6)
    same(lambda t: convolution_of(t, shape, options, images), parameters_of(shape))


def test_channels_last_gives_the_same():
    shape, options = OPTIONS["groups"]
    images = normal(3, 4, 8, 7).contiguous(memory_format=torch.channels_last)

    def network(t):
        weight, bias = t.split([torch.Size(shape).numel(), shape[0]])
        weight = weight.view(shape).contiguous(memory_format=torch.channels_last)
        outputs = functional.conv2d(images, weight, bias, **options)
        return functional.batch_norm(outputs, *statistics(6))

    same(network, parameters_of(shape) - 4)


def test_float32_is_as_accurate_as_pytorch_s_own():
    shape, options = OPTIONS["3x3"]
    single, double = normal(3, 4, 8, 7).float(), normal(3, 4, 8, 7)
    want, _ = both(lambda t: convolution_of(t, shape, options, double), parameters_of(shape))
    plain, fast = both(
        lambda t: convolution_of(t.float(), shape, options, single), parameters_of(shape)
    )
    for name, exact in want.items():
        scale = float(exact.abs().max())
        errors = [float((found[name] - exact).abs().max()) for found in (plain, fast)]
        assert 0 < errors[1] < 2 * errors[0] + 1e-6 * scale


# Normalisation behind a convolution


def statistics(channels):
    return normal(channels, name="mean"), normal(channels, name="variance").abs() + 0.5


def normalised(theta, images, *, affine=True, biased=True, **options):
    weight, bias, scale, shift = theta.split([36, 3, 3, 3])
    outputs = functional.conv2d(images, weight.view(3, 4, 3, 1), bias if biased else None)
    pair = (scale, shift) if affine else (None, None)
    return functional.batch_norm(outputs, *options.pop("buffers", statistics(3)), *pair, **options)


@pytest.mark.parametrize("affine", [True, False], ids=["affine", "plain"])
@pytest.mark.parametrize("biased", [True, False], ids=["bias", "no bias"])
def test_frozen_normalisation_is_folded_and_changes_nothing(affine, biased):
    images = normal(3, 4, 6, 5)
    same(lambda t: normalised(t, images, affine=affine, biased=biased, eps=1e-2), 45)


@pytest.mark.slow
def test_normalisation_that_a_module_calls_is_folded():
    model = nn.Sequential(nn.Conv2d(4, 3, 3), nn.BatchNorm2d(3), nn.ReLU()).double().eval()
    with Calls() as calls:
        model(normal(2, 4, 5, 5))
    assert calls["native_batch_norm"] == 1
    with FastConvolutions(), Calls() as calls:
        convolved(model(normal(2, 4, 5, 5)))
    assert calls["native_batch_norm"] == 0 and calls["convolution"] == 1


def test_normalisation_by_the_statistics_of_the_batch_is_not_folded():
    images = normal(3, 4, 6, 5)
    same(lambda t: normalised(t, images, buffers=(None, None), training=True), 45, 1e-11)


def test_running_statistics_are_updated_as_ever():
    found = []
    for context in (contextlib.nullcontext(), FastConvolutions()):
        mean, variance = statistics(3)
        with context:
            normalised(
                normal(45).requires_grad_(),
                normal(3, 4, 6, 5),
                buffers=(mean, variance),
                training=True,
            )
        found.append((mean, variance))
    assert torch.equal(found[0][0], found[1][0]) and torch.equal(found[0][1], found[1][1])
    assert not torch.equal(found[0][0], statistics(3)[0])


# What a network may do with the output of a convolution


class Square(torch.autograd.Function):
    """A function that does not ask the context, as compiled and hand-written layers do not."""

    @staticmethod
    def forward(ctx, inputs):
        ctx.save_for_backward(inputs)
        return inputs**2

    @staticmethod
    def backward(ctx, grad):
        (inputs,) = ctx.saved_tensors
        return 2 * inputs * grad


def norm(y):
    return functional.batch_norm(y, *statistics(3))


def discarded(y, change):
    change(y)
    return y


def first_used_without_derivatives(y):
    with torch.no_grad():
        mean = y.mean()
    return (y - mean) ** 2


def normalised_without_derivatives(y):
    with torch.no_grad():
        constant = norm(y)
    return constant * y


def set_in_place(y):
    y[:, 0] = 2 * y[:, 1]
    return y


def asked_first(y):
    assert isinstance(y, torch.Tensor) and y.size() == y.shape == torch.Size([2, 3, 4, 4])
    assert (y.dim(), y.ndim, y.size(1), y.numel(), len(y)) == (4, 4, 3, 96, 2)
    assert y.dtype == torch.float64 and y.device == torch.device("cpu") and y.is_floating_point()
    return norm(y.view(y.shape[0], 3, 4, -1))


def asked_before_folding(y):
    assert y.shape[1] == 3 and y.dim() == 4
    return norm(y)


USES = {
    "returned": lambda y: y,
    "in a tuple": lambda y: (y, 2 * y),
    "in a dictionary": lambda y: {"first": [y], "second": norm(y)},
    "normalised": norm,
    "normalised twice": lambda y: norm(norm(y)),
    "normalised by two": lambda y: norm(y) * functional.batch_norm(y, *statistics(3), eps=1.0),
    "normalised, then skipped to": lambda y: norm(y).relu() + y,
    "skipped to, then normalised": lambda y: y.sin() + norm(y),
    "joined": lambda y: torch.cat([y, norm(y), y], dim=1),
    "by name": lambda y: functional.batch_norm(
        input=y, running_mean=statistics(3)[0], running_var=statistics(3)[1]
    ),
    "relu in place": lambda y: functional.relu(y, inplace=True),
    "relu in place, discarded": lambda y: discarded(y, nn.ReLU(inplace=True)),
    "relu in place by position": lambda y: discarded(y, lambda y: functional.relu(y, True)),
    "relu_": lambda y: discarded(y, torch.relu_),
    "added to in place": lambda y: discarded(y, lambda y: y.mul_(2).add_(y.detach())),
    "added to, then normalised": lambda y: norm(discarded(y, lambda y: y.add_(1))),
    "view in place": lambda y: discarded(y, lambda y: y[:, 0].mul_(2)),
    "set in place": set_in_place,
    "asked first": asked_first,
    "asked before folding": asked_before_folding,
    "flat": lambda y: y.flatten(1) @ normal(48, 5),
    "pooled": lambda y: functional.max_pool2d(y, 2),
    "iterated": lambda y: torch.stack([part.square() for part in y]),
    "by aten": lambda y: torch.ops.aten.tanh(y),
    "detached": lambda y: y.detach() * y,
    "data": lambda y: y.data.tanh() * y,
    "first used without derivatives": first_used_without_derivatives,
    "normalised without derivatives": normalised_without_derivatives,
    "by a function": lambda y: Square.apply(y) + y,
    "by a function, then normalised": lambda y: Square.apply(y) + norm(y),
    "checkpointed": lambda y: checkpoint(lambda y: norm(y).tanh() * y, y, use_reentrant=False),
    "by vmap": lambda y: torch.func.vmap(torch.relu)(y) + y**2,
}


@pytest.mark.slow
@pytest.mark.parametrize("use", USES)
def test_network_may_do_anything_with_the_output(use):
    images = normal(2, 3, 4, 4)

    def network(t):
        weight = t.view(3, 3, 3, 3)
        y = functional.conv2d(images * t[0], weight, padding=1)
        return USES[use](y)

    same(network, 81)


def sandwich(inside):
    def network(t):
        x = functional.conv2d(normal(2, 3, 4, 4), t[:81].view(3, 3, 3, 3), padding=1)
        x = inside(x, t[81:].view(3, 3, 1, 1))
        return functional.conv2d(x, t[:27].view(1, 3, 3, 3))

    return network


def without_derivatives(x, w):
    with torch.no_grad():
        constant = functional.conv2d(x, w)
    return norm(constant) * x + constant


def mapped(x, w):
    return torch.func.vmap(lambda image: functional.conv2d(image[None], w)[0])(x)


def in_checkpoint(x, w):
    def block(x):
        return norm(functional.conv2d(x, w)).relu() * x

    return checkpoint(block, x, use_reentrant=False)


BETWEEN = {
    "in a row": lambda x, w: functional.conv2d(x, w),
    "by name": lambda x, w: functional.conv2d(stride=1, weight=w, input=x),
    "through torch": lambda x, w: torch.conv2d(x, w),
    "by aten": lambda x, w: torch.ops.aten.conv2d(x, w),
    "transposed": lambda x, w: functional.conv_transpose2d(x, w),
    "in one dimension": lambda x, w: functional.conv1d(x.flatten(2), w[..., 0]).view(x.shape),
    "in three dimensions": lambda x, w: functional.conv3d(x[..., None], w[..., None])[..., 0],
    "twice with one weight": lambda x, w: functional.conv2d(functional.conv2d(x, w).tanh(), w),
    "of one image twice": lambda x, w: functional.conv2d(x, w) * functional.conv2d(x.sin(), w),
    "weight from a convolution": lambda x, w: functional.conv2d(x, functional.conv2d(w, w)),
    "without derivatives": without_derivatives,
    "in vmap": mapped,
    "in a checkpoint": in_checkpoint,
}


@pytest.mark.parametrize("inside", BETWEEN)
def test_convolutions_may_follow_each_other_in_any_form(inside):
    same(sandwich(BETWEEN[inside]), 90)


def test_output_that_a_hook_kept_can_be_used_behind_the_context():
    model = filled(nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2)))
    layout = parameters.layout(model)
    found = []
    for context in (contextlib.nullcontext(), FastConvolutions()):
        kept = []
        handle = model[0].register_forward_hook(lambda *parts, kept=kept: kept.append(parts[-1]))
        theta = layout.flatten(dict(model.named_parameters())).requires_grad_()
        with context:
            images = normal(2, 3, 4, 4)
            y = convolved(torch.func.functional_call(model, layout.unflatten(theta), (images,)))
        handle.remove()
        found.append(curvature(one_tensor([y, kept[0] ** 2]), theta))
    for name, want in found[0].items():
        torch.testing.assert_close(found[1][name], want, rtol=1e-12, atol=1e-12)


def test_mixed_precision_is_left_to_pytorch():
    weight, images = normal(3, 3, 3, 3).float(), normal(2, 3, 4, 4).float()
    found = []
    for context in (contextlib.nullcontext(), FastConvolutions()):
        w = weight.clone().requires_grad_()
        with context:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                y = functional.conv2d(images, w)
            y = convolved(y).float()
        found.append((y, *torch.autograd.grad(y.square().sum(), w)))
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))
    assert not torch.equal(found[0][0], functional.conv2d(images, weight))


# Networks


class Inverted(nn.Module):
    """An inverted residual block with squeeze and excitation; relu6 and sigmoid."""

    def __init__(self, width):
        super().__init__()
        self.up = nn.Conv2d(width, 2 * width, 1, bias=False)
        self.deep = nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width, bias=False)
        self.gate = nn.Conv2d(2 * width, 2 * width, 1)
        self.down = nn.Conv2d(2 * width, width, 1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(w) for w in (2 * width, 2 * width, width))
        self.act = nn.ReLU6(inplace=True)

    def forward(self, x):
        y = self.act(self.norms[0](self.up(x)))
        y = self.act(self.norms[1](self.deep(y)))
        y = y * self.gate(y.mean((2, 3), keepdim=True)).sigmoid()
        return x + self.norms[2](self.down(y))


def inverted():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1), Inverted(4), Inverted(4), nn.Flatten(), nn.Linear(64, 3)
    )


def shared_twice():
    block = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(inplace=True))
    return nn.Sequential(block, block, nn.Flatten(), nn.Linear(192, 3))


def tied():
    model = nn.Sequential(nn.Conv2d(3, 3, 3), nn.GELU(), nn.Conv2d(3, 3, 3), nn.Flatten())
    model[2].weight = model[0].weight
    return model


def circular():
    return nn.Sequential(nn.Conv2d(3, 2, 3, padding=1, padding_mode="circular"), nn.Flatten())


def normalised_weight():
    layer = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 2, 3))
    return nn.Sequential(layer, nn.BatchNorm2d(2), nn.Flatten())


def residual():
    _torchvision.datasets()
    from torchvision.models.resnet import BasicBlock

    skip = nn.Sequential(nn.Conv2d(3, 4, 1, 2), nn.BatchNorm2d(4))
    return nn.Sequential(BasicBlock(3, 4, 2, skip), nn.Flatten(), nn.Linear(64, 3))


def dense(checkpoints):
    _torchvision.datasets()
    from torchvision.models import DenseNet

    return DenseNet(3, (2, 1), 4, 2, 0.0, 3, memory_efficient=checkpoints)


NETWORKS = {
    "inverted residual": inverted,
    "one block twice": shared_twice,
    "one weight in two layers": tied,
    "circular padding": circular,
    "weight norm": normalised_weight,
    "residual of torchvision": residual,
    "dense of torchvision": lambda: dense(False),
    "dense of torchvision, checkpoints": lambda: dense(True),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_network_has_the_derivatives_that_pytorch_gives(name):
    model = filled(NETWORKS[name](), name, scale=0.5)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            mean, variance = statistics(module.num_features)
            module.running_mean.copy_(mean)
            module.running_var.copy_(variance)
    side = 32 if "dense" in name else 8
    images, layout = normal(2, 3, side, side), parameters.layout(model)

    def network(theta):
        return torch.func.functional_call(model, layout.unflatten(theta), (images,))

    same(network, layout.n)


# What is computed


def stack(t, depth=3):
    x = normal(2, 3, 6, 6)
    for weight in t.split(81)[:depth]:
        x = functional.conv2d(x, weight.view(3, 3, 3, 3), padding=1).tanh()
    return x


def test_jacobian_products_compute_only_what_they_need():
    theta = normal(243).requires_grad_()
    with FastConvolutions():
        outputs = convolved(stack(theta))
    u = torch.zeros_like(outputs, requires_grad=True)
    (pulled,) = torch.autograd.grad(outputs, theta, u, create_graph=True)
    with Calls() as calls:
        torch.autograd.grad(pulled, u, theta.detach(), retain_graph=True)
    # One of the change of each weight, one of that of each input but the first, which is data.
    assert (calls["convolution"], calls["convolution_backward"]) == (5, 0)
    with Calls() as calls:
        torch.autograd.grad(outputs, theta, torch.ones_like(outputs), retain_graph=True)
    assert (calls["convolution"], calls["convolution_backward"]) == (0, 3)


def test_hessian_products_compute_two_passes_of_each_kind():
    theta = normal(243).requires_grad_()
    with FastConvolutions():
        outputs = convolved(stack(theta))
    (g,) = torch.autograd.grad(outputs.sin().sum(), theta, create_graph=True)
    with Calls() as calls:
        torch.autograd.grad(g, theta, theta.detach(), retain_graph=True)
    # One of each by the product's change but at the first layer, whose input is data, and
    # the pass of the gradient itself.
    assert (calls["convolution"], calls["convolution_backward"]) == (5, 2 + 3)


def test_convolution_that_nothing_uses_is_not_computed():
    with FastConvolutions(), Calls() as calls:
        functional.conv2d(normal(1, 3, 4, 4), normal(2, 3, 3, 3))
    assert calls["convolution"] == 0


def test_outside_of_the_context_everything_is_as_before():
    with FastConvolutions():
        pass
    y = functional.conv2d(normal(1, 3, 4, 4), normal(2, 3, 3, 3).requires_grad_())
    assert type(y) is torch.Tensor and y.grad_fn.name() == "ConvolutionBackward0"


def test_derivatives_by_leaves_and_by_backward_are_the_same():
    leaves = [normal(3, 3, 3, 3, name=str(i)).requires_grad_() for i in range(2)]

    def gradients(context):
        with context:
            y = functional.conv2d(normal(1, 3, 6, 6), leaves[0]).tanh()
            y = convolved(functional.conv2d(y, leaves[1]))
        return torch.autograd.grad(y.sin().sum(), leaves, create_graph=True)

    want = torch.autograd.grad(gradients(contextlib.nullcontext()), leaves, leaves)
    found = torch.autograd.grad(gradients(FastConvolutions()), leaves, leaves)
    pairs = zip(gradients(FastConvolutions()), leaves, strict=True)
    sum((g * leaf.detach()).sum() for g, leaf in pairs).backward()
    for leaf, one, two in zip(leaves, found, want, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(leaf.grad, two, rtol=1e-12, atol=1e-12)


def number_of_tensors():
    return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())


@pytest.mark.slow
def test_nothing_of_the_graph_outlives_it():
    alive = []
    theta = (0.4 * normal(243 + 27)).requires_grad_()
    model = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU()).double()
    model.eval().register_forward_hook(lambda *parts: alive.append(weakref.ref(parts[-1])))
    gc.collect()
    gc.disable()  # What reference counts do not free at once would wait for the collector.
    try:
        with FastConvolutions():
            x = stack(theta)
            alive.append(weakref.ref(x))
            named = {"0.weight": theta[:81].view(3, 3, 3, 3)}
            outputs = convolved(torch.func.functional_call(model, named, (x,)))
        (g,) = torch.autograd.grad(outputs.sin().sum(), theta, create_graph=True)
        first = torch.autograd.grad(g, theta, theta.detach(), retain_graph=True)[0]
        tensors = number_of_tensors()
        for _ in range(3):
            second = torch.autograd.grad(g, theta, theta.detach(), retain_graph=True)[0]
            assert torch.equal(first, second)
        assert number_of_tensors() <= tensors + 1 and all(ref() is not None for ref in alive)
        del x, named, outputs, g
        assert [ref() for ref in alive] == [None, None]
    finally:
        gc.enable()


# What is refused


@pytest.mark.parametrize("layers", [1, 3])
def test_third_derivatives_are_refused(layers):
    theta = normal(243).requires_grad_()
    with FastConvolutions():
        outputs = convolved(stack(theta, layers))
    (g,) = torch.autograd.grad(outputs.sin().sum(), theta, create_graph=True)
    with pytest.raises(RuntimeError, match=r"no third derivatives under FastConvolutions"):
        torch.autograd.grad(g, theta, theta.detach(), create_graph=True)


@pytest.mark.parametrize("follow", [lambda y: y + 0, norm], ids=["used", "normalised"])
@pytest.mark.parametrize("which", ["input", "weight"])
def test_convolution_whose_operand_changes_in_place_is_refused(which, follow):
    # Computed late, it would be the convolution of other numbers.
    operands = {"input": normal(1, 3, 4, 4), "weight": normal(3, 3, 3, 3)}
    with FastConvolutions():
        y = functional.conv2d(**operands)
        operands[which].add_(1)
        with pytest.raises(RuntimeError, match=r"changed in place before .* first use"):
            follow(y)


def test_output_that_is_changed_in_place_behind_the_back_of_the_context_is_refused():
    with FastConvolutions():
        y = functional.conv2d(normal(1, 3, 4, 4), normal(2, 3, 3, 3).requires_grad_())
        functional.relu(y, inplace=True)
        y = Square.apply(y)
    with pytest.raises(RuntimeError, match=r"in place and also used .*autograd.Function"):
        y.sum().backward()
    with FastConvolutions():
        y = functional.conv2d(normal(1, 3, 4, 4), normal(2, 3, 3, 3).requires_grad_())
    with pytest.raises(RuntimeError, match=r"in place and also used .*autograd.Function"):
        y.mul_(2)
