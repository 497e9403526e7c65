"""A content-addressed store: a result is computed once for everything that determines it."""

import contextlib
import copy
import hashlib
import inspect
import json
import os
import random
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import torch

from landscape import progress
from landscape.store import codec
from landscape.store.fingerprint import code_version, fingerprint
from landscape.store.provenance import description, numerical_environment


class Damage(Exception):
    """A stored entry does not hold what was written."""


class Store:
    """A folder of results, each under the hash of what determines it.

    An entry is written to a side folder and renamed, so that it is there whole or not at all. It is
    read against its checksums: a damaged one is reported, moved to ``<root>/damaged`` and computed
    again. Several processes may use one store; two that want the same result compute it once.

    Args:
        root: The folder; made when missing.

    Attributes:
        seconds: Computing time of all entries used through this object, each counted once, also of
            those that an earlier process computed; on a share of the cores, as much of it as that
            share, since others computed beside it.
        code: Name of each function and class that results used through this object were computed
            with -> version of its code.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.seconds = 0.0
        self.code: dict[str, str] = {}
        self._counted: set[Path] = set()

    def remember(self, function: Callable, *args: Any, **kwargs: Any) -> Any:
        """Return ``function(*args, **kwargs)``, computed or read back.

        The key holds the version of the function's code, the content of all arguments (also
        defaults) and the machine's numerical environment, and nothing that it could not look at. A
        generator of random numbers among the arguments counts with its state; the function draws
        from a copy, so that cached or not the caller's generator stays.

        Args:
            function: A function of this library or the reader's own; what it returns must be plain
                values, tensors, or a dataclass of this library.
            args: Its positional arguments.
            kwargs: Its keyword arguments.

        Raises:
            TypeError: If the function is a bound method or a closure, an argument has no
                fingerprint, or the result cannot be stored.
            KeyboardInterrupt: If the result says that it was interrupted; it is not kept.
        """
        name = getattr(function, "__qualname__", None)
        holds = getattr(function, "__self__", None) is not None
        if holds or getattr(function, "__closure__", None) or (name is None and callable(function)):
            raise TypeError(
                f"{name or type(function).__qualname__} carries values of its own (an object or a "
                "closure), which the key would miss. Pass a plain function, and what it needs as "
                "arguments."
            )
        try:
            bound = inspect.signature(function).bind(*args, **kwargs)
        except ValueError as error:  # Compiled code that does not tell its parameters.
            raise TypeError(f"{error}. Pass a function written in Python.") from None
        bound.apply_defaults()
        key = self.key(function, dict(bound.arguments))
        copies: dict[int, Any] = {}
        for label, value in bound.arguments.items():
            bound.arguments[label] = _with_own_generators(value, copies)
        return self.compute(name, key, lambda: function(*bound.args, **bound.kwargs))

    def key(self, function: Callable, inputs: Any) -> str:
        """Return the hash of a result's code, its inputs and the machine; and note the code.

        Args:
            function: What computes the result. Its name is no part of the key.
            inputs: All that the result depends on besides.

        Raises:
            TypeError: If the content of an input cannot be looked at.
        """
        version = code_version(function)
        key = fingerprint((version, inputs, numerical_environment()), exact=True)
        self.code |= {function.__qualname__: version, **key.code}
        return str(key)

    def compute(
        self,
        kind: str,
        key: str,
        function: Callable[[], Any],
        *,
        earlier: Callable[[], float] = lambda: 0.0,
    ) -> Any:
        """Return the entry ``key``, or compute, write and return it; one process at a time.

        ``earlier`` says, once the function is done, how many seconds interrupted processes had
        spent.
        """
        folder = self._folder(kind, key)
        if (found := self._get(folder)) is not None:
            return found[0]
        with self.lock(key):
            if (found := self._get(folder)) is not None:
                return found[0]
            begun = time.monotonic()
            value = function()
            if getattr(value, "interrupted", False):  # Half a result, of no use to a later run.
                raise KeyboardInterrupt
            self._write(folder, value, seconds=earlier() + time.monotonic() - begun)
        # Read back, so that a result is the same object whether it was computed now or before.
        found = self._get(folder)
        if found is None:
            raise RuntimeError(
                f"{folder} cannot be read back after writing. Check the disk, then run it again."
            )
        return found[0]

    def put(self, kind: str, key: str, value: Any, *, seconds: float) -> None:
        """Write an entry, such as a checkpoint, unless it is there."""
        self._write(self._folder(kind, key), value, seconds=seconds)

    def get(self, kind: str, key: str) -> Any | None:
        """Return an entry, or None where there is none or only a damaged one; counts no seconds."""
        found = self._get(self._folder(kind, key), count=False)
        return None if found is None else found[0]

    def drop(self, kind: str, key: str) -> None:
        """Remove an entry that is no longer needed."""
        shutil.rmtree(self._folder(kind, key), ignore_errors=True)

    @contextlib.contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold the entry ``key`` against other processes; a killed process lets go by itself."""
        folder = self.root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / key):
            yield

    def _folder(self, kind: str, key: str) -> Path:
        return self.root / kind / key

    def _get(self, folder: Path, *, count: bool = True) -> tuple[Any] | None:
        if not folder.is_dir():
            return None
        try:
            value, seconds = _read(folder)
        except FileNotFoundError:
            if not folder.is_dir():  # Another process set it aside or dropped it meanwhile.
                return None
            self._set_aside(folder, "a file of it is missing")
            return None
        except (
            Damage,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            ImportError,
            EOFError,
        ) as error:
            self._set_aside(folder, str(error))
            return None
        if count and folder not in self._counted:
            self._counted.add(folder)
            self.seconds += seconds
        return (value,)

    def _set_aside(self, folder: Path, reason: str) -> None:
        target = (
            self.root / "damaged" / f"{folder.parent.name}-{folder.name}-{uuid.uuid4().hex[:8]}"
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.replace(folder, target)
        progress.say(
            f"store: {folder.parent.name}/{folder.name[:12]} is damaged ({reason}); "
            f"set aside as {target.name}, computing it again"
        )

    def _write(self, folder: Path, value: Any, *, seconds: float) -> None:
        tree, arrays = codec.encode(value)
        side = self.root / "writing" / uuid.uuid4().hex
        side.mkdir(parents=True)
        try:
            with open(side / "arrays.npz", "wb") as file:
                np.savez(file, **arrays)
            _write_json(side / "value.json", tree)
            _write_json(side / "origin.json", {"seconds": seconds, **description()})
            sums = {path.name: _sha256(path) for path in sorted(side.iterdir())}
            _write_json(side / "sha256.json", sums)
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.rename(side, folder)
            except OSError:
                if (
                    not folder.is_dir()
                ):  # Otherwise another process was first: its entry is as good.
                    raise
        finally:
            shutil.rmtree(side, ignore_errors=True)


_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)


def _with_own_generators(value: Any, copies: dict[int, Any]) -> Any:
    """Return an argument in which generators of random numbers are copies, each copied once."""
    if id(value) in copies:
        return copies[id(value)]
    if isinstance(value, torch.Generator):
        copies[id(value)] = torch.Generator(device=value.device)
        copies[id(value)].set_state(value.get_state())
    elif isinstance(value, _GENERATORS):
        copies[id(value)] = copy.deepcopy(value)
    elif type(value) in (list, tuple, dict):
        copies[id(value)] = value  # Where it holds itself.
        items = list(value.values() if isinstance(value, dict) else value)
        own = [_with_own_generators(item, copies) for item in items]
        if any(mine is not item for mine, item in zip(own, items, strict=True)):
            keyed = isinstance(value, dict)
            copies[id(value)] = dict(zip(value, own, strict=True)) if keyed else type(value)(own)
    return copies.get(id(value), value)


def _write_json(path: Path, value: Any) -> None:
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(folder: Path) -> tuple[Any, float]:
    sums = json.loads((folder / "sha256.json").read_text(encoding="utf-8"))
    if set(sums) != {"arrays.npz", "origin.json", "value.json"}:
        raise Damage("its list of checksums is incomplete")
    for name, want in sums.items():
        if _sha256(folder / name) != want:
            raise Damage(f"the checksum of {name} differs")
    with np.load(folder / "arrays.npz", allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    tree = json.loads((folder / "value.json").read_text(encoding="utf-8"))
    origin = json.loads((folder / "origin.json").read_text(encoding="utf-8"))
    used = origin["hardware"]
    share = min(1.0, used["threads"] / (used["cores"] or used["threads"]))
    return codec.decode(tree, arrays), share * float(origin["seconds"])
