"""The trace of the Hessian, layer by layer."""

import dataclasses
import math
from typing import Any

import torch

from landscape import rng
from landscape.network.parameters import Layout
from landscape.objective import Objective
from landscape.progress import Progress
from landscape.spectrum.exact_trace.exact import exact_trace


@dataclasses.dataclass(frozen=True)
class LayerTraces:
    """The share of each layer in the trace of the Hessian.

    Attributes:
        layers: Names of the modules that own the parameters, in the model's order.
        parameters: Number of parameters of each layer.
        values: Sum of each layer's entries on the diagonal of the Hessian (k,), in loss per
            parameter².
        stderr: Standard errors (k,); of exact values their rounding error.
        exact: Whether the values are exact up to rounding.
        converged: Whether all standard errors are as small as requested.
        cost: Passes over the examples of exact values, products with the Hessian of estimates.
        bn: Batch-normalisation policy.
        examples: Number of examples.
        examples_hash: SHA-256 of inputs and targets.
        dtype: Floating-point type of the network; sums are float64.
        interrupted: Whether Ctrl-C ended the computation before the last probe.
    """

    layers: tuple[str, ...]
    parameters: tuple[int, ...]
    values: torch.Tensor
    stderr: torch.Tensor
    exact: bool
    converged: bool
    cost: int
    bn: str
    examples: int
    examples_hash: str
    dtype: str
    interrupted: bool = False

    @property
    def total(self) -> float:
        """The trace, in loss per parameter²."""
        return float(self.values.sum())


def trace_by_layer(
    objective: Objective,
    theta: torch.Tensor | None = None,
    *,
    probes: int = 30,
    rtol: float = 0.1,
    seed: int = 0,
) -> LayerTraces:
    """Compute the trace of the Hessian's block of each layer.

    Exact where ``exact_trace`` is: piecewise-linear networks. Elsewhere it is the mean of the sum
    of zᵢ (H z)ᵢ over the layer, z a vector of random signs. A layer's values scatter by its
    curvature with all other layers, so a layer of small curvature has a large relative error.

    Args:
        objective: The loss to measure.
        theta: The point (n,); None takes the objective's own theta.
        probes: Random vectors where the trace is not exact, at least 2; each costs one product.
        rtol: Standard error that counts as converged, relative to the largest layer's value, > 0.
        seed: Seed of the stream ("layers",) of the probes.

    Returns:
        One value a layer. Ctrl-C after two probes returns their mean, with ``interrupted`` true.

    Raises:
        ValueError: If ``probes < 2`` or ``rtol`` is not positive.
        RuntimeError: If a product is not finite.

    Reference: Hutchinson (1989), A stochastic estimator of the trace of the influence matrix.

    Example:
        >>> from landscape import Objective, data, models, spectrum
        >>> digits = data.load("digits")
        >>> model = models.MLP(hidden=(8,)).build(digits.shape, digits.classes, seed=0)
        >>> L = Objective(model, digits.first(100))
        >>> traces = spectrum.trace_by_layer(L)
        >>> traces.layers, traces.exact
        (('1', '3'), True)
        >>> abs(traces.total / spectrum.exact_trace(L).value - 1) < 1e-12
        True
    """
    if probes < 2 or not rtol > 0:
        raise ValueError(
            f"probes={probes}, rtol={rtol}: pass at least 2 probes, which show how their values "
            "scatter, and a relative standard error > 0, such as 0.1."
        )
    theta = objective.theta if theta is None else theta
    slices = _layers(objective.layout)
    known: dict[str, Any] = {
        "layers": tuple(slices),
        "parameters": tuple(sum(s.stop - s.start for s in parts) for parts in slices.values()),
        "bn": objective.bn,
        "examples": objective.num_examples,
        "examples_hash": objective.examples_hash,
        "dtype": str(objective.dtype).removeprefix("torch."),
    }
    try:
        exact = exact_trace(objective, theta)
    except ValueError:  # Network, loss or policy has no exact trace.
        return _estimated(objective, theta, slices, known, probes, rtol, seed)
    values = _sums(exact.diagonal, slices)
    relative = exact.error / exact.value if exact.value else 0.0
    return LayerTraces(
        values=values,
        stderr=relative * values.abs(),
        exact=True,
        converged=True,
        cost=exact.passes,
        **known,
    )


def _estimated(
    objective: Objective,
    theta: torch.Tensor,
    slices: dict[str, list[slice]],
    known: dict[str, Any],
    probes: int,
    rtol: float,
    seed: int,
) -> LayerTraces:
    hessian, generator = objective.hessian(theta), rng.stream(seed, "layers")
    samples: list[torch.Tensor] = []
    interrupted = False
    try:
        with Progress("trace by layer", probes) as bar:
            for _ in range(probes):
                signs = torch.randint(0, 2, (objective.n,), generator=generator).double() * 2 - 1
                samples.append(_sums(signs * (hessian @ signs).cpu(), slices))
                if not math.isfinite(float(samples[-1].sum())):
                    raise RuntimeError(
                        "a product with the Hessian is not finite. The parameters or the loss hold "
                        "NaN or infinity: check them before asking for curvature."
                    )
                bar.step()
    except KeyboardInterrupt:
        if len(samples) < 2:
            raise
        interrupted = True
    table = torch.stack(samples)
    values, stderr = table.mean(0), table.std(0) / math.sqrt(len(samples))
    allowed = rtol * float(values.abs().max())
    return LayerTraces(
        values=values,
        stderr=stderr,
        exact=False,
        converged=not interrupted and bool((stderr <= allowed).all()),
        cost=len(samples),
        interrupted=interrupted,
        **known,
    )


def _layers(layout: Layout) -> dict[str, list[slice]]:
    """Return layer -> the slices of theta that hold its parameters."""
    slices: dict[str, list[slice]] = {}
    for block in layout.blocks:
        layer = block.name.rpartition(".")[0] or block.name
        slices.setdefault(layer, []).append(block.entries)
    return slices


def _sums(entries: torch.Tensor, slices: dict[str, list[slice]]) -> torch.Tensor:
    return torch.stack([sum(entries[s].sum() for s in parts) for parts in slices.values()])  # type: ignore[misc]  # a layer has parameters
