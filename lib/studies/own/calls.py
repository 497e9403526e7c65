"""Objects of a reader's code that are called without arguments."""

import inspect
from typing import Any


def called(target: Any, parameter: str, reference: str) -> Any:
    """Return what a function or class of the reader's gives.

    Args:
        target: The function or class.
        parameter: The parameter that names it, for messages.
        reference: Its name.

    Raises:
        ValueError: If it cannot be called, or needs arguments.
    """
    if not callable(target):
        raise ValueError(
            f"{parameter}={reference!r} has the type {type(target).__name__}, which cannot be "
            "called."
        )
    try:
        needed = [
            name
            for name, argument in inspect.signature(target).parameters.items()
            if argument.default is argument.empty
            and argument.kind not in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD)
        ]
    except ValueError:  # Builtins have no signature.
        needed = []
    if needed:
        raise ValueError(
            f"{parameter}={reference!r} needs arguments: {', '.join(needed)}. Name a function that "
            "is called without any; write one that fills them in."
        )
    return target()
