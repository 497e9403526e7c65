"""Families of networks that are compared along training, with one schedule of snapshots."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from landscape.training.config import TrainConfig

from studies.arms import Arm, variants
from studies.loss_pairs import group_name
from studies.runs import Runs
from studies.solutions import Solutions
from studies.tasks import Examples, Task

ALL = "all"  # Group of all arms of a family.


@dataclasses.dataclass(frozen=True)
class LossFamily:
    """Networks of one comparison: they share data, batches and the steps of their snapshots.

    Attributes:
        name: Such as ``BN``; the factor ``family`` of its arms.
        task: The data.
        examples: Where curvature and loss are measured.
        configs: Arm -> settings, with the snapshots.
        arms: Short name -> arm.
        steps: Steps of the snapshots, in order.
        batch_size: Examples in a mini-batch of training.
        pairs: Short names of the two arms of each comparison.
        groups: Name -> arms that share a regression: each pair, and all where there are more.
        normalised: Whether one of the networks has BN, so that both modes are measured.
    """

    name: str
    task: Task
    examples: Examples
    configs: Mapping[Arm, TrainConfig]
    arms: Mapping[str, Arm]
    steps: tuple[int, ...]
    batch_size: int
    pairs: Sequence[Mapping[str, str]]
    groups: Mapping[str, Sequence[Arm]]
    normalised: bool

    def snapshots(self, runs: Runs, **options: Any) -> list[Solutions]:
        """Return the networks of the family's runs at each snapshot.

        Args:
            runs: (arm, seed) -> run of the family's configs.
            options: Options of ``Objective``, such as ``bn``.
        """
        return [runs.solutions(self.examples, step=step, **options) for step in self.steps]

    def in_batches(self, runs: Runs) -> list[Solutions]:
        """Return the same under the statistics of batches as large as those of training."""
        return self.snapshots(runs, bn="batch", bn_block=self.batch_size)


def loss_family(
    name: str,
    task: Task,
    base: TrainConfig,
    changes: Mapping[str, Mapping[str, Any]],
    *,
    shares: Sequence[float],
    examples: int,
    factors: Mapping[str, Mapping[str, Any]],
    pairs: Sequence[tuple[str, str]],
    normalised: bool = False,
) -> LossFamily:
    """Return the networks of one comparison, with snapshots at some shares of training.

    Args:
        name: Name of the family.
        task: The data.
        base: Settings that all networks share.
        changes: Short name -> settings that differ, as of ``arms.variants``.
        shares: Shares of training in (0, 1], increasing; of two in one step the first counts.
        examples: Number of first training examples to measure on.
        factors: Short name -> factors of the arm, beside ``family``.
        pairs: Short names of the two arms of each comparison, first over second.
        normalised: As ``LossFamily.normalised``.

    Raises:
        ValueError: If a share is not within (0, 1], or there are fewer than two different steps.
    """
    last = base.epochs * -(-task.train_size // base.batch_size)
    steps = sorted({max(round(share * last), 1) for share in shares})
    if len(steps) < 2 or not all(0 < share <= 1 for share in shares):
        raise ValueError(
            f"shares={list(shares)} of {last} steps give {len(steps)} snapshots. Pass shares in "
            "(0, 1] that lie at two different steps or more."
        )
    arms = {short: Arm(f"{name}: {short}", family=name, **factors[short]) for short in changes}
    grouped = {group_name(pair): [arms[short] for short in pair] for pair in pairs}
    if len(arms) > 2:
        grouped[ALL] = list(arms.values())
    settings = {arms[short]: {**own, "snapshots": tuple(steps)} for short, own in changes.items()}
    return LossFamily(
        name,
        task,
        task.first(examples),
        variants(base, settings),
        arms,
        tuple(steps),
        base.batch_size,
        [{short: str(arms[short]) for short in pair} for pair in pairs],
        grouped,
        normalised,
    )
