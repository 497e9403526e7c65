"""Table of a tuning grid: final training losses, and the value at which each arm trains best."""

import math
import statistics
from collections.abc import Mapping

from studies.display import Table
from studies.formatting import number_text, seeds_text, setting_text
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
    counts = sorted({len(losses) for best in tuned.values() for losses in best.losses.values()})
    seeds = " to ".join(map(str, dict.fromkeys([counts[0], counts[-1]])))
    return Table(
        ["arm", *map(setting_text, values), f"chosen {heading}"],
        [
            [arm, *(_cell(best, value) for value in values), _best_text(best)]
            for arm, best in tuned.items()
        ],
        label=label,
        caption=f"{caption} Final training loss (nats) by {heading}, mean over seeds "
        f"(n = {seeds}); the lowest is chosen, and bold.",
        align=["left"] * (len(values) + 2),  # Bold cells cannot align on the point.
    )


def _cell(best: TunedValue, value: float) -> str:
    if value not in best.losses:
        return ""
    losses = best.losses[value]
    diverged = sum(map(math.isinf, losses))
    text = seeds_text(losses, diverged) if diverged else number_text(statistics.fmean(losses))
    return f"**{text}**" if value == best.value else text


def _best_text(best: TunedValue) -> str:
    return setting_text(best.value) + (", **at the border**" if best.at_border else "")
