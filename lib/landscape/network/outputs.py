"""The one tensor among what a network returns that the loss takes."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

Choice = str | int | None


class NotATensor(TypeError):
    """A network returns something else than one tensor."""


def picked(outputs: Any, output: Choice = None) -> torch.Tensor:
    """Return the outputs of a network as one tensor (N, ...).

    Args:
        outputs: What the network returned.
        output: Key, attribute or position of the tensor. None takes a tensor as it is, of several
            things what is called ``logits``, and else the only tensor with an axis of examples.

    Raises:
        NotATensor: If it is not clear which tensor is meant.
    """
    if output is None and isinstance(outputs, torch.Tensor):
        return outputs
    named = _named(outputs)
    if output is not None:
        chosen = named.get(output) if output in named else _by_position(named, output)
        if not isinstance(chosen, torch.Tensor):
            raise NotATensor(
                f"output={output!r} is no tensor of what the model returned, {_shown(outputs)}. "
                "Pass the key, attribute or position of one of its tensors"
                + (", or leave output= out." if isinstance(outputs, torch.Tensor) else ".")
            )
        return chosen
    tensors = {k: x for k, x in named.items() if isinstance(x, torch.Tensor) and x.dim()}
    if "logits" in tensors:
        return tensors["logits"]
    if len(tensors) != 1:
        raise NotATensor(
            f"the model returned {_shown(outputs)}, but the loss takes one tensor. Pass output= "
            "with its key, attribute or position"
            + (f", such as output={next(iter(tensors))!r}." if tensors else ".")
        )
    return next(iter(tensors.values()))


@dataclasses.dataclass(frozen=True)
class Picking:
    """Hook after a network's forward pass: returns the tensor that the loss takes.

    Attributes:
        output: As for ``picked``.
    """

    output: Choice

    def __call__(self, module: nn.Module, args: tuple, outputs: Any) -> torch.Tensor:
        """Return the tensor."""
        return picked(outputs, self.output)


def _named(outputs: Any) -> dict[str | int, Any]:
    """Return what a network returned by key, attribute or position."""
    if isinstance(outputs, Mapping):
        return dict(outputs)
    if dataclasses.is_dataclass(outputs):
        return {x.name: getattr(outputs, x.name) for x in dataclasses.fields(outputs)}
    if isinstance(outputs, tuple) and hasattr(outputs, "_fields"):
        return dict(zip(outputs._fields, outputs, strict=True))
    if isinstance(outputs, tuple | list):
        return dict(enumerate(outputs))
    return {} if isinstance(outputs, torch.Tensor) else dict(getattr(outputs, "__dict__", {}))


def _by_position(named: Mapping[str | int, Any], output: Choice) -> Any:
    if not isinstance(output, int) or isinstance(output, bool):
        return None
    present = [x for x in named.values() if x is not None]
    return present[output] if -len(present) <= output < len(present) else None


def _shown(outputs: Any) -> str:
    """Return a type, and the names and shapes of what it holds."""
    held = [
        f"{name!r} {tuple(x.shape)}" if isinstance(x, torch.Tensor) else f"{name!r}"
        for name, x in _named(outputs).items()
        if x is not None
    ]
    return f"{type(outputs).__name__} ({', '.join(held[:6]) or 'without names'})"
