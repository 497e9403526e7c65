"""Run a command whose studies train on a Dask cluster.

``python -m report.cluster ADDRESS DATA_DIR COMMAND...``: ADDRESS is that of a scheduler, or
``local`` for a cluster of this machine that lives as long as the command: a worker for each core.
Kernels of studies learn of it by Dask's own variable, ``DASK_SCHEDULER_ADDRESS``.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from report.errors import ReportError

LOCAL = "local"
ADDRESS = "DASK_SCHEDULER_ADDRESS"
_PATIENCE = 10.0  # Seconds for a scheduler that is there to take a connection.
_FORM = re.compile(r"(?:tcp|tls)://([\w.-]+|\[[0-9a-fA-F:]+\]):([0-9]{1,5})")


def check(address: str) -> None:
    """Check how a cluster is named.

    Raises:
        ReportError: If it is neither empty, nor ``local``, nor the address of a scheduler.
    """
    if address not in ("", LOCAL) and not _FORM.fullmatch(address):
        raise ReportError(
            f"CLUSTER={address} is no address of a Dask scheduler. Give tcp://host:port, as the "
            "scheduler prints it, or local for a cluster on this machine"
        )


def check_reachable(address: str) -> None:
    """Check that Dask is installed, and that somebody answers at an address.

    Raises:
        ReportError: If not.
    """
    try:
        importlib.import_module("distributed")
    except ModuleNotFoundError:
        raise ReportError(
            f"CLUSTER={address} needs Dask, which is not installed. Install it: "
            "pip install 'distributed>=2026.8', or leave CLUSTER empty to compute here"
        ) from None
    form = _FORM.fullmatch(address)
    if form is None:
        return
    try:
        socket.create_connection((form[1].strip("[]"), int(form[2])), timeout=_PATIENCE).close()
    except OSError as error:
        raise ReportError(
            f"CLUSTER={address}: no Dask scheduler answers there ({error}). Start one: dask "
            "scheduler --port 8786; or leave CLUSTER empty to compute here"
        ) from None


@contextmanager
def local(data_dir: Path) -> Iterator[str]:
    """Keep a cluster on this machine as a context; give its address.

    Args:
        data_dir: Folder of the data archives, which its workers read themselves.
    """
    distributed = importlib.import_module("distributed")
    kept = {name: value for name, value in os.environ.items() if name.startswith("MALLOC_")}
    with distributed.LocalCluster(
        n_workers=os.cpu_count() or 1,
        threads_per_worker=1,
        dashboard_address=None,
        silence_logs=logging.CRITICAL,
        # Threads other than the first have memory of their own, which keeps no large block.
        env={**kept, "MALLOC_ARENA_MAX": "1", "DATA_DIR": str(data_dir)},
    ) as cluster:
        yield cluster.scheduler_address


def run(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run a command, pass on what ends it, and return its exit status."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        # Interrupts of a terminal reach the command too, which ends by its own rules.
        signal.signal(signal.SIGINT, lambda *_: None)
    # Files stay open: make hands its children those of its job server, and the lock of the folder.
    child = subprocess.Popen(command, env=environment, close_fds=False)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: child.send_signal(received))
    status = child.wait()
    return status if status >= 0 else 128 - status


def main(arguments: list[str]) -> int:
    """Run a command beside its cluster."""
    address, data_dir, *command = arguments
    try:
        check_reachable(address)
    except ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    # A copy: Dask writes the number of threads and more into the environment of who starts workers.
    environment = dict(os.environ)
    if address != LOCAL:
        os.execvpe(command[0], command, {**environment, ADDRESS: address})
    with local(Path(data_dir).absolute()) as started:
        return run(command, {**environment, ADDRESS: started})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
