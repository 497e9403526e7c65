"""Whether the arguments of a public function are of the types that its signature names."""

import functools
import inspect
import numbers
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch


def check(function: Callable, given: Mapping[str, Any]) -> None:
    """Raise TypeError unless each argument has the type of its annotation.

    Call it first in a function: ``arguments.check(eigenpairs, locals())``. Whole numbers may stand
    for numbers, and those of NumPy for Python's; a bool is no number. Annotations that are neither
    plain types nor unions of them are not checked.

    Args:
        function: The function, with annotations.
        given: Its arguments by name.

    Raises:
        TypeError: If one has another type; the text says what was given and what is allowed.
    """
    for name, allowed in _types(function).items():
        value = given[name]
        if not any(_fits(value, one) for one in allowed):
            shown = f"{value!r:.60}" if _is_plain(value) else f"a {type(value).__name__}"
            raise TypeError(
                f"{name}={shown} is not what {function.__name__} takes. Pass "
                f"{' or '.join(map(_described, allowed))}."
            )


@functools.cache
def _types(function: Callable) -> dict[str, tuple[Any, ...]]:
    """Return the types that each argument may have, for those whose annotation is understood."""
    hints = typing.get_type_hints(function)
    return {
        name: members
        for name in inspect.signature(function).parameters
        if (members := _members(hints.get(name, Any))) and all(map(_is_known, members))
    }


def _members(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return tuple(x for one in typing.get_args(annotation) for x in _members(one))
    return (annotation,)


def _is_known(kind: Any) -> bool:
    return isinstance(kind, type) or typing.get_origin(kind) is Literal


def _fits(value: Any, kind: Any) -> bool:
    if typing.get_origin(kind) is Literal:
        return isinstance(value, str)  # The function names the choices itself.
    if kind in (int, float):
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        return whole or (kind is float and isinstance(value, numbers.Real) and value is not True)
    return isinstance(value, kind)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _described(kind: Any) -> str:
    words = {
        int: "a whole number",
        float: "a number",
        type(None): "None",
        bool: "True or False",
        str: "a text",
        torch.Tensor: "a tensor",
    }
    return words.get(kind) or (
        "one of " + ", ".join(map(repr, typing.get_args(kind)))
        if typing.get_origin(kind) is Literal
        else f"a {kind.__name__}"
    )
