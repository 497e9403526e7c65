"""Records of the top eigenspace: shares in both modes, and descents part by part."""

import pytest
from landscape.dynamics.top_space import projected_descent, top_space
from studies.arms import Arm
from studies.records import instruments

from tests.sample_study import config_of, digits_task

DESCENT = {"top_batch": 8, "k": 2, "descent_rate": 0.05, "descent_steps": 4, "refresh": 2}


def solutions(study, **options):
    runs = study.train({Arm("a"): config_of()}, digits_task(), seeds=[0])
    return runs.solutions(digits_task().first(16), **options)


@pytest.mark.parametrize("bn", ["frozen", "batch"])
def test_shares_are_recorded_in_either_mode(study, bn):
    names = ["top_share", "top_chance"]
    found = instruments.measure(study, solutions(study, bn=bn), names, k=2, top_batch=8)
    (solution,) = solutions(study, bn=bn).values()
    L = solution.objective
    expected = top_space(L, L.theta, k=2, batch_size=8, seed=0)
    assert found.values("top_share", "a") == [pytest.approx(expected.share, rel=1e-8)]
    assert found.values("top_chance", "a") == [pytest.approx(2 / L.n)]
    assert {(row["bn"], row["k"]) for row in found.rows} == {(bn, 2)}


def test_descents_by_parts_are_told_apart_and_have_their_losses(study):
    start = solutions(study)
    parts = ("all", "dominant", "bulk")
    for part in parts:
        study.measure(start, ["descent_loss", "descent_fall"], part=part, **DESCENT)
    numbers = study.measurements.where(quantity="descent_loss")
    assert [row["part"] for row in numbers.rows] == list(parts)
    (solution,) = start.values()
    options = {"learning_rate": 0.05, "batch_size": 8, "steps": 4, "k": 2, "refresh": 2}
    L = solution.objective
    expected = projected_descent(L, L.theta, part="bulk", seed=0, **options)
    bulk = [row["loss"] for row in study.record.rows("descent") if row["part"] == "bulk"]
    assert bulk == pytest.approx(expected.losses.tolist(), rel=1e-8)
    falls = study.measurements.where(quantity="descent_fall", part="bulk").values(
        "descent_fall", "a"
    )
    assert falls == [pytest.approx(bulk[0] / bulk[-1], rel=1e-8)]
