"""A small network on digits: what the notebook for the reader's own network shows without one."""

import torch
from landscape import rng
from landscape.data import Examples, load
from landscape.models.mlp import MLP
from torch import nn

_STEPS = 300


def network() -> nn.Module:
    """Return a perceptron trained on digits from one start."""
    return _trained(0)


def other_network() -> nn.Module:
    """Return the same perceptron trained from another start."""
    return _trained(1)


def digits() -> Examples:
    """Return the training examples of digits."""
    return load("digits").train


def _trained(seed: int) -> nn.Module:
    dataset = load("digits")
    inputs, targets = dataset.train
    model = MLP(hidden=(32,)).build(dataset.shape, dataset.classes, seed=seed)
    generator = rng.stream(seed, "example")
    for _ in range(_STEPS):
        batch = torch.randint(len(inputs), (64,), generator=generator)
        loss = nn.functional.cross_entropy(model(inputs[batch]), targets[batch])
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter.sub_(0.3 * gradient)
    return model
