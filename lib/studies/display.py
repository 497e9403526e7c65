"""Tables and sentences that a notebook cell shows, with what the report needs of them."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import IPython.display
import matplotlib.figure
from landscape.plots.panel import Panel
from landscape.plots.style import maths

from studies import pictures
from studies.placed import Placed

Bundle = tuple[dict[str, str], dict[str, Any]]

_LABEL = re.compile(r"[a-z]+-[A-Za-z0-9.-]+")


class Figure(Placed):
    """A matplotlib figure with label, caption and alternative text.

    Jupyter shows the picture and its caption; the report numbers it and typesets the caption.

    Args:
        figure: The figure.
        label: Such as ``fig-training``; markdown refers to it as ``[text](#fig-training)``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text, for readers who do not see it.
        panels: The content of the axes in their order, where it is curves, for values under the
            pointer of the page's reader.

    Raises:
        ValueError: If the label has another form, or caption or alternative text is empty.
    """

    def __init__(
        self,
        figure: matplotlib.figure.Figure,
        *,
        label: str,
        caption: str,
        alt: str,
        panels: Sequence[Panel] = (),
    ) -> None:
        _check_label("figure", "fig", label)
        if not caption.strip() or not alt.strip():
            raise ValueError(
                f"figure {label!r} has caption={caption!r} and alt={alt!r}. Say in the caption "
                "what to see, and in alt what the picture shows, for readers who do not see it."
            )
        self.figure, self.label, self.caption, self.alt = figure, label, maths(caption), alt
        self.panels = panels

    def svg(self) -> str:
        """Return the picture as SVG, the same bytes each time."""
        return self._drawn()[0]

    def _drawn(self) -> tuple[str, dict[str, Any]]:
        return pictures.draw(self.figure, salt=self.label, panels=self.panels)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        svg, positions = self._drawn()
        carried = {
            "kind": "figure",
            "label": self.label,
            "caption": self.caption,
            "alt": self.alt,
            "place": self.place,
            **positions,
        }
        text = f"[{self.label}] {self.alt}"
        return {"image/svg+xml": svg, "text/plain": text}, {"landscape": carried}


class Surface(Figure):
    """A figure of surfaces, which the reader of the HTML report can turn.

    Jupyter, the PDF and a page without scripts show the picture.

    Args:
        figure: The picture.
        data: What is drawn, as plain values that JSON holds, for ``report/scripts/surface.js``.
        label: Such as ``fig-surface``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text.
    """

    def __init__(
        self,
        figure: matplotlib.figure.Figure,
        data: Mapping[str, Any],
        *,
        label: str,
        caption: str,
        alt: str,
    ) -> None:
        super().__init__(figure, label=label, caption=caption, alt=alt)
        self.data = data

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        data, metadata = super()._repr_mimebundle_(include, exclude)
        metadata["landscape"]["surface"] = self.data
        return data, metadata


class Table(Placed):
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
            "place": self.place,
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


class Sentence(Placed):
    """Prose in markdown whose numbers are computed; λ_max becomes mathematics.

    Args:
        text: The markdown.
    """

    def __init__(self, text: str) -> None:
        self.text = maths(text)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        data = {"text/markdown": self.text, "text/plain": self.text}
        if self.place == "body":
            return data, {}
        return data, {"landscape": {"kind": "sentence", "place": self.place}}


class NotMeasured(Sentence):
    """The sentence in place of what a budget of time, or an error, left out of a report."""

    def __init__(self) -> None:
        super().__init__("*This was not measured; the discussion says why.*")


class Findings:
    """What a study found, in a few sentences: the report opens the study with them.

    Args:
        sentences: One to four sentences in markdown whose numbers are computed; the first says the
            finding that matters most.

    Raises:
        ValueError: If there is no sentence, an empty one, or more than four.
    """

    def __init__(self, *sentences: str | Sentence) -> None:
        texts = [one.text if isinstance(one, Sentence) else maths(one) for one in sentences]
        if not 1 <= len(texts) <= 4 or not all(text.strip() for text in texts):
            raise ValueError(
                f"{len(texts)} sentences were given as findings: {texts}. Say what was found in "
                "one to four sentences, none of them empty."
            )
        self.sentences = texts

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        items = "".join(f"- {text}\n" for text in self.sentences)
        data = {
            "text/markdown": f"**What we found**\n\n{items}",
            "text/plain": "\n".join(self.sentences),
        }
        return data, {"landscape": {"kind": "findings", "sentences": self.sentences}}


class Missing(Sentence):
    """The sentence in place of a figure or table that the record cannot show.

    References to its label lead here.

    Args:
        label: The label of the figure or table, such as ``fig-density``.
    """

    def __init__(self, label: str) -> None:
        what = {"fig": "figure", "tab": "table"}.get(label.partition("-")[0], "result")
        super().__init__(
            f"*A {what} is missing here: the record does not hold what it shows. It is measured "
            "when the study next runs in profile* `paper`."
        )
        self.label = label

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        data, _ = super()._repr_mimebundle_(include, exclude)
        return data, {"landscape": {"kind": "note", "label": self.label, "place": self.place}}


def show(*things: object) -> None:
    """Show several tables, figures, verdicts and sentences below one cell, in this order."""
    IPython.display.display(*things)


def _check_label(what: str, prefix: str, label: str) -> None:
    if not label.startswith(f"{prefix}-") or not _LABEL.fullmatch(label):
        raise ValueError(
            f"{what} label {label!r} is not allowed. Use '{prefix}-' and letters, digits, dots or "
            f"hyphens, such as '{prefix}-training'."
        )
