"""Tuning: train each arm over a grid of one setting and keep the value with the lowest loss."""

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence

from landscape.training.config import TrainConfig

from studies.arms import Arm, named, variants
from studies.runs import RecordedRun, Runs


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

    arm: Arm
    value: float
    losses: dict[float, list[float]]
    at_border: bool


def tuning_grid(
    configs: Mapping[Arm, TrainConfig], setting: str, values: Sequence[float]
) -> dict[Arm, TrainConfig]:
    """Return every config at every value of a setting, which becomes a factor of the arms.

    Args:
        configs: Arm -> config.
        setting: The setting, as ``arms.variants`` looks for it, such as ``learning_rate``.
        values: The values of the grid, at least one, all different in six significant digits.

    Returns:
        Arm with the setting as a further factor, such as ``Adam, learning rate 0.01`` -> config,
        arm by arm.

    Raises:
        ValueError: If there is no value, two values have one name, or no part of a config has the
            setting.
    """
    if not values or len({f"{value:g}" for value in values}) < len(values):
        raise ValueError(
            f"values={list(values)} of {setting} are no grid. "
            "Pass at least one value, all different in six significant digits."
        )
    grid: dict[Arm, TrainConfig] = {}
    for arm, config in configs.items():
        changes = {named({**arm.factors, setting: value}): {setting: value} for value in values}
        grid |= variants(config, changes)
    return grid


def tuned_values(runs: Runs, setting: str) -> dict[Arm, TunedValue]:
    """Return the best value of each arm: the lowest mean final training loss over seeds.

    The training loss alone decides, so that test examples stay unseen. A value at which any seed's
    run diverged has an infinite loss. Where runs diverged at every value, the smallest value is
    taken, as in every tie: the study goes on, and the runs at that value show that they diverged.

    Args:
        runs: Runs of ``tuning_grid``. Arms that differ in the setting alone are one arm's grid.
        setting: The setting of the grid, a factor of every arm.

    Returns:
        Arm without the setting -> its best value, with all losses.

    Raises:
        ValueError: If the setting is no factor of an arm.
    """
    grids: dict[Arm, dict[float, list[float]]] = {}
    for (arm, _), run in runs.items():
        if setting not in arm.factors:
            raise ValueError(
                f"the arm {arm!r} has no {setting!r}: it has {', '.join(arm.factors) or 'none'}. "
                f"Pass runs of tuning_grid(configs, {setting!r}, values)."
            )
        rest = {factor: level for factor, level in arm.factors.items() if factor != setting}
        grid = grids.setdefault(named(rest), {})
        grid.setdefault(arm.factors[setting], []).append(_final_loss(run))
    return {arm: _tuned_value(arm, grid) for arm, grid in grids.items()}


def tuned_configs(
    configs: Mapping[Arm, TrainConfig],
    tuned: Mapping[Arm, TunedValue],
    setting: str,
    **factors: str,
) -> dict[Arm, TrainConfig]:
    """Return the config of each tuned arm at its best value.

    Args:
        configs: Arm -> config, as ``tuning_grid`` took them.
        tuned: Arm -> its best value. Arms without one are left out.
        setting: The setting of the grid.
        factors: Factors that the new arms get, such as ``rate="own"``.

    Returns:
        Arm -> config, in the order of ``configs``.
    """
    best: dict[Arm, TrainConfig] = {}
    for arm, config in configs.items():
        if choice := tuned.get(named(arm.factors)):
            changes = {named({**arm.factors, **factors}): {setting: choice.value}}
            best |= variants(config, changes)
    return best


def _tuned_value(arm: Arm, grid: Mapping[float, list[float]]) -> TunedValue:
    losses = {value: grid[value] for value in sorted(grid)}
    means = {value: statistics.fmean(seed_losses) for value, seed_losses in losses.items()}
    lowest = min(means, key=means.__getitem__)  # In a tie the first: the smallest value.
    return TunedValue(arm, lowest, losses, at_border=lowest in (min(means), max(means)))


def _final_loss(run: RecordedRun) -> float:
    return math.inf if run.diverged else run.final("train_loss")
