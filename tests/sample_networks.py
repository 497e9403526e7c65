"""Small networks and data whose losses, gradients and Hessians can be written down by hand."""

import hashlib

import numpy as np
import torch
from landscape import data, models, rng
from landscape.objective import Objective
from landscape.operators import SymmetricOperator, from_matrix
from torch import nn

SMALL = {"channels": (2, 3), "hidden": 6}  # n = 235 parameters with BN, 225 without


def digits(train=48, test=24):
    return data.load("digits", max_train=train, max_test=test)


def filled(module, *names, scale=0.7):
    """Fill all parameters from a stream, in float64, and return the module in eval mode."""
    generator = rng.stream(1, "filled", *names)
    with torch.no_grad():
        for tensor in module.double().parameters():
            tensor.copy_(scale * torch.randn(tensor.shape, generator=generator).double())
    return module.eval()


def small_cnn(norm="batch", seed=0):
    """The report's CNN in float64, its running statistics moved away from 0 and 1."""
    model = models.CNN(norm=norm, **SMALL).build((1, 8, 8), 10, seed=seed).double()
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if tensor.dim() == 1 and "bias" not in name:  # Scales of BN: not all 1.
                tensor.add_(torch.linspace(-0.3, 0.3, len(tensor), dtype=torch.float64))
        model.train()(digits().x_train[:20].double())
    return model.eval()


def small_objective(count=13, *, norm="batch", seed=0, **options):
    options = {"microbatch": 5, "bn_block": 7, "dtype": torch.float64, **options}
    return Objective(small_cnn(norm, seed), digits().first(count), **options)


def cross_entropy(outputs, targets):
    """The mean over examples, by hand."""
    return (outputs.logsumexp(1) - outputs.gather(1, targets[:, None])[:, 0]).mean()


def cnn_loss(theta, inputs, targets, *, statistics=None, layout):
    """The loss of the CNN with BN by hand; statistics None: those of the inputs."""
    return cross_entropy(cnn_outputs(theta, inputs, statistics=statistics, layout=layout), targets)


def cnn_outputs(theta, inputs, *, statistics=None, layout):
    """The CNN with BN by hand; statistics None: those of the inputs."""
    p = layout.unflatten(theta)
    x = inputs.double()
    for conv, norm in (("0", "1"), ("4", "5")):
        x = nn.functional.conv2d(x, p[f"{conv}.weight"], p[f"{conv}.bias"], padding=1)
        if statistics is None:
            mean = x.mean(dim=(0, 2, 3))
            variance = (x - mean[:, None, None]).square().mean(dim=(0, 2, 3))
        else:
            mean, variance = (statistics[f"{norm}.running_{part}"] for part in ("mean", "var"))
        x = (x - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
        x = x * p[f"{norm}.weight"][:, None, None] + p[f"{norm}.bias"][:, None, None]
        x = nn.functional.max_pool2d(x.relu(), 2)
    x = (x.flatten(1) @ p["9.weight"].T + p["9.bias"]).relu()
    return x @ p["11.weight"].T + p["11.bias"]


def small_vit():
    """The report's ViT in float64, n = 256: 4 patches of 4 x 4 pixels, 2 heads."""
    config = models.ViT(patch=4, dim=4, depth=1, heads=2, mlp_ratio=1.0)
    return config.build((1, 8, 8), 4, seed=0).double()


def vit_outputs(theta, inputs, *, layout):
    """The ViT by hand, attention by its definition."""
    p = layout.unflatten(theta)

    def linear(name, x):
        return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]

    def norm(name, x):
        x = x - x.mean(-1, keepdim=True)
        x = x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return x * p[f"{name}.weight"] + p[f"{name}.bias"]

    images = inputs.double()
    patches = [images[:, 0, i : i + 4, j : j + 4].flatten(1) for i in (0, 4) for j in (0, 4)]
    x = linear("1", torch.stack(patches, dim=1))
    token = p["2.class_token"].expand(len(x), 1, 4)
    x = torch.cat([token, x], dim=1) + p["2.positions"].view(5, 4)
    q, k, v = linear("3.attention.qkv", norm("3.norm1", x)).split(4, dim=2)
    heads = []
    for part in (slice(0, 2), slice(2, 4)):
        scores = q[..., part] @ k[..., part].transpose(1, 2) / 2**0.5
        heads.append(scores.softmax(2) @ v[..., part])
    x = x + linear("3.attention.projection", torch.cat(heads, dim=2))
    hidden = linear("3.mlp.0", norm("3.norm2", x))
    hidden = hidden * (1 + torch.erf(hidden / 2**0.5)) / 2
    x = x + linear("3.mlp.2", hidden)
    return linear("6", norm("4", x)[:, 0])


def dense_ggn(outputs, theta, *, count):
    """The GGN of the mean cross-entropy of a function theta -> outputs, by dense Jacobians."""
    jacobian = torch.func.jacrev(outputs)(theta)
    p = outputs(theta).softmax(1)
    inner = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    return torch.einsum("nki,nkl,nlj->ij", jacobian, inner, jacobian) / count


class Point(nn.Module):
    """Outputs are the parameters themselves: with ``half_squares`` the loss is a quadratic."""

    def __init__(self, n):
        super().__init__()
        self.point = nn.Parameter(torch.zeros(n, dtype=torch.float64))

    def forward(self, inputs):
        return self.point.expand(len(inputs), -1)


def half_squares(outputs, targets):
    return 0.5 * (targets * outputs**2).sum(1)


def quadratic(*curvatures, copies=1):
    """The objective ½ Σ cᵢ θᵢ²."""
    targets = torch.tensor(curvatures, dtype=torch.float64).expand(copies, -1).contiguous()
    inputs = torch.zeros(copies, 1, dtype=torch.float64)
    return Objective(Point(len(curvatures)), (inputs, targets), loss=half_squares)


def log_point(outputs, targets):
    return outputs.log().sum(1)


def regression_data(count=11, features=4, outputs=3):
    generator = rng.stream(2, "regression")
    inputs = torch.randn(count, features, dtype=torch.float64, generator=generator)
    targets = torch.randn(count, outputs, dtype=torch.float64, generator=generator)
    classes = torch.randint(outputs, (count,), generator=generator)
    return inputs, targets, classes


def relu_net():
    return filled(nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)), "relu")


def rescaled(model, factor):
    """The same function of a two-layer ReLU net: W1, b1 times the factor, W2 divided by it."""
    import copy

    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin[0].weight.mul_(factor)
        twin[0].bias.mul_(factor)
        twin[2].weight.div_(factor)
    return twin


def relu_objective(model, **options):
    inputs, _, classes = regression_data()
    return Objective(model, (inputs, classes), **options)


def random_symmetric(n, generator, *, shift=0.0):
    half = torch.randn(n, n, dtype=torch.float64, generator=generator)
    return (half + half.T) / 2 + shift * torch.eye(n, dtype=torch.float64)


def diagonal_operator(values) -> SymmetricOperator:
    return from_matrix(torch.diag(torch.tensor(values, dtype=torch.float64)))


def state_of(model):
    """All that a call could change of a model, as one hash."""
    hasher = hashlib.sha256()
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        hasher.update(f"{name} {tensor.requires_grad} {tensor.grad} {tensor.stride()}".encode())
        hasher.update(tensor.detach().numpy().tobytes())
    hasher.update(str([module.training for module in model.modules()]).encode())
    return hasher.hexdigest()


def write_archive(path, *, shape=(8, 8), classes=3, counts=(20, 7), seed=0, **replaced):
    """Write a data set as .npz; keyword arguments replace arrays, None leaves one out."""
    numbers = np.random.default_rng(seed)
    arrays = {}
    for split, count in zip(("train", "test"), counts, strict=True):
        arrays[f"x_{split}"] = numbers.integers(0, 256, (count, *shape)).astype(np.uint8)
        arrays[f"y_{split}"] = np.arange(count) % classes
    arrays = {key: array for key, array in {**arrays, **replaced}.items() if array is not None}
    np.savez(path, **arrays)
    return arrays
