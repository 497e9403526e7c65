"""Symbols alike wherever they stand: λ_max looks the same in prose, tables and captions."""

from __future__ import annotations

import re

_OPENS = r'<math display="inline"[^>]*><semantics>'
_CLOSES = r"<annotation[^>]*>[^<]*</annotation></semantics></math>"
_INDEXED = re.compile(
    rf"{_OPENS}<msub><mi>(\w)</mi><mi mathvariant=\"normal\">(\w+)</mi></msub>{_CLOSES}"
)
_LETTER = re.compile(rf"{_OPENS}<mi>(\w)</mi>{_CLOSES}")
_UPRIGHT = re.compile(r"(?<!<i>)([α-ωΑ-Ω])(?=<sub>)")
_TYPST_INDEXED = re.compile(r"([α-ωΑ-Ω])#sub\[(\w+)\]")


def symbols_alike(page: str) -> str:
    r"""Return HTML in which a letter, and a letter with an index, are text instead of MathML.

    Browsers set formulas in a face and size of their own: $\lambda_{\max}$ would look different in
    a sentence that holds it as maths and in one that code wrote with a plain λ.

    Args:
        page: HTML as pandoc writes it.
    """
    page = _INDEXED.sub(r"<i>\1</i><sub>\2</sub>", page)
    page = _LETTER.sub(r"<i>\1</i>", page)
    return _UPRIGHT.sub(r"<i>\1</i>", page)


def typst_symbols_alike(source: str) -> str:
    """Return Typst in which ``λ#sub[max]``, which code writes, is set as prose sets the formula."""
    return _TYPST_INDEXED.sub(r'$\1_"\2"$', source)
