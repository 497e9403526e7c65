"""An estimate from random vectors, with its standard error and 95% interval."""

import dataclasses
import math

import scipy.stats


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


def quantile(dof: float) -> float:
    """Return the 97.5% quantile of Student's t distribution.

    Args:
        dof: Degrees of freedom. Infinite ones give the quantile of the normal distribution; 0 or
            less give infinity, since one value has no spread.
    """
    return float(scipy.stats.t.ppf(0.975, dof)) if dof > 0 else math.inf
