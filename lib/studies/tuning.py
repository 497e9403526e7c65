"""Tuning: each arm at the best of a grid of values of one setting, by its final training loss."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from landscape.training.config import TrainConfig
from landscape.training.run import Run

from studies import arms
from studies.arms import Runs


@dataclasses.dataclass(frozen=True)
class Choice:
    """The value of a setting that an arm trains best with.

    Attributes:
        arm: The arm.
        value: The value with the lowest mean final training loss over seeds; of several, the
            smallest.
        losses: Value, in increasing order -> final training loss (nats) of each seed; infinite for
            a run that diverged or whose loss is not finite.
        at_border: Whether the value is the smallest or the largest of the grid, so that the best
            may lie outside.
    """

    arm: str
    value: float
    losses: dict[float, list[float]]
    at_border: bool


def name(arm: str, setting: str, value: float) -> str:
    """Return what an arm is called at one value, such as ``Adam, learning rate 0.01``."""
    return f"{arm}, {setting.replace('_', ' ')} {value:g}"


def tuning_grid(
    configs: Mapping[str, TrainConfig], setting: str, values: Sequence[float]
) -> dict[str, TrainConfig]:
    """Return every config at every value of a setting.

    Args:
        configs: Arm -> config.
        setting: The setting, as ``arms.variants`` looks for it, such as ``learning_rate``.
        values: Its values.

    Returns:
        ``name(arm, setting, value)`` -> config, arm by arm.

    Raises:
        ValueError: If there is no value, two have one name, or no part of a config has the setting.
    """
    names = {name("", setting, value) for value in values}
    if not names or len(names) < len(values):
        raise ValueError(
            f"values={list(values)} of {setting} are no grid. "
            "Pass at least one value, and none twice; six digits have to tell them apart."
        )
    found: dict[str, TrainConfig] = {}
    for arm, config in configs.items():
        changes = {name(arm, setting, value): {setting: value} for value in values}
        found |= arms.variants(config, changes)
    return found


def chosen(
    runs: Runs, names: Sequence[str], setting: str, values: Sequence[float]
) -> dict[str, Choice]:
    """Return the best value of each arm: the lowest mean final training loss over seeds.

    The training loss alone decides, so that test examples stay unseen. A value at which the run of
    any seed diverged is infinitely bad. Where every value is, the smallest is taken, as of all
    equals, rather than none: a study goes on, and the runs there say that they diverged.

    Args:
        runs: Runs of ``grid``, (``name(arm, setting, value)``, seed) -> run; others may be among
            them.
        names: The arms to choose for.
        setting: The setting of the grid.
        values: Its values.

    Returns:
        Arm -> choice.

    Raises:
        ValueError: If there is no run of an arm at a value.
    """
    return {arm: _choice(runs, arm, setting, values) for arm in names}


def _choice(runs: Runs, arm: str, setting: str, values: Sequence[float]) -> Choice:
    trained, losses = arms.grouped(runs), {}
    for value in sorted(values):
        own = name(arm, setting, value)
        if own not in trained:
            raise ValueError(
                f"there is no run of {own!r}. Train all of tuning.grid(configs, {setting!r}, "
                f"{list(values)}), or name the arms and values that were trained."
            )
        losses[value] = [_final_loss(run) for run in trained[own]]
    means = {value: sum(own) / len(own) for value, own in losses.items()}
    lowest = min(means, key=means.__getitem__)  # The first of equals: the smallest.
    return Choice(arm, lowest, losses, at_border=lowest in (min(means), max(means)))


def _final_loss(run: Run) -> float:
    loss = float(run.history["train_loss"][-1])
    return loss if run.diverged_at is None and math.isfinite(loss) else math.inf
