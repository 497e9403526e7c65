"""One PDF by Typst, from wheels alone: no LaTeX, no browser, no installed fonts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import matplotlib
import typst
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from nbformat import NotebookNode

from report.atomic import write_atomically
from report.citations import references
from report.document import TITLE, TRIAL, Appendix, Report, Study, read_report
from report.errors import ReportError
from report.layout import outputs, shown_of
from report.markup import Markup, markup_filters
from report.pieces import describe, markdown_pieces
from report.print_edition import for_print
from report.provenance import brief_rows
from report.references import NAMES
from report.typst_study import TEMPLATES, TypstExporter, string_literal


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
    released = datetime.fromisoformat(f"{report.front.released}T00:00:00+00:00")
    return write_atomically(output, compile_typst(source, files, released))


def render_typst(report: Report) -> tuple[str, dict[str, bytes]]:
    """The report as Typst source, and the figures it includes by file name."""
    report = for_print(report)
    markup = Markup("typst")
    markup.prime(markdown_pieces(report))
    exporter = TypstExporter(markup, report.rows)
    files: dict[str, bytes] = {}

    def body(part: Study | Appendix, key: str) -> str:
        text, figures = exporter.render(part.notebook, key)
        files.update(figures)
        return text

    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined)
    environment.filters |= markup_filters(markup) | {"string_literal": string_literal}
    front = report.front
    source = environment.get_template("report.typ.j2").render(
        report=report,
        bodies={study.name: body(study, study.target.anchor) for study in report.studies},
        appendix=[(part, body(part, f"{part.target.anchor}-appendix")) for part in report.appendix],
        byline=f"{front.authors} · {front.released} · version {front.version}",
        things={name: shown for study in report.studies for name, shown in _things(study)},
        description=describe(report),
        trial=TRIAL,
        origin=brief_rows(report),
        references=references(report.cited, "typst"),
    )
    return source, files


def _things(study: Study) -> Iterator[tuple[str, NotebookNode]]:
    """Yield each figure and table of a study by its label, such as ``01_bn/fig-sharpness``."""
    for _, output in outputs(study.notebook):
        shown = shown_of(output)
        if shown.get("kind") in NAMES:
            yield f"{study.name}/{shown.label}", shown


def compile_typst(source: str, files: Mapping[str, bytes], dated: datetime) -> bytes:
    """Typst source to PDF, with the fonts of the wheels only.

    Args:
        source: The document.
        files: The figures that it includes, by name.
        dated: The date in the file. The clock's would make each file another one, and the wheel
            reads no environment variable for it.

    Raises:
        ReportError: If Typst rejects the source.
    """
    with sources_on_disk(source, files) as root:
        return _compiled(root, format="pdf", timestamp=int(dated.timestamp()))


def page_images(source: str, files: Mapping[str, bytes], *, ppi: float) -> list[bytes]:
    """Return each page as a PNG.

    Args:
        source: The document.
        files: The figures that it includes, by name.
        ppi: Pixels per inch.

    Raises:
        ReportError: If Typst rejects the source.
    """
    with sources_on_disk(source, files) as root:
        pages = _compiled(root, format="png", ppi=ppi)
    return pages if isinstance(pages, list) else [pages]


@contextmanager
def sources_on_disk(source: str, files: Mapping[str, bytes]) -> Iterator[Path]:
    """Write a document and all that it includes into a folder that lives as long as the block."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "main.typ").write_text(source, encoding="utf-8")
        for style in TEMPLATES.glob("*.typ"):
            shutil.copy(style, root)
        for name, data in files.items():
            (root / name).write_bytes(data)
        yield root


def _compiled(root: Path, **options: Any) -> Any:
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    try:
        return typst.compile(
            root / "main.typ", root=root, font_paths=[fonts], ignore_system_fonts=True, **options
        )
    except typst.TypstError as error:
        where = getattr(error, "diagnostic", None) or error
        raise ReportError(f"Typst cannot typeset the report: {where}") from error
