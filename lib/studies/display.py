"""Tables and sentences that a notebook cell shows, with what the report needs of them."""

import html
from collections.abc import Sequence

import IPython.display
from landscape.plots.figure import Bundle, _check_label, maths


class Table:
    """Rows of text with label and caption; in the report, numbers align on the decimal point.

    Args:
        columns: Headings; may hold $maths$.
        rows: One sequence of strings for each row.
        label: Such as ``tab-curvature``; the report refers to the table by it.
        caption: What to see, in markdown.
        align: ``left`` or ``decimal`` for each column; None takes left for the first column and
            decimal for the others.

    Raises:
        ValueError: If a row or ``align`` has another length than ``columns``, ``align`` holds
            another word, or the label does not begin with ``tab-``.
    """

    def __init__(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        label: str,
        caption: str,
        align: Sequence[str] | None = None,
    ) -> None:
        _check_label("table", "tab", label)
        self.columns, self.label, self.caption = list(columns), label, maths(caption)
        self.rows = [[str(cell) for cell in row] for row in rows]
        self.align = list(align or ["left"] + ["decimal"] * (len(self.columns) - 1))
        unknown = sorted(set(self.align) - {"left", "decimal"})
        if unknown:
            raise ValueError(
                f"table {label!r} aligns a column {unknown[0]!r}. Use 'left' or 'decimal'."
            )
        lengths = [len(row) for row in [*self.rows, self.align] if len(row) != len(self.columns)]
        if lengths:
            raise ValueError(
                f"table {label!r} has {len(self.columns)} columns and a row of {lengths[0]} cells. "
                "Give each row, and align, one entry a column."
            )

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        metadata = {
            "kind": "table",
            "label": self.label,
            "caption": self.caption,
            "columns": self.columns,
            "rows": self.rows,
            "align": self.align,
        }
        data = {
            "text/html": self._html(),
            "text/markdown": self._markdown(),
            "text/plain": "\n".join("  ".join(row) for row in [self.columns, *self.rows]),
        }
        return data, {"landscape": metadata}

    def _html(self) -> str:
        def row(cells: Sequence[str], tag: str) -> str:
            return "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)

        body = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in self.rows)
        return (
            f"<table><caption>{html.escape(self.caption)}</caption>"
            f"<thead><tr>{row(self.columns, 'th')}</tr></thead><tbody>{body}</tbody></table>"
        )

    def _markdown(self) -> str:
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return "\n".join(
            "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in line) + " |"
            for line in lines
        )


class Sentence:
    """Prose in markdown whose numbers are computed; λ_max becomes mathematics.

    Args:
        text: The markdown.
    """

    def __init__(self, text: str) -> None:
        self.text = maths(text)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        return {"text/markdown": self.text, "text/plain": self.text}, {}


def show(*things: object) -> None:
    """Show several tables, figures, verdicts and sentences below one cell, in this order."""
    IPython.display.display(*things)
