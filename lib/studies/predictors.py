"""Correlate recorded quantities over networks, and fit exponents for each seed."""

from collections.abc import Iterable, Mapping, Sequence

from studies.measurements import Measurements
from studies.quantities import short_headings
from studies.rank_correlation import RankCorrelation, rank_correlation

PooledAndWithin = tuple[RankCorrelation, RankCorrelation]


def rank_correlations(
    numbers: Measurements,
    quantities: Iterable[str] | Mapping[str, str],
    target: str,
    arms: Sequence[str],
    *,
    confidence: float = 0.95,
) -> dict[str, PooledAndWithin]:
    """Return the rank correlation of each quantity with a target, pooled and within arms.

    The pooled correlation is over all networks; its interval comes from leaving out one arm at a
    time. The correlation within arms does not see the differences between arms; its interval comes
    from leaving out one seed at a time, since networks of one seed share weights and batches in all
    arms.

    Args:
        numbers: Where all were recorded, in the same order of seeds.
        quantities: Names of quantities; or name -> heading. Those that the record lacks, of all
            networks or of some, are left out.
        target: Recorded name of the quantity to predict.
        arms: The arms.
        confidence: Coverage of the intervals, in (0, 1).

    Returns:
        Heading -> (pooled, within arms). With too few arms or seeds the interval is [−1, 1], with
        the reason.

    Raises:
        KeyError: If an arm has no value.
        ValueError: If a quantity and the target have different numbers of values.
    """
    correlations = {}
    for name, heading in short_headings(quantities).items():
        known = name in numbers and (not numbers.missing or _complete(numbers, name, target, arms))
        if not known:
            continue
        pairs = points(numbers, name, target, arms)
        xs = [x for arm_xs, _ in pairs.values() for x in arm_xs]
        ys = [y for _, arm_ys in pairs.values() for y in arm_ys]
        labels = [arm for arm, (arm_xs, _) in pairs.items() for _ in arm_xs]
        seeds = [seed for arm_xs, _ in pairs.values() for seed in range(len(arm_xs))]
        correlations[heading] = (
            rank_correlation(xs, ys, confidence=confidence, clusters=labels),
            rank_correlation(xs, ys, confidence=confidence, groups=labels, clusters=seeds),
        )
    return correlations


def _complete(numbers: Measurements, name: str, target: str, arms: Sequence[str]) -> bool:
    """Whether each arm has a value of a quantity for each value of the target."""
    rows = numbers.frame[["quantity", "arm"]].value_counts()
    counts = [[rows.get((quantity, str(arm)), 0) for arm in arms] for quantity in (name, target)]
    return counts[0] == counts[1] and 0 not in counts[0]


def points(
    numbers: Measurements, x: str, y: str, arms: Sequence[str]
) -> dict[str, tuple[list[float], list[float]]]:
    """Return the recorded values of two quantities for each arm, such as for a scatter plot.

    Where the record lacks numbers (``numbers.missing``), arms without both are left out.

    Args:
        numbers: Where both were recorded, in the same order of seeds.
        x: Recorded name of the first quantity.
        y: Recorded name of the second.
        arms: The arms.

    Returns:
        Arm -> (values of x, values of y).

    Raises:
        KeyError: If an arm lacks one of the two.
    """
    known = [a for a in arms if not numbers.missing or _complete(numbers, x, y, [a])]
    return {arm: (numbers.values(x, arm), numbers.values(y, arm)) for arm in known}


def of_column(numbers: Measurements, quantity: str, column: str) -> Measurements:
    """Return a column as a quantity, so that a factor such as the width stands among predictors.

    Args:
        numbers: Where a quantity of each network was recorded.
        quantity: The quantity whose rows are taken.
        column: The column, which becomes the name of the new quantity.
    """
    rows = numbers.where(quantity=quantity).frame[["arm", "seed", column]]
    return Measurements(
        [
            {"quantity": column, "arm": arm, "seed": seed, "value": float(value)}
            for arm, seed, value in rows.itertuples(index=False)
        ],
        missing=numbers.missing,
    )


def converged_only(numbers: Measurements) -> Measurements:
    """Return the same numbers with NaN in place of those that did not converge.

    Lower bounds that come from plans of several lengths have no order.

    Args:
        numbers: The numbers.
    """
    rows = numbers.frame
    known = rows["value"].where(rows["converged"].fillna(True).astype(bool))
    columns = rows[["quantity", "arm", "seed", "unit"]].assign(value=known)
    return Measurements(columns.to_dict("records"), missing=numbers.missing)
