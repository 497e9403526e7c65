"""The exact trace and diagonal of the Hessian of a piecewise-linear network."""

import dataclasses
import math
from collections.abc import Iterator, Sequence

import torch
from torch.autograd.graph import GradientEdge, Node

from landscape import arguments
from landscape.data import Examples
from landscape.network.batchnorm import Buffers, block_sizes
from landscape.network.calling import call
from landscape.network.single_path import single_path
from landscape.objective import Objective, Parts
from landscape.progress import Progress
from landscape.spectrum.exact_trace.piecewise_linear import Graph, graph_of
from landscape.spectrum.exact_trace.pooling import PoolFirst
from landscape.spectrum.exact_trace.squared_gradients import squared_gradient_layers

# Bytes that one chunk of examples may hold: results of operations and unfolded inputs.
_CHUNK_BYTES = 256 * 2**20
# Bytes of a chunk's largest result on a CPU, so that a backward pass reads what it has just written
# from the cache.
_LARGEST_BYTES = 4 * 2**20
_PROBE = 8  # Examples that show how much memory one example takes.


@dataclasses.dataclass(frozen=True)
class ExactTrace:
    """Trace and diagonal of the Hessian ∇²L(θ), which equal those of the Gauss-Newton matrix.

    Attributes:
        value: tr ∇²L(θ) = tr GGN of the mean loss, in loss per parameter².
        diagonal: The diagonal (n,) in float64, in theta's order, in loss per parameter².
        error: Estimated rounding error of ``value``; see ``exact_trace``.
        passes: Forward and backward passes over all examples.
        bn: Batch-normalisation policy.
        examples: Number of examples.
        examples_hash: SHA-256 of inputs and targets.
        dtype: Floating-point type of the network; sums are float64.
        converged: Always true: nothing is iterated.
    """

    value: float
    diagonal: torch.Tensor
    error: float
    passes: int
    bn: str
    examples: int
    examples_hash: str
    dtype: str
    converged: bool = True


def exact_trace(
    objective: Objective, theta: torch.Tensor | None = None, *, buffers: Buffers | None = None
) -> ExactTrace:
    """Compute trace and diagonal of the Hessian of the mean loss, exact up to rounding.

    If the outputs f are piecewise linear in each single parameter, ∂²f/∂θᵢ² = 0 almost everywhere,
    so ∂²L/∂θᵢ² has its Gauss-Newton part only. With Σ_c s_c s_cᵀ the Hessian of an example's loss
    in its outputs, this part is (1/N) Σₙ Σ_c ⟨s_c, ∂fₙ/∂θᵢ⟩²: squared gradients of single examples,
    from one forward and C backward passes, where C = K - 1 for cross-entropy over K classes and
    C = K for K squared errors. Off the diagonal, Hessian and Gauss-Newton matrix differ. At a kink
    (a ReLU at zero), derivatives are as in automatic differentiation and in ``objective.hessian``.

    The error is an estimate, not a bound: value · 4 eps (m + max |f|), with m the number of
    operations that have parameters. Each operation rounds by about eps; an output is off by about
    eps |f|, and its probability is off by the same amount relative to itself. Compared with
    float64, the true error was 0.01 of the estimate in the median and 0.6 of it at most, over 168
    combinations of networks, scales of the outputs and examples.

    Memory: about 256 MB, or the memory of one example if that is more, beside a few vectors (n,).

    Args:
        objective: The loss to measure, ``cross_entropy`` or ``mse``. Its network has outputs (N, K)
            and consists of linear layers, convolutions, eval-mode batch normalisation, ReLU and
            other piecewise-linear operations, with each parameter used once. The graph of the
            outputs is checked for this.
        theta: The point (n,); None takes the objective's own theta.
        buffers: Running statistics to use; None takes the model's own, or under ``reestimate``
            statistics estimated at theta.

    Returns:
        Trace and diagonal in loss per parameter², with an estimate of the rounding error.

    Raises:
        ValueError: If network, loss or policy is not of this kind. The text names the obstacle and
            says to use ``trace(objective.hessian(theta))``.
        RuntimeError: If outputs or result are not finite.

    Reference: Botev et al. (2017), Practical Gauss-Newton Optimisation for Deep Learning, ICML;
    Dangel et al. (2020), BackPACK: Packing more into Backprop, ICLR.

    Example:
        >>> from landscape import Objective, data, models, spectrum
        >>> digits = data.load("digits")
        >>> model = models.MLP(hidden=(8,)).build(digits.shape, digits.classes, seed=0)
        >>> L = Objective(model, digits.first(100))
        >>> exact = spectrum.exact_trace(L)
        >>> round(exact.value, 1), exact.diagonal.shape == L.theta.shape
        (9.4, True)
        >>> estimate = spectrum.trace(L.hessian(), rtol=0.1)
        >>> estimate.low < exact.value < estimate.high
        True
    """
    arguments.check(exact_trace, locals())
    theta = objective.theta if theta is None else theta
    objective.check_single("the exact trace")
    parts = objective.parts(theta, buffers=buffers)
    network = _Network(parts, {block.name for block in objective.layout.blocks})
    totals = {name: torch.zeros_like(leaf).double() for name, leaf in network.leaves.items()}
    relative, passes = 0.0, 0
    with single_path(), Progress("exact trace", objective.num_examples) as bar:
        for inputs, targets in _chunks(parts.batches, _chunk_size(network, parts.batches)):
            outputs, graph = network(inputs)
            seeds = objective.output_factors(outputs.detach().double(), targets)
            # Confident predictions have tiny factors, whose squares would underflow in float32, so
            # the largest is scaled to 1.
            unit = float(seeds.abs().max() if len(seeds) else 0) or 1.0
            for name, part in _squares(graph, outputs, (seeds / unit).to(outputs)).items():
                totals[name] += unit**2 * part
            passes, relative = 1 + len(seeds), max(relative, _rounding(graph, outputs))
            bar.step(count=len(inputs))
    diagonal = objective.layout.flatten(totals) / objective.num_examples
    diagonal += objective.penalty_curvature
    value = float(diagonal.sum())
    if not math.isfinite(value):
        raise RuntimeError(
            f"the trace is not finite in {objective.dtype}: squared gradients overflow. Use an "
            "objective with dtype=torch.float64."
        )
    return ExactTrace(
        value=value,
        diagonal=diagonal,
        error=relative * value,
        passes=passes,
        bn=objective.bn,
        examples=objective.num_examples,
        examples_hash=objective.examples_hash,
        dtype=str(objective.dtype).removeprefix("torch."),
    )


class _Network:
    """The network at a point, as a map from inputs to outputs and the graph of its parameters."""

    def __init__(self, parts: Parts, trained: set[str]) -> None:
        self._module, self._buffers = parts.module, parts.buffers
        self._named = {name: tensor.detach() for name, tensor in parts.named.items()}
        self.leaves = {name: self._named[name].requires_grad_() for name in sorted(trained)}

    @torch.enable_grad()
    def __call__(self, inputs: torch.Tensor) -> tuple[torch.Tensor, Graph]:
        with PoolFirst():
            outputs = call(self._module, self._named, self._buffers, inputs)
        if outputs.dim() != 2 or len(outputs) != len(inputs):
            raise ValueError(
                f"the network maps inputs {tuple(inputs.shape)} to outputs {tuple(outputs.shape)}. "
                "The exact trace needs outputs (N, K), a row for each example. "
                "Use spectrum.trace(L.hessian(theta))."
            )
        if not outputs.isfinite().all():
            raise RuntimeError(
                "outputs of the network are not finite: parameters or examples hold NaN or "
                "infinity, or are too large. Check L.loss(theta) before asking for curvature."
            )
        return outputs, graph_of(outputs, self.leaves)


def _squares(graph: Graph, outputs: torch.Tensor, seeds: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return Σₙ Σ_c ⟨s_cn, ∂fₙ/∂θᵢ⟩² for each parameter that acts in the graph."""
    layers = squared_gradient_layers(graph, len(outputs))
    nodes = [layer.node for layer in layers]
    for seed in seeds:
        for layer, gradient in zip(layers, _gradients(nodes, outputs, seed), strict=True):
            for part in layer.squares:
                part.add(gradient)
    parts = [part for layer in layers for part in layer.squares]
    return {name: total for part in parts for name, total in part.totals().items()}


def _gradients(
    nodes: Sequence[Node], outputs: torch.Tensor, seed: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """Return the gradients of ⟨seed, outputs⟩ with respect to the results of operations."""
    if not nodes:
        return ()
    edges = [GradientEdge(node, 0) for node in nodes]
    return torch.autograd.grad(outputs, edges, seed, retain_graph=True)


def _chunk_size(network: _Network, batches: list[Examples]) -> int:
    """Return how many examples to compute at once, from the memory that a few of them take."""
    inputs, _ = next(_chunks(batches, _PROBE))
    outputs, graph = network(inputs)
    num_values = sum(
        part.num_values
        for layer in squared_gradient_layers(graph, len(inputs))
        for part in layer.squares
    )
    _check_independent(graph, outputs)
    bytes_per_value = outputs.element_size() / len(inputs)  # For a single example.
    # The seeds are float64.
    num_values += sum(graph.sizes) + 8 * outputs.shape[1] * outputs.numel()
    size = _CHUNK_BYTES / (bytes_per_value * num_values)
    if outputs.device.type == "cpu":
        size = min(size, _LARGEST_BYTES / (bytes_per_value * max(graph.sizes)))
    return max(1, int(size))


def _check_independent(graph: Graph, outputs: torch.Tensor) -> None:
    """Raise ValueError if an output depends on another example's result in a layer."""
    nodes, count = [use.node for use in graph.uses], len(outputs)
    # One example gets a gradient, with unequal entries so that none cancels; all others must
    # receive none.
    for index in {0, count // 2}:
        seed = torch.zeros_like(outputs)
        seed[index] = torch.linspace(1, 2, outputs.shape[1])
        for use, gradient in zip(graph.uses, _gradients(nodes, outputs, seed), strict=True):
            rows = gradient.reshape(count, -1).any(1)
            rows[index] = False
            if not rows.any():
                continue
            raise ValueError(
                f"an output depends on another example through {use.node.name()} with "
                f"{', '.join(map(repr, use.names.values()))}: examples act on each other, or are "
                "not in the first axis of each layer. The exact trace needs gradients of single "
                "examples. Use spectrum.trace(L.hessian(theta))."
            )


def _chunks(batches: list[Examples], size: int) -> Iterator[Examples]:
    """Yield the examples in their order, at most ``size`` at once."""
    group = max(1, size // len(batches[0][0]))
    for start in range(0, len(batches), group):
        inputs, targets = map(torch.cat, zip(*batches[start : start + group], strict=True))
        sizes = block_sizes(len(inputs), size)
        yield from zip(inputs.split(sizes), targets.split(sizes), strict=True)


def _rounding(graph: Graph, outputs: torch.Tensor) -> float:
    """Return the estimated relative rounding error; see ``exact_trace``."""
    largest = float(outputs.detach().abs().max())
    return 4 * torch.finfo(outputs.dtype).eps * (len(graph.uses) + largest)
