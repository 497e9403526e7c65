"""The executor that the environment names."""

import functools
import os

from landscape.executor.dask import Dask
from landscape.executor.processes import Processes
from landscape.executor.units import Executor

ADDRESS = "DASK_SCHEDULER_ADDRESS"  # As Dask itself reads it.
PROCESSES = "LANDSCAPE_PROCESSES"


def chosen(*packages: str) -> Executor | None:
    """Return the executor that the environment names, or None; one process has one of each.

    ``DASK_SCHEDULER_ADDRESS`` names a cluster; ``LANDSCAPE_PROCESSES`` a number of processes of
    this machine.

    Args:
        packages: Packages whose code must be the same in a worker of a cluster, beside this one.

    Raises:
        ValueError: If ``LANDSCAPE_PROCESSES`` is no number of processes.
    """
    if address := os.environ.get(ADDRESS, "").strip():
        return _cluster(address, ("landscape", *packages))
    count = os.environ.get(PROCESSES, "").strip()
    if not count:
        return None
    if not count.isdecimal() or int(count) < 1:
        raise ValueError(
            f"{PROCESSES}={count} is no number of processes. Give one of at least 1, or leave it "
            "empty to compute in this process."
        )
    return _processes(int(count))


@functools.cache
def _cluster(address: str, packages: tuple[str, ...]) -> Dask:
    return Dask(address, packages=packages)


@functools.cache
def _processes(count: int) -> Processes:
    return Processes(count)
