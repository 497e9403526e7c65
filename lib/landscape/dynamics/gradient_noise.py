"""Gradient noise: how far gradients of single examples and of mini-batches are from the mean's."""

import dataclasses
import math
from collections.abc import Callable, Iterator

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from landscape import rng
from landscape.measurement import Measurement, labels
from landscape.network.precision import full_precision
from landscape.objective import Objective, Parts
from landscape.progress import Progress

# Bytes of gradients of single examples held at once, beside what one example's backward pass takes.
_CHUNK_BYTES = 16 * 2**20
# Fewer batches say too little of their own spread to stop on it.
_FEWEST = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradientNoise(Measurement):
    """How much gradients of single examples scatter, against the length of their mean.

    The N examples count as draws from a population with the gradient G and the covariance Σ of an
    example's gradient. Standard errors are the jackknife's, which leaves out one example at a time.

    Attributes:
        trace: tr Σ = Σᵢ ‖gᵢ − ḡ‖² / (N − 1), unbiased; in (loss per parameter)².
        trace_stderr: Its standard error.
        squared_norm: ‖ḡ‖² − tr Σ/N, the unbiased estimate of ‖G‖². It may be negative: then ‖ḡ‖ is
            no longer than noise alone makes it.
        squared_norm_stderr: Its standard error.
        scale: The simple noise scale tr Σ/‖G‖² in examples: in the mean over a batch of so many,
            noise and gradient are equally long. Infinite where ``squared_norm`` is not positive:
            no batch shows the gradient.
        scale_stderr: Its standard error; NaN or infinite where the scale is, or would be without
            one of the examples.
        gradient_norm: ‖ḡ‖ of the mean over the examples.
        passes: Forward and backward passes over the examples.
        converged: Whether ``squared_norm`` is above two of its standard errors, so that ``scale``
            means something; nothing is iterated.
    """

    trace: float
    trace_stderr: float
    squared_norm: float
    squared_norm_stderr: float
    scale: float
    scale_stderr: float
    gradient_norm: float
    passes: int
    converged: bool


def gradient_noise(objective: Objective, theta: torch.Tensor) -> GradientNoise:
    """Measure the covariance of the examples' gradients by its trace, and the noise scale.

    Every example's gradient is computed by itself and compared with the mean: nothing is drawn.
    Under ``reestimate`` the statistics of batch normalisation are constants, as in the gradient.

    Memory: 16 MB of gradients, or one example's, beside a few vectors (n,).

    Args:
        objective: At least 3 examples; its policy is ``frozen`` or ``reestimate``.
        theta: The point (n,).

    Raises:
        ValueError: If the policy is ``batch``, there are fewer than 3 examples, or theta has
            another length.

    Reference: McCandlish et al. (2018), An Empirical Model of Large-Batch Training, section 2.2
        and appendix A.
    """
    count = objective.num_examples
    if objective.bn == "batch":
        raise ValueError(
            "under bn='batch' examples are normalised by each other, and none has a gradient of "
            "its own. Pass objective.replace(bn='frozen') or bn='reestimate'."
        )
    if count < 3:
        raise ValueError(
            f"{count} examples do not tell how far gradients scatter, and how surely. Pass an "
            "objective of at least 3; a noise scale takes hundreds."
        )
    mean = objective.gradient(theta)
    squares, along = _deviations(objective, theta, mean)
    total, length = squares.sum(), mean @ mean
    # Without example i the mean is ḡ − dᵢ/(N − 1), with dᵢ = gᵢ − ḡ.
    less = length - 2 * along / (count - 1) + squares / (count - 1) ** 2
    rest = total - squares * count / (count - 1)
    trace, norm, scale = map(float, _moments(total, length, count))
    trace_stderr, norm_stderr, scale_stderr = map(_jackknife, _moments(rest, less, count - 1))
    return GradientNoise(
        trace=trace,
        trace_stderr=trace_stderr,
        squared_norm=norm,
        squared_norm_stderr=norm_stderr,
        scale=scale,
        scale_stderr=scale_stderr,
        gradient_norm=float(mean.norm()),
        passes=4,
        converged=math.isfinite(scale) and norm > 2 * norm_stderr,
        **labels(objective),
    )


def _moments(total: torch.Tensor, length: torch.Tensor, count: int) -> tuple[torch.Tensor, ...]:
    """Return tr Σ, ‖G‖² and their ratio from Σᵢ ‖gᵢ − ḡ‖² and ‖ḡ‖² of so many examples."""
    trace = total / (count - 1)
    norm = length - trace / count
    # A comparison with NaN is false: NaN stays NaN.
    return trace, norm, torch.where(norm <= 0, math.inf, trace / norm)


def _jackknife(left: torch.Tensor) -> float:
    """Return the standard error from the estimates (N,) without one example each."""
    return float(((len(left) - 1) * left.var(correction=0)).sqrt())


@full_precision()
@torch.inference_mode(False)  # Differentiates, also where the caller does not.
def _deviations(
    objective: Objective, theta: torch.Tensor, mean: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ‖gᵢ − ḡ‖² and ⟨gᵢ − ḡ, ḡ⟩ of each example's gradient gᵢ, (N,) each."""
    parts = objective.parts(theta)
    gradients = _gradients(objective, parts)
    size = max(1, _CHUNK_BYTES // (objective.n * objective.dtype.itemsize))
    found = []
    # Fused attention has no rule for many examples at once.
    with sdpa_kernel(SDPBackend.MATH), Progress("gradient noise", objective.num_examples) as bar:
        for inputs, targets in parts.batches:
            for chunk in zip(inputs.split(size), targets.split(size), strict=True):
                rows = gradients(*chunk)
                squares = along = torch.zeros(len(chunk[0]), dtype=torch.float64)
                for block in objective.layout.blocks:
                    centre = mean[block.entries]
                    apart = rows[block.name].flatten(1).cpu().double() - centre
                    squares, along = squares + apart.square().sum(1), along + apart @ centre
                found.append((squares, along))
                bar.step(count=len(squares))
    squares, along = (torch.cat(column) for column in zip(*found, strict=True))
    return squares, along


def _gradients(objective: Objective, parts: Parts) -> Callable[..., dict[str, torch.Tensor]]:
    """Return the function of inputs and targets that gives each example's gradient by name."""
    trained = {block.name: parts.named[block.name] for block in objective.layout.blocks}

    def loss(named, inputs, target):
        state = {**parts.named, **named}, parts.buffers
        outputs = torch.func.functional_call(parts.module, state, (inputs[None],))
        return objective.per_example_loss(outputs, target[None])[0]

    rows = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
    return lambda inputs, targets: rows(trained, inputs, targets)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchSharpness(Measurement):
    """The mean curvature of mini-batch losses along their own gradients.

    Attributes:
        value: Mean over mini-batches B of g_Bᵀ H_B g_B / ‖g_B‖², in loss per parameter².
        stderr: Its standard error; 0 where the only batch is all examples.
        values: That of each batch, (b,); NaN for one without a gradient.
        batch_size: Examples in a batch.
        seed: Seed of the batches.
        products: Products with a Hessian H_B, one a batch.
        converged: Whether the standard error is at most ``rtol`` of the value.
    """

    value: float
    stderr: float
    values: torch.Tensor
    batch_size: int
    seed: int
    products: int
    converged: bool


def batch_sharpness(
    objective: Objective,
    theta: torch.Tensor,
    *,
    batch_size: int,
    rtol: float = 0.05,
    max_batches: int = 200,
    seed: int = 0,
) -> BatchSharpness:
    """Estimate the mean over mini-batches of the curvature along the mini-batch gradient.

    What mini-batch descent without momentum holds near 2/η, where full-batch descent holds λ_max.
    Each batch is drawn from the examples without replacement, anew. At ``batch_size`` N there is
    one batch, and the value is the curvature along the gradient. Under ``batch`` a mini-batch is
    normalised by its own statistics, as in training; under ``reestimate`` by those of all examples.

    Args:
        objective: Where to measure.
        theta: The point (n,).
        batch_size: Examples in a batch, from 1 to N; a study takes that of training.
        rtol: Standard error that is enough, relative to the mean; looked at from 10 batches on.
        max_batches: Batches to spend, at least 2.
        seed: Seed of the streams ("batch_sharpness", 0), ("batch_sharpness", 1), ..., one a batch.

    Raises:
        ValueError: If an argument is out of range, or theta has another length or is not finite.

    Reference: Andreyev and Beneventano (2024), Edge of Stochastic Stability: Revisiting the Edge of
        Stability for SGD.
    """
    count = objective.num_examples
    if not 1 <= batch_size <= count:
        raise ValueError(
            f"batch_size={batch_size} makes no batch of {count} examples. Pass one from 1 to "
            f"{count}, such as that of training."
        )
    if max_batches < 2 or not rtol > 0:
        raise ValueError(
            f"max_batches={max_batches}, rtol={rtol} give no standard error. "
            "Pass max_batches >= 2 and rtol > 0."
        )
    most = max_batches if batch_size < count else 1
    found, converged = [], False
    with Progress("batch sharpness", most) as bar:
        for batch in _batches(objective, theta, batch_size, most, seed):
            found.append(_along_gradient(batch, theta))
            values = torch.tensor(found, dtype=torch.float64)
            mean, stderr = float(values.mean()), 0.0
            if most > 1:
                stderr = float(values.std()) / len(found) ** 0.5 if len(found) > 1 else math.inf
            converged = len(found) >= min(_FEWEST, most) and stderr <= rtol * abs(mean)
            bar.step()
            if converged or not math.isfinite(mean):  # No further batch makes it finite.
                break
    return BatchSharpness(
        value=mean,
        stderr=stderr,
        values=values,
        batch_size=batch_size,
        seed=seed,
        products=len(found),
        converged=converged,
        **labels(objective),
    )


def _batches(
    objective: Objective, theta: torch.Tensor, size: int, most: int, seed: int
) -> Iterator[Objective]:
    inputs, targets = (torch.cat(x) for x in zip(*objective.parts(theta).batches, strict=True))
    # Statistics of a point are those of all examples, not of the few at hand.
    held = {"bn_examples": inputs} if objective.bn == "reestimate" else {}
    for index in range(most):
        order = torch.randperm(len(inputs), generator=rng.stream(seed, "batch_sharpness", index))
        chosen = order[:size].sort().values.to(inputs.device)
        yield objective.replace(examples=(inputs[chosen], targets[chosen]), **held)


def _along_gradient(objective: Objective, theta: torch.Tensor) -> float:
    """Return gᵀHg/‖g‖²; NaN where there is no gradient."""
    gradient = objective.gradient(theta)
    direction = gradient / gradient.norm()
    return float(direction @ (objective.hessian(theta) @ direction))
