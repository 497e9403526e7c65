"""What a notebook cell shows: figures, tables, verdicts and sentences for the report."""

import html
from collections.abc import Sequence

import IPython.display
from landscape.plots.figure import Bundle, _check_label, maths


class Table:
    """Rows of text with label and caption; numbers align on the decimal point in the report.

    Args:
        columns: Headings; may hold $maths$.
        rows: One sequence of strings a row.
        label: Such as ``tab-curvature``.
        caption: What to see, in markdown.
        align: ``left`` or ``decimal`` for each column; None takes left for the first and decimal
            for the others.

    Raises:
        ValueError: If a row or ``align`` has another length than ``columns``, or the label another
            form.
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
        wrong = [len(row) for row in [*self.rows, self.align] if len(row) != len(self.columns)]
        if wrong:
            raise ValueError(
                f"table {label!r} has {len(self.columns)} columns and a row of {wrong[0]} cells. "
                "Give each row, and align, one entry a column."
            )

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        carried = {
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
        return data, {"landscape": carried}

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
    """Markdown that code wrote: prose whose numbers are computed; λ_max becomes mathematics."""

    def __init__(self, text: str) -> None:
        self.text = maths(text)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        return {"text/markdown": self.text, "text/plain": self.text}, {}


def show(*things: object) -> None:
    """Show several things below one cell."""
    IPython.display.display(*things)
