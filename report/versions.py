"""Whether the code that published results were computed with is the code of this tree."""

from __future__ import annotations

import collections
import csv
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from report.errors import ReportError

TABLE = Path("lib") / "studies" / "equivalent_versions.csv"
# Text of a record's table of units, and the column that names them.
_UNITS = {"units.csv": "unit", "entries.csv": "entry"}

Recorded = dict[str, Any]  # A study and the ``code`` behind results of it.
Comparison = Mapping[str, Sequence[str]]  # ``equivalent`` and ``changed``: names of functions.


def packages(root: Path) -> list[str]:
    """Return the folders of the packages in ``lib``."""
    return [str(path.parent) for path in sorted((root / "lib").glob("*/__init__.py"))]


def compare(root: Path, recorded: Sequence[Recorded]) -> list[Comparison]:
    """Return, for each recorded result, which functions changed, as the library itself sees it.

    The library runs in a process of its own, so that the report depends on what it prints alone.

    Args:
        root: The project's folder.
        recorded: For each result its ``study`` and ``code``, name of a function -> version.

    Raises:
        ReportError: If the library or its table of equivalent versions cannot be read.
    """
    table = root / TABLE
    request = {
        "packages": packages(root),
        "table": str(table) if table.is_file() else None,
        "recorded": [{"study": each["study"], "code": each["code"]} for each in recorded],
    }
    command = [sys.executable, "-m", "studies.staleness"]
    done = subprocess.run(
        command, cwd=root, input=json.dumps(request), capture_output=True, text=True
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ReportError(
            f"the code in lib/ cannot be compared with that of published results: {last}. Mend the "
            "file that it names; make test T='-k code_versions or staleness' says more"
        )
    return json.loads(done.stdout)


def published_code(root: Path) -> list[str]:
    """Return a line for each published study: which code changed, and which results are stale.

    Args:
        root: The project's folder.

    Raises:
        ReportError: If a file of a published record, the library or its table of equivalent
            versions cannot be read.
    """
    published = root / "report" / "published"
    studies = {path.stem: _Provenance(path) for path in published.glob("provenance/*.json")}
    folders = [path.parent for path in published.glob("record/*/origins.json")]
    studies |= {folder.name: _Origins(folder) for folder in folders}
    comparisons = iter(
        compare(root, [each for study in studies.values() for each in study.recorded])
    )
    lines = {
        name: study.said([next(comparisons) for _ in study.recorded])
        for name, study in studies.items()
    }
    return [f"published {name}: {lines[name]}" for name in sorted(lines)]


class _Provenance:
    """A published study of which one file names the commit and the code of all results."""

    def __init__(self, path: Path) -> None:
        provenance = _json(path)
        self.name, self._commit = path.stem, str(provenance.get("commit"))[:7]
        code = provenance.get("code")
        self.recorded = [] if code is None else [{"study": self.name, "code": code}]

    def said(self, comparisons: Sequence[Comparison]) -> str:
        if not comparisons:
            return f"code at {self._commit} was not recorded"
        (comparison,) = comparisons
        changed, same = comparison["changed"], comparison["equivalent"]
        count = len(changed) + len(same)
        if not count:
            return f"code unchanged since {self._commit}"
        text = f"{count} function{'s' * (count > 1)} changed since {self._commit}"
        if not same:
            return f"{text}: {', '.join(changed)}"
        if not changed:
            return f"{text}, shown to give the same numbers: {', '.join(same)}"
        return (
            f"{text}, {len(same)} of them shown to give the same numbers: {', '.join(same)}; "
            f"really changed: {', '.join(changed)}"
        )


class _Origins:
    """A published record, in which each unit has an origin that names its commit and code."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self._counts = collections.Counter(_units(folder).values())  # Origin -> number of units.
        self._origins = _json(folder / "origins.json")
        unknown = sorted(set(self._counts) - set(self._origins))
        if unknown:
            raise ReportError(
                f"{folder / 'origins.json'} lacks the origin {unknown[0]!r} of a unit. Take both "
                "files from one run"
            )
        self.recorded = [
            {"study": self.name, "code": origin["code"]}
            for origin in self._origins.values()
            if "code" in origin
        ]

    def said(self, comparisons: Sequence[Comparison]) -> str:
        waiting = iter(comparisons)
        reasons: dict[str, int] = {}
        for label, origin in self._origins.items():
            commit, count = str(origin.get("commit"))[:7], self._counts[label]
            names = next(waiting)["changed"] if "code" in origin else None
            if names is None:
                reason = f"of unknown code, not recorded at {commit}"
            elif names:
                reason = f"stale: {', '.join(names)} changed since {commit}"
            if count and names != []:
                reasons[reason] = reasons.get(reason, 0) + count
        total = f"{_counted(self._counts.total(), 'unit')}, {_counted(len(self._counts), 'origin')}"
        parts = [f"{_counted(count, 'unit')} {reason}" for reason, count in reasons.items()]
        return "; ".join([total, *(parts or ["none stale"])])


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _units(folder: Path) -> dict[str, str]:
    """Return unit -> its origin; a unit may stand in several rows."""
    for name, column in _UNITS.items():
        if (folder / name).is_file():
            with open(folder / name, encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            if rows and not {column, "origin"} <= set(rows[0]):
                raise ReportError(
                    f"{folder / name} has no columns {column} and origin; a record's table of "
                    "units has both"
                )
            return {row[column]: row["origin"] for row in rows}
    raise ReportError(f"{folder} has no {' or '.join(_UNITS)}, so its units are not known")


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ReportError(f"{path} is no JSON: {error}. Take it from git again") from None
    if not isinstance(content, dict):
        raise ReportError(f"{path} holds no JSON object. Take it from git again")
    return content
