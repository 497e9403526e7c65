"""One self-contained HTML file: nbconvert renders the studies' cells, a template frames them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from report.atomic import write_atomically
from report.citations import references
from report.claim_table import claim_rows
from report.document import TITLE, TRIAL, read_report
from report.figure_sheet import FigureSheet
from report.layout import outputs, shown_of
from report.markup import Markup, markup_filters
from report.opening import opening_of
from report.parts import Report
from report.pieces import describe, markdown_pieces
from report.provenance import own_rows, shared_rows
from report.records import RECORD
from report.study_page import StudyExporter, expected_height, first_sentence
from report.symbols import symbols_alike

HERE = Path(__file__).parent
FAVICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" '
    'rx="6" fill="#175e8c"/><path d="M4 9c5 0 5 14 10 14s4-8 8-8 3 4 6 4" fill="none" '
    'stroke="#fff" stroke-width="3" stroke-linecap="round"/></svg>'
)
STYLES = ("base", "frame", "figures", "claims", "code", "narrow", "panels", "interactive", "print")
SCRIPTS = ("claims", "folds", "contents", "search")
# What a figure carries in its metadata -> the scripts that read it.
FIGURES = {"surface": ("surface_view", "surface"), "curves": ("hover",)}


def build_html(
    profile_dir: Path, studies: Sequence[str], output: Path, *, title: str = TITLE
) -> Path:
    """Write the report of executed studies as one HTML file that needs nothing else.

    Args:
        profile_dir: Folder with the executed notebooks, as ``read_report`` takes it.
        studies: Names in reading order.
        output: File to write; replaced only when the whole page is made.
        title: Title of the page.

    Returns:
        ``output``.

    Raises:
        ReportError: If a study is not fit for a report, or the page would fetch something.
    """
    report = read_report(profile_dir, studies, title=title)
    page = render_page(report, records=record_files(profile_dir, studies))
    return write_atomically(output, page.encode("utf-8"))


def record_files(profile_dir: Path, studies: Sequence[str]) -> dict[str, list[str]]:
    """Return the files of each study's record, as paths beside the page; none where it has none."""
    folders = {name: profile_dir / RECORD / name for name in studies}
    return {
        name: [f"{RECORD}/{name}/{path.name}" for path in sorted(folder.glob("*.csv"))]
        for name, folder in folders.items()
    }


def render_page(report: Report, records: Mapping[str, Sequence[str]] = MappingProxyType({})) -> str:
    """The report as the text of an HTML page.

    Args:
        report: The report.
        records: Study -> addresses of the files that hold what it measured.
    """
    opening, claims = opening_of(report), claim_rows(report)
    markup = Markup("html", shift_headings=1)
    pieces = (markdown_pieces(report), _first_sentences(report), opening.pieces)
    markup.prime(chain(*pieces, *(row.pieces for row in claims)))
    sheet = FigureSheet()
    exporter = StudyExporter(markup, sheet, claims)
    pictures = {row.id: exporter.drawing(row.picture) for row in claims if row.picture}
    strongest = exporter.strongest(opening.strongest) if opening.strongest else None
    bodies = {study.name: exporter.render(study.notebook, study.name) for study in report.studies}
    appendix = [(part, exporter.render(part.notebook, part.name)) for part in report.appendix]
    page = _template(markup).render(
        report=report,
        opening=opening,
        strongest=strongest,
        claims=claims,
        pictures=pictures,
        tally=report.verdicts.claim_tally,
        judging={name for row in claims for name in row.studies},
        bodies=bodies,
        heights={study.name: expected_height(study.notebook) for study in report.studies},
        appendix=appendix,
        records=records,
        description=describe(report),
        trial=TRIAL,
        favicon="data:image/svg+xml," + quote(FAVICON),
        style="\n".join([*(_part("styles", f"{name}.css") for name in STYLES), sheet.style]),
        theme=_part("scripts", "theme.js"),
        scripts=_scripts(report),
        glyphs=sheet.glyphs,
        shared=shared_rows(report),
        own=own_rows(report),
        references=references(report.cited, "html"),
    )
    return symbols_alike(page)


def _first_sentences(report: Report) -> Iterator[str]:
    """What folds and the opening say of captions."""
    for part in report.documents:
        for _, output in outputs(part.notebook):
            if "caption" in (shown := shown_of(output)):
                yield first_sentence(shown["caption"])


def _template(markup: Markup) -> Template:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= markup_filters(markup)
    return environment.get_template("page.html.j2")


def _part(*path: str) -> str:
    return HERE.joinpath(*path).read_text(encoding="utf-8").strip()


def _scripts(report: Report) -> list[str]:
    """The page's scripts; those of surfaces and curves only where there is one."""
    carried = {
        name
        for study in report.studies
        for _, output in outputs(study.notebook)
        for name in shown_of(output)
    }
    reading = chain.from_iterable(FIGURES[name] for name in FIGURES if name in carried)
    return [_part("scripts", f"{name}.js") for name in (*SCRIPTS, *reading)]
