"""Curves between solutions: exact ends, known geometry, and training that can be repeated."""

import math

import pytest
import torch
from landscape import data, models, rng, training
from landscape.connectivity import CurveConfig, curve_path, linear_barrier, train_curve
from landscape.connectivity.curves import Curve, ends_hash, point_on, weights
from landscape.objective import Objective
from landscape.store.entries import Store

from tests.sample_networks import Point, digits, log_point, small_cnn, small_objective, state_of

KINDS = ["bezier", "chain"]


def ring(outputs, targets):
    """Zero on the unit circle, 1 at its centre."""
    return (outputs.square().sum(1) - 1).square()


def total(outputs, targets):
    return outputs.sum(1)


def without_slope(outputs, targets):
    """Zero everywhere, with the derivative 0 · ∞."""
    return (0 * outputs).sqrt().sum(1)


class Numbers(torch.nn.Module):
    """Outputs are the inputs; the parameter has no effect."""

    def __init__(self, value):
        super().__init__()
        self.point = torch.nn.Parameter(torch.full((1,), value, dtype=torch.float64))

    def forward(self, inputs):
        return inputs + 0 * self.point


def at(*values, loss=ring):
    model = Point(len(values))
    with torch.no_grad():
        model.point.copy_(torch.tensor(values, dtype=torch.float64))
    return Objective(model, one_point(len(values)), loss=loss)


def one_point(n=2):
    return torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, n, dtype=torch.float64)


def curve_of(start, end, *bends, kind="bezier"):
    bends = torch.tensor(bends, dtype=torch.float64)
    config = CurveConfig(kind=kind, bends=len(bends))
    return Curve(config, bends, torch.zeros(0), None, 0.0, "", ends_hash(start, end))


# Geometry


def test_weights_of_a_quadratic_bezier_curve_are_bernstein_polynomials():
    assert weights("bezier", 3, 0.25).tolist() == [0.5625, 0.375, 0.0625]
    assert weights("bezier", 4, 0.5).tolist() == [0.125, 0.375, 0.375, 0.125]


def test_weights_of_a_chain_are_hats():
    assert weights("chain", 3, 0.25).tolist() == [0.5, 0.5, 0.0]
    assert weights("chain", 5, 0.8125).tolist() == [0.0, 0.0, 0.0, 0.75, 0.25]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [2, 3, 6])
def test_weights_are_shares_and_turn_with_the_curve(kind, count):
    for t in (0.0, 0.1, 0.37, 0.5, 1.0):
        found = weights(kind, count, t)
        assert float(found.min()) >= 0 and float(found.sum()) == pytest.approx(1, abs=1e-15)
        back = weights(kind, count, 1 - t).flip(0)
        torch.testing.assert_close(found, back, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    ("kind", "length", "middle"),
    [
        # (2t - 1, 4t(1 - t)), the parabola y = 1 - x²: its length is known in closed form.
        ("bezier", math.sqrt(5) + math.asinh(2) / 2, 1.0),
        ("chain", 2 * math.sqrt(5), 2.0),
    ],
)
def test_points_and_length_of_a_curve_with_one_bend_are_known(kind, length, middle):
    start, end = at(-1.0, 0.0), at(1.0, 0.0)
    curve = curve_of(start, end, (0.0, 2.0), kind=kind)
    found = curve_path(start, end, curve, ts=5)
    assert point_on(start, end, curve, 0.5).tolist() == [0.0, middle]
    assert found.length == pytest.approx(length / 2, rel=1e-12)
    assert found.kind == kind and float(found.loss[2]) == (middle**2 - 1) ** 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_curve_with_bends_on_the_chord_is_the_straight_path(kind):
    start, end = at(-1.0, 0.5), at(2.0, 2.0)
    found = curve_path(start, end, curve_of(start, end, (0.0, 1.0), (1.0, 1.5), kind=kind), ts=7)
    straight = linear_barrier(start, end, ts=7)
    torch.testing.assert_close(found.loss, straight.loss, rtol=1e-12, atol=1e-12)
    for name in ("barrier", "barrier_above_mean", "position"):
        assert getattr(found, name) == pytest.approx(getattr(straight, name), rel=1e-12)
    assert found.length == pytest.approx(1, rel=1e-12) and straight.length == 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_ends_of_a_curve_are_the_solutions_bit_for_bit_whatever_the_bends(kind):
    start, end = at(-0.0, 1 / 3), at(0.1, -0.0)
    curve = curve_of(start, end, (math.inf, math.nan), kind=kind)
    for t, solution in ((0.0, start), (1.0, end), (0, start), (1, end)):
        found = point_on(start, end, curve, t)
        assert torch.equal(found.view(torch.int64), solution.theta.view(torch.int64))
    path = curve_path(start, end, curve, ts=3)
    assert math.isnan(float(path.loss[1])) and math.isnan(path.barrier)


@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
def test_a_measured_curve_begins_and_ends_with_the_networks_themselves(bn):
    start, end = (small_objective(13, seed=seed, bn=bn) for seed in (0, 1))
    config = CurveConfig(epochs=1, batch_size=5)
    curve = train_curve(start, end, config, digits().first(13))
    found = curve_path(start, end, curve, ts=3)
    assert found.bn == bn and found.examples_hash == start.examples_hash
    assert float(found.loss[0]) == start.loss(start.theta)
    assert float(found.loss[2]) == end.loss(end.theta)
    middle = point_on(start, end, curve, 0.5)
    statistics = {
        name: (buffer + end.buffers[name]) / 2 if buffer.is_floating_point() else buffer
        for name, buffer in start.buffers.items()
    }
    want = start.loss(middle, buffers=statistics)
    assert float(found.loss[1]) == pytest.approx(want, rel=1e-12)


# Training


@pytest.mark.parametrize("bn", ["frozen", "reestimate"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_is_down_the_gradient_under_batch_statistics_at_the_drawn_position(kind, bn):
    examples = digits().first(13)
    start, end = (small_objective(13, seed=seed, bn=bn) for seed in (0, 1))
    config = CurveConfig(kind, 2, 1, 13, learning_rate=0.3, weight_decay=0.1, seed=3)
    curve = train_curve(start, end, config, examples)
    t = float(torch.rand(1, dtype=torch.float64, generator=rng.stream(3, "curve positions", 0)))
    points = torch.stack([torch.lerp(start.theta, end.theta, x) for x in (0, 1 / 3, 2 / 3, 1)])
    share = weights(kind, 4, t)
    batch = Objective(small_cnn(), examples, bn="batch", dtype=torch.float64)
    slope = share[1:-1, None] * batch.gradient(share @ points)
    want = points[1:-1] - 0.3 * (slope + 0.1 * points[1:-1])
    torch.testing.assert_close(curve.bends, want, rtol=1e-10, atol=1e-13)
    assert curve.step_loss.tolist() == [pytest.approx(batch.loss(share @ points), rel=1e-12)]


def test_momentum_carries_the_first_step_into_the_second():
    # θ of one entry and loss θ: gradients are 1, bends move by lr·w and lr·(w' + 0.5 w).
    start, end = (at(x, loss=total) for x in (0.0, 1.0))
    config = CurveConfig("chain", 1, 2, learning_rate=0.1, momentum=0.5)
    curve = train_curve(start, end, config, one_point(1))
    w, later = (
        float(weights("chain", 3, torch.rand(1, dtype=torch.float64, generator=stream).item())[1])
        for stream in (rng.stream(0, "curve positions", epoch) for epoch in (0, 1))
    )
    want = 0.5 - 0.1 * w - 0.1 * (later + 0.5 * w)
    assert float(curve.bends) == pytest.approx(want, rel=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_trained_curve_goes_around_a_hill(kind):
    start, end = at(1.0, 0.0), at(-0.96, 0.28)
    config = CurveConfig(kind, epochs=600, learning_rate=0.02)
    curve = train_curve(start, end, config, one_point())
    straight, curved = linear_barrier(start, end), curve_path(start, end, curve)
    assert straight.barrier > 0.9 and curved.barrier < 0.6 * straight.barrier
    assert curved.length > 1.2


def test_an_epoch_uses_each_example_once_in_batches_of_nearly_equal_size():
    # An example's loss is its number: batch means tell which examples stood in which batch.
    inputs = torch.arange(13, dtype=torch.float64)[:, None]
    examples = inputs, torch.zeros(13, 1)
    ends = [Objective(Numbers(value), examples, loss=total) for value in (0.0, 1.0)]
    curve = train_curve(*ends, CurveConfig(epochs=2, batch_size=4), examples)
    first, second = curve.step_loss.view(2, 4)
    sizes = torch.tensor([4, 3, 3, 3], dtype=torch.float64)
    assert float(first @ sizes) == float(second @ sizes) == pytest.approx(78)
    assert first.tolist() != second.tolist() and curve.passes == 2.0


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two MLPs trained on digits, as objectives over the training set."""
    store, dataset = Store(tmp_path_factory.mktemp("store")), data.load("digits")
    ends = []
    for seed in (0, 1):
        config = training.TrainConfig(
            models.MLP(hidden=(16,)), training.SGD(0.05, momentum=0.9), seed=seed, epochs=8
        )
        ends.append(Objective(training.train(config, dataset, store).model(), dataset.train))
    return *ends, dataset.train


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_trained_curve_of_a_real_network_is_below_the_straight_path(trained, kind):
    start, end, examples = trained
    curve = train_curve(start, end, CurveConfig(kind, epochs=8, learning_rate=0.05), examples)
    straight, found = linear_barrier(start, end), curve_path(start, end, curve)
    assert straight.barrier > 0.1 and found.barrier < 0.5 * straight.barrier
    assert found.error_barrier < straight.error_barrier
    assert 1 < found.length < 2 and len(found.ts) == 25
    assert len(curve.step_loss) == 8 * 12 and curve.diverged_at is None
    assert float(curve.step_loss[-12:].mean()) < float(curve.step_loss[:12].mean())


def test_same_seed_gives_the_same_bits_and_another_seed_others(trained):
    start, end, examples = trained
    one, two, other = (
        train_curve(start, end, CurveConfig(epochs=1, seed=seed), examples) for seed in (0, 0, 1)
    )
    assert torch.equal(one.bends, two.bends) and torch.equal(one.step_loss, two.step_loss)
    assert not torch.equal(one.bends, other.bends)


def test_a_curve_is_trained_in_the_objectives_dtype(trained):
    start, end, examples = trained
    curve = train_curve(start, end, CurveConfig(epochs=1), examples)
    assert curve.bends.dtype == torch.float64
    assert torch.equal(curve.bends, curve.bends.float().double())


def test_training_a_curve_leaves_networks_and_global_numbers_alone():
    ends = [small_cnn(seed=seed).train() for seed in (0, 1)]
    before, numbers = [state_of(model) for model in ends], torch.get_rng_state()
    objectives = [Objective(model, digits().first(13)) for model in ends]
    train_curve(*objectives, CurveConfig(epochs=1, batch_size=5), digits().first(13))
    assert [state_of(model) for model in ends] == before
    assert torch.equal(torch.get_rng_state(), numbers)


def test_dropout_draws_nothing():
    layers = [torch.nn.Flatten(), torch.nn.Linear(64, 4), torch.nn.Dropout(0.5)]
    ends = []
    for seed in (0, 1):
        model = torch.nn.Sequential(*layers, torch.nn.Linear(4, 10)).double()
        for tensor in model.parameters():
            tensor.data.normal_(generator=rng.stream(seed, "dropout"))
        ends.append(Objective(model.train(), digits().first(13)))
    numbers = torch.get_rng_state()
    curves = [train_curve(*ends, CurveConfig(epochs=1), digits().first(13)) for _ in range(2)]
    assert torch.equal(curves[0].bends, curves[1].bends)
    assert torch.equal(torch.get_rng_state(), numbers)


def test_a_curve_can_be_trained_where_the_caller_differentiates_nothing(trained):
    start, end, examples = trained
    want = train_curve(start, end, CurveConfig(epochs=1), examples)
    for context in (torch.inference_mode(), torch.no_grad()):
        with context:
            assert torch.equal(train_curve(start, end, want.config, examples).bends, want.bends)


def test_curves_and_their_paths_are_kept_by_the_store(trained, store):
    start, end, examples = trained
    config = CurveConfig(epochs=1)
    curve = store.remember(train_curve, start, end, config, examples)
    again = Store(store.root).remember(train_curve, start, end, config, examples)
    assert torch.equal(curve.bends, again.bends) and curve.config == again.config == config
    path = store.remember(curve_path, start, end, curve, ts=3)
    assert torch.equal(path.loss, curve_path(start, end, again, ts=3).loss)


def test_a_curve_that_diverges_says_at_which_step_and_keeps_the_bends_before_it():
    start, end = at(1.0, 0.0), at(-0.96, 0.28)
    config = CurveConfig(epochs=50, learning_rate=1e3)
    curve = train_curve(start, end, config, one_point())
    assert 0 < curve.diverged_at < 49 and len(curve.step_loss) == curve.diverged_at + 1
    assert bool(curve.step_loss[:-1].isfinite().all()) and curve.passes == curve.diverged_at + 1
    shorter = CurveConfig(epochs=curve.diverged_at, learning_rate=1e3)
    assert torch.equal(train_curve(start, end, shorter, one_point()).bends, curve.bends)


def test_a_curve_of_infinite_loss_diverges_at_its_first_step():
    # log x is NaN left of 0.
    start, end = (at(x, loss=log_point) for x in (-2.0, -1.0))
    curve = train_curve(start, end, CurveConfig(), one_point(1))
    assert curve.diverged_at == 0 and curve.bends.tolist() == [[-1.5]]
    assert math.isnan(float(curve.step_loss)) and curve.passes == 1.0


def test_a_gradient_that_is_no_number_ends_a_curve_like_an_infinite_loss():
    start, end = (at(x, loss=without_slope) for x in (1.0, 2.0))
    curve = train_curve(start, end, CurveConfig(), one_point(1))
    assert curve.diverged_at == 0 and curve.step_loss.tolist() == [0.0]
    assert curve.bends.tolist() == [[1.5]]


# What is refused


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"kind": "spline"}, r"kind='spline': it must be 'bezier' or 'chain'"),
        ({"bends": 0}, r"bends=0: it must be >= 1"),
        ({"epochs": 0}, r"epochs=0: it must be >= 1"),
        ({"batch_size": 0}, r"batch_size=0: it must be >= 1"),
        ({"learning_rate": 0.0}, r"learning_rate=0.0: it must be finite and > 0"),
        ({"learning_rate": math.inf}, r"learning_rate=inf: it must be finite"),
        ({"momentum": 1.0}, r"momentum=1.0, weight_decay=0.0: momentum must be in \[0, 1\)"),
        ({"weight_decay": -1.0}, r"weight_decay=-1.0: .*weight_decay finite and >= 0"),
    ],
)
def test_a_config_that_cannot_be_run_is_refused(options, text):
    with pytest.raises(ValueError, match=f"CurveConfig cannot be run: .*{text}"):
        CurveConfig(**options)


@pytest.mark.parametrize("counts", [(0, 0), (2, 3)])
def test_examples_that_do_not_fit_together_are_refused(counts):
    examples = torch.zeros(counts[0], 1), torch.zeros(counts[1], 2)
    with pytest.raises(ValueError, match=rf"{counts[0]} inputs and {counts[1]} targets are no"):
        train_curve(at(1.0, 0.0), at(0.0, 1.0), CurveConfig(), examples)


def test_a_curve_between_other_solutions_is_refused():
    start, end = at(1.0, 0.0), at(0.0, 1.0)
    curve = curve_of(start, end, (1.0, 1.0))
    for others in ((end, start), (start, at(0.0, 2.0))):
        with pytest.raises(ValueError, match=r"trained between other solutions"):
            curve_path(*others, curve)
        with pytest.raises(ValueError, match=r"trained between other solutions"):
            point_on(*others, curve, 0.5)


@pytest.mark.parametrize("t", [-0.1, 1.1, math.nan])
def test_a_position_off_the_curve_is_refused(t):
    start, end = at(1.0, 0.0), at(0.0, 1.0)
    with pytest.raises(ValueError, match=r"lies outside the curve. Pass a position from 0 to 1"):
        point_on(start, end, curve_of(start, end, (1.0, 1.0)), t)


def test_a_curve_between_networks_that_do_not_fit_is_refused():
    start, end = at(1.0, 0.0), at(0.0, 1.0)
    with pytest.raises(ValueError, match=r"different parameters \(n = 2 and 1\)"):
        train_curve(start, at(1.0), CurveConfig(), one_point())
    with pytest.raises(ValueError, match=r"same point"):
        train_curve(start, start, CurveConfig(), one_point())
    with pytest.raises(ValueError, match=r"different parameters \(n = 2 and 1\)"):
        curve_path(start, at(1.0), curve_of(start, end, (1.0, 1.0)))
    with pytest.raises(ValueError, match=r"are no path"):
        curve_path(start, end, curve_of(start, end, (1.0, 1.0)), ts=2)
