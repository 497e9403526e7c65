"""Remove what make made, and nothing else: ``make clean`` and ``make clean-all``.

Standard library only: whoever removes an environment may have none.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from report.errors import ReportError
from report.folders import (
    BUILD,
    COSTLY,
    MARKER,
    RESULTS,
    ROOT,
    VENV,
    absolute,
    contents,
    is_own,
    mark,
    remove,
    why_unremovable,
)
from report.records import RECORD
from report.settings import PUBLISHED

VARIABLES = {BUILD: "BUILD_DIR", VENV: "VENV"}
OTHERS = {
    BUILD: "remove any other yourself",
    VENV: "remove any other yourself, and leave it out here: make clean-all VENV=",
}


def clean(build_dir: str, venv: str = "", *, everything: bool = False, root: Path = ROOT) -> None:
    """Remove what make put into a build folder, and print what was removed and kept.

    Records stay, for they are worth hours, but not those of the profile ``published``, which are
    copies. Everything is checked before the first folder is removed.

    Args:
        build_dir: The build folder, relative to the project or absolute.
        venv: The virtual environment, which only ``everything`` removes; empty for none.
        everything: Remove records, the store, the bench's packages and the virtual environment as
            well.
        root: The project's folder.

    Raises:
        ReportError: If a folder was not made by the project; then nothing is removed.
        OSError: If a file cannot be removed.
    """
    build_path = _checked(build_dir, BUILD, root)
    venv_path = _checked(venv, VENV, root) if everything and venv else None
    for part in (*RESULTS, *COSTLY):
        if build_path is not None and (build_path / part).is_symlink():
            target = os.path.realpath(build_path / part)
            raise ReportError(
                f"{build_dir}/{part} is a link to {target}, so nothing is removed. Links are left "
                "alone: remove this one, or what it leads to, yourself."
            )
    removed = []
    if build_path is not None:
        removed += _remove_parts(build_path, build_dir, everything, root)
    if venv_path is not None:
        remove(venv_path, VENV)
        removed.append(venv)
        lock = venv_path.with_name(venv_path.name + ".lock")
        if lock.is_file() and not lock.stat().st_size:  # one that holds something is another's
            lock.unlink()
    print(f"removed: {', '.join(removed)}" if removed else "nothing to remove")
    if build_path is not None and build_path.is_dir():
        _say_kept(build_path, build_dir)


def _checked(given: str, kind: str, root: Path) -> Path | None:
    """Return the folder, or None when it is missing.

    Raises:
        ReportError: If it must not be removed.
    """
    variable = VARIABLES[kind]
    if not given:
        raise ReportError(f"{variable}= is empty. Name the {kind} to remove.")
    folder = absolute(given, root)
    if not folder.exists() and not folder.is_symlink():
        return None
    reason = why_unremovable(folder, kind, root)
    if reason:
        raise ReportError(
            f"{variable}={given} {reason}, so nothing is removed. Only a {kind} that make made and "
            f"marked ({MARKER}) is removed; {OTHERS[kind]}."
        )
    return folder


def _remove_parts(folder: Path, given: str, everything: bool, root: Path) -> list[str]:
    """Remove the project's parts of a build folder, and then the folder if nothing is left."""
    removed = []
    for part in (*RESULTS, *COSTLY) if everything else RESULTS:
        if (folder / part).is_dir() and _remove_part(folder / part, records=everything):
            removed.append(f"{given}/{part}")
    if not contents(folder):
        remove(folder, BUILD)
        return [given]
    if not is_own(folder, BUILD, root):  # what showed that an earlier version made it is gone
        mark(folder, BUILD)
    return removed


def _remove_part(folder: Path, *, records: bool) -> bool:
    """Remove a folder, or all in it but its records; return whether there was anything."""
    if records or folder.name == PUBLISHED:
        shutil.rmtree(folder)
        return True
    removed = False
    for path in list(folder.iterdir()):
        if path.is_symlink() or not path.is_dir():
            path.unlink()
            removed = True
        elif path.name != RECORD or not any(path.iterdir()):
            removed = _remove_part(path, records=False) or removed
    if not any(folder.iterdir()):
        folder.rmdir()
        return True
    return removed


def _say_kept(folder: Path, given: str) -> None:
    kept = {
        **{path: "what was measured" for path in _records(folder)},
        folder / "store": "computed results",
        folder / "bench": "what make bench installed and measured",
    }
    for path, what in kept.items():
        if path.is_dir():
            answer = subprocess.run(["du", "-sh", path], capture_output=True, text=True)
            size = (answer.stdout.split() or ["unknown size"])[0]
            name = path.relative_to(folder).as_posix()
            print(f"kept: {given}/{name} ({size}), {what}; make clean-all removes it")
    others = [name for name in contents(folder) if name not in (*COSTLY, *RESULTS)]
    if others:
        print(f"kept: {', '.join(f'{given}/{name}' for name in others)}, which make did not make")


def _records(folder: Path) -> list[Path]:
    return sorted(
        path for part in RESULTS for path in (folder / part).rglob(RECORD) if path.is_dir()
    )


def main(arguments: list[str] | None = None) -> int:
    """Remove what the options name; a refusal is one sentence and the status 2."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build-dir", required=True, help="the build folder")
    parser.add_argument("--venv", default="", help="the virtual environment; empty for none")
    parser.add_argument("--all", action="store_true", help="the store and the environment as well")
    given = parser.parse_args(arguments)
    try:
        clean(given.build_dir, given.venv, everything=given.all)
    except ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"error: {error.filename} cannot be removed: {error.strerror}. Remove it yourself.",
            file=sys.stderr,
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
