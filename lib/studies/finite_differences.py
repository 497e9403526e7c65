"""The error of Hessian products by finite differences, and the kinks that they cross."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from landscape import rng
from landscape.directions.single import random
from landscape.measurement import Measurement, conditions
from landscape.objective import Objective
from landscape.progress import Progress
from torch import nn


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProductErrors(Measurement):
    """Errors of central differences against exact Hessian products, along random directions.

    Attributes:
        step_sizes: Steps ε, in parameter units: directions have norm 1.
        errors: ‖(g(θ + εv) − g(θ − εv))/2ε − Hv‖₂ for each step and direction, (steps,
            directions), in loss per parameter².
        norms: ‖Hv‖₂ of the exact products, (directions,), in loss per parameter².
        switched: Inputs of ReLUs, over all examples, that change sign from θ − εv to θ + εv,
            (steps, directions).
        moved: Maxima of max-pooling that move to another pixel, likewise. Of pixels that differ by
            rounding alone none counts: which is the largest changes nothing.
        gradients: Number of gradients of the mean loss that were computed.
        products: Number of exact products, in float64.
        converged: Whether all errors are finite.
        seed: Seed of the directions.
    """

    step_sizes: torch.Tensor
    errors: torch.Tensor
    norms: torch.Tensor
    switched: torch.Tensor
    moved: torch.Tensor
    gradients: int
    products: int
    converged: bool
    seed: int

    @property
    def rms(self) -> torch.Tensor:
        """Root mean square of the errors over the directions, (steps,)."""
        return self.errors.square().mean(1).sqrt()

    @property
    def rms_norm(self) -> float:
        """Root mean square of the products' norms over the directions."""
        return float(self.norms.square().mean().sqrt())


def product_errors(
    objective: Objective,
    theta: torch.Tensor,
    *,
    step_sizes: Sequence[float],
    directions: int,
    seed: int,
) -> ProductErrors:
    """Measure how far central differences of gradients are from exact Hessian products.

    Between θ − εv and θ + εv the gradient of a smooth network differs from its linear model by
    terms of order ε³, so that the error is of order ε². The gradient of a network with ReLUs
    jumps wherever the input of a unit changes sign for one of the N examples. A jump of the mean
    gradient is of order 1/N, and about ε N of them lie within the step; their signs vary, so that
    together they make a change of order √(ε N)/N. Divided by 2ε, this is an error of order
    (ε N)^(−1/2), whatever the precision. Rounding makes an error of order 1/ε.

    The exact product is that of ``Objective.hessian`` in float64. It takes each ReLU as linear
    around θ, as differentiation does.

    Args:
        objective: The mean loss; gradients are computed in its dtype.
        theta: The point (n,).
        step_sizes: Steps ε > 0, at least one.
        directions: Number of random unit directions, at least 1; the same for all steps, examples
            and dtypes.
        seed: Seed of the streams ("product_errors", i) of the directions.

    Returns:
        The errors with the kinks that each step crosses.

    Raises:
        ValueError: If an argument is out of range, or theta is not finite or has another length.
    """
    steps = [float(step) for step in step_sizes]
    if not steps or not all(0 < step < math.inf for step in steps) or directions < 1:
        raise ValueError(
            f"step_sizes={steps}, directions={directions} give no differences. Pass at least one "
            "step, all finite and above 0, and directions >= 1."
        )
    theta = theta.double()
    hessian = objective.replace(dtype=torch.float64).hessian(theta)
    rows, norms = [], []
    with Progress("finite differences", directions * len(steps)) as bar:
        for index in range(directions):
            v = random(objective.layout, generator=rng.stream(seed, "product_errors", index))
            v = v / v.norm()
            exact = hessian @ v
            norms.append(float(exact.norm()))
            row = []
            for step in steps:
                row.append(_difference(objective, theta, step * v, exact, step))
                bar.step()
            rows.append(row)
    table = torch.tensor(rows, dtype=torch.float64)  # (directions, steps, 3)
    errors, switched, moved = (part.T.contiguous() for part in table.unbind(2))
    return ProductErrors(
        step_sizes=torch.tensor(steps, dtype=torch.float64),
        errors=errors,
        norms=torch.tensor(norms, dtype=torch.float64),
        switched=switched,
        moved=moved,
        gradients=2 * directions * len(steps),
        products=hessian.products,
        converged=bool(errors.isfinite().all()),
        seed=seed,
        **conditions(objective),
    )


def _difference(
    objective: Objective,
    theta: torch.Tensor,
    displacement: torch.Tensor,
    exact: torch.Tensor,
    step: float,
) -> tuple[float, int, int]:
    """Return the error of one central difference, and the kinks of both kinds that it crosses."""
    ahead, behind = (_pass(objective, theta + sign * displacement) for sign in (1.0, -1.0))
    error = float(((ahead.gradient - behind.gradient) / (2 * step) - exact).norm())
    switched = sum(
        int((one != other).sum()) for one, other in zip(ahead.signs, behind.signs, strict=True)
    )
    moved = sum(_moved(one, other) for one, other in zip(ahead.pooled, behind.pooled, strict=True))
    return error, switched, moved


class _Pooled(NamedTuple):
    """The inputs of a max-pooling, (N, channels, pixels), and the places of its maxima."""

    inputs: torch.Tensor
    places: torch.Tensor


class _Pass(NamedTuple):
    """The gradient at a point, the signs of all ReLUs' inputs, and the maxima of all poolings."""

    gradient: torch.Tensor
    signs: list[torch.Tensor]
    pooled: list[_Pooled]


def _pass(objective: Objective, theta: torch.Tensor) -> _Pass:
    signs: list[torch.Tensor] = []
    pooled: list[_Pooled] = []

    def rectified(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        signs.append(inputs[0].detach() > 0)

    def maxima(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        sizes: Any = (module.kernel_size, module.stride, module.padding)
        x = inputs[0].detach()
        _, places = nn.functional.max_pool2d(x, *sizes, return_indices=True)
        pooled.append(_Pooled(x.flatten(2), places.flatten(2)))

    module = objective.parts(theta).module
    with _hooked(module, nn.ReLU, rectified), _hooked(module, nn.MaxPool2d, maxima):
        gradient = objective.gradient(theta)
    return _Pass(gradient, signs, pooled)


def _moved(one: _Pooled, other: _Pooled) -> int:
    """Return how many maxima differ: by more than rounding, which decides between equal pixels."""
    apart = one.places != other.places
    for here, there in ((one, other), (other, one)):
        lead = here.inputs.gather(2, here.places) - here.inputs.gather(2, there.places)
        apart &= lead > 32 * torch.finfo(lead.dtype).eps * here.inputs.abs().amax()
    return int(apart.sum())


@contextmanager
def _hooked(
    module: nn.Module,
    kind: type[nn.Module],
    hook: Callable[[nn.Module, tuple[torch.Tensor, ...]], None],
) -> Iterator[None]:
    """Call a hook before each forward pass of the modules of a kind."""
    handles = [
        part.register_forward_pre_hook(hook) for part in module.modules() if isinstance(part, kind)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
