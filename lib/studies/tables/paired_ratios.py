"""Table of paired ratios between arms."""

from collections.abc import Mapping, Sequence
from typing import Any

from studies.display import Missing, Sentence, Table
from studies.formatting import ratio_text
from studies.measurements import Measurements
from studies.tables.layout import marked, table_of

# A recorded quantity and its two arms, first over second.
Pair = Sequence[str]
Cell = tuple[str, Pair]


def ratio_table(
    numbers: Measurements,
    rows: Mapping[str, Mapping[str, Cell | Pair]],
    *,
    label: str,
    caption: str,
    quantity: str = "",
    kept: Mapping[str, Sequence[bool]] | None = None,
    emphasise: str = "",
) -> Table | Sentence:
    """Return a table of paired ratios, each with its 95% interval over seeds.

    A cell gives n where seeds are left out, and is marked † where a measurement behind it did not
    converge. A quantity that was not recorded in both arms leaves its cell empty; rows and columns
    without any cell are left out.

    Args:
        numbers: Where the values were recorded, in the same order of seeds in all arms.
        rows: Row -> column -> a recorded quantity and its two arms, first over second; a row need
            not have all columns.
        label: Such as ``tab-against``.
        caption: What to see.
        quantity: The one quantity of all cells, which then are pairs of arms alone
            (``arms.beside``).
        kept: Arm -> for each seed whether it counts; a pair counts if it does in both arms. Arms
            that are not listed, and None, keep all seeds.
        emphasise: The row or column to print bold, by its heading; empty for none.

    Returns:
        The table; a cell without any pair is a dash.

    Raises:
        ValueError: If there is no row or column to emphasise.
    """
    cells_of: Mapping[str, Mapping[str, Any]] = rows  # Cells, or pairs of the one quantity.
    if quantity:
        cells_of = {
            name: {c: (quantity, pair) for c, pair in row.items()} for name, row in rows.items()
        }
    known = {heading: row for heading, row in recorded_cells(numbers, cells_of).items() if row}
    if not known:
        return Missing(label)
    columns = list(dict.fromkeys(column for row in known.values() for column in row))
    cells = []
    for heading, row in known.items():
        texts = [
            marked(paired_text(numbers, *row[name], kept or {}), numbers.converged(*row[name]))
            if name in row
            else ""
            for name in columns
        ]
        cells.append([heading, *texts])
    return table_of(
        ["ratio", *columns],
        cells,
        label=label,
        caption=caption,
        emphasise=emphasise,
        align=["left"] * (len(columns) + 1),
    )


def recorded_cells(
    numbers: Measurements, rows: Mapping[str, Mapping[str, Cell]]
) -> dict[str, dict[str, Cell]]:
    """Return the cells whose quantity was recorded in both arms.

    Args:
        numbers: Where the values were recorded.
        rows: Row -> column -> a quantity and its two arms.

    Returns:
        The same rows, some of them perhaps empty.
    """
    frame = numbers.frame
    recorded = set(zip(frame["quantity"], frame["arm"], strict=True))
    return {
        heading: {
            column: (name, pair)
            for column, (name, pair) in row.items()
            if recorded.issuperset((name, str(arm)) for arm in pair)
        }
        for heading, row in rows.items()
    }


def paired_text(
    numbers: Measurements, quantity: str, arms: Sequence[str], kept: Mapping[str, Sequence[bool]]
) -> str:
    """Return a paired ratio with its 95% interval as text, and n where seeds are left out.

    Args:
        numbers: Where the values were recorded, in the same order of seeds in both arms.
        quantity: Recorded name of the quantity.
        arms: The two arms, first over second.
        kept: Arm -> for each seed whether it counts; arms that are not listed keep all seeds.

    Returns:
        The text; a dash without any pair.
    """
    values = [numbers.values(quantity, arm) for arm in arms]
    counts = zip(*(kept.get(arm, [True] * len(values[0])) for arm in arms), strict=True)
    candidates = zip(zip(*values, strict=True), counts, strict=True)
    pairs = [pair for pair, counted in candidates if all(counted)]
    number = f", n = {len(pairs)}" if len(pairs) < len(values[0]) else ""
    return (ratio_text(*zip(*pairs, strict=True)) if pairs else "–") + number
