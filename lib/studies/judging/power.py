"""Power: the smallest effect that a comparison would have seen, with 80% power at 5%, two-sided."""

import functools
import math

import numpy as np
import scipy.optimize
import scipy.stats

POWER = 0.8
_SIGNIFICANCE = 0.05
_nodes = functools.cache(np.polynomial.legendre.leggauss)


def student_power(shift: float, *, sd: float, n: int) -> float:
    """Return how often a two-sided t-test at 5% sees a shift of the mean.

    Args:
        shift: True mean less the border.
        sd: Standard deviation of the samples, in the unit of the shift, above 0.
        n: Number of samples, at least 2.

    Returns:
        The power, from the noncentral t distribution with n − 1 degrees of freedom.
    """
    quantile = scipy.stats.t.ppf(1 - _SIGNIFICANCE / 2, n - 1)
    noncentrality = abs(shift) * math.sqrt(n) / sd
    # The normal power for each error that n samples may state: scipy's noncentral t, which is the
    # same integral, is NaN for some arguments.
    nodes, weights = _nodes(200)
    errors = np.sqrt(scipy.stats.chi2.ppf((nodes + 1) / 2, n - 1) / (n - 1))
    far = scipy.stats.norm.cdf(noncentrality - quantile * errors)
    return float(weights @ (far + scipy.stats.norm.cdf(-noncentrality - quantile * errors)) / 2)


def detectable_shift(*, sd: float, n: int, power: float = POWER) -> float:
    """Return the smallest shift of a mean that a two-sided t-test at 5% sees with some power.

    Args:
        sd: Standard deviation of the samples; of the logarithms of ratios, the shift is a
            logarithm too.
        n: Number of samples, at least 2.
        power: In (0.05, 1).

    Returns:
        The shift, in the unit of ``sd``.

    Raises:
        ValueError: If the standard deviation is not finite and above 0, n < 2, or the power is out
            of range.
    """
    if n < 2 or not (math.isfinite(sd) and sd > 0) or not _SIGNIFICANCE < power < 1:
        raise ValueError(
            f"n={n}, sd={sd} and power={power} give no detectable shift. Pass n >= 2, a finite "
            "sd > 0 and a power in (0.05, 1)."
        )
    quantile = scipy.stats.t.ppf(1 - _SIGNIFICANCE / 2, n - 1)
    # In units of the mean's standard error; few samples need a multiple of the t quantile.
    units = scipy.optimize.brentq(
        lambda u: student_power(u * sd / math.sqrt(n), sd=sd, n=n) - power, 0, 6 * quantile + 6
    )
    return float(units * sd / math.sqrt(n))


def detectable_share(n: int, border: float, *, above: bool) -> float | None:
    """Return the share nearest to a border that an exact binomial test of n cases tells from it.

    The test is that of the exact interval: it sees a share above the border where at most 2.5% of
    samples from the border have as many cases.

    Args:
        n: Number of cases, at least 1.
        border: Share in [0, 1].
        above: Whether the share lies above the border, else below.

    Returns:
        The share that is seen with 80% power; None where no count of n cases would be seen.
    """
    if not above:
        share = detectable_share(n, 1 - border, above=True)
        return None if share is None else 1 - share
    tails = scipy.stats.binom.sf(np.arange(n + 1) - 1, n, border)
    if not (tails <= _SIGNIFICANCE / 2).any():
        return None
    least = int(np.argmax(tails <= _SIGNIFICANCE / 2))
    # P(count >= least) rises with the share: the quantile of a beta distribution.
    return float(scipy.stats.beta.ppf(POWER, least, n - least + 1))


def detectable_rate(units: int, border: float, *, above: bool) -> float | None:
    """Return the mean count a unit that an exact Poisson test tells from a border.

    Args:
        units: Units that are counted in, such as networks; at least 1.
        border: Mean count a unit, at least 0.
        above: Whether the mean count lies above the border, else below.

    Returns:
        The mean count a unit that is seen with 80% power; None where no count would be seen.
    """
    mean = border * units
    if above:
        least = int(scipy.stats.poisson.isf(_SIGNIFICANCE / 2, mean)) + 1
        return float(scipy.stats.gamma.ppf(POWER, least) / units)
    most = int(scipy.stats.poisson.ppf(_SIGNIFICANCE / 2, mean))
    while most >= 0 and scipy.stats.poisson.cdf(most, mean) > _SIGNIFICANCE / 2:
        most -= 1
    return None if most < 0 else float(scipy.stats.gamma.isf(POWER, most + 1) / units)


def detectable_correlation(
    border: float, *, error: float, jackknife: float, clusters: int, above: bool
) -> float | None:
    """Return the rank correlation nearest to a border that would have been told from it.

    In artanh r, the correlation needs a distance from the border at which a normal test, or a
    t-test over clusters where that asks for more, has 80% power. The errors are those of the
    sample; they grow a little with the correlation, which is left out.

    Args:
        border: Correlation in (−1, 1).
        error: Standard error of artanh r for independent samples.
        jackknife: Standard error over clusters; 0 without clusters.
        clusters: Number of clusters.
        above: Whether the correlation lies above the border, else below.

    Returns:
        The correlation; None where none within ±0.995 would have been seen.
    """
    tails = scipy.stats.norm.ppf([1 - _SIGNIFICANCE / 2, POWER])
    distance = float(tails.sum()) * error
    if math.isinf(jackknife):
        return None
    if jackknife:
        sd = jackknife * math.sqrt(clusters)
        distance = max(distance, detectable_shift(sd=sd, n=clusters))
    value = math.tanh(math.atanh(border) + (distance if above else -distance))
    return value if abs(value) < 0.995 else None
