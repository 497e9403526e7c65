"""An estimate from random vectors, with its standard error and interval."""

import dataclasses
import math

import scipy.stats


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number estimated from random vectors.

    Attributes:
        value: The estimate.
        stderr: Its standard error; 0 where nothing is random.
        low: Lower end of the 95% interval.
        high: Upper end.
        converged: Whether the standard error is within what was asked for.
        products: Products with the operator used.
        probes: Random vectors in the mean.
        method: How it was made.
        rtol: The relative standard error asked for; None for a fixed number of probes.
        dtype: Type of the recurrences.
        interrupted: Whether Ctrl-C ended it.
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
    """Return the 97.5% quantile of Student's t distribution; of the normal for infinite ``dof``."""
    return float(scipy.stats.t.ppf(0.975, dof)) if dof > 0 else math.inf
