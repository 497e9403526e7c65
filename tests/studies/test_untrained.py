"""Networks at their initialisation: what is measured on them, and what identifies it."""

import pytest
import torch
from landscape import models
from landscape.training import SGD, TrainConfig
from studies.arms import Arm
from studies.recording import NotRecordedError

from tests.sample_solutions import again
from tests.sample_study import study_in

NETWORKS = {
    Arm(f"depth {depth}", depth=depth): models.FullyConnected(depth=depth, width=5)
    for depth in (4, 6)
}


def beginnings(study, *, seeds=(0, 1), count=4, **options):
    task = study.load("digits", max_train=48, max_test=24)
    return study.untrained(NETWORKS, task.first(count), seeds=seeds, **options)


def test_a_network_has_the_weights_that_training_starts_from(tmp_path):
    study = study_in(tmp_path)
    solutions = beginnings(study)
    model = solutions["depth 4", 1].model()
    task = study.load("digits", max_train=48, max_test=24)
    config = TrainConfig(NETWORKS["depth 4"], SGD(0.1), epochs=1, batch_size=24, snapshots=(0,))
    run = study.train({"run": config}, task, seeds=[1])["run", 1]
    want = run.model(step=0).state_dict()
    assert all(torch.equal(tensor, want[name]) for name, tensor in model.state_dict().items())
    assert solutions.labels((Arm("depth 4", depth=4), 1)) == {
        "arm": "depth 4",
        "depth": 4,
        "seed": 1,
        "at": "start",
    }


def test_numbers_are_measured_in_float64_and_kept(tmp_path):
    study = study_in(tmp_path)
    first = study.measure(beginnings(study), ["loss"], rho=0.1)
    assert set(first.frame["dtype"]) == {"float64"} and set(first.frame["at"]) == {"start"}
    assert first.arms == ["depth 4", "depth 6"] and len(first) == 4
    code = {name for origin in study.record.origins.values() for name in origin["code"]}
    assert "FullyConnected" in code  # What drew the weights decides what is measured.
    study.record.write()
    anew = again(study, tmp_path)
    assert anew.measure(beginnings(anew), ["loss"], rho=0.1).frame.equals(first.frame)


def test_network_seed_examples_and_options_decide_the_identity(tmp_path):
    study = study_in(tmp_path)
    one, other = (beginnings(study)[arm, 0].identity for arm in NETWORKS)
    assert one != other and one != beginnings(study)["depth 4", 1].identity
    for changed in ({"count": 3}, {"bn": "batch"}):
        assert beginnings(study, **changed)["depth 4", 0].identity != one
    assert beginnings(study)["depth 4", 0].identity == one


def test_a_record_alone_builds_no_network(tmp_path):
    study = study_in(tmp_path)
    study.measure(beginnings(study), ["loss"], rho=0.1)
    study.record.write()
    anew = again(study, tmp_path)
    solution = beginnings(anew)["depth 4", 0]
    with pytest.raises(NotRecordedError, match="make study STUDY=09_tests PROFILE=paper"):
        solution.model()
    with pytest.raises(NotRecordedError, match="holds no weights"):
        _ = solution.objective
