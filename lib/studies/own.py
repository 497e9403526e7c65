"""A reader's own network and examples, as solutions that every recorded step measures."""

import dataclasses
import functools
import inspect
import math
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from landscape.checkpoints import load as load_weights
from landscape.connectivity.path import Path
from landscape.data import Dataset
from landscape.models.mlp import MLP
from landscape.network.batchnorm import Policy
from landscape.objective import Objective
from landscape.store.fingerprint import digest, fingerprint
from landscape.training.config import TrainConfig
from landscape.training.optimizers import SGD
from torch import nn
from torch.utils.data import DataLoader

from studies.arms import Arm
from studies.collection import Results
from studies.display import Sentence
from studies.formatting import count_text, list_text, number_text, path_text, policy_text
from studies.measurements import Measurements
from studies.recording import Recording
from studies.references import imported
from studies.solutions import Solution, Solutions
from studies.tasks import Examples, Task

Paths = Results[Path]

_BUILT_IN = ("cross_entropy", "mse")


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
    built = target if isinstance(target, nn.Module) else _called(target, "model", reference)
    if not isinstance(built, nn.Module):
        raise ValueError(
            f"model={reference!r} gives an object of the type {type(built).__name__}. Name a torch.nn.Module, or a "
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


def examples(reference: str, count: int, *, folder: str = "") -> Task:
    """Return the reader's examples: the first of those that a function or an object gives.

    Args:
        reference: ``package.module:name`` or ``file.py:name`` of a pair (inputs, targets) of
            tensors or arrays, a ``torch.utils.data.Dataset``, or an iterable of batches such as a
            ``DataLoader``; or of a function that returns one. Batches are read once, in the order
            in which they come.
        count: Most examples to keep, at least 1.
        folder: Where modules and files are looked for first.

    Raises:
        ValueError: If there are no examples, or they are no pairs of tensors.
    """
    if count < 1:
        raise ValueError(f"examples={count}: keep at least 1 example.")
    target = imported(reference, parameter="data", folder=folder)
    given = _called(target, "data", reference) if callable(target) else target
    inputs, targets = _pair(given, count, f"data={reference!r}")
    return _task(reference, inputs, targets)


def shortened(task: Task, count: int) -> Task:
    """Return the reader's first examples as all that there are.

    Args:
        task: The examples.
        count: Number to keep.
    """
    return _task(task.name, *task.dataset.first(count))


def _task(name: str, inputs: torch.Tensor, targets: torch.Tensor) -> Task:
    classes = 1 if targets.is_floating_point() else max(1, int(targets.max()) + 1)
    sha256, none = digest((inputs, targets)), (inputs[:0], targets[:0])
    dataset = Dataset(name, inputs, targets, *none, classes, sha256)
    shape: Any = tuple(inputs.shape[1:])
    return Task(name, sha256, len(inputs), 0, classes, shape, lambda: dataset)


def options(loss: str, bn: str, *, folder: str = "") -> dict[str, Any]:
    """Return the options of ``Objective`` that parameters name.

    Args:
        loss: ``cross_entropy``, ``mse``, or the reference of a function of outputs and targets
            that returns one loss an example.
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
            for arm, model in networks.items()
        }
    )


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
    return lambda count: Objective(first, examples.dataset.first(count), **options)


def has_accuracy(objective: Objective) -> bool:
    """Return whether targets are classes, so that outputs can be right or wrong."""
    return math.isfinite(objective.evaluate().accuracy)


def path_policies(model: nn.Module, bn: Policy) -> tuple[Policy, ...]:
    """Return the policies under which paths are measured: two where statistics go stale on them.

    Args:
        model: The network.
        bn: The policy of all other measurements.
    """
    normalised = any(
        getattr(module, "running_mean", None) is not None for module in model.modules()
    )
    return ("frozen", "reestimate") if normalised else (bn,)


def named_paths(*measured: Paths | None) -> dict[str, Path]:
    """Return kind of path -> path; the policy stands in the name where a kind has several.

    Args:
        measured: What ``study.paths`` returns; None where nothing was measured.
    """
    both: dict[Any, Path] = {}
    for paths in measured:
        both |= dict(paths or {})
    kinds = [arm.factors["path"] for arm, _ in both]
    return {
        arm.factors["path"]
        if kinds.count(arm.factors["path"]) == 1
        else f"{arm.factors['path']}, {policy_text(arm.factors['bn'])} statistics": path
        for (arm, _), path in both.items()
    }


def pair(solutions: Solutions) -> Solutions:
    """Return two networks as the two ends of a path: seeds 0 and 1 of one arm.

    Args:
        solutions: The networks, in the order start, end.
    """
    arm = Arm("path")
    return Solutions({(arm, end): solution for end, solution in enumerate(solutions.values())})


def _called(target: Any, parameter: str, reference: str) -> Any:
    if not callable(target):
        raise ValueError(
            f"{parameter}={reference!r} has the type {type(target).__name__}, which cannot be called."
        )
    try:
        needed = [
            name
            for name, argument in inspect.signature(target).parameters.items()
            if argument.default is argument.empty
            and argument.kind not in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD)
        ]
    except ValueError:  # Builtins have no signature.
        needed = []
    if needed:
        raise ValueError(
            f"{parameter}={reference!r} needs arguments: {', '.join(needed)}. Name a function that "
            "is called without any; write one that fills them in."
        )
    return target()


def _pair(given: Any, count: int, where: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the first inputs and targets of what the reader's code gives."""
    if isinstance(given, torch.utils.data.Dataset) and not isinstance(given, Iterable):
        given = DataLoader(given, batch_size=min(count, 64))
    if isinstance(given, tuple | list) and len(given) == 2 and _are_arrays(given):
        inputs, targets = (torch.as_tensor(part) for part in given)
    elif isinstance(given, Iterable):
        inputs, targets = _collected(given, count, where)
    else:
        raise ValueError(
            f"{where} gives an object of the type {type(given).__name__}. Give (inputs, targets), a Dataset, or a "
            "DataLoader."
        )
    if not len(inputs) or len(inputs) != len(targets):
        raise ValueError(
            f"{where} gives {len(inputs)} inputs and {len(targets)} targets. Give one target for "
            "each input, and at least one example."
        )
    return inputs[:count].detach().clone(), targets[:count].detach().clone()


def _collected(batches: Iterable[Any], count: int, where: str) -> tuple[torch.Tensor, torch.Tensor]:
    parts: list[tuple[torch.Tensor, torch.Tensor]] = []
    seen = 0
    for batch in batches:
        if not (isinstance(batch, tuple | list) and len(batch) == 2 and _are_arrays(batch)):
            raise ValueError(
                f"{where} gives batches of {type(batch).__name__}. A batch is a pair (inputs, "
                "targets) of tensors."
            )
        inputs, targets = (torch.as_tensor(part) for part in batch)
        parts.append((inputs, targets))
        seen += len(inputs)
        if seen >= count:
            break
    if not parts:
        raise ValueError(f"{where} gives no batch. Give at least one example.")
    inputs, targets = (torch.cat(part) for part in zip(*parts, strict=True))
    return inputs, targets


def _are_arrays(parts: Iterable[Any]) -> bool:
    return all(isinstance(part, torch.Tensor | np.ndarray) for part in parts)


def findings(
    numbers: Measurements,
    shapes: Measurements,
    routes: Mapping[str, Path],
    *,
    unit: str,
    examples: int,
) -> list[str]:
    """Return what was found about the first network, in up to four sentences.

    Args:
        numbers: Loss, eigenvalues and sharpness.
        shapes: Numbers of the plane; empty where none was measured.
        routes: Kind of path -> path to the other network; empty without one.
        unit: Unit of the loss.
        examples: Number of examples.
    """
    arm = numbers.arms[0]
    value = functools.partial(_value, numbers, arm=arm)
    accuracy = ""
    if "train_accuracy" in numbers:
        accuracy = f" and an accuracy of {100 * value('train_accuracy'):.1f}%"
    sentences = [
        f"On {count_text(examples)} examples your network has a loss of "
        f"{number_text(value('loss'))} {unit}{accuracy}; its gradient has the norm "
        f"{number_text(value('gradient_norm'))}, and a step of {_rho(numbers)} uphill raises the "
        f"loss by {number_text(value('sam'))} {unit}."
    ]
    if "lambda_max" in numbers:
        sentences.append(_curvature(numbers, arm))
    if "quadratic_radius" in shapes:
        radius = _value(shapes, "quadratic_radius", arm=arm)
        sentences.append(
            f"On a random plane the quadratic model holds up to {number_text(radius)} filter norms."
            if math.isfinite(radius)
            else "On a random plane the quadratic model holds at no distance of the grid."
        )
    if routes:
        heights = [f"{number_text(p.barrier)} ({path_text(kind)})" for kind, p in routes.items()]
        sentences.append(f"Barriers to the other network, in {unit}: {list_text(heights)}.")
    return sentences


def advice(numbers: Measurements) -> Sentence:
    """Return what the largest eigenvalue means for the learning rate.

    Args:
        numbers: Where λ_max was recorded.

    Reference: Cohen et al. (2021), Gradient Descent on Neural Networks Typically Occurs at the
        Edge of Stability, ICLR.
    """
    top = _value(numbers, "lambda_max", arm=numbers.arms[0]) if "lambda_max" in numbers else 0.0
    if not top > 0:
        return Sentence(
            "**What it means.** Without a positive λ_max no learning rate is too large."
        )
    return Sentence(
        "**What it means.** On these examples full-batch gradient descent is stable near the "
        f"network up to a learning rate of 2/λ_max = {number_text(2 / top)}, with a momentum of "
        f"0.9 up to 3.8/λ_max = {number_text(3.8 / top)}. With a larger rate it leaves this place."
    )


def _curvature(numbers: Measurements, arm: str) -> str:
    top, bottom = (_value(numbers, name, arm=arm) for name in ("lambda_max", "lambda_min"))
    errors = [numbers.errors(name, arm)[0] for name in ("lambda_max", "lambda_min")]
    if not math.isfinite(top):
        return "The eigenvalues of the Hessian are not known: see the notes of the record."
    kind = (
        "negative curvature is left, so this point is no minimum"
        if bottom + errors[1] < 0
        else "no negative curvature was seen"
    )
    return (
        f"The Hessian's largest eigenvalue is {number_text(top)} ± {number_text(errors[0])}, its "
        f"smallest {number_text(bottom)} ± {number_text(errors[1])}: {kind}."
    )


def _rho(numbers: Measurements) -> str:
    return number_text(float(numbers.where(quantity="sam").frame["rho"].iloc[0]))


def _value(numbers: Measurements, name: str, *, arm: str) -> float:
    return numbers.values(name, arm)[0]
