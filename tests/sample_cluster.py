"""A Dask cluster of real processes on this machine, and units whose computations are counted."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch
from landscape.executor.units import Unit

ROOT = Path(__file__).resolve().parent.parent


def number(store, key, seconds, log):
    """A unit: writes a tensor into the store after some seconds, and a line into a log before."""
    with open(log, "a", encoding="utf-8") as file:
        file.write(f"{key} {os.getpid()}\n")
    time.sleep(seconds)
    value = int(key.rpartition("-")[2])
    store.compute("test.number", key, lambda: torch.full((1000,), float(value)))
    return torch.get_num_threads()


def failing(store, key):
    """A unit that raises."""
    raise ValueError(f"{key} has no number")


def numbers(count, log, *, seconds=0.0):
    """Units that count how often they are computed, in a log."""
    return [Unit(f"number-{i}", number, (f"number-{i}", seconds, str(log))) for i in range(count)]


def lines(log):
    """(key, process id) of each computation that began."""
    return [tuple(line.split()) for line in log.read_text().splitlines()] if log.exists() else []


def wait_for(condition, seconds=60.0):
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


class Cluster:
    """A scheduler and its workers, each a process that can be killed.

    Args:
        folder: For the files of workers.
        port: Port of the scheduler; it is the same after a restart.
        host: Address of this machine that workers see.
    """

    def __init__(self, folder, port, host="127.0.0.1"):
        self.folder, self.port, self.host = folder, port, host
        self.address = f"tcp://{host}:{port}"
        self.scheduler, self.workers = None, []

    def start_scheduler(self):
        command = ["-m", "distributed.cli.dask_scheduler", "--host", self.host]
        self.scheduler = self._start(*command, "--port", str(self.port), "--no-dashboard")

    def start_worker(self, *, before=(), data_dir="missing", **environment):
        number = len(self.workers)
        command = ["-m", "distributed.cli.dask_worker", self.address, "--nthreads", "1"]
        command += ["--no-nanny", "--name", f"w{number}", "--no-dashboard"]
        command += ["--local-directory", str(self.folder / f"w{number}"), "--death-timeout", "60"]
        process = self._start(*command, before=before, DATA_DIR=data_dir, **environment)
        self.workers.append(process)
        return process

    def _start(self, *command, before=(), **environment):
        paths = f"{ROOT}:{ROOT / 'lib'}"
        settings = {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
        log = open(self.folder / "log.txt", "a", encoding="utf-8")
        return subprocess.Popen(
            [*before, sys.executable, *command],
            env={**os.environ, **settings, **environment},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def kill(self, process):
        """SIGKILL, for the process and what it started."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def close(self):
        for process in [*self.workers, self.scheduler]:
            if process is not None and process.poll() is None:
                self.kill(process)
