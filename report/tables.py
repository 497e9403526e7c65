"""Numbers of a table's column lined up on their decimal points."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# An optional sign, digits with thousands separators between them, a fraction and a power of ten.
_NUMBER = re.compile(
    r"(?P<sign>[-−+–]?)(?P<whole>\d+(?:[,\u2009\u202f ]\d{3})*)"
    r"(?P<fraction>(?:\.\d+)?(?:e[-−+]?\d+|×10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?)"
)
# What may stand before the first number of a cell that is still a number: '< 0.01', '≈ 3'.
_LEADING = re.compile(r"[<>≤≥≈~±]?\s?")
_STRONG = re.compile(r"\*\*[^*]+\*\*")


@dataclass(frozen=True)
class Piece:
    """A run of text; hidden text keeps its place without being seen."""

    text: str
    hidden: bool = False


@dataclass(frozen=True)
class _Number:
    sign: str
    whole: str
    fraction: str
    closing: str  # punctuation that belongs to this number, such as "," or "]"
    after: str  # the rest up to the next number, such as " ± " or " ["


def decimal_pieces(cells: Sequence[str]) -> list[list[Piece]]:
    """Lay a column's cells out so that their numbers stand under each other.

    The first numbers line up on their decimal points, then the second ones (of ``57.2 ± 3.1``
    or ``1.52 [1.20, 1.91]``), and so on. Hidden copies of digits fill the gaps, which makes the
    alignment exact in every font whose digits have one width. A cell without a number is
    returned as it is.

    Args:
        cells: One column's texts, top to bottom.

    Returns:
        For each cell its pieces; all numeric cells have the same total width.
    """
    parsed = [_parse(cell) for cell in cells]
    count = max((len(numbers) for _, numbers in parsed), default=0)
    slots = [[numbers[k] for _, numbers in parsed if len(numbers) > k] for k in range(count)]
    return [
        _laid_out(lead, numbers, slots) if numbers else [Piece(cell)]
        for cell, (lead, numbers) in zip(cells, parsed, strict=True)
    ]


def typeset_column(
    cells: Sequence[str],
    *,
    align: str,
    typeset: Callable[[str], str],
    text: Callable[[str], str],
    hide: Callable[[str], str],
    strong: Callable[[str], str],
) -> list[str]:
    """One column as markup: decimals laid out, everything else by ``typeset``.

    A number in ``**`` is laid out as the others are, and strong.

    Args:
        cells: The column's texts.
        align: ``"decimal"``, or ``"left"``, ``"center"``, ``"right"``.
        typeset: Markdown to markup.
        text: Plain text to markup.
        hide: Plain text to markup that takes its place and is not seen.
        strong: Markup to the same with emphasis.
    """
    if align != "decimal":
        return [typeset(cell) for cell in cells]
    bare = [cell[2:-2] if _STRONG.fullmatch(cell) else cell for cell in cells]
    column = []
    for cell, number, pieces in zip(cells, bare, decimal_pieces(bare), strict=True):
        if len(pieces) == 1 and not _NUMBER.search(pieces[0].text):
            column.append(typeset(cell))
            continue
        shown = "".join(hide(one.text) if one.hidden else text(one.text) for one in pieces)
        column.append(shown if number == cell else strong(shown))
    return column


def _parse(cell: str) -> tuple[str, list[_Number]]:
    """Text before the first number, and the numbers; none if the cell is words or maths."""
    cell = cell.strip()
    matches = list(_NUMBER.finditer(cell))
    if not matches or "$" in cell or not _LEADING.fullmatch(cell[: matches[0].start()]):
        return "", []
    numbers = []
    for match, following in zip(matches, [*matches[1:], None], strict=True):
        rest = cell[match.end() : following.start() if following else None]
        after = rest.lstrip(",;)]")
        closing = rest[: len(rest) - len(after)]
        fraction = match["fraction"] or ""
        numbers.append(_Number(match["sign"], match["whole"], fraction, closing, after))
    return cell[: matches[0].start()], numbers


def _laid_out(lead: str, numbers: list[_Number], slots: list[list[_Number]]) -> list[Piece]:
    pieces = []
    for k, slot in enumerate(slots):
        whole = max((number.whole for number in slot), key=len)
        fraction = max((number.fraction for number in slot), key=len)
        closing = max((number.closing for number in slot), key=len)
        after = max((number.after for number in slot), key=len)
        signs = any(number.sign for number in slot)
        if k < len(numbers):
            number = numbers[k]
            pieces += [
                Piece("−" if signs and not number.sign else "", hidden=True),
                Piece(whole[: len(whole) - len(number.whole)], hidden=True),
                Piece((lead if k == 0 else "") + number.sign + number.whole + number.fraction),
                Piece(number.closing),
                Piece(fraction[len(number.fraction) :], hidden=True),
                Piece(number.after),
                Piece(closing[len(number.closing) :] + after[len(number.after) :], hidden=True),
            ]
        else:
            pieces.append(
                Piece(("−" if signs else "") + whole + fraction + closing + after, hidden=True)
            )
    return [piece for piece in pieces if piece.text]
