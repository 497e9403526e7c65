"""Run one study's notebook with papermill, and keep what it gave: whole, or marked as failed."""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import nbformat
import papermill
from filelock import FileLock
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_core.utils import run_sync
from nbformat import NotebookNode

from report import failures
from report.atomic import write_atomically
from report.errors import ReportError
from report.forked import ForkedProvisioner
from report.inputs import check_records, renew_input
from report.pairing import KERNEL, name_cells, notebook
from report.records import RECORD, record_dir
from report.settings import PUBLISHED, VERDICTS, Settings, check_published


def execute(
    settings: Settings, study: str, values: dict[str, Any], *, log: TextIO = sys.stdout
) -> Path:
    """Execute a study and return the path of the executed notebook.

    Results of an earlier execution are removed first, so that nothing stale outlives a failure. The
    record stays, for it is worth hours: what is complete in it is not computed again. Of the
    profile ``published`` it goes too, since it is a copy of the published one.

    Args:
        settings: The checked request; its ``profile_dir`` receives the notebook.
        study: Name of the study.
        values: Parameters, as ``report.parameters.parameters`` returns them.
        log: What the notebook prints goes here as it appears, each line after the study's name.

    Raises:
        ReportError: If a cell fails, leaves early, or its kernel dies. What was executed until then
            is kept as ``<study>.failed.ipynb``. Or if there is no record to work on.
        KeyboardInterrupt: If interrupted or terminated; kept likewise.
    """
    check_published(replace(settings, studies=(study,)))
    if study == VERDICTS:
        check_records(settings)
    folder = settings.profile_dir
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{study}.lock"):
        return _execute(settings, study, values, _Prefixed(log, study))


def custom(settings: Settings) -> Settings:
    """Return settings for a run with the reader's own parameters, apart from the report's.

    It has its own folder ``<build_dir>/custom`` but shares the store, so that what the report
    already computed is not computed again. Verdicts by other margins have a folder of their own in
    it, and judge the report's records.
    """
    judging = settings.studies == (VERDICTS,)
    folder = settings.build_dir / "custom"
    own = replace(settings, build_dir=folder / "verdicts" if judging else folder)
    own.profile_dir.mkdir(parents=True, exist_ok=True)
    (settings.build_dir / "store").mkdir(exist_ok=True)
    _link(own.build_dir / "store", settings.build_dir / "store")
    if judging:
        check_records(settings)
        _link(own.profile_dir / RECORD, settings.profile_dir / RECORD)
    return own


def _link(link: Path, target: Path) -> None:
    if not link.is_symlink():
        link.symlink_to(os.path.relpath(target, link.parent), target_is_directory=True)


def _execute(settings: Settings, study: str, values: dict[str, Any], log: _Prefixed) -> Path:
    begun = time.monotonic()
    final = settings.executed(study)
    failed = final.with_name(f"{study}.failed.ipynb")
    running = final.with_name(f".{study}.running.ipynb")
    for stale in (final, failed, running, settings.profile_dir / "provenance" / f"{study}.json"):
        stale.unlink(missing_ok=True)
    shutil.rmtree(settings.profile_dir / "results" / study, ignore_errors=True)
    if settings.profile == PUBLISHED and study != VERDICTS:
        shutil.rmtree(record_dir(settings, study), ignore_errors=True)
    renew_input(settings, study, values)
    source = settings.root / "notebooks" / f"{study}.py"
    node = notebook(source.read_text(encoding="utf-8"))
    try:
        _run(node, running, values, cwd=settings.root, log=log)
        executed = nbformat.read(running, as_version=4)
        _check_complete(executed, study)
    except BaseException as error:
        text = failures.describe(error, node, running, source)
        kept = _keep_failed(running, failed, settings)
        if isinstance(error, KeyboardInterrupt):
            print(f"error: {text}{kept}", file=sys.stderr)
            raise
        if failures.full_disk(error) is not None:
            raise ReportError(failures.without_room(error, text, settings)) from error
        raise ReportError(text + kept) from error
    finally:
        log.close()
    _keep(executed, final, settings)
    running.unlink()
    log.line(f"executed in {(time.monotonic() - begun) / 60:.1f} minutes")
    return final


def _run(node: NotebookNode, output: Path, values: dict[str, Any], *, cwd: Path, log: _Prefixed):
    # papermill warns about names that it cannot see in `a, b = 1, 2`; parameters.py checked them.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, _terminated_as_interrupted():
        specs = _ThisInterpreter()
        # A fixed hash seed, and nobody's own IPython start-up files.
        specs.env = {"PYTHONHASHSEED": "0", "IPYTHONDIR": f"{folder}/ipython"}
        kernel = AsyncKernelManager(
            kernel_name=KERNEL["name"],
            kernel_spec_manager=specs,
            # Sockets in a private folder, not ports of the machine.
            transport="ipc",
            connection_file=f"{folder}/kernel.json",
        )
        kernel.provisioner = ForkedProvisioner(
            kernel_id="", kernel_spec=specs.get_kernel_spec(KERNEL["name"]), parent=kernel
        )
        try:
            papermill.execute_notebook(
                node,
                output,
                parameters=values,
                cwd=cwd,
                progress_bar=False,
                stdout_file=log,
                stderr_file=log,
                km=kernel,
            )
        finally:
            if kernel.has_kernel:
                run_sync(kernel.shutdown_kernel)(now=True)


class _ThisInterpreter(KernelSpecManager):
    """Starts the Python that is running, whatever kernels are installed on the machine."""

    env: dict[str, str]

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(**get_kernel_dict(), env=self.env)


class _Prefixed:
    """Writes whole lines, each after the study's name: two studies may run side by side."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self.stream, self.name, self.rest = stream, name, ""

    def write(self, text: str) -> None:
        *lines, self.rest = _settle(self.rest + text).split("\n")
        for line in lines:
            self.line(line)

    def line(self, text: str) -> None:
        self.stream.write(f"{self.name}: {text}\n")
        self.stream.flush()

    def flush(self) -> None:
        self.stream.flush()

    def close(self) -> None:
        if self.rest:
            self.line(self.rest)
        self.rest = ""


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Turn SIGTERM, as make and schedulers send it, into KeyboardInterrupt, which cleans up."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _check_complete(executed: NotebookNode, study: str) -> None:
    last = 0
    for number, cell in enumerate(executed.cells, start=1):
        if cell.cell_type == "code" and cell.source.strip():
            if cell.execution_count is None:
                raise ReportError(
                    f"{study} stopped after cell {last} of the executed notebook, without an "
                    "error, before its end. Remove sys.exit or quit from it."
                )
            last = number


def _keep_failed(running: Path, failed: Path, settings: Settings) -> str:
    """Keep what was executed of a study that failed; return where it is, as a line of its own."""
    executed = failures.readable(running)
    running.unlink(missing_ok=True)
    try:
        if executed is not None:
            _keep(executed, failed, settings)
            return f"\nWhat was executed until then: {settings.shown(failed)}"
    except OSError:  # The error that is told first is of the same disk.
        pass
    return ""


def _keep(executed: NotebookNode, path: Path, settings: Settings) -> None:
    """Write an executed notebook without what belongs to this machine or this moment."""
    executed.metadata.pop("papermill", None)
    executed.metadata["kernelspec"] = KERNEL
    for cell in executed.cells:
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.source = _portable(cell.source, settings)
        if "outputs" in cell:
            cell.outputs = nbformat.from_dict(_portable(cell.outputs, settings))
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = _settle(output.text)
    name_cells(executed)
    write_atomically(path, (nbformat.writes(executed) + "\n").encode("utf-8"))


def _portable(value: Any, settings: Settings) -> Any:
    """Return a nested value with this machine's paths written relative to the project's root."""
    if isinstance(value, dict):
        return {key: _portable(entry, settings) for key, entry in value.items()}
    if isinstance(value, list):
        return [_portable(entry, settings) for entry in value]
    if not isinstance(value, str):
        return value
    for path in (settings.data_dir, settings.build_dir):
        value = value.replace(str(path), _shown(path, settings.root))
    value = value.replace(f"{settings.root}/", "").replace(str(settings.root), ".")
    return re.sub(r"/[^\s\"':]*/ipykernel_\d+/\d+\.py", "<cell>", value)


def _shown(path: Path, root: Path) -> str:
    """Return a folder as seen from the root; of one further off than a neighbour, its name."""
    relative = Path(os.path.relpath(path, root))
    return path.name if relative.parts[:2] == ("..", "..") else str(relative)


def _settle(text: str) -> str:
    """Return terminal text with what a carriage return overwrote left out."""
    return re.sub(r"[^\n]*\r(?!\n|$)", "", text)
