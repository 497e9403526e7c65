"""Tables and sentences on measurements: estimators, spectral gaps, grids, paths, rounding."""

import collections
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

from landscape.connectivity.path import Path
from landscape.dynamics.stability import threshold
from landscape.training.optimizers import SGD

from studies.display import Missing, Sentence, Table
from studies.formatting import (
    interval_text,
    list_text,
    mean_text,
    number_text,
    ratio_text,
    seeds_text,
    setting_text,
)
from studies.measurements import Measurements
from studies.quantities import quantity
from studies.records.published import Comparison
from studies.tables.layout import statistics_text


def estimators(rows: Sequence[Comparison], *, label: str, caption: str) -> Table | Sentence:
    """Return a table of the source's numbers, its estimator on our networks, and converged values.

    Args:
        rows: The comparisons, one row each.
        label: Such as ``tab-estimators``.
        caption: What to see; how to read the columns is added.
    """
    if not rows:
        return Missing(label)
    return Table(
        [
            "network",
            "quantity",
            "source's value",
            "source's estimator, our networks",
            "converged value",
            "estimator / converged",
        ],
        [
            [
                row.arm,
                row.quantity,
                "–" if row.source is None else setting_text(row.source),
                seeds_text(row.estimates),
                seeds_text(row.converged),
                ratio_text(row.estimates, row.converged),
            ]
            for row in rows
        ],
        label=label,
        caption=f"{caption} The source's estimator and the converged value are measured on the "
        "same networks: means over seeds ± half-width of the 95% interval, and their paired ratio "
        "where both have one sign.",
        align=["left"] * 6,
    )


def gaps(numbers: Measurements, *, classes: int) -> Sentence:
    """Return the sentence that counts the spectra with a clear gap, by the number of outliers.

    Args:
        numbers: Where ``outliers.measure_outliers`` recorded them: converged where a gap is clear.
        classes: Number of classes: the number of outliers that sources claim.
    """
    if "outliers" not in numbers:
        return Sentence("The record does not hold the numbers of outliers of the spectra.")
    frame = numbers.where(quantity="outliers").frame
    frame = frame[frame["value"].notna()]
    clear = frame.loc[frame["converged"], "value"].astype(int)
    counts = sorted(collections.Counter(clear.tolist()).items())
    words = list_text(
        [f"after eigenvalue {outliers} in {count}" for outliers, count in counts] or ["none"]
    )
    as_claimed = dict(counts).get(classes, 0) or "none"
    return Sentence(
        f"A clear gap separates outliers in {len(clear)} of {len(frame)} spectra ({words}). Theory "
        f"predicts {classes} outliers, one for each class: {as_claimed} of the spectra "
        f"{'has' if as_claimed in (1, 'none') else 'have'} its gap there."
    )


def resolution(numbers: Measurements, arms: Sequence[str] | None = None) -> Sentence:
    """Return the sentence that counts the planes whose grid cannot tell their basin from a circle.

    Args:
        numbers: Where ``basins.record_basins`` recorded the anisotropy, with the error of the grid.
        arms: The arms; None for all.
    """
    undecided, known = _unresolved(numbers, arms)
    return Sentence(
        f"The grid cannot tell the basin from a circle in {undecided} of {known} planes: "
        "there the anisotropy exceeds 1 by no more than the error of the grid. The intervals over "
        "seeds include this error only as far as it differs between seeds."
    )


def resolved(numbers: Measurements, arms: Sequence[str] | None = None) -> bool:
    """Return whether the grid tells the basin from a circle in at least half of the planes.

    Args:
        numbers: As for ``resolution``.
        arms: The arms; None for all.
    """
    undecided, known = _unresolved(numbers, arms)
    return 2 * undecided <= known


def _unresolved(numbers: Measurements, arms: Sequence[str] | None) -> tuple[int, int]:
    """Return the number of planes whose basin may be a circle, and of those with an anisotropy."""
    pairs = [
        (value, error)
        for arm in arms or numbers.arms
        for value, error in zip(
            numbers.values("anisotropy", arm), numbers.errors("anisotropy", arm), strict=True
        )
        if math.isfinite(value)
    ]
    return sum(not value - error > 1 for value, error in pairs), len(pairs)


def lowest(paths: Mapping[tuple[str, str], Sequence[Path]], *, chance: float) -> Sentence:
    """Return the sentence on the lowest accuracy on paths, beside the accuracy of guessing.

    Args:
        paths: (split, policy) -> one path for each pair of solutions.
        chance: Share correct by guessing, in (0, 1).
    """
    if not paths:
        return Sentence("The record does not hold the accuracy on the paths.")
    lowest_texts = [
        f"{mean_text([100 * float(path.accuracy.min()) for path in pair_paths])}% with "
        f"{statistics_text(policy, split)}"
        for (split, policy), pair_paths in paths.items()
    ]
    return Sentence(
        f"The lowest accuracy on a path, as a mean over pairs, is {list_text(lowest_texts)}; "
        f"guessing reaches {100 * chance:.1f}%."
    )


def stable_start_sentence(
    starts: Measurements,
    ends: Measurements,
    optimizer: SGD,
    target: str,
    arms: Sequence[str] | None = None,
) -> Sentence:
    """Return the sentence that compares final values of stable and of unstable initialisations.

    Full-batch steps are stable where λ_max at the initialisation is at most
    ``stability.threshold`` of the optimizer.

    Args:
        starts: Where ``lambda_max`` at the initialisation was recorded.
        ends: Where the final values were recorded, in the same order of seeds.
        optimizer: The optimizer of the runs, with its first learning rate.
        target: Recorded name of the final value, a share, such as ``test_accuracy``.
        arms: The arms; None for all of ``starts``.
    """
    if starts.missing:
        return Sentence("The record does not hold λ_max of all networks before training.")
    limit, arms = threshold(optimizer), arms or starts.arms
    words = quantity(target).heading
    pairs = [
        (start, 100 * end)
        for arm in arms
        for start, end in zip(
            starts.values("lambda_max", arm), ends.values(target, arm), strict=True
        )
    ]
    sides = {
        "start within this limit": [end for start, end in pairs if start <= limit],
        "start above it": [end for start, end in pairs if start > limit],
    }
    texts = [
        f"{len(ends)} {verb}, and end between {min(ends):.1f}% and {max(ends):.1f}%"
        for verb, ends in sides.items()
        if ends
    ]
    return Sentence(
        f"Full-batch steps at the first learning rate are stable up to λ_max = {limit:.3g}. Of "
        f"{len(pairs)} networks, {'; '.join(texts)} {words}."
    )


def rounding_sentence(numbers: Measurements, when: str, *, above: float = 0.01) -> Sentence:
    """Return the sentence on the share of their gradients that networks lose by rounding.

    Args:
        numbers: Where the shares were recorded, as ``rounding``.
        when: When they were measured, such as ``at the initialisation``.
        above: Arms are named for the runs whose share is larger, in (0, 1).
    """
    if "rounding" not in numbers:
        return Sentence(f"The record does not hold the rounding of gradients {when}.")
    recorded = numbers.where(quantity="rounding")
    shares = {arm: recorded.values("rounding", arm) for arm in recorded.arms}
    # A gradient that is not a number has no known share: all of it may be lost.
    all_shares = [
        math.inf if math.isnan(share) else share
        for arm_shares in shares.values()
        for share in arm_shares
    ]
    # `not <=` also counts NaN.
    lossy = {arm: sum(not s <= above for s in arm_shares) for arm, arm_shares in shares.items()}
    counts = [f"{arm} ({count} of {len(shares[arm])})" for arm, count in lossy.items() if count]
    return Sentence(
        f"Rounding changes the gradient {when} by {number_text(statistics.median(all_shares))} of "
        f"its norm (median of {len(all_shares)} networks), and by more than {100 * above:g}% in "
        f"{list_text(counts or ['no network'])}."
    )


def ratio_words(numbers: Measurements, quantities: Iterable[str], arms: Sequence[str]) -> str:
    """Return in words the paired ratio first / second of some quantities, with its 95% interval.

    Args:
        numbers: Where the values were recorded, in the same order of seeds.
        quantities: Names of quantities; of negative ones the ratio is that of magnitudes.
        arms: The two arms.
    """
    known = {name: quantity(name) for name in quantities if name in numbers}
    texts = [
        f"{heading.heading} {interval_text(numbers.ratio(name, arms, sign=heading.sign))}"
        for name, heading in known.items()
    ]
    return "; ".join(texts) or "not in the record"
