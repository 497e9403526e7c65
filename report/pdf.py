"""One PDF by Typst, from wheels alone: no LaTeX, no browser, no installed fonts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from report.atomic import write_atomically
from report.chapters import planned
from report.citations import references
from report.claim_table import claim_rows
from report.document import TITLE, TRIAL, read_report
from report.markup import Markup, markup_filters, plain_to_markdown
from report.opening import opening_of
from report.page_fill import problems
from report.parts import Appendix, Report, Study
from report.pieces import markdown_pieces
from report.print_edition import for_print
from report.provenance import brief_rows
from report.symbols import typst_symbols_alike
from report.typesetting import TEMPLATES, compile_typst
from report.typst_study import TypstExporter, heading_pieces, string_literal


def build_pdf(
    profile_dir: Path, studies: Sequence[str], output: Path, *, title: str = TITLE
) -> Path:
    """Write the report of executed studies as one PDF.

    The same notebooks give the same bytes: the file's date is that of the release.

    Args:
        profile_dir: Folder with the executed notebooks, as ``read_report`` takes it.
        studies: Names in reading order.
        output: File to write; replaced only when the whole document is made.
        title: Title of the document.

    Returns:
        ``output``.

    Raises:
        ReportError: If a study is not fit for a report, or Typst cannot typeset it.
    """
    report = read_report(profile_dir, studies, title=title)
    source, files = render_typst(report)
    for problem in (
        problems(source, files) if report.evidence and not report.of_reader else ()
    ):  # others have any length
        print(f"note: {problem}")
    released = datetime.fromisoformat(f"{report.front.released}T00:00:00+00:00")
    return write_atomically(output, compile_typst(source, files, released))


def render_typst(report: Report) -> tuple[str, dict[str, bytes]]:
    """The report as Typst source, and the figures it includes by file name."""
    report = for_print(report)
    opening, claims = opening_of(report), claim_rows(report)
    markup = Markup("typst")
    front = report.front
    byline = (
        f"landscape {front.version}"
        if report.of_reader
        else f"{front.authors} · {front.released} · version {front.version}"
    )
    sources = {source.id: source.title for source in report.verdicts.sources}
    headings = (heading_pieces(part.notebook) for part in report.documents)
    plain = map(plain_to_markdown, (byline, *sources.values()))
    pieces = (markdown_pieces(report), *headings, plain, opening.pieces)
    markup.prime(chain(*pieces, *(row.pieces for row in claims)))
    exporter = TypstExporter(markup, report.rows)
    files: dict[str, bytes] = {}

    def body(part: Study | Appendix, key: str) -> str:
        text, figures = exporter.render(part.notebook, key)
        files.update(figures)
        return text

    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined)
    environment.filters |= markup_filters(markup) | {"string_literal": string_literal}
    source = environment.get_template("report.typ.j2").render(
        report=report,
        bodies={study.name: body(study, study.target.anchor) for study in report.studies},
        appendix=[(part, body(part, f"{part.target.anchor}-appendix")) for part in report.appendix],
        byline=byline,
        sources=sources,
        opening=opening,
        claims=claims,
        tally=report.verdicts.claim_tally,
        planned=""
        if report.of_reader or not report.evidence
        else planned(chapter.number for chapter in report.chapters),
        trial=TRIAL,
        origin=brief_rows(report),
        references=references(report.cited, "typst"),
    )
    return typst_symbols_alike(source), files
