"""Directions in parameter space."""

import dataclasses

import pytest
import torch
from landscape import directions, rng, spectrum
from landscape.network import parameters
from torch import nn

from tests.sample_networks import (
    filled,
    quadratic,
    relu_net,
    relu_objective,
    rescaled,
    small_objective,
)


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


# Orthonormal sets


def test_orthonormal_directions_are_orthonormal_in_the_same_span_and_keep_their_side(generator):
    given = torch.randn(3, 50, dtype=torch.float64, generator=generator)
    given[1] += 1e4 * given[0]  # Nearly parallel.
    found = directions.orthonormal(*given)
    torch.testing.assert_close(found @ found.T, torch.eye(3).double(), rtol=0, atol=1e-14)
    mixing = given @ found.T
    torch.testing.assert_close(mixing @ found, given, rtol=1e-12, atol=1e-9)
    torch.testing.assert_close(mixing, mixing.tril(), rtol=0, atol=1e-9)
    assert bool((mixing.diagonal() > 0).all())


def test_orthonormal_direction_of_one_is_its_unit_vector():
    (found,) = directions.orthonormal(torch.tensor([3.0, -4.0]))
    torch.testing.assert_close(found, torch.tensor([0.6, -0.8]).double(), rtol=1e-7, atol=0)


@pytest.mark.parametrize("second", [[2.0, 4.0, 0.0], [0.0, 0.0, 0.0], [float("nan"), 1.0, 0.0]])
def test_orthonormal_refuses_directions_that_are_not_independent(second):
    with pytest.raises(
        ValueError, match=r"direction 2 of 2 is zero, not finite or a combination of its pred"
    ):
        directions.orthonormal(torch.tensor([1.0, 2.0, 0.0]), torch.tensor(second))


def test_orthonormal_refuses_more_directions_than_entries_and_other_shapes():
    with pytest.raises(
        ValueError, match=r"direction 3 of 3 is zero, not finite or a combination of its pred"
    ):
        directions.orthonormal(*torch.eye(2), torch.ones(2))
    for given in ((), (torch.ones(2), torch.ones(3)), (torch.ones(2, 2),)):
        with pytest.raises(ValueError, match=r"are no set. Pass one or more vectors"):
            directions.orthonormal(*given)


# Layer by layer


@pytest.mark.parametrize("others", ["zero", "match"])
def test_layer_normalized_direction_has_the_norm_of_each_tensor_of_theta(
    objective, generator, others
):
    layout, theta = objective.layout, objective.theta
    drawn = directions.random(layout, generator=generator)
    found = directions.layer_normalize(drawn, theta, layout, others=others)
    for block in layout.blocks:
        mine, its = found[block.entries], drawn[block.entries]
        if block.kind == "weight" or others == "match":
            want = its * theta[block.entries].norm() / its.norm()
            torch.testing.assert_close(mine, want, rtol=1e-13, atol=0)
        else:
            assert not mine.any()


def test_layer_normalization_differs_from_that_of_filters_where_filters_differ(
    objective, generator
):
    drawn = directions.random(objective.layout, generator=generator)
    layer, by_filter = (
        normalize(drawn, objective.theta, objective.layout)
        for normalize in (directions.layer_normalize, directions.filter_normalize)
    )
    assert float((layer - by_filter).norm() / layer.norm()) > 0.01


def test_layer_normalization_refuses_a_direction_with_a_tensor_of_zeros(objective):
    drawn = torch.ones(objective.n, dtype=torch.float64)
    drawn[9:18] = 0  # One filter may be zero, not the whole tensor.
    directions.layer_normalize(drawn, objective.theta, objective.layout)
    drawn[:18] = 0
    with pytest.raises(ValueError, match=r"direction is zero in '0.weight'.*that tensor's norm"):
        directions.layer_normalize(drawn, objective.theta, objective.layout)
    with pytest.raises(ValueError, match=r"others='keep' is not known. Pass 'zero' or 'match'"):
        directions.layer_normalize(drawn, drawn, objective.layout, others="keep")


# Gradient and eigenvectors


def test_gradient_direction_of_a_quadratic_is_the_closed_form():
    found = directions.gradient(quadratic(1.0, 10.0), torch.tensor([-3.0, 0.4]).double())
    torch.testing.assert_close(found, torch.tensor([-0.6, 0.8]).double(), rtol=1e-7, atol=0)


def test_gradient_direction_without_theta_is_that_of_the_own_theta(objective):
    want = directions.gradient(objective, objective.theta)
    assert torch.equal(directions.gradient(objective), want)


@pytest.mark.parametrize("theta", [[0.0, 0.0], [float("nan"), 1.0]])
def test_gradient_direction_where_there_is_none_is_refused(theta):
    with pytest.raises(ValueError, match=r"gradient has the norm .*: it points nowhere"):
        directions.gradient(quadratic(1.0, 10.0), torch.tensor(theta).double())


def test_eigenvectors_are_unit_directions_along_which_the_loss_curves_by_the_value(objective):
    hessian = objective.hessian(objective.theta)
    pairs = spectrum.eigenpairs(hessian, k=2, which="both ends", vectors=True, tol=1e-9)
    found = directions.eigenvectors(pairs)
    assert found.shape == (4, objective.n) and found.is_contiguous()
    torch.testing.assert_close(found @ found.T, torch.eye(4).double(), rtol=0, atol=1e-9)
    curvatures = torch.stack([d @ (hessian @ d) for d in found])
    torch.testing.assert_close(curvatures, pairs.values, rtol=1e-9, atol=1e-12)
    turned = dataclasses.replace(pairs, vectors=-pairs.vectors)
    assert torch.equal(directions.eigenvectors(turned), found)


def test_eigenvectors_that_were_not_kept_are_asked_for(objective):
    pairs = spectrum.eigenpairs(objective.hessian(objective.theta))
    with pytest.raises(ValueError, match=r"computed without their vectors.*vectors=True"):
        directions.eigenvectors(pairs)


# Principal components


def cloud(generator, t=7, n=40):
    return torch.randn(t, n, dtype=torch.float64, generator=generator) + 3


@pytest.mark.parametrize("about", ["mean", "last"])
def test_pca_is_the_singular_value_decomposition(generator, about):
    points = cloud(generator)
    centre = points.mean(0) if about == "mean" else points[-1]
    found = directions.pca(points, None if about == "mean" else centre, k=3)
    _, singular, rows = torch.linalg.svd(points - centre, full_matrices=False)
    cosines = (found.directions @ rows[:3].T).abs()
    torch.testing.assert_close(cosines, torch.eye(3).double(), rtol=0, atol=1e-12)
    want = singular[:3] ** 2 / (singular**2).sum()
    torch.testing.assert_close(found.explained, want, rtol=1e-12, atol=0)
    torch.testing.assert_close(found.centre, centre, rtol=1e-15, atol=0)
    want = (points - centre) @ found.directions.T
    torch.testing.assert_close(found.coordinates, want, rtol=1e-12, atol=1e-12)
    largest = found.directions.gather(1, found.directions.abs().argmax(1, keepdim=True))
    assert bool((largest > 0).all())


def test_pca_directions_stay_orthonormal_where_one_spread_is_tiny(generator):
    points = cloud(generator, t=5)
    points[:, 0] += 1e6 * torch.arange(5)
    found = directions.pca(points, k=2).directions
    torch.testing.assert_close(found @ found.T, torch.eye(2).double(), rtol=0, atol=1e-14)


def test_pca_of_a_random_walk_gives_the_shares_of_antognini_and_sohl_dickstein():
    steps = torch.randn(200, 4000, dtype=torch.float64, generator=rng.stream(0, "walk"))
    found = directions.pca(steps.cumsum(0), k=3)
    # 6/π²k² in the limit of many dimensions and steps; 1% for 200 steps and chance.
    assert found.explained.tolist() == pytest.approx([0.608, 0.152, 0.068], abs=0.01)


def test_pca_refuses_points_without_that_many_directions(generator):
    points = cloud(generator)
    with pytest.raises(ValueError, match=r"4 points, of which fewer than 2 are distinct"):
        directions.pca(points[:1].expand(4, -1))
    with pytest.raises(ValueError, match=r"1 points, of which fewer than 2 are distinct"):
        directions.pca(points[:1], points[1])
    with pytest.raises(ValueError, match=r"2 points span 1 directions .* fewer than k=2"):
        directions.pca(points[:2])
    with pytest.raises(ValueError, match=r"a point holds NaN or infinity.*diverged"):
        directions.pca(points * float("nan"))
    for given in ((points[0], None, 1), (points, points[0, 1:], 1), (points, None, 0)):
        with pytest.raises(ValueError, match=r"with k=.: pass points \(t, n\)"):
            directions.pca(given[0], given[1], k=given[2])


# Planes through solutions


def test_plane_through_three_solutions_holds_them_at_their_coordinates(generator):
    thetas = cloud(generator, t=3)
    found = directions.through(*thetas)
    basis = torch.stack([found.d1, found.d2])
    torch.testing.assert_close(basis @ basis.T, torch.eye(2).double(), rtol=0, atol=1e-14)
    again = thetas[0] + found.coordinates @ basis
    torch.testing.assert_close(again, thetas, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(
        torch.cdist(found.coordinates, found.coordinates), torch.cdist(thetas, thetas)
    )
    assert not found.coordinates[0].any() and float(found.coordinates[1, 1]) == 0.0
    assert float(found.coordinates[1, 0]) > 0 and float(found.coordinates[2, 1]) > 0


def test_plane_through_solutions_on_one_line_is_refused(generator):
    start, end = cloud(generator, t=2)
    with pytest.raises(ValueError, match=r"three solutions lie on one line"):
        directions.through(start, end, start + 0.3 * (end - start))
    for given in ((start, end, start), (start, end, end), (start, start, end)):
        with pytest.raises(ValueError, match=r"both solutions are the same point"):
            directions.through(*given)
    with pytest.raises(ValueError, match=r"belong to different models"):
        directions.through(start, end, end[1:])


def test_coordinates_in_a_slanted_plane_are_those_of_least_squares(generator):
    points, (centre, d1, d2) = cloud(generator), cloud(generator, t=3)
    found = directions.coordinates(points, centre, d1, 5 * d2 + d1)
    design = torch.stack([d1, 5 * d2 + d1], dim=1)
    want = torch.linalg.lstsq(design, (points - centre).T).solution
    torch.testing.assert_close(found.values, want.T, rtol=1e-11, atol=1e-12)
    left = (points - centre).T - design @ want
    torch.testing.assert_close(found.distance, left.norm(dim=0), rtol=1e-11, atol=0)


def test_coordinates_of_points_in_the_plane_are_exact_and_not_swapped(generator):
    centre, d1, d2 = cloud(generator, t=3)
    want = torch.tensor([[0.0, 0.0], [1.0, 0.0], [-2.0, 7.0]], dtype=torch.float64)
    found = directions.coordinates(centre + want @ torch.stack([d1, d2]), centre, d1, d2)
    torch.testing.assert_close(found.values, want, rtol=1e-11, atol=1e-11)
    assert float(found.distance.max()) < 1e-11


def test_coordinates_refuse_parallel_directions_and_other_shapes(generator):
    points = cloud(generator)
    with pytest.raises(
        ValueError, match=r"direction 2 of 2 is zero, not finite or a combination of its pred"
    ):
        directions.coordinates(points, points[0], points[1], -points[1])
    for given in ((points[0], points[0]), (points, points[0, 1:])):
        with pytest.raises(ValueError, match=r"do not fit. Pass points \(t, n\) and vectors"):
            directions.coordinates(*given, points[1], points[2])
