"""Directions in parameter space."""

import pytest
import torch
from landscape import directions, parameters, rng
from torch import nn

from tests.sample_networks import filled, relu_net, relu_objective, rescaled, small_objective


@pytest.fixture
def objective():
    return small_objective()


def test_random_directions_are_standard_normal_and_not_along_the_ones(objective):
    layout = parameters.layout(nn.Linear(200, 100))
    direction = directions.random(layout, generator=rng.stream(0, "normal"))
    n = layout.n
    assert direction.dtype == torch.float64 and direction.shape == (n,)
    # Four standard errors each: of the mean, and of the variance of n normal numbers.
    assert abs(float(direction.mean())) < 4 / n**0.5
    assert abs(float(direction.square().mean()) - 1) < 4 * (2 / n) ** 0.5


def test_random_directions_follow_the_generator_only(objective):
    before = torch.get_rng_state()
    one, two, other = (
        directions.random(objective.layout, generator=rng.stream(seed, "d")) for seed in (0, 0, 1)
    )
    assert torch.equal(one, two) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_filter_normalized_direction_has_the_filter_norms_of_theta(objective, generator):
    layout, theta = objective.layout, objective.theta
    drawn = directions.random(layout, generator=generator)
    kept = drawn.clone(), theta.clone()
    found = directions.filter_normalize(drawn, theta, layout)
    torch.testing.assert_close(
        layout.filter_norms(found), layout.filter_norms(theta), rtol=1e-14, atol=0
    )
    for block in layout.blocks:
        if block.kind == "weight":
            for mine, its in zip(
                found[block.entries].view(block.filters, -1),
                drawn[block.entries].view(block.filters, -1),
                strict=True,
            ):
                cosine = float(mine @ its / (mine.norm() * its.norm()))
                assert cosine == pytest.approx(1.0, abs=1e-14)  # Scaled, not turned.
        else:
            assert not found[block.entries].any()
    assert torch.equal(drawn, kept[0]) and torch.equal(theta, kept[1])


def test_filter_normalized_direction_may_match_the_other_tensors_as_wholes(objective, generator):
    layout, theta = objective.layout, objective.theta
    drawn = directions.random(layout, generator=generator)
    found = directions.filter_normalize(drawn, theta, layout, others="match")
    zero = directions.filter_normalize(drawn, theta, layout)
    for block in layout.blocks:
        if block.kind == "weight":
            assert torch.equal(found[block.entries], zero[block.entries])
        else:
            want = float(theta[block.entries].norm())
            assert float(found[block.entries].norm()) == pytest.approx(want, rel=1e-14)


def test_filter_of_zeros_gets_zeros(objective, generator):
    layout, theta = objective.layout, objective.theta.clone()
    theta[layout.blocks[0].entries.start : layout.blocks[0].entries.start + 9] = 0
    theta[layout.blocks[1].entries] = 0
    drawn = directions.random(layout, generator=generator)
    found = directions.filter_normalize(drawn, theta, layout, others="match")
    assert torch.isfinite(found).all()
    assert not found[:9].any() and bool(found[9:18].all())
    assert not found[layout.blocks[1].entries].any()


def test_filter_normalization_forgets_the_length_of_the_direction(objective, generator):
    drawn = directions.random(objective.layout, generator=generator)
    one, two = (
        directions.filter_normalize(factor * drawn, objective.theta, objective.layout)
        for factor in (1.0, 1e6)
    )
    torch.testing.assert_close(one, two, rtol=1e-14, atol=0)


@pytest.mark.parametrize("others", ["zero", "match"])
def test_filter_normalization_moves_with_a_rescaled_network(generator, others):
    model = relu_net()
    one, two = relu_objective(model), relu_objective(rescaled(model, 8.0))
    drawn = directions.random(one.layout, generator=generator)
    first, second = (
        directions.filter_normalize(drawn, at.theta, at.layout, others=others) for at in (one, two)
    )
    for block, factor in zip(one.layout.blocks, (8.0, 8.0, 1 / 8.0, 1.0), strict=True):
        want = factor * first[block.entries]
        torch.testing.assert_close(second[block.entries], want, rtol=1e-14, atol=0)


def test_filter_normalization_refuses_a_direction_with_a_filter_of_zeros(objective):
    drawn = torch.ones(objective.n, dtype=torch.float64)
    drawn[9:18] = 0
    with pytest.raises(ValueError, match=r"direction is zero in a filter of '0.weight'.*random"):
        directions.filter_normalize(drawn, objective.theta, objective.layout)


def test_filter_normalization_refuses_unknown_words_and_shapes(objective):
    theta, layout = objective.theta, objective.layout
    with pytest.raises(ValueError, match=r"others='keep' is not known. Pass 'zero' or 'match'"):
        directions.filter_normalize(theta, theta, layout, others="keep")
    for pair in ((theta[1:], theta), (theta, theta[1:])):
        with pytest.raises(ValueError, match=r"theta has the shape \(234,\)"):
            directions.filter_normalize(*pair, layout)


def test_between_leads_from_one_solution_to_the_other(generator):
    start, end = torch.randn(2, 50, dtype=torch.float64, generator=generator)
    torch.testing.assert_close(start + directions.between(start, end), end, rtol=1e-14, atol=1e-15)


def test_between_refuses_other_shapes_and_the_same_point():
    with pytest.raises(ValueError, match=r"shapes \(3,\) and \(4,\) belong to different"):
        directions.between(torch.zeros(3), torch.zeros(4))
    with pytest.raises(ValueError, match=r"both solutions are the same point"):
        directions.between(torch.ones(3), torch.ones(3))


def test_rows_of_a_linear_layer_are_its_filters():
    model = filled(nn.Linear(3, 2))
    layout = parameters.layout(model)
    theta = layout.flatten(dict(model.named_parameters()))
    found = directions.filter_normalize(torch.ones(8, dtype=torch.float64), theta, layout)
    rows = model.weight.detach().norm(dim=1) / 3**0.5
    want = torch.cat([rows[0].expand(3), rows[1].expand(3), torch.zeros(2)])
    torch.testing.assert_close(found, want, rtol=1e-14, atol=0)
