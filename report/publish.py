"""What is published, kept in the repository study by study, and the README's table made of it."""

from __future__ import annotations

import csv
import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from report.atomic import write_atomically
from report.document import tally
from report.errors import ReportError
from report.findings import brief, measured
from report.html import build_html
from report.inputs import reported
from report.parameters import own_values, parameters
from report.pdf import build_pdf
from report.settings import Settings, all_studies

BEGIN = "<!-- verdicts:begin -->"
END = "<!-- verdicts:end -->"
# The answer in one sentence, for the first screen: written where the README has these markers.
ANSWER = re.compile(r"(?<=<!-- answer:begin -->\n).*?(?=<!-- answer:end -->)", re.DOTALL)
HEAD = "| Study | Claim | Source | Measured [95% interval] | Verdict |\n|---|---|---|---|---|"
_PLACES = ("data_dir", "build_dir")  # Where folders lie is no part of what was studied.
FIGURE = re.compile(r"report/published/figures/([\w.-]+)/(fig-[\w.-]+)\.svg")


def publish(settings: Settings, *, named: Sequence[str] = (), allow_dirty: bool = False) -> None:
    """Put executed studies of the paper profile into ``report/published``; rewrite the README.

    The report is assembled anew from all studies that are published: those executed now, and those
    executed earlier, each with its own provenance. A study may take hours, and is published when it
    is done, on whatever machine.

    Args:
        settings: The checked request; its profile must be paper.
        named: The studies to publish; without, those that the last report was asked to hold.
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
    folder, published = settings.profile_dir, settings.root / "report" / "published"
    studies = list(named) or reported(folder, settings.root)
    files = [settings.executed(study) for study in studies]
    files += [folder / "results" / study / "claims.json" for study in studies]
    absent = [settings.shown(path) for path in files if not path.is_file()]
    if absent:
        raise ReportError(f"{', '.join(absent)}: missing. Make them: make report PROFILE=paper")
    for study in studies:
        _check_origin(settings, study, allow_dirty=allow_dirty)
    with tempfile.TemporaryDirectory() as place:
        draft = Path(place) / "published"
        _collect(settings, studies, published, draft)
        every = sorted(path.stem for path in draft.glob("*.ipynb"))
        build_html(draft, every, draft / "report.html")
        build_pdf(draft, every, draft / "report.pdf")
        _draw(settings.root, draft)
        shutil.rmtree(published, ignore_errors=True)
        shutil.copytree(draft, published)
    write_table(settings.root)
    earlier = [study for study in every if study not in studies]
    beside = f", beside {', '.join(earlier)} of earlier" if earlier else ""
    print(
        f"published {', '.join(studies)}{beside} in {settings.shown(published)}; "
        "README.md has its table"
    )


def _collect(settings: Settings, studies: list[str], published: Path, draft: Path) -> None:
    """Fill a folder with what was published of studies that still exist, and with these studies."""
    if published.is_dir():
        shutil.copytree(published, draft)
    (draft / "results").mkdir(parents=True, exist_ok=True)
    known = all_studies(settings.root)
    there = {path.name for path in (draft / "results").iterdir()}
    for study in {*studies, *there.difference(known)}:
        shutil.rmtree(draft / "results" / study, ignore_errors=True)
        for path in (draft / f"{study}.ipynb", draft / "provenance" / f"{study}.json"):
            path.unlink(missing_ok=True)
    for study in studies:
        origin = Path("provenance") / f"{study}.json"
        shutil.copytree(settings.profile_dir / "results" / study, draft / "results" / study)
        write_atomically(draft / origin, (settings.profile_dir / origin).read_bytes())
        write_atomically(draft / f"{study}.ipynb", settings.executed(study).read_bytes())


def _draw(root: Path, draft: Path) -> None:
    """Write the figures that the README shows as SVG on white, legible on any page."""
    before, _, after = _markers(root)
    wanted = {
        draft / "figures" / study / f"{label}.svg": (study, label)
        for study, label in FIGURE.findall(before + after)
    }
    for path in set((draft / "figures").rglob("*.svg")).difference(wanted):
        path.unlink()
    for path, (study, label) in wanted.items():
        notebook = draft / f"{study}.ipynb"
        if path.is_file() and not notebook.is_file():  # Published before notebooks were.
            continue
        source = _figure(notebook, label)
        if source is None:
            raise ReportError(
                f"README.md shows {label} of {study}, which the executed study does not hold. "
                "Name a figure that it has."
            )
        opening = re.search(r"<svg\b[^>]*>", source)
        white = '<rect width="100%" height="100%" fill="#ffffff"/>'
        drawn = source[: opening.end()] + white + source[opening.end() :]
        write_atomically(path, drawn.encode("utf-8"))


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
    with open(root / "lib" / "studies" / "source_claims.csv", encoding="utf-8") as file:
        claimed = sum(1 for _ in csv.DictReader(file))
    count = f"{len(rows)} of the sources' {claimed} claims have a verdict so far."
    return "\n".join([HEAD, *rows, "", " ".join([count, *origins])])


def answer(root: Path) -> str:
    """Return how many of the claims with a verdict came out in which way, in one sentence."""
    results = (root / "report" / "published" / "results").glob("*/claims.json")
    verdicts = [claim["verdict"] for path in results for claim in _read(path)["claims"]]
    if not verdicts:
        return "No claim has a verdict yet."
    counts = ", ".join(f"**{count} {verdict}**" for verdict, count in tally(verdicts))
    return f"Of the {len(verdicts)} claims judged so far: {counts}."


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
    write_atomically(root / "README.md", _written(root).encode("utf-8"))


def _written(root: Path) -> str:
    """Return the README with the table, and the answer where it has a place for it."""
    before, _, after = _markers(root)
    text = f"{before}{BEGIN}\n{table(root) or ''}\n{END}{after}"
    return ANSWER.sub(lambda _: f"{answer(root)}\n", text)


def problems(root: Path) -> list[str]:
    """Return what is wrong with the README's table: nothing, when no results are published yet."""
    wanted = table(root)
    if wanted is None:
        print("no results are published yet, so README.md has no table to check")
        return []
    try:
        written = _written(root)
    except ReportError as error:
        return [str(error)]
    if written == (root / "README.md").read_text(encoding="utf-8"):
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
