"""Pairs at equal loss: what is compared, which words follow, and where there is no number."""

import math

import numpy as np
import pytest
from studies.loss_pairs import NOT_COMPARED, group_name, pair_at_loss, pairs_at_loss
from studies.measurements import Measurements

ARMS = {"fast": "f: fast", "slow": "f: slow"}
LOSSES = {"f: fast": np.geomspace(1.0, 0.02, 9), "f: slow": np.geomspace(1.0, 0.2, 9)}


def snapshots(curvature, *, seeds=4, quantity="lambda_max", bn="frozen"):
    """Numbers at nine snapshots; ``curvature(arm, loss, seed)`` is the quantity."""
    return Measurements(
        [
            {"quantity": name, "arm": arm, "seed": seed, "step": step, "bn": bn, "value": value}
            for arm, losses in LOSSES.items()
            for seed in range(seeds)
            for step, loss in enumerate(losses.tolist(), 1)
            for name, value in (("loss", loss), (quantity, curvature(arm, loss, seed)))
        ]
    )


def levels(values, *, note="", group="fast / slow", quantity="lambda_max", bn="frozen"):
    """What was recorded at one loss: arm -> a value for each seed."""
    labels = {"quantity": quantity, "bn": bn, "group": group, "at": "along training"}
    return Measurements(
        [
            {**labels, "arm": arm, "seed": seed, "value": value, "note": note}
            for arm, of_arm in values.items()
            for seed, value in enumerate(of_arm)
        ]
    )


def pair(factor, *, power=1.0, spread=0.02, **options):
    """A pair whose fast arm is ``factor`` times as sharp at any loss; λ_max ∝ loss^power."""

    def curvature(arm, loss, seed):
        scale = factor if arm == "f: fast" else 1.0 + spread * (seed - 1.5)
        return scale * loss**power

    values = {"f: fast": [factor] * 4, "f: slow": [1.0 + spread * (s - 1.5) for s in range(4)]}
    return pair_at_loss(
        snapshots(curvature), levels(values, **options), ARMS, "lambda_max", bn="frozen"
    )


@pytest.mark.parametrize(
    ("factor", "power", "spread", "verdict"),
    [
        (1.0, 1.0, 0.02, "explained by the loss"),
        (0.5, 1.0, 0.02, "remains"),
        (2.0, 1.0, 0.02, "turns round"),
        (2.0, math.log(2) / math.log(10), 0.02, "differs at equal loss only"),
        (1.0, 0.0, 0.02, "no difference"),
        (1.0, 0.0, 0.5, "undecided at equal loss"),
    ],
)
def test_the_words_follow_from_the_ratios_at_the_end_and_at_equal_loss(
    factor, power, spread, verdict
):
    one = pair(factor, power=power, spread=spread)
    assert one.verdict == verdict
    assert one.factor.estimate == pytest.approx(factor, rel=0.25)
    # The fast arm ends with a tenth of the loss.
    assert one.at_end.estimate == pytest.approx(factor * 0.1**power, rel=0.25)
    assert "at equal training loss: " in one.sentence()
    assert one.order == {"remains": -1, "turns round": 1, "differs at equal loss only": 1}.get(
        verdict, 0
    )


def test_a_ratio_that_turns_round_names_its_loss():
    def curvature(arm, loss, seed):
        return (loss / 0.4) ** 0.5 * (1 + 0.01 * seed) if arm == "f: fast" else 1.0

    values = {"f: fast": [1.0, 1.1, 1.0, 1.1], "f: slow": [1.0] * 4}
    one = pair_at_loss(snapshots(curvature), levels(values), ARMS, "lambda_max")
    assert one.flips == pytest.approx([0.4], rel=0.1)
    assert one.turn_words() == f"turns round at {one.flip_text} nats"
    assert f"turns round at a loss of {one.flip_text} nats" in one.sentence()


def test_without_common_losses_the_reason_stands_in_place_of_a_number():
    values = {arm: [math.nan] * 4 for arm in ARMS.values()}
    numbers, level = snapshots(lambda *_: 1.0), levels(values, note="the losses do not overlap")
    one = pair_at_loss(numbers, level, ARMS, "lambda_max")
    assert one.verdict == NOT_COMPARED
    assert one.sentence() == (
        "λ_max, fast over slow, has no ratio at equal loss, because in 4 of 4 seeds the losses do "
        "not overlap"
    )


def test_other_groups_and_modes_are_not_read():
    assert pair(1.0, group="all") is None and pair(1.0, bn="batch") is None
    one = pair(1.0)
    assert one.mode == "eval mode" and one.heading == "λ_max"
    assert group_name(list(ARMS)) == "fast / slow"


def test_one_seed_gives_no_comparison():
    numbers = snapshots(lambda *_: 1.0, seeds=1)
    level = levels({arm: [1.0] for arm in ARMS.values()})
    asked = {"frozen": ["lambda_max", "trace"]}
    assert pairs_at_loss(numbers, level, [ARMS], asked) == []
