"""Kernels forked from the warm process, where there is one; see ``report.warm``."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

from report.warm import SWITCH

_PATIENCE = 300  # Seconds: the warm process may still be importing, on a busy machine.


class ForkedProvisioner(LocalProvisioner):
    """Asks the warm process for a kernel, and starts one in the ordinary way if it gets none."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Launch a kernel.

        Args:
            cmd: The command that would start it.
            kwargs: Further arguments for ``subprocess.Popen``.
        """
        kwargs["env"].pop(SWITCH, None)  # A kernel has the same environment either way.
        kernel = _forked(cmd, **kwargs)
        if kernel is None:
            return await super().launch_kernel(cmd, **kwargs)
        self.process: Any = kernel
        self.pid = self.pgid = kernel.pid
        self.cwd = kwargs.get("cwd", Path.cwd())
        return self.connection_info


def _forked(cmd: list[str], **kwargs: Any) -> Forked | None:
    path = os.environ.get(SWITCH, "off")
    if path == "off" or not set(kwargs) <= {"cwd", "env", "kernel_id"}:
        return None
    folder = str(kwargs.get("cwd", Path.cwd()))
    request = {"command": cmd, "environment": kwargs["env"], "folder": folder}
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.settimeout(_PATIENCE)
        connection.connect(path)
        socket.send_fds(connection, [json.dumps(request).encode()], [1, 2])
        answer = connection.recv(1 << 16)
        if b"kernel" in answer:
            return Forked(json.loads(answer)["kernel"], connection)
    except OSError:  # The warm process ended, or never came to work.
        pass
    except BaseException:  # An interrupt: closing ends a kernel that may have been forked.
        connection.close()
        raise
    connection.close()
    return None


class Forked:
    """A kernel that is a child of the warm process, as ``subprocess.Popen`` shows one.

    Args:
        pid: Its process id, also that of its process group.
        connection: Says how it ended; while it is open, the kernel lives.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._connection = connection
        connection.setblocking(False)

    def poll(self) -> int | None:
        """Return its exit status, negative for the signal that ended it; None while it runs."""
        if self.returncode is None:
            try:
                answer = self._connection.recv(1 << 16)
            except BlockingIOError:
                return None
            except OSError:
                answer = b""
            # Without an answer the warm process was killed, and the kernel ends by itself.
            self.returncode = json.loads(answer)["status"] if answer else -signal.SIGKILL
            self._connection.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return its exit status.

        Raises:
            subprocess.TimeoutExpired: If it still runs after so many seconds.
        """
        if self.returncode is None:
            self._connection.settimeout(timeout)
            try:
                self._connection.recv(1 << 16, socket.MSG_PEEK)
            except TimeoutError:
                raise subprocess.TimeoutExpired("kernel", timeout or 0.0) from None
            finally:
                self._connection.setblocking(False)
        return self.poll() or 0

    def send_signal(self, number: int) -> None:
        """Send a signal to its process group, if it runs."""
        if self.poll() is None:
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """Kill it with all processes of its group."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)
