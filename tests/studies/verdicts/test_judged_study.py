"""Rules of a study, as they are collected and measured."""

import pytest
from studies.verdicts.judged_study import JudgedStudy, checked, measured
from studies.verdicts.recorded_study import RecordedStudy

from tests.sample_records import two_arms


@pytest.fixture
def study(tmp_path):
    return JudgedStudy(RecordedStudy(two_arms(tmp_path).write(), "01_sample"))


def test_rules_keep_what_they_are_given(study):
    bn = study.contrast("with BN", {"norm": "batch"}, {"norm": "none"})
    sharper = bn.ratio("lambda_max")
    study.above("S1.2", sharper, bn_mode=sharper, size="one size")
    study.below("S1.3", sharper, 2.0)
    study.within("S1.4", sharper, 1.0)
    first, second, third = study.rules
    assert (first.side, first.border) == ("above", None)
    assert first.checks == {"BN mode": sharper, "size": "one size"}
    assert (second.side, second.border, third.side) == ("below", 2.0, "within")


def test_shared_factors_are_those_of_both_arms(study):
    bn = study.contrast("with BN", {"norm": "batch"}, {"norm": "none"}, depth=8)
    assert [arm.factors for arm in (bn.first, bn.second)] == [
        {"depth": 8, "norm": "batch"},
        {"depth": 8, "norm": "none"},
    ]


def test_a_check_that_lacks_a_relation_is_not_run(study):
    bn = study.contrast("with BN", {"norm": "batch"}, {"norm": "none"})
    there, missing = bn.ratio("lambda_max"), bn.ratio("sam")
    assert len(measured([there, there])) == 2
    assert checked("one seed") == "one seed" and len(checked(there)) == 1
    said = checked([there, missing])
    assert said == (
        "Not measured in this profile: the record of 01_sample has no sam of norm batch."
    )
