"""Table of a tuning grid: final training losses, and the value at which each arm trains best."""

import math
import statistics
from collections.abc import Mapping

from studies.display import Sentence, Table
from studies.formatting import list_text, number_text, seeds_text, setting_text
from studies.tables.layout import count_range
from studies.tuning import TunedValue


def tuning_table(
    tuned: Mapping[str, TunedValue], *, heading: str, label: str, caption: str
) -> Table:
    """Return a table of the mean final training losses over a grid, with the chosen ones bold.

    Rows are arms, columns the values of all their grids. A cell gives the number of diverged runs
    where there are any, and is empty where the arm was not tried. The last column gives the chosen
    value, and says so where it lies at the border of the arm's grid.

    Args:
        tuned: Arm -> its best value, from ``tuning.tuned_values``.
        heading: The setting in words, such as ``learning rate``.
        label: Such as ``tab-rates``.
        caption: What to see; how to read a cell is added.
    """
    values = sorted({value for best in tuned.values() for value in best.losses})
    counts = {len(losses) for best in tuned.values() for losses in best.losses.values()}
    number = count_range(counts)
    seeds = "one seed" if number == "1" else f"mean over {number} seeds"
    return Table(
        ["configuration", *map(setting_text, values), f"chosen {heading}"],
        [
            [arm, *(_cell(best, value) for value in values), _best_text(best)]
            for arm, best in tuned.items()
        ],
        label=label,
        caption=f"{caption} Cells give the final training loss in nats ({seeds}); the lowest of "
        "each row is chosen, and bold.",
        align=["left"] * (len(values) + 2),  # Bold cells cannot align on the point.
    )


def tuning_sentence(tuned: Mapping[str, TunedValue], *, heading: str) -> Sentence:
    """Return the sentence on the chosen values, and on those at the border of their grid.

    Args:
        tuned: Arm -> its best value, from ``tuning.tuned_values``.
        heading: The setting in words, such as ``learning rate``.
    """
    arms: dict[float, list[str]] = {}
    for arm, best in tuned.items():
        arms.setdefault(best.value, []).append(arm)
    texts = [f"{setting_text(value)} ({'; '.join(arms[value])})" for value in sorted(arms)]
    border = [arm for arm, best in tuned.items() if best.at_border]
    where = (
        f"The best value lies at the border of the grid for {'; '.join(border)}."
        if border
        else "None lies at the border of its grid."
    )
    return Sentence(f"The chosen {heading} is {list_text(texts)}. {where}")


def _cell(best: TunedValue, value: float) -> str:
    if value not in best.losses:
        return ""
    losses = best.losses[value]
    diverged = sum(map(math.isinf, losses))
    text = seeds_text(losses, diverged) if diverged else number_text(statistics.fmean(losses))
    return f"**{text}**" if value == best.value else text


def _best_text(best: TunedValue) -> str:
    return setting_text(best.value) + (", **at the border**" if best.at_border else "")
