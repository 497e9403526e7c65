"""Markdown with TeX maths to HTML (MathML) or Typst by pandoc, many pieces in one run."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from typing import Any, Literal

import pypandoc

from report.errors import ReportError

Format = Literal["html", "typst"]

# Notebooks are written for Jupyter's markdown: lists and headings need no blank line before them,
# '@name' is no citation, and an image alone in a paragraph is no numbered figure.
READER = (
    "markdown+lists_without_preceding_blankline-blank_before_header-blank_before_blockquote"
    "-auto_identifiers-citations-implicit_figures-yaml_metadata_block-example_lists-fancy_lists"
)
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~^@'\"-])")
_MATHS = re.compile(r"(\$[^$]+\$)")
_INDEX = re.compile(r"(?<=[α-ωΑ-Ω])_(\w+)")
# Of single letters: λ_max and x_i have an index, names such as 05_dynamics_paths have none.
_ESCAPED_INDEX = re.compile(r"(?<=(?<!\w)[A-Za-zα-ωΑ-Ω])\\_(\w+)")
# What must not be torn apart at the end of a line: 'n = 5', '[0.1, 0.2]', '1e-7'.
_TOGETHER = re.compile(r"\bn = \d+|\[[^\[\] ]+, [^\[\] ]+\]|\d[eE]-\d+")


def plain_to_markdown(text: str) -> str:
    r"""Escape plain text for pandoc, except ``$maths$``; ``λ_max`` gets a real subscript."""
    return _outside_maths(_escaped, text)


def with_subscripts(text: str) -> str:
    """Return markdown in which ``λ_max`` has a real subscript; maths is left alone."""
    return _outside_maths(lambda piece: _INDEX.sub(r"~\1~", piece), text)


def _outside_maths(change: Callable[[str], str], text: str) -> str:
    pieces = _MATHS.split(text)
    pieces[::2] = map(change, pieces[::2])
    return "".join(pieces)


def _escaped(text: str) -> str:
    whole = _TOGETHER.sub(_unbreakable, text)
    return _ESCAPED_INDEX.sub(r"~\1~", _SPECIAL.sub(r"\\\1", whole).replace("$", r"\$"))


def _unbreakable(match: re.Match[str]) -> str:
    return match[0].replace(" ", "\u00a0").replace("-", "\u2011")


def tabular_text(text: str) -> str:
    """A table's cell: markdown when it holds maths, a link or emphasis, else plain text.

    ``λ_max`` gets a real subscript in both.
    """
    if re.search(r"\$.+\$|\]\(|\*\*|`|\\", text):
        return with_subscripts(text)
    return plain_to_markdown(text)


class Markup:
    """Converts markdown, remembering what it converted.

    ``prime`` converts many pieces in one run of pandoc; a call of a piece not primed runs pandoc
    for it alone, which takes about 0.1 s.
    """

    def __init__(self, to: Format, *, shift_headings: int = 0) -> None:
        self.to = to
        self._options = ["--wrap=preserve", f"--shift-heading-level-by={shift_headings}"]
        if to == "html":
            self._options += ["--mathml", "--syntax-highlighting=none"]
        self._known: dict[str, str] = {"": ""}

    def __call__(self, text: str) -> str:
        """The text as block content."""
        if text not in self._known:
            self._known[text] = self._pandoc(text)
        return self._known[text]

    def inline(self, text: str) -> str:
        """The text without the paragraph around it; for captions and cells."""
        return re.sub(r"^<p>(.*)</p>$", r"\1", self(text).strip(), flags=re.DOTALL)

    def prime(self, texts: Iterable[str]) -> None:
        """Convert all these texts at once."""
        wanted = [text for text in dict.fromkeys(texts) if text not in self._known]
        # A footnote's text lands at the end of its run, so such a piece is converted by itself.
        together = [text for text in wanted if "[^" not in text]
        if not together:
            return
        raw = "```{{={}}}\n{}\n```"
        mark = "<!--piece-->" if self.to == "html" else "//piece//"
        separator = f"\n\n{raw.format(self.to, mark)}\n\n"
        converted = self._pandoc(separator.join(together))
        pieces = converted.split(mark)
        # An unclosed fence swallows the separators after it: then each piece goes by itself.
        if len(pieces) == len(together) and f"{{={self.to}}}" not in converted:
            self._known.update(zip(together, (piece.strip() for piece in pieces), strict=True))

    def _pandoc(self, text: str) -> str:
        target = "html5" if self.to == "html" else "typst"
        converted = pypandoc.convert_text(text, target, format=READER, extra_args=self._options)
        if left := re.search(r'<span class="math [a-z]+">(.*?)</span>', converted, re.DOTALL):
            raise ReportError(
                f"Pandoc cannot typeset the maths {html.unescape(left.group(1))!r}. "
                "Use standard LaTeX without packages or macros of your own."
            )
        return converted.strip()


def markup_filters(markup: Markup) -> dict[str, Any]:
    """Markdown, captions, table cells and plain text to markup; for templates."""
    return {
        "typeset": markup,
        "typeset_inline": markup.inline,
        "typeset_cell": lambda text: markup.inline(tabular_text(text)),
        "typeset_plain": lambda text: markup.inline(plain_to_markdown(text)),
    }
