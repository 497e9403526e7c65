"""Several inputs of a network in one tensor, so that they are cut and hashed as one."""

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

Constant = bool | int | float | str | None


@dataclasses.dataclass(frozen=True)
class Field:
    """Where one input of a network stands in a row.

    Attributes:
        name: Argument of the forward pass, or its position.
        shape: Shape of one example's input.
        dtype: Type of the input. Floating-point inputs are handed out in the network's own.
    """

    name: str | int
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def size(self) -> int:
        """Number of entries of one example."""
        return torch.Size(self.shape).numel()


@dataclasses.dataclass(frozen=True)
class Fields:
    """How the inputs of one example make one row of whole numbers.

    Whole numbers stand as they are; of a floating-point number the bits in float64.

    Attributes:
        parts: The inputs, in the order of the row.
        constants: Arguments (name, value) that are the same for all examples.
    """

    parts: tuple[Field, ...]
    constants: tuple[tuple[str, Constant], ...] = ()

    @property
    def width(self) -> int:
        """Length of a row."""
        return sum(part.size for part in self.parts)

    @property
    def names(self) -> list[str | int]:
        """Names of all arguments, constants included."""
        return [*(part.name for part in self.parts), *(name for name, _ in self.constants)]

    def unpacked(
        self, rows: torch.Tensor, dtype: torch.dtype
    ) -> tuple[tuple[torch.Tensor, ...], dict[str, Any]]:
        """Return positional and keyword arguments of the forward pass, in memory of their own.

        Args:
            rows: Rows (N, width), as ``packed`` makes them.
            dtype: Type of floating-point inputs.

        Raises:
            ValueError: If the rows have another width.
        """
        if rows.dim() != 2 or rows.shape[1] != self.width or rows.dtype != torch.int64:
            raise ValueError(
                f"inputs of shape {tuple(rows.shape)} are not those of a network that takes "
                f"{', '.join(map(repr, self.names))}. Pass a dict of these, or a batch of them."
            )
        positional, named = [], dict(self.constants)
        for part, columns in zip(
            self.parts, rows.split([part.size for part in self.parts], dim=1), strict=True
        ):
            whole = columns.clone().view(len(rows), *part.shape)
            is_float = part.dtype.is_floating_point
            value = whole.view(torch.float64).to(dtype) if is_float else whole.to(part.dtype)
            if isinstance(part.name, int):
                positional.append(value)
            else:
                named[part.name] = value
        return tuple(positional), named


def packed(inputs: Mapping[str | int, Any]) -> tuple[torch.Tensor, Fields]:
    """Return rows (N, width) of whole numbers that hold several inputs, and where each stands.

    Args:
        inputs: Argument of the forward pass, or its position -> tensor (N, ...), or a constant.

    Raises:
        ValueError: If the tensors have not one row for each example.
    """
    tensors = {name: x for name, x in inputs.items() if isinstance(x, torch.Tensor)}
    constants = tuple((str(k), v) for k, v in inputs.items() if k not in tensors)
    counts = {name: len(x) if x.dim() else None for name, x in tensors.items()}
    if not tensors or None in counts.values() or len(set(counts.values())) > 1:
        shapes = ", ".join(f"{name!r} {tuple(x.shape)}" for name, x in tensors.items())
        raise ValueError(
            f"the inputs {shapes or 'without a tensor'} have not one row for each example. Pass "
            "tensors (N, ...) of one N: x.expand(N, ...) repeats what all examples share."
        )
    parts = [Field(name, tuple(x.shape[1:]), x.dtype) for name, x in tensors.items()]
    complex_one = [part.name for part in parts if part.dtype.is_complex]
    if complex_one:
        raise ValueError(
            f"the inputs {complex_one[0]!r} are complex. Pass torch.view_as_real of them, and call "
            "torch.view_as_complex in forward()."
        )
    rows = [_whole(x).reshape(len(x), x[:1].numel() if len(x) else 0) for x in tensors.values()]
    return torch.cat(rows, 1), Fields(tuple(parts), constants)


def _whole(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.is_floating_point():
        return tensor.double().contiguous().view(torch.int64)
    return tensor.to(torch.int64)


@dataclasses.dataclass(frozen=True)
class Unpacking:
    """Hook before a network's forward pass: hands out the inputs that a row holds.

    Attributes:
        fields: Where each input stands.
    """

    fields: Fields

    def __call__(self, module: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        """Return the arguments of the forward pass."""
        floats = (x.dtype for x in module.parameters() if x.is_floating_point())
        return self.fields.unpacked(args[0], next(floats, torch.float32))


def taking(model: nn.Module, fields: Fields | None) -> nn.Module:
    """Let a network take rows that hold several inputs; return it.

    Args:
        model: The network, which is changed.
        fields: Where each input stands; None leaves the network as it is.

    Raises:
        ValueError: If the forward pass does not take one of the inputs.
    """
    if fields is None:
        return model
    _check_accepted(model, fields)
    for key, hook in list(model._forward_pre_hooks.items()):
        if isinstance(hook, Unpacking):
            del model._forward_pre_hooks[key]
            model._forward_pre_hooks_with_kwargs.pop(key, None)
    # The first of all: hooks of the reader's get the inputs that they know.
    model.register_forward_pre_hook(Unpacking(fields), with_kwargs=True, prepend=True)
    return model


def fields_of(model: nn.Module) -> Fields | None:
    """Return the inputs that a network takes out of rows; None if it takes inputs as they are."""
    hooks = model._forward_pre_hooks.values()
    return next((hook.fields for hook in hooks if isinstance(hook, Unpacking)), None)


def _check_accepted(model: nn.Module, fields: Fields) -> None:
    arguments = inspect.signature(model.forward).parameters
    if any(x.kind == x.VAR_KEYWORD for x in arguments.values()):
        return
    foreign = [name for name in fields.names if isinstance(name, str) and name not in arguments]
    if foreign:
        raise ValueError(
            f"the inputs hold {', '.join(map(repr, foreign))}, which forward() of "
            f"{type(model).__name__} does not take; it takes {', '.join(map(repr, arguments))}. "
            "Remove them from the batch, or rename them."
        )
