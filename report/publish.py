"""What is published: the records of paper, and the report that this tree makes of them.

``take`` puts records of paper into ``report/published/record``; ``make report PROFILE=published``
makes the report of them; ``publish`` puts this beside them and renews the README.
"""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat

from report import readme
from report.atomic import write_atomically
from report.errors import ReportError
from report.inputs import reported
from report.judgements import Verdicts
from report.layout import outputs, shown_of
from report.lettering import picture_on_white
from report.origins import read_origins
from report.parameters import own_values, parameters
from report.records import HEADER, RECORD, published_dir, read_json, record_dir, recorded
from report.settings import PUBLISHED, VERDICTS, Settings, every_study
from report.structure import GIVEN
from report.verdicts import FILE, read_verdicts

AGAIN = "(the record keeps what was measured)"


def take(
    settings: Settings,
    *,
    named: Sequence[str] = (),
    allow_dirty: bool = False,
    incomplete: bool = False,
    replace: bool = False,
) -> None:
    """Put the records of executed studies of the paper profile into ``report/published/record``.

    A study may take hours, on one machine or several, and is published when it is done; or as it
    grows, when that is asked for.

    Args:
        settings: The checked request; its profile must be paper.
        named: The studies to publish; without, those that the last report was asked to hold.
        allow_dirty: Publish also what was measured with uncommitted changes.
        incomplete: Publish also the record of a study that was not executed to its end.
        replace: Publish also a record that lacks entries of the published one.

    Raises:
        ReportError: If the profile is not paper, something is missing, was measured with other
            parameters or belongs to no commit, or if something would be lost. Then nothing is
            changed.
    """
    if settings.profile != "paper":
        raise ReportError(
            f"PROFILE={settings.profile} is no evidence and is not published: "
            "make report PROFILE=paper, then make publish"
        )
    studies = [
        study
        for study in list(named) or reported(settings.profile_dir, settings.root)
        if study != VERDICTS
    ]
    published = published_dir(settings.root) / RECORD
    files = [] if incomplete else [settings.executed(study) for study in studies]
    files += [record_dir(settings, study) / HEADER for study in studies]
    absent = [settings.shown(path) for path in files if not path.is_file()]
    if absent:
        raise ReportError(
            f"{', '.join(absent)}: missing. Make them: make report PROFILE=paper; to publish the "
            "records of studies that are not done: make publish P=--incomplete"
        )
    for study in studies:
        _check_parameters(settings, study)
        if not allow_dirty:
            _check_commits(settings, study)
        if not replace:
            _check_entries(settings, study, published / study)
    for study in studies:
        _replace(record_dir(settings, study), published / study)
    print(f"records of {', '.join(studies)}: now in {settings.shown(published)}")


def publish(settings: Settings) -> None:
    """Put the report of the profile ``published`` beside the records, and renew the README.

    Args:
        settings: A request of the profile ``published``.

    Raises:
        ReportError: If the report lacks a published study, or something that it is made of. Then
            nothing is changed.
    """
    folder, published = settings.profile_dir, published_dir(settings.root)
    studies = every_study(settings.root, PUBLISHED)
    names = [f"{study}.ipynb" for study in studies] + ["report.html", "report.pdf"]
    names += [f"{RECORD}/{study}/{HEADER}" for study in studies if study != VERDICTS]
    names += [f"results/{VERDICTS}/{FILE}"] if VERDICTS in studies else []
    absent = [settings.shown(folder / name) for name in names if not (folder / name).is_file()]
    if absent or reported(folder, settings.root) != studies or not studies:
        lacking = ", ".join(absent) or f"{settings.shown(folder)}: not the report of all studies"
        raise ReportError(f"{lacking}. Make it: make report PROFILE=published")
    with tempfile.TemporaryDirectory() as place:
        draft = Path(place) / "published"
        for study in recorded(folder / RECORD):
            if study in studies:
                shutil.copytree(folder / RECORD / study, draft / RECORD / study)
        for name in ("report.html", "report.pdf"):
            shutil.copy(folder / name, draft)
        if VERDICTS in studies:
            shutil.copy(folder / "results" / VERDICTS / FILE, draft)
        _draw(settings, draft)
        _replace(draft, published)
    readme.write_blocks(settings.root)
    print(f"published {', '.join(studies)} in {settings.shown(published)}, and in README.md")


def _replace(source: Path, target: Path) -> None:
    """Replace a folder by a copy of another; until the copy is whole, the old one stays."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as place:
        copy = shutil.copytree(source, Path(place) / "new")
        if target.exists():
            target.rename(Path(place) / "old")
        Path(copy).rename(target)


def _check_parameters(settings: Settings, study: str) -> None:
    path = record_dir(settings, study) / HEADER
    advice = f"It says what {study} was made with. Run make report PROFILE=paper"
    used = read_json(path, advice).get("parameters", {})
    asked: dict[str, Any] = own_values(settings, study) | parameters(settings, study)
    # Where folders lie and what was asked to be measured again is no part of what was studied.
    other = [
        name
        for name in asked
        if name not in {*GIVEN} - {"profile"} and used.get(name) != _plain(asked[name])
    ]
    if other:
        raise ReportError(
            f"the record of {study} was made with other values of {', '.join(other)} than the "
            "paper profile has: a run of your own wrote to the same folder. Remove "
            f"{settings.shown(settings.executed(study))} and run make report PROFILE=paper again "
            f"{AGAIN}"
        )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _check_commits(settings: Settings, study: str) -> None:
    folder = record_dir(settings, study)
    if dirty := read_origins(folder).dirty:
        raise ReportError(
            f"{study} was measured with changes that are in no commit (origins "
            f"{', '.join(dirty)} of {settings.shown(folder)}). Commit them, remove "
            f"{settings.shown(settings.executed(study))} and {settings.shown(folder)} and run make "
            "report PROFILE=paper again (what was computed is kept in the store), or publish it "
            "all the same: make publish P=--allow-dirty"
        )


def _check_entries(settings: Settings, study: str, published: Path) -> None:
    lost = sorted(_entries(published) - _entries(record_dir(settings, study)))
    if lost:
        raise ReportError(
            f"{len(lost)} published entries of {study} are not in "
            f"{settings.shown(record_dir(settings, study))}, such as {', '.join(lost[:3])}. To add "
            f"to what is published, copy {settings.shown(published)} there before the run; to give "
            "it up: make publish P=--replace"
        )


def _entries(folder: Path) -> set[str]:
    """Return the ids of the entries of a record; none where there is no list of them."""
    path = folder / "entries.csv"
    if not path.is_file():
        return set()
    with path.open(encoding="utf-8", newline="") as file:
        return {row["entry"] for row in csv.DictReader(file) if row.get("entry")}


def _draw(settings: Settings, draft: Path) -> None:
    """Write the figures that the README shows as SVG on white, legible on any page."""
    path = draft / FILE
    verdicts = read_verdicts(path) if path.is_file() else Verdicts()
    for study, label in readme.figures(settings.root, verdicts):
        source = _figure(settings.executed(study), label)
        if source is None:
            raise ReportError(
                f"README.md shows {label} of {study}, which the executed study does not hold. "
                "Name a figure that it has."
            )
        drawn = picture_on_white(source)
        write_atomically(draft / "figures" / study / f"{label}.svg", drawn.encode("utf-8"))


def _figure(notebook: Path, label: str) -> str | None:
    if not notebook.is_file():
        return None
    for _, output in outputs(nbformat.read(notebook, as_version=4)):
        if shown_of(output).get("label") == label:
            return output["data"]["image/svg+xml"]
    return None
