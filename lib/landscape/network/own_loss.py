"""Networks that compute their own loss from labels: which of the known losses it is."""

import dataclasses
import inspect
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from landscape.network import losses
from landscape.network.copying import copied
from landscape.network.examples import ExampleSet
from landscape.network.outputs import Choice, picked
from landscape.network.single_path import single_path

MODEL = "model"  # The loss that the network computes itself.
_FEW = 4
_IGNORED = -100  # By networks of Hugging Face, as by PyTorch.


def binary_entropy(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return each example's mean binary cross-entropy (N,) of logits (N, K) with targets (N, K)."""
    values = functional.binary_cross_entropy_with_logits(
        outputs, targets.to(outputs), reduction="none"
    )
    return values.flatten(1).mean(1)


def column_squares(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return each example's squared error (N,) of outputs (N, 1) with targets (N,)."""
    if outputs.numel() != len(targets) or targets.numel() != len(targets):
        raise ValueError(
            f"outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)} are not one number "
            "an example each. Pass loss='mse' for several."
        )
    return (outputs.flatten() - targets.to(outputs).flatten()).square()


# Loss, axis of the classes.
_KNOWN: tuple[tuple[Any, int | None], ...] = (
    ("cross_entropy", None),
    ("cross_entropy", -1),
    ("next_token", None),
    ("mse", None),
    (column_squares, None),
    (binary_entropy, None),
)
_ENTROPIES = ("cross_entropy", "next_token")


def settled(
    loss: Any, class_axis: int | None, model: nn.Module, examples: ExampleSet, output: Choice
) -> tuple[Any, int | None]:
    """Return loss and axis of the classes as the network itself aligns outputs and labels.

    A network that takes the labels computes its own loss of them. It is compared on a few examples
    with cross-entropy, with cross-entropy of the next token, with squared error and with binary
    cross-entropy: one that is equal is the loss.

    Args:
        loss: As for ``Objective``: ``cross_entropy`` takes the network's alignment, ``model`` takes
            any of these losses.
        class_axis: As for ``Objective``.
        model: The network, which takes rows where the examples are several inputs.
        examples: The examples.
        output: As for ``picked``.

    Raises:
        ValueError: If the network computes no loss, where it should, or another one.
    """
    asked = loss == MODEL
    if not asked and (loss != "cross_entropy" or class_axis is not None):
        return loss, class_axis
    if not asked and not _takes(model, examples.target):
        return loss, class_axis
    own, outputs, targets = _computed(model, examples, output)
    if own is None:
        if not asked:
            return loss, class_axis
        raise ValueError(
            f"loss='model': {type(model).__name__} computes no loss of its own from the examples. "
            "Pass examples that are dicts with labels which forward() takes, or another loss."
        )
    for name, axis in _KNOWN:
        if (asked or name in _ENTROPIES) and _equal(name, axis, outputs, targets, own):
            return name, axis
    raise ValueError(
        f"{type(model).__name__} computes its own loss from {examples.target!r}, {own:.6g} on the "
        f"first examples, and this is {'none of the known losses' if asked else 'no cross-entropy'}"
        " of its outputs. Pass "
        + ("" if asked else "loss='model' where it is squared error or binary cross-entropy, or ")
        + "loss= a function of outputs and targets that returns one loss an example."
    )


def _takes(model: nn.Module, target: str | None) -> bool:
    arguments = inspect.signature(model.forward).parameters
    return target is not None and target in arguments


@single_path()
@torch.inference_mode(False)
def _computed(
    model: nn.Module, examples: ExampleSet, output: Choice
) -> tuple[float | None, torch.Tensor, torch.Tensor]:
    """Return the network's own loss on the first examples, in float64, outputs and targets."""
    few, empty = _counting(examples), torch.zeros(0)
    if few.fields is None or few.target is None:
        return None, empty, few.targets
    twin = copied(model).double().eval()
    hook = next(iter(twin._forward_pre_hooks))
    twin._forward_pre_hooks.pop(hook)
    args, kwargs = few.fields.unpacked(few.inputs, torch.float64)
    device = next(twin.parameters()).device
    floats = few.targets.is_floating_point()
    labels = few.targets.to(device, torch.float64 if floats else few.targets.dtype)
    kwargs = {k: x.to(device) if isinstance(x, torch.Tensor) else x for k, x in kwargs.items()}
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        try:
            answer = twin(*(x.to(device) for x in args), **kwargs, **{few.target: labels})
        except Exception:  # It is raised again, with its cause, where the network computes.
            return None, empty, labels
        own = answer.get("loss") if isinstance(answer, dict) else getattr(answer, "loss", None)
        if not isinstance(own, torch.Tensor) or own.numel() != 1:
            return None, empty, labels
        outputs = picked(twin(*(x.to(device) for x in args), **kwargs), output)
    return float(own), outputs, labels


def _counting(examples: ExampleSet) -> ExampleSet:
    """Return the first examples, of those in which a target counts where there are any."""
    targets = examples.targets
    counts = (targets != _IGNORED).flatten(1).any(1) if targets.dim() > 1 else targets != _IGNORED
    rows = counts.nonzero().flatten()[:_FEW]
    if not len(rows):
        return examples.first(_FEW)
    return dataclasses.replace(examples, inputs=examples.inputs[rows], targets=targets[rows])


def _equal(
    loss: Any, class_axis: int | None, outputs: torch.Tensor, targets: torch.Tensor, own: float
) -> bool:
    """Return whether a loss of the outputs is the network's own."""
    try:
        values = losses.per_example(loss, class_axis=class_axis)(outputs, targets)
        mean = float(values.mean()) * losses.normalizer(loss, targets)
    except Exception:  # It does not take such outputs and targets.
        return False
    # Networks of Hugging Face compute losses of language in float32, whatever their type.
    return abs(mean - own) <= 1e-5 * max(1e-3, abs(own))
