"""Operations that treat every entry alike: recognised by trying them, whatever their name."""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from landscape import rng
from landscape.connectivity.sources import tie_entries
from landscape.connectivity.ties import EMPTY, FIXED, Tracer

_SUMS = frozenset("add add_ __add__ __radd__ __iadd__ sub sub_ __sub__ __rsub__ __isub__".split())
_PRODUCTS = frozenset("mul mul_ __mul__ __rmul__ __imul__ multiply".split())


def is_elementwise(func: Callable, args: Any, kwargs: Any, result: Any) -> bool:
    """Return whether an entry of the result is one function of the operands' entries at its place.

    The function is called again, first on operands whose entries are shuffled all in the same way,
    which must give the shuffled result, then on a mixture of two sets of operands, which must give
    the mixture of their results. Floating-point operands are replaced by random numbers before,
    because equal entries would hide an order.

    Args:
        func: A function of PyTorch.
        args: Its arguments.
        kwargs: Its keyword arguments.
        result: What it returned.
    """
    if not isinstance(result, torch.Tensor) or not result.numel():
        return False
    shape, order = result.shape, torch.randperm(result.numel(), generator=rng.stream(0, "order"))
    taken = torch.rand(shape, generator=rng.stream(0, "mixture")) < 0.5

    def drawn(seed: int) -> Any:
        generator = rng.stream(seed, "entries")
        return replaced((args, kwargs), lambda x: _entries(x, shape, generator))

    def shuffled(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.flatten()[order].view(shape)

    def called(arguments: Any) -> torch.Tensor:
        positional, named = replaced(arguments, lambda x: x)
        return func(*positional, **named)

    try:
        one, other = drawn(0), drawn(1)
        first, second = called(one), called(other)
        if first.shape != shape or not _equal(shuffled(first), called(replaced(one, shuffled))):
            return False
        mixed = called(_mixed(one, other, taken))
    except Exception:  # It takes no operands of this shape: the operands do not broadcast.
        return False
    return _equal(torch.where(taken, first, second), mixed)


def _entries(tensor: torch.Tensor, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    if not tensor.is_floating_point():
        return tensor.broadcast_to(shape).contiguous()
    values = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
    return values.to(tensor).broadcast_to(shape).contiguous()


def _mixed(first: Any, second: Any, taken: torch.Tensor) -> Any:
    others = iter([*tensors(second)])
    return replaced(first, lambda x: torch.where(taken, x, next(others)))


def _equal(first: torch.Tensor, second: torch.Tensor) -> bool:
    # To rounding: vectors of a processor and what is left at their end are computed differently.
    precise = first.dtype if first.is_floating_point() else torch.float64
    tolerance = 64 * torch.finfo(precise).eps
    return torch.allclose(first.double(), second.double(), tolerance, tolerance, equal_nan=True)


def replaced(tree: Any, change: Callable[[torch.Tensor], Any]) -> Any:
    """Return nested arguments with each tensor changed; tensors in place are copied first."""
    if isinstance(tree, torch.Tensor):
        return change(tree).clone()
    if isinstance(tree, dict):
        return {key: replaced(item, change) for key, item in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)([replaced(item, change) for item in tree])
    return tree


def tensors(tree: Any) -> Iterator[torch.Tensor]:
    """Yield all tensors in nested lists, tuples and dicts."""
    if isinstance(tree, torch.Tensor):
        yield tree
    elif isinstance(tree, list | tuple | dict):
        for item in tree.values() if isinstance(tree, dict) else tree:
            yield from tensors(item)


def combined(
    tracer: Tracer, func: Callable, args: Any, kwargs: Any, result: torch.Tensor
) -> torch.Tensor:
    """Return the labels of an elementwise operation's result.

    Units whose entries are combined are the same unit. A fixed operand ties nothing where it is
    one number for all units; a parameter belongs to the units that it acts on; units on which
    constants act are exchangeable where the constants are equal.

    Args:
        tracer: The trace.
        func: The function.
        args: Its arguments.
        kwargs: Its keyword arguments.
        result: What it returned.
    """
    name = getattr(func, "__name__", "")
    operands = [x for x in tensors((args, kwargs)) if tracer.labels_of(x) is not None]
    others = [x for x in tensors((args, kwargs)) if tracer.labels_of(x) is None]
    labels = _united(tracer, name, operands, result.shape)
    keeps_zero = (
        len(operands) > 1 and name in _SUMS | _PRODUCTS
        if not others and len(operands) > 1
        else _keeps_zero(func, args, kwargs, operands[0], result)
    )
    if not keeps_zero:
        labels = labels.where(labels != EMPTY, float(FIXED))
    for tensor in others:
        _act(tracer, tensor, labels)
    return labels


def _united(
    tracer: Tracer, name: str, operands: list[torch.Tensor], shape: torch.Size
) -> torch.Tensor:
    every = [(x, tracer.units_of(x).broadcast_to(shape)) for x in operands]
    moving = [(x, labels) for x, labels in every if bool((labels > FIXED).any())]
    fixed = [(x, labels) for x, labels in every if not bool((labels > FIXED).any())]
    if not moving:
        return torch.stack([labels for _, labels in every]).amax(0)
    total = moving[0][1]
    for _, labels in moving[1:]:
        total = _pair(tracer, name, total, labels)
    for tensor, labels in fixed:
        if not is_same_for_units(tensor, total):
            total = _pair(tracer, name, total, labels)
    return total


def _pair(tracer: Tracer, name: str, first: torch.Tensor, second: torch.Tensor):
    if name in _PRODUCTS:
        labels = tracer.ties.unite(first, second)
        return labels.where((first != EMPTY) & (second != EMPTY), float(EMPTY))
    if name not in _SUMS:
        first, second = (x.where(x != EMPTY, float(FIXED)) for x in (first, second))
    return tracer.ties.unite(first, second)


def is_same_for_units(tensor: torch.Tensor, labels: torch.Tensor) -> bool:
    """Return whether a tensor is constant along all axes of labels along which these vary."""
    shape = (1,) * (labels.dim() - tensor.dim()) + tuple(tensor.shape)
    strides = (0,) * (labels.dim() - tensor.dim()) + tensor.stride()
    for axis, (size, stride) in enumerate(zip(shape, strides, strict=True)):
        if size == 1 or stride == 0:
            continue
        units = labels.movedim(axis, 0)
        if bool((units != units[:1]).any()):
            return False
    return True


def _keeps_zero(
    func: Callable, args: Any, kwargs: Any, operand: torch.Tensor, result: torch.Tensor
) -> bool:
    """Return whether zeros of the operand give zeros of the result."""
    zeros = replaced((args, kwargs), lambda x: torch.zeros_like(x) if x is operand else x)
    try:
        return bool((func(*zeros[0], **zeros[1]) == 0).all())
    except Exception:
        return False


def _act(tracer: Tracer, tensor: torch.Tensor, labels: torch.Tensor) -> None:
    """Note that a parameter or a constant acts on units."""
    if tracer.is_derived(tensor):
        raise tracer.refusal("computes with a weight that is no parameter or buffer of its own")
    source = tracer.source_of(tensor)
    if source is not None:
        tie_entries(tracer.ties, source, labels)
    elif not is_same_for_units(tensor, labels):
        values = tensor.broadcast_to(labels.shape)
        number = len(tracer.ties.marks)
        for label in labels[labels > FIXED].unique().tolist():
            content = values[labels == label].tolist()
            tracer.ties.marks.append((int(label), f"constant {number} {content}"))
