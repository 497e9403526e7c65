"""Tables and sentences on what was measured: estimators, gaps, resolution, paths, rounding."""

import collections
import math
import statistics
from collections.abc import Mapping, Sequence

from landscape.connectivity.path import Path
from landscape.dynamics.stability import threshold
from landscape.slices.quadratic import Quadratic
from landscape.spectrum.results import Eigenpairs
from landscape.training.optimizers import SGD

from studies.display import Sentence, Table
from studies.formatting import number_text, ratio_text, seeds_text, setting_text
from studies.records.flatness import largest_gap
from studies.records.published import Comparison
from studies.study import Study

_START = "initial_lambda_max"


def estimators(rows: Sequence[Comparison], *, label: str, caption: str) -> Table:
    """Return a table of the source's numbers, its estimator on our networks, and the converged one.

    Args:
        rows: What was compared.
        label: Such as ``tab-estimators``.
        caption: What to see.
    """
    return Table(
        ["network", "quantity", "source", "its estimator, on ours", "converged", "ratio"],
        [
            [
                row.arm,
                row.quantity,
                "–" if row.source is None else setting_text(row.source),
                seeds_text(row.replica),
                seeds_text(row.converged),
                ratio_text(row.replica, row.converged),
            ]
            for row in rows
        ],
        label=label,
        caption=f"{caption} Mean over seeds ± half-width of the 95% interval; ratio of the "
        "source's estimator to the converged value on the same networks, with its interval, where "
        "both have one sign.",
        align=["left"] * 6,
    )


def gaps(tops: Mapping[tuple[str, int], Eigenpairs], *, classes: int) -> Sentence:
    """Return the sentence on behind how many eigenvalues spectra have a clear gap.

    Args:
        tops: (arm, seed) -> the largest eigenpairs, as ``flatness.record_outliers`` returns them.
        classes: As many outliers are said to be there.
    """
    found = [gap for gap in map(largest_gap, tops.values()) if gap.converged]
    counts = sorted(collections.Counter(gap.outliers for gap in found).items())
    words = ", ".join(f"{count} behind {place}" for place, count in counts) or "none"
    there = "none" if all(place != classes for place, _ in counts) else "some"
    return Sentence(
        f"Of {len(tops)} spectra {len(found)} have a clear gap among the eigenvalues computed: "
        f"{words}; {there} behind {classes}, the number of classes."
    )


def resolution(study: Study, arms: Sequence[str]) -> Sentence:
    """Return the sentence on how many planes tell the shape of their basin from a circle.

    Args:
        study: Where ``basins.record_basins`` recorded the anisotropy, with the error of the grid.
        arms: The arms.
    """
    pairs = [
        (value, error)
        for arm in arms
        for value, error in zip(
            study.values("anisotropy", arm), study.errors("anisotropy", arm), strict=True
        )
    ]
    known = [(value, error) for value, error in pairs if math.isfinite(value)]
    round_ = sum(not value - error > 1 for value, error in known)
    return Sentence(
        f"In {round_} of {len(known)} planes the grid's error of the anisotropy reaches to 1, a "
        "circle; what is left of it in the mean over seeds is in the intervals."
    )


def lowest(paths: Mapping[tuple[str, str], Sequence[Path]], *, chance: float) -> Sentence:
    """Return the sentence on how low the accuracy on paths falls, beside that of guessing.

    Args:
        paths: (split, policy) -> one path a pair.
        chance: The share that guessing gets right.
    """
    found = [
        f"{min(float(path.accuracy.min()) for path in own):.3f} ({split}, {policy})"
        for (split, policy), own in paths.items()
    ]
    return Sentence(
        f"The lowest accuracy on any path: {', '.join(found)}; guessing has {chance:.3f}."
    )


def steady(study: Study, optimizer: SGD, target: str, arms: Sequence[str]) -> Sentence:
    """Return the sentence on how networks end whose first steps are stable, and the others.

    In full-batch descent they are where λ_max at the initialisation, recorded as
    ``initial_lambda_max``, is at most ``stability.threshold`` of the optimizer.

    Args:
        study: Where both were recorded, in the same order of seeds.
        optimizer: The one they were trained by, with its first learning rate.
        target: Recorded name of how they end, a share.
        arms: The arms.
    """
    line = threshold(optimizer)
    pairs = [
        (start, 100 * end)
        for arm in arms
        for start, end in zip(study.values(_START, arm), study.values(target, arm), strict=True)
    ]
    sides = {
        "at or below": [end for start, end in pairs if start <= line],
        "above": [end for start, end in pairs if start > line],
    }
    texts = [
        f"{len(ends)} begin {words} it, and end at {min(ends):.1f} to {max(ends):.1f} per cent"
        for words, ends in sides.items()
        if ends
    ]
    return Sentence(
        f"Full-batch steps of the first rate are stable up to λ_max = {line:.3g}. Of {len(pairs)} "
        f"networks {'; '.join(texts)}."
    )


def rounding_sentence(
    study: Study, quantity: str, arms: Sequence[str], when: str, *, above: float = 0.01
) -> Sentence:
    """Return the sentence on how much of their gradients networks lose by rounding.

    Args:
        study: Where it was recorded.
        quantity: Its recorded name, such as ``initial_rounding``.
        arms: The arms.
        when: When they were measured, such as ``at the initialisation``.
        above: The share from which on arms are named.
    """
    shares = {arm: study.values(quantity, arm) for arm in arms}
    # Where no share is known, as of a gradient that is no number, all may be lost.
    every = [math.inf if math.isnan(share) else share for own in shares.values() for share in own]
    lossy = {arm: sum(not share <= above for share in own) for arm, own in shares.items()}
    counts = [f"{arm} ({many} of {len(shares[arm])})" for arm, many in lossy.items() if many]
    return Sentence(
        f"Of gradients {when} rounding is {number_text(statistics.median(every))} in the median of "
        f"{len(every)} networks, and above {above:g} in {', '.join(counts) or 'none'}."
    )


def partings(models: Mapping[str, Quadratic], unit: str) -> str:
    """Return in words where model and measured plane part, for each arm.

    Args:
        models: Arm -> model, as the functions above return them.
        unit: Unit of the distances.
    """
    words = {
        arm: f"not within {model.reach:.2g}"
        if math.isinf(model.radius)
        else f"between {model.radius:.3g} and {model.parts_at:.3g}"
        for arm, model in models.items()
    }
    return ", ".join(f"{arm}: {where} {unit}" for arm, where in words.items())
