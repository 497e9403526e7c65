"""The machine and the project: numerical environment, versions, hardware, root folder, commit."""

import contextlib
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import torch


def numerical_environment() -> dict[str, Any]:
    """Return the settings of this process and machine that decide the last bits of a result.

    They are part of every key, beside code and inputs.
    """
    usual = {
        "matmul": (torch.get_float32_matmul_precision(), "highest"),
        "device": (str(torch.get_default_device()), "cpu"),
        "deterministic": (torch.are_deterministic_algorithms_enabled(), False),
        "mkldnn": (torch.backends.mkldnn.enabled, True),
        "tf32": (torch.backends.cudnn.allow_tf32, True),  # Of convolutions on a GPU.
    }
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "default_dtype": str(torch.get_default_dtype()),
        # A usual setting is left out: keys made before the setting counted stay valid.
        **{name: value for name, (value, usually) in usual.items() if value != usually},
    }


def description() -> dict[str, Any]:
    """Return versions and hardware for a provenance stamp, without host name and paths."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "hardware": {
            "cpu": _cpu_model(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "cpu_capability": torch.backends.cpu.get_cpu_capability(),
            "memory_gb": round(memory / 2**30),
            "platform": f"{platform.system()} {platform.machine()}",
        },
    }


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def project_path(path: str | Path) -> Path:
    """Return a path as an absolute one; a relative path starts at the project's root.

    The root is the nearest folder at or above the working directory that holds both ``notebooks``
    and ``pyproject.toml``; without such a folder, the working directory.
    """
    path = Path(path).expanduser()
    if path.is_absolute():
        return path
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "pyproject.toml").is_file() and (folder / "notebooks").is_dir():
            return folder / path
    return here / path


def commit(folder: str | Path) -> tuple[str, bool]:
    """Return the git commit of a folder, and whether tracked files differ from it.

    Without git or without a commit, the answer is ``("unknown", True)``.
    """
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        head, status = (
            subprocess.run(
                ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True
            ).stdout.strip()
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        )
        return head, bool(status)
    return "unknown", True
