"""Networks of a record: which numbers are theirs, and which networks learned."""

import pytest
from studies.verdicts.columns import NotMeasuredError
from studies.verdicts.expressions import Parameter
from studies.verdicts.networks import Networks, every
from studies.verdicts.recorded_study import RecordedStudy

from tests.sample_records import SampleRecord, two_arms


def networks(record, **factors):
    return Networks(RecordedStudy(record.write(), "01_sample"), factors)


def test_numbers_are_those_of_the_arm_by_seed(tmp_path):
    column = networks(two_arms(tmp_path, seeds=3), norm="none").column("lambda_max", {})
    assert column.keys == (0, 1, 2) and column.values.tolist() == [1, 1, 1]


def test_the_usual_number_is_taken_where_a_column_is_not_named(tmp_path):
    record = SampleRecord(tmp_path)
    for value, labels, bn in (
        (1.0, {"at": "start"}, "frozen"),
        (2.0, {}, "batch"),
        (3.0, {"subset": 64}, "frozen"),
        (4.0, {}, "frozen"),
    ):
        record.add("lambda_max", value, labels={"seed": 0, **labels}, bn=bn)
    arm = networks(record)
    assert arm.column("lambda_max", {}).values.tolist() == [4.0]
    assert arm.column("lambda_max", {"bn": "batch"}).values.tolist() == [2.0]
    assert arm.column("lambda_max", {"at": "start"}).values.tolist() == [1.0]
    assert arm.column("lambda_max", {"subset": 64}).values.tolist() == [3.0]


def test_numbers_that_nothing_tells_apart_are_refused(tmp_path):
    record = SampleRecord(tmp_path)
    for examples in (64, 128):
        record.add("sam", 1.0, labels={"seed": 0}, examples=examples)
    with pytest.raises(ValueError, match=r"2 numbers sam .* differ in \{'examples': \['128', '64'"):
        networks(record).column("sam", {})


def test_of_numbers_with_the_same_labels_the_latest_request_counts(tmp_path):
    record = SampleRecord(tmp_path)
    for value in (1.0, 2.0):
        record.add("sam", value, labels={"seed": 0})
    assert networks(record).column("sam", {}).values.tolist() == [1.0]


def test_a_parameter_stands_for_its_value(tmp_path):
    record = SampleRecord(tmp_path, widths=[4, 8])
    for width in (4, 8):
        record.run(labels={"seed": 0, "width": width}, train_loss=width / 10)
    arm = networks(record, width=Parameter("widths", -1))
    assert arm.column("train_loss", {}).values.tolist() == [0.8]
    assert arm.factor("width").values.tolist() == [8]
    with pytest.raises(NotMeasuredError, match="no factor depth"):
        arm.factor("depth")


def test_networks_that_did_not_learn_or_diverged_are_told(tmp_path):
    record = SampleRecord(tmp_path)
    for seed, accuracy in enumerate((0.9, 0.1, -0.5)):
        record.run(accuracy, labels={"seed": seed}, train_loss=1.0)
        record.add("sam", 1.0, labels={"seed": seed})
    arm = networks(record)
    assert arm.column("sam", {}).learned.tolist() == [True, False, False]
    assert arm.diverged().outcomes == [False, False, True]
    assert {seed: row["parameters"] for seed, row in arm.runs().items()} == {0: 100, 1: 100, 2: 100}


def test_without_a_flag_a_network_learned_if_it_is_better_than_twice_chance(tmp_path):
    record = SampleRecord(tmp_path)
    for seed, accuracy in enumerate((0.21, 0.2)):
        record.add("test_accuracy", accuracy, labels={"seed": seed})
        record.add("sam", 1.0, labels={"seed": seed})
    assert networks(record).column("sam", {}).learned.tolist() == [True, False]


def test_rows_of_a_table_are_those_of_the_case(tmp_path):
    record = SampleRecord(tmp_path)
    for pair in ("0-1", "2-3"):
        points = [{"bn": bn, "t": 0.0, "loss": len(bn)} for bn in ("frozen", "batch")]
        record.add(labels={"pair": pair, "norm": "batch"}, tables={"paths": points})
    arm = networks(record, norm="batch")
    assert {k: [r["loss"] for r in rows] for k, rows in arm.cases("paths", {}).items()} == {
        "0-1": [6],
        "2-3": [6],
    }
    assert [r["loss"] for r in arm.cases("paths", {"bn": "batch"})["0-1"]] == [5]
    with pytest.raises(NotMeasuredError, match="no paths of norm batch, bn repaired"):
        arm.cases("paths", {"bn": "repaired"})


def test_two_entries_of_one_case_are_refused(tmp_path):
    record = SampleRecord(tmp_path)
    for _ in range(2):
        record.add(labels={"pair": "0-1"}, tables={"paths": [{"t": 0.0, "loss": 1.0}]})
    with pytest.raises(ValueError, match="2 entries of paths fit case 0-1"):
        networks(record).cases("paths", {})


def test_every_arm_that_fits_has_all_its_factors(tmp_path):
    record = SampleRecord(tmp_path)
    for norm, depth in (("batch", 8), ("batch", 20), ("none", 20)):
        record.run(labels={"arm": f"{norm} {depth}", "norm": norm, "depth": depth, "seed": 0})
    study = RecordedStudy(record.write(), "01_sample")
    arms = every(study, {"norm": ["batch"]})
    assert {name: arm.factors for name, arm in arms.items()} == {
        "batch 8": {"norm": "batch", "depth": 8},
        "batch 20": {"norm": "batch", "depth": 20},
    }
    with pytest.raises(NotMeasuredError, match="no networks with"):
        every(study, {"norm": "group"})
