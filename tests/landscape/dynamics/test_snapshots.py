"""Snapshots of a training path: their schedule, their memory, and what a recorder keeps."""

import pytest
import torch
from landscape.dynamics.snapshots import (
    MOST_SNAPSHOTS,
    Trajectory,
    TrajectoryRecorder,
    record_trajectory,
    snapshot_steps,
)


def walk_of(optimizer, theta, steps, generator):
    """Steps by random gradients, and the parameters after each."""
    points = [theta.detach().clone()]
    for _ in range(steps):
        theta.grad = torch.randn(theta.shape, generator=generator)
        optimizer.step()
        points.append(theta.detach().clone())
    return torch.stack(points)


def recorded(generator, *, dtype="float32", steps=(0, 1, 3, 8), rate=0.1):
    theta = torch.nn.Parameter(torch.randn(50, generator=generator))
    optimizer = torch.optim.SGD([theta], lr=rate)
    recorder = record_trajectory(optimizer, steps, dtype=dtype)
    return recorder, walk_of(optimizer, theta, 10, generator)


def test_the_schedule_has_even_and_early_steps_within_its_limit():
    steps = snapshot_steps(4690)
    assert steps[0] == 0 and steps[-1] == 4690 and len(steps) <= 141
    assert {469, 2345} <= set(steps)
    assert {1, 2, 3} < set(steps)
    assert snapshot_steps(3) == (0, 1, 2, 3)
    assert len(snapshot_steps(10**6, even=101, early=99)) <= MOST_SNAPSHOTS


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_recorder_keeps_the_parameters_at_its_steps(generator, dtype):
    recorder, points = recorded(generator, dtype=dtype)
    trajectory = recorder.trajectory
    assert trajectory.steps == (0, 1, 3, 8) and trajectory.n == 50
    # Rounding: half a unit of the last place of the displacements' largest entry.
    tolerance = {"float32": 1e-6, "float16": 2e-3}[dtype]
    for step in trajectory.steps:
        torch.testing.assert_close(
            trajectory.point(step), points[step].double(), rtol=0, atol=tolerance
        )
    torch.testing.assert_close(trajectory.displacement(0), torch.zeros(50).double())


def test_half_precision_keeps_displacements_that_are_smaller_than_its_numbers(generator):
    # The smallest positive number of float16 is 6e-8.
    recorder, points = recorded(generator, dtype="float16", rate=1e-6)
    moved = recorder.trajectory.displacement(8)
    exact = (points[8] - points[0]).double()
    assert float(exact.abs().max()) < 1e-4
    assert float((moved - exact).norm() / exact.norm()) < 1e-3


@pytest.mark.parametrize("dtype, size", [("float32", 4), ("float16", 2)])
def test_a_trajectory_uses_as_many_bytes_as_promised(generator, dtype, size):
    deltas = recorded(generator, dtype=dtype)[0].trajectory.deltas
    assert deltas.untyped_storage().nbytes() == 4 * 50 * size


def test_gram_and_part_agree_with_the_points(generator):
    recorder, points = recorded(generator)
    trajectory = recorder.trajectory
    displacements = (points[[0, 1, 3, 8]] - points[0]).double()
    torch.testing.assert_close(
        trajectory.gram(), displacements @ displacements.T, rtol=1e-5, atol=1e-6
    )
    part = trajectory.at((0, 8))
    assert part.steps == (0, 8)
    torch.testing.assert_close(part.gram(), trajectory.gram()[[0, 3]][:, [0, 3]])


def test_blocks_cover_all_parameters_once():
    # More parameters than a block has.
    deltas = torch.arange(2 * 70000, dtype=torch.float32).reshape(2, 70000)
    trajectory = Trajectory((0, 1), torch.zeros(70000), deltas, torch.ones(2).double())
    joined = torch.cat([block for _, block in trajectory.blocks()], dim=1)
    torch.testing.assert_close(joined, deltas.double(), rtol=0, atol=0)
    assert trajectory.finite
    deltas[1, 69999] = float("nan")
    assert not trajectory.finite


def test_a_closed_recorder_stops(generator):
    theta = torch.nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.SGD([theta], lr=0.1)
    recorder = record_trajectory(optimizer, (0, 1, 2))
    walk_of(optimizer, theta, 1, generator)
    recorder.close()
    walk_of(optimizer, theta, 1, generator)
    assert recorder.trajectory.steps == (0, 1)


def test_errors_say_what_to_do(generator):
    with pytest.raises(ValueError, match=r"last=0, even=101.*at most 200 snapshots"):
        snapshot_steps(0)
    with pytest.raises(ValueError, match=r"even=150, early=60 make no schedule"):
        snapshot_steps(1000, even=150, early=60)
    with pytest.raises(ValueError, match=r"steps=\[1, 2\]: name increasing steps from 0 on"):
        TrajectoryRecorder((1, 2))
    with pytest.raises(ValueError, match=r"201 snapshots in 'float32': at most 200 are kept"):
        TrajectoryRecorder(tuple(range(201)))
    with pytest.raises(ValueError, match=r"2 snapshots in 'int8'.*'float32' or 'float16'"):
        TrajectoryRecorder((0, 1), "int8")
    with pytest.raises(ValueError, match=r"nothing was recorded. Call the recorder"):
        _ = TrajectoryRecorder((0, 1)).trajectory
    recorder, _ = recorded(generator)
    with pytest.raises(ValueError, match=r"already belongs to an optimizer"):
        recorder(torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=1.0))
    with pytest.raises(ValueError, match=r"no snapshot at step 2: this trajectory has 4"):
        recorder.trajectory.point(2)
    with pytest.raises(ValueError, match=r"a trajectory begins at step 0"):
        recorder.trajectory.at((1, 3))
