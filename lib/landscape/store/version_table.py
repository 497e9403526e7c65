"""Versions of whole packages on disk: a process that meets the same source does not parse it again.

A table lies in the user's cache folder, ``$XDG_CACHE_HOME`` or ``~/.cache``: versions are needed
before a store is chosen, and by processes that have none; and beside the sources, in an installed
package, a file that pip did not put there would outlive it.
"""

import builtins
import contextlib
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from landscape.store.skeletons import sha256

Table = Mapping[str, Mapping[str, str]]  # Module -> name of a definition -> its version.

# The files whose code computes versions. Of the packages' source their parsed text alone counts.
_ALGORITHM = tuple(
    Path(__file__).with_name(f"{name}.py")
    for name in ("carriers", "code_versions", "effects", "scopes", "skeletons", "source_code")
)
_KEPT = 16  # Tables: of so many states of the source.
_CLOCK = 2_000_000_000  # Nanoseconds by which the clock of a file system may lag behind.


def read(sources: Mapping[str, str]) -> Table | None:
    """Return the table of these sources; None if there is none, or it is damaged.

    Args:
        sources: Dotted module name -> source text, of all packages.
    """
    try:
        path = _path(sources)
        digest, _, text = path.read_bytes().partition(b"\n")
        if digest != _digest(path.name, text):
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # Tables that are read stay longest.
        return json.loads(text)
    except (OSError, ValueError, RuntimeError):
        return None


def may_exist(sources: Mapping[str, str]) -> bool:
    """Return whether these sources may have a table at all: it is work to compute a whole one.

    Args:
        sources: Dotted module name -> source text, of all packages.
    """
    try:
        _path(sources)
    except (OSError, RuntimeError):
        return False
    return True


def write(sources: Mapping[str, str], table: Table) -> None:
    """Keep a complete table, where a file can be written; the oldest tables go.

    Args:
        sources: Dotted module name -> source text, of all packages.
        table: The version of every definition in them.
    """
    with contextlib.suppress(OSError, RuntimeError):  # A home folder may be unknown or read-only.
        path = _path(sources)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(table).encode()
        # Renamed when whole: another process reads all of it or nothing, whoever writes as well.
        descriptor, unfinished = tempfile.mkstemp(dir=path.parent, suffix=".unfinished")
        try:
            with open(descriptor, "wb") as file:
                file.write(_digest(path.name, text) + b"\n" + text)
            os.replace(unfinished, path)
        except OSError:
            os.unlink(unfinished)
            raise
        _remove_old(path.parent)


def _path(sources: Mapping[str, str]) -> Path:
    """Return the place of a table: its name holds everything that the versions depend on.

    These are the bytes of all sources in their order, the code that computes versions, and Python,
    whose grammar and built-in names decide how it reads them. Of other packages the names alone
    enter a version, and the sources hold these.
    """
    begun = sys.modules["landscape"].BEGUN
    if any(file.stat().st_ctime_ns > begun - _CLOCK for file in _ALGORITHM):
        raise RuntimeError("the code that computes versions may be older here than its files")
    algorithm = [hashlib.sha256(file.read_bytes()).hexdigest() for file in _ALGORITHM]
    names = sorted(vars(builtins))  # A notebook has more of them than a script.
    modules = [part for name, text in sources.items() for part in (name, text)]
    counts = [str(len(part)) for part in (algorithm, names, modules)]
    key = sha256(sys.version, sys.implementation.name, *counts, *algorithm, *names, *modules)
    folder = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(folder) / "landscape-report" / f"code-versions-{key}.json"


def _digest(name: str, text: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + text).hexdigest().encode()


def _remove_old(folder: Path) -> None:
    tables = sorted(folder.glob("code-versions-*.json"), key=lambda path: path.stat().st_mtime_ns)
    left = [path for path in folder.glob("*.unfinished") if _age(path) > 3600]
    for path in [*tables[:-_KEPT], *left]:
        path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime
