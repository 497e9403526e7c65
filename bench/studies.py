"""Simulated studies with known answers, on which verdicts are tried: see ``bench.verdicts``."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import numpy as np
from studies.judging.associations import correlation, exponent, median_ratio
from studies.judging.atomic_claims import AtomicClaim
from studies.judging.power import detectable_rate, detectable_share, detectable_shift
from studies.judging.relations import Relation, count, difference, level, ratio, share
from studies.judging.rules import CHECKS, Rule
from studies.judging.samples import Samples
from studies.judging.verdicts import Judgement, judge

Event = Callable[[np.random.Generator], bool]
CLAIM = AtomicClaim("S0.1a", "S0", "S0.1", "a simulated claim")


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A simulated study, the event that is counted, and how often it should happen.

    Attributes:
        subject: What is tried, such as ``coverage``.
        study: What is simulated, with the truth.
        event: Whether one simulated study ends in the event, such as an interval with the truth.
        low: Least rate as stated, in [0, 1].
        high: Largest rate as stated.
        slack: What chance may add to 400 repetitions, to both sides.
    """

    subject: str
    study: str
    event: Event
    low: float
    high: float = 1.0
    slack: float = 0.02


def pairs(numbers: np.random.Generator, true: float, sd: float, n: int = 6) -> np.ndarray:
    """Return two arms (2, n) whose ratio is log-normal around the true one; seeds differ much."""
    seeds = np.exp(numbers.normal(0, 1.5, n))
    return np.stack([seeds * true * np.exp(numbers.normal(0, sd, n)), seeds])


def true_ratio(numbers: np.random.Generator, true: float, sd: float, n: int = 6) -> Relation:
    """Return the relation of a simulated ratio."""
    return ratio("λ", *pairs(numbers, true, sd, n))


def verdict(measured: Relation | Sequence[Relation], side: str = "above", **rule) -> Judgement:
    """Return the judgement of a claim about simulated relations."""
    return judge(CLAIM, Rule(CLAIM.id, side, measured, **rule))


def holds(relation: Relation, truth: float) -> bool:
    """Return whether the interval of a relation holds the truth."""
    return relation.effect.low <= truth <= relation.effect.high


def _exponent(numbers: np.random.Generator) -> bool:
    widths = np.array([16.0, 32, 64, 128])
    seeds = np.exp(numbers.normal(0, 1, 5))
    values = [seeds * w**-0.7 * np.exp(numbers.normal(0, 0.3, 5)) for w in widths]
    return holds(exponent("λ", list(widths), values, variable="width"), -0.7)


def _dead(numbers: np.random.Generator) -> bool:
    first, second = pairs(numbers, 2.0, 0.25, 9)
    alive = np.r_[[True] * 6, [False] * 3]
    first[~alive] = 0.1  # The curvature of a network that answers nothing.
    relation = ratio("λ", Samples(tuple(first), learned=tuple(alive)), second)
    return relation.effect.left_out == 3 and holds(relation, 2.0)


def _clusters(numbers: np.random.Generator, r: float, shared: float = 0.8) -> bool:
    arms = numbers.multivariate_normal([0, 0], [[1, r], [r, 1]], 14).repeat(3, axis=0)
    nets = numbers.multivariate_normal([0, 0], [[1, r], [r, 1]], 42)
    x, y = (math.sqrt(shared) * arms + math.sqrt(1 - shared) * nets).T
    relation = correlation("λ", x, y, other="accuracy", clusters=np.arange(14).repeat(3).tolist())
    return holds(relation, 6 / math.pi * math.asin(r / 2))


def _networks(numbers: np.random.Generator, r: float, n: int = 24) -> Relation:
    x, y = numbers.multivariate_normal([0, 0], [[1, r], [r, 1]], n).T
    return correlation("λ", x, y, other="accuracy")


def _partial(numbers: np.random.Generator) -> bool:
    width = numbers.normal(0, 1, 40)
    x, y = width + 0.5 * numbers.normal(0, 1, (2, 40))
    return holds(correlation("basin", x, y, other="speed", given=("width", width)), 0.0)


def _median(numbers: np.random.Generator, n: int = 6) -> bool:
    def durations(scale):
        epochs = scale * numbers.exponential(1, n)
        steps = np.floor(epochs / 0.05) * 0.05
        rows = zip(epochs, steps, steps + 0.05, strict=True)
        return [SimpleNamespace(epochs=e, earliest=low, latest=high) for e, low, high in rows]

    return holds(median_ratio("time", durations(2.0), durations(1.0)), 2.0)


def _share(numbers: np.random.Generator, p: float, n: int) -> Relation:
    return share("runs diverge", list(numbers.random(n) < p))


def _checks(numbers: np.random.Generator, truths: Sequence[float], shared: float = 0.0) -> set[str]:
    """Return the words of six checks whose noise is partly shared, as seeds make it."""
    common, checks = numbers.normal(0, 1, 6), {}
    for name, true in zip(CHECKS, truths, strict=True):
        noise = math.sqrt(shared) * common + math.sqrt(1 - shared) * numbers.normal(0, 1, 6)
        checks[name] = ratio("λ", true * np.exp(0.5 * noise), np.ones(6))
    judgement = verdict(true_ratio(numbers, 2.0, 0.25), checks=checks)
    return {check.word for check in judgement.checks.values()}


def _contradicted_by_one(numbers: np.random.Generator) -> bool:
    relations = [true_ratio(numbers, 1.0, 0.5) for _ in range(5)]
    return verdict(relations).verdict == "contradicted"


def _artefact(numbers: np.random.Generator) -> bool:
    defective = ratio("λ", *pairs(numbers, 3.0, 0.25), published_estimator=True)
    return verdict(defective, checks={"estimator": true_ratio(numbers, 1.0, 0.1)}).artefact


def _seen(true: Callable[[np.random.Generator], Relation], border: float | None = None) -> Event:
    """Return the event that an interval excludes the border on the side of the truth."""
    return lambda numbers: verdict(true(numbers), border=border).verdict == "reproduced"


COVERAGE = [
    ("ratio of 2, 6 pairs, SD of logs 0.25", lambda g: holds(true_ratio(g, 2.0, 0.25), 2.0)),
    ("the same, and 3 networks that did not learn", _dead),
    (
        "difference of 0.9 points, 5 pairs, SD 0.5",
        lambda g: holds(difference("accuracy", 0.009 + g.normal(0, 0.005, 5), np.zeros(5)), 0.9),
    ),
    ("mean of 3 values", lambda g: holds(level("loss", g.normal(2, 0.3, 3)), 2.0)),
    ("exponent of −0.7, 4 widths, 5 seeds", _exponent),
    ("rank correlation of 0.5, 24 networks", lambda g: holds(_networks(g, 0.517638), 0.5)),
]
# Intervals that are known to cover more often than they say: exact ones, and the jackknife's.
CAUTIOUS = [
    ("rank correlation of 0, 14 arms of 3 seeds", lambda g: _clusters(g, 0.0)),
    ("rank correlation of 0.8, 14 arms of 3 seeds", lambda g: _clusters(g, 0.813474)),
    ("partial rank correlation of 0 given the cause of both, 40 networks", _partial),
    ("median ratio of 2, 6 pairs of durations", _median),
    ("share of 0.9, 6 runs", lambda g: holds(_share(g, 0.9, 6), 0.9)),
    ("share of 0.3, 20 runs", lambda g: holds(_share(g, 0.3, 20), 0.3)),
    ("mean count of 2, 5 networks", lambda g: holds(count("spikes", g.poisson(2, 5)), 2.0)),
]


def _word(word: str, true: float, sd: float, side: str = "above") -> Event:
    return lambda g: verdict(true_ratio(g, true, sd), side).verdict == word


WORDS = [
    Scenario(
        "equal, wrongly",
        "true ratio 1.25, the margin",
        _word("reproduced", 1.25, 0.13, "within"),
        0,
        0.05,
    ),
    Scenario(
        "equal, rightly",
        "true ratio 1, SD of logs 0.13",
        _word("reproduced", 1.0, 0.13, "within"),
        0.8,
    ),
    Scenario("no difference", "A > B claimed, true ratio 1", _word("contradicted", 1.0, 0.13), 0.8),
    Scenario(
        "no difference, wrongly",
        "A > B claimed, true ratio 1.25",
        _word("contradicted", 1.25, 0.13),
        0,
        0.05,
    ),
    Scenario(
        "reproduced, rightly", "A > B claimed, true ratio 2", _word("reproduced", 2.0, 0.25), 0.8
    ),
    Scenario(
        "reproduced, wrongly",
        "A > B claimed, true ratio 1",
        _word("reproduced", 1.0, 0.5),
        0,
        0.025,
    ),
    Scenario(
        "contradicted, rightly",
        "A > B claimed, true ratio 0.5",
        _word("contradicted", 0.5, 0.25),
        0.8,
    ),
    Scenario(
        "contradicted by one of 5, wrongly", "all true ratios 1", _contradicted_by_one, 0, 0.05
    ),
    Scenario(
        "a check reversed, wrongly",
        "6 checks, all true ratios 1",
        lambda g: "reversed" in _checks(g, [1.0] * 6),
        0,
        0.05,
    ),
    Scenario(
        "a check reversed, wrongly",
        "the same, noise half shared",
        lambda g: "reversed" in _checks(g, [1.0] * 6, 0.5),
        0,
        0.05,
    ),
    Scenario(
        "a check reversed, rightly",
        "6 checks, one true ratio 0.2, five 1",
        lambda g: "reversed" in _checks(g, [0.2, 1, 1, 1, 1, 1]),
        0.8,
    ),
    Scenario("artefact, rightly", "true ratio 1, the source's estimator says 3", _artefact, 0.8),
]


def _power() -> list[Scenario]:
    """Return studies whose truth is what ``would have seen`` names."""
    log_shift = detectable_shift(sd=0.25, n=5)
    points = detectable_shift(sd=0.69, n=3)
    p, rate = detectable_share(10, 0.5, above=True), detectable_rate(5, 1.0, above=True)
    # Spearman's correlation of a normal pair is 6/π·arcsin(r/2); artanh of it has this error at 0.
    spearman = math.tanh(2.8016 / math.sqrt(24 - 3))
    r = 2 * math.sin(math.pi * spearman / 6)
    studies = [
        (
            f"ratio of {math.exp(log_shift):.2f}, 5 pairs, SD of logs 0.25",
            _seen(lambda g: true_ratio(g, math.exp(log_shift), 0.25, 5)),
        ),
        (
            f"difference of {points:.1f} points, 3 pairs, SD 0.69",
            _seen(lambda g: difference("accuracy", g.normal(points, 0.69, 3), [0] * 3, factor=1)),
        ),
        (f"share of {p:.2f} against 0.5, 10 runs", _seen(lambda g: _share(g, p, 10), 0.5)),
        (
            f"mean count of {rate:.2f} against 1, 5 networks",
            _seen(lambda g: count("spikes", g.poisson(rate, 5)), 1.0),
        ),
        (f"rank correlation of {spearman:.2f}, 24 networks", _seen(lambda g: _networks(g, r))),
    ]
    return [Scenario("would have seen", *study, 0.8, 0.8, slack=0.04) for study in studies]


SCENARIOS = [
    *(Scenario("coverage", *study, 0.95, 0.95) for study in COVERAGE),
    *(Scenario("coverage at least", *study, 0.95) for study in CAUTIOUS),
    *WORDS,
    *_power(),
]
