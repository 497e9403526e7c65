"""Fit power laws of recorded quantities in the size of a network."""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from studies.intervals import Interval, mean_interval, power_law
from studies.measurements import Measurements

# Family, such as "MLP" -> size, such as a width -> arm. Families may have different sizes.
Families = Mapping[str, Mapping[float, str]]


@dataclasses.dataclass(frozen=True)
class Exponent(Interval):
    """The exponent b of a power law y = a·x^b, with its confidence interval over seeds.

    Attributes:
        converged: Whether every value behind it converged. With values that are lower bounds, such
            as the epochs of runs that never reach a level, the estimate is not the exponent.
        local_min: Smallest exponent between two neighbouring sizes, of means over seeds of the
            logarithms. Where the power law holds, it is b. NaN without an estimate.
        local_max: The largest such exponent.
        sizes: Number of sizes.
    """

    converged: bool
    local_min: float
    local_max: float
    sizes: int


def power_law_exponents(
    numbers: Measurements,
    quantities: Sequence[str],
    families: Families,
    *,
    confidence: float = 0.95,
) -> dict[tuple[str, str], Exponent]:
    """Return the exponent of each quantity's power law in size, for each family, over seeds.

    The values of one seed at all sizes give one exponent, by ``intervals.power_law``; mean and
    interval are over seeds. A seed with a value that is not finite and positive has no exponent. It
    is not left out: its family has no estimate, and ``invalid`` counts such seeds.

    Args:
        numbers: Where the values were recorded, in the same order of seeds.
        quantities: Recorded names; those that the record lacks, of all networks or of some, are
            left out.
        families: Family -> size -> arm; at least two sizes, positive, and at least 2 seeds.
        confidence: Coverage of the intervals, in (0, 1).

    Returns:
        (quantity, family) -> exponent.

    Raises:
        KeyError: If an arm has no value.
        ValueError: If the sizes of a family have different numbers of values, or there is only one
            seed or one size.
    """
    exponents = {}
    known = known_quantities(numbers, quantities, families)
    for quantity, (family, sizes) in itertools.product(known, families.items()):
        rows = values_against_size(numbers, quantity, family, sizes)
        samples = [power_law(sorted(sizes), row) for row in rows]
        local_min, local_max = _local_range(sorted(sizes), rows)
        exponents[quantity, family] = Exponent(
            **vars(mean_interval(samples, confidence=confidence)),
            converged=numbers.converged(quantity, list(sizes.values())),
            local_min=local_min,
            local_max=local_max,
            sizes=len(sizes),
        )
    return exponents


def known_quantities(
    numbers: Measurements, quantities: Iterable[str], families: Families
) -> list[str]:
    """Return the quantities that are recorded; where the record lacks some numbers, in all arms.

    Args:
        numbers: Where they were recorded.
        quantities: Recorded names.
        families: Family -> size -> arm.
    """
    arms = [str(arm) for sizes in families.values() for arm in sizes.values()]
    counts = numbers.frame[["quantity", "arm"]].value_counts()
    # Unknown arms are an error, unless the record says that it lacks numbers.
    known = [name for name in quantities if name in numbers]
    if not numbers.missing:
        return known
    lengths = {name: {counts.get((name, arm), 0) for arm in arms} for name in known}
    return [name for name in known if len(lengths[name]) == 1 and 0 not in lengths[name]]


def _local_range(sizes: Sequence[float], rows: np.ndarray) -> tuple[float, float]:
    """Return the smallest and the largest exponent between neighbouring sizes (seeds, sizes)."""
    if not (np.isfinite(rows) & (rows > 0)).all():
        return math.nan, math.nan
    slopes = np.diff(np.log(rows).mean(0)) / np.diff(np.log(sizes))
    return float(slopes.min()), float(slopes.max())


def values_against_size(
    numbers: Measurements, quantity: str, family: str, sizes: Mapping[float, str]
) -> np.ndarray:
    """Return the recorded values of one family against size.

    Args:
        numbers: Where the values were recorded, in the same order of seeds.
        quantity: Recorded name.
        family: Name of the family, for the error text.
        sizes: Size -> arm.

    Returns:
        Values (seeds, sizes), sizes in increasing order.

    Raises:
        KeyError: If an arm has no value.
        ValueError: If the sizes have different numbers of values.
    """
    rows = [numbers.values(quantity, sizes[size]) for size in sorted(sizes)]
    if len({len(row) for row in rows}) > 1:
        raise ValueError(
            f"{quantity!r} of {family!r} has {[len(row) for row in rows]} values at the sizes "
            f"{sorted(sizes)}. Record a value of each seed at every size, NaN where there is none."
        )
    return np.array(rows).T
