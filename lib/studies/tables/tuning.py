"""Choices: the table of a grid of one setting, and what each arm trains best with."""

import math
import statistics
from collections.abc import Mapping

from studies.display import Table
from studies.formatting import number_text, seeds_text, setting_text
from studies.tuning import Choice


def tuning_table(found: Mapping[str, Choice], *, heading: str, label: str, caption: str) -> Table:
    """Return a table of the mean final training losses over a grid, the chosen ones bold.

    Rows are arms, columns the values of all their grids. A cell says how many runs diverged where
    some did, and is empty where an arm was not tried. The last column names the choice, and says so
    where it lies at the border of the arm's grid.

    Args:
        found: Arm -> choice, from ``tuning.chosen``.
        heading: The setting in words, such as ``learning rate``.
        label: Such as ``tab-rates``.
        caption: What to see.
    """
    values = sorted({value for choice in found.values() for value in choice.losses})
    counts = sorted({len(own) for choice in found.values() for own in choice.losses.values()})
    seeds = " to ".join(map(str, dict.fromkeys([counts[0], counts[-1]])))
    return Table(
        ["arm", *map(setting_text, values), f"chosen {heading}"],
        [
            [arm, *(_cell(choice, value) for value in values), _chosen_text(choice)]
            for arm, choice in found.items()
        ],
        label=label,
        caption=f"{caption} Final training loss (nats) by {heading}, mean over seeds "
        f"(n = {seeds}); the lowest is chosen, and bold.",
        align=["left"] * (len(values) + 2),  # What is bold cannot line up.
    )


def _cell(choice: Choice, value: float) -> str:
    if value not in choice.losses:
        return ""
    losses = choice.losses[value]
    diverged = sum(map(math.isinf, losses))
    text = seeds_text(losses, diverged) if diverged else number_text(statistics.fmean(losses))
    return f"**{text}**" if value == choice.value else text


def _chosen_text(choice: Choice) -> str:
    return setting_text(choice.value) + (", **at the border**" if choice.at_border else "")
