"""Numbers that recorded lines and planes decide: known answers, borders, diverged runs."""

import dataclasses
import math

import pytest
import torch
from landscape import slices
from studies.records import shapes as records

from tests.sample_measurements import MEASURED
from tests.sample_solutions import again, slices_of, trained

GRID = torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0], dtype=torch.float64)


def lines_of(*curvatures):
    losses = torch.stack([2 + c * GRID**2 + 0.1 * GRID for c in curvatures])
    return slices.Lines(GRID, losses, losses, 0, **MEASURED)


def bowl():
    loss = 1 + GRID[:, None] ** 2 + 2 * GRID[None, :] ** 2
    return slices.Plane(GRID, GRID, loss, loss, 0.0, **MEASURED)


def with_loss(plane, index, value):
    loss = plane.loss.clone()
    loss[index] = value
    return dataclasses.replace(plane, loss=loss)


def test_rises_are_losses_on_both_sides_less_that_of_the_solution(study):
    lines = slices_of({("a", 0): lines_of(1, 3), ("a", 1): lines_of(4)})
    rises = records.rises(study, lines, [0.4, 1.0])
    # The closest of −1, −0.5, 0, 0.5, 1; what is odd cancels.
    assert rises.where(distance=0.5).values("line_rise", "a") == pytest.approx([0.5, 1.0])
    assert rises.where(distance=1).values("line_rise", "a") == pytest.approx([2.0, 4.0])
    assert rises.unit("line_rise") == "nats"


def test_shapes_are_range_and_roughness_of_each_plane(study):
    plane = with_loss(bowl(), (1, 1), 3.5)
    shapes = records.shapes(study, slices_of({("bowl", 0): bowl(), ("bumpy", 0): plane}))
    assert shapes.values("loss_range", "bowl") == [3.0]
    assert shapes.values("roughness", "bowl") == [0.0]
    want = slices.roughness(plane).value
    assert want > 0 and shapes.values("roughness", "bumpy") == [pytest.approx(want, rel=1e-9)]


def test_a_plane_with_an_infinite_loss_has_an_infinite_range(study):
    shapes = records.shapes(study, slices_of({("a", 0): with_loss(bowl(), (0, 1), math.inf)}))
    assert shapes.values("loss_range", "a") == [math.inf] and not shapes.converged("loss_range")
    notes = shapes.where(quantity="roughness").frame["note"].tolist()
    assert notes == ["1 losses are not finite"]


def test_runs_that_diverged_are_rows_without_a_value(study):
    gone = "the run diverged"
    lines = slices_of({("a", 0): lines_of(1), ("a", 1): gone})
    planes = slices_of({("a", 0): bowl(), ("a", 1): gone})
    for numbers, name in (
        (records.rises(study, lines, [0.5, 1.0]).where(distance=0.5), "line_rise"),
        (records.shapes(study, planes), "roughness"),
        (records.quadratic_radii(study, planes.where(seed=1)), "quadratic_radius"),
    ):
        assert math.isnan(numbers.values(name, "a")[-1])
        row = numbers.where(quantity=name, seed=1).frame.iloc[0]
        assert (row["note"], bool(row["converged"])) == (gone, False)


def test_any_profile_computes_what_recorded_slices_decide(study, tmp_path):
    runs = trained(study)
    examples = runs["rate 0.05", 0].task.first(13)
    study.random_planes(runs.solutions(examples), points=5)
    study.lines(runs.solutions(examples), points=5, count=2)
    reader = again(study, tmp_path)
    known = trained(reader).solutions(examples)
    planes, lines = reader.random_planes(known, points=5), reader.lines(known, points=5, count=2)
    numbers = [
        records.shapes(reader, planes),
        records.rises(reader, lines, [1.0]),
        records.quadratic_radii(reader, planes),
    ]
    assert [len(part) for part in numbers] == [2, 1, 1] and reader.missing == {}
    entries = len(reader.record)
    assert (
        records.shapes(reader, planes).frame.equals(numbers[0].frame)
        and len(reader.record) == entries
    )
    later = again(reader, tmp_path)
    assert len(later.record) == entries  # Written, though nothing but the record was there.


def test_a_radius_of_a_plane_without_a_model_is_missing(study):
    study.store = None
    radii = records.quadratic_radii(study, slices_of({("a", 0): bowl()}))
    assert len(radii) == 0 and radii.missing == ["quadratic_radius of 1 of 1 networks"]
    assert [row["arm"] for row in study.missing["quadratic radii"]] == ["a"]


def test_numbers_of_another_plane_are_not_taken_for_those_of_this_one(study):
    assert records.shapes(study, slices_of({("a", 0): bowl()})).values("loss_range", "a") == [3.0]
    higher = with_loss(bowl(), (0, 0), 11.0)
    assert records.shapes(study, slices_of({("a", 0): higher})).values("loss_range", "a") == [10.0]


# Radii of quadratic models


def radius_row(study, *, points, reach):
    runs = trained(study)
    examples = runs["rate 0.05", 0].task.first(13)
    planes = study.top_planes(runs.solutions(examples), points=points, reach=reach)
    return planes.models["rate 0.05", 0], records.quadratic_radii(study, planes).frame.iloc[0]


def test_a_radius_is_recorded_also_where_the_grid_ends_before_it(study):
    model, row = radius_row(study, points=5, reach=1e-4)
    assert math.isinf(model.radius) and row["value"] == pytest.approx(1e-4)
    assert row["note"] == "or more: the grid ends here" and not row["converged"]
    assert row["error"] == math.inf


def test_a_radius_has_an_error_that_reaches_to_the_next_points(study):
    model, row = radius_row(study, points=9, reach=0.2)
    assert 0 < model.radius < 0.2 and row["converged"] and "parted at" in row["note"]
    assert row["error"] == pytest.approx(model.disagrees_at - model.radius) and row["error"] > 0
    columns = (row["quantity"], row["unit"], row["cost"], row["directions"])
    assert columns == ("quadratic_radius", "parameters", 2, "top")


def test_a_radius_below_the_first_points_of_the_grid_is_not_known(study):
    model, row = radius_row(study, points=3, reach=40.0)
    assert model.radius == 0 and not row["converged"]
    assert row["note"] == "below 40, the first points of the grid"
    assert (row["value"], row["error"]) == (0.0, 40.0)
