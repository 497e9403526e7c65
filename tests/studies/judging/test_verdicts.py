"""Verdicts: as the source measured, what it depends on, and size."""

import math

import numpy as np
import pytest
from studies.judging.atomic_claims import AtomicClaim
from studies.judging.margins import Margins
from studies.judging.relations import ratio
from studies.judging.rules import Rule
from studies.judging.verdicts import judge, judge_all

CLAIM = AtomicClaim("S1.2a", "S1", "S1.2", "BN raises λ_max", (1.5,))
SHAPE = np.array([-1.2, -0.6, -0.1, 0.3, 0.4, 1.2])
SHAPE = (SHAPE - SHAPE.mean()) / SHAPE.std(ddof=1)


def times(factor, sd=0.1):
    return ratio("λ_max", factor * np.exp(sd * SHAPE), np.ones(6), contrast="with BN")


UP, DOWN, EQUAL, OPEN, NOTHING = times(2), times(0.5), times(1), times(1.2, 0.9), times(math.nan)


def verdict(measured, margins=None, **options):
    return judge(CLAIM, Rule("S1.2a", "above", measured, **options), margins)


@pytest.mark.parametrize(
    ("measured", "word"),
    [
        (UP, "reproduced"),
        (DOWN, "contradicted"),
        (EQUAL, "contradicted"),
        (OPEN, "undecided"),
        (NOTHING, "undecided"),
        ([UP, UP, UP], "reproduced"),
        ([UP, OPEN], "undecided"),
        ([UP, NOTHING], "undecided"),
        ([UP, DOWN, OPEN], "contradicted"),
        ([UP, EQUAL], "contradicted"),
    ],
)
def test_the_word_of_a_claim_as_the_source_measured(measured, word):
    assert verdict(measured).verdict == word


def test_one_of_many_contradicts_only_after_holm():
    weak = times(0.9, math.log(1 / 0.9) * math.sqrt(6) / 2.9)
    tiny = Margins(ratio=1.01)
    assert verdict(weak, tiny).verdict == "contradicted"
    assert verdict([weak, OPEN, OPEN], tiny).verdict == "undecided"


@pytest.mark.parametrize(
    ("relations", "word"),
    [
        (UP, "holds"),
        (EQUAL, "gone"),
        (DOWN, "reversed"),
        (OPEN, "undecided"),
        (NOTHING, "undecided"),
        ("no BN in it", "not run"),
        ([UP, UP], "holds"),
        ([UP, OPEN], "undecided"),
        ([UP, EQUAL], "gone"),
        ([EQUAL, DOWN], "reversed"),
    ],
)
def test_the_word_of_a_check(relations, word):
    judgement = verdict(UP, checks={"training loss": relations})
    check = judgement.checks["training loss"]
    assert check.word == word
    assert check.reason == ("no BN in it" if word == "not run" else "")
    assert judgement.depends_on == (("training loss",) if word in ("gone", "reversed") else ())
    others = {name: c.word for name, c in judgement.checks.items() if name != "training loss"}
    assert len(others) == 5 and set(others.values()) == {"not run"}
    assert judgement.verdict == "reproduced" and not judgement.artefact


def test_a_check_is_reversed_only_after_holm_over_all_checks():
    weak = times(0.9, math.log(1 / 0.9) * math.sqrt(6) / 2.9)
    tiny = Margins(ratio=1.01)
    assert verdict(UP, tiny, checks={"size": weak}).depends_on == ("size",)
    many = {"size": weak, "scale": OPEN, "BN mode": OPEN}
    assert verdict(UP, tiny, checks=many).depends_on == ()
    # Where the claim holds, its small p-values leave more to the others.
    many = {"size": weak, "scale": UP, "BN mode": UP}
    assert verdict(UP, tiny, checks=many).depends_on == ("size",)


def test_a_claim_depends_on_the_checks_that_end_otherwise():
    checks = {"BN mode": UP, "scale": DOWN, "training loss": EQUAL, "size": OPEN}
    judgements = [verdict(measured, checks=checks) for measured in (UP, DOWN, OPEN)]
    assert [judgement.depends_on for judgement in judgements] == [
        ("scale", "training loss"),
        ("BN mode",),
        ("BN mode", "scale", "training loss"),
    ]
    assert {judgement.open_checks for judgement in judgements} == {("size",)}


@pytest.mark.parametrize("check", [EQUAL, DOWN])
def test_an_artefact_is_one_of_the_estimator_alone(check):
    assert verdict(UP, checks={"estimator": check}).artefact
    assert not verdict(UP, checks={"BN mode": check, "estimator": UP}).artefact
    assert not verdict(DOWN, checks={"estimator": check}).artefact


def test_a_check_may_have_a_border_and_a_side_of_its_own():
    judgement = verdict(UP, checks={"scale": DOWN.against(0.8, "below")})
    assert judgement.checks["scale"].word == "holds"


@pytest.mark.parametrize(
    ("measured", "numbers", "word"),
    [
        (UP, None, "no"),
        (UP, (2.05,), "yes"),
        (UP, (), "no number"),
        (NOTHING, (2.0,), "no interval"),
        ([UP, DOWN], (2.0, 0.5), "yes"),
        ([UP, DOWN], (2.0, 2.0), "no"),
        ([UP, UP], (2.0,), "yes"),
    ],
)
def test_size_asks_whether_the_intervals_hold_the_sources_numbers(measured, numbers, word):
    judgement = verdict(measured, source_numbers=numbers)
    assert judgement.size == word
    assert judgement.source_numbers == ((1.5,) if numbers is None else numbers)


def test_numbers_that_do_not_fit_the_relations_are_refused():
    with pytest.raises(ValueError, match=r"S1.2a: 2 numbers of the source do not fit 1 relations"):
        verdict(UP, source_numbers=(1.0, 2.0))


def test_the_rule_of_another_claim_is_refused():
    with pytest.raises(ValueError, match=r"the rule of S1.2b does not judge S1.2a"):
        judge(CLAIM, Rule("S1.2b", "above", UP))


def test_a_changed_margin_changes_what_falls():
    assert verdict(EQUAL, Margins(ratio=1.05)).verdict == "undecided"


# All claims together

REST = AtomicClaim("S1.2b", "S1", "S1.2", "more", reason="No network of that size is trained")
CLAIMS = {"S1.2a": CLAIM, "S1.2b": REST}
RULE = Rule("S1.2a", "above", UP)


def test_all_claims_are_judged_and_one_without_a_rule_says_why():
    first, second = judge_all(CLAIMS, [RULE])
    assert (first.verdict, first.reason) == ("reproduced", "")
    assert (second.verdict, second.reason, second.rule) == ("not judged", REST.reason, None)
    assert {check.word for check in second.checks.values()} == {"not run"}
    first, _ = judge_all(CLAIMS, [], reasons={"S1.2a": "01 is not recorded yet"})
    assert (first.verdict, first.reason) == ("not judged", "01 is not recorded yet")


def test_a_claim_with_neither_rule_nor_reason_is_refused():
    with pytest.raises(ValueError, match=r"S1.2a has neither a rule nor a reason"):
        judge_all(CLAIMS, [])


def test_two_rules_of_one_claim_are_refused():
    with pytest.raises(ValueError, match=r"S1.2a has two rules. Pass one rule for each claim"):
        judge_all(CLAIMS, [RULE, RULE])


@pytest.mark.parametrize("given", [{"rules": [RULE]}, {"rules": [], "reasons": {"S1.2a": "why"}}])
def test_a_rule_or_a_reason_of_no_claim_is_refused(given):
    with pytest.raises(ValueError, match=r"no claim has the id S1.2a. The claims are S1.2b"):
        judge_all({"S1.2b": REST}, **given)
