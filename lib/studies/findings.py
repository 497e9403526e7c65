"""Build findings: compare recorded quantities of arms with the claimed side."""

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

# ``claims.above`` or ``claims.below``: the claimed side of the threshold.
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
        study: Where the quantity was recorded, in the same order of seeds.
        quantity: Its recorded name.
        arms: The two arms.
        heading: Name of the quantity for readers, such as ``λ_max``.
        side: The claimed side.
        sign: −1 for a quantity with negative values: the ratio of magnitudes.
        published: Whether the quantity is a source's estimator as published. It is judged as it
            is; any other quantity decides nothing where a value did not converge.
        confidence: Coverage of the interval, in (0, 1).

    Returns:
        The finding on the geometric mean ratio.

    Raises:
        KeyError: If an arm has no value.
        ValueError: If the arms have different numbers of values, or fewer than 2.
    """
    converged = published or study.converged(quantity, arms)
    interval = study.ratio(quantity, arms, sign=sign, confidence=confidence)
    return side(f"{heading}, {_comparison(arms, '/')}", interval, converged=converged)


def difference_finding(
    study: Study,
    quantity: str,
    arms: Sequence[str],
    heading: str,
    *,
    side: Side = claims.above,
    threshold: float = 0.0,
) -> Finding:
    """Judge the paired difference of a share in two arms, first − second, in percentage points.

    Values that did not converge, such as those of diverged runs, decide nothing; ``accuracy``
    counts them.

    Args:
        study: Where the share was recorded, in the same order of seeds.
        quantity: Its recorded name, such as ``test_accuracy``.
        arms: The two arms.
        heading: Name of the quantity for readers.
        side: The claimed side.
        threshold: The border, in percentage points.

    Returns:
        The finding on the mean difference.

    Raises:
        KeyError: If an arm has no value.
        ValueError: If the arms have different numbers of values, or fewer than 2.
    """
    title = f"{heading}, {_comparison(arms, '−')} (percentage points)"
    interval = study.difference(quantity, arms, factor=100)
    converged = study.converged(quantity, arms)
    return side(title, interval, threshold=threshold, converged=converged)


def accuracy(study: Study, arms: Sequence[str], *, threshold: float = 0.0) -> Finding:
    """Judge that the first of two arms has the higher test accuracy, by the paired difference.

    A run that diverged counts with the accuracy where it stopped: failing is an outcome of
    training, not a missing number.

    Args:
        study: Where ``test_accuracy`` was recorded, in the same order of seeds.
        arms: The two arms.
        threshold: The border, in percentage points.

    Returns:
        The finding on the mean difference, in percentage points.

    Raises:
        KeyError: If an arm has no value.
        ValueError: If the arms have different numbers of values, or fewer than 2.
    """
    interval = study.difference("test_accuracy", arms, factor=100)
    title = f"test accuracy, {_comparison(arms, '−')} (percentage points)"
    return claims.above(title, interval, threshold=threshold)


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
    """Judge the mean of a quantity in one arm against a threshold.

    Values that did not converge decide nothing.

    Args:
        study: Where the quantity was recorded.
        quantity: Its recorded name.
        arm: The arm.
        heading: Name of the quantity for readers.
        threshold: The border, in the unit of the quantity times ``factor``.
        side: The claimed side.
        factor: Multiplies the values, such as 100 for a share in percentage points.

    Returns:
        The finding on the mean.

    Raises:
        KeyError: If the arm has no value.
        ValueError: If it has fewer than 2.
    """
    interval = mean_interval([factor * value for value in study.values(quantity, arm)])
    converged = study.converged(quantity, [arm])
    return side(f"{heading}, {arm}", interval, threshold=threshold, converged=converged)


def doubling(
    study: Study,
    quantity: str,
    arms: Sequence[str],
    xs: Sequence[float],
    heading: str,
    *,
    side: Side = claims.above,
    meaningful: bool = True,
) -> Finding:
    """Judge whether a quantity at least doubles from the smallest position to the largest.

    The threshold is log 2/log(largest/smallest), the exponent of the power law that doubles. The
    exponent of each seed's values is one sample.

    Args:
        study: Where the quantity was recorded, in the same order of seeds.
        quantity: Its recorded name.
        arms: One arm for each position.
        xs: Positions, such as depths: positive, at least two of them different.
        heading: Name of the quantity for readers.
        side: The claimed side: ``claims.below`` claims that it grows by less.
        meaningful: Whether growth means something for these networks, which may not have learned;
            if not, the finding decides nothing.

    Returns:
        The finding on the mean exponent over seeds.

    Raises:
        KeyError: If an arm has no value.
        ValueError: If arms have different numbers of values, there are fewer than 2 seeds, or the
            positions give no exponent.
    """
    doubling_exponent = math.log(2) / math.log(max(xs) / min(xs))
    interval = mean_interval(exponent_samples(study, quantity, arms, xs))
    title = f"exponent, {heading} ({doubling_exponent:.3f} doubles)"
    converged = meaningful and study.converged(quantity, arms)
    return side(title, interval, threshold=doubling_exponent, converged=converged)


def share(runs: Runs, arm: str, heading: str, *, threshold: float = 0.5) -> Finding:
    """Judge that more than a share of an arm's runs diverges.

    Args:
        runs: (arm, seed) -> run.
        arm: The arm.
        heading: Name of the share for readers.
        threshold: The border, a share in [0, 1].

    Returns:
        The finding on the share, with its exact binomial interval.

    Raises:
        ValueError: If the arm has no run.
    """
    return claims.above(heading, share_interval(*diverged(runs, arm)), threshold=threshold)


def barrier(
    paths: Sequence[Path], heading: str, *, threshold: float, converged: bool = True
) -> Finding:
    """Judge that the mean error barrier of paths lies above a threshold.

    Args:
        paths: One path for each pair of solutions, at least 2.
        heading: Name of the paths for readers.
        threshold: The border, in percentage points.
        converged: Whether the paths converged; if not, the finding decides nothing.

    Returns:
        The finding on the mean barrier, in percentage points; without an estimate where the loss
        on a path is not finite.

    Raises:
        ValueError: If there are fewer than 2 paths.
    """
    # Outputs that are NaN still have an error, that of always answering the first class.
    heights = [
        100 * path.error_barrier if path.loss.isfinite().all() else math.nan for path in paths
    ]
    return claims.above(
        f"error barrier, {heading} (percentage points)",
        mean_interval(heights),
        threshold=threshold,
        converged=converged,
    )


def largest(findings: Sequence[Finding]) -> Finding:
    """Return the finding with the largest estimate, which judges a claim that some case is large.

    A finding without an estimate, or with numbers that did not converge, may be the largest, so it
    goes first. The largest of several estimates exceeds a threshold by luck more often than a
    single one: widen the intervals of the findings for their number.

    Args:
        findings: Findings on one quantity, at least one.

    Raises:
        ValueError: If there is none.
    """

    def rank(finding: Finding) -> tuple[bool, bool, float]:
        estimate = finding.interval.estimate
        return math.isnan(estimate), not finding.converged, estimate

    return max(findings, key=rank)


def interval_finding(interval: Interval, heading: str, *, side: Side = claims.above) -> Finding:
    """Judge an interval against no effect.

    Args:
        interval: Such as an exponent of ``power_laws.power_law_exponents``. If it has an attribute
            ``converged`` that is False, the finding decides nothing.
        heading: Name of the quantity for readers.
        side: The claimed side.
    """
    return side(heading, interval, converged=getattr(interval, "converged", True))


def slower(
    durations: Mapping[str, Sequence[Duration]], arms: Sequence[str], heading: str
) -> Finding:
    """Judge that one arm takes more epochs to reach a level than another.

    Args:
        durations: Arm -> durations to one level, in the same order of seeds.
        arms: The arm that should take more epochs, and the other arm.
        heading: Name of the level for readers.

    Returns:
        The finding on the median ratio first / second over seeds, judged against 1.

    Raises:
        KeyError: If an arm has no durations.
        ValueError: If the arms have different numbers of durations.
    """
    first, second = (durations[arm] for arm in arms)
    title = f"epochs to {heading}, {_comparison(arms, '/')}"
    return claims.above(title, time_to_target.faster(second, first))


def _comparison(arms: Sequence[str], sign: str) -> str:
    first, second = arms
    return f"{first} {sign} {second}"


def correlation_findings(
    study: Study,
    headings: Mapping[str, str],
    correlations: Mapping[str, Sequence[Interval]],
    arms: Sequence[str],
    target: str,
    *,
    side: Side | None = None,
    threshold: float = 0.0,
    within: bool = False,
) -> list[Finding]:
    """Judge rank correlations of quantities with a target, a finding for each quantity.

    A quantity with values that did not converge decides nothing.

    Args:
        study: Where the quantities were recorded.
        headings: Recorded name -> heading.
        correlations: Heading -> (pooled, within arms), from ``predictors.rank_correlations``.
        arms: The arms that were correlated.
        target: Name of the target for readers.
        side: The claimed side. None takes the side of the estimate, for claims that a correlation
            exists, whatever its sign; the intervals are two-sided, so this is allowed.
        threshold: The border between the sides, in [−1, 1].
        within: Whether to judge the correlation within arms in place of the pooled one.

    Returns:
        The findings in the order of ``headings``.
    """
    judged = []
    for name, heading in headings.items():
        correlation = correlations[heading][within]
        chosen = side or (claims.above if correlation.estimate > threshold else claims.below)
        scope = " within arms" if within else ""
        judged.append(
            chosen(
                f"ρ({heading}, {target}){scope}",
                correlation,
                threshold=threshold,
                converged=study.converged(name, arms),
            )
        )
    return judged
