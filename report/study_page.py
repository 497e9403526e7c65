"""One study's cells as the inside of a section of the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from nbconvert.exporters import TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbformat import NotebookNode, v4

from report.claim_table import ClaimRow, Picture
from report.errors import ReportError
from report.figure_sheet import FigureSheet
from report.figures import inline_svg
from report.layout import outputs, place_of, shown_of
from report.markup import Markup, markup_filters, tabular_text
from report.tables import typeset_column

HERE = Path(__file__).parent
# What makes a browser fetch something: an address that is neither inside the page nor data.
_FETCHED = re.compile(
    r"""<[^>]*?\s(?:src|srcset|poster|data|xlink:href)\s*=\s*["'](?!data:|\#)([^"']+)"""
    r"""|<link\b[^>]*\bhref\s*=\s*["'](?!data:|\#)([^"']+)|url\(["']?(?!data:|["']?\#)([^)"']+)"""
)
_HEADING = re.compile(
    r"<h(?P<level>[2-6])(?P<attributes>(?:\s[^>]*?)?\sid=\"(?P<id>[^\"]+)\"[^>]*)>"
    r"(?P<title>.*?)</h(?P=level)>",
    re.DOTALL,
)
_SENTENCE = re.compile(r"(.+?[.!?])(?:\s+(?=[A-Z*$(\[])|$)", re.DOTALL)
_INDEX = re.compile(r"(?<=[α-ωΑ-Ω])_(\w+)")
_TAGGED = {
    "parameters": "Default parameters",
    "injected-parameters": "Parameters of this run",
}


class StudyExporter(TemplateExporter):
    """One study's cells as the inside of a section.

    Not nbconvert's ``HTMLExporter``: that one puts its output through an HTML parser that lowers
    the case of ``viewBox`` and ``clipPath``, and its pages load MathJax and require.js.
    """

    file_extension = ".html"
    output_mimetype = "text/html"

    def __init__(self, markup: Markup, sheet: FigureSheet, claims: Sequence[ClaimRow] = ()) -> None:
        self._markup, self._sheet = markup, sheet
        self._claims = {row.id: row for row in claims}
        self._parts = {part.judgement.id: part for row in claims for part in row.parts}
        super().__init__(
            template_name="study_html", extra_template_basedirs=[str(HERE / "templates")]
        )

    def default_filters(self) -> Iterator[tuple[str, Any]]:
        """nbconvert's filters and those of the template."""
        yield from super().default_filters()
        yield from markup_filters(self._markup).items()
        yield "inline_svg", self._picture
        yield "highlight_code", Highlight2HTML(pygments_lexer="ipython3", parent=self)
        yield "table_rows", self._table_rows
        yield "summary", summary
        yield "subscripts", lambda text: _INDEX.sub(r"<sub>\1</sub>", str(text))
        yield "first_sentence", first_sentence
        yield "script_json", script_json

    def render(self, notebook: NotebookNode, name: str) -> str:
        """A notebook's cells as HTML, each heading with a link to itself.

        Args:
            notebook: The notebook, its references resolved.
            name: Its study, for messages.

        Raises:
            ReportError: If a cell or output would make the browser fetch something.
        """
        body, _ = self.from_notebook_node(
            notebook, {"judgements": self._parts, "claims": self._claims}
        )
        if match := _FETCHED.search(body):
            address = next(group for group in match.groups() if group)
            raise ReportError(
                f"Study {name} would load {address!r}, but the report is one file that "
                "opens offline. Embed the content or link to it."
            )
        return linked_headings(body)

    def drawing(self, picture: Picture) -> str:
        """A forest plot of a claim as SVG for the page."""
        return self._picture(picture.svg, picture.label, picture.alt)

    def strongest(self, output: NotebookNode) -> dict[str, str]:
        """A figure once more, for the opening: ``svg``, ``anchor``, ``name`` and ``caption``."""
        shown = shown_of(output)
        anchor, panels = f"{shown.anchor}-first", shown.get("panels")
        svg = self._picture(output.data["image/svg+xml"], anchor, shown.alt, panels)
        caption = first_sentence(shown.caption)
        return {"svg": svg, "anchor": shown.anchor, "name": shown.name, "caption": caption}

    def _picture(self, source: str, anchor: str, alt: str, panels: Any = None) -> str:
        return self._sheet.shorten(inline_svg(source, anchor=anchor, alt=alt, panels=panels))

    def _table_rows(self, shown: NotebookNode) -> list[tuple[str, ...]]:
        columns = [
            typeset_column(
                column,
                align=align,
                typeset=lambda cell: self._markup.inline(tabular_text(cell)),
                text=escape,
                hide=lambda text: f'<span class="pad" aria-hidden="true">{escape(text)}</span>',
                strong=lambda markup: f"<strong>{markup}</strong>",
            )
            for column, align in zip(zip(*shown["rows"], strict=True), shown["align"], strict=True)
        ]
        return list(zip(*columns, strict=True))


def expected_height(notebook: NotebookNode) -> int:
    """A guess at how tall a study is in the page, in pixels.

    A browser that has not laid a study out yet takes the guess: its scroll bar then hardly jumps.
    """
    height = 0
    for cell in notebook.cells:
        height += 40 + len(cell.source) // 3 if cell.cell_type == "markdown" else 36
        for _, output in outputs(v4.new_notebook(cells=[cell])):
            shown = shown_of(output)
            if place_of(output) != "body":
                height += 40
            elif shown.get("kind") == "figure":
                height += 520
            else:
                height += 90 + 34 * len(shown.get("rows", ()))
    return height


def linked_headings(body: str) -> str:
    """Give each heading that has an id a link to itself, shown where a reader points at it.

    Args:
        body: HTML.
    """

    def linked(match: re.Match[str]) -> str:
        # Its sign is written by the style: no one wants it in copied text.
        link = f'<a class="permalink" href="#{match["id"]}" aria-label="Link to this heading"></a>'
        tag = f"h{match['level']}"
        return f"<{tag}{match['attributes']}>{match['title']} {link}</{tag}>"

    return _HEADING.sub(linked, body)


def first_sentence(text: str) -> str:
    """Return the first sentence of a markdown text; all of it where none ends."""
    match = _SENTENCE.match(text.strip())
    return match[1] if match else text.strip()


def summary(cell: NotebookNode) -> str:
    """What the fold over a cell says: what its code does, and its length."""
    title = cell.metadata.get("title", "").strip()
    name = next((_TAGGED[tag] for tag in cell.metadata.get("tags", []) if tag in _TAGGED), "Code")
    if title and name == "Code":
        # A symbol or an acronym keeps its capitals.
        lower = title[:1].lower() if title[1:2].islower() or title[1:2] == " " else title[:1]
        name = f"Code: {lower}{title[1:]}"
    lines = len(cell.source.strip().splitlines())
    return f"{name} ({lines} {'line' if lines == 1 else 'lines'})"


def script_json(data: Any) -> str:
    """Data as JSON that can stand in a script element: no text in it ends the element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")
