"""Where the records of studies lie: what a run measured, and what is published of it.

Read before anything is installed, by whatever Python is there: standard library only.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from report.errors import ReportError

if TYPE_CHECKING:
    from report.settings import Settings

RECORD = "record"  # in the folder of a profile, and in report/published
HEADER = "record.json"  # in the record of a study; without it there is none


def published_dir(root: Path) -> Path:
    """Return the folder of what is published."""
    return root / "report" / "published"


def source_dir(settings: Settings, study: str) -> Path:
    """Return the folder of the record that a study reads: of ``published``, the published one."""
    if settings.profile == "published":
        return published_dir(settings.root) / RECORD / study
    return record_dir(settings, study)


def record_dir(settings: Settings, study: str) -> Path:
    """Return the folder of the record that a study writes."""
    return settings.profile_dir / RECORD / study


def recorded(folder: Path) -> list[str]:
    """Return the studies of which a folder of records holds one, in their order."""
    return sorted(path.parent.name for path in folder.glob(f"*/{HEADER}"))


def read_json(path: Path, advice: str) -> dict[str, Any]:
    """Return the object that a JSON file holds.

    Args:
        path: The file.
        advice: What to do when it is missing or damaged, as a sentence.

    Raises:
        ReportError: If it is missing or holds no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReportError(f"{path} is missing. {advice}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ReportError(f"{path} is not valid JSON ({error}). {advice}") from error
    if not isinstance(content, dict):
        raise ReportError(f"{path} holds a {type(content).__name__}, not an object. {advice}")
    return content


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def folder_hash(folder: Path) -> str | None:
    """Return a hash of the names and contents of all files in a folder; None if it is missing."""
    if not folder.is_dir():
        return None
    lines = [
        f"{path.relative_to(folder).as_posix()} {file_hash(path)}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
