"""Arms: named variants of one training config, and the runs that belong to them."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from landscape.objective import Objective
from landscape.training.config import TrainConfig
from landscape.training.run import Run

# (arm, seed) -> run.
Runs = Mapping[tuple[str, int], Run]


def variants(base: TrainConfig, changes: Mapping[str, Mapping[str, Any]]) -> dict[str, TrainConfig]:
    """Return one config for each arm: the base config with the arm's settings changed.

    Args:
        base: The config that all arms start from.
        changes: Arm -> setting -> value. A setting is a field of ``TrainConfig``, of its optimizer
            or of its model; the first of the three that has the field gets the value. Where the
            arm also changes the optimizer or the model, the new one gets the value.

    Returns:
        Arm -> config, in the order of ``changes``.

    Raises:
        ValueError: If no part of the config has such a setting.
    """
    return {arm: _changed(base, settings) for arm, settings in changes.items()}


def _changed(base: TrainConfig, settings: Mapping[str, Any]) -> TrainConfig:
    parts = {
        "": base,
        "optimizer": settings.get("optimizer", base.optimizer),
        "model": settings.get("model", base.model),
    }
    changes: dict[str, dict[str, Any]] = {name: {} for name in parts}
    for setting, value in settings.items():
        owners = [name for name, part in parts.items() if setting in _fields(part)]
        if not owners:
            known = sorted({field for part in parts.values() for field in _fields(part)})
            raise ValueError(
                f"no part of the config has a setting {setting!r}. Pass one of {', '.join(known)}."
            )
        changes[owners[0]][setting] = value
    inner = {
        name: dataclasses.replace(parts[name], **changes[name]) for name in ("optimizer", "model")
    }
    # The inner parts come last: they already hold an optimizer or a model that the arm replaces.
    return dataclasses.replace(base, **{**changes[""], **inner})


def _fields(part: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(part)]


def arm_objectives(
    runs: Runs, examples: tuple, *, step: int | None = None, **options: Any
) -> dict[tuple[str, int], Objective | None]:
    """Return the objective of each run's network, at the network's own theta.

    Args:
        runs: (arm, seed) -> run.
        examples: Inputs and targets.
        step: The snapshot to take; a run that diverged after this step still has it. None takes
            the end of training.
        options: Options of ``Objective``.

    Returns:
        (arm, seed) -> objective; None where the run diverged and has no such snapshot.
    """
    objectives: dict[tuple[str, int], Objective | None] = {}
    for key, run in runs.items():
        missing = has_diverged(run) and step not in run.snapshots
        objectives[key] = None if missing else Objective(run.model(step=step), examples, **options)
    return objectives


def grouped(runs: Runs) -> dict[str, list[Run]]:
    """Return arm -> its runs, in the order of seeds."""
    groups: dict[str, list[Run]] = {}
    for (arm, _), run in runs.items():
        groups.setdefault(arm, []).append(run)
    return groups


def sizes(runs: Runs) -> dict[str, int]:
    """Return arm -> number of parameters of its networks."""
    return {
        arm: sum(parameter.numel() for parameter in arm_runs[0].model().parameters())
        for arm, arm_runs in grouped(runs).items()
    }


def select_family(values: Mapping[tuple[str, int], Any], family: str) -> dict[tuple[str, int], Any]:
    """Return the arms called ``<family>, <name>``, under ``<name>`` alone.

    Args:
        values: (arm, seed) -> run, or a result measured on it.
        family: The beginning of the names, such as ``MLP``.

    Returns:
        (name, seed) -> the same values; empty if no arm belongs to the family.
    """
    start = f"{family}, "
    return {
        (arm.removeprefix(start), seed): value
        for (arm, seed), value in values.items()
        if arm.startswith(start)
    }


def renamed_arms(
    values: Mapping[tuple[str, int], Any], names: Mapping[str, str]
) -> dict[tuple[str, int], Any]:
    """Return some arms under new names.

    Args:
        values: (arm, seed) -> run, or a result measured on it.
        names: New name -> arm. Arms that are not listed are left out.

    Returns:
        (new name, seed) -> the same values, in the order of ``names``.
    """
    return {
        (name, seed): value
        for name, renamed in names.items()
        for (arm, seed), value in values.items()
        if arm == renamed
    }


def architectures(configs: Mapping[str, TrainConfig], base: TrainConfig) -> list[str]:
    """Return the distinct arms that differ from a base config in their model alone.

    Args:
        configs: Arm -> config.
        base: The config to compare with.

    Returns:
        The arms in their order; of arms with one config the first.
    """
    return [
        arm
        for arm in distinct(configs)
        if dataclasses.replace(configs[arm], model=base.model) == base
    ]


def distinct(configs: Mapping[str, TrainConfig]) -> list[str]:
    """Return the arms in their order; of arms with one config the first."""
    return [first for first, *_ in alike(configs)]


def alike(configs: Mapping[str, TrainConfig]) -> list[list[str]]:
    """Return the arms in groups of one config each, ordered by the first arm of a group."""
    groups: list[tuple[TrainConfig, list[str]]] = []
    for arm, config in configs.items():
        for group_config, names in groups:
            if group_config == config:
                names.append(arm)
                break
        else:
            groups.append((config, [arm]))
    return [names for _, names in groups]


def trained(runs: Runs) -> list[str]:
    """Return the arms without a diverged run, in their order."""
    return [arm for arm, arm_runs in grouped(runs).items() if not any(map(has_diverged, arm_runs))]


def diverged(runs: Runs, arm: str) -> tuple[int, int]:
    """Return how many runs of an arm diverged, and how many runs it has.

    Args:
        runs: (arm, seed) -> run.
        arm: The arm; it needs at least one run.
    """
    arm_runs = grouped(runs)[arm]
    return sum(map(has_diverged, arm_runs)), len(arm_runs)


def has_diverged(run: Run) -> bool:
    """Whether a run diverged, in its last step too.

    Training notices divergence when the next step computes a loss that is not finite. No step
    follows the last one, so the final training loss is checked as well.
    """
    return run.diverged_at is not None or not math.isfinite(float(run.history["train_loss"][-1]))
