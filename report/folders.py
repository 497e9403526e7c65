"""Which folders make may fill and remove: those that carry the project's own marker file.

Runs before anything is installed, by whatever Python is existing: standard library only.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from report.errors import ReportError
from report.settings import PROFILES

ROOT = Path(__file__).resolve().parent.parent
MARKER = ".landscape-report"
BUILD, VENV = "build folder", "virtual environment"
DEFAULT_BUILD = "build"
RESULTS = (*PROFILES, "custom", "docs")  # in the build folder: made anew by make report and docs
COSTLY = ("store", "bench")  # in the build folder: computed or installed in hours
STAMP = "landscape-environment.json"  # written last: an install that was cut short has none
UNFINISHED = "landscape-unfinished"  # there while pip may have left half a package behind
MAKER = "Made by landscape-report"
REMOVED = {BUILD: f"{', '.join((*RESULTS, *COSTLY))} from it", VENV: "it"}
ADVICE = {
    BUILD: "Name a folder that is missing, empty or made by this project, for example "
    "BUILD_DIR=build",
    VENV: "Name a folder that is missing, empty or made by this project, for example VENV=.venv; "
    "an environment of your own is used as it is by VENV= PYTHON=<its bin/python>",
}


def absolute(folder: str, root: Path = ROOT) -> Path:
    """Return a folder as make names it, relative to the project, without following a link."""
    return Path(os.path.normpath(root / folder))


def mark(folder: Path, kind: str) -> None:
    """Make a folder and write the marker into it, where these are missing.

    Args:
        folder: A folder that ``why_unusable`` has nothing against.
        kind: ``BUILD`` or ``VENV``.

    Raises:
        ReportError: If the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if marked_as(folder) != kind:
            text = f"{MAKER}. This is a {kind}: make clean-all removes {REMOVED[kind]}.\n"
            (folder / MARKER).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ReportError(
            f"the {kind} {folder} cannot be written: {error.strerror}. Name a folder that you can "
            "write."
        ) from error


def remove(folder: Path, kind: str) -> None:
    """Remove a folder of the project, its marker last, so that an interrupted removal can go on."""
    mark(folder, kind)
    for path in list(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != MARKER:
            path.unlink()
    (folder / MARKER).unlink()
    folder.rmdir()


def marked_as(folder: Path) -> str | None:
    """Return the kind that the marker in a folder states; None without a marker."""
    try:
        text = (folder / MARKER).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    kinds = (BUILD, VENV) if text.startswith(MAKER) else ()
    return next((kind for kind in kinds if kind in text), None)


def is_own(folder: Path, kind: str, root: Path = ROOT) -> bool:
    """Return whether the project made a folder.

    The marker says so. Earlier versions wrote none; what they made is known by files that nothing
    else writes. ``build`` in the project needs no marker, since the project's ``.gitignore``
    reserves it: notebooks that run by themselves write there too.
    """
    marked = marked_as(folder)
    if marked is not None:
        return marked == kind
    if kind == VENV:
        return (folder / STAMP).is_file() or (folder / UNFINISHED).is_file()
    if folder.resolve() == root.resolve() / DEFAULT_BUILD:
        return True
    if not set(contents(folder)) <= {*RESULTS, *COSTLY}:
        return False
    return any(any(folder.glob(form)) for form in ("*/inputs/*.json", "store/*/*/sha256.json"))


def contents(folder: Path) -> list[str]:
    """Return the names in a folder, without the marker and what a file manager leaves."""
    return sorted(set(os.listdir(folder)) - {MARKER, ".DS_Store"})


def why_unusable(folder: Path, kind: str, root: Path = ROOT) -> str | None:
    """Return why make must not fill a folder, as the end of a sentence; None if it may.

    Args:
        folder: An absolute path; the folder need not exist.
        kind: What it is to become, ``BUILD`` or ``VENV``.
        root: The project's folder.
    """
    existing = _nearest(folder)
    if not existing.is_dir():
        return f"{'is' if existing == folder else f'lies in {existing.name}, which is'} no folder"
    reason = _why_protected(folder, root)
    occupied = existing == folder and contents(folder)
    if reason is None and occupied and not is_own(folder, kind, root):
        reason = _why_foreign(folder, kind)
    return reason or _why_in_sources(folder, root)


def why_unwritable(folder: Path) -> str | None:
    """Return why the reader cannot write a folder or make it, as the end of a sentence; or None."""
    existing = _nearest(folder)
    if os.access(existing, os.W_OK | os.X_OK):
        return None
    return (
        "cannot be written"
        if existing == folder
        else f"lies in {existing}, which cannot be written"
    )


def why_unremovable(folder: Path, kind: str, root: Path = ROOT) -> str | None:
    """Return why make must not remove a folder, as the end of a sentence; None if it may.

    Args:
        folder: An absolute path to a folder or a link that exists.
        kind: What it must be, ``BUILD`` or ``VENV``.
        root: The project's folder.
    """
    if folder.is_symlink():
        return f"is a link to {os.path.realpath(folder)}, which has to be named itself"
    if not folder.is_dir():
        return "is no folder"
    reason = _why_protected(folder, root)
    if reason is None and not is_own(folder, kind, root):
        reason = _why_foreign(folder, kind)
    if reason is None and holds_tracked_files(folder):
        reason = "holds files that git tracks"
    return reason


def holds_tracked_files(folder: Path) -> bool:
    """Return whether git tracks a file in an existing folder, in whatever repository it lies."""
    import subprocess  # slow to import, and most calls of make need it nowhere

    # A git hook that runs make would point git to its own repository.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "-C", str(folder), "ls-files", "--", "."]
    try:
        listed = subprocess.run(command, env=environment, capture_output=True)
    except OSError:  # without git there is nothing to ask
        return False
    return bool(listed.stdout)


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest thing above it that exists."""
    return next(path for path in (folder, *folder.parents) if os.path.lexists(path))


def _why_protected(folder: Path, root: Path) -> str | None:
    """Say that a folder is, or holds, the project or the reader's home, by whatever spelling."""
    home = Path(os.path.expanduser("~"))
    for protected, name in ((root, "the project"), (home, "your home folder")):
        for path in (protected, *protected.parents):
            if folder.is_dir() and path.is_dir() and folder.samefile(path):
                return f"is {name} itself" if path == protected else f"holds {name}"
    return None


def _why_foreign(folder: Path, kind: str) -> str:
    marked = marked_as(folder)
    if marked is not None:
        return f"is a {marked} that this project made, and no {kind}"
    if kind == VENV and (folder / "pyvenv.cfg").is_file():
        return "is a virtual environment that this project did not make"
    names = contents(folder)
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"was not made by this project (it holds {shown})"


def _why_in_sources(folder: Path, root: Path) -> str | None:
    """Keep what is made out of lib/ and the like, whose files decide what is made anew."""
    real, root = folder.resolve(), root.resolve()
    if root not in real.parents:
        return None
    top = root / real.relative_to(root).parts[0]
    if top.is_dir() and top != real and holds_tracked_files(top):
        return f"lies in {top.name}/, which holds files that git tracks"
    return None


def main(arguments: list[str] | None = None) -> int:
    """Mark the build folder that the one argument names."""
    (folder,) = sys.argv[1:] if arguments is None else arguments
    try:
        mark(absolute(folder), BUILD)
    except ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
