"""Findings: recorded quantities of arms set against each other, with known answers."""

import dataclasses
import math
import types

import pytest
import scipy.stats
import torch
from studies import claims, findings
from studies.intervals import Interval, share_interval
from studies.time_to_target import Duration


def recorded(study, quantity, **arms):
    for arm, values in arms.items():
        for seed, value in enumerate(values):
            study.add(quantity, value, arm=arm, seed=seed)


def test_a_ratio_of_two_arms_is_judged_against_one(study):
    recorded(study, "q", a=[2.0, 8.0], b=[1.0, 2.0])
    found = findings.ratio(study, "q", ["a", "b"], "Q")
    assert found.quantity == "Q, a / b" and found.threshold == 1 and found.side == "above"
    assert found.interval.estimate == pytest.approx(math.sqrt(8)) and found.interval.n == 2
    below = findings.ratio(study, "q", ["a", "b"], "Q", side=claims.below)
    assert below.side == "below"


@pytest.mark.parametrize(("factor", "word"), [(2.0, "reproduced"), (0.5, "contradicted")])
def test_ratios_that_agree_decide(study, factor, word):
    recorded(study, "q", a=[factor, 1.01 * factor, 0.99 * factor], b=[1.0, 1.0, 1.0])
    assert findings.ratio(study, "q", ["a", "b"], "Q").word == word


def test_a_ratio_of_what_did_not_converge_decides_nothing(study):
    recorded(study, "q", a=[2.0, 2.01, 1.99])
    for seed in range(3):
        study.add("q", 1.0, arm="b", seed=seed, converged=seed > 0)
    found = findings.ratio(study, "q", ["a", "b"], "Q")
    assert found.word == "inconclusive" and not found.converged
    published = findings.ratio(study, "q", ["a", "b"], "Q", published=True)
    assert published.word == "reproduced" and published.converged


def test_a_ratio_is_wider_where_more_coverage_is_asked_for(study):
    recorded(study, "q", a=[2.0, 2.2, 1.8], b=[1.0, 1.0, 1.0])
    plain = findings.ratio(study, "q", ["a", "b"], "Q").interval
    wide = findings.ratio(study, "q", ["a", "b"], "Q", confidence=0.975).interval
    assert wide.estimate == plain.estimate and wide.low < plain.low < plain.high < wide.high
    # In logarithms the half-widths are those of Student's t with 2 degrees of freedom.
    halves = [math.log(of.high / of.low) for of in (wide, plain)]
    quantiles = [scipy.stats.t.ppf((1 + c) / 2, 2) for c in (0.975, 0.95)]
    assert halves[0] / halves[1] == pytest.approx(quantiles[0] / quantiles[1], rel=1e-9)


def test_the_largest_finding_is_that_of_the_largest_estimate_or_an_unknown_one(study):
    recorded(study, "q", a=[2.0, 2.2], b=[1.0, 1.0], c=[4.0, 4.2], d=[-1.0, 1.0])
    pairs = [[arm, "b"] for arm in "acd"]
    two, four, lost = (findings.ratio(study, "q", pair, "Q") for pair in pairs)
    assert findings.largest([two, four]) is four and findings.largest([four, two]) is four
    assert findings.largest([two, lost, four]) is lost
    unknown = dataclasses.replace(two, converged=False)  # It may be larger than it seems.
    assert findings.largest([unknown, four]) is unknown
    with pytest.raises(ValueError, match="empty"):
        findings.largest([])


def test_a_ratio_of_negative_values_is_that_of_their_magnitudes(study):
    recorded(study, "q", a=[-2.0, -2.2], b=[-1.0, -1.1])
    found = findings.ratio(study, "q", ["a", "b"], "−Q", sign=-1)
    assert found.interval.estimate == pytest.approx(2.0) and found.interval.invalid == 0
    assert findings.ratio(study, "q", ["a", "b"], "Q").interval.invalid == 2


def test_a_difference_is_in_percentage_points(study):
    recorded(study, "share", a=[0.93, 0.95], b=[0.90, 0.91])
    found = findings.difference_finding(study, "share", ["a", "b"], "accuracy")
    assert found.quantity == "accuracy, a − b (percentage points)"
    assert found.interval.estimate == pytest.approx(3.5) and found.threshold == 0


def test_a_run_that_diverged_counts_in_the_accuracy_and_in_no_other_difference(study):
    for name in ("test_accuracy", "share"):
        recorded(study, name, a=[0.93, 0.95, 0.94], b=[0.90, 0.91])
        study.add(name, 0.10, arm="b", seed=2, converged=False)
    found = findings.accuracy(study, ["a", "b"])
    assert found.quantity == "test accuracy, a − b (percentage points)"
    assert found.interval.estimate == pytest.approx(91 / 3) and found.converged
    assert findings.accuracy(study, ["a", "b"], threshold=-200.0).word == "reproduced"
    found = findings.difference_finding(study, "share", ["a", "b"], "share", threshold=-200.0)
    assert (found.word, found.converged) == ("inconclusive", False)


def test_a_difference_is_judged_against_its_threshold(study):
    recorded(study, "share", a=[0.90, 0.91, 0.92], b=[0.91, 0.92, 0.93])
    found = findings.difference_finding(study, "share", ["a", "b"], "accuracy", threshold=-2.0)
    assert (found.word, found.threshold) == ("reproduced", -2.0)
    assert (
        findings.difference_finding(study, "share", ["a", "b"], "accuracy").word == "contradicted"
    )


def test_a_level_is_judged_by_the_mean_of_one_arm_where_it_converged(study):
    recorded(study, "share", a=[0.10, 0.11, 0.10])
    how = {"threshold": 12.0, "factor": 100, "side": claims.below}
    found = findings.level(study, "share", "a", "accuracy in per cent", **how)
    assert (found.word, found.quantity) == ("reproduced", "accuracy in per cent, a")
    assert found.interval.estimate == pytest.approx(31 / 3) and found.threshold == 12.0
    study.add("share", 0.10, arm="a", seed=3, converged=False)
    found = findings.level(study, "share", "a", "accuracy in per cent", **how)
    assert (found.word, found.converged) == ("inconclusive", False)


@pytest.mark.parametrize(
    ("power", "side", "word"),
    [
        (1.0, claims.above, "reproduced"),
        (0.1, claims.above, "contradicted"),
        (0.1, claims.below, "reproduced"),
        (-1.0, claims.below, "reproduced"),
        (1.0, claims.below, "contradicted"),
    ],
)
def test_what_grows_is_judged_by_whether_it_doubles(study, power, side, word):
    for depth in (8, 16, 64):
        values = [5.0 * depth**power * near for near in (0.999, 1.0, 1.001)]
        recorded(study, "kappa", **{f"depth {depth}": values})
    names = [f"depth {depth}" for depth in (8, 16, 64)]
    how = {"side": side}
    found = findings.doubling(study, "kappa", names, (8, 16, 64), "plain", **how)
    assert found.threshold == pytest.approx(1 / 3) and found.word == word
    assert found.interval.estimate == pytest.approx(power) and "0.333 doubles" in found.quantity
    found = findings.doubling(study, "kappa", names, (8, 16, 64), "plain", meaningful=False, **how)
    assert found.word == "inconclusive"


def test_a_share_of_runs_that_diverge_has_an_exact_interval():
    history = {"train_loss": torch.tensor([2.0, 1.0])}
    runs = {
        ("a", seed): types.SimpleNamespace(diverged_at=2 if seed < 6 else None, history=history)
        for seed in range(7)
    }
    found = findings.share(runs, "a", "share that diverges")
    assert found.interval == share_interval(6, 7) and found.threshold == 0.5
    assert found.word == "inconclusive" and findings.share(runs, "a", "x", threshold=0.4).word == (
        "reproduced"
    )


def test_a_barrier_is_judged_in_percentage_points():
    loss = torch.tensor([0.1, 2.0, 0.1])
    paths = [
        types.SimpleNamespace(error_barrier=height, loss=loss) for height in (0.40, 0.41, 0.42)
    ]
    found = findings.barrier(paths, "frozen", threshold=2.0)
    assert found.interval.estimate == pytest.approx(41.0) and found.word == "reproduced"
    assert found.quantity == "error barrier, frozen (percentage points)"
    # Outputs that are no numbers have the error of always answering the first class.
    paths[1].loss = torch.tensor([0.1, math.nan, 0.1])
    found = findings.barrier(paths, "frozen", threshold=2.0)
    assert found.word == "inconclusive" and found.interval.invalid == 1


class Unconverged(Interval):
    converged = False


def test_an_interval_that_did_not_converge_decides_nothing():
    ends = (2.0, 1.0, 3.0, 5, 0.95, 0, "mean")
    assert findings.interval_finding(Interval(*ends), "exponent").word == "reproduced"
    found = findings.interval_finding(Unconverged(*ends), "exponent", side=claims.below)
    assert found.word == "inconclusive" and found.side == "below"


def test_the_slower_arm_takes_more_epochs():
    taken = {
        "a": [Duration(10.0 + k, 10.0 + k, 10.1 + k) for k in range(5)],
        "b": [Duration(5.0, 5.0, 5.1)] * 5,
    }
    found = findings.slower(taken, ["a", "b"], "97%")
    assert found.quantity == "epochs to 97%, a / b" and found.word == "reproduced"
    assert found.interval.estimate == pytest.approx(12 / 5)
    assert findings.slower(taken, ["b", "a"], "97%").word == "contradicted"


def test_an_arm_that_never_gets_there_is_slower_still():
    never = [Duration(24.0, 24.0, math.inf)] * 5
    taken = {"a": never, "b": [Duration(5.0, 5.0, 5.1)] * 5}
    assert findings.slower(taken, ["a", "b"], "97%").interval.low >= 24 / 5.1
    assert findings.slower({"a": never, "b": never}, ["a", "b"], "97%").word == "inconclusive"


def interval(estimate, half=0.1):
    ends = {"low": estimate - half, "high": estimate + half}
    return Interval(estimate, **ends, n=9, confidence=0.95, invalid=0, kind="correlation")


@pytest.mark.parametrize(
    ("estimate", "side", "word"),
    [
        (-0.95, claims.below, "reproduced"),
        (-0.5, claims.below, "contradicted"),
        (0.95, claims.below, "contradicted"),
    ],
)
def test_correlations_are_judged_on_the_claimed_side_of_a_threshold(study, estimate, side, word):
    recorded(study, "q", a=[1.0, 2.0])
    found = {"Q": (interval(estimate, 0.05), interval(0.0))}
    (judged,) = findings.correlation_findings(
        study, {"q": "Q"}, found, ["a"], "y", side=side, threshold=-0.8
    )
    assert judged.word == word and judged.quantity == "ρ(Q, y)" and judged.threshold == -0.8


@pytest.mark.parametrize(
    ("estimate", "word"), [(0.5, "reproduced"), (-0.5, "reproduced"), (0.05, "inconclusive")]
)
def test_without_a_claimed_side_a_correlation_of_either_sign_counts(study, estimate, word):
    recorded(study, "q", a=[1.0, 2.0])
    found = {"Q": (interval(estimate), interval(0.0))}
    (judged,) = findings.correlation_findings(study, {"q": "Q"}, found, ["a"], "y")
    assert judged.word == word


def test_the_correlation_within_arms_is_judged_where_it_is_asked_for(study):
    recorded(study, "q", a=[1.0, 2.0])
    found = {"Q": (interval(0.9), interval(-0.9))}
    how = {"side": claims.above}
    (pooled,) = findings.correlation_findings(study, {"q": "Q"}, found, ["a"], "y", **how)
    (within,) = findings.correlation_findings(
        study, {"q": "Q"}, found, ["a"], "y", within=True, **how
    )
    assert (pooled.word, within.word) == ("reproduced", "contradicted")
    assert within.quantity == "ρ(Q, y) within arms"


def test_a_correlation_of_what_did_not_converge_decides_nothing(study):
    recorded(study, "q", a=[1.0], b=[math.nan])
    found = {"Q": (interval(0.9), interval(0.0))}
    for arms, word in ((["a"], "reproduced"), (["a", "b"], "inconclusive")):
        (judged,) = findings.correlation_findings(study, {"q": "Q"}, found, arms, "y")
        assert judged.word == word
