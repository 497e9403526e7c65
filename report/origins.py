"""Where the numbers of a record come from: commits, versions and machines, and the hours spent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report.records import read_json

ADVICE = "Restore the record from one commit, or measure it again."


@dataclass(frozen=True)
class Origins:
    """What the origins of a record say together; each text once, in their order.

    Attributes:
        commits: Commits, in full; with a note where there were changes besides.
        versions: Versions of Python and packages.
        machines: Processor, cores and memory.
        seconds: Computing time of all entries.
        dirty: Origins whose changes are in no commit.
    """

    commits: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    seconds: float = 0.0
    dirty: tuple[str, ...] = ()


def read_origins(folder: Path) -> Origins:
    """Read the origins of the record in a folder; empty where it has none.

    Raises:
        ReportError: If ``origins.json`` is damaged.
    """
    path = folder / "origins.json"
    origins = read_json(path, ADVICE) if path.is_file() else {}
    return Origins(
        commits=_once(commit_text(origin) for origin in origins.values()),
        versions=_once(versions_text(origin) for origin in origins.values()),
        machines=_once(hardware_text(origin) for origin in origins.values()),
        seconds=_seconds(folder / "times.csv"),
        dirty=tuple(name for name, origin in origins.items() if origin.get("dirty")),
    )


def commit_text(origin: dict[str, Any]) -> str:
    """Return the commit, with a note where there were changes besides."""
    commit = origin.get("commit") or "unknown"
    # Outside a repository, as of an installed package, nobody knows.
    changed = " with uncommitted changes" if origin.get("dirty") and commit != "unknown" else ""
    return f"{commit}{changed}"


def versions_text(origin: dict[str, Any]) -> str:
    """Return the versions of Python and packages as one text."""
    return " · ".join(f"{name} {text}" for name, text in origin.get("versions", {}).items())


def hardware_text(origin: dict[str, Any]) -> str:
    """Return processor, cores, threads and memory as one text."""
    hardware = origin.get("hardware", {})
    words = {"cpu": "{}", "cores": "{} cores", "threads": "{} threads", "memory_gb": "{} GB memory"}
    known = [form.format(hardware[key]) for key, form in words.items() if key in hardware]
    return " · ".join(known + [str(v) for k, v in hardware.items() if k not in words])


def _once(texts: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))


def _seconds(path: Path) -> float:
    """Return the computing time of all entries of a record; 0 where it was not kept."""
    if not path.is_file():
        return 0.0
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    return sum(float(line.rpartition(",")[2]) for line in lines if line)
