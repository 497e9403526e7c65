"""Networks at their initialisation, which no training run has to build."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from landscape.models.family import ModelConfig
from landscape.objective import Objective
from landscape.store.fingerprint import fingerprint
from landscape.training.config import TrainConfig
from landscape.training.optimizers import SGD
from torch import nn

from studies.arms import Arm
from studies.identity import plain
from studies.recording import NotRecordedError, Recording
from studies.solutions import Solution, Solutions
from studies.tasks import Examples, Task


class Untrained(Solution):
    """A network at its initialisation. Its config names the network and the seed alone."""

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the objective, as plain values."""
        return {
            "network": plain(self.config.model),
            "seed": self.config.seed,
            "examples": self.examples.identity,
            "options": plain(dict(self.options)),
        }

    @property
    def networks(self) -> list[tuple[TrainConfig, Task]]:
        """No run: nothing is trained."""
        return []

    def model(self) -> nn.Module:
        """Return the network, with the weights that a run of this seed starts from.

        Raises:
            NotRecordedError: If this profile computes nothing.
        """
        store, config = self.recording.store, self.config
        if store is None:
            raise NotRecordedError(
                f"the record of {self.recording.name} holds no weights, and this profile computes "
                f"nothing. To measure: make study STUDY={self.recording.name} PROFILE=paper"
            )
        # What is measured depends on the code that draws the weights.
        store.code |= fingerprint(config.model).code
        return config.model.build(self.task.shape, self.task.classes, seed=config.seed)

    @property
    def objective(self) -> Objective:
        """The objective, at the initial theta.

        Raises:
            NotRecordedError: If this profile computes nothing.
        """
        return Objective(self.model(), self.examples.tensors, **self.options)


def untrained(
    recording: Recording,
    models: Mapping[Arm, ModelConfig],
    examples: Examples,
    *,
    seeds: Sequence[int],
    **options: Any,
) -> Solutions:
    """Return networks at their initialisation, to measure in float64 on some examples.

    Args:
        recording: The record of the study.
        models: Arm -> network.
        examples: Where losses are measured; their task gives the shape of inputs and outputs.
        seeds: Seeds of each arm.
        options: Options of ``Objective``, such as ``bn="batch"``: before training the running
            statistics of normalisation are empty.

    Returns:
        The networks, whose moment is ``start``.
    """
    options = {"dtype": torch.float64, **options}
    return Solutions(
        {
            (arm, seed): Untrained(
                config=TrainConfig(model, SGD(1.0), seed=seed),
                task=examples.task,
                recording=recording,
                examples=examples,
                at="start",
                options=options,
            )
            for arm, model in models.items()
            for seed in seeds
        }
    )
