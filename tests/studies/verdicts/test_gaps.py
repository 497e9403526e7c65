"""Generalisation gaps of all networks against a published bound."""

import pytest
from landscape.theory.bounds import pac_bayes_bound
from studies.verdicts.columns import NotMeasuredError
from studies.verdicts.gaps import bounded_gaps
from studies.verdicts.recorded_study import RecordedStudy

from tests.sample_records import SampleRecord

BOUND = {"rho": 0.05, "delta": 0.05}
LEVEL = pac_bayes_bound(100, 500, **BOUND)


def record(folder, name, gaps):
    study = SampleRecord(folder, name)
    for entry, gap in gaps.items():
        labels = {"seed": int(entry[-1]), "plan": "beginning"} if entry == "e9" else {"seed": 0}
        study.run(labels=labels, entry=entry, loss_gap=gap)
    return RecordedStudy(study.write(), name)


def test_gaps_on_both_sides_of_the_bound_are_counted(tmp_path):
    study = record(tmp_path, "a", {"e1": 0.9 * LEVEL, "e2": 1.1 * LEVEL, "e3": -1.1 * LEVEL})
    measured = bounded_gaps([study], **BOUND).measure()
    assert (measured.effect.estimate, measured.effect.n) == (1 / 3, 3)
    inside = bounded_gaps([study], **BOUND, inside=True, contrast="divided").measure()
    assert inside.effect.estimate < 1 / 3 and inside.contrast == "divided"


def test_a_network_of_two_studies_counts_once_and_diverged_ones_not(tmp_path):
    first = record(tmp_path, "a", {"e1": 0.1, "e2": float("nan")})
    # e4 is e1 by another name: a learning rate that differs in the last bit.
    second = record(tmp_path, "b", {"e1": 0.1, "e4": 0.1, "e3": 9.0, "e9": 0.0})
    missing = RecordedStudy(tmp_path, "c")
    measured = bounded_gaps([first, second, missing], **BOUND, without=["plan"]).measure()
    assert (measured.effect.estimate, measured.effect.n) == (0.5, 2)


def test_without_any_gap_nothing_is_measured(tmp_path):
    with pytest.raises(NotMeasuredError, match="no network of c has a recorded"):
        bounded_gaps([RecordedStudy(tmp_path, "c")], **BOUND).measure()
