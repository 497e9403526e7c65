"""Errors of finite-difference products in the record: a number for each step."""

import pytest
import torch
from landscape import models
from studies import finite_differences
from studies.arms import Arm
from studies.recorder import Recorder
from studies.records import product_errors

from tests.sample_solutions import again
from tests.sample_study import study_in

NAMES = ["product_error", "product_norm", "switched_units", "moved_maxima"]
STEPS = [1e-3, 1e-1]
NETWORK = models.CNN(channels=(2,), hidden=4, norm="none")


def beginnings(study, **options):
    task = study.load("digits", max_train=48, max_test=24)
    arms = {Arm("CNN", model="CNN", activation="ReLU"): NETWORK}
    return study.untrained(arms, task.first(5), seeds=[0, 1], **options)


def measured(study, **options):
    return study.measure(beginnings(study, **options), NAMES, step_sizes=STEPS, directions=3)


def test_each_step_has_the_numbers_of_the_function(tmp_path):
    study = study_in(tmp_path)
    frame = measured(study).frame
    assert len(frame) == 2 * len(NAMES) * len(STEPS)
    L = beginnings(study)["CNN", 1].objective
    want = finite_differences.product_errors(L, L.theta, step_sizes=STEPS, directions=3, seed=1)
    values = {
        "product_error": want.rms.tolist(),
        "product_norm": [want.rms_norm] * 2,
        "switched_units": want.switched.mean(1).tolist(),
        "moved_maxima": want.moved.mean(1).tolist(),
    }
    for name in NAMES:
        rows = frame[(frame["quantity"] == name) & (frame["seed"] == 1)]
        assert rows["value"].tolist() == pytest.approx(values[name], rel=1e-9)
        assert rows["step_size"].tolist() == STEPS and set(rows["directions"]) == {3}
        assert set(rows["cost"]) == {12} and set(rows["cost_unit"]) == {"gradients"}
        assert set(rows["examples"]) == {5} and set(rows["dtype"]) == {"float64"}
        assert set(rows["at"]) == {"start"} and rows["converged"].all()
    assert values["switched_units"][1] > 0


def test_the_dtype_is_that_of_the_gradients_and_the_record_is_read_back(tmp_path):
    study = study_in(tmp_path)
    first = measured(study, dtype=torch.float32)
    assert set(first.frame["dtype"]) == {"float32"}
    study.record.write()
    anew = again(study, tmp_path)
    assert measured(anew, dtype=torch.float32).frame.equals(first.frame)


def test_the_function_records_by_itself_what_the_study_asks_for(tmp_path, store):
    study = study_in(tmp_path)
    recorder = Recorder(store)
    solution = beginnings(study)["CNN", 0]
    product_errors.errors(recorder, solution, step_sizes=STEPS, directions=3)
    frame = measured(study).frame
    values = frame[frame["seed"] == 0]["value"].tolist()
    assert [row["value"] for row in recorder.measurements] == pytest.approx(values, rel=1e-9)


def test_steps_and_directions_must_be_given(tmp_path):
    study = study_in(tmp_path)
    with pytest.raises(ValueError, match="need 'directions'"):
        study.measure(beginnings(study), NAMES, step_sizes=STEPS)
