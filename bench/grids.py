"""Losses on a grid of a plane, and along a line: by this library, a peer, a plain loop."""

import dataclasses
import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from landscape import directions, rng, slices
from landscape.evaluator import Evaluator
from torch import nn

from bench import ours
from bench.subjects import Subject

PEER = "loss-landscapes"
LOOP = "Li's loop"
FLOOR = "forward passes alone"

Losses = Callable[[], np.ndarray | torch.Tensor]
Key = tuple[str, str]  # Tool and setting.


@dataclasses.dataclass(frozen=True)
class Plane:
    """A square grid around a subject's solution, along two filter-normalised random directions.

    Positions run from -1 to 1, ``steps`` along each direction.
    """

    subject: Subject
    steps: int

    @property
    def alphas(self) -> torch.Tensor:
        """Positions (steps,), float64."""
        return torch.linspace(-1, 1, self.steps, dtype=torch.float64)

    def directions(self) -> list[torch.Tensor]:
        """Return both directions (n,), float64."""
        at = self.subject.objective
        drawn = [directions.random(at.layout, generator=rng.stream(0, "bench", i)) for i in (1, 2)]
        return [directions.filter_normalize(d, at.theta, at.layout) for d in drawn]

    def exact(self) -> torch.Tensor:
        """Return the losses (steps, steps) in float64, each point by itself."""
        d1, d2 = self.directions()
        at, grid = self.subject.exact, self.alphas.tolist()
        found = [[at.loss(at.theta + a * d1 + b * d2) for b in grid] for a in grid]
        return torch.tensor(found, dtype=torch.float64)


def plane_tools(plane: Plane, peer: bool) -> dict[Key, Losses]:
    """Return what computes the losses (steps, steps): tool and setting -> function.

    Args:
        plane: The grid.
        peer: Whether loss-landscapes is there.
    """
    subject, (d1, d2) = plane.subject, plane.directions()
    grid, at = plane.alphas, plane.subject.objective

    def library() -> torch.Tensor:
        return slices.plane(at, at.theta, d1, d2, alphas=grid, betas=grid).loss

    tools: dict[Key, Losses] = {
        (ours.NAME, "defaults"): library,
        (FLOOR, "128 at once, channels_last"): floor(subject, plane.steps**2),
    }
    for last in (False, True):
        tools[LOOP, _words("128 at once", last)] = _loop_plane(plane, last)
        if peer:
            tools[PEER, _words("all at once", last)] = _peer_plane(plane, last)
    return tools


def line_tools(ends: tuple[Subject, Subject], points: int, peer: bool) -> dict[Key, Losses]:
    """Return what computes the losses (points,) on the straight path between two networks."""
    start, end = (subject.objective for subject in ends)
    ts = torch.linspace(0, 1, points, dtype=torch.float64).tolist()
    tools: dict[Key, Losses] = {
        (ours.NAME, "defaults"): lambda: Evaluator.between(start, end).measure([(t,) for t in ts])[
            0
        ],
        (FLOOR, "128 at once, channels_last"): floor(ends[0], points),
    }
    for last in (False, True):
        states = [subject.network(channels_last=last).state_dict() for subject in ends]
        tools[LOOP, _words("128 at once", last)] = _loop(ends[0], _between(*states), ts, last)
        if peer:
            tools[PEER, _words("all at once", last)] = _peer_line(ends, points, last)
    return tools


def exact_line(ends: tuple[Subject, Subject], points: int) -> torch.Tensor:
    """Return the losses (points,) in float64; running statistics are interpolated too."""
    start, end = (subject.exact for subject in ends)
    found = []
    for t in torch.linspace(0, 1, points, dtype=torch.float64).tolist():
        buffers = {
            name: torch.lerp(buffer, end.buffers[name], t) if buffer.is_floating_point() else buffer
            for name, buffer in start.buffers.items()
        }
        found.append(start.loss(torch.lerp(start.theta, end.theta, t), buffers=buffers))
    return torch.tensor(found, dtype=torch.float64)


def floor(subject: Subject, points: int) -> Losses:
    """Return so many inference-mode forward passes, and nothing else."""
    network = subject.network(channels_last=True)
    batches = subject.batches(128, channels_last=True)

    def run() -> torch.Tensor:
        with torch.inference_mode():
            for _ in range(points):
                for inputs, _targets in batches:
                    network(inputs)
        return torch.empty(0)

    return run


def _words(size: str, last: bool) -> str:
    return f"{size}, channels_last" if last else size


State = Mapping[str, torch.Tensor]


def _loop_plane(plane: Plane, last: bool) -> Losses:
    """As Li et al. (2018) published it: set the weights, go through the batches."""
    subject = plane.subject
    state = subject.network(channels_last=last).state_dict()
    first, second = (subject.objective.layout.unflatten(d.float()) for d in plane.directions())

    def at(point: tuple[float, float]) -> State:
        moved = {k: state[k] + point[0] * first[k] + point[1] * second[k] for k in first}
        return {**state, **moved}

    grid = plane.alphas.tolist()
    run = _loop(subject, at, [(a, b) for a in grid for b in grid], last)
    return lambda: run().reshape(plane.steps, plane.steps)


def _between(start: State, end: State) -> Callable[[float], State]:
    def at(t: float) -> State:
        return {
            name: (1 - t) * tensor + t * end[name] if tensor.is_floating_point() else tensor
            for name, tensor in start.items()
        }

    return at


def _loop(subject: Subject, at: Callable, points: list, last: bool) -> Losses:
    network = subject.network(channels_last=last)
    batches = subject.batches(128, channels_last=last)

    def run() -> torch.Tensor:
        found = []
        with torch.no_grad():
            for point in points:
                network.load_state_dict(at(point))
                total, correct = 0.0, 0
                for inputs, targets in batches:
                    outputs = network(inputs)
                    total += nn.functional.cross_entropy(outputs, targets).item() * len(inputs)
                    correct += outputs.argmax(1).eq(targets).sum().item()
                found.append(total / len(subject.inputs))
        return torch.tensor(found, dtype=torch.float64)

    return run


def _metric(subject: Subject, last: bool) -> object:
    metrics = importlib.import_module("loss_landscapes.metrics")
    (inputs, targets), *_ = subject.batches(len(subject.inputs), channels_last=last)
    return metrics.Loss(nn.CrossEntropyLoss(), inputs, targets)


def _peer_plane(plane: Plane, last: bool) -> Losses:
    """Place its start and two ends so that the points which it documents are those of the grid."""
    peer, metric = importlib.import_module("loss_landscapes"), _metric(plane.subject, last)
    d1, d2 = plane.directions()
    step = 2 / (plane.steps - 1)
    corner = plane.subject.objective.theta - d1 - d2
    ends = [corner + plane.steps * step * d for d in (d1, d2)]

    def run() -> np.ndarray:
        networks = [_placed(plane.subject, theta, last) for theta in (corner, *ends)]
        return peer.planar_interpolation(*networks, metric, steps=plane.steps)

    return run


def _peer_line(ends: tuple[Subject, Subject], points: int, last: bool) -> Losses:
    peer, metric = importlib.import_module("loss_landscapes"), _metric(ends[0], last)

    def run() -> np.ndarray:
        networks = [end.network(channels_last=last) for end in ends]
        return peer.linear_interpolation(*networks, metric, steps=points)

    return run


def _placed(subject: Subject, theta: torch.Tensor, last: bool) -> nn.Module:
    network = subject.network(channels_last=last)
    with torch.no_grad():
        for name, tensor in subject.objective.layout.unflatten(theta).items():
            network.get_parameter(name).copy_(tensor)
    return network


def load_peer(folder: Path) -> str | None:
    """Make loss-landscapes importable.

    Returns:
        None, or why it is not there.
    """
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.append(str(folder))
        importlib.invalidate_caches()
    try:
        importlib.import_module("loss_landscapes")
    except Exception as error:  # Whatever its import runs into ends the peer, not the bench.
        return f"cannot be imported ({type(error).__name__}: {error})"
    return None


def peer_version() -> str:
    """Return the version of loss-landscapes."""
    return importlib.metadata.version(PEER)


def relative_error(found: np.ndarray | torch.Tensor, exact: torch.Tensor) -> float:
    """Return the largest relative error of finite losses; infinite where one is not finite."""
    found = torch.as_tensor(found, dtype=torch.float64)
    errors = ((found - exact) / exact).abs()
    return float(errors.nan_to_num(nan=float("inf")).max())
