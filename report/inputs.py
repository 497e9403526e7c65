"""What an executed study and the report depend on, as files that change only when it changes.

make compares modification times, which git scrambles. So everything that a target depends on is
hashed into ``build/<profile>/inputs/``, and a file there is rewritten only when a hash differs.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from report.atomic import write_atomically
from report.parameters import own_values, parameters
from report.settings import Settings, all_studies, needed


def write_inputs(settings: Settings) -> None:
    """Check every parameter, then bring the files of the chosen studies and the report up to date.

    Raises:
        ReportError: As ``parameters`` does; then nothing is written.
    """
    given = {study: parameters(settings, study) for study in needed(settings)}
    root = settings.root
    common = {
        "library": _hash_all(_sources(root / "lib"), root),
        "execution": _hash(root / "report" / "execute.py"),
        "lock": _hash(root / "requirements.lock"),
        "python": platform.python_version(),
    }
    archives: dict[str, str | None] = {}
    for study, values in given.items():
        content = {
            **common,
            "notebook": _hash(root / "notebooks" / f"{study}.py"),
            "parameters": values,
            "data": _archives(settings, own_values(settings, study) | values, archives),
        }
        _rewrite(settings.profile_dir / "inputs" / f"{study}.json", content)
    report = [path for path in _sources(root / "report") if "published" not in path.parts]
    content = {"studies": settings.studies, "report": _hash_all(report, root)}
    _rewrite(settings.profile_dir / "inputs" / "report.json", content)


def reported(profile_dir: Path, root: Path) -> list[str]:
    """Return the studies that the report of a profile was last asked to hold."""
    path = profile_dir / "inputs" / "report.json"
    if not path.is_file():
        return all_studies(root)
    return json.loads(path.read_text(encoding="utf-8"))["studies"]


def _archives(
    settings: Settings, values: dict[str, Any], known: dict[str, str | None]
) -> dict[str, str]:
    """Hash the data archives that a parameter names, such as fashion_mnist.npz."""
    names = set()
    for value in values.values():
        texts = value if isinstance(value, list) else [value]
        names |= {text for text in texts if isinstance(text, str) and text.isidentifier()}
    for name in names - known.keys():
        path = settings.data_dir / f"{name}.npz"
        known[name] = _hash(path) if path.is_file() else None
    return {name: known[name] for name in sorted(names) if known[name] is not None}


def _sources(folder: Path) -> list[Path]:
    found = []
    for path in folder.rglob("*"):
        made = any(part == "__pycache__" or part.endswith(".egg-info") for part in path.parts)
        if path.is_file() and not made:
            found.append(path)
    return found


def _hash(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _hash_all(paths: Iterable[Path], root: Path) -> str:
    lines = [f"{path.relative_to(root).as_posix()} {_hash(path)}" for path in sorted(paths)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _rewrite(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_atomically(path, text.encode("utf-8"))
