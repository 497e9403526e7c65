"""Straight paths between solutions and their barriers."""

import copy
import math

import pytest
import torch
from landscape.connectivity import linear_barrier
from landscape.objective import Objective
from torch import nn

from tests.sample_networks import (
    Point,
    digits,
    filled,
    log_point,
    regression_data,
    relu_net,
    relu_objective,
    small_cnn,
    small_objective,
    state_of,
)


def double_well(outputs, targets):
    return (outputs**2 - 1).square().sum(1)


def at(*values, loss=double_well):
    model = Point(len(values))
    with torch.no_grad():
        model.point.copy_(torch.tensor(values, dtype=torch.float64))
    return Objective(model, (torch.zeros(1, 1), torch.zeros(1, len(values))), loss=loss)


def test_barrier_of_a_double_well_is_its_hill():
    # (x² - 1)² between -1 and 1: a hill of 1 at the middle, on equal ends of 0.
    found = linear_barrier(at(-1.0), at(1.0), ts=5)
    assert found.ts.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert found.loss.tolist() == [0.0, 0.5625, 1.0, 0.5625, 0.0]
    assert (found.barrier, found.barrier_above_mean, found.position) == (1.0, 1.0, 0.5)
    assert (found.kind, found.length) == ("straight", 1.0)


def test_barrier_is_above_the_chord_and_not_above_the_mean_of_unequal_ends():
    # Between -1 (loss 0) and 2 (loss 9): x = -1 + 3t.
    found = linear_barrier(at(-1.0), at(2.0), ts=[0.0, 1 / 3, 0.5, 1.0])
    assert found.barrier == pytest.approx(0.0, abs=1e-14)
    assert found.barrier_above_mean == pytest.approx(4.5)
    uphill = linear_barrier(at(-1.0), at(1.5), ts=[0.0, 0.4, 1.0])
    end = (1.5**2 - 1) ** 2
    assert uphill.barrier == pytest.approx(1 - 0.4 * end, rel=1e-13)
    assert uphill.barrier_above_mean == pytest.approx(end / 2, rel=1e-13)


def test_barrier_of_a_convex_problem_is_zero_with_exact_ends():
    inputs, targets, _ = regression_data()
    ends = [
        Objective(filled(nn.Linear(4, 3), name), (inputs, targets), loss="mse") for name in "ab"
    ]
    found = linear_barrier(*ends)
    assert found.barrier == 0.0 and found.position in (0.0, 1.0)
    assert bool((found.loss.diff().diff() > 0).all()) and len(found.ts) == 25
    for place, end in zip((0, -1), ends, strict=True):
        assert float(found.loss[place]) == end.loss(end.theta)


def test_error_barrier_is_that_of_the_accuracy():
    ends = [relu_objective(filled(relu_net(), name)) for name in "cd"]
    found = linear_barrier(*ends, ts=9)
    error = 1 - found.accuracy
    chord = (1 - found.ts) * error[0] + found.ts * error[-1]
    assert found.error_barrier == pytest.approx(float((error - chord).max()), abs=1e-15)
    assert found.error_barrier > 0


def test_path_is_the_same_from_both_ends():
    ends = at(-1.0), at(1.5)
    there, back = linear_barrier(*ends, ts=9), linear_barrier(*reversed(ends), ts=9)
    torch.testing.assert_close(there.loss, back.loss.flip(0), rtol=1e-13, atol=1e-15)
    assert there.barrier == pytest.approx(back.barrier, rel=1e-12)
    assert 0 < there.position == 1 - back.position < 1


def two_networks(bn):
    return [small_objective(13, seed=seed, bn=bn) for seed in (0, 1)]


@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
def test_ends_of_a_path_are_the_networks_themselves(bn):
    start, end = two_networks(bn)
    found = linear_barrier(start, end, ts=3)
    assert found.bn == bn and found.examples_hash == start.examples_hash
    assert float(found.loss[0]) == pytest.approx(start.loss(start.theta), rel=1e-12)
    assert float(found.loss[2]) == pytest.approx(end.loss(end.theta), rel=1e-12)


def test_frozen_policy_interpolates_running_statistics_like_weights():
    start, end = two_networks("frozen")
    found = linear_barrier(start, end, ts=[0.0, 0.25, 1.0])
    averaged = copy.deepcopy(small_cnn(seed=0))
    states = [small_cnn(seed=seed).state_dict() for seed in (0, 1)]
    averaged.load_state_dict(
        {k: 0.75 * states[0][k] + 0.25 * states[1][k] for k in states[0]}, strict=True
    )
    want = Objective(averaged, digits().first(13))
    assert float(found.loss[1]) == pytest.approx(want.loss(want.theta), rel=1e-12)


@pytest.mark.parametrize("bn", ["batch", "reestimate"])
def test_policies_without_frozen_statistics_need_none_of_the_ends(bn):
    start, end = two_networks(bn)
    spoiled = []
    for seed in (0, 1):
        model = small_cnn(seed=seed)
        for name, buffer in model.named_buffers():
            if "running" in name:
                buffer.mul_(100)
        spoiled.append(Objective(model, digits().first(13), bn=bn, microbatch=5, bn_block=7))
    one, two = linear_barrier(start, end, ts=5), linear_barrier(*spoiled, ts=5)
    torch.testing.assert_close(one.loss, two.loss, rtol=1e-13, atol=0)


def test_policies_differ_in_the_middle_of_a_path():
    # Averaged statistics are not those of the averaged weights.
    paths = {bn: linear_barrier(*two_networks(bn), ts=5) for bn in ("frozen", "reestimate")}
    middle = {bn: float(path.loss[2]) for bn, path in paths.items()}
    assert middle["frozen"] != pytest.approx(middle["reestimate"], rel=1e-3)


def test_infinity_and_nan_on_a_path_are_kept_and_give_no_barrier():
    # log x from -1 to 1: NaN, then -inf at 0, then finite.
    found = linear_barrier(at(-1.0, loss=log_point), at(1.0, loss=log_point), ts=5)
    assert found.loss.isnan().tolist() == [True, True, False, False, False]
    assert found.loss[2] == -math.inf and float(found.loss[4]) == 0.0
    assert math.isnan(found.barrier) and math.isnan(found.barrier_above_mean)


def test_a_path_without_barrier_has_no_position():
    found = linear_barrier(at(-1.0, loss=log_point), at(1.0, loss=log_point), ts=5)
    assert math.isnan(found.position)


def test_an_infinite_loss_gives_no_barrier_above_the_mean_either():
    # log x from 0 to 1 starts at -inf: no number may come out as if it were measured.
    found = linear_barrier(at(0.0, loss=log_point), at(1.0, loss=log_point), ts=3)
    assert math.isnan(found.barrier) and not math.isfinite(found.barrier_above_mean)


def test_networks_stay_bit_for_bit_along_a_path():
    models = [small_cnn(seed=seed).train() for seed in (0, 1)]
    before, numbers = [state_of(model) for model in models], torch.get_rng_state()
    for bn in ("frozen", "batch", "reestimate"):
        linear_barrier(*(Objective(m, digits().first(5), bn=bn) for m in models), ts=3)
    assert [state_of(model) for model in models] == before
    assert torch.equal(torch.get_rng_state(), numbers)


# What is refused


def test_networks_of_other_parameters_are_refused():
    with pytest.raises(ValueError, match=r"different parameters \(n = 1 and 2\)"):
        linear_barrier(at(1.0), at(1.0, 2.0))


def test_networks_of_another_architecture_with_the_same_parameters_are_refused():
    inputs, targets, _ = regression_data()
    ends = [
        Objective(
            filled(nn.Sequential(nn.Linear(4, 5), between, nn.Linear(5, 3)), name),
            (inputs, targets),
            loss="mse",
        )
        for between, name in ((nn.ReLU(), "a"), (nn.Tanh(), "b"))
    ]
    with pytest.raises(ValueError, match=r"architecture"):
        linear_barrier(*ends)


def test_the_same_point_twice_is_refused():
    with pytest.raises(ValueError, match=r"same point: there is no path between them"):
        linear_barrier(at(1.0), at(1.0))


@pytest.mark.parametrize(
    "options", [{"count": 12}, {"bn": "batch"}, {"dtype": torch.float32}, {"loss": double_well}]
)
def test_objectives_with_other_examples_or_options_are_refused(options):
    with pytest.raises(ValueError, match=r"the two objectives differ: 13 examples.*same options"):
        linear_barrier(small_objective(13), small_objective(**{"count": 13, "seed": 1, **options}))


@pytest.mark.parametrize(
    "ts",
    [2, [0.0, 1.0], [0.0, 0.5, 0.9], [0.1, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0], [0.0, math.nan, 1]],
)
def test_positions_that_are_no_path_are_refused(ts):
    with pytest.raises(ValueError, match=r"are no path. Pass at least 3, increasing from 0 to 1"):
        linear_barrier(at(-1.0), at(1.0), ts=ts)
