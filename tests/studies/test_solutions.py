"""Networks of runs: where they are measured, and what names them."""

import pytest
import torch
from landscape.objective import Objective
from landscape.training import SGD
from studies.arms import Arm

from tests.sample_study import config_of, digits_task


@pytest.fixture
def task():
    return digits_task()


@pytest.fixture
def runs(study, task):
    config = config_of(snapshots=(0, 3))
    return study.train({Arm("BN", norm="batch"): config}, task, seeds=[0, 1])


def test_solutions_are_measured_at_the_end_or_at_a_snapshot(runs, task):
    examples = task.first(20)
    end, start = runs.solutions(examples), runs.solutions(examples, step=0)
    assert {s.at for s in end.values()} == {"end"} and start["BN", 0].at == "start"
    assert runs.solutions(examples, step=3)["BN", 0].at == "step 3"
    live = runs["BN", 0].live()
    for solutions, step in ((end, None), (start, 0)):
        want = Objective(live.model(step=step), examples.tensors)
        assert torch.equal(solutions["BN", 0].objective.theta, want.theta)


def test_labels_name_arm_factors_seed_and_moment(runs, task):
    solutions = runs.solutions(task.first(20), step=3, at="early").labelled(subset="small")
    key = next(iter(solutions))
    assert solutions.labels(key) == {
        "arm": "BN",
        "norm": "batch",
        "seed": 0,
        "at": "early",
        "step": 3,
        "subset": "small",
    }


def test_options_and_examples_are_replaced(runs, task):
    solutions = runs.solutions(task.first(20))
    other = solutions.replace(bn="batch", bn_block=5, examples=task.first(10, split="test"))
    objective = other["BN", 0].objective
    assert (objective.bn, objective.num_examples) == ("batch", 10)
    assert solutions["BN", 0].objective.bn == "frozen"
    assert other["BN", 0].identity != solutions["BN", 0].identity


def test_a_rescaled_twin_is_the_same_function_and_another_solution(runs, task):
    solutions = runs.solutions(task.first(20)).replace(dtype=torch.float64)
    twin = solutions.rescaled("0", 2.0)
    first, second = solutions["BN", 0].objective, twin["BN", 0].objective
    assert not torch.equal(first.theta, second.theta)
    assert first.loss(first.theta) == pytest.approx(second.loss(second.theta), rel=1e-5)
    assert twin.labels(next(iter(twin)))["factor"] == 2.0


def test_a_network_that_does_not_exist_says_why(study, task):
    config = config_of(optimizer=SGD(1e30), snapshots=(0,))
    runs = study.train({Arm("a"): config}, task, seeds=[0])
    end, start = runs.solutions(task.first(20)), runs.solutions(task.first(20), step=0)
    assert list(end.missing.values()) == ["the run diverged"] and start.missing == {}
    with pytest.raises(ValueError, match=r"there is no network to measure: the run diverged"):
        end["a", 0].model()
    assert start["a", 0].objective.num_examples == 20
