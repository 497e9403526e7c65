"""Predictors: how surely one recorded number orders networks as another one does."""

from collections.abc import Mapping, Sequence

from studies.intervals import power_law
from studies.rank_correlation import RankCorrelation, rank_correlation
from studies.study import Study

Both = tuple[RankCorrelation, RankCorrelation]


def rank_correlations(
    study: Study,
    quantities: Mapping[str, str],
    target: str,
    arms: Sequence[str],
    *,
    confidence: float = 0.95,
) -> dict[str, Both]:
    """Return rank correlations of recorded numbers with a target, over arms and seeds.

    Args:
        study: Where all were recorded, in the same order of seeds.
        quantities: Recorded name -> heading.
        target: Recorded name of what is to be predicted.
        arms: The arms.
        confidence: Coverage of the intervals.

    Returns:
        Heading -> correlation over all networks, its interval from leaving out arms, and
        correlation within arms, which does not see the differences between them, its interval from
        leaving out seeds, since networks of one seed share weights and batches in all arms; where
        arms or seeds are too few, with all of [−1, 1] for an interval, and the reason.
    """
    found = {}
    for name, heading in quantities.items():
        pairs = points(study, name, target, arms)
        xs = [x for own, _ in pairs.values() for x in own]
        ys = [y for _, own in pairs.values() for y in own]
        labels = [arm for arm, (own, _) in pairs.items() for _ in own]
        seeds = [seed for own, _ in pairs.values() for seed in range(len(own))]
        found[heading] = (
            rank_correlation(xs, ys, confidence=confidence, clusters=labels),
            rank_correlation(xs, ys, confidence=confidence, groups=labels, clusters=seeds),
        )
    return found


def exponent_samples(
    study: Study, quantity: str, arms: Sequence[str], xs: Sequence[float]
) -> list[float]:
    """Return for each seed the exponent of the power law of a recorded quantity in a position.

    Args:
        study: Where it was recorded, in the same order of seeds.
        quantity: Its recorded name.
        arms: One arm at each position.
        xs: The positions, such as depths.
    """
    values = [study.values(quantity, arm) for arm in arms]
    return [power_law(xs, of) for of in zip(*values, strict=True)]


def points(
    study: Study, x: str, y: str, arms: Sequence[str]
) -> dict[str, tuple[list[float], list[float]]]:
    """Return arm -> recorded values of one quantity and of another, in the same order of seeds."""
    return {arm: (study.values(x, arm), study.values(y, arm)) for arm in arms}
