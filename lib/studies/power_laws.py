"""Scaling: recorded values against the size of a network, and the exponents of their power laws."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from studies import predictors
from studies.intervals import Interval, mean_interval, paired_difference, power_law
from studies.study import Study

# Family, such as "MLP" -> size, such as its width -> arm. Families may have different sizes.
Families = Mapping[str, Mapping[float, str]]


@dataclasses.dataclass(frozen=True)
class Exponent(Interval):
    """The exponent b of a power law y = a·x^b, with its confidence interval over seeds.

    Attributes:
        converged: Whether every value behind it converged. With lower bounds among them, such as
            the epochs of runs that never reach a level, it is not the exponent.
        least: The least exponent between two neighbouring sizes, of means over seeds of the
            logarithms; ``b`` wherever the power law holds. NaN without an estimate.
        most: The largest.
        sizes: Number of sizes.
    """

    converged: bool
    least: float
    most: float
    sizes: int


def power_law_exponents(
    study: Study, quantities: Sequence[str], families: Families, *, confidence: float = 0.95
) -> dict[tuple[str, str], Exponent]:
    """Return the exponent of each quantity's power law in size, for each family, over seeds.

    Each seed has an exponent of its own, ``statistics.power_law`` through its values at all sizes;
    mean and interval are those over seeds. A seed with a value that is not finite and positive has
    none: it is not left out, so its family has no estimate, and ``invalid`` counts such seeds.

    Args:
        study: Where the values were recorded, in the same order of seeds.
        quantities: Recorded names.
        families: Family -> size, at least two, positive -> arm; of at least 2 seeds.
        confidence: Coverage of the intervals.

    Returns:
        (quantity, family) -> exponent.

    Raises:
        ValueError: If the sizes of a family have different numbers of values, there is one seed, or
            one size.
    """
    found = {}
    for quantity, (name, sizes) in itertools.product(quantities, families.items()):
        rows = values_against_size(study, quantity, name, sizes)
        each = [power_law(sorted(sizes), row) for row in rows]
        least, most = _between(sorted(sizes), rows)
        found[quantity, name] = Exponent(
            **vars(mean_interval(each, confidence=confidence)),
            converged=study.converged(quantity, list(sizes.values())),
            least=least,
            most=most,
            sizes=len(sizes),
        )
    return found


def exponent_difference(
    study: Study, first: str, second: str, sizes: Mapping[float, str]
) -> Interval:
    """Return the paired difference of two quantities' exponents over seeds, first less second.

    Args:
        study: Where both were recorded, in the same order of seeds.
        first: A recorded name.
        second: Another.
        sizes: Size, at least two, positive -> arm; of at least 2 seeds.
    """
    each = (
        predictors.exponent_samples(study, name, list(sizes.values()), list(sizes))
        for name in (first, second)
    )
    return paired_difference(*each)


def _between(sizes: Sequence[float], rows: np.ndarray) -> tuple[float, float]:
    """Return the least and the largest exponent between neighbours of values (seeds, sizes)."""
    if not (np.isfinite(rows) & (rows > 0)).all():
        return math.nan, math.nan
    slopes = np.diff(np.log(rows).mean(0)) / np.diff(np.log(sizes))
    return float(slopes.min()), float(slopes.max())


def values_against_size(
    study: Study, quantity: str, family: str, sizes: Mapping[float, str]
) -> np.ndarray:
    """Return the values (seeds, sizes) of a family, in increasing order of sizes."""
    rows = [study.values(quantity, sizes[size]) for size in sorted(sizes)]
    if len({len(row) for row in rows}) > 1:
        raise ValueError(
            f"{quantity!r} of {family!r} has {[len(row) for row in rows]} values at the sizes "
            f"{sorted(sizes)}. Record one for each seed at every size, NaN where there is none."
        )
    return np.array(rows).T
