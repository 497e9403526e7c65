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
from report.errors import ReportError
from report.parameters import own_values, parameters
from report.records import RECORD, file_hash, folder_hash, recorded, source_dir
from report.settings import PUBLISHED, VERDICTS, Settings, check_published, every_study


def write_inputs(settings: Settings) -> None:
    """Check every parameter, then bring the files of the chosen studies and the report up to date.

    Raises:
        ReportError: As ``parameters`` does, or if there is no record to work on; then nothing is
            written.
    """
    check_published(settings)
    given = {study: parameters(settings, study) for study in settings.studies}
    if settings.studies == (VERDICTS,):
        check_records(settings)
    archives: dict[str, str | None] = {}
    for study, values in given.items():
        content = _dependencies(settings, study, values, archives)
        _rewrite(_path(settings, study), content, anew=bool(settings.remeasure))
    root = settings.root
    report = [path for path in _sources(root / "report") if "published" not in path.parts]
    title_page = [path for path in [root / "CITATION.cff"] if path.is_file()]
    content = {"studies": settings.studies, "report": _hash_all(report + title_page, root)}
    _rewrite(settings.profile_dir / "inputs" / "report.json", content)


def renew_input(settings: Settings, study: str, values: dict[str, Any]) -> None:
    """Bring the file of one study up to date when it is executed.

    The notebook of verdicts depends on records that others wrote since ``write_inputs``: without
    this, the next call of make would execute it again. A study that was never prepared has no file.
    """
    path = _path(settings, study)
    if study == VERDICTS and path.is_file():
        _rewrite(path, _dependencies(settings, study, values, {}))


def check_records(settings: Settings) -> None:
    """Check that the notebook of verdicts has something to judge.

    Raises:
        ReportError: If the profile has no record of any study.
    """
    folder = settings.profile_dir / RECORD
    if not recorded(folder):
        raise ReportError(
            f"{VERDICTS} judges the records in {settings.shown(folder)}, and there is none. "
            f"Make them: make report PROFILE={settings.profile}"
        )


def reported(profile_dir: Path, root: Path) -> list[str]:
    """Return the studies that the report of a profile was last asked to hold."""
    path = profile_dir / "inputs" / "report.json"
    if not path.is_file():
        return every_study(root, profile_dir.name)
    return json.loads(path.read_text(encoding="utf-8"))["studies"]


def _path(settings: Settings, study: str) -> Path:
    return settings.profile_dir / "inputs" / f"{study}.json"


def _dependencies(
    settings: Settings, study: str, values: dict[str, Any], archives: dict[str, str | None]
) -> dict[str, Any]:
    """Return all that an executed study depends on, as hashes and values."""
    root = settings.root
    content: dict[str, Any] = {
        "library": _hash_all(_sources(root / "lib"), root),
        "execution": file_hash(root / "report" / "execute.py"),
        "lock": file_hash(root / "requirements.lock"),
        "python": platform.python_version(),
        "notebook": file_hash(root / "notebooks" / f"{study}.py"),
        # What is asked to be measured again is executed each time, and decides nothing else.
        "parameters": {name: value for name, value in values.items() if name != "remeasure"},
    }
    if study == VERDICTS:
        folder = settings.profile_dir / RECORD
        content["records"] = {name: folder_hash(folder / name) for name in recorded(folder)}
        words = [path for kind in ("csv", "toml") for path in (root / "report").glob(f"*.{kind}")]
        content["claims"] = _hash_all(words, root)
    elif settings.profile == PUBLISHED:
        content["record"] = folder_hash(source_dir(settings, study))
    else:
        content["data"] = _archives(settings, own_values(settings, study) | values, archives)
    return content


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
        known[name] = file_hash(path) if path.is_file() else None
    return {name: hash for name in sorted(names) if (hash := known[name]) is not None}


def _sources(folder: Path) -> list[Path]:
    found = []
    for path in folder.rglob("*"):
        made = any(part == "__pycache__" or part.endswith(".egg-info") for part in path.parts)
        if path.is_file() and not made:
            found.append(path)
    return found


def _hash_all(paths: Iterable[Path], root: Path) -> str:
    lines = [f"{path.relative_to(root).as_posix()} {file_hash(path)}" for path in sorted(paths)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _rewrite(path: Path, content: dict[str, Any], *, anew: bool = False) -> None:
    """Write the file where its content changed, or in any case ``anew``, so that make executes."""
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if anew or not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_atomically(path, text.encode("utf-8"))
