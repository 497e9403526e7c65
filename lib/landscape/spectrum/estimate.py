"""An estimate from random vectors with its standard error, and the accuracy requested from it."""

import dataclasses
import math

import scipy.stats

# The least budget of products. Operators with at most so many rows are solved exactly.
FEWEST_PRODUCTS = 32


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number estimated from random vectors.

    Attributes:
        value: The estimate.
        stderr: Its standard error; 0 if the computation was exact.
        low: Lower end of the 95% interval.
        high: Upper end of the 95% interval.
        converged: Whether the standard error is as small as requested.
        products: Products with the operator used.
        probes: Random vectors averaged.
        method: Name of the method.
        rtol: The requested relative standard error; None for a fixed number of probes.
        dtype: Floating-point type of the recurrences.
        interrupted: Whether Ctrl-C ended the computation.
    """

    value: float
    stderr: float
    low: float
    high: float
    converged: bool
    products: int
    probes: int
    method: str
    rtol: float | None = None
    dtype: str = "float64"
    interrupted: bool = False


@dataclasses.dataclass(frozen=True)
class ErrorTarget:
    """The requested accuracy of an estimate, and its largest cost.

    Attributes:
        rtol: Standard error relative to the estimate, ≥ 0.
        atol: Standard error that suffices whatever the estimate, ≥ 0.
        max_products: Largest number of products with the operator, at least 32.
        max_basis: Largest number of Lanczos vectors, at least 1.
        probes: Fixed number of probes, at least 2; None reaches ``rtol`` or ``atol``.

    Raises:
        ValueError: If a number is out of range.
    """

    rtol: float
    atol: float
    max_products: int
    max_basis: int
    probes: int | None

    def __post_init__(self) -> None:
        if not self.rtol >= 0 or not self.atol >= 0 or self.rtol == self.atol == 0:
            raise ValueError(
                f"rtol={self.rtol}, atol={self.atol} ask for no accuracy. Pass one of them > 0; "
                "rtol=0.01 is a standard error of 1%."
            )
        if self.max_products < FEWEST_PRODUCTS or self.max_basis < 1:
            raise ValueError(
                f"max_products={self.max_products}, max_basis={self.max_basis} are too few. "
                f"Pass max_products >= {FEWEST_PRODUCTS} and max_basis >= 1."
            )
        if self.probes is not None and self.probes < 2:
            raise ValueError(
                f"probes={self.probes} leaves no spread to report. Pass probes >= 2, or None to "
                "reach rtol."
            )

    def target(self, value: float) -> float:
        """Return the standard error that suffices for an estimate of this value."""
        return max(self.rtol * abs(value), self.atol)


def quantile(dof: float) -> float:
    """Return the 97.5% quantile of Student's t distribution.

    Args:
        dof: Degrees of freedom. Infinite ones give the quantile of the normal distribution; 0 or
            less give infinity, since one value has no spread.
    """
    return float(scipy.stats.t.ppf(0.975, dof)) if dof > 0 else math.inf
