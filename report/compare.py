"""Whether what is published is what this tree makes of the published record."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import cast

from report.errors import ReportError
from report.page import Block, blocks
from report.records import RECORD, published_dir
from report.settings import VERDICTS, Settings
from report.verdicts import FILE

# In points: coordinates stand in the page to a hundredth, and a last digit may round either way.
SVG_TOLERANCE = 0.02
SURFACE_TOLERANCE = 1e-6  # of each number
MOST = 40  # lines to print
# Where folders lie, in the cell of parameters, is no part of what was found.
_FOLDERS = re.compile(r'\b(data_dir|build_dir) = "[^"]*"')
# A rule is published in the very commit that it names.
_COMMIT = re.compile(r'"commit": *"[^"]*"')
_PAGES = re.compile(rb"/Type\s*/Page\b")


def compare(settings: Settings) -> None:
    """Compare ``report/published`` with the report of the profile ``published``.

    Records and verdicts are compared byte for byte; of the page texts, tables and verdicts exactly
    and the numbers in figures within a tolerance; of the PDF the number of pages.

    Args:
        settings: A request of the profile ``published``, whose report is made.

    Raises:
        ReportError: If something differs, one line each; or if the report was not made.
    """
    made, published = settings.profile_dir, published_dir(settings.root)
    for folder, advice in ((made, "make report PROFILE=published"), (published, "make publish")):
        if not (folder / "report.html").is_file():
            raise ReportError(
                f"{settings.shown(folder / 'report.html')} is missing. Make it: {advice}"
            )
    said = [
        *record_differences(published / RECORD, made / RECORD),
        *file_differences(published / FILE, made / "results" / VERDICTS / FILE),
        *page_differences(_text(published / "report.html"), _text(made / "report.html")),
        *_pdf_differences(published / "report.pdf", made / "report.pdf"),
    ]
    if said:
        more = [f"and {len(said) - MOST} more differences"] if len(said) > MOST else []
        raise ReportError(
            "\n".join(
                [
                    "report/published is not what this tree makes of its record:",
                    *said[:MOST],
                    *more,
                    "If the change is meant, put it there: make publish P=--report",
                ]
            )
        )
    print("report/published is what this tree makes of its record")


def record_differences(published: Path, made: Path) -> list[str]:
    """Return a line for each file of two folders of records that differs, byte for byte.

    Hidden files, such as the locks of running studies, are no part of a record.
    """
    names = sorted(
        {
            path.relative_to(folder).as_posix()
            for folder in (published, made)
            for path in folder.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        }
    )
    return [line for name in names for line in file_differences(published / name, made / name)]


def file_differences(published: Path, made: Path) -> list[str]:
    """Return a line that says how a file differs; nothing if both are the same or absent."""
    name = f"{made.parent.name}/{made.name}"
    if not published.is_file() and not made.is_file():
        return []
    for path, where in ((published, "published"), (made, "made")):
        if not path.is_file():
            return [f"{name}: not {where}"]
    if published.read_bytes() == made.read_bytes():
        return []
    if made.suffix not in (".csv", ".json"):
        return [f"{name}: other bytes"]
    texts = [_text(path) for path in (published, made)]
    if made.name == FILE:
        texts = [_COMMIT.sub("", text) for text in texts]
        if texts[0] == texts[1]:
            return []
    pairs = list(zip_longest(*(text.splitlines() for text in texts)))
    differing = [number for number, (one, other) in enumerate(pairs, start=1) if one != other]
    if not differing:
        return [f"{name}: other ends of lines"]
    before, after = pairs[differing[0] - 1]
    header = texts[0].partition("\n")[0] if made.suffix == ".csv" else ""
    count = f" and {len(differing) - 1} more lines" if len(differing) > 1 else ""
    return [f"{name}, line {differing[0]}: {_change(header, before, after)}{count}"]


def page_differences(published: str, made: str) -> list[str]:
    """Return a line for each place of a page whose texts or figures differ."""
    before, after = _by_place(published), _by_place(made)
    lines = []
    for place in dict.fromkeys([*before, *after]):
        name = f"report.html, {place or 'top'}"
        if place not in after or place not in before:
            lines.append(f"{name}: not {'made' if place in before else 'published'}")
            continue
        for one, other in zip_longest(before[place], after[place]):
            difference = _block_difference(one, other)
            if difference:
                lines.append(f"{name}: {difference}")
                break
    return lines


def _by_place(page: str) -> dict[str, list[Block]]:
    places: dict[str, list[Block]] = {}
    for block in blocks(page):
        places.setdefault(block.place, []).append(block)
    return places


def _block_difference(one: Block | None, other: Block | None) -> str | None:
    if one is None or other is None:
        single = cast(Block, one or other)  # One of two lists was longer.
        missing = "made" if other is None else "published"
        return f"{single.kind} {_short(single.text)}: not {missing}"
    if one.kind != other.kind:
        return f"{one.kind} is published, {other.kind} is made"
    if one.kind in ("svg", "surface"):
        return _figure_difference(one, other)
    texts = [_FOLDERS.sub(r"\1", block.text) for block in (one, other)]
    if texts[0] == texts[1]:
        return None
    return f"{one.kind}: {_change('', *texts)}"


def _figure_difference(one: Block, other: Block) -> str | None:
    if one.text != other.text or len(one.numbers) != len(other.numbers):
        return "the figure has other shapes"
    far = [
        (a, b) for a, b in zip(one.numbers, other.numbers, strict=True) if not _near(one.kind, a, b)
    ]
    if not far:
        return None
    a, b = max(far, key=lambda pair: abs(pair[0] - pair[1]))
    return f"the figure has {len(far)} other numbers, such as {b:g} instead of {a:g}"


def _near(kind: str, a: float, b: float) -> bool:
    if kind == "svg":
        return a == b or abs(a - b) <= SVG_TOLERANCE
    return math.isclose(a, b, rel_tol=SURFACE_TOLERANCE)


def _pdf_differences(published: Path, made: Path) -> Iterator[str]:
    counts = []
    for path, where in ((published, "published"), (made, "made")):
        if not path.is_file():
            yield f"report.pdf: not {where}"
            return
        counts.append(len(_PAGES.findall(path.read_bytes())))
    if counts[0] != counts[1]:
        yield f"report.pdf: {counts[0]} pages are published, {counts[1]} are made"


def _change(header: str, before: str | None, after: str | None) -> str:
    """Say what changed; of a row of a table the first cell that differs, with its column."""
    if before is None or after is None:
        return f"{_short(before or after or '')}: not {'published' if before is None else 'made'}"
    if header:
        columns, old, new = (next(csv.reader([line]), []) for line in (header, before, after))
        if len(columns) == len(old) == len(new) and old[:1] == new[:1]:
            column, one, other = next(
                triple for triple in zip(columns, old, new, strict=True) if triple[1] != triple[2]
            )
            return f"{old[0]}, {column}: {_short(one)} is published, {_short(other)} is made"
    start = next(
        (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b),
        min(len(before), len(after)),
    )
    start = max(start - 20, 0)
    return f"{_short(before, start)} is published, {_short(after, start)} is made"


def _short(text: str, start: int = 0, most: int = 60) -> str:
    piece = text[start : start + most].strip()
    opening, ending = "…" if start else "", "…" if start + most < len(text) else ""
    return f"“{opening}{piece}{ending}”"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
