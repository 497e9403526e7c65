"""Arms: variants of one training config by name, and what their runs left to be measured."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from landscape.objective import Objective
from landscape.training.config import TrainConfig
from landscape.training.run import Run

Runs = Mapping[tuple[str, int], Run]


def variants(base: TrainConfig, changes: Mapping[str, Mapping[str, Any]]) -> dict[str, TrainConfig]:
    """Return configs that differ from a base in named settings.

    Args:
        base: What they have in common.
        changes: Arm -> setting -> value. A setting is a field of ``TrainConfig``, of its optimizer
            or of its model, looked for in this order; beside a new optimizer or model, of that one.

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
    chosen: dict[str, dict[str, Any]] = {name: {} for name in parts}
    for setting, value in settings.items():
        owners = [name for name, part in parts.items() if setting in _fields(part)]
        if not owners:
            known = sorted({field for part in parts.values() for field in _fields(part)})
            raise ValueError(
                f"no part of the config has a setting {setting!r}. Pass one of {', '.join(known)}."
            )
        chosen[owners[0]][setting] = value
    inner = {
        name: dataclasses.replace(parts[name], **chosen[name]) for name in ("optimizer", "model")
    }
    return dataclasses.replace(base, **{**chosen[""], **inner})


def _fields(part: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(part)]


def arm_objectives(
    runs: Runs, examples: tuple, *, step: int | None = None, **options: Any
) -> dict[tuple[str, int], Objective | None]:
    """Return the objective of each run's network, at its own theta; None where a run diverged.

    Args:
        runs: (arm, seed) -> run.
        examples: Inputs and targets.
        step: The snapshot to take, also of a run that diverged later; None takes the end.
        options: Options of ``Objective``.
    """
    found: dict[tuple[str, int], Objective | None] = {}
    for key, run in runs.items():
        gone = divergence_text(run) and step not in run.snapshots
        found[key] = None if gone else Objective(run.model(step=step), examples, **options)
    return found


def grouped(runs: Runs) -> dict[str, list[Run]]:
    """Return arm -> its runs, in the order of seeds."""
    found: dict[str, list[Run]] = {}
    for (arm, _), run in runs.items():
        found.setdefault(arm, []).append(run)
    return found


def sizes(runs: Runs) -> dict[str, int]:
    """Return arm -> number of parameters of its networks."""
    return {
        arm: sum(parameter.numel() for parameter in own[0].model().parameters())
        for arm, own in grouped(runs).items()
    }


def named_by_config(
    things: Mapping[tuple[str, int], Any], family: str
) -> dict[tuple[str, int], Any]:
    """Return those of arms called ``<family>, <name>``, by name alone.

    Args:
        things: (arm, seed) -> run, or what was measured of it.
        family: Such as ``MLP``.
    """
    start = f"{family}, "
    return {
        (arm.removeprefix(start), seed): thing
        for (arm, seed), thing in things.items()
        if arm.startswith(start)
    }


def renamed_arms(
    things: Mapping[tuple[str, int], Any], names: Mapping[str, str]
) -> dict[tuple[str, int], Any]:
    """Return those of some arms, by other names.

    Args:
        things: (arm, seed) -> run, or what was measured of it.
        names: New name -> arm.
    """
    return {
        (name, seed): thing
        for name, own in names.items()
        for (arm, seed), thing in things.items()
        if arm == own
    }


def architectures(configs: Mapping[str, TrainConfig], base: TrainConfig) -> list[str]:
    """Return the distinct arms that differ from a base in nothing but their model."""
    return [
        arm
        for arm in distinct(configs)
        if dataclasses.replace(configs[arm], model=base.model) == base
    ]


def distinct(configs: Mapping[str, TrainConfig]) -> list[str]:
    """Return the arms in their order, without those that repeat an earlier one's config."""
    return [first for first, *_ in alike(configs)]


def alike(configs: Mapping[str, TrainConfig]) -> list[list[str]]:
    """Return the arms in their order, those of one config together, where the first of them is."""
    found: list[tuple[TrainConfig, list[str]]] = []
    for arm, config in configs.items():
        for other, names in found:
            if other == config:
                names.append(arm)
                break
        else:
            found.append((config, [arm]))
    return [names for _, names in found]


def trained(runs: Runs) -> list[str]:
    """Return the arms of which no run diverged, in their order."""
    return [arm for arm, own in grouped(runs).items() if not any(map(divergence_text, own))]


def diverged(runs: Runs, arm: str) -> tuple[int, int]:
    """Return how many runs of an arm diverged, and how many it has."""
    own = grouped(runs)[arm]
    return sum(map(divergence_text, own)), len(own)


def divergence_text(run: Run) -> bool:
    """Whether a run diverged; also in its last step, after which no other would have noticed."""
    return run.diverged_at is not None or not math.isfinite(float(run.history["train_loss"][-1]))
