"""Run a command; the kernels of notebooks that it executes are forked from one warm process.

A kernel spends four seconds of a core on its imports, and a report has ten kernels. In
``python -m report.warm THREADS make ...`` the first kernel that is asked for starts
``warm_server.py``, which imports once. THREADS is the number of threads that a kernel gets where
the environment does not set OMP_NUM_THREADS; it may be empty.

Wherever the two ways to start could differ, a kernel starts in the ordinary way: on other systems
than Linux, with more threads than one, beside a GPU, and where the server has a doubt.
LANDSCAPE_WARM=off switches it off. Standard library only: it runs beside every report.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

SWITCH = "LANDSCAPE_WARM"  # off: no server; set by this program to the path of the server's socket
_GPUS = ("/dev/nvidiactl", "/dev/kfd")  # A forked process cannot use one that its parent looked at.


def may_serve(threads: str) -> bool:
    """Return whether kernels that compute with so many threads may be forked here at all."""
    return (
        sys.platform == "linux"
        and hasattr(os, "pidfd_open")
        and SWITCH not in os.environ
        and threads == "1"  # Else NumPy alone starts threads.
        and not any(map(os.path.exists, _GPUS))
    )


def run(command: Sequence[str]) -> int:
    """Run a command beside a server that waits for the first kernel; return its exit status."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/warm"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(path)
        listener.listen(64)
        # Interrupts of a terminal reach the command too, which ends by its own rules.
        interrupts = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
        if interrupts:
            signal.signal(signal.SIGINT, lambda *_: None)
        # Files stay open: make hands its children those of its job server.
        environment = {**os.environ, SWITCH: path}
        child = subprocess.Popen(command, env=environment, close_fds=False)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda received, _: child.send_signal(received))
        server, lifeline = _serve_when_asked(listener, child)
        status = child.wait()
        if server is not None:
            os.close(lifeline)
            with contextlib.suppress(subprocess.TimeoutExpired):  # It serves those still running.
                server.wait(timeout=10)
    return status if status >= 0 else 128 - status


def _serve_when_asked(
    listener: socket.socket, child: subprocess.Popen[bytes]
) -> tuple[subprocess.Popen[bytes] | None, int]:
    """Start the server when the first kernel is asked for; return it, and what it lives by."""
    ended = os.pidfd_open(child.pid)
    with selectors.DefaultSelector() as selector, listener:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(ended, selectors.EVENT_READ)
        ready = {key.fileobj for key, _ in selector.select()}
        os.close(ended)
        if listener not in ready:
            return None, -1
        read, write = os.pipe()
        files = (listener.fileno(), read)
        program = [sys.executable, str(Path(__file__).with_name("warm_server.py"))]
        # As every kernel of a study has it.
        environment = {**os.environ, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
        try:
            server = subprocess.Popen(
                [*program, *map(str, files)],
                env=environment,
                pass_fds=files,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Interrupts of a terminal are none of its business.
            )
        except OSError:
            os.close(write)
            return None, -1
        finally:
            os.close(read)
    return server, write


def main(arguments: list[str]) -> int:
    """Run a command, with warm kernels where they may be forked."""
    threads, *command = arguments
    if not may_serve(os.environ.get("OMP_NUM_THREADS") or threads):
        os.execvp(command[0], command)
    return run(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
