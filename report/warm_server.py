"""The warm process: imports what studies import, then forks a kernel for each request.

Started as a file by ``report.warm``, since a kernel has nothing of this package in it. Two
numbers: the socket on which requests come, and a pipe whose end says that no more will come. A
request is the command, environment and folder of a kernel that would be started; the answer is the
process id of the kernel, later its exit status; or why it has to be started in the ordinary way.
When the one who asked closes the connection, or is killed, its kernel is killed.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import json
import os
import selectors
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

_BEGUN = time.time_ns()
_CLOCK = 2_000_000_000  # Nanoseconds by which the clock of a file system may lag behind.
_READ = selectors.EVENT_READ
_SIZE = 1 << 20

# What differs from one kernel to the next, or by the way to start it, and no import asks for.
_OWN = {"IPYTHONDIR", "JPY_PARENT_PID", "JPY_SESSION_NAME", "LANDSCAPE_WARM", "_", "SHLVL"}
_OWN |= {"MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MAKE_TERMERR", "MAKE_TERMOUT", "MFLAGS"}
_OWN |= {"CHECKED"}  # What the Makefile says to itself.

# Not pyplot and its backend: they look for the notebook's shell when they are imported.
_LANDSCAPE = "connectivity data diagnostics directions dynamics models plots sharpness slices"
_LANDSCAPE += " spectrum theory training"
_STUDIES = "arms display figures formatting power_laws predictors study tables verdicts"
MODULES = (
    "ipykernel.kernelapp",
    "torch._dynamo",  # Of the first optimizer.
    *(f"landscape.{name}" for name in _LANDSCAPE.split()),
    *(f"studies.{name}" for name in _STUDIES.split()),
    "matplotlib.backends.backend_svg",
)


class Server:
    """Forks kernels, and tells those who asked how each one ended.

    Args:
        listener: The socket on which requests come.
        lifeline: A pipe that is closed when no more requests will come.
    """

    def __init__(self, listener: socket.socket, lifeline: int) -> None:
        self._listener, self._lifeline = listener, lifeline
        self._environment = dict(os.environ)
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, _READ)
        self._selector.register(lifeline, _READ)
        self._kernels: dict[int, socket.socket] = {}  # Process id -> who asked for it.

    def serve(self) -> list[str] | None:
        """Return the command of a kernel in a process forked for it; None when all have ended."""
        asking = True
        while asking or self._kernels:
            for key, _ in self._selector.select():
                if key.data is not None:
                    self._end(key.fd, key.data)
                elif key.fileobj is self._listener and asking:
                    command = self._answer(self._listener.accept()[0])
                    if command is not None:
                        return command
                elif key.fd == self._lifeline:
                    asking = False
                    self._selector.unregister(self._lifeline)
                    self._selector.unregister(self._listener)
                    self._listener.close()
                else:
                    self._leave(key.fileobj)
        return None

    def _answer(self, connection: socket.socket) -> list[str] | None:
        try:
            connection.settimeout(10)
            message, files, *_ = socket.recv_fds(connection, _SIZE, 2)
            request = json.loads(message)
            doubt = self._doubt(request)
        except (OSError, ValueError):
            connection.close()
            return None
        if doubt or len(files) != 2:
            with connection, contextlib.suppress(OSError):
                connection.send(json.dumps({"refused": doubt}).encode())
            for file in files:
                os.close(file)
            return None
        kernel = os.fork()
        if kernel == 0:
            self._become(request, connection, files)
            return request["command"]
        for file in files:
            os.close(file)
        self._kernels[kernel] = connection
        self._selector.register(os.pidfd_open(kernel), _READ, kernel)
        self._selector.register(connection, _READ)
        return None

    def _doubt(self, request: dict[str, Any]) -> str:
        """Return why a kernel forked here could differ from one that is started; else nothing."""
        asked, own = request["environment"], self._environment
        names = {name for name in asked | own if asked.get(name) != own.get(name)} - _OWN
        if names:
            return f"another environment: {', '.join(sorted(names))}"
        if request["command"][:3] != [sys.executable, "-m", "ipykernel_launcher"]:
            return "another command"
        if Path(request["folder"]).resolve() != Path.cwd():
            return "another folder"
        if len(os.listdir("/proc/self/task")) != 1:
            return "threads, which a fork would lose"
        if "matplotlib.pyplot" in sys.modules:
            return "pyplot, which looks for a notebook when it is imported"
        return _changed()

    def _become(self, request: dict[str, Any], connection: socket.socket, files: list[int]) -> None:
        """Make this forked process what a started one would be, and say its number."""
        os.setsid()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
            else:
                os.close(key.fd)
        self._selector.close()
        files = [os.open(os.devnull, os.O_RDONLY), *files]
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        # Imports set some variables, and the kernel ends when its parent does.
        set_here = {k: v for k, v in os.environ.items() if self._environment.get(k) != v}
        os.environ.clear()
        os.environ.update(request["environment"] | set_here)
        sys.modules["numpy"].random.seed()  # Its global generator: else the same in each kernel.
        with connection:
            connection.send(json.dumps({"kernel": os.getpid()}).encode())

    def _leave(self, connection: object) -> None:
        """Kill a kernel that nobody waits for any more."""
        for kernel, asked in self._kernels.items():
            if asked is connection:
                self._selector.unregister(asked)
                os.killpg(kernel, signal.SIGKILL)  # It is there until its end is read.

    def _end(self, process: int, kernel: int) -> None:
        """Tell whoever asked for a kernel how it ended."""
        connection = self._kernels.pop(kernel)
        status = os.waitstatus_to_exitcode(os.waitpid(kernel, 0)[1])
        self._selector.unregister(process)
        os.close(process)
        with contextlib.suppress(KeyError):
            self._selector.unregister(connection)
        with connection, contextlib.suppress(OSError):
            connection.send(json.dumps({"status": status}).encode())


def _changed() -> str:
    """Return which source is newer than this process: a started kernel would import that."""
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    packages = [Path(sys.modules[name].__path__[0]) for name in ("landscape", "studies")]
    files += [str(path) for package in packages for path in package.rglob("*.py")]
    for file in set(filter(None, files)):
        # What torch makes while it runs names a file without a folder.
        if os.path.isabs(file):
            if not os.path.exists(file) or os.stat(file).st_ctime_ns > _BEGUN - _CLOCK:
                return f"{file} changed"
    return ""


def main() -> None:
    """Serve; in each forked process, be the kernel."""
    # A started kernel has no folder of a script in its path either; IPython adds the notebook's.
    if Path(sys.path[0]) == Path(__file__).parent:
        del sys.path[0]
    listener, lifeline = (int(number) for number in sys.argv[1:])
    server = Server(socket.socket(fileno=listener), lifeline)
    os.environ["JPY_PARENT_PID"] = str(os.getpid())  # ipykernel reads it when it is imported.
    # As a kernel sets it before a notebook imports matplotlib.
    if not os.environ.get("MPLBACKEND"):
        os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    for name in MODULES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # Pages of modules stay shared with the kernels.
    command = server.serve()
    if command is not None:
        launcher: Any = importlib.util.find_spec(command[2])
        sys.argv = [launcher.origin, *command[3:]]
        sys.orig_argv = command
        from ipykernel import kernelapp

        kernelapp.launch_new_instance()


if __name__ == "__main__":
    main()
