"""A reader's own network as a solution that every recorded step measures."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable
from typing import Any

from landscape.checkpoints import load as load_weights
from landscape.models.mlp import MLP
from landscape.network.copying import copied
from landscape.network.fields import taking
from landscape.network.own_loss import settled
from landscape.objective import Objective
from landscape.store.fingerprint import fingerprint
from landscape.training.config import TrainConfig
from landscape.training.optimizers import SGD
from torch import nn

from studies.arms import Arm
from studies.own.calls import called
from studies.own.examples import example_set
from studies.recording import Recording
from studies.references import imported
from studies.solutions import Solution, Solutions
from studies.tasks import Examples, Task

_BUILT_IN = ("cross_entropy", "next_token", "mse", "model")


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class OwnNetwork(Solution):
    """A network that the reader brings: nothing trains it, and any layers are possible.

    Attributes:
        network: The network, in eval mode.
    """

    network: nn.Module

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the numbers: network, weights, examples, options, and the loss's unit."""
        return {
            "objective": str(fingerprint(self._objective)),
            "unit": self.recording.loss_unit,
        }

    def __reduce__(self) -> Any:
        """Refuse to be sent: no worker has the reader's code, or the examples.

        Raises:
            TypeError: Always.
        """
        raise TypeError("a reader's own network is measured where it was read")

    @property
    def networks(self) -> list[tuple[TrainConfig, Task]]:
        """No run: nothing is trained."""
        return []

    def model(self) -> nn.Module:
        """Return the network in eval mode."""
        return self.network

    @functools.cached_property
    def _objective(self) -> Objective:
        return Objective(self.network, self.examples.tensors, **self.options)

    @property
    def objective(self) -> Objective:
        """The objective, at the network's own theta."""
        if self.recording.store is not None:
            # What is measured depends on the code of the network.
            self.recording.store.code |= fingerprint(self._objective).code
        return self._objective


def network(reference: str, *, checkpoint: str = "", folder: str = "") -> nn.Module:
    """Return the reader's network, with the weights of a checkpoint where there is one.

    Args:
        reference: ``package.module:name`` or ``file.py:name`` of a network, or of a function or
            class that builds it without arguments.
        checkpoint: File of weights, as ``landscape.load`` reads it; empty keeps what was built.
        folder: Where modules and files are looked for first.

    Raises:
        ValueError: If the reference gives no network, or the checkpoint does not fit it.
        FileNotFoundError: If there is no such checkpoint.
    """
    target = imported(reference, parameter="model", folder=folder)
    built = target if isinstance(target, nn.Module) else called(target, "model", reference)
    if not isinstance(built, nn.Module):
        raise ValueError(
            f"model={reference!r} gives an object of the type {type(built).__name__}. "
            "Name a torch.nn.Module, or a "
            "function that returns one."
        )
    if checkpoint:
        built = load_weights(built, pathlib.Path(folder) / checkpoint)
    return built.eval()


def another(reference: str, model: str, *, folder: str = "") -> nn.Module:
    """Return the network to compare with.

    Args:
        reference: A file of weights for the reader's network, or what names another network of the
            same layers, as for ``network``.
        model: What names the reader's network, which takes the weights of a file.
        folder: Where modules and files are looked for first.

    Raises:
        ValueError: As for ``network``.
        FileNotFoundError: If there is no such file of weights.
    """
    if ":" in reference:
        return network(reference, folder=folder)
    return network(model, checkpoint=reference, folder=folder)


def options(loss: str, bn: str, *, folder: str = "") -> dict[str, Any]:
    """Return the options of ``Objective`` that parameters name.

    Args:
        loss: ``cross_entropy``, ``next_token``, ``mse``, ``model``, or the reference of a function
            of outputs and targets that returns one loss an example.
        bn: Policy of batch normalisation.
        folder: Where modules and files are looked for first.

    Raises:
        ValueError: If the reference gives no function.
    """
    if loss in _BUILT_IN:
        return {"loss": loss, "bn": bn}
    function = imported(loss, parameter="loss", folder=folder)
    if not callable(function):
        raise ValueError(
            f"loss={loss!r} has the type {type(function).__name__} and is no function."
        )
    return {"loss": function, "bn": bn}


def objectives(
    networks: dict[Arm, nn.Module], examples: Task, **options: Any
) -> Callable[[int], Objective]:
    """Return what gives the objective of the first network on the first so many examples.

    Args:
        networks: Arm -> network.
        examples: The reader's examples.
        options: Options of ``Objective``.
    """
    first = next(iter(networks.values()))
    return lambda count: Objective(first, example_set(examples).first(count), **options)


def solutions(
    recording: Recording,
    networks: dict[Arm, nn.Module],
    examples: Examples,
    *,
    seed: int,
    **options: Any,
) -> Solutions:
    """Return the reader's networks, each as an arm with one seed.

    Args:
        recording: The record of the study.
        networks: Arm -> network.
        examples: Where losses are measured.
        seed: Seed of random directions and probes.
        options: Options of ``Objective``.
    """
    read = example_set(examples.task)
    ready = {arm: taking(copied(model), read.fields) for arm, model in networks.items()}
    first = next(iter(ready.values()))
    # As the network aligns outputs and labels, which stand in no dict from here on.
    loss, axis = settled(options["loss"], options.get("class_axis"), first, read, None)
    options |= {"loss": loss} | ({} if axis is None else {"class_axis": axis})
    return Solutions(
        {
            (arm, seed): OwnNetwork(
                # Nothing is trained: of the settings only the seed is read.
                config=TrainConfig(MLP(), SGD(1.0), seed=seed),
                task=examples.task,
                recording=recording,
                examples=examples,
                at="as given",
                options=options,
                network=model,
            )
            for arm, model in ready.items()
        }
    )


def pair(solutions: Solutions) -> Solutions:
    """Return two networks as the two ends of a path: seeds 0 and 1 of one arm.

    Args:
        solutions: The networks, in the order start, end.
    """
    arm = Arm("path")
    return Solutions({(arm, end): solution for end, solution in enumerate(solutions.values())})
