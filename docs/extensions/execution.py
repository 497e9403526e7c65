"""Guides are executed by the Python that builds the pages, with sockets in a private folder."""

from __future__ import annotations

import atexit
import functools
import logging
import os
import shutil
import tempfile
import uuid
from typing import Any

from ipykernel.kernelspec import get_kernel_dict
from jupyter_cache.executors import utils
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from sphinx.application import Sphinx
from traitlets import CaselessStrEnum, default


class _ThisInterpreter(KernelSpecManager):
    """Starts the Python that is running, whatever kernels are installed on the machine."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(**get_kernel_dict())


class _Kernel(AsyncKernelManager):
    """A kernel that is reached by sockets in a folder, not by ports of the machine."""

    transport = CaselessStrEnum(["tcp", "ipc"], default_value="ipc")

    @default("connection_file")
    def _connection_file(self) -> str:
        # Sockets lie beside this file; without a folder they would be sought in two.
        return f"{os.environ['JUPYTER_RUNTIME_DIR']}/{uuid.uuid4().hex[:8]}.json"

    @default("kernel_spec_manager")
    def _spec_manager(self) -> KernelSpecManager:
        return _ThisInterpreter(parent=self)


def setup(app: Sphinx) -> dict[str, Any]:
    """Let myst-nb execute by such a kernel, without anybody's own settings of IPython."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ |= {"JUPYTER_RUNTIME_DIR": folder, "IPYTHONDIR": f"{folder}/ipython"}
    logging.getLogger("traitlets").setLevel(logging.WARNING)  # Else it names each notebook.
    # myst-nb has no setting for it.
    utils.executenb = functools.partial(utils.executenb, kernel_manager_class=_Kernel)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
