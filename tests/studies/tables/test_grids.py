"""Tables whose cells name a quantity and an arm, and the words on which arms learn."""

import math

import pytest
from studies.display import Missing
from studies.formatting import mean_text
from studies.tables import grids
from studies.tables.layout import MARK_TEXT

from tests.sample_study import recorded_run, runs_of

WORDS = {"corner": "network", "label": "tab-test", "caption": "What to see."}


def run(accuracy, *, diverged_at=None):
    return recorded_run(
        {"test_accuracy": [0.1, accuracy], "train_loss": [2.3, 1.0]}, diverged_at=diverged_at
    )


@pytest.fixture
def recorded(numbers):
    for seed, value in enumerate((0.5, 0.7)):
        numbers.add("test_accuracy", value, arm="a", seed=seed, unit="share correct")
        numbers.add("lambda_max", 10 + seed, arm="a", seed=seed)
        numbers.add("test_accuracy", 0.1, arm="b", seed=seed, converged=seed == 0)
        numbers.add("lambda_max", 7.0 + seed, arm="b", seed=seed, converged=False)
    return numbers


def test_cells_are_means_in_per_cent_and_empty_columns_are_left_out(recorded):
    columns = {"test accuracy (%)": "test_accuracy", "λ_max": "lambda_max", "trace": "trace"}
    table = grids.grid(recorded, grids.by_arm(columns, {"first": "a"}), **WORDS)
    assert table.columns == ["network", "test accuracy (%)", "λ_max"]
    assert table.rows == [["first", mean_text([50.0, 70.0]), mean_text([10, 11])]]
    assert table.caption == "What to see."


def test_a_cell_says_that_all_runs_diverged_or_bears_a_mark(recorded):
    runs = runs_of({("b", 0): run(0.1), ("b", 1): run(0.1, diverged_at=3)})
    rows = grids.by_arm({"accuracy": "test_accuracy", "λ_max": "lambda_max"}, ["b"])
    table = grids.grid(recorded, rows, runs=runs, **WORDS)
    (row,) = table.rows
    assert table.caption == "What to see. ‡ Some runs behind this number diverged."
    assert row[1] == f"{mean_text([10.0, 10.0])} ‡"
    both = runs_of({("b", seed): run(0.1, diverged_at=3) for seed in (0, 1)})
    (row,) = grids.grid(recorded, rows, runs=both, **WORDS).rows
    assert row[1:] == ["diverged"] * 2
    table = grids.grid(recorded, rows, **WORDS)
    assert table.rows[0][2] == f"{mean_text([7.0, 8.0])} †"
    assert table.caption == f"What to see.{MARK_TEXT}"


def test_a_number_that_is_not_finite_is_a_dash_without_a_mark(numbers):
    for seed, value in enumerate((1.0, math.nan)):
        numbers.add("lambda_max", value, arm="a", seed=seed)
    table = grids.grid(numbers, {"a": {"λ_max": ("lambda_max", "a")}}, **WORDS)
    assert table.rows == [["a", "– (1 of 2 finite)"]] and table.caption == "What to see."
    numbers.add("trace", math.nan, arm="a", seed=0)
    assert grids.grid(numbers, {"a": {"trace": ("trace", "a")}}, **WORDS).rows == [["a", "–"]]


def test_one_cell_is_bold_and_must_be_there(recorded):
    rows = {"a": {"λ_max": ("lambda_max", "a"), "theory": "1"}}
    table = grids.grid(recorded, rows, emphasise=("a", "theory"), **WORDS)
    assert table.rows[0][2] == "**1**"
    with pytest.raises(ValueError, match=r"no cell \('b', 'theory'\) to emphasise. Its rows are a"):
        grids.grid(recorded, rows, emphasise=("b", "theory"), **WORDS)


def test_a_grid_without_any_cell_is_missing(recorded):
    assert isinstance(grids.grid(recorded, {"a": {"t": ("trace", "a")}}, **WORDS), Missing)


def test_outcomes_group_the_arms_that_do_the_same_in_every_seed():
    runs = {("a", s): run(0.9) for s in (0, 1)} | {("b", s): run(0.9) for s in (0, 1)}
    runs |= {("c", s): run(0.1, diverged_at=2) for s in (0, 1)}
    runs |= {("d", s): run(0.1) for s in (0, 1)}
    assert grids.outcomes(runs_of(runs)) == (
        "a and b learn in every seed; c diverges in every seed; d never learns"
    )


def test_outcomes_count_the_seeds_of_an_arm_whose_seeds_differ():
    mixed = {("e", 0): run(0.9), ("e", 1): run(0.1, diverged_at=2), ("e", 2): run(0.1)}
    mixed |= {("f", 0): run(0.1, diverged_at=2), ("f", 1): run(0.1)}
    mixed |= {("g", 0): run(0.9), ("g", 1): run(0.1)}
    assert grids.outcomes(runs_of(mixed)) == (
        "e learns in 1 and diverges in 1 of 3 seeds; f diverges in 1 of 2 seeds and never learns; "
        "g learns in 1 of 2 seeds"
    )
