"""Shapes of training paths in the record: shares, null models, and the loss along the path."""

import pytest
import torch
from landscape.dynamics.path_components import path_components
from landscape.dynamics.path_nulls import shuffled_shares
from landscape.dynamics.recorded_training import train_trajectory
from landscape.objective import Objective
from landscape.slices.line import line
from studies.records.path_shapes import path_shapes

from tests.sample_networks import digits
from tests.sample_solutions import again, trained

pytestmark = pytest.mark.slow

SOURCES = ["the run", "random walk", "correlated walk", "shuffled steps", "straight line"]


def shapes_of(study, **changes):
    runs = trained(study, rates=(0.05, 1e30), seeds=(0, 1), epochs=3)
    examples = next(iter(runs.values())).task.first(24)
    sizes = {"even": 7, "draws": 5, "points": 7}
    return runs, path_shapes(study, runs, examples, **{**sizes, **changes})


def test_shares_are_those_of_the_path_and_of_its_null_models(study):
    runs, shapes = shapes_of(study)
    run = runs["rate 0.05", 1]
    # Six steps: each is a snapshot, kept in half precision.
    path = train_trajectory(run.config, digits(), steps=range(7), dtype="float16")
    for centre in ("mean", "end"):
        explained = path_components(path, k=1, centre=centre).explained
        rows = shapes.where(quantity="path_share", centre=centre, seed=1).frame
        rows = rows.set_index(["source", "components"])["value"]
        assert sorted(set(rows.index.get_level_values(0))) == sorted(SOURCES)
        assert rows["the run", 1] == pytest.approx(float(explained[0]), rel=1e-6)
        assert rows["the run", 2] == pytest.approx(float(explained[:2].sum()), rel=1e-6)
        null = shuffled_shares(path.gram(), draws=5, seed=1, centre=centre)
        assert rows["shuffled steps", 2] == pytest.approx(null.quantile(2, 0.5), rel=1e-6)
        high = shapes.where(
            quantity="path_share_high", centre=centre, seed=1, source="shuffled steps"
        )
        assert high.frame["value"].tolist()[1] == pytest.approx(null.quantile(2, 0.975), rel=1e-6)


def test_the_table_of_components_has_all_shares_of_each_source(study):
    shapes_of(study)
    rows = [row for row in study.record.rows("path_components") if row["seed"] == 0]
    of_run = [
        row["share"] for row in rows if row["source"] == "the run" and row["centre"] == "mean"
    ]
    assert len(of_run) == 7 and sum(of_run) == pytest.approx(1) and of_run[0] > of_run[1]
    assert {row["source"] for row in rows} == set(SOURCES)


def test_losses_along_the_first_component_pass_through_the_last_iterate(study):
    runs, shapes = shapes_of(study)
    run = runs["rate 0.05", 0]
    L = Objective(run.model(), run.task.first(24).tensors)
    rows = [row for row in study.record.rows("path_lines") if row["seed"] == 0]
    assert {row["window"] for row in rows} == {"path", "last epoch"} and len(rows) == 14
    whole = [row for row in rows if row["window"] == "path"]
    late = [row for row in rows if row["window"] == "last epoch"]
    spans = [
        max(r["alpha"] for r in part) - min(r["alpha"] for r in part) for part in (whole, late)
    ]
    assert spans[1] < spans[0]
    path = train_trajectory(run.config, digits(), steps=range(7), dtype="float16")
    components = path_components(path, k=1)
    alphas = torch.tensor([row["alpha"] for row in whole], dtype=torch.float64)
    # The path leads to the end at 0 from the left, whatever sign the component has.
    places = components.coordinates[:, 0] - components.coordinates[-1, 0]
    sign = -1 if float(places[0]) > 0 else 1
    assert float(alphas.min()) == pytest.approx(-abs(float(places[0])), rel=1e-3)
    want = line(L, path.point(6), sign * components.directions[0], alphas=alphas).loss
    assert [row["loss"] for row in whole] == pytest.approx(want.tolist(), rel=1e-6)
    ranges = shapes.where(quantity="line_range", seed=0, window="path").frame["value"]
    assert ranges.tolist() == pytest.approx([float(want.max() - want.min())], rel=1e-6)
    residuals = shapes.where(quantity="parabola_residual", seed=0, window="path").frame
    assert residuals["degree"].tolist() == [2, 4]
    assert residuals["value"].tolist()[1] <= residuals["value"].tolist()[0]
    assert set(residuals["examples"]) == {24}
    window = shapes.where(quantity="parabola_window", seed=0).frame
    assert window["cost_unit"].tolist() == ["losses"]


def test_a_diverged_run_has_no_shape_and_the_record_gives_the_same_again(study, tmp_path):
    _, shapes = shapes_of(study)
    assert {row["arm"] for row in shapes.rows} == {"rate 0.05"} and shapes.missing == []
    reader = again(study, tmp_path)
    _, same = shapes_of(reader)
    assert same.rows == shapes.rows
    _, other = shapes_of(reader, draws=6)
    assert other.missing == ["shapes of paths of 2 of 2 networks"]
