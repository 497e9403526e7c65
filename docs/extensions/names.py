"""Which page object a name in a docstring means: ``eigenpairs``, ``slices.plane``, ``Run.plot``."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import landscape


def public_names(module: Any) -> list[str]:
    """Return the public names of a module: functions first, then classes, then types.

    Args:
        module: A module; one without ``__all__`` offers what it defines itself.
    """
    names = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]
    kinds = (inspect.isfunction, inspect.isclass, lambda value: True)
    values = {name: getattr(module, name) for name in names}
    return sorted(names, key=lambda name: next(i for i, k in enumerate(kinds) if k(values[name])))


@functools.cache
def rooms() -> dict[str, Any]:
    """Return the public modules of the library by name."""
    public = {name: getattr(landscape, name) for name in landscape.__all__}
    return {name: value for name, value in public.items() if inspect.ismodule(value)}


def meaning(name: str, place: str, value: Any) -> str | None:
    """Return the full name of what a word in a docstring means, or None if it is no public name.

    Args:
        name: The word, such as ``eigenpairs`` or ``Density.plot``.
        place: Full name of the object whose docstring it is.
        value: That object; the word may be one of its parameters.
    """
    parts = place.split(".")
    room = parts[1] if len(parts) > 2 and parts[1] in rooms() else None
    head, _, rest = name.partition(".")
    if head in rooms() and rest:
        room, head, rest = head, *rest.partition(".")[::2]
    elif head in _parameters(value) or name in parts:
        return None
    if head in ("Objective", "Store"):
        owner, full = getattr(landscape, head), f"landscape.{head}"
    elif room and head in public_names(rooms()[room]):
        owner, full = getattr(rooms()[room], head), f"landscape.{room}.{head}"
    else:
        return None
    if not (inspect.isclass(owner) or inspect.isfunction(owner)):
        return None
    return _member(owner, full, rest)


def _member(owner: Any, full: str, rest: str) -> str | None:
    """Return the full name of a class's own documented member, or of the class without ``rest``."""
    if not rest:
        return full
    member = vars(owner).get(rest) if inspect.isclass(owner) else None
    described = isinstance(member, property | functools.cached_property)
    described = described or inspect.isfunction(member)
    return f"{full}.{rest}" if described and inspect.getdoc(member) else None


def _parameters(value: Any) -> set[str]:
    try:
        return set(inspect.signature(value).parameters)
    except (TypeError, ValueError):
        return set()
