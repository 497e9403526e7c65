"""What a parameter names in Python code: ``package.module:name`` or ``file.py:name``, imported."""

import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from landscape._torchvision import datasets


def imported(reference: str, *, parameter: str, folder: str | Path = "") -> Any:
    """Return the object that a reference names.

    Args:
        reference: ``package.module:name`` or ``folder/file.py:name``; the name may have dots.
        parameter: The parameter that holds it, for messages.
        folder: Where modules are looked for first, and relative paths begin; empty looks where
            Python does.

    Raises:
        ValueError: If the text is no such reference, or there is no such module or name.

    Example:
        >>> imported("math:sqrt", parameter="model")(9.0)
        3.0
    """
    module_name, colon, name = reference.rpartition(":")
    if not colon or not module_name or not name:
        raise ValueError(
            f"{parameter}={reference!r} names no object. Write package.module:name, such as "
            "mypackage.networks:build, or the path of a file, such as networks.py:build."
        )
    folder = Path(folder).absolute()
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    is_file = module_name.endswith(".py")
    load = (
        functools.partial(_file, folder / module_name, parameter)
        if is_file
        else functools.partial(_module, module_name)
    )
    target: Any = _with_torchvision(load)
    for part in name.split("."):
        if not hasattr(target, part):
            public = [key for key in vars(target) if not key.startswith("_")]
            raise ValueError(
                f"{parameter}={reference!r}: {module_name} has no {part!r}. It has "
                f"{', '.join(public[:12]) or 'no public names'}."
            )
        target = getattr(target, part)
    return target


def _with_torchvision(load: Callable[[], ModuleType]) -> ModuleType:
    """Import a module, also one that needs a torchvision whose compiled operators do not load."""
    try:
        return load()
    except Exception as error:
        causes, cause = [], error
        while cause is not None:
            causes.append(str(cause))
            cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]  # or None
        if not any("torchvision::" in text for text in causes):
            raise
        datasets()
        return load()


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and not name.startswith(error.name):
            raise  # The module is there, and lacks something itself.
        raise ValueError(
            f"there is no module {name!r}. Run the command where it can be imported, or give the "
            "path of a file, such as networks.py:build."
        ) from None


def _file(path: Path, parameter: str) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"{parameter}: there is no file {path}.")
    name = path.stem
    if name in sys.modules and getattr(sys.modules[name], "__file__", None) == str(path):
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{parameter}: Python cannot import {path}.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # As an import does, so that its classes can be copied.
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
