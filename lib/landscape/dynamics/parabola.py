"""Ask whether the loss along a direction is a parabola, and over what window."""

import dataclasses

import torch

from landscape import arguments
from landscape.evaluator import Evaluator
from landscape.measurement import Measurement, conditions
from landscape.objective import Objective

_HALVINGS = 12  # Windows down to 1/64 of the extent, each shorter than the last by √2.


@dataclasses.dataclass(frozen=True)
class ParabolaWindow(Measurement):
    """How far the loss along a direction is a parabola.

    Attributes:
        shares: Shares s of the extent that were tried, decreasing from 1: the windows [s·low,
            s·high] around the point.
        residuals: Relative residual of a quadratic in each window, as ``polynomial_residual``.
        widest: The largest share with a residual below the tolerance; 0 where none has one.
        passes: Evaluations of the loss.
        converged: Whether a window was found.
    """

    shares: torch.Tensor
    residuals: torch.Tensor
    widest: float
    passes: int
    converged: bool


def polynomial_residual(positions: torch.Tensor, losses: torch.Tensor, *, degree: int) -> float:
    """Return how badly a polynomial fits losses along a line, as a share of their variation.

    It is √(Σ (L − p)² / Σ (L − L̄)²) with p the polynomial of least squares: 0 for an exact fit, and
    1 where it explains nothing. A curve of higher order leaves a residual too; one of degree 4
    beside that of degree 2 says how much of it is not quadratic.

    Args:
        positions: Positions (a,) along the line, more than ``degree`` distinct ones.
        losses: Losses (a,) there.
        degree: Degree of the polynomial, at least 0.

    Returns:
        The relative residual; NaN where a loss is not finite, or all are equal.

    Raises:
        ValueError: If shapes differ, or there are too few positions for the degree.
    """
    count = len(positions.unique())
    if positions.shape != losses.shape or degree < 0 or count < degree + 2:
        raise ValueError(
            f"{count} distinct positions and {len(losses)} losses leave no residual of a "
            f"polynomial of degree {degree}. Pass as many losses as positions, and at least "
            f"{max(degree, 0) + 2} positions."
        )
    # Between −1 and 1, by Chebyshev's polynomials: powers of wide positions are nearly parallel.
    x = positions.double()
    x = (2 * x - x.max() - x.min()) / (x.max() - x.min())
    columns = [torch.ones_like(x), x]
    while len(columns) <= degree:
        columns.append(2 * x * columns[-1] - columns[-2])
    basis, _ = torch.linalg.qr(torch.stack(columns[: degree + 1], dim=1))
    y = losses.double()
    left = y - basis @ (basis.T @ y)
    variation = (y - y.mean()).norm()
    return float(left.norm() / variation) if float(variation) > 0 else float("nan")


def parabola_window(
    objective: Objective,
    theta: torch.Tensor,
    direction: torch.Tensor,
    *,
    low: float,
    high: float,
    tol: float = 0.05,
    points: int = 15,
) -> ParabolaWindow:
    """Find the largest window around a point in which the loss along a line is a parabola.

    Every smooth function is a parabola in a small enough window, so that the window says more than
    the parabola. Windows shrink by √2 until a quadratic leaves a relative residual below ``tol``.

    Args:
        objective: The loss.
        theta: The point (n,), at position 0.
        direction: The direction (n,).
        low: Lowest position of the whole extent, at most 0.
        high: Highest position, at least 0 and above ``low``.
        tol: Largest residual of a parabola, > 0.
        points: Positions in a window, evenly spaced, at least 5.

    Returns:
        The windows that were tried, and the widest that fits.

    Raises:
        ValueError: If the extent is empty or does not hold 0, or ``tol`` or ``points`` is too
            small.

    Example:
        >>> import torch
        >>> from landscape import Objective, dynamics
        >>> points = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> L = Objective(model, (points, torch.zeros(2, 1)), loss="mse")
        >>> theta = torch.zeros(2, dtype=torch.float64)
        >>> direction = torch.tensor([0.0, 1.0], dtype=torch.float64)
        >>> dynamics.parabola_window(L, theta, direction, low=-1.0, high=2.0).widest
        1.0
    """
    arguments.check(parabola_window, locals())
    if not low <= 0 <= high or not low < high or not tol > 0 or points < 5:
        raise ValueError(
            f"low={low}, high={high}, tol={tol}, points={points}: pass low <= 0 <= high with "
            "low < high, tol > 0 and points >= 5."
        )
    evaluator = Evaluator(objective, theta, direction.double())
    shares: list[float] = []
    residuals: list[float] = []
    for halving in range(_HALVINGS + 1):
        share = 2 ** (-halving / 2)
        positions = torch.linspace(share * low, share * high, points, dtype=torch.float64)
        losses = [evaluator.evaluate(x).loss for x in positions.tolist()]
        values = torch.tensor(losses, dtype=torch.float64)
        shares.append(share)
        residuals.append(polynomial_residual(positions, values, degree=2))
        if residuals[-1] < tol:
            break
    fits = residuals[-1] < tol
    return ParabolaWindow(
        shares=torch.tensor(shares, dtype=torch.float64),
        residuals=torch.tensor(residuals, dtype=torch.float64),
        widest=shares[-1] if fits else 0.0,
        passes=points * len(shares),
        converged=fits,
        **conditions(objective),
    )
