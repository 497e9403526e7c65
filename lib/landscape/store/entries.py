"""The store: a folder of results, each computed once and kept under the hash of its inputs."""

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
from landscape.store import codec, disk
from landscape.store.fingerprint import code_version, fingerprint
from landscape.store.provenance import description, numerical_environment


class Damage(Exception):
    """The files of a stored entry are not the ones that were written."""


class Store:
    """A folder of results, each under the hash of everything that determines it.

    An entry is written to a side folder, which is then renamed: it exists whole or not at all. It
    is checked against its checksums when it is read; a damaged entry is reported, moved to
    ``<root>/damaged`` and computed again. Several processes may use one store; two that need the
    same result compute it once.

    Args:
        root: The folder; created when it is missing.

    Attributes:
        root: The folder.
        seconds: Computing time in seconds of all entries used through this object, scaled by the
            share of the machine's cores that the computing process used. Each entry counts once,
            also if an earlier process computed it.
        code: Name of each function and class behind the results used through this object -> version
            of its code.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.seconds = 0.0
        self.code: dict[str, str] = {}
        self._counted: set[Path] = set()

    def remember(self, function: Callable, *args: Any, **kwargs: Any) -> Any:
        """Return ``function(*args, **kwargs)``, computed or read back.

        The key holds the version of the function's code, the content of all arguments (defaults
        included) and the machine's numerical environment; an argument whose content cannot be read
        is refused. A generator of random numbers among the arguments counts by its state. The
        function draws from a copy of it, so the caller's generator never advances, whether the
        result is computed or read.

        Args:
            function: A function of this library or of the user. It must return plain values,
                tensors, or dataclasses of this library.
            args: Its positional arguments.
            kwargs: Its keyword arguments.

        Raises:
            TypeError: If the function is a bound method or a closure, an argument has no
                fingerprint, or the result cannot be stored.
            KeyboardInterrupt: If the result's ``interrupted`` is true; it is not kept.

        Example:
            >>> import tempfile
            >>> import torch
            >>> from landscape import Store, operators, spectrum
            >>> A = operators.from_matrix(torch.diag(torch.tensor([9.0, 4.0, 1.0, -2.0])))
            >>> store = Store(tempfile.mkdtemp())
            >>> pairs = store.remember(spectrum.eigenpairs, A, k=1)
            >>> again = store.remember(spectrum.eigenpairs, A, k=1)  # Read back, not computed.
            >>> pairs.largest == again.largest, A.products > 0
            (True, True)
        """
        name, bound = _bound(function, args, kwargs)
        key = self.key(function, dict(bound.arguments))
        copies: dict[int, Any] = {}
        for label, value in bound.arguments.items():
            bound.arguments[label] = _with_copied_generators(value, copies)
        return self.compute(name, key, lambda: function(*bound.args, **bound.kwargs))

    def forget(self, function: Callable, *args: Any, **kwargs: Any) -> bool:
        """Remove the entry that ``remember`` gives for the same call; compute nothing.

        A result that keeps parts of itself, as a plane does with ``store=``, has an entry for each
        part: this removes the entry of the whole alone.

        Args:
            function: The function, as for ``remember``.
            args: Its positional arguments.
            kwargs: Its keyword arguments.

        Returns:
            Whether there was an entry.

        Raises:
            TypeError: For the reasons of ``remember``; then nothing is removed.

        Example:
            >>> import tempfile
            >>> import torch
            >>> from landscape import Store, operators, spectrum
            >>> A = operators.from_matrix(torch.diag(torch.tensor([9.0, 4.0, 1.0, -2.0])))
            >>> store = Store(tempfile.mkdtemp())
            >>> pairs = store.remember(spectrum.eigenpairs, A, k=1)
            >>> store.forget(spectrum.eigenpairs, A, k=1)
            True
            >>> store.forget(spectrum.eigenpairs, A, k=1)  # There is none any more.
            False
        """
        return self.drop(*self.address(function, *args, **kwargs))

    def address(self, function: Callable, *args: Any, **kwargs: Any) -> tuple[str, str]:
        """Return kind and key of the entry that ``remember`` gives for the same call.

        Args:
            function: The function, as for ``remember``.
            args: Its positional arguments.
            kwargs: Its keyword arguments.

        Raises:
            TypeError: For the reasons of ``remember``.
        """
        name, bound = _bound(function, args, kwargs)
        return name, self.key(function, dict(bound.arguments))

    def key(self, function: Callable, inputs: Any) -> str:
        """Return a key for ``compute``, ``put``, ``get`` and ``drop``.

        It is the hash of code, inputs and machine. ``remember`` makes keys of its own, of all
        arguments with their defaults: ``store.key(eigenpairs, H)`` is not the key of
        ``store.remember(eigenpairs, H)``. To remove what ``remember`` keeps, use ``forget``. The
        code behind the key is noted in ``code``.

        Args:
            function: The function that computes the result. Its name is not part of the key.
            inputs: Everything else that the result depends on.

        Returns:
            64 hexadecimal digits.

        Raises:
            TypeError: If the content of an input cannot be read.
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
        """Return an entry, or compute, write and return it; one process at a time.

        Args:
            kind: Name of the sort of result: the subfolder that holds the entry.
            key: Its key, as ``key`` returns it.
            function: Computes the result; it takes no arguments.
            earlier: Returns the seconds that interrupted processes had spent on this result; called
                after the function.

        Returns:
            The result as read back from its files.

        Raises:
            TypeError: If the result cannot be stored.
            KeyboardInterrupt: If the result's ``interrupted`` is true; it is not kept.
            RuntimeError: If the entry cannot be read back after writing.
        """
        folder = self._folder(kind, key)
        if (entry := self._get(folder)) is not None:
            return entry[0]
        with self.lock(key):
            # Another process may have computed it while this one waited for the lock.
            if (entry := self._get(folder)) is not None:
                return entry[0]
            begun = time.monotonic()
            value = function()
            if getattr(value, "interrupted", False):  # A later run has no use for half a result.
                raise KeyboardInterrupt
            self._write(folder, value, seconds=earlier() + time.monotonic() - begun)
        # Read back, so that a computed result has the same types as one from an earlier run.
        entry = self._get(folder)
        if entry is None:
            raise RuntimeError(
                f"{folder} cannot be read back after writing. Check the disk, then run it again."
            )
        return entry[0]

    def put(self, kind: str, key: str, value: Any, *, seconds: float) -> None:
        """Write an entry, such as a checkpoint, unless it exists.

        Args:
            kind: Name of the sort of result: the subfolder that holds the entry.
            key: Its key.
            value: The result.
            seconds: Computing time in seconds that the entry records.

        Raises:
            TypeError: If the result cannot be stored.
        """
        self._write(self._folder(kind, key), value, seconds=seconds)

    def get(self, kind: str, key: str) -> Any | None:
        """Return an entry, or None if it is missing or damaged; its computing time is not counted.

        Args:
            kind: Name of the sort of result: the subfolder that holds the entry.
            key: Its key.
        """
        entry = self._get(self._folder(kind, key), count=False)
        return None if entry is None else entry[0]

    def drop(self, kind: str, key: str) -> bool:
        """Remove an entry; one that does not exist is no error.

        Args:
            kind: Name of the sort of result: the subfolder that holds the entry.
            key: Its key.

        Returns:
            Whether there was an entry. ``forget`` removes what ``remember`` keeps.
        """
        folder = self._folder(kind, key)
        existed = folder.is_dir()
        shutil.rmtree(folder, ignore_errors=True)
        return existed

    @property
    def used(self) -> list[tuple[str, str]]:
        """Kind and key of each entry that was computed or read through this object."""
        return sorted((folder.parent.name, folder.name) for folder in self._counted)

    @contextlib.contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold a key against other processes, as a context; the lock of a killed process opens."""
        folder = self.root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / key):
            yield

    def _folder(self, kind: str, key: str) -> Path:
        return self.root / kind / key

    def _get(self, folder: Path, *, count: bool = True) -> tuple[Any] | None:
        """Return an entry in a tuple, since the entry itself may be None."""
        if not folder.is_dir():
            return None
        try:
            value, seconds = _read(folder)
        except FileNotFoundError:
            if not folder.is_dir():  # Another process has just moved or removed it.
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

        def size() -> int:
            return len(json.dumps(tree)) + sum(array.nbytes for array in arrays.values())

        with disk.described(self.root, size):
            self._write_files(folder, tree, arrays, seconds=seconds)

    def _write_files(
        self, folder: Path, tree: Any, arrays: dict[str, np.ndarray], *, seconds: float
    ) -> None:
        side = self.root / "writing" / uuid.uuid4().hex
        try:
            side.mkdir(parents=True)
            with open(side / "arrays.npz", "wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]  # the names are numbers, never "allow_pickle"
            _write_json(side / "value.json", tree)
            _write_json(side / "origin.json", {"seconds": seconds, **description()})
            sums = {path.name: _sha256(path) for path in sorted(side.iterdir())}
            _write_json(side / "sha256.json", sums)
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.rename(side, folder)
            except OSError:
                # A folder under this name comes from another process: its entry is as good.
                if not folder.is_dir():
                    raise
        finally:
            shutil.rmtree(side, ignore_errors=True)


def _bound(
    function: Callable, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[str, inspect.BoundArguments]:
    """Return the name of a function that can be remembered, and its arguments with defaults."""
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
    except ValueError as error:  # Compiled code without a readable signature.
        raise TypeError(f"{error}. Pass a function written in Python.") from None
    bound.apply_defaults()
    return str(name), bound


_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)


def _with_copied_generators(value: Any, copies: dict[int, Any]) -> Any:
    """Return an argument whose random generators are replaced by copies, one for each."""
    if id(value) in copies:
        return copies[id(value)]
    if isinstance(value, torch.Generator):
        copies[id(value)] = torch.Generator(device=value.device)
        copies[id(value)].set_state(value.get_state())
    elif isinstance(value, _GENERATORS):
        copies[id(value)] = copy.deepcopy(value)
    elif type(value) in (list, tuple, dict):
        copies[id(value)] = value  # For a container that holds itself.
        items = list(value.values() if isinstance(value, dict) else value)
        copied = [_with_copied_generators(item, copies) for item in items]
        if any(new is not item for new, item in zip(copied, items, strict=True)):
            is_dict = isinstance(value, dict)
            rebuilt = dict(zip(value, copied, strict=True)) if is_dict else type(value)(copied)
            copies[id(value)] = rebuilt
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
    for name, checksum in sums.items():
        if _sha256(folder / name) != checksum:
            raise Damage(f"the checksum of {name} differs")
    with np.load(folder / "arrays.npz", allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    tree = json.loads((folder / "value.json").read_text(encoding="utf-8"))
    origin = json.loads((folder / "origin.json").read_text(encoding="utf-8"))
    hardware = origin["hardware"]
    # A process on some of the cores left the others to processes beside it.
    share = min(1.0, hardware["threads"] / (hardware["cores"] or hardware["threads"]))
    return codec.decode(tree, arrays), share * float(origin["seconds"])
