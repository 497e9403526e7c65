"""Formulas as MathML, which browsers show by themselves: no script, no font, no network."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError


def convert(latex: str, *, block: bool) -> str:
    """Return a formula as a ``<math>`` element.

    Args:
        latex: The formula in LaTeX.
        block: Whether it stands on lines of its own.

    Raises:
        ExtensionError: If the formula holds what docutils cannot convert.
    """
    try:
        return latex2mathml.tex2mathml(latex, as_block=block)
    except MathError as error:
        raise ExtensionError(
            f"the formula {latex!r} cannot be shown ({error}). Write it in simpler LaTeX."
        ) from error


def _visit_inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(convert(node.astext(), block=False))
    raise nodes.SkipNode


def _visit_block(translator: Any, node: nodes.math_block) -> None:
    formula = convert(node.astext(), block=True)
    translator.body.append(f'<div class="formula">{formula}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Make ``mathml`` the renderer of formulas."""
    app.add_html_math_renderer(
        "mathml", inline_renderers=(_visit_inline, None), block_renderers=(_visit_block, None)
    )
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
