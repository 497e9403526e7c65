"""Findings: recorded quantities of arms set against each other, as claims are judged by."""

import math
from collections.abc import Callable, Mapping, Sequence

from landscape.connectivity.path import Path

from studies import claims, time_to_target
from studies.arms import Runs, diverged
from studies.claims import Finding
from studies.intervals import Interval, mean_interval, share_interval
from studies.predictors import exponent_samples
from studies.study import Study
from studies.time_to_target import Duration

# ``claims.above`` or ``claims.below``: on which side of no effect the claim puts a quantity.
Side = Callable[..., Finding]


def ratio(
    study: Study,
    quantity: str,
    arms: Sequence[str],
    heading: str,
    *,
    side: Side = claims.above,
    sign: int = 1,
    published: bool = False,
    confidence: float = 0.95,
) -> Finding:
    """Judge the paired ratio of a quantity in two arms, first over second, against 1.

    Args:
        study: Where it was recorded, in the same order of seeds.
        quantity: Its recorded name.
        arms: The two arms.
        heading: What the quantity is called, such as ``λ_max``.
        side: The claimed side.
        sign: −1 for negative values.
        published: Whether it is a source's estimator as published, which is judged as it is;
            otherwise what did not converge decides nothing.
        confidence: Coverage of the interval.
    """
    known = published or study.converged(quantity, arms)
    found = study.ratio(quantity, arms, sign=sign, confidence=confidence)
    return side(f"{heading}, {_against(arms, '/')}", found, converged=known)


def difference_finding(
    study: Study,
    quantity: str,
    arms: Sequence[str],
    heading: str,
    *,
    side: Side = claims.above,
    threshold: float = 0.0,
) -> Finding:
    """Judge the paired difference of a share in two arms, first − second, in points.

    What did not converge decides nothing; of runs that diverged, see ``accuracy``.

    Args:
        study: Where it was recorded, in the same order of seeds.
        quantity: Its recorded name, such as ``test_accuracy``.
        arms: The two arms.
        heading: What the quantity is called.
        side: The claimed side.
        threshold: The border, in points.
    """
    title = f"{heading}, {_against(arms, '−')} (percentage points)"
    found = study.difference(quantity, arms, factor=100)
    known = study.converged(quantity, arms)
    return side(title, found, threshold=threshold, converged=known)


def accuracy(study: Study, arms: Sequence[str], *, threshold: float = 0.0) -> Finding:
    """Judge that the first of two arms has the higher test accuracy: paired difference in points.

    A run that diverged counts with the accuracy where it stopped: to fail is an outcome of
    training, no number that is missing.

    Args:
        study: Where ``test_accuracy`` was recorded, in the same order of seeds.
        arms: The two arms.
        threshold: The border, in points.
    """
    found = study.difference("test_accuracy", arms, factor=100)
    title = f"test accuracy, {_against(arms, '−')} (percentage points)"
    return claims.above(title, found, threshold=threshold)


def level(
    study: Study,
    quantity: str,
    arm: str,
    heading: str,
    *,
    threshold: float,
    side: Side = claims.above,
    factor: float = 1.0,
) -> Finding:
    """Judge the mean of a quantity in one arm against a threshold; what diverged decides nothing.

    Args:
        study: Where it was recorded.
        quantity: Its recorded name.
        arm: The arm.
        heading: What the quantity is called.
        threshold: The border, in units of the quantity times the factor.
        side: The claimed side.
        factor: What values are multiplied by, such as 100 for shares in percentage points.
    """
    found = mean_interval([factor * value for value in study.values(quantity, arm)])
    known = study.converged(quantity, [arm])
    return side(f"{heading}, {arm}", found, threshold=threshold, converged=known)


def doubling(
    study: Study,
    quantity: str,
    arms: Sequence[str],
    xs: Sequence[float],
    heading: str,
    *,
    side: Side = claims.above,
    known: bool = True,
) -> Finding:
    """Judge whether a quantity grows by a factor of two or more, from the least x to the greatest.

    It is the exponent of its power law that is judged, of each seed, against the one that doubles.

    Args:
        study: Where it was recorded, in the same order of seeds.
        quantity: Its recorded name.
        arms: One arm at each x.
        xs: Positions, such as depths, at least two.
        heading: What grows.
        side: The claimed side: ``claims.below`` for what grows by less.
        known: Whether networks are such that growth means something; otherwise nothing is decided.
    """
    border = math.log(2) / math.log(max(xs) / min(xs))
    found = mean_interval(exponent_samples(study, quantity, arms, xs))
    title = f"exponent, {heading} ({border:.3f} doubles)"
    known = known and study.converged(quantity, arms)
    return side(title, found, threshold=border, converged=known)


def share(runs: Runs, arm: str, heading: str, *, threshold: float = 0.5) -> Finding:
    """Judge that more than a share of an arm's runs diverges.

    Args:
        runs: (arm, seed) -> run.
        arm: The arm.
        heading: What diverges.
        threshold: The share.
    """
    return claims.above(heading, share_interval(*diverged(runs, arm)), threshold=threshold)


def barrier(
    paths: Sequence[Path], heading: str, *, threshold: float, converged: bool = True
) -> Finding:
    """Judge that the error barrier of paths lies above a threshold.

    Args:
        paths: One for each pair of solutions.
        heading: What paths they are.
        threshold: In percentage points.
        converged: Whether the paths did; if not, nothing is concluded.
    """
    # Outputs that are no numbers have an error too: that of always answering the first class.
    heights = [
        100 * path.error_barrier if path.loss.isfinite().all() else math.nan for path in paths
    ]
    found = mean_interval(heights)
    how = {"threshold": threshold, "converged": converged}
    return claims.above(f"error barrier, {heading} (percentage points)", found, **how)


def largest(found: Sequence[Finding]) -> Finding:
    """Return the finding with the largest estimate: what is claimed of some case is judged by it.

    One without estimate, or not all converged, may be the largest, so it is returned. The best of
    several is above a threshold by luck more often than one is: its interval should be widened for
    their number.

    Args:
        found: Findings of one quantity, at least one.

    Raises:
        ValueError: If there is none.
    """

    def rank(each: Finding) -> tuple[bool, bool, float]:
        estimate = each.interval.estimate
        return math.isnan(estimate), not each.converged, estimate

    return max(found, key=rank)


def interval_finding(found: Interval, heading: str, *, side: Side = claims.above) -> Finding:
    """Judge an interval against no effect; one that did not converge decides nothing.

    Args:
        found: Such as an exponent of ``scaling.exponents``.
        heading: What it is called.
        side: The claimed side.
    """
    return side(heading, found, converged=getattr(found, "converged", True))


def slower(taken: Mapping[str, Sequence[Duration]], arms: Sequence[str], heading: str) -> Finding:
    """Judge that an arm takes more epochs to a level than another: the median ratio above 1.

    Args:
        taken: Arm -> durations, in the same order of seeds; of one level of ``durations.record``.
        arms: The arm that is to take more, and the other.
        heading: The level.
    """
    first, second = (taken[arm] for arm in arms)
    title = f"epochs to {heading}, {_against(arms, '/')}"
    return claims.above(title, time_to_target.faster(second, first))


def _against(arms: Sequence[str], sign: str) -> str:
    first, second = arms
    return f"{first} {sign} {second}"


def correlation_findings(
    study: Study,
    headings: Mapping[str, str],
    found: Mapping[str, Sequence[Interval]],
    arms: Sequence[str],
    target: str,
    *,
    side: Side | None = None,
    threshold: float = 0.0,
    within: bool = False,
) -> list[Finding]:
    """Judge rank correlations with a target; what did not converge decides nothing.

    Args:
        study: Where the quantities were recorded.
        headings: Recorded name -> heading, a finding each.
        found: Heading -> correlation and others, from ``predictors.rank_correlations``.
        arms: The arms that were correlated.
        target: What the target is called.
        side: The claimed side; None takes the one that the estimate is on, for claims that there is
            a correlation, whatever its sign. The intervals have two sides and allow it.
        threshold: The value between the sides.
        within: Whether to judge the correlation within arms in place of the pooled one.
    """
    judged = []
    for name, heading in headings.items():
        one = found[heading][within]
        of = side or (claims.above if one.estimate > threshold else claims.below)
        known = {"threshold": threshold, "converged": study.converged(name, arms)}
        where = " within arms" if within else ""
        judged.append(of(f"ρ({heading}, {target}){where}", one, **known))
    return judged
