"""Memory that a plane takes beyond one forward pass, in a process of its own: one grid a process.

``python -m bench.grid_memory '<case as JSON>'`` prints it, in MiB.
"""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from landscape import models

from bench import growth, subjects
from bench.grids import Plane, floor, plane_tools

_ROOT = Path(__file__).resolve().parent.parent
_MIB = 2**20


@dataclasses.dataclass(frozen=True)
class Case:
    """A plane of ``steps`` x ``steps`` points of an untrained network; fields as in ``growth``."""

    family: str
    config: dict[str, Any]
    shape: tuple[int, int, int]
    examples: int
    threads: int
    steps: int


def measured(case: Case) -> float:
    """Return the MiB that a plane took in a process of its own.

    Raises:
        RuntimeError: If the process failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "bench.grid_memory", json.dumps(dataclasses.asdict(case))],
        cwd=_ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise RuntimeError(f"the plane's process failed: {said[-1]}")
    return float(done.stdout.split()[-1])


def work(case: Case) -> float:
    """Return the MiB of memory that the plane takes at its peak beyond one forward pass."""
    torch.set_num_threads(case.threads)
    config = getattr(models, case.family)(**case.config)
    subject = subjects.untrained(config, tuple(case.shape), case.examples)
    plane = Plane(subject, case.steps)
    library = next(iter(plane_tools(plane, peer=False).values()))
    floor(subject, 2)()
    growth.forget_peak()
    floor(subject, 1)()
    forward = growth.resident("VmHWM")
    library()
    return (growth.resident("VmHWM") - forward) / _MIB


if __name__ == "__main__":
    print(work(Case(**json.loads(sys.argv[1]))))
