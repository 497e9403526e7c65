"""Findings: Holm's and Schuirmann's known examples, and every outcome."""

import math

import numpy as np
import pytest
from studies.judging.findings import findings, holm
from studies.judging.margins import Margins
from studies.judging.relations import level, ratio
from studies.judging.samples import Samples

NAN = math.nan
# Standardised: mean 0, standard deviation 1.
SHAPE = np.array([-1.2, -0.6, -0.1, 0.3, 0.4, 1.2])
SHAPE = (SHAPE - SHAPE.mean()) / SHAPE.std(ddof=1)


def log_ratio(mean, sd=0.1, **options):
    return ratio("λ", np.exp(mean + sd * SHAPE), np.ones(6), **options)


def outcome(relation, side="above", border=1.0, margins=None):
    return findings([(relation, side, border)], margins or Margins())[0].outcome


def test_holms_correction_is_the_textbook_one():
    # Holm (1979): 0.01 · 4, 0.02 · 3, max(0.02 · 3, 0.03 · 2), max(..., 0.04 · 1).
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    # R: p.adjust(c(0.01, 0.005, 0.03, 0.2), "holm") is 0.03, 0.02, 0.06, 0.2.
    assert holm([0.01, 0.005, 0.03, 0.2]) == pytest.approx([0.03, 0.02, 0.06, 0.2])
    assert holm([0.6, 0.5]) == [1.0, 1.0] and holm([]) == []


def test_a_missing_test_is_not_counted():
    adjusted = holm([0.02, NAN, 0.01])
    assert adjusted[0] == adjusted[2] == pytest.approx(0.02) and math.isnan(adjusted[1])


def test_the_referees_examples_survive_or_fall_with_holm():
    # 0.867 with p = 0.030 of 5 and 0.682 with p = 0.0495 of 19 fall; p = 0.0003 of 4 stays.
    for p, m, stays in ((0.030, 5, False), (0.0495, 19, False), (0.0003, 4, True)):
        assert (holm([p] + [0.9] * (m - 1))[0] <= 0.05) == stays


def test_equivalence_of_a_known_example():
    # S1.3 of the report: 0.958 with 90% interval 0.86 to 1.07 at n = 6 lies inside 0.8 to 1.25.
    half = math.log(1.07 / 0.86) / 2
    sd = half / 2.015048 * math.sqrt(6)  # t(0.95, 5)
    mean = math.log(0.86) + half
    (finding,) = findings([(log_ratio(mean, sd), "above", 1.0)], Margins())
    assert (finding.effect.low90, finding.effect.high90) == pytest.approx((0.86, 1.07), rel=1e-6)
    assert finding.equivalent and finding.outcome == "equal" and finding.p_equivalent < 0.02
    assert finding.margin_ends == (0.8, 1.25)
    assert outcome(log_ratio(mean, sd), margins=Margins(ratio=1.1)) == "undecided"


@pytest.mark.parametrize(
    ("mean", "sd", "above", "below", "within"),
    [
        (1.0, 0.1, "claimed", "opposite", "opposite"),
        (-1.0, 0.1, "opposite", "claimed", "opposite"),
        (0.0, 0.1, "equal", "equal", "claimed"),
        (0.0, 0.9, "undecided", "undecided", "undecided"),
        (0.1, 0.03, "claimed", "opposite", "claimed"),  # A small difference is a difference.
        (0.3, 0.1, "claimed", "opposite", "undecided"),  # It may lie inside the margin.
    ],
)
def test_every_outcome_of_a_ratio(mean, sd, above, below, within):
    for side, want in (("above", above), ("below", below), ("within", within)):
        assert outcome(log_ratio(mean, sd), side) == want
    # Swapped arms, with the sides swapped as well.
    for side, want in (("below", above), ("above", below), ("within", within)):
        assert outcome(log_ratio(-mean, sd), side) == want


def test_no_effect_does_not_speak_against_a_claim_that_holds_without_effect():
    # "A is at least half of B" with no difference and a wide interval.
    wide = log_ratio(0.0, 0.1)
    assert outcome(wide, "above", 0.5) == "claimed"
    assert outcome(log_ratio(-0.05, 0.1), "above", 0.9) == "undecided"
    assert outcome(log_ratio(-0.05, 0.1), "above", 1.05) == "equal"


def test_a_value_that_did_not_converge_decides_nothing_unless_it_is_published():
    values = Samples(tuple(np.exp(1 + 0.1 * SHAPE)), converged=(False, *[True] * 5))
    (finding,) = findings([(ratio("λ", values, np.ones(6)), "above", 1.0)], Margins())
    assert (finding.outcome, finding.reason) == ("undecided", "1 value did not converge")
    published = ratio("λ", values, np.ones(6), published_estimator=True)
    assert outcome(published) == "claimed"


def test_a_relation_without_interval_decides_nothing_and_is_not_counted():
    nothing = log_ratio(NAN)
    pair = [(log_ratio(-1.0), "above", 1.0), (nothing, "above", 1.0)]
    first, second = findings(pair, Margins())
    assert second.outcome == "undecided" and second.would_have_seen is None
    assert first.p_holm == first.p_value and math.isnan(second.p_holm)


def test_holm_makes_the_other_side_harder_to_reach_and_not_the_claimed_one():
    sd = 0.1 * math.sqrt(6) / 2.9  # p is about 0.034.
    contrary, fitting = (log_ratio(sign * 0.1, sd) for sign in (-1, 1))
    (alone,) = findings([(contrary, "above", 1.0)], Margins(ratio=1.01))
    assert 0.02 < alone.p_value < 0.05 and alone.outcome == "opposite"
    many = [(relation, "above", 1.0) for relation in (contrary, fitting, log_ratio(0.0, 0.9))]
    outcomes = [finding.outcome for finding in findings(many, Margins(ratio=1.01))]
    assert outcomes == ["undecided", "claimed", "undecided"]


def test_equivalence_is_corrected_within_a_family():
    weak = log_ratio(0.0, 0.23)
    (alone,) = findings([(weak, "above", 1.0)], Margins())
    assert 0.025 < alone.p_equivalent < 0.05 and alone.outcome == "equal"
    two = [(weak, "above", 1.0)] * 2
    assert {f.outcome for f in findings(two, Margins())} == {"undecided"}
    assert {f.outcome for f in findings(two, Margins(), families=[0, 1])} == {"equal"}


def test_nothing_lies_within_no_margin():
    with pytest.raises(
        ValueError, match=r"'loss' .level. has no margin, so that nothing lies within"
    ):
        findings([(level("loss", [1.0, 2.0]), "within", 1.0)], Margins())


def test_a_level_lies_within_a_margin_around_its_border():
    values = 1.0 + 0.01 * SHAPE
    assert outcome(level("slope", values, margin=0.1), "within", 1.0) == "claimed"
    assert outcome(level("slope", values, margin=0.1), "within", 2.0) == "opposite"


def test_what_would_have_been_seen_stands_on_the_claimed_side():
    relation = log_ratio(0.0, 0.25)
    sides = {side: findings([(relation, side, 1.0)], Margins())[0] for side in ("above", "below")}
    assert sides["above"].would_have_seen == pytest.approx(1.43, abs=0.005)  # The referee's table.
    assert sides["below"].would_have_seen == pytest.approx(1 / 1.43, abs=0.005)
