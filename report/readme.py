"""What the README says of the published verdicts: written from their file, never by hand."""

from __future__ import annotations

import re
from pathlib import Path

from report.atomic import write_atomically
from report.errors import ReportError
from report.origins import read_origins
from report.records import RECORD, published_dir, recorded
from report.verdicts import FILE, Judgement, Verdicts, read_verdicts

BEGIN = "<!-- verdicts:begin -->"
END = "<!-- verdicts:end -->"
# The answer in one sentence, for the first screen: written where the README has these markers.
ANSWER = re.compile(r"(?<=<!-- answer:begin -->\n).*?(?=<!-- answer:end -->)", re.DOTALL)
HEAD = "| Claim | Source's number | Found | Depends on | Verdict |\n|---|---|---|---|---|"
FIGURE = re.compile(r"report/published/figures/([\w.-]+)/(fig-[\w.-]+)\.svg")


def table(root: Path) -> str | None:
    """Return the published verdicts, and where they were measured; None without verdicts."""
    verdicts = _published(root)
    if verdicts is None:
        return None
    lines = [_row(judgement) for judgement in verdicts.judgements]
    judged, claims = (
        len({row.claim for row in rows}) for rows in (verdicts.judged, verdicts.judgements)
    )
    count = f"{judged} of the sources' {claims} claims have a verdict so far."
    return "\n".join([HEAD, *lines, "", " ".join([count, *_origins(root)])])


def answer(root: Path) -> str:
    """Return how many of the claims with a verdict came out in which way, in one sentence."""
    verdicts = _published(root)
    if verdicts is None or not verdicts.judged:
        return "No claim has a verdict yet."
    counts = ", ".join(f"**{count} {word}**" for word, count in verdicts.tally)
    return f"Of the {len(verdicts.judged)} claims judged so far: {counts}."


def figures(root: Path) -> list[tuple[str, str]]:
    """Return the study and the label of each published figure that the README shows.

    Raises:
        ReportError: If the README lacks the markers of its table.
    """
    before, _, after = _markers(root)
    return list(dict.fromkeys(FIGURE.findall(before + after)))


def write_table(root: Path) -> None:
    """Replace what stands between the README's markers by what the published verdicts say.

    Raises:
        ReportError: If the README lacks the markers.
    """
    write_atomically(root / "README.md", _written(root).encode("utf-8"))


def problems(root: Path) -> list[str]:
    """Return what is wrong with the README's table: nothing, when no verdict is published yet."""
    if _published(root) is None:
        print("no verdicts are published yet, so README.md has no table to check")
        return []
    try:
        written = _written(root)
    except ReportError as error:
        return [str(error)]
    if written == (root / "README.md").read_text(encoding="utf-8"):
        return []
    return [
        f"README.md: its table of verdicts is not what report/published/{FILE} says. It is never "
        "edited by hand; write it anew: make publish P=--table"
    ]


def _published(root: Path) -> Verdicts | None:
    path = published_dir(root) / FILE
    return read_verdicts(path) if path.is_file() else None


def _written(root: Path) -> str:
    """Return the README with the table, and the answer where it has a place for it."""
    before, _, after = _markers(root)
    text = f"{before}{BEGIN}\n{table(root) or ''}\n{END}{after}"
    return ANSWER.sub(lambda _: f"{answer(root)}\n", text)


def _row(judgement: Judgement) -> str:
    statement = f"{judgement.id} {_plain(judgement.statement)}"
    texts = (judgement.source_number, judgement.found, judgement.dependence)
    cells = [statement, *(_plain(text) or "–" for text in texts), f"**{judgement.verdict}**"]
    return f"| {' | '.join(cells)} |"


def _origins(root: Path) -> list[str]:
    """Say of each study's record where it was measured: commits, machines and hours."""
    folder = published_dir(root) / RECORD
    return [_origin(folder / study) for study in recorded(folder)]


def _origin(folder: Path) -> str:
    origins = read_origins(folder)
    commits = dict.fromkeys(commit[:7] for commit in origins.commits)
    texts = []
    if commits:
        texts.append(f"commit{'s' if len(commits) > 1 else ''} {', '.join(commits)}")
    if origins.machines:
        machines = " and on ".join(map(_plain, origins.machines))
        hours = f"{origins.seconds / 3600:.1f} hours " if origins.seconds else ""
        texts.append(f"{hours}on {machines}")
    return f"`{folder.name}`: {', '.join(texts) or 'of unknown origin'}."


def _markers(root: Path) -> tuple[str, str, str]:
    path = root / "README.md"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ReportError(
            f"README.md must hold the lines {BEGIN} and {END} once each, in this order: "
            "the table of verdicts is written between them."
        )
    before, rest = text.split(BEGIN)
    between, after = rest.split(END)
    return before, between, after


def _plain(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
