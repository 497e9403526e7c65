"""One PDF by Typst, from wheels alone: no LaTeX, no browser, no installed fonts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import typst
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from report.atomic import write_atomically
from report.citations import references
from report.document import TITLE, TRIAL, Report, read_report
from report.errors import ReportError
from report.markup import Markup, markup_filters
from report.pieces import describe, markdown_pieces
from report.print_edition import for_print
from report.provenance import own_rows, shared_rows
from report.typst_study import TEMPLATES, TypstExporter, string_literal


def build_pdf(
    profile_dir: Path, studies: Sequence[str], output: Path, *, title: str = TITLE
) -> Path:
    """Write the report of executed studies as one PDF.

    The same notebooks give the same bytes: no date is written into the file.

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
    return write_atomically(output, compile_typst(source, files))


def render_typst(report: Report) -> tuple[str, dict[str, bytes]]:
    """The report as Typst source, and the figures it includes by file name."""
    report = for_print(report)
    markup = Markup("typst")
    markup.prime(markdown_pieces(report))
    exporter = TypstExporter(markup, report.rows)
    bodies, files = [], {}
    for study in report.studies:
        body, figures = exporter.render(study)
        bodies.append((study, body))
        files |= figures
    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined)
    environment.filters |= markup_filters(markup) | {"string_literal": string_literal}
    source = environment.get_template("report.typ.j2").render(
        report=report,
        bodies=bodies,
        description=describe(report),
        trial=TRIAL,
        shared=shared_rows(report),
        own=own_rows(report),
        references=references(report.cited, "typst"),
    )
    return source, files


def compile_typst(source: str, files: dict[str, bytes]) -> bytes:
    """Typst source to PDF, with the fonts of the wheels only.

    Raises:
        ReportError: If Typst rejects the source.
    """
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "main.typ").write_text(source, encoding="utf-8")
        shutil.copy(TEMPLATES / "style.typ", root)
        for name, data in files.items():
            (root / name).write_bytes(data)
        try:
            return typst.compile(
                root / "main.typ", root=root, font_paths=[fonts], ignore_system_fonts=True
            )
        except typst.TypstError as error:
            where = getattr(error, "diagnostic", None) or error
            raise ReportError(f"Typst cannot typeset the report: {where}") from error
