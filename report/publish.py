"""The last full run, kept in the repository, and the README's table made from it."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

from report.atomic import write_atomically
from report.errors import ReportError
from report.findings import brief, measured
from report.inputs import reported
from report.parameters import own_values, parameters
from report.settings import Settings

BEGIN = "<!-- verdicts:begin -->"
END = "<!-- verdicts:end -->"
HEAD = "| Study | Claim | Source | Measured [95% interval] | Verdict |\n|---|---|---|---|---|"
_PLACES = ("data_dir", "build_dir")  # Where folders lie is no part of what was studied.
FIGURE = re.compile(r"report/published/figures/([\w.-]+)/(fig-[\w.-]+)\.svg")


def publish(settings: Settings, *, allow_dirty: bool = False) -> None:
    """Copy report and results of the paper profile to ``report/published``; rewrite the README.

    Args:
        settings: The checked request; its profile must be paper.
        allow_dirty: Publish also what was computed from uncommitted changes.

    Raises:
        ReportError: If the profile is not paper, something is missing, or what was computed belongs
            to no commit. Then nothing is changed.
    """
    if settings.profile != "paper":
        raise ReportError(
            f"PROFILE={settings.profile} is no evidence and is not published: "
            "make report PROFILE=paper, then make publish"
        )
    folder = settings.profile_dir
    studies = reported(folder, settings.root)
    files = [folder / "report.html", folder / "report.pdf"]
    files += [folder / "results" / study / "claims.json" for study in studies]
    made_of = [settings.executed(study) for study in studies]
    made_of.append(folder / "inputs" / "report.json")
    absent = [settings.shown(path) for path in [*files, *made_of] if not path.is_file()]
    if absent:
        raise ReportError(f"{', '.join(absent)}: missing. Make them: make report PROFILE=paper")
    newest = max(path.stat().st_mtime_ns for path in made_of)
    if min(path.stat().st_mtime_ns for path in files[:2]) < newest:
        raise ReportError(
            f"{settings.shown(files[0])} or report.pdf is older than what it is made of. "
            "Make them anew: make report PROFILE=paper"
        )
    for study in studies:
        _check_origin(settings, study, allow_dirty=allow_dirty)
    figures = _figures(settings)
    published = settings.root / "report" / "published"
    for old in ("results", "figures", "provenance"):
        shutil.rmtree(published / old, ignore_errors=True)
    for path, content in figures.items():
        write_atomically(path, content)
    for name in ("report.html", "report.pdf"):
        write_atomically(published / name, (folder / name).read_bytes())
    for study in studies:
        shutil.copytree(folder / "results" / study, published / "results" / study)
        origin = folder / "provenance" / f"{study}.json"
        write_atomically(published / "provenance" / origin.name, origin.read_bytes())
    write_table(settings.root)
    print(f"published {', '.join(studies)} in {settings.shown(published)}; README.md has its table")


def _figures(settings: Settings) -> dict[Path, bytes]:
    """Return the figures that the README shows: path -> SVG on white, legible on any page."""
    before, _, after = _markers(settings.root)
    wanted = sorted(set(FIGURE.findall(before + after)))
    made = {}
    for study, label in wanted:
        source = _figure(settings.executed(study), label)
        if source is None:
            raise ReportError(
                f"README.md shows {label} of {study}, which the executed study does not hold. "
                "Name a figure that it has."
            )
        opening = re.search(r"<svg\b[^>]*>", source)
        white = '<rect width="100%" height="100%" fill="#ffffff"/>'
        drawn = source[: opening.end()] + white + source[opening.end() :]
        path = settings.root / "report" / "published" / "figures" / study / f"{label}.svg"
        made[path] = drawn.encode("utf-8")
    return made


def _figure(notebook: Path, label: str) -> str | None:
    if not notebook.is_file():
        return None
    for cell in _read(notebook)["cells"]:
        for output in cell.get("outputs", ()):
            if output.get("metadata", {}).get("landscape", {}).get("label") == label:
                source = output["data"]["image/svg+xml"]
                return source if isinstance(source, str) else "".join(source)
    return None


def _check_origin(settings: Settings, study: str, *, allow_dirty: bool) -> None:
    claims = _read(settings.profile_dir / "results" / study / "claims.json")
    if claims.get("profile") != "paper" or not claims.get("evidence", False):
        raise ReportError(
            f"results/{study}/claims.json says profile {claims.get('profile')!r}, evidence "
            f"{claims.get('evidence')!r}; only a paper run that is evidence is published. "
            "Run make report PROFILE=paper"
        )
    path = settings.profile_dir / "provenance" / f"{study}.json"
    if not path.is_file():
        raise ReportError(
            f"{settings.shown(path)} is missing, so it is unknown what {study} was computed from. "
            "Run make report PROFILE=paper"
        )
    origin = _read(path)
    asked = own_values(settings, study) | parameters(settings, study)
    used = origin.get("parameters", {})
    other = [name for name in asked if name not in _PLACES and used.get(name) != asked[name]]
    if other:
        raise ReportError(
            f"the results of {study} were made with other values of {', '.join(other)} than the "
            "paper profile has: a run of your own wrote to the same folder. Remove "
            f"{settings.shown(settings.executed(study))} and run make report PROFILE=paper again "
            "(what was computed is kept in the store)"
        )
    if origin.get("dirty", True) and not allow_dirty:
        raise ReportError(
            f"{study} was computed from changes that are in no commit. Commit them, remove "
            f"{settings.shown(settings.executed(study))} and run make report PROFILE=paper again "
            "(what was computed is kept in the store), or publish it all the same: "
            "make publish P=--allow-dirty"
        )


def table(root: Path) -> str | None:
    """Return the verdicts of the published results, and what they are of; None without results."""
    rows, origins = [], []
    for path in sorted((root / "report" / "published" / "results").glob("*/claims.json")):
        study = _read(path)
        source = f"notebooks/{study['study']}.py"
        name = f"[{_plain(study['title'])}]({source})"
        for claim in study["claims"]:
            statement = f"{claim['id']} {_plain(claim['statement'])}"
            found = "<br>".join(map(_plain, brief(measured(claim))))
            numbers = _plain(claim["source_numbers"])
            cells = (name, statement, numbers, found, f"**{claim['verdict']}**")
            rows.append(f"| {' | '.join(cells)} |")
            name = ""  # the study's name stands in its first row only
        origins += _origin(root, study["study"])
    if not rows:
        return None
    with open(root / "lib" / "landscape" / "source_claims.csv", encoding="utf-8") as file:
        claimed = sum(1 for _ in csv.DictReader(file))
    count = f"{len(rows)} of the sources' {claimed} claims have a verdict so far."
    return "\n".join([HEAD, *rows, "", " ".join([count, *origins])])


def _origin(root: Path, study: str) -> list[str]:
    path = root / "report" / "published" / "provenance" / f"{study}.json"
    if not path.is_file():
        return []
    origin = _read(path)
    machine, hours = origin["hardware"], origin["compute_seconds"] / 3600
    where = f"{machine['cores']} cores ({_plain(machine['cpu'])})"
    return [f"`{study}`: commit {origin['commit'][:7]}, {hours:.1f} hours of {where}."]


def write_table(root: Path) -> None:
    """Replace what stands between the README's markers by the table of the published results.

    Raises:
        ReportError: If the README lacks the markers.
    """
    before, _, after = _markers(root)
    text = f"{before}{BEGIN}\n{table(root) or ''}\n{END}{after}"
    write_atomically(root / "README.md", text.encode("utf-8"))


def problems(root: Path) -> list[str]:
    """Return what is wrong with the README's table: nothing, when no results are published yet."""
    wanted = table(root)
    if wanted is None:
        print("no results are published yet, so README.md has no table to check")
        return []
    try:
        _, found, _ = _markers(root)
    except ReportError as error:
        return [str(error)]
    if found.strip() == wanted.strip():
        return []
    return [
        "README.md: its table of verdicts is not that of report/published/results. It is never "
        "edited by hand; write it anew: make publish P=--table"
    ]


def _markers(root: Path) -> tuple[str, str, str]:
    path = root / "README.md"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ReportError(
            f"README.md must hold the lines {BEGIN} and {END} once each, in this order: "
            "the table of verdicts is written between them."
        )
    before, rest = text.split(BEGIN)
    found, after = rest.split(END)
    return before, found, after


def _plain(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))
