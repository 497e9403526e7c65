"""Solutions: networks of training runs, each with the examples and options it is measured by."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Self

from landscape.objective import Objective
from landscape.theory.reparametrization import reparametrized_twin
from landscape.training.config import TrainConfig
from torch import nn

from studies.collection import Collection, Key
from studies.identity import plain, run_identity
from studies.recorder import Recorder
from studies.recording import Recording, Request
from studies.tasks import Examples, Task

_NO_INFLUENCE = ("graph_memory",)  # Options of ``Objective`` that change no bit of a result.


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class _Place:
    """Where along training, and how, a network is measured."""

    step: int | None = None
    at: str = "end"
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    missing: str = ""
    twin: tuple[str, float] | None = None
    labels: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False)
class Solution(_Place):
    """A network of a training run, on some examples. Nothing is computed before it is measured.

    Attributes:
        config: Settings of the run, with the seed.
        task: Its data.
        recording: The record of the study.
        examples: Where losses are measured.
        step: The snapshot; None is the end of training.
        at: Name of the moment, such as ``end``.
        options: Options of ``Objective``, such as ``bn``.
        missing: Why there is no such network; empty if there is one.
        twin: Layer and factor of a reparametrized twin (``theory.reparametrized_twin``), or None.
        labels: Further columns of what is measured here.
    """

    config: TrainConfig
    task: Task
    recording: Recording
    examples: Examples

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the objective, as plain values."""
        identity = {
            "run": run_identity(self.config, self.task),
            "step": self.step,
            "examples": self.examples.identity,
            "options": plain({k: v for k, v in self.options.items() if k not in _NO_INFLUENCE}),
        }
        if self.twin is not None:
            identity["twin"] = list(self.twin)
        if self.missing:
            identity["missing"] = self.missing
        return identity

    @property
    def networks(self) -> list[tuple[TrainConfig, Task]]:
        """The run whose weights measuring needs."""
        return [] if self.missing else [(self.config, self.task)]

    def model(self) -> nn.Module:
        """Return the network in eval mode.

        Raises:
            NotRecordedError: If this profile trains nothing.
            ValueError: If there is no such network.
        """
        if self.missing:
            raise ValueError(f"there is no network to measure: {self.missing}.")
        model = self.recording.run(self.config, self.task).model(step=self.step)
        if self.twin is not None:
            layer, factor = self.twin
            model = reparametrized_twin(model, layer=layer, factor=factor)
        return model

    def __getstate__(self) -> dict[str, Any]:
        """Return what a worker is sent: not the objective, which it makes of what it has."""
        return {name: value for name, value in vars(self).items() if name != "_objective"}

    @functools.cached_property
    def _objective(self) -> Objective:
        return Objective(self.model(), self.examples.tensors, **self.options)

    @property
    def objective(self) -> Objective:
        """The objective, at the network's own theta.

        Raises:
            NotRecordedError: If this profile trains nothing.
            ValueError: If there is no such network.
        """
        if not self.missing:
            # Also where the objective is cached: what is measured depends on the training's code.
            self.recording.run(self.config, self.task)
        return self._objective


class Solutions(Collection[Solution]):
    """Networks by (arm, seed)."""

    def labels(self, key: Key) -> dict[str, Any]:
        """Return the columns that say which network a number belongs to."""
        arm, seed = key
        solution = self[key]
        step = {} if solution.step is None else {"step": solution.step}
        return {
            "arm": str(arm),
            **arm.factors,
            "seed": seed,
            "at": solution.at,
            **step,
            **solution.labels,
        }

    def requests(
        self, measuring: Callable[[Solution], Callable[[Recorder], None]], **settings: Any
    ) -> list[Request]:
        """Return a request for an entry at each network, in their order.

        Args:
            measuring: Returns what measures at a network, or records that there is none.
            settings: What decides the entry beside the network.
        """
        return [
            Request(
                identity={"at": solution.identity, **settings},
                labels=self.labels(key),
                compute=measuring(solution),
                networks=solution.networks,
                # Where there is no network, the record says so without one.
                derived=bool(solution.missing),
            )
            for key, solution in self.items()
        ]

    def replace(self, **changes: Any) -> Self:
        """Return the same networks with other examples, options or labels.

        Args:
            changes: ``examples`` or ``at``; any other name is an option of ``Objective``, such as
                ``bn="batch"``.
        """
        own = {name: changes.pop(name) for name in ("examples", "at") if name in changes}
        return self._changed(
            lambda s: dataclasses.replace(s, **own, options={**s.options, **changes})
        )

    def labelled(self, **labels: Any) -> Self:
        """Return the same networks with further columns for what is measured on them.

        Raises:
            ValueError: If ``subset`` names another number of examples than there are.
        """
        subset = labels.get("subset")
        counts = {solution.examples.count for solution in self.values()}
        if isinstance(subset, int) and counts - {subset}:
            raise ValueError(
                f"{subset:,} examples were asked for, and the data set has {max(counts):,} of this "
                f"kind. Give a number up to {max(counts):,}, such as by check_examples."
            )
        return self._changed(lambda s: dataclasses.replace(s, labels={**s.labels, **labels}))

    def rescaled(self, layer: str, factor: float) -> Self:
        """Return reparametrized twins: networks of the same function, one layer rescaled.

        Args:
            layer: The layer; see ``theory.reparametrized_twin``.
            factor: Factor of its weights; a column ``factor`` of what is measured.
        """
        return self._changed(
            lambda s: dataclasses.replace(
                s, twin=(layer, factor), labels={**s.labels, "factor": factor}
            )
        )

    @property
    def missing(self) -> dict[Key, str]:
        """(arm, seed) -> why there is no network, for the networks that do not exist."""
        return {key: s.missing for key, s in self.items() if s.missing}

    def _changed(self, change: Any) -> Self:
        return self._with({key: change(solution) for key, solution in self.items()})
