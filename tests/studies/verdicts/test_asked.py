"""Relations that are measured when they are judged."""

import pytest
from studies.verdicts.asked import barrier, contrast_words, level, points, ratio, share, title
from studies.verdicts.columns import NotMeasuredError
from studies.verdicts.expressions import Expression, number
from studies.verdicts.networks import Networks
from studies.verdicts.recorded_study import RecordedStudy

from tests.sample_records import SampleRecord, two_arms


@pytest.fixture
def arms(tmp_path):
    study = RecordedStudy(two_arms(tmp_path).write(), "01_sample")
    return [Networks(study, {"norm": norm}) for norm in ("batch", "none")]


def test_nothing_is_measured_before_it_is_judged():
    def never(_):
        raise NotMeasuredError("no record")

    asked = ratio(Expression("λ", (), never), Expression("λ", (), never))
    with pytest.raises(NotMeasuredError, match="no record"):
        asked.against(2.0, "below").measure()


def test_a_relation_keeps_its_own_border_and_side(arms):
    batch, none = arms
    measured = ratio(batch["lambda_max"], none["lambda_max"]).against(3.0, "below").measure()
    assert (measured.border, measured.side, measured.kind) == (3.0, "below", "ratio")


def test_a_published_estimator_is_marked(arms):
    batch, none = arms
    pair = (batch["lambda_max"], none["lambda_max"])
    assert ratio(*pair, published=True).measure().published_estimator
    assert level(pair[0], published=True, log=True).measure().published_estimator
    assert ratio(*pair, margin=None).measure().margin is None


def test_levels_shares_and_points(arms):
    batch, none = arms
    assert level(batch["test_accuracy"], factor=100).measure().effect.estimate == pytest.approx(90)
    assert points(batch["test_accuracy"], none["test_accuracy"]).measure().unit == "points"
    outcomes = [arm[number("lambda_max") > 1.5] for arm in arms]
    measured = share("networks are sharp", *outcomes, contrast="here").measure()
    assert measured.effect.estimate == 0.5 and measured.effect.n == 12
    assert (measured.quantity, measured.contrast) == ("networks are sharp", "here")


def test_a_barrier_is_in_points_over_pairs(tmp_path):
    record = SampleRecord(tmp_path)
    for pair, height in (("0-1", 0.3), ("2-3", 0.5)):
        record.add("error_barrier", height, labels={"pair": pair})
    arm = Networks(RecordedStudy(record.write(), "01_sample"), {})
    measured = barrier(arm["error_barrier"], "between seeds").measure()
    assert measured.effect.estimate == pytest.approx(40) and measured.effect.n == 2


def test_a_title_begins_a_sentence_and_symbols_stay():
    assert title(number("test_accuracy")) == "Test accuracy"
    assert title(number("lambda_max")) == "λ_max"
    equal = number("sam", at="equal loss")
    assert contrast_words("with BN", equal, equal) == "with BN at equal training loss"
    assert contrast_words("", number("sam")) == ""
