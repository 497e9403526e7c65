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
from report.origins import ADVICE
from report.records import RECORD, published_dir, read_json, recorded

TABLE = Path("lib") / "studies" / "equivalent_versions.csv"

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
    folder = published_dir(root) / RECORD
    studies = [_Origins(folder / study) for study in recorded(folder)]
    comparisons = iter(compare(root, [each for study in studies for each in study.recorded]))
    return [
        f"published {study.name}: {study.said([next(comparisons) for _ in study.recorded])}"
        for study in studies
    ]


class _Origins:
    """A published record, in which each entry has an origin that names its commit and code."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self._counts = collections.Counter(_entries(folder).values())  # Origin -> its entries.
        self._origins = read_json(folder / "origins.json", ADVICE)
        unknown = sorted(set(self._counts) - set(self._origins))
        if unknown:
            raise ReportError(
                f"{folder / 'origins.json'} lacks the origin {unknown[0]!r} of an entry. {ADVICE}"
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
        origins = len(self._counts)
        total = f"{_entry_count(self._counts.total())}, {origins} origin{'s' * (origins != 1)}"
        parts = [f"{_entry_count(count)} {reason}" for reason, count in reasons.items()]
        return "; ".join([total, *(parts or ["none stale"])])


def _entry_count(count: int) -> str:
    return f"{count} entr{'y' if count == 1 else 'ies'}"


def _entries(folder: Path) -> dict[str, str]:
    """Return entry -> its origin; an entry may stand in several rows."""
    path = folder / "entries.csv"
    if not path.is_file():
        raise ReportError(f"{path} is missing, so its entries are not known. {ADVICE}")
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if rows and not {"entry", "origin"} <= set(rows[0]):
        raise ReportError(f"{path} has no columns entry and origin. {ADVICE}")
    return {row["entry"]: row["origin"] for row in rows}
