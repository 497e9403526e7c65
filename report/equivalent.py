"""Rows for the table of equivalent versions: which versions two commits give to functions.

The table, ``lib/studies/equivalent_versions.csv``, keeps recorded results valid through changes of
code that were shown to change no number; ``lib/studies/staleness.py`` reads it.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from report.atomic import write_atomically
from report.errors import ReportError
from report.origins import ADVICE
from report.records import RECORD, published_dir, read_json
from report.settings import all_studies
from report.versions import TABLE, packages

COLUMNS = ("name", "from_version", "to_version", "from_commit", "to_commit", "studies", "shown")

Row = dict[str, str]
Versions = dict[str, dict[str, str]]  # Name -> module that defines it -> version.


def append(
    root: Path,
    *,
    start: str,
    shown: str,
    end: str = "HEAD",
    names: Sequence[str] = (),
    studies: Sequence[str] = (),
    recorded: Path | None = None,
) -> list[Row]:
    """Append rows for functions whose versions at two commits were shown to give the same numbers.

    Args:
        root: The project's folder, a git repository.
        start: The commit before the change.
        shown: How it was shown, such as which profiles were run and what was compared.
        end: The commit after it.
        names: The functions that it covers; empty for all that published results know.
        studies: The studies whose settings showed it; empty if it holds for all.
        recorded: A published study's ``provenance/*.json`` or ``origins.json`` whose versions stand
            for those of ``start``, which may be older than versions of code.

    Returns:
        The rows that the table did not have.

    Raises:
        ReportError: If nothing was shown, a commit, name or study is unknown, or a name stands for
            several functions.
    """
    if not shown.strip():
        raise ReportError(
            "--shown is empty: say what showed that the versions give the same numbers, such as "
            "--shown 'make report PROFILE=smoke at both commits: 48 results files are the same'"
        )
    for study in studies:
        if study not in all_studies(root):
            raise ReportError(f"the study {study} is unknown: {', '.join(all_studies(root))}")
    commits = _commit(root, start), _commit(root, end)
    covered = names or _published_names(root)
    before = _recorded(recorded) if recorded else _versions_at(root, commits[0])
    after = _versions_at(root, commits[1])
    rows = [
        dict(zip(COLUMNS, cells, strict=True))
        for name in covered
        for old, new in _pairs(name, before, after, is_needed=bool(names))
        for cells in [(name, old, new, *(c[:7] for c in commits), " ".join(studies), shown.strip())]
    ]
    return _add(root / TABLE, rows)


def _commit(root: Path, name: str) -> str:
    done = _git(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if done.returncode:
        raise ReportError(f"{name!r} names no commit of {root}. git log --oneline lists them")
    return done.stdout.decode().strip()


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True)


def _versions_at(root: Path, commit: str) -> Versions:
    """Return the versions of all definitions in ``lib`` at a commit, by the rule of that commit."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = _git(root, "archive", commit, "lib")
        if archive.returncode:
            raise ReportError(f"commit {commit[:7]} has no folder lib: {archive.stderr.decode()}")
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        if (folder / "lib" / "landscape").is_dir():
            _require_rule(folder, commit)
        command = [sys.executable, "-m", "landscape.store.code_versions", *packages(folder)]
        done = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": str(folder / "lib")},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise ReportError(f"the versions of the code at {commit[:7]} are not known: {last}")
    versions: Versions = {}
    for version, places in json.loads(done.stdout).items():
        for module, _, definition in (place.rpartition(".") for place in places):
            versions.setdefault(definition, {})[module] = version
    return versions


def _require_rule(folder: Path, commit: str) -> None:
    if not (folder / "lib" / "landscape" / "store" / "code_versions.py").is_file():
        raise ReportError(
            f"commit {commit[:7]} is older than versions of code. Name a file that has them: "
            "--recorded report/published/record/STUDY/origins.json"
        )


def _recorded(path: Path) -> Versions:
    """Return the versions that a published study recorded; an origin stands for the module."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        origins = {"": content} if "code" in content else content
        codes = {label: dict(origin["code"]) for label, origin in origins.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise ReportError(
            f"{path} holds no versions of code. Pass a provenance/STUDY.json or origins.json of "
            "report/published"
        ) from None
    versions: Versions = {}
    for label, code in codes.items():
        for name, version in code.items():
            versions.setdefault(name, {})[label] = version
    return versions


def _published_names(root: Path) -> list[str]:
    """Return the names of all functions behind published results."""
    names = set()
    for path in (published_dir(root) / RECORD).glob("*/origins.json"):
        for origin in read_json(path, ADVICE).values():
            names |= origin.get("code", {}).keys()
    if not names:
        raise ReportError("no published result names its code, so nothing is covered: pass --names")
    return sorted(names)


def _pairs(
    name: str, before: Versions, after: Versions, *, is_needed: bool
) -> Iterator[tuple[str, str]]:
    """Yield the versions of a function before and after, if they differ.

    Args:
        name: Its name.
        before: Versions at the first commit.
        after: Versions at the second.
        is_needed: Whether it must exist at both.
    """
    old, new = before.get(name, {}), after.get(name, {})
    if not (old and new):
        if is_needed:
            when = "before" if not old else "after"
            raise ReportError(
                f"there is no {name} {when} the change: only a name of both has a row"
            )
        return
    for module in old.keys() & new.keys():  # Definitions that stayed in place need no other.
        if old[module] != new[module]:
            yield old[module], new[module]
    moved = {old[module] for module in old.keys() - new.keys()} - set(new.values())
    arrived = {new[module] for module in new.keys() - old.keys()} or set(new.values())
    if moved and len(arrived) > 1:
        raise ReportError(
            f"{name} stands for several functions: {', '.join(sorted(new))}. Which of them the "
            "rows mean is not known; leave it out by --names"
        )
    yield from ((version, next(iter(arrived))) for version in sorted(moved))


def _add(path: Path, rows: Sequence[Row]) -> list[Row]:
    """Write rows behind those of the table, unless it has them, and return the new ones."""
    header = ",".join(COLUMNS)
    text = path.read_text(encoding="utf-8") if path.is_file() else f"{header}\n"
    if text.partition("\n")[0] != header:
        raise ReportError(f"{path} does not begin with {header!r}: take it from git again")
    key = COLUMNS[:3]
    known = {(*(row[k] for k in key), row["studies"]) for row in csv.DictReader(io.StringIO(text))}
    added = [
        row
        for row in rows
        # A row for all studies stands for single ones as well.
        if not known & {(*(row[k] for k in key), studies) for studies in (row["studies"], "")}
    ]
    lines = io.StringIO()
    csv.DictWriter(lines, COLUMNS, lineterminator="\n").writerows(added)
    write_atomically(path, (text + lines.getvalue()).encode())
    return added
