"""Tables whose cells may name any quantity of any arm, and words on which arms learn."""

import math
from collections.abc import Mapping, Sequence

from studies.display import Missing, Table
from studies.formatting import list_text, seeds_text
from studies.measurements import Measurements
from studies.runs import Runs
from studies.tables.layout import marked, table_of

# A recorded quantity and its arm; or the text itself.
Cell = tuple[str, str] | str

_SOME_DIVERGED = "‡"


def grid(
    numbers: Measurements,
    rows: Mapping[str, Mapping[str, Cell]],
    *,
    corner: str,
    label: str,
    caption: str,
    runs: Runs | None = None,
    emphasise: tuple[str, str] | None = None,
) -> Table | Missing:
    """Return a table of means over seeds with 95% intervals; each cell names its quantity and arm.

    Shares of correct answers are shown in per cent. A cell whose numbers did not all converge says
    that all runs of the arm diverged, or bears a mark that the caption explains.

    Args:
        numbers: Where the values were recorded.
        rows: Row -> column -> a quantity and its arm, or a text. A row need not have all columns;
            what was not recorded leaves its cell empty, and columns without any cell are left out.
        corner: Heading of the first column.
        label: Such as ``tab-accuracy``.
        caption: What to see.
        runs: (arm, seed) -> training run of the values, to count diverged runs; None counts none.
        emphasise: Row and column of the cell that carries the finding, printed bold; None for none.

    Raises:
        ValueError: If there is no such row or column to emphasise.
    """
    diverged = {str(arm): runs.diverged(arm) for arm in runs.arms} if runs else {}
    texts = {
        name: {column: _text(numbers, cell, diverged) for column, cell in row.items()}
        for name, row in rows.items()
    }
    if emphasise is not None:
        row, column = emphasise
        if column not in texts.get(row, {}):
            raise ValueError(
                f"table {label!r} has no cell {emphasise!r} to emphasise. Its rows are "
                f"{', '.join(texts)}; give one, and one of its columns."
            )
        texts[row][column] = f"**{texts[row][column]}**" if texts[row][column] else ""
    named = dict.fromkeys(column for row in texts.values() for column in row)
    columns = [name for name in named if any(row.get(name) for row in texts.values())]
    if not columns:
        return Missing(label)
    cells = [[name, *(row.get(column, "") for column in columns)] for name, row in texts.items()]
    if any(_SOME_DIVERGED in cell for row in cells for cell in row):
        caption += f" {_SOME_DIVERGED} Some runs behind this number diverged."
    return table_of([corner, *columns], cells, label=label, caption=caption)


def by_arm(
    quantities: Mapping[str, str], arms: Mapping[str, str] | Sequence[str]
) -> dict[str, dict[str, Cell]]:
    """Return the rows of a grid with a row for each arm and a column for each quantity.

    Args:
        quantities: Column -> quantity.
        arms: Row -> arm; or arms, whose names are those of the rows.
    """
    named = arms if isinstance(arms, Mapping) else {arm: arm for arm in arms}
    return {
        row: {column: (quantity, arm) for column, quantity in quantities.items()}
        for row, arm in named.items()
    }


def outcomes(runs: Runs) -> str:
    """Return in words which arms learn, diverge, or do neither, over all their seeds.

    An arm learns where it answers more than twice as often correctly as by guessing.

    Args:
        runs: (arm, seed) -> run.
    """
    learning, diverging, failing, others = [], [], [], []
    for arm, learned in runs.learned.items():
        diverged, total = runs.diverged(arm)
        if sum(learned) == total:
            learning.append(arm)
        elif diverged == total:
            diverging.append(arm)
        elif not diverged and not any(learned):
            failing.append(arm)
        else:
            others.append(f"{arm} {_mixed(sum(learned), diverged, total)}")
    texts = [
        f"{list_text(arms)} {plural if len(arms) > 1 else singular}"
        for arms, singular, plural in (
            (learning, "learns in every seed", "learn in every seed"),
            (diverging, "diverges in every seed", "diverge in every seed"),
            (failing, "never learns", "never learn"),
        )
        if arms
    ]
    return "; ".join([*texts, *others])


def _mixed(learned: int, diverged: int, total: int) -> str:
    if not learned:
        return f"diverges in {diverged} of {total} seeds and never learns"
    also = f" and diverges in {diverged}" if diverged else ""
    return f"learns in {learned}{also} of {total} seeds"


def _text(numbers: Measurements, cell: Cell, diverged: Mapping[str, tuple[int, int]]) -> str:
    if isinstance(cell, str):
        return cell
    quantity, arm = cell
    try:
        values = numbers.values(quantity, arm)
    except KeyError:
        return ""
    factor = 100 if numbers.unit(quantity) == "share correct" else 1
    if not any(map(math.isfinite, values)) and not diverged.get(str(arm), (0, 0))[0]:
        return "–"
    text = seeds_text([factor * value for value in values])
    if numbers.converged(quantity, [arm]):
        return text
    lost, total = diverged.get(str(arm), (0, 0))
    if lost == total > 0:
        return "diverged"
    if lost:
        return f"{text.partition(' (')[0]} {_SOME_DIVERGED}"
    return marked(text, converged=False)
