"""The allocator of a worker: freed blocks are kept, as in the process that asks.

glibc reads its settings when a process starts, but takes them from ``mallopt`` as well. Threads
other than the first have memory of their own, of 64 MB at most, and fetch larger blocks from the
system each time, whatever the thresholds say: so there must be one arena for all.
"""

import contextlib
import ctypes
import os
import resource
from collections.abc import Mapping
from pathlib import Path

# Variable -> glibc's number of the setting.
_SETTINGS = {"MALLOC_TRIM_THRESHOLD_": -1, "MALLOC_MMAP_THRESHOLD_": -3}
_ARENAS = -8
_LARGEST = 2**31 - 1  # ``mallopt`` takes an int.
_BLOCK = 48 * 2**20


def settings() -> dict[str, str]:
    """Return the settings that this process was started with, which are to hold in workers.

    Dask writes its own into the environment of a process that starts workers; glibc never sees
    those.
    """
    with contextlib.suppress(OSError):
        begun = Path("/proc/self/environ").read_bytes().decode(errors="replace").split("\0")
        pairs = dict(pair.partition("=")[::2] for pair in begun)
        return {name: pairs[name] for name in _SETTINGS if name in pairs}
    return {name: os.environ[name] for name in _SETTINGS if name in os.environ}


def apply(wanted: Mapping[str, str]) -> None:
    """Apply settings to this process; where there is no glibc, do nothing.

    Args:
        wanted: Variable -> value, as ``settings`` returns them.
    """
    if not wanted:
        return
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_ARENAS, 1)
        for name, value in wanted.items():
            mallopt(_SETTINGS[name], min(int(value), _LARGEST))


def keeps_blocks() -> bool:
    """Return whether a large block that this thread frees serves its next request."""
    with contextlib.suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
        libc.malloc.argtypes = [ctypes.c_size_t]
        before = 0
        for _ in range(2):
            before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
            block = libc.malloc(_BLOCK)
            if not block:
                return False
            ctypes.memset(block, 1, _BLOCK)
            libc.free(block)
        faults = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before
        return faults < _BLOCK / resource.getpagesize() / 10
    return True
