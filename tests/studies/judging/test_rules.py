"""Rules: sides, borders and checks, and what is refused."""

import pytest
from studies.judging.relations import level, ratio
from studies.judging.rules import CHECKS, Rule

RATIO = ratio("λ", [2.0, 3.0, 4.0], [1.0, 1.4, 1.6])
LEVEL = level("loss", [2.0, 2.2, 2.1])


def test_the_checks_are_the_six_of_the_report():
    assert list(CHECKS) == [
        "estimator",
        "BN mode",
        "scale",
        "training loss",
        "step and start",
        "size",
    ]


def test_a_relation_is_judged_against_no_effect_the_rules_border_or_a_border_of_its_own():
    assert Rule("S1.1a", "above", RATIO).judged_against(RATIO) == ("above", 1.0)
    rule = Rule("S1.1a", "below", [RATIO, LEVEL], border=2.5)
    assert rule.judged_against(LEVEL) == ("below", 2.5) and rule.relations == (RATIO, LEVEL)
    assert rule.judged_against(RATIO.against(3.0, "above")) == ("above", 3.0)
    assert rule.judged_against(RATIO.against(side="within")) == ("within", 2.5)


def test_a_check_has_relations_or_a_reason():
    rule = Rule("S1.1a", "above", RATIO, checks={"size": RATIO, "scale": "no scale here"})
    assert rule.check("size") == (RATIO,) and rule.check("scale") == rule.check("BN mode") == ()
    moved = Rule("S1.1a", "above", RATIO, places={"size": "on 60,000 images"})
    assert (moved.place("size"), rule.place("size")) == ("on 60,000 images", "at another size")


def test_an_unknown_side_is_refused():
    with pytest.raises(ValueError, match=r"S1.1a: side='over' is none of above, below, within"):
        Rule("S1.1a", "over", RATIO)


@pytest.mark.parametrize("option", ["checks", "places"])
def test_an_unknown_check_is_refused(option):
    with pytest.raises(ValueError, match=r"there is no check 'loss'. The checks are estimator, BN"):
        Rule("S1.1a", "above", RATIO, **{option: {"loss": "why"}})


def test_a_rule_without_relation_is_refused():
    with pytest.raises(ValueError, match=r"S1.1a: no relation is measured"):
        Rule("S1.1a", "above", [])


def test_a_relation_without_border_is_refused_also_in_a_check():
    with pytest.raises(ValueError, match=r"border=None is no border of 'loss' \(level\)"):
        Rule("S1.1a", "above", LEVEL)
    with pytest.raises(ValueError, match=r"border=None is no border of 'loss'"):
        Rule("S1.1a", "above", RATIO, checks={"size": LEVEL})


@pytest.mark.parametrize("border", [0.0, -1.0])
def test_a_ratio_has_a_positive_border(border):
    with pytest.raises(ValueError, match=r"no border of 'λ' \(ratio\). Pass a number above 0"):
        Rule("S1.1a", "above", RATIO, border=border)
