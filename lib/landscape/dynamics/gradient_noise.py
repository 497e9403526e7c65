"""Gradient noise of single examples, and the curvature along mini-batch gradients."""

import dataclasses
import math
import warnings
from collections.abc import Callable, Iterator

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from landscape import arguments, rng
from landscape.measurement import Measurement, conditions
from landscape.network.calling import call
from landscape.network.single_path import single_path
from landscape.objective import Objective, Parts
from landscape.progress import Progress

# Bytes of single examples' gradients held at once, beside the memory of their backward pass.
_CHUNK_BYTES = 16 * 2**20
# The standard error from fewer batches is itself too uncertain to stop on.
_FEWEST = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradientNoise(Measurement):
    """The scatter of single examples' gradients, compared with the norm of their mean.

    The N examples count as a sample from a population, in which an example's gradient has the mean
    G and the covariance Σ. Standard errors are by the jackknife, which leaves out one example at a
    time.

    Attributes:
        trace: tr Σ = Σᵢ ‖gᵢ − ḡ‖² / (N − 1), unbiased, in (loss per parameter)².
        trace_stderr: Standard error of ``trace``.
        squared_norm: ‖ḡ‖² − tr Σ/N, the unbiased estimate of ‖G‖². A negative value means that ‖ḡ‖
            is no larger than noise alone makes it.
        squared_norm_stderr: Standard error of ``squared_norm``.
        scale: The simple noise scale tr Σ/‖G‖², in examples: the batch size at which noise and
            gradient of the batch mean have equal norms. Infinite if ``squared_norm`` is not
            positive: then no batch shows the gradient.
        scale_stderr: Standard error of ``scale``; NaN or infinite if the scale is infinite, or
            would be without some example.
        gradient_norm: ‖ḡ‖, the norm of the mean over the examples, in loss per parameter.
        passes: Forward and backward passes over the examples.
        converged: Whether ``squared_norm`` exceeds two of its standard errors, so that ``scale`` is
            meaningful; nothing is iterated.
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


def gradient_noise(objective: Objective, theta: torch.Tensor | None = None) -> GradientNoise:
    """Measure the trace of the covariance of the examples' gradients, and the noise scale.

    The gradient of every example is computed separately and compared with the mean; nothing is
    random. Under ``reestimate`` the statistics of batch normalisation count as constants, as in the
    gradient.

    Memory: 16 MB of gradients, or the gradient of one example if that is more, beside a few vectors
    (n,).

    Args:
        objective: The loss to measure, with at least 3 examples and the policy ``frozen`` or
            ``reestimate``.
        theta: The point (n,); None takes the objective's own theta.

    Returns:
        Trace, squared norm and noise scale with their standard errors.

    Raises:
        ValueError: If the policy is ``batch``, there are fewer than 3 examples, or theta has
            another length.

    Reference: McCandlish et al. (2018), An Empirical Model of Large-Batch Training, section 2.2
        and appendix A.

    Example:
        >>> from landscape import Objective, data, dynamics, models
        >>> digits = data.load("digits")
        >>> model = models.MLP(hidden=(8,)).build(digits.shape, digits.classes, seed=0)
        >>> L = Objective(model, digits.first(100))
        >>> noise = dynamics.gradient_noise(L)
        >>> round(noise.scale), noise.converged
        (30, True)
    """
    arguments.check(gradient_noise, locals())
    count = objective.num_examples
    if objective.bn == "batch":
        raise ValueError(
            "under bn='batch' examples are normalised by each other's statistics, so none has a "
            "gradient of its own. Pass objective.replace(bn='frozen') or bn='reestimate'."
        )
    if count < 3:
        raise ValueError(
            f"{count} examples do not tell how far gradients scatter, with a standard error. Pass "
            "an objective of at least 3; a noise scale takes hundreds."
        )
    objective.check_single("gradient noise")
    theta = objective.theta if theta is None else theta
    mean = objective.gradient(theta)
    squares, along = _deviations(objective, theta, mean)
    total, squared_norm = squares.sum(), mean @ mean
    # The jackknife needs no second pass: without example i the mean is ḡ − dᵢ/(N − 1), with
    # dᵢ = gᵢ − ḡ.
    norms_without = squared_norm - 2 * along / (count - 1) + squares / (count - 1) ** 2
    totals_without = total - squares * count / (count - 1)
    trace, norm, scale = map(float, _moments(total, squared_norm, count))
    trace_stderr, norm_stderr, scale_stderr = map(
        _jackknife, _moments(totals_without, norms_without, count - 1)
    )
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
        **conditions(objective),
    )


def _moments(total: torch.Tensor, length: torch.Tensor, count: int) -> tuple[torch.Tensor, ...]:
    """Return tr Σ, ‖G‖² and their ratio from Σᵢ ‖gᵢ − ḡ‖² and ‖ḡ‖² of ``count`` examples."""
    trace = total / (count - 1)
    norm = length - trace / count
    # ``<=``, since a comparison with NaN is false: NaN stays NaN.
    return trace, norm, torch.where(norm <= 0, math.inf, trace / norm)


def _jackknife(left: torch.Tensor) -> float:
    """Return the standard error from N estimates (N,), each without one example."""
    return float(((len(left) - 1) * left.var(correction=0)).sqrt())


@single_path()
@torch.inference_mode(False)  # Differentiates even if the caller is in inference mode.
def _deviations(
    objective: Objective, theta: torch.Tensor, mean: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ‖gᵢ − ḡ‖² and ⟨gᵢ − ḡ, ḡ⟩ of each example's gradient gᵢ, (N,) each."""
    parts = objective.parts(theta)
    gradients = _gradients(objective, parts)
    size = max(1, _CHUNK_BYTES // (objective.n * objective.dtype.itemsize))
    chunks = []
    # ``vmap`` has no rule for fused attention.
    with sdpa_kernel(SDPBackend.MATH), Progress("gradient noise", objective.num_examples) as bar:
        for inputs, targets in parts.batches:
            for chunk in zip(inputs.split(size), targets.split(size), strict=True):
                rows = gradients(*chunk)
                squares = along = torch.zeros(len(chunk[0]), dtype=torch.float64)
                # Block by block, so that only one block of the gradients is held in float64.
                for block in objective.layout.blocks:
                    centre = mean[block.entries]
                    # The mean is subtracted before squaring: a difference of two large sums would
                    # lose the noise where it is small.
                    offsets = rows[block.name].flatten(1).cpu().double() - centre
                    squares, along = squares + offsets.square().sum(1), along + offsets @ centre
                chunks.append((squares, along))
                bar.step(count=len(squares))
    squares, along = (torch.cat(column) for column in zip(*chunks, strict=True))
    return squares, along


def _gradients(objective: Objective, parts: Parts) -> Callable[..., dict[str, torch.Tensor]]:
    """Return a function from inputs and targets to each example's gradient, by parameter name."""
    trained = {block.name: parts.named[block.name] for block in objective.layout.blocks}

    def loss(named, inputs, target):
        state = {**parts.named, **named}, parts.buffers
        outputs = call(parts.module, *state, inputs[None])
        single = objective.per_example_loss(outputs, target[None])[0]
        return single + objective.penalty_of(named)

    single = torch.func.grad(loss)
    rows = torch.func.vmap(single, in_dims=(None, 0, 0))
    inputs, targets = parts.batches[0]
    try:
        rows(trained, inputs[:1], targets[:1])
    except Exception as error:  # `vmap` has no rule for all that a network may do.
        reason = str(error).strip().splitlines()[0]
        warnings.warn(
            "gradients of single examples are computed one after the other, which is slower: "
            f"torch.func.vmap cannot compute this network ({reason}).",
            stacklevel=4,
        )
        return lambda inputs, targets: _one_by_one(loss, trained, inputs, targets)
    return lambda inputs, targets: rows(trained, inputs, targets)


def _one_by_one(
    loss: Callable[..., torch.Tensor],
    trained: dict[str, torch.Tensor],
    inputs: torch.Tensor,
    targets: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """Return each example's gradient by an ordinary backward pass."""
    leaves = {name: tensor.detach().clone().requires_grad_() for name, tensor in trained.items()}
    rows = [
        torch.autograd.grad(loss(leaves, x, y), [*leaves.values()], materialize_grads=True)
        for x, y in zip(inputs, targets, strict=True)
    ]
    return {
        name: torch.stack(column)
        for name, column in zip(leaves, zip(*rows, strict=True), strict=True)
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchSharpness(Measurement):
    """The mean curvature of mini-batch losses along their own gradients.

    Attributes:
        value: Mean over mini-batches B of g_Bᵀ H_B g_B / ‖g_B‖², in loss per parameter².
        stderr: Standard error of the value; 0 if the only batch holds all examples.
        values: The curvature of each batch, (b,); NaN for a batch with zero gradient.
        batch_size: Examples in a batch.
        seed: Seed of the batches.
        products: Products with a Hessian H_B, one for each batch.
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
    theta: torch.Tensor | None = None,
    *,
    batch_size: int,
    rtol: float = 0.05,
    max_batches: int = 200,
    seed: int = 0,
) -> BatchSharpness:
    """Estimate the mean over mini-batches of the curvature along the mini-batch gradient.

    Mini-batch descent without momentum keeps this curvature near 2/η, where full-batch descent
    keeps λ_max. Each batch is a new draw from all examples, without replacement within the batch.
    At ``batch_size`` N there is one batch, and the value is the curvature along the gradient. Under
    ``batch`` a mini-batch is normalised by its own statistics, as in training, and under
    ``reestimate`` by the statistics of all examples.

    Args:
        objective: The loss to measure.
        theta: The point (n,); None takes the objective's own theta.
        batch_size: Examples in a batch, from 1 to N, such as the batch size of training.
        rtol: Standard error that suffices, relative to the mean, > 0; tested from 10 batches on.
        max_batches: Largest number of batches, at least 2.
        seed: Seed of the streams ("batch_sharpness", 0), ("batch_sharpness", 1), ..., one for each
            batch.

    Returns:
        The mean with its standard error, in loss per parameter².

    Raises:
        ValueError: If an argument is out of range, or theta has another length or is not finite.

    Reference: Andreyev and Beneventano (2024), Edge of Stochastic Stability: Revisiting the Edge of
        Stability for SGD.

    Example:
        >>> from landscape import Objective, data, dynamics, models
        >>> digits = data.load("digits")
        >>> model = models.MLP(hidden=(8,)).build(digits.shape, digits.classes, seed=0)
        >>> L = Objective(model, digits.first(100))
        >>> sharp = dynamics.batch_sharpness(L, batch_size=10, rtol=0.2, max_batches=50)
        >>> round(sharp.value, 2), sharp.converged, sharp.products
        (1.05, True, 10)
    """
    arguments.check(batch_sharpness, locals())
    count = objective.num_examples
    if not 1 <= batch_size <= count:
        raise ValueError(
            f"batch_size={batch_size} makes no batch of {count} examples. Pass a size from 1 to "
            f"{count}, such as the batch size of training."
        )
    if max_batches < 2 or not rtol > 0:
        raise ValueError(
            f"max_batches={max_batches}, rtol={rtol} give no standard error. "
            "Pass max_batches >= 2 and rtol > 0."
        )
    theta = objective.theta if theta is None else theta
    most = max_batches if batch_size < count else 1
    curvatures, converged = [], False
    with Progress("batch sharpness", most) as bar:
        for batch in _batches(objective, theta, batch_size, most, seed):
            curvatures.append(_along_gradient(batch, theta))
            values = torch.tensor(curvatures, dtype=torch.float64)
            mean, stderr = float(values.mean()), 0.0
            if most > 1:
                stderr = (
                    float(values.std()) / len(curvatures) ** 0.5
                    if len(curvatures) > 1
                    else math.inf
                )
            converged = len(curvatures) >= min(_FEWEST, most) and stderr <= rtol * abs(mean)
            bar.step()
            if converged or not math.isfinite(mean):  # Further batches cannot make it finite.
                break
    return BatchSharpness(
        value=mean,
        stderr=stderr,
        values=values,
        batch_size=batch_size,
        seed=seed,
        products=len(curvatures),
        converged=converged,
        **conditions(objective),
    )


def _batches(
    objective: Objective, theta: torch.Tensor, size: int, most: int, seed: int
) -> Iterator[Objective]:
    inputs, targets = (torch.cat(x) for x in zip(*objective.parts(theta).batches, strict=True))
    # The policy estimates statistics on all examples: a mini-batch must not replace them.
    statistics_inputs = {"bn_examples": inputs} if objective.bn == "reestimate" else {}
    for index in range(most):
        order = torch.randperm(len(inputs), generator=rng.stream(seed, "batch_sharpness", index))
        # Sorted, so that the batch of all examples is the objective itself, to the last bit.
        chosen = order[:size].sort().values.to(inputs.device)
        yield objective.replace(examples=(inputs[chosen], targets[chosen]), **statistics_inputs)


def _along_gradient(objective: Objective, theta: torch.Tensor) -> float:
    """Return gᵀHg/‖g‖²; NaN if the gradient is zero."""
    gradient = objective.gradient(theta)
    direction = gradient / gradient.norm()
    return float(direction @ (objective.hessian(theta) @ direction))
