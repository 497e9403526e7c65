"""Figures with label, caption and alternative text, as a notebook cell shows them."""

import io
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import matplotlib
import matplotlib.figure
import matplotlib.style

Bundle = tuple[dict[str, str], dict[str, Any]]


STYLE = pathlib.Path(__file__).with_name("landscape.mplstyle")


_LABEL = re.compile(r"[a-z]+-[A-Za-z0-9.-]+")


class Figure:
    """A matplotlib figure with label, caption and alternative text.

    Jupyter shows the picture and its caption; the report numbers it and typesets the caption.

    Args:
        figure: The figure.
        label: Such as ``fig-training``; markdown refers to it as ``[text](#fig-training)``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text, for readers who do not see it.

    Raises:
        ValueError: If the label has another form, or caption or alternative text is empty.
    """

    def __init__(
        self, figure: matplotlib.figure.Figure, *, label: str, caption: str, alt: str
    ) -> None:
        _check_label("figure", "fig", label)
        if not caption.strip() or not alt.strip():
            raise ValueError(
                f"figure {label!r} has caption={caption!r} and alt={alt!r}. Say in the caption "
                "what to see, and in alt what the picture shows, for readers who do not see it."
            )
        self.figure, self.label, self.caption, self.alt = figure, label, maths(caption), alt

    def svg(self) -> str:
        """Return the picture as SVG, the same bytes each time."""
        buffer = io.StringIO()
        # The whole style, so that the reader's own settings leave no trace in the bytes.
        with matplotlib.style.context(["default", STYLE]):
            matplotlib.rcParams["svg.hashsalt"] = self.label
            self.figure.savefig(buffer, format="svg", metadata={"Date": None})
        return buffer.getvalue()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        carried = {"kind": "figure", "label": self.label, "caption": self.caption, "alt": self.alt}
        text = f"[{self.label}] {self.alt}"
        return {"image/svg+xml": self.svg(), "text/plain": text}, {"landscape": carried}


class Surface(Figure):
    """A figure of surfaces, which the HTML report lets its reader turn.

    Jupyter, the PDF and a page without scripts show the picture.

    Args:
        figure: The picture.
        data: What is drawn, as plain values that JSON holds; ``report/surface.js`` reads it.
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


def maths(text: str) -> str:
    """Return text with λ_max and λ_min as mathematics, for markdown and for matplotlib."""
    return re.sub(r"λ_(max|min)", r"$\\lambda_{\\\1}$", text)


def _check_label(what: str, prefix: str, label: str) -> None:
    if not label.startswith(f"{prefix}-") or not _LABEL.fullmatch(label):
        raise ValueError(
            f"{what} label {label!r} is not allowed. Use '{prefix}-' and letters, digits, dots or "
            f"hyphens, such as '{prefix}-training'."
        )
