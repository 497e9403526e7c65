"""REPAIR: networks between two solutions, their units with the statistics of the solutions."""

import contextlib
import copy
import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import nn

from landscape.connectivity.path import Path, PathPositions, check_ends, measure_path, positions
from landscape.network import batchnorm
from landscape.network.batchnorm import Buffers
from landscape.network.parameters import NORM_LAYERS
from landscape.objective import Evaluation, Objective

_BATCH_NORM = nn.modules.batchnorm._BatchNorm


@dataclasses.dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of a layer's outputs, over examples and positions.

    Attributes:
        mean: A value a unit, of the shape of the layer's bias, float64.
        std: Likewise; uncorrected, as batch normalisation takes it.
    """

    mean: torch.Tensor
    std: torch.Tensor


@dataclasses.dataclass(frozen=True)
class Repaired:
    """A repaired straight path.

    Attributes:
        path: Loss, accuracy and barriers, of kind and policy ``repaired``.
        thetas: The repaired points (t, n), float64.
        buffers: Named buffers at each, with estimated running statistics.
        layers: Names of the layers whose statistics were restored by their weights.
        examples_used: Number of examples that the statistics were taken from.
    """

    path: Path
    thetas: torch.Tensor
    buffers: tuple[Buffers, ...]
    layers: tuple[str, ...]
    examples_used: int


def repaired_path(
    start: Objective, end: Objective, *, inputs: torch.Tensor | None = None, ts: PathPositions = 25
) -> Repaired:
    """Measure the straight path with each unit's statistics restored to the ends' own.

    The mean and standard deviation of each hidden unit's pre-activation over the inputs are set to
    (1-t) times those of the first solution plus t times those of the second: the layer's weights
    and bias are rescaled in the order of execution, so that each layer is measured behind repaired
    ones. That is what the paper's batch normalisation does, which is set to the targets, given
    fresh statistics and folded into its layer. Where a normalisation follows a layer, its scale and
    shift are rescaled instead. Batch normalisation has mean and deviation equal to its shift and
    scale as soon as its statistics are fresh, and shift and scale are interpolated like all
    parameters: its repair is new statistics, at the ends too, as under ``reestimate``. (A scale
    that changes its sign from one end to the other passes through zero, and so does the deviation.)
    The last layer gives outputs, not hidden units, and stays; at t = 0 and t = 1 all parameters are
    the solutions' own. A unit of constant output is only shifted.

    Usually the second network is aligned first, see ``aligned``.

    Args:
        start: Objective of the first solution; its examples decide what is measured. Its policy
            does not matter: repaired statistics take its place.
        end: Objective of the second, on the same examples and with the same options.
        inputs: Inputs (N, ...) to take statistics from, all at once: one layer's activations for
            all of them must fit into memory. None takes the objective's own.
        ts: Positions, from 0 to 1 with both; or how many, evenly spaced.

    Returns:
        The repaired points and what was measured there. The network's dtype bounds how well the
        statistics are met, and behind batch normalisation the correction (M - 1) / M of running
        variances, M being the number of examples times positions.

    Raises:
        ValueError: If a layer cannot take a scale and a shift or is used more than once, or for the
            reasons of ``linear_barrier``.

    Reference: Jordan et al. (2023), REPAIR: REnormalizing Permuted Activations for Interpolation
        Repair, section 3.
    """
    check_ends(start, end)
    ts = positions(ts)
    start, end = start.replace(bn="frozen"), end.replace(bn="frozen")
    parts = start.parts(start.theta)
    if inputs is None:
        inputs = torch.cat([batch for batch, _ in parts.batches])
    inputs = inputs.to(parts.batches[0][0])
    repair = _Repair(start, _sites(parts.module, inputs[:2]), inputs)
    ends = [repair.moments(objective.theta) for objective in (start, end)]
    points = []
    for t in ts.tolist():
        targets = {name: _between(ends[0][name], ends[1][name], t) for name in ends[0]}
        points.append(repair(torch.lerp(start.theta, end.theta, t), targets))
    at = dict(zip(ts.tolist(), points, strict=True))

    def evaluate(t: float) -> Evaluation:
        theta, buffers = at[t]
        return start.evaluate(theta, buffers=buffers)

    path = measure_path(start, ts, evaluate, kind="repaired", length=math.nan)
    return Repaired(
        path=dataclasses.replace(path, bn="repaired"),
        thetas=torch.stack([theta for theta, _ in points]),
        buffers=tuple(buffers for _, buffers in points),
        layers=tuple(ends[0]),
        examples_used=len(inputs),
    )


def _between(start: Moments, end: Moments, t: float) -> Moments:
    return Moments(torch.lerp(start.mean, end.mean, t), torch.lerp(start.std, end.std, t))


class _Repair:
    """Networks of one objective with given statistics of their units."""

    def __init__(self, objective: Objective, sites: list[str], inputs: torch.Tensor) -> None:
        self._objective, self._inputs = objective, inputs
        parts = objective.parts(objective.theta)
        self._twin = batchnorm.statistics_estimator(parts.module)
        self._sites = [
            name for name in sites if not isinstance(parts.module.get_submodule(name), _BATCH_NORM)
        ]
        for name in self._sites:
            self._check(name)

    def moments(self, theta: torch.Tensor) -> dict[str, Moments]:
        """Return the statistics of each layer at theta (n,), behind fresh batch statistics."""
        found: dict[str, Moments] = {}

        def record(name: str, module: nn.Module, outputs: torch.Tensor) -> None:
            found[name] = _moments(module, outputs)

        self._run(theta, record)
        return found

    def __call__(
        self, theta: torch.Tensor, targets: Mapping[str, Moments]
    ) -> tuple[torch.Tensor, Buffers]:
        """Return the repaired theta (n,) and fresh buffers."""
        named = {k: x.clone() for k, x in self._objective.layout.unflatten(theta).items()}

        def rescale(name: str, module: nn.Module, outputs: torch.Tensor) -> torch.Tensor:
            target, has = targets[name], _moments(module, outputs)
            noise = 10 * torch.finfo(outputs.dtype).eps * has.mean.abs()
            scale = torch.where(has.std > noise, target.std / has.std, 1.0)
            shift = target.mean - scale * has.mean
            weight, bias = named[f"{name}.weight"], named[f"{name}.bias"]
            weight *= scale.view(scale.shape + (1,) * (weight.dim() - scale.dim()))
            bias.mul_(scale).add_(shift)
            shape = _shape(module, outputs)
            return outputs * scale.to(outputs).view(shape) + shift.to(outputs).view(shape)

        buffers = self._run(theta, rescale)
        return self._objective.layout.flatten(named), buffers

    def _run(self, theta: torch.Tensor, visit: Callable) -> Buffers:
        parts = self._objective.parts(theta)
        with _visited(self._twin, self._sites, visit):
            return batchnorm.reestimate(self._twin, parts.named, parts.buffers, [self._inputs])

    def _check(self, name: str) -> None:
        trained = {block.name for block in self._objective.layout.blocks}
        missing = {f"{name}.weight", f"{name}.bias"} - trained
        if missing:
            raise ValueError(
                f"layer {name!r} cannot take a scale and a shift: {', '.join(sorted(missing))} is "
                "no trained parameter of it. REPAIR needs weight and bias in each hidden layer "
                "that no normalisation follows: build the network with biases."
            )


@contextlib.contextmanager
def _visited(model: nn.Module, names: list[str], visit: Callable) -> Iterator[None]:
    handles = []
    for name in names:

        def hook(module, _, outputs, name=name):
            return visit(name, module, outputs)

        handles.append(model.get_submodule(name).register_forward_hook(hook))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _sites(model: nn.Module, inputs: torch.Tensor) -> list[str]:
    """Names of the layers that make pre-activations, in the order of execution."""
    with torch.inference_mode(False):  # Inference tensors have no versions.
        twin = copy.deepcopy(model)
    kinds = (nn.Linear, nn.modules.conv._ConvNd, *NORM_LAYERS)
    names = [name for name, module in twin.named_modules() if isinstance(module, kinds)]
    ran: list[str] = []
    makers: dict[int, tuple[str, torch.Tensor, int]] = {}  # Tensors are kept: ids stay theirs.
    normalised: set[str] = set()

    def visit(name: str, module: nn.Module, given: torch.Tensor, outputs: torch.Tensor) -> None:
        if name in ran:
            raise ValueError(
                f"layer {name!r} is used more than once, so it has no single statistics to "
                "restore. REPAIR needs a network that uses each layer once."
            )
        ran.append(name)
        maker, _, version = makers.get(id(given), ("", given, -1))
        # Another version: an activation in place stands between the two.
        if isinstance(module, NORM_LAYERS) and version == given._version:
            normalised.add(maker)
        makers[id(outputs)] = (name, outputs, outputs._version)

    for name in names:
        twin.get_submodule(name).register_forward_hook(
            lambda module, given, outputs, name=name: visit(name, module, given[0], outputs)
        )
    with torch.inference_mode(False), torch.no_grad():
        twin(inputs.clone())
    return [name for name in ran[:-1] if name not in normalised]


def _axes(module: nn.Module, outputs: torch.Tensor) -> list[int]:
    # All axes but those of the layer's units: the last ones, or the channels behind the examples.
    if isinstance(module, nn.Linear):
        return list(range(outputs.dim() - 1))
    if isinstance(module, nn.LayerNorm):
        return list(range(outputs.dim() - len(module.normalized_shape)))
    return [axis for axis in range(outputs.dim()) if axis != 1]


def _shape(module: nn.Module, outputs: torch.Tensor) -> list[int]:
    averaged = _axes(module, outputs)
    return [1 if axis in averaged else size for axis, size in enumerate(outputs.shape)]


def _moments(module: nn.Module, outputs: torch.Tensor) -> Moments:
    std, mean = torch.std_mean(outputs.double(), _axes(module, outputs), correction=0)
    return Moments(mean.cpu(), std.cpu())


def repaired_straight_path(start: Objective, end: Objective, *, ts: int) -> Path:
    """Return the path of ``repaired_path`` alone: for a store, since points take vectors (n,)."""
    return repaired_path(start, end, ts=ts).path
