"""One self-contained HTML file: nbconvert renders the studies' cells, a template frames them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from nbconvert.exporters import TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbformat import NotebookNode

from report.atomic import write_atomically
from report.citations import references
from report.document import (
    TITLE,
    TRIAL,
    Report,
    Row,
    Study,
    read_report,
)
from report.errors import ReportError
from report.figures import inline_svg
from report.markup import Markup, markup_filters, tabular_text
from report.pieces import describe, markdown_pieces
from report.provenance import own_rows, shared_rows
from report.tables import typeset_column

HERE = Path(__file__).parent
FAVICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" '
    'rx="6" fill="#175e8c"/><path d="M4 9c5 0 5 14 10 14s4-8 8-8 3 4 6 4" fill="none" '
    'stroke="#fff" stroke-width="3" stroke-linecap="round"/></svg>'
)
# What makes a browser fetch something: an address that is neither inside the page nor data.
_FETCHED = re.compile(
    r"""<[^>]*?\s(?:src|srcset|poster|data|xlink:href)\s*=\s*["'](?!data:|\#)([^"']+)"""
    r"""|<link\b[^>]*\bhref\s*=\s*["'](?!data:|\#)([^"']+)|url\(["']?(?!data:|["']?\#)([^)"']+)"""
)


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
    page = render_page(report)
    return write_atomically(output, page.encode("utf-8"))


def render_page(report: Report) -> str:
    """The report as the text of an HTML page."""
    markup = Markup("html", shift_headings=1)
    markup.prime(markdown_pieces(report))
    exporter = StudyExporter(markup, report.rows)
    bodies = [(study, exporter.render(study)) for study in report.studies]
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= markup_filters(markup)
    return environment.get_template("page.html.j2").render(
        report=report,
        bodies=bodies,
        description=describe(report),
        trial=TRIAL,
        favicon="data:image/svg+xml," + quote(FAVICON),
        style=(HERE / "style.css").read_text(encoding="utf-8"),
        scripts=[(HERE / name).read_text(encoding="utf-8") for name in _scripts(report)],
        shared=shared_rows(report),
        own=own_rows(report),
        references=references(report.cited, "html"),
    )


def _scripts(report: Report) -> list[str]:
    """The page's scripts; that of surfaces only where there is one."""
    turning = any(
        "surface" in output.get("metadata", {}).get("landscape", {})
        for study in report.studies
        for cell in study.notebook.cells
        for output in cell.get("outputs", [])
    )
    return ["report.js", "surface.js"] if turning else ["report.js"]


class StudyExporter(TemplateExporter):
    """One study's cells as the inside of a section.

    Not nbconvert's ``HTMLExporter``: that one puts its output through an HTML parser that lowers
    the case of ``viewBox`` and ``clipPath``, and its pages load MathJax and require.js.
    """

    file_extension = ".html"
    output_mimetype = "text/html"

    def __init__(self, markup: Markup, rows: Sequence[Row]) -> None:
        self._markup = markup
        self._rows = {row.judgement.id: row for row in rows}
        super().__init__(
            template_name="study_html", extra_template_basedirs=[str(HERE / "templates")]
        )

    def default_filters(self) -> Iterator[tuple[str, Any]]:
        """nbconvert's filters and those of the template."""
        yield from super().default_filters()
        yield from markup_filters(self._markup).items()
        yield "inline_svg", lambda source, anchor, alt: inline_svg(source, anchor=anchor, alt=alt)
        yield "highlight_code", Highlight2HTML(pygments_lexer="ipython3", parent=self)
        yield "table_rows", self._table_rows
        yield "summary", _summary
        yield "script_json", _script_json

    def render(self, study: Study) -> str:
        """The study's cells as HTML.

        Raises:
            ReportError: If a cell or output would make the browser fetch something.
        """
        body, _ = self.from_notebook_node(study.notebook, {"judgements": self._rows})
        if match := _FETCHED.search(body):
            address = next(group for group in match.groups() if group)
            raise ReportError(
                f"Study {study.name} would load {address!r}, but the report is one file that "
                "opens offline. Embed the content or link to it."
            )
        return body

    def _table_rows(self, shown: NotebookNode) -> list[tuple[str, ...]]:
        columns = [
            typeset_column(
                column,
                align=align,
                typeset=lambda cell: self._markup.inline(tabular_text(cell)),
                text=escape,
                hide=lambda text: f'<span class="pad" aria-hidden="true">{escape(text)}</span>',
            )
            for column, align in zip(zip(*shown["rows"], strict=True), shown["align"], strict=True)
        ]
        return list(zip(*columns, strict=True))


def _summary(cell: NotebookNode) -> str:
    """What the fold over a cell says: its kind and its length."""
    tags = cell.metadata.get("tags", [])
    lines = len(cell.source.strip().splitlines())
    kind = {"parameters": "Default parameters", "injected-parameters": "Parameters of this run"}
    name = next((kind[tag] for tag in tags if tag in kind), "Code")
    return f"{name}, {lines} {'line' if lines == 1 else 'lines'}"


def _script_json(data: Any) -> str:
    """Data as JSON that can stand in a script element: no text in it ends the element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")
