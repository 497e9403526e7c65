"""What must be the same in a worker as in the process that asks: versions, code, processor."""

import functools
import hashlib
import importlib.util
import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

# For tests: versions that a process pretends to have, as JSON.
PRETENDED = "LANDSCAPE_PRETENDED_VERSIONS"


def versions(packages: tuple[str, ...] = ("landscape",)) -> dict[str, str]:
    """Return the versions of this process that decide the results of units.

    Args:
        packages: Packages whose code counts by its content.
    """
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "processor": torch.backends.cpu.get_cpu_capability(),
        **{f"code of {name}": _code(name) for name in packages},
        **json.loads(os.environ.get(PRETENDED, "{}")),
    }


@functools.cache
def _code(package: str) -> str:
    """Return the hash of a package's source files, or that there is none."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return "missing"
    root = Path(next(iter(spec.submodule_search_locations)))
    total = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        total.update(f"{path.relative_to(root).as_posix()}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:12]


def differences(wanted: Mapping[str, str], given: Mapping[str, str]) -> str:
    """Return what differs, as text; empty if nothing does.

    Args:
        wanted: Versions of the process that asks.
        given: Versions of a worker.
    """
    return ", ".join(
        f"{name} is {given.get(name, 'missing')}, here {value}"
        for name, value in wanted.items()
        if given.get(name) != value
    )
