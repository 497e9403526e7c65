"""One study as Typst: nbconvert makes markdown of its cells, pandoc makes Typst of the markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from nbconvert.exporters import TemplateExporter
from nbformat import NotebookNode
from traitlets.config import Config

from report.figures import standalone_svg
from report.layout import outputs, shown_of
from report.markup import Markup, tabular_text
from report.parts import Row
from report.tables import typeset_column
from report.typesetting import TEMPLATES

# A column of text wider than this gets a share of the page's width and wraps.
WRAPPED = 30
PAGE = 95  # letters in a line of a table
LEAST = 15  # letters that a column of wrapped text needs
ALIGNMENTS = {"decimal": "right", "right": "right", "center": "center", "left": "left"}
# What a study shows stands before what it concludes.
_DISCUSSION = re.compile(r"\s*#+ Discussion\b")


class TypstExporter(TemplateExporter):
    """A study's cells as markdown in which figures, tables and verdicts are raw Typst."""

    file_extension = ".md"
    output_mimetype = "text/markdown"

    def __init__(self, markup: Markup, rows: Sequence[Row]) -> None:
        self._markup = markup
        self._rows = {row.judgement.id: row for row in rows}
        # Figures go to files beside the Typst source, in the figure's own format.
        config = Config(
            {
                "ExtractOutputPreprocessor": {
                    "enabled": True,
                    "extract_output_types": {"image/svg+xml", "image/png"},
                }
            }
        )
        super().__init__(
            config=config,
            template_name="study_typst",
            extra_template_basedirs=[str(TEMPLATES)],
        )

    def default_filters(self) -> Iterator[tuple[str, Any]]:
        """nbconvert's filters and those of the template."""
        yield from super().default_filters()
        yield "opens_discussion", lambda text: bool(_DISCUSSION.match(text))
        yield "figure", self._figure
        yield "table", self._table
        yield "verdict", self._verdict
        yield "findings", self._findings
        yield "plain", lambda text: f"#raw(block: true, {string_literal(text)})"

    def render(self, notebook: NotebookNode, key: str) -> tuple[str, dict[str, bytes]]:
        """The notebook as Typst, and the files it includes by name.

        Args:
            notebook: A study, or what it leaves to the appendix.
            key: What the names of its files begin with; unique in the document.
        """
        resources: dict[str, Any] = {"judgements": self._rows, "unique_key": key}
        markdown, resources = self.from_notebook_node(notebook, resources)
        files = {
            name: standalone_svg(data.decode()) if name.endswith(".svg") else data
            for name, data in resources["outputs"].items()
        }
        return self._markup(markdown), files

    def _figure(self, output: NotebookNode, shown: NotebookNode) -> str:
        filenames = output.metadata.filenames
        path = filenames.get("image/svg+xml") or filenames["image/png"]
        alt = string_literal(" ".join(shown.alt.split()))
        return (
            f"#report-figure({string_literal(path)}, alt: {alt}, "
            f"name: {string_literal(shown.name)}, caption: [{self._markup(shown.caption)}]) "
            f"<{shown.anchor}>"
        )

    def _table(self, output: NotebookNode, shown: NotebookNode) -> str:
        head = f"name: {string_literal(shown.name)}, caption: [{self._markup(shown.caption)}]"
        if "columns" not in shown:
            body = self._markup(output.data["text/markdown"])
            return f"#plain-table({head})[{body}] <{shown.anchor}>"
        columns = list(zip(*shown.rows, strict=True))
        cells = [
            typeset_column(
                column,
                align=align,
                typeset=self._cell,
                text=lambda text: f"#{string_literal(text)}",
                hide=lambda text: f"#hide({string_literal(text)})",
                strong=lambda markup: f"#strong[{markup}]",
            )
            for column, align in zip(columns, shown.align, strict=True)
        ]
        header = [" \\ ".join(map(self._cell, lines)) for lines in _headings(shown)]
        rows = [", ".join(f"[{cell}]" for cell in row) for row in zip(*cells, strict=True)]
        return (
            f"#report-table({head},\n  columns: {column_widths(shown)},\n"
            f"  aligns: ({''.join(f'{ALIGNMENTS[align]}, ' for align in shown.align)}),\n"
            f"  header: ({''.join(f'[{lines}], ' for lines in header)}),\n"
            f"  rows: ({''.join(f'({row},), ' for row in rows)})) <{shown.anchor}>"
        )

    def _findings(self, shown: NotebookNode) -> str:
        sentences = "".join(f"[{self._markup(sentence)}], " for sentence in shown.sentences)
        return f"#report-findings(({sentences}))"

    def _cell(self, text: str) -> str:
        return self._markup(tabular_text(text))

    def _verdict(self, row: Row, anchor: str) -> str:
        facts = "".join(
            f"({string_literal(name)}, [{self._markup(text)}]), " for name, text in row.facts
        )
        return (
            f"#report-verdict((id: {string_literal(row.judgement.id)}, "
            f"verdict: {string_literal(row.judgement.verdict)}, "
            f"finding: [{self._markup(row.found)}], facts: ({facts}))) <{anchor}>"
        )


def heading_pieces(notebook: NotebookNode) -> Iterator[str]:
    """The lines of the headings of a notebook's tables, which are typeset one by one."""
    for _, output in outputs(notebook):
        if "columns" in (shown := shown_of(output)):
            yield from map(tabular_text, chain.from_iterable(_headings(shown)))


def string_literal(text: str) -> str:
    """The text as a Typst string, whatever characters it holds."""
    # JSON escapes quotes, backslashes and line ends as Typst does, and the rest stays Unicode.
    return json.dumps(text, ensure_ascii=False)


def _visible(text: str) -> int:
    """About how many letters the cell takes on the page: no link targets, TeX names or marks."""
    text = re.sub(r"\]\(#[^)]*\)", "", text)
    return len(re.sub(r"[$\\{}_^*`\[]", "", re.sub(r"\\[A-Za-z]+", "x", text)))


def _lengths(shown: NotebookNode) -> list[int]:
    """The longest cell of each column."""
    return [max(map(_visible, column)) for column in zip(*shown.rows, strict=True)]


def column_widths(shown: NotebookNode) -> str:
    """Columns as wide as their content, but long texts share what is left and wrap.

    The longer text gets more, by the root: a column six times as long is 2.4 times as wide. Where
    little is left, shorter texts wrap too; where numbers leave next to nothing, wrapped texts get
    a fifth of the page each, three fifths at most, and numbers wrap.

    Args:
        shown: The table, with ``rows`` and ``align``.
    """
    lengths = _lengths(shown)
    wraps, left = _wrapped(lengths, shown.align)
    share = f"{min(20, 60 // max(sum(wraps), 1))}%" if left < LEAST else ""
    widths = [
        (share or f"{(length / WRAPPED) ** 0.5:.2f}fr") if wrap else "auto"
        for length, wrap in zip(lengths, wraps, strict=True)
    ]
    return f"({''.join(f'{width}, ' for width in widths)})"


def _wrapped(lengths: Sequence[int], align: Sequence[str]) -> tuple[list[bool], int]:
    """Return which columns wrap, and how many letters the others leave to them."""
    longest = WRAPPED
    while True:
        wraps = [
            how == "left" and length > longest for length, how in zip(lengths, align, strict=True)
        ]
        whole = [length for length, wrap in zip(lengths, wraps, strict=True) if not wrap]
        left = PAGE - sum(length + 3 for length in whole)
        texts = [
            length
            for length, how in zip(lengths, align, strict=True)
            if how == "left" and LEAST < length <= longest
        ]
        if not any(wraps) or not texts or left >= LEAST * sum(wraps):
            return wraps, left
        longest = max(texts) - 1


def _headings(shown: NotebookNode) -> list[list[str]]:
    """The lines of each column's heading: broken at spaces where the table would be too wide."""
    lengths = _lengths(shown)
    widths = [max(pair) for pair in zip(map(_visible, shown.columns), lengths, strict=True)]
    if sum(widths) + 3 * len(widths) <= PAGE:
        return [[heading] for heading in shown.columns]
    return [_lines(heading, length) for heading, length in zip(shown.columns, lengths, strict=True)]


def _lines(heading: str, length: int) -> list[str]:
    lines: list[str] = []
    # Maths keeps its spaces.
    for word in re.findall(r"(?:\$[^$]*\$|\S)+", heading):
        if lines and _visible(f"{lines[-1]} {word}") <= max(length, 9):
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
