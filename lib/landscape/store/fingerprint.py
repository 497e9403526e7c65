"""Hashes of values and of the code that computes with them: the keys of the store."""

import ast
import copy
import dataclasses
import functools
import hashlib
import inspect
import struct
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

# Modules that carry results but do not determine them: a change there recomputes nothing.
_CARRIERS = frozenset(
    {
        "landscape/__init__",
        "landscape/progress",
        "landscape/store/__init__",
        "landscape/store/codec",
        "landscape/store/entries",
        "landscape/store/fingerprint",
        "landscape/store/provenance",
        "studies/__init__",
    }
)
_PACKAGES = ("landscape", "studies")
_PACKAGE = Path(__file__).parents[2]  # The folder that holds both packages.
# Read once, when the library is imported: a file edited while a run goes on is not what it runs.
_SOURCES = {
    path.relative_to(_PACKAGE).with_suffix("").as_posix(): path.read_text(encoding="utf-8")
    for package in _PACKAGES
    for path in sorted((_PACKAGE / package).rglob("*.py"))
}


def digest(value: Any) -> str:
    """Return the SHA-256 of a value's content, the same in every process.

    Args:
        value: None, bool, int, float, str, bytes, a list, tuple or mapping of them; a tensor or
            NumPy array; a ``torch.Generator`` (its state); a dataclass; or an object with a
            ``fingerprint`` string of its own.

    Returns:
        64 hexadecimal digits.

    Raises:
        TypeError: If a value of another type is met, since its content is unknown.
    """
    hasher = hashlib.sha256()
    _feed(hasher, value)
    return hasher.hexdigest()


def _feed(hasher: "hashlib._Hash", value: Any) -> None:
    own = getattr(value, "fingerprint", None)
    if isinstance(own, str):
        _token(hasher, "own", own.encode())
    elif value is None or isinstance(value, bool | int | str):
        _token(hasher, type(value).__name__, str(value).encode())
    elif isinstance(value, float):
        _token(hasher, "float", struct.pack("<d", value))
    elif isinstance(value, bytes):
        _token(hasher, "bytes", value)
    elif isinstance(value, list | tuple):
        _token(hasher, "sequence", str(len(value)).encode())
        for item in value:
            _feed(hasher, item)
    elif isinstance(value, Mapping):
        _token(hasher, "mapping", str(len(value)).encode())
        for key in sorted(value, key=repr):
            _feed(hasher, key)
            _feed(hasher, value[key])
    elif isinstance(value, torch.Tensor):
        if value.dtype == torch.bfloat16:  # NumPy has no such type.
            _token(hasher, "bfloat16", b"")
            value = value.view(torch.int16)
        _feed(hasher, value.detach().cpu().contiguous().numpy())
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
        _token(hasher, "array", f"{value.dtype.str}{value.shape}".encode())
        hasher.update(np.ascontiguousarray(value).data)
    elif isinstance(value, torch.Generator):
        _token(hasher, "generator", value.get_state().numpy().tobytes())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        _token(hasher, "dataclass", type(value).__qualname__.encode())
        for field in dataclasses.fields(value):
            _feed(hasher, field.name)
            _feed(hasher, getattr(value, field.name))
    else:
        raise TypeError(
            f"cannot fingerprint a {type(value).__qualname__}. Pass plain values, tensors, arrays, "
            "generators or dataclasses, or give the object a string attribute `fingerprint`."
        )


def _token(hasher: "hashlib._Hash", kind: str, content: bytes) -> None:
    hasher.update(f"{kind}:{len(content)}:".encode())
    hasher.update(content)


def callable_identity(function: Callable) -> Any:
    """Return what identifies a function in the store: its source and the values that it carries.

    Args:
        function: A function, a method or another callable object, ``functools.partial``, or
            ``nn.Module``. Of an object all attributes count; global variables that a function
            reads do not.

    Returns:
        A value that ``digest`` accepts if it accepts the values carried.
    """
    if isinstance(function, functools.partial):
        inner = callable_identity(function.func)
        return ("partial", inner, list(function.args), dict(function.keywords))
    if isinstance(function, torch.nn.Module):
        return ("module", module_identity(function), dict(function.state_dict()))
    if isinstance(function, types.MethodType):
        return ("method", callable_identity(function.__func__), _object_identity(function.__self__))
    if not isinstance(function, type | types.FunctionType) and hasattr(function, "__dict__"):
        return ("object", _object_identity(function))
    closure = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    defaults = getattr(function, "__defaults__", None) or ()
    carried = [callable_identity(v) if callable(v) else v for v in (*closure, *defaults)]
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return ("function", name, _source(function), carried)


def _object_identity(subject: Any) -> Any:
    """Return what identifies an object: the code of its class, and its attributes."""
    if isinstance(subject, torch.nn.Module):
        return callable_identity(subject)
    if isinstance(subject, type | types.ModuleType):
        return subject.__name__
    kind = type(subject)
    carried = {
        name: callable_identity(value) if callable(value) else value
        for name, value in vars(subject).items()
    }
    return (kind.__qualname__, _source(kind), carried)


def module_identity(model: torch.nn.Module) -> Any:
    """Return what identifies a network besides its parameters and buffers.

    The printed tree names every layer with most of its settings; plain attributes give the settings
    that are not printed; a forward pass of the reader's own is known by its source text, one of
    this library by its code.
    """
    layers = [
        (name, type(module).__qualname__, _plain_attributes(module))
        for name, module in model.named_modules()
    ]
    kinds = {kind for module in model.modules() for kind in type(module).__mro__}
    own = [kind for kind in kinds if kind.__module__.split(".")[0] not in ("torch", "builtins")]
    return (repr(model), layers, sorted(kind.__qualname__ + _source(kind) for kind in own))


def _plain_attributes(module: torch.nn.Module) -> dict[str, Any]:
    found = {}
    for name, value in vars(module).items():
        if name.startswith("_") or name == "training":
            continue
        if value is None or isinstance(value, bool | int | float | str | list | tuple | dict):
            found[name] = repr(value)
        elif callable(value) and not isinstance(value, torch.nn.Module):
            found[name] = getattr(value, "__qualname__", type(value).__qualname__)
        elif isinstance(value, torch.Tensor | np.ndarray):
            found[name] = value
    return found


def _source(subject: Any) -> str:
    if isinstance(subject, type) and (path := _library_path(subject)):
        for node in _tree(path).body:
            if isinstance(node, ast.ClassDef) and node.name == subject.__qualname__:
                return ast.dump(_without_docstrings(node))
    try:
        return inspect.getsource(subject)
    except (OSError, TypeError):  # Built in, or typed into an interpreter: the name has to do.
        return ""


def code_version(subject: Callable | type | types.ModuleType) -> str:
    """Return the SHA-256 of the code that a function, class or module computes with.

    For code of this library: its module and every library module that this imports, without
    comments and docstrings, so that better words recompute nothing. For other code: its own source
    text.

    Args:
        subject: A function, class or module.

    Returns:
        64 hexadecimal digits.
    """
    if path := _library_path(subject):
        return _library_version(path)
    return hashlib.sha256(inspect.getsource(subject).encode()).hexdigest()


def _library_path(subject: Any) -> str:
    """Return the path in the library of the module that defines this, without suffix, or ""."""
    path = Path(getattr(inspect.getmodule(subject), "__file__", None) or "")
    inside = path.suffix == ".py" and any(_PACKAGE / name in path.parents for name in _PACKAGES)
    return path.relative_to(_PACKAGE).with_suffix("").as_posix() if inside else ""


@functools.cache
def _library_version(name: str) -> str:
    seen: set[str] = set()
    waiting = {name}
    while waiting:
        current = waiting.pop()
        seen.add(current)
        waiting |= _imports(current) - seen - _CARRIERS
    hasher = hashlib.sha256()
    for current in sorted(seen):
        hasher.update(current.encode() + ast.dump(_without_docstrings(_tree(current))).encode())
    return hasher.hexdigest()


@functools.cache
def _tree(name: str) -> ast.Module:
    return ast.parse(_SOURCES[name])


def _imports(name: str) -> set[str]:
    found = set()
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _PACKAGES:
            base = node.module.split(".")
            for parts in (base, *([*base, alias.name] for alias in node.names)):
                found |= {"/".join(parts), "/".join([*parts, "__init__"])}  # Module or package.
    return found & set(_SOURCES)


def _without_docstrings(tree: ast.AST) -> ast.AST:
    tree = copy.deepcopy(tree)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                node.body = body[1:] or [ast.Pass()]
    return tree
