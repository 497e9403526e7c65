"""The other tools, each called at its best: those that can be imported."""

import importlib
import sys
from pathlib import Path

from bench.peer_curvlinops import Curvlinops
from bench.peer_eigenthings import HessianEigenthings
from bench.peer_pyhessian import PyHessian
from bench.tools import Tool

KINDS = (Curvlinops, HessianEigenthings, PyHessian)


def load(folder: Path) -> tuple[list[Tool], dict[str, str]]:
    """Return the peers that can be imported, and why the others cannot.

    Args:
        folder: Where ``bench.install`` put them. It comes last on the path: what the environment
            holds, such as torch, stays first.
    """
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.append(str(folder))
        importlib.invalidate_caches()
    found: list[Tool] = []
    missing: dict[str, str] = {}
    for kind in KINDS:
        try:
            found.append(kind())
        except (
            Exception
        ) as error:  # Whatever a peer's import runs into ends the peer, not the bench.
            missing[kind.name] = f"cannot be imported ({type(error).__name__}: {error})"
    return found, missing
