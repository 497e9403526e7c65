"""How tables mark numbers that did not converge, and print one row or column bold."""

from collections.abc import Iterable, Sequence

from studies.display import Table
from studies.formatting import policy_text

MARK = "†"
# What a caption says where a cell bears the mark.
MARK_TEXT = f" {MARK} At least one measurement behind this number did not converge."


def marked(text: str, converged: bool) -> str:
    """Return the text of a cell, with a mark where its measurements did not all converge.

    Args:
        text: The text; a dash says by itself that there is no number, and gets no mark.
        converged: Whether all measurements behind it converged.
    """
    return text if converged or not text or text.startswith("–") else f"{text} {MARK}"


def mark_text(rows: Iterable[Sequence[str]]) -> str:
    """Return the end of a caption that explains the mark; empty where no cell bears it."""
    return MARK_TEXT if any(MARK in cell for row in rows for cell in row) else ""


def table_of(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    label: str,
    caption: str,
    emphasise: str = "",
    align: Sequence[str] | None = None,
) -> Table:
    """Return a table whose caption explains marks, with one row or column bold.

    Args:
        columns: Headings.
        rows: Cells; the first of each row names it.
        label: Such as ``tab-curvature``.
        caption: What to see.
        emphasise: The row or column that carries the finding, by its name; empty for none.
        align: As of ``display.Table``.

    Raises:
        ValueError: If no row or column is called ``emphasise``.
    """
    rows = [list(map(str, row)) for row in rows]
    caption += mark_text(rows)
    if emphasise:
        rows = _emphasised(columns, rows, emphasise, label)
    return Table(columns, rows, label=label, caption=caption, align=align)


def _emphasised(
    columns: Sequence[str], rows: Sequence[Sequence[str]], name: str, label: str
) -> list[list[str]]:
    names = [row[0] for row in rows]
    if name not in [*names, *columns[1:]]:
        raise ValueError(
            f"table {label!r} has no row or column {name!r} to emphasise. It has the rows "
            f"{', '.join(names)} and the columns {', '.join(columns[1:])}."
        )
    return [
        [
            f"**{cell}**" if cell and name in (row[0], column) else cell
            for cell, column in zip(row, columns, strict=True)
        ]
        for row in rows
    ]


def count_range(counts: Iterable[int]) -> str:
    """Return counts as text: ``5``, or ``3 to 5`` where they differ."""
    values = sorted(set(counts))
    return " to ".join(map(str, dict.fromkeys([values[0], values[-1]])))


def statistics_text(bn: str, split: str) -> str:
    """Return in words which statistics BN has on a path, and on which examples it is measured.

    Args:
        bn: The policy, such as ``reestimate``; ``no BN`` for networks without statistics.
        split: ``train`` or ``test``.
    """
    measured = "networks without BN" if bn == "no BN" else f"{policy_text(bn)} statistics"
    return f"{measured} on {'training' if split == 'train' else split} examples"
