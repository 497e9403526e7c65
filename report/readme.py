"""What the README says of the published verdicts: written from their file, never by hand."""

from __future__ import annotations

import re
from pathlib import Path

from report.atomic import write_atomically
from report.errors import ReportError
from report.records import published_dir
from report.verdicts import FILE, NOT_JUDGED, Claim, Highlight, Verdicts, read_verdicts

HEAD = "| Claim of a source | Finding | Verdict |\n|---|---|---|"
# A figure that the README shows: drawn into this folder when the report is published.
FIGURE = re.compile(r"report/published/figures/([\w.-]+)/(fig-[\w.-]+)\.svg")
LONGEST_CELL = 160  # characters
LONGEST = 250  # lines
SCREEN = 40  # lines within which question, answer, figure and commands stand


def blocks(verdicts: Verdicts) -> dict[str, str]:
    """Return what the README says of verdicts: each text by the name of its place.

    ``answer``: the findings, a bullet each; ``figure``: the picture of the first; ``verdicts``: a
    row for each claim of the sources.
    """
    return {
        "answer": "\n".join(map(_bullet, verdicts.highlights)) or "No claim has a verdict yet.",
        "figure": _picture(verdicts),
        "verdicts": _table(verdicts),
    }


def figures(root: Path, verdicts: Verdicts) -> list[tuple[str, str]]:
    """Return the study and the label of each published figure that the README will show.

    Args:
        root: The project's folder.
        verdicts: Those that are being published.

    Raises:
        ReportError: If the README lacks markers.
    """
    return list(dict.fromkeys(FIGURE.findall(_written(root, verdicts))))


def write_blocks(root: Path) -> None:
    """Replace what stands between the README's markers by what the published verdicts say.

    Raises:
        ReportError: If the README lacks markers.
    """
    write_atomically(root / "README.md", _written(root, _published(root)).encode("utf-8"))


def problems(root: Path) -> list[str]:
    """Return what is wrong with the README: nothing, when no verdict is published yet."""
    if _published(root) is None:
        print("no verdicts are published yet, so README.md has no table to check")
        return []
    try:
        written = _written(root, _published(root))
    except ReportError as error:
        return [str(error)]
    text = _text(root)
    said = [*_long(text)]
    if written != text:
        said.append(
            f"README.md: what it says of verdicts is not what report/published/{FILE} says. These "
            "parts are never edited by hand; write them anew: make publish P=--table"
        )
    return said


def _long(text: str) -> list[str]:
    lines = text.splitlines()
    said = []
    if len(lines) > LONGEST:
        said.append(f"README.md has {len(lines)} lines, more than {LONGEST}: move some to docs/")
    for line in lines:
        if line.startswith("| ") and "report/published/figures" not in line:
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
            said += [
                f"README.md: a cell has {len(cell)} characters, more than {LONGEST_CELL}: {cell}"
                for cell in cells
                if len(cell) > LONGEST_CELL
            ]
    return said


def _published(root: Path) -> Verdicts | None:
    path = published_dir(root) / FILE
    return read_verdicts(path) if path.is_file() else None


def _text(root: Path) -> str:
    path = root / "README.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _written(root: Path, verdicts: Verdicts | None) -> str:
    text = _text(root)
    for name, content in blocks(verdicts or Verdicts()).items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
            raise ReportError(
                f"README.md must hold the lines {begin} and {end} once each, in this order: what "
                "the verdicts say is written between them."
            )
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{content}\n{end}{rest.split(end)[1]}"
    return text


def _bullet(highlight: Highlight) -> str:
    claims = f" ({', '.join(highlight.claims)})" if highlight.claims else ""
    said, _, numbers = _plain(highlight.brief or highlight.text).partition(": ")
    if not numbers:
        return f"- **{_plain(highlight.title).rstrip('.')}.** {said}{claims}"
    return f"- **{said}**: {numbers.rstrip('.')}{claims}."


def _picture(verdicts: Verdicts) -> str:
    """Return the figure of the first finding that has one, in markdown."""
    for highlight in verdicts.highlights:
        study, _, label = highlight.figure.partition("/")
        if label:
            place = f"report/published/figures/{study}/{label}.svg"
            return f"![{_plain(highlight.title)}]({place})"
    return ""


def _table(verdicts: Verdicts) -> str:
    judged = sum(claim.verdict != NOT_JUDGED for claim in verdicts.claims)
    count = f"{judged} of the sources' {len(verdicts.claims)} claims have a verdict so far."
    return "\n".join([HEAD, *map(_row, verdicts.claims), "", count])


def _row(claim: Claim) -> str:
    statement = f"{claim.claim} {_plain(claim.statement)}"
    verdict = f"**{claim.verdict}**" + (f", {_plain(claim.condition)}" if claim.condition else "")
    return f"| {statement} | {_plain(claim.finding) or '–'} | {verdict} |"


def _plain(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
