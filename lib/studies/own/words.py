"""What is said of a reader's own network, and which paths are measured."""

import functools
import math
from collections.abc import Mapping
from typing import Any

from landscape.connectivity.path import Path
from landscape.network.batchnorm import Policy
from landscape.objective import Objective
from torch import nn

from studies.collection import Results
from studies.display import Sentence
from studies.formatting import count_text, list_text, number_text, path_text, policy_text
from studies.measurements import Measurements

Paths = Results[Path]

_BYTES = 2 * 10**9
_FEWEST_VECTORS, _MOST_VECTORS = 20, 400


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


def has_accuracy(objective: Objective) -> bool:
    """Return whether targets are classes, so that outputs can be right or wrong."""
    return math.isfinite(objective.evaluate().accuracy)


def most_vectors(objective: Objective) -> int:
    """Return how many vectors (n,) of a search fit into 2 GB: large networks have long ones.

    Args:
        objective: What is measured.
    """
    return int(min(_MOST_VECTORS, max(_FEWEST_VECTORS, _BYTES // (8 * objective.n))))


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
