"""Sentences: the finding first, in plain words, from the numbers."""

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest
from studies.judging.associations import correlation, exponent, median_ratio
from studies.judging.atomic_claims import AtomicClaim
from studies.judging.relations import barrier, count, difference, level, ratio, share
from studies.judging.rules import CHECKS, Rule
from studies.judging.samples import Samples
from studies.judging.sentences import sentence
from studies.judging.verdicts import Judgement, judge

CLAIM = AtomicClaim("S1.2a", "S1", "S1.2", "BN raises λ_max")
SHAPE = np.array([-1.2, -0.6, -0.1, 0.3, 0.4, 1.2])
SHAPE = (SHAPE - SHAPE.mean()) / SHAPE.std(ddof=1)


def times(factor, sd=0.11, **options):
    return ratio("λ_max", factor * np.exp(sd * SHAPE), np.ones(6), contrast="with BN", **options)


def points(mean, sd=0.43):
    return difference("Test accuracy", 0.01 * (mean + sd * SHAPE), np.zeros(6), contrast="with BN")


def said(measured, side="above", border=None, **options):
    text = sentence(judge(CLAIM, Rule("S1.2a", side, measured, border, **options)))
    assert text.endswith(".")
    return text[:-1]


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (2.0, "as large in A as in B"),
        (1.0, "the same in A as in B"),
        (0.5, "as large in A as in B"),
    ],
)
def test_what_is_compared_with_what_is_said_in_english(factor, words):
    second = [1.0, 1.1, 0.9, 1.2, 1.0]
    spread = [0.99, 1.0, 1.01, 1.0, 1.005]
    first = [factor * s * x for s, x in zip(spread, second, strict=True)]
    assert words in said(ratio("λ_max", first, second, contrast="in A than in B"))


def test_a_claim_with_checks_says_what_holds():
    checks = {"BN mode": times(1.5), "training loss": times(1.6)}
    assert said(times(2.144), checks=checks) == (
        "λ_max is 2.14 times as large with BN (1.91 to 2.41, n = 6); "
        "it holds under batch statistics and at equal training loss"
    )


@pytest.mark.parametrize(
    ("measured", "text"),
    [
        (times(0.5), "λ_max is 0.500 times as large with BN (0.445 to 0.561, n = 6)"),
        (
            times(1.0),
            "λ_max is the same with BN within a factor of 1.25 (ratio 1.000, 0.913 to 1.095, "
            "n = 6, 90% interval)",
        ),
        (
            times(1.1, 0.25),
            "λ_max is 0.85 to 1.43 times as large with BN (n = 6): the direction is open; "
            "a ratio of 1.4 would have been seen",
        ),
        (
            times(1.1, 0.03),
            "λ_max is 1.100 times as large with BN (1.066 to 1.135, n = 6), within the margin of "
            "1.25",
        ),
        (points(0.9), "Test accuracy is 0.90 points higher with BN (0.45 to 1.35, n = 6)"),
        (points(-0.9), "Test accuracy is 0.90 points lower with BN (0.45 to 1.35, n = 6)"),
        (
            points(0.0, 0.3),
            "Test accuracy is the same with BN within 0.5 points (0.00, −0.25 to 0.25, n = 6, "
            "90% interval)",
        ),
        (
            points(0.5, 1.0),
            "Test accuracy is between 0.5 points lower and 1.5 points higher with BN (n = 6): the "
            "sign is open; 1.4 points would have been seen",
        ),
    ],
)
def test_a_comparison_is_told_by_its_size(measured, text):
    assert said(measured) == text


def test_the_border_is_said_where_it_is_not_no_effect():
    assert said(times(2.144), border=1.5).endswith("n = 6), above 1.5")
    assert said(times(2.144), border=5.0).endswith("n = 6); the claim needs more than 5")
    assert "n = 6), on both sides of 2;" in said(times(2.144), border=2.0)
    accuracy = level("Accuracy", [9.9, 10.1, 10.0], unit="%", contrast="without BN")
    assert said(accuracy, border=50) == (
        "Accuracy is 10.00% without BN (9.75 to 10.25, n = 3); the claim needs more than 50%"
    )
    assert said(barrier("The barrier", [0.12, 0.15, 0.13]), border=2.0) == (
        "The barrier is 13.3 points high (9.5 to 17.1, n = 3), above 2 points"
    )
    assert said(count("spikes", [4, 6], unit="network"), border=1) == (
        "spikes: 5.0 a network (2.4 to 9.2, n = 2), above 1"
    )


def test_a_claim_about_a_border_is_told_against_that_border():
    x = np.arange(24.0)
    y = x[np.random.default_rng(1).permutation(24)]
    open_sign = correlation("SAM rise", x, y, other="accuracy", given=("loss", x % 5))
    assert said(open_sign, "below", -0.85).startswith(
        "The rank correlation of the SAM rise with accuracy at equal loss is "
    )
    assert said(open_sign, "below", -0.85).endswith("n = 24); the claim needs less than −0.85")
    assert said(open_sign, "below").endswith("n = 24): the sign is open")
    assert said(times(1.1, 0.25), border=5.0) == (
        "λ_max is 1.10 times as large with BN (0.85 to 1.43, n = 6); the claim needs more than 5"
    )
    widths = [8.0, 16.0, 32.0]
    flat = exponent(
        "κ", widths, [list(1 + (1 + i % 2) * SHAPE / 9) for i in range(3)], variable="depth"
    )
    assert said(flat, border=2.0).startswith("κ changes as depth to the power ")
    assert said(points(0.2, 1.5), border=-2.0).endswith(
        "higher with BN (−1.4 to 1.8, n = 6), above −2 points"
    )
    assert said(points(-0.2, 1.5), border=-2.0).endswith(
        "lower with BN (−1.4 to 1.8, n = 6), above −2 points"
    )


def test_subjects_take_an_article_where_english_has_one():
    for quantity, start in (
        ("Error barrier", "The error barrier"),
        ("SAM rise less its slope", "The SAM rise less its slope"),
        ("Lowest accuracy", "The lowest accuracy"),
        ("Test accuracy of MLPs", "Test accuracy of MLPs"),
        ("λ_max / |λ_min|", "λ_max / |λ_min|"),
        ("Relative λ_max", "Relative λ_max"),
        ("The slope", "The slope"),
    ):
        assert said(level(quantity, 1 + 0.01 * SHAPE), border=0.5).startswith(f"{start} is 1.00")


def test_a_contradicted_claim_says_where_the_claim_holds():
    same = said(points(0.0, 0.3), checks={"scale": points(0.9)})
    assert same.endswith("90% interval), but the claim holds in relative units (0.90 points)")


def test_a_check_of_another_kind_names_what_it_measured():
    share_of = share("networks stay at chance", [True] * 6)
    low = level("Test accuracy", 36 + SHAPE, unit="%").against(11, "below")
    assert said(share_of, border=0.5, checks={"size": low}).endswith(
        ", but the claim fails at another size (test accuracy 36.0%)"
    )
    none = share("networks stay at chance", [False] * 6)
    assert said(share_of, border=0.5, checks={"size": none}).endswith("at another size (0 of 6)")


def test_of_equally_certain_relations_the_one_nearest_to_its_border_is_told():
    arms = [
        [SimpleNamespace(epochs=v, earliest=v, latest=v) for v in values]
        for values in ([40.0] * 5, [16.0] * 5, [2.0] * 5)
    ]
    both = [median_ratio("The time", arms[i], arms[2]) for i in (0, 1)]
    assert "the weaker: the time is 8.00 times as long" in said(both)


def test_a_margin_is_said_where_being_equal_is_claimed():
    slope = level("The slope", 1 + 0.01 * SHAPE, margin=0.1)
    assert said(slope, "within", 1.0).endswith("n = 6), within 0.9 to 1.1")
    assert said(slope, "within", 2.0).endswith("n = 6), outside 1.9 to 2.1")
    wide = level("The slope", 1 + SHAPE, margin=0.1)
    assert "n = 6), not clearly within 0.9 to 1.1; a mean of " in said(wide, "within", 1.0)
    assert said(times(1.1, 0.03), "within").endswith(", within the margin of 1.25")


def test_a_share_is_told_as_a_count():
    diverge = "runs with skips alone diverge"
    assert said(share(diverge, [True] * 6), border=0.5) == (
        "6 of 6 runs with skips alone diverge (0.54 to 1.00), a share above 0.5"
    )
    assert said(share(diverge, [True] * 3), border=0.5) == (
        "3 of 3 runs with skips alone diverge (0.29 to 1.00), a share on both sides of 0.5; "
        "n = 3 cannot decide it"
    )


def test_exponents_correlations_and_medians():
    widths = [32.0, 64.0, 128.0]
    rows = [list(w**-1.0 * np.exp(0.05 * np.log(w) * SHAPE)) for w in widths]
    assert said(exponent("λ_max", widths, rows, variable="width"), "below") == (
        "λ_max falls as width to the power −1.000 (−1.052 to −0.948, n = 6)"
    )
    x = np.arange(24.0)
    arms = np.repeat(range(6), 4).tolist()
    text = said(correlation("λ_max", x, x, other="accuracy", clusters=arms))
    assert text.startswith("λ_max grows with accuracy (rank correlation 1.00")
    assert text.endswith("n = 24 in 6 clusters)")
    noise = np.random.default_rng(0).normal(size=(3, 400))
    partial = correlation("The basin", noise[0], noise[1], other="speed", given=("width", noise[2]))
    assert said(partial).startswith("The basin says nothing of speed at equal width: the rank")
    arms = [
        [SimpleNamespace(epochs=v, earliest=v, latest=v) for v in values]
        for values in ([4.0, 5, 6, 5, 4], [2.0] * 5)
    ]
    assert said(median_ratio("The time to 97%", *arms, contrast="at width 32")) == (
        "The time to 97% is 2.50 times as long at width 32 (2.00 to 3.00, n = 5, 90% interval)"
    )
    assert said(median_ratio("The time", *reversed(arms)), "below").startswith(
        "The time is 0.400 times as long ("
    )


def test_what_was_left_out_and_what_did_not_converge_is_said():
    first = Samples((*(2 * np.exp(0.1 * SHAPE)), 0.1), learned=(*[True] * 6, False))
    second = Samples((1.0,) * 7, converged=(False, *[True] * 6))
    assert said(ratio("λ_max", first, second)) == (
        "λ_max is 2.00 times as large (1.80 to 2.22, n = 6, 1 left out that did not learn), "
        "but 1 value did not converge"
    )
    assert said(ratio("λ_max", [1.0, math.nan], [1.0, 1.0])) == (
        "λ_max has no estimate: 1 of 2 cases has a value that is not finite and positive"
    )
    assert said(level("The loss", [2.3] * 3), border=1.0) == (
        "The loss is 2.3: all 3 values are equal, and a t-interval of zero width is a fault: "
        "use a share"
    )


def test_what_falls_is_named_with_its_number():
    checks = {"training loss": times(1.04), "BN mode": times(0.46), "size": times(2.0)}
    text = said(times(2.144), checks=checks, places={"BN mode": "in train mode"})
    assert text == (
        "λ_max is 2.14 times as large with BN (1.91 to 2.41, n = 6), but the effect is gone at "
        "equal training loss (1.04) and reversed in train mode (0.460)"
    )


def test_a_long_sentence_counts_and_then_leaves_out_what_holds():
    checks = {name: times(2.0) for name in CHECKS}
    assert said(times(2.144), checks=checks).endswith("; it holds in six checks")
    checks |= {"training loss": times(1.04), "BN mode": times(0.46)}
    text = said(times(2.144), checks=checks)
    assert "gone at equal training loss (1.04) and reversed under batch statistics (0.460)" in text
    assert len(text) < 160


def test_a_check_that_contradicts_a_contradicted_claim_agrees():
    checks = {"BN mode": times(0.46), "training loss": times(1.04), "scale": times(2.0)}
    assert said(times(0.5), checks=checks) == (
        "λ_max is 0.500 times as large with BN (0.445 to 0.561, n = 6), but the claim holds in "
        "relative units (2.00) and fails in two other checks"
    )
    del checks["scale"]
    assert said(times(0.5), checks=checks).endswith(
        "; the claim also fails under batch statistics (0.460) and at equal training loss (1.04)"
    )


def test_several_relations_are_counted():
    assert said([times(3.0), times(2.0)]) == (
        "λ_max is 3.00 times as large with BN (2.67 to 3.37, n = 6), and λ_max is 2.00 times as "
        "large with BN (1.78 to 2.24, n = 6)"
    )
    long = "in a network of many layers than in a network of few"
    pair = [dataclasses.replace(times(factor), contrast=long) for factor in (3.0, 2.0)]
    assert said(pair).startswith("Both relations hold; the weaker: λ_max is 2.00 times as large in")
    assert said([times(3.0)] * 3).startswith("All three relations hold; the weakest: λ_max is 3.00")
    assert said([times(0.5), times(0.4)]).startswith("Neither of two relations holds: λ_max is 0.4")
    assert said([times(0.5)] * 3).startswith("None of three relations holds: λ_max is 0.5")
    assert said([times(3.0), times(1.0)]).startswith("One of two relations holds: λ_max is the sam")


def test_a_claim_that_is_not_judged_gives_its_reason():
    judgement = Judgement(CLAIM, None, "not judged", reason="No such network is trained")
    assert sentence(judgement) == "No such network is trained."


def test_a_sentence_is_shortened_until_it_fits():
    far = {"training loss": times(1.04), "BN mode": times(0.46)}
    long = dataclasses.replace(times(2.144), contrast="in networks with BN than in others")
    full = said(long, checks=far)
    assert full.endswith(
        "but the effect is gone at equal training loss and reversed under batch statistics"
    ) or full.endswith(
        "but this is gone at equal training loss and reversed under batch statistics"
    )
    assert len(full) <= 160
    # An undecided relation lets go of what would have been seen before it lets go of a check.
    open_claim = said(points(0.5, 1.0), checks={"scale": points(0.9), "size": points(0.5, 1.0)})
    assert open_claim.endswith("is open; the claim holds in relative units (0.90 points)")


def test_what_is_open_tells_more_of_a_claim_that_holds_than_what_holds_too():
    checks = {name: times(2.0) for name in ("scale", "size", "BN mode")}
    checks["training loss"] = times(1.2, 0.9)
    long = dataclasses.replace(
        times(2.144), contrast="with BN in the last layers of a deep network"
    )
    assert said(long, checks=checks).endswith(
        "; it holds in three checks; it is open at equal training loss"
    )
    longer = dataclasses.replace(long, contrast=f"{long.contrast}, trained for long")
    text = said(longer, checks=checks)
    assert text.endswith("; it is open at equal training loss") and "holds" not in text
