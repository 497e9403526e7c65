"""Contrasts, series and groups of arms: the relations that they ask for."""

import math

import pytest
from studies.verdicts.columns import NotMeasuredError
from studies.verdicts.contrasts import Contrast, NetworkGroup, SizeSeries
from studies.verdicts.expressions import Parameter, factor, learned, number
from studies.verdicts.networks import Networks
from studies.verdicts.recorded_study import RecordedStudy

from tests.sample_records import SampleRecord, two_arms


def contrast(record):
    study = RecordedStudy(record.write(), "01_sample")
    return Contrast("with BN", *(Networks(study, {"norm": norm}) for norm in ("batch", "none")))


def test_a_contrast_is_the_paired_ratio(tmp_path):
    bn = contrast(two_arms(tmp_path, factor=2.0))
    measured = bn.ratio("lambda_max").measure()
    # Geometric mean of 2·1.01^s over s = 0..5.
    assert measured.effect.estimate == pytest.approx(2 * 1.01**2.5) and measured.effect.n == 6
    assert (measured.quantity, measured.contrast) == ("λ_max", "with BN")
    swapped = bn.swapped("without BN").ratio("lambda_max").measure()
    assert swapped.effect.estimate == pytest.approx(1 / measured.effect.estimate)


def test_several_checks_are_asked_at_once(tmp_path):
    per_loss = number("lambda_max") / number("train_loss")
    checks = contrast(two_arms(tmp_path)).ratios(scale=per_loss, training_loss=["lambda_max"])
    assert checks["scale"].measure().effect.estimate == pytest.approx(2 * 1.01**2.5)
    (one,) = checks["training_loss"]
    assert one.measure().margin == "ratio"


@pytest.mark.parametrize(
    ("dataset", "margin"), [("digits", "accuracy"), ("cifar10", "accuracy_cifar")]
)
def test_the_margin_of_accuracies_is_that_of_the_data(tmp_path, dataset, margin):
    record = two_arms(tmp_path, dataset=dataset)
    measured = contrast(record).points().measure()
    assert measured.margin == margin and measured.unit == "points"
    assert measured.effect.estimate == pytest.approx(0.0)


def test_accuracies_of_runs_that_diverged_count(tmp_path):
    record = SampleRecord(tmp_path)
    for norm, accuracies in (("batch", (0.9, 0.91, 0.93)), ("none", (-0.1, -0.1, -0.1))):
        for seed, accuracy in enumerate(accuracies):
            record.run(accuracy, labels={"norm": norm, "seed": seed})
    effect = contrast(record).points().measure().effect
    assert effect.n == 3 and effect.unconverged == 0
    assert effect.estimate == pytest.approx(100 * (0.9 + 0.91 + 0.93) / 3 - 10)


def test_durations_are_compared_by_their_medians(tmp_path):
    record = SampleRecord(tmp_path, level=0.9)
    for norm, scale in (("batch", 2.0), ("none", 1.0)):
        for seed in range(6):
            at = scale * (10.0 + seed)
            ends = {"earliest": at - 0.1, "latest": at + 0.1, "target": "accuracy 0.9"}
            labels = {"arm": norm, "norm": norm, "seed": seed}
            record.add("epochs_to_target", at, labels=labels, **ends)
    target = Parameter("level", text="accuracy {:g}")
    words = Parameter("level", text="The time to {:.0%}")
    measured = contrast(record).duration(target, words).measure()
    assert measured.effect.estimate == pytest.approx(2.0)
    assert measured.quantity == "The time to 90%"
    missing = contrast(record).duration(Parameter("level", text="loss {:g}"), words)
    with pytest.raises(NotMeasuredError, match="no epochs_to_target"):
        missing.measure()


def widths(folder, *, exponent):
    record = SampleRecord(folder, widths=[4, 8, 16])
    for width in (4, 8, 16):
        for seed in range(3):
            labels = {"arm": f"width {width}", "width": width, "seed": seed}
            record.run(0.5 + 0.01 * width, labels=labels, train_loss=1 / width + 0.01 * seed)
            record.add("trace", (1 + 0.01 * seed) * width**exponent, labels=labels)
    return RecordedStudy(record.write(), "01_sample")


def test_a_series_has_the_exponent_of_its_sizes(tmp_path):
    study = widths(tmp_path, exponent=-0.5)
    measured = SizeSeries(study, "width", Parameter("widths"), {}).exponent("trace").measure()
    assert measured.effect.estimate == pytest.approx(-0.5) and measured.other == "network width"
    with pytest.raises(NotMeasuredError, match="has 1 sizes to compare"):
        SizeSeries(study, "width", [4], {}).exponent("trace").measure()


def test_the_last_size_is_compared_with_another_one(tmp_path):
    study = widths(tmp_path, exponent=-0.5)
    for levels, reference in ((Parameter("widths"), Parameter("widths", 1)), ([4, 8, 16], 8)):
        series = SizeSeries(study, "width", levels, {})
        measured = series.last_ratio("trace", reference, "in wide networks", margin=2.0).measure()
        assert measured.effect.estimate == pytest.approx(2**-0.5) and measured.effect.n == 3
        assert (measured.contrast, measured.margin) == ("in wide networks", 2.0)


@pytest.mark.parametrize(("width", "unconverged"), [(8, 0), (4, 3)])
def test_of_the_last_size_a_number_that_did_not_converge_counts_as_recorded(
    tmp_path, width, unconverged
):
    record = SampleRecord(tmp_path)
    for level in (4, 8):
        for seed in range(3):
            labels = {"arm": f"width {level}", "width": level, "seed": seed}
            value = level * (1 + 0.01 * seed)
            record.add("trace", value, labels=labels, converged=level != width)
    study = RecordedStudy(record.write(), "01_sample")
    measured = SizeSeries(study, "width", [4, 8], {}).last_ratio("trace", 4, "").measure()
    assert measured.effect.estimate == pytest.approx(2.0)
    assert measured.effect.unconverged == unconverged


def test_a_group_correlates_all_networks_with_arms_as_clusters(tmp_path):
    study = widths(tmp_path, exponent=2.0)
    group, accuracy = NetworkGroup(study, [{}]), number("test_accuracy")
    measured = group.correlation("trace", accuracy).measure()
    assert measured.effect.estimate == pytest.approx(0.949, abs=0.01)  # Ties within arms.
    assert measured.effect.evidence is None or measured.effect.evidence.correlation.clusters == 3
    assert measured.other == accuracy.heading
    assert group.share("networks are wide", factor("width") > 5).measure().effect.estimate == 2 / 3


def test_a_share_among_networks_counts_those_alone(tmp_path):
    record = SampleRecord(tmp_path)
    # Of the sharp networks two of three fail; the flat one learns.
    for seed, (sharpness, accuracy) in enumerate([(2.0, 0.1), (3.0, -0.3), (1.5, 0.9), (0.5, 0.9)]):
        labels = {"seed": seed}
        record.run(accuracy, labels=labels)
        record.add("lambda_max", sharpness, labels={**labels, "at": "start"})
    group = NetworkGroup(RecordedStudy(record.write(), "01_sample"), [{}])
    sharp = number("lambda_max", at="start") > 1.0
    failing = group.share("sharp networks fail", learned().equals(0), among=sharp).measure()
    assert (failing.effect.estimate, failing.effect.n) == (2 / 3, 3)
    learning = group.share("flat networks learn", learned(), among=sharp.equals(0)).measure()
    assert (learning.effect.estimate, learning.effect.n) == (1.0, 1)
    never = group.share("networks learn", learned(), among=number("lambda_max", at="start") > 9.0)
    with pytest.raises(NotMeasuredError, match="no network counts of which to ask whether netw"):
        never.measure()


def test_a_partial_correlation_names_what_is_held(tmp_path):
    record = SampleRecord(tmp_path)
    for arm in range(8):
        for seed in range(2):
            noise, other = math.sin(7.0 * arm + seed), math.cos(5.0 * arm + 3 * seed)
            labels = {"arm": str(arm), "family": "AB"[arm % 2], "size": arm, "seed": seed}
            record.run(0.5 + 0.01 * arm + 0.01 * other, labels=labels)
            record.add("trace", arm + noise, labels=labels)
    group = NetworkGroup(RecordedStudy(record.write(), "01_sample"), [{}])
    plain = group.correlation("trace", number("test_accuracy")).measure()
    held = group.correlation(
        "trace", number("test_accuracy"), given=factor("size"), within="family"
    ).measure()
    assert held.given == "size" and held.effect.evidence.correlation.groups == 2
    # Both follow the size alone.
    assert plain.effect.estimate > 0.7 and abs(held.effect.estimate) < 0.4
