"""Recorded training with curves on a part of the examples: what is kept, taken over and refused."""

import dataclasses

import pytest
import torch
from landscape.data import load
from landscape.training import SGD, CurveExamples
from studies.arms import Arm
from studies.identity import run_identity
from studies.records.times import measure_times
from studies.tables import runs as tables
from studies.tasks import Task
from studies.time_to_target import reach

from tests.sample_solutions import again
from tests.sample_study import config_of, rows_of

pytestmark = pytest.mark.slow

PART = CurveExamples(30, 25)
EPOCHS = 4


def task(train=90, test=50):
    data = load("digits", max_train=train, max_test=test)
    numbers = len(data.y_train), len(data.y_test), data.classes, data.shape
    return Task("digits", data.sha256, *numbers, lambda: data)


def trained(study, part=PART, data=None, **settings):
    config = config_of(epochs=EPOCHS, **settings)
    config = dataclasses.replace(config, curve_examples=part)
    return study.train({Arm("a", norm="batch"): config}, data or task(), seeds=[0])


def test_errors_and_subsets_are_recorded_and_read_back(study, tmp_path):
    run = trained(study)["a", 0]
    live = run.live()
    assert live.curve_subsets == run.subsets and run.subsets["test"].size == 25
    for name, errors in live.history_errors.items():
        torch.testing.assert_close(run.errors[name], errors, rtol=1e-9, atol=0)
        torch.testing.assert_close(run.history[name], live.history[name], rtol=1e-9, atol=0)
    assert set(run.errors) == {"train_loss", "train_accuracy", "test_loss", "test_accuracy"}
    (end,) = rows_of(tmp_path, "runs.csv")
    assert (end["train_curve_size"], end["train_curve_of"]) == ("30", "90")
    assert end["test_curve_sha256"] == live.curve_subsets["test"].sha256
    (read,) = trained(again(study, tmp_path)).values()
    assert read.subsets == run.subsets and not read.recording.missing
    assert torch.equal(read.errors["test_loss"], run.errors["test_loss"])


def test_numbers_of_the_end_are_those_of_a_run_in_full(study, tmp_path):
    trained(study)
    part = {row["quantity"]: row["value"] for row in rows_of(tmp_path)}
    trained(study, part=None)
    both = [row for row in rows_of(tmp_path) if row["quantity"] in part]
    assert len(both) == 2 * len(part)
    assert all(row["value"] == part[row["quantity"]] for row in both)


def test_a_run_recorded_in_full_is_taken_and_not_one_of_a_part_for_it(study, tmp_path):
    full = trained(study, part=None)["a", 0]
    (taken,) = trained(again(study, tmp_path)).values()
    assert taken.config.curve_examples is None and taken.subsets == {}
    assert torch.equal(taken.history["test_loss"], full.history["test_loss"])
    assert not taken.recording.missing and len(taken.recording.record) == 1


def test_a_run_of_a_part_is_not_taken_for_one_in_full(study, tmp_path):
    trained(study)
    anew = again(study, tmp_path)
    assert len(trained(anew, part=None)) == 0 and list(anew.missing) == ["runs"]
    other = again(study, tmp_path)
    assert len(trained(other, part=CurveExamples(31, 25))) == 0


def test_a_run_in_full_that_was_set_aside_is_taken_too(study, tmp_path):
    full = trained(study, part=None)["a", 0]
    other = again(study, tmp_path, computing=True)
    trained(other, part=None, batch_size=45)
    other.close("Title")  # The run in full is now among those of other settings.
    (taken,) = trained(again(study, tmp_path)).values()
    assert torch.equal(taken.history["test_loss"], full.history["test_loss"])


def test_where_all_examples_are_few_enough_nothing_is_a_part(study):
    (run,) = trained(study, part=CurveExamples(90, 2000)).values()
    assert run.config.curve_examples is None and not run.subsets and not run.errors
    (few,) = trained(study, part=CurveExamples(40, 50), measured=40).values()
    assert few.config.curve_examples is None


def test_curves_decide_no_weights_and_no_identity_of_what_is_measured_on_them(study):
    (part,), (full,) = trained(study).values(), trained(study, part=None).values()
    assert part.identity == full.identity == run_identity(full.config, full.task)
    solutions = [runs.solutions(task().first(20)) for runs in (trained(study), trained(study))]
    identities = [next(iter(each.values())).identity for each in solutions]
    assert identities[0] == identities[1] and "curve_examples" not in str(identities)


def test_what_compares_values_along_training_refuses_those_of_a_part(study):
    runs = trained(study)
    (run,) = runs.values()
    with pytest.raises(ValueError, match="train_loss was measured on 30 of 90 examples"):
        reach(run, "train_loss", 1.0)
    with pytest.raises(ValueError, match="test_accuracy was measured on 25 of 50"):
        measure_times(study, runs, {"30%": ("test_accuracy", 0.3)})
    with pytest.raises(ValueError, match="curve_examples=None"):
        study.at_equal_loss(runs, task().first(20))
    for sentence in (tables.falls, tables.rebounds):
        with pytest.raises(ValueError, match="measured on"):
            sentence(runs)
    half = trained(study, part=CurveExamples(30, 50))["a", 0]
    assert reach(half, "test_accuracy", 0.01).reached


def test_a_run_that_diverged_says_where_its_last_accuracy_comes_from(study):
    runs = trained(study, optimizer=SGD(1e30), measure_every=0.2)
    caption = tables.divergence(runs, label="tab-d").caption
    assert "unless it is the first or the last, it comes from 25 test examples" in caption
    full = tables.divergence(trained(study, part=None, optimizer=SGD(1e30)), label="tab-d").caption
    assert "unless" not in full
