"""Repair networks between two solutions: give their units the statistics of the solutions."""

import contextlib
import copy
import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import nn

from landscape import arguments
from landscape.connectivity.path import Path, PathPositions, check_ends, measure_path, positions
from landscape.network import batchnorm
from landscape.network.batchnorm import Buffers
from landscape.network.parameters import NORM_LAYERS
from landscape.objective import Evaluation, Objective

_BATCH_NORM = nn.modules.batchnorm._BatchNorm


@dataclasses.dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of each unit of a layer, over examples and positions.

    Attributes:
        mean: Means of the units, of the shape of the layer's bias, float64.
        std: Standard deviations of the units, of the same shape, float64; uncorrected, as in batch
            normalisation.
    """

    mean: torch.Tensor
    std: torch.Tensor


@dataclasses.dataclass(frozen=True)
class Repaired:
    """A repaired straight path.

    Attributes:
        path: Loss, accuracy and barriers; ``kind`` and ``bn`` are ``repaired``.
        thetas: The repaired points (t, n), float64.
        buffers: Named buffers at each point, with estimated running statistics.
        layers: Names of the layers whose weight and bias were rescaled.
        examples_used: Number of examples over which the statistics were taken.
    """

    path: Path
    thetas: torch.Tensor
    buffers: tuple[Buffers, ...]
    layers: tuple[str, ...]
    examples_used: int


def repaired_path(
    start: Objective, end: Objective, *, inputs: torch.Tensor | None = None, ts: PathPositions = 25
) -> Repaired:
    """Measure the straight path with the statistics of each hidden unit restored (REPAIR).

    Each hidden unit's pre-activation gets a mean and a standard deviation over the inputs that are
    (1-t) times the first solution's plus t times the second's. Weight and bias of each layer are
    rescaled in the order of execution, so each layer is measured on the outputs of repaired layers.
    The paper does the same by inserting batch normalisation with these targets as shift and scale,
    estimating its statistics, and folding it into the layer.

    Where a normalisation follows a layer, its scale and shift are rescaled instead. Batch
    normalisation needs only fresh statistics, as under ``reestimate``: with them, mean and standard
    deviation equal shift and scale, which are interpolated like all parameters. The statistics are
    fresh at the ends as well. (A scale that changes its sign between the ends passes through zero,
    and so does the standard deviation.) The last layer gives outputs, not hidden units, and keeps
    its parameters. A unit with constant output is only shifted. At t = 0 and t = 1 all parameters
    are the solutions' own.

    The second network is usually aligned first, see ``aligned``.

    Args:
        start: Objective of the first solution; loss and accuracy are measured on its examples. Its
            policy for batch normalisation has no effect: repaired statistics replace it.
        end: Objective of the second solution, on the same examples and with the same options.
        inputs: Inputs (N, ...) over which statistics are taken, all at once: the activations of one
            layer for all of them must fit into memory. None takes the objective's inputs.
        ts: Positions that increase from 0 to 1, at least 3; or their number, evenly spaced.

    Returns:
        The repaired points and their losses. The statistics meet their targets up to rounding in
        the network's dtype, and behind batch normalisation up to the correction (M - 1) / M of
        running variances, M being the number of examples times positions.

    Raises:
        ValueError: If a layer has no trained weight and bias or is used more than once, or for the
            reasons of ``linear_barrier``.

    Reference: Jordan et al. (2023), REPAIR: REnormalizing Permuted Activations for Interpolation
        Repair, ICLR, section 3.
    """
    arguments.check(repaired_path, locals())
    check_ends(start, end)
    ts = positions(ts)
    # Repaired buffers are passed to every evaluation, and only ``frozen`` uses them.
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
    point_at = dict(zip(ts.tolist(), points, strict=True))

    def evaluate(t: float) -> Evaluation:
        theta, buffers = point_at[t]
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
    """Gives networks of one objective target statistics of their units."""

    def __init__(self, objective: Objective, sites: list[str], inputs: torch.Tensor) -> None:
        self._objective, self._inputs = objective, inputs
        parts = objective.parts(objective.theta)
        self._twin = batchnorm.statistics_estimator(parts.module)
        # Batch normalisation is not rescaled: fresh statistics repair it.
        self._sites = [
            name for name in sites if not isinstance(parts.module.get_submodule(name), _BATCH_NORM)
        ]
        for name in self._sites:
            self._check(name)

    def moments(self, theta: torch.Tensor) -> dict[str, Moments]:
        """Return the statistics of each layer at theta (n,), with fresh batch statistics."""
        moments: dict[str, Moments] = {}

        def record(name: str, module: nn.Module, outputs: torch.Tensor) -> None:
            moments[name] = _moments(module, outputs)

        self._run(theta, record)
        return moments

    def __call__(
        self, theta: torch.Tensor, targets: Mapping[str, Moments]
    ) -> tuple[torch.Tensor, Buffers]:
        """Return the repaired theta (n,) and fresh buffers."""
        named = {k: x.clone() for k, x in self._objective.layout.unflatten(theta).items()}

        def rescale(name: str, module: nn.Module, outputs: torch.Tensor) -> torch.Tensor:
            target, present = targets[name], _moments(module, outputs)
            # A spread of this size is rounding of a constant: its quotient would be arbitrary, and
            # could multiply the weights of a dead unit by millions.
            noise = 10 * torch.finfo(outputs.dtype).eps * present.mean.abs()
            scale = torch.where(present.std > noise, target.std / present.std, 1.0)
            shift = target.mean - scale * present.mean
            weight, bias = named[f"{name}.weight"], named[f"{name}.bias"]
            weight *= scale.view(scale.shape + (1,) * (weight.dim() - scale.dim()))
            bias.mul_(scale).add_(shift)
            # Later layers see repaired outputs, so one pass over the inputs repairs all layers.
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
                "no trained parameter of the network. REPAIR needs a weight and a bias in each "
                "hidden layer that no normalisation follows: build the network with biases."
            )


@contextlib.contextmanager
def _visited(model: nn.Module, names: list[str], visit: Callable) -> Iterator[None]:
    """Call ``visit`` with each named layer's outputs, which its return value, if any, replaces."""
    handles = []
    for name in names:
        # ``name`` as a default: a closure would hold the loop's last name in every hook.
        def hook(module, _, outputs, name=name):
            return visit(name, module, outputs)

        handles.append(model.get_submodule(name).register_forward_hook(hook))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _sites(model: nn.Module, inputs: torch.Tensor) -> list[str]:
    """Return the names of the layers that give pre-activations, in the order of execution.

    Of a layer and the normalisation that follows it, only the normalisation is named.
    """
    with torch.inference_mode(False):  # Inference tensors have no version counters.
        twin = copy.deepcopy(model)
    layer_types = (nn.Linear, nn.modules.conv._ConvNd, *NORM_LAYERS)
    names = [name for name, module in twin.named_modules() if isinstance(module, layer_types)]
    ran: list[str] = []
    # id of an output -> its layer, the output, its version. Keeping the output keeps its id from
    # being given to a later tensor, which would then pass for it.
    makers: dict[int, tuple[str, torch.Tensor, int]] = {}
    normalised: set[str] = set()

    def visit(name: str, module: nn.Module, inputs: torch.Tensor, outputs: torch.Tensor) -> None:
        if name in ran:
            raise ValueError(
                f"layer {name!r} is used more than once, so it has no single statistics to "
                "restore. REPAIR needs a network that uses each layer once."
            )
        _check_axes_known(name, module)
        ran.append(name)
        maker, _, version = makers.get(id(inputs), ("", inputs, -1))
        # Another version means that an in-place activation stands between the two layers.
        if isinstance(module, NORM_LAYERS) and version == inputs._version:
            normalised.add(maker)
        makers[id(outputs)] = (name, outputs, outputs._version)

    for name in names:
        twin.get_submodule(name).register_forward_hook(
            lambda module, args, outputs, name=name: visit(name, module, args[0], outputs)
        )
    with torch.inference_mode(False), torch.no_grad():
        twin(inputs.clone())  # A network may write into its inputs.
    # The last layer to run gives the network's outputs, not hidden units.
    return [name for name in ran[:-1] if name not in normalised]


def _check_axes_known(name: str, module: nn.Module) -> None:
    # A channels-first LayerNorm derives from torch's and moves axes in its forward pass: statistics
    # over the last axes would be of positions, not of units.
    is_own = type(module).forward is not nn.LayerNorm.forward
    if isinstance(module, nn.LayerNorm) and is_own:
        raise ValueError(
            f"layer {name!r} is a {type(module).__qualname__}, a LayerNorm with a forward pass of "
            "its own, so the axis of its units is unknown. REPAIR needs torch's own LayerNorm, or "
            "a norm over channels, such as nn.GroupNorm(1, channels)."
        )


def _axes(module: nn.Module, outputs: torch.Tensor) -> list[int]:
    """Return the axes to average over: all but those of the units, for which targets are set.

    Units are on the last axes of linear layers and layer norms, else on the second, the channels.
    """
    if isinstance(module, nn.Linear):
        return list(range(outputs.dim() - 1))
    if isinstance(module, nn.LayerNorm):
        return list(range(outputs.dim() - len(module.normalized_shape)))
    return [axis for axis in range(outputs.dim()) if axis != 1]


def _shape(module: nn.Module, outputs: torch.Tensor) -> list[int]:
    """Return the shape in which a value per unit multiplies the outputs."""
    averaged = _axes(module, outputs)
    return [1 if axis in averaged else size for axis, size in enumerate(outputs.shape)]


def _moments(module: nn.Module, outputs: torch.Tensor) -> Moments:
    # In float64: a mean over many examples and positions would lose digits in float32.
    std, mean = torch.std_mean(outputs.double(), _axes(module, outputs), correction=0)
    return Moments(mean.cpu(), std.cpu())


def repaired_straight_path(start: Objective, end: Objective, *, ts: int) -> Path:
    """Return the path of ``repaired_path`` without its points, for the store.

    The points are as many vectors (n,) as positions: gigabytes for large networks.

    Args:
        start: Objective of the first solution.
        end: Objective of the second solution.
        ts: Number of positions, evenly spaced.

    Raises:
        ValueError: For the reasons of ``repaired_path``.
    """
    return repaired_path(start, end, ts=ts).path
