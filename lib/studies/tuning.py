"""Tuning: train each arm over a grid of one setting and keep the value with the lowest loss."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from landscape.training.config import TrainConfig
from landscape.training.run import Run

from studies import arms
from studies.arms import Runs


@dataclasses.dataclass(frozen=True)
class TunedValue:
    """The value of a setting at which an arm trains best.

    Attributes:
        arm: The arm.
        value: The value with the lowest mean final training loss over seeds; the smallest of
            several equally good ones.
        losses: Value, in increasing order -> final training loss (nats) of each seed; infinite for
            a run that diverged or whose loss is not finite.
        at_border: Whether the value is the smallest or the largest of the grid, so that the best
            value may lie outside the grid.
    """

    arm: str
    value: float
    losses: dict[float, list[float]]
    at_border: bool


def grid_arm_name(arm: str, setting: str, value: float) -> str:
    """Return the name of an arm at one grid value, such as ``Adam, learning rate 0.01``.

    Args:
        arm: The arm, such as ``Adam``.
        setting: The setting, such as ``learning_rate``; underscores become spaces.
        value: Its value, written with six significant digits.
    """
    return f"{arm}, {setting.replace('_', ' ')} {value:g}"


def tuning_grid(
    configs: Mapping[str, TrainConfig], setting: str, values: Sequence[float]
) -> dict[str, TrainConfig]:
    """Return every config at every value of a setting.

    Args:
        configs: Arm -> config.
        setting: The setting, as ``arms.variants`` looks for it, such as ``learning_rate``.
        values: The values of the grid, at least one, all different in six significant digits.

    Returns:
        ``grid_arm_name(arm, setting, value)`` -> config, arm by arm.

    Raises:
        ValueError: If there is no value, two values have one name, or no part of a config has the
            setting.
    """
    names = {grid_arm_name("", setting, value) for value in values}
    if not names or len(names) < len(values):
        raise ValueError(
            f"values={list(values)} of {setting} are no grid. "
            "Pass at least one value, all different in six significant digits."
        )
    grid: dict[str, TrainConfig] = {}
    for arm, config in configs.items():
        changes = {grid_arm_name(arm, setting, value): {setting: value} for value in values}
        grid |= arms.variants(config, changes)
    return grid


def tuned_values(
    runs: Runs, names: Sequence[str], setting: str, values: Sequence[float]
) -> dict[str, TunedValue]:
    """Return the best value of each arm: the lowest mean final training loss over seeds.

    The training loss alone decides, so that test examples stay unseen. A value at which any seed's
    run diverged has an infinite loss. Where runs diverged at every value, the smallest value is
    taken, as in every tie: the study goes on, and the runs at that value show that they diverged.

    Args:
        runs: Runs of ``tuning_grid``, (``grid_arm_name(arm, setting, value)``, seed) -> run; other
            runs are ignored.
        names: The arms to tune.
        setting: The setting of the grid.
        values: The values of the grid.

    Returns:
        Arm -> its best value, with all losses.

    Raises:
        ValueError: If an arm has no run at a value.
    """
    return {arm: _tuned_value(runs, arm, setting, values) for arm in names}


def _tuned_value(runs: Runs, arm: str, setting: str, values: Sequence[float]) -> TunedValue:
    trained, losses = arms.grouped(runs), {}
    for value in sorted(values):
        grid_arm = grid_arm_name(arm, setting, value)
        if grid_arm not in trained:
            raise ValueError(
                f"there is no run of {grid_arm!r}. Train all of tuning_grid(configs, {setting!r}, "
                f"{list(values)}), or pass only the arms and values that were trained."
            )
        losses[value] = [_final_loss(run) for run in trained[grid_arm]]
    means = {value: sum(seed_losses) / len(seed_losses) for value, seed_losses in losses.items()}
    lowest = min(means, key=means.__getitem__)  # In a tie the first: the smallest value.
    return TunedValue(arm, lowest, losses, at_border=lowest in (min(means), max(means)))


def _final_loss(run: Run) -> float:
    loss = float(run.history["train_loss"][-1])
    return loss if run.diverged_at is None and math.isfinite(loss) else math.inf
