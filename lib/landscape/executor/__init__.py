"""Executors: work units in this process, over processes, or on a Dask cluster; the same results.

A unit is a function of the library and its arguments, named by the content that decides its result.
All executors have one method, ``map``. What units write into the store comes back into the store of
the process that asked; a unit that fails costs itself alone. Map of the modules:

- ``units``: ``Unit``, the interface ``Executor``, and the error that names a failed unit.
- ``serial``, ``processes``, ``dask``: the executors. ``mapping`` follows the units on a cluster.
- ``choice``: the executor that the environment names.
- ``worker``: what runs inside a worker of a cluster: threads, allocator, data, a store of its own.
- ``versions``: what must be the same in a worker. ``allocator``: memory that is kept or given back.
- ``packing``: units as bytes, data sets apart. ``transfer``: entries of a store as bytes.
- ``attachments``: data sets and entries that units need, each sent once.
"""

from landscape.executor.dask import Dask
from landscape.executor.processes import Processes
from landscape.executor.serial import Serial
from landscape.executor.units import ClusterError, Executor, Unit, UnitError

__all__ = [
    "ClusterError",
    "Dask",
    "Executor",
    "Processes",
    "Serial",
    "Unit",
    "UnitError",
]
