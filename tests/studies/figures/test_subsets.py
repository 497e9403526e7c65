"""What a caption says of curves that were measured on a part of the examples."""

import dataclasses
import math

import torch
from landscape.training import CurveSubset
from studies.figures import accuracy, ready
from studies.figures.subsets import subset_remark

from tests.sample_study import recorded_run, runs_of

NAMES = ("train_loss", "test_loss", "test_accuracy")
SUBSETS = {
    "train": CurveSubset(2000, 5000, "a1b2c3d4" * 8),
    "test": CurveSubset(2000, 10000, "0f1e2d3c" * 8),
}


def full():
    curves = {"train_loss": [2.3, 1.0, 0.5], "test_loss": [2.3, 1.2, 0.8]}
    curves |= {"train_accuracy": [0.1, 0.6, 0.8], "test_accuracy": [0.1, 0.5, 0.7]}
    return recorded_run({**curves, "gradient_norm": [1.0, 1.0, 1.0]})


def part(**errors):
    given = {"train_loss": 0.021, "test_loss": 0.034, "test_accuracy": 0.0111} | errors
    rows = {name: torch.tensor([0.0, error, 0.0]).double() for name, error in given.items()}
    return dataclasses.replace(full(), errors=rows, subsets=SUBSETS)


def test_it_names_the_parts_and_the_largest_error_of_each_quantity():
    runs = [part(), part(train_loss=0.04, test_accuracy=0.005)]
    assert subset_remark(runs, NAMES) == (
        "Between first and last measurement, curves come from 2,000 of 5,000 training examples "
        "(hash a1b2c3d4) and 2,000 of 10,000 test examples (hash 0f1e2d3c); their standard errors "
        "are at most 0.04 nats (training loss), 0.034 nats (test loss) and 1.11 points "
        "(test accuracy)."
    )


def test_only_what_is_drawn_is_named():
    remark = subset_remark([part()], ["test_accuracy"])
    assert "training" not in remark and "2,000 of 10,000 test" in remark and "nats" not in remark


def test_runs_in_full_are_counted_and_say_nothing_alone():
    assert subset_remark([full()], NAMES) == "" == subset_remark([], NAMES)
    assert "curves of 1 of 3 runs come from" in subset_remark([full(), part(), full()], NAMES)


def test_an_error_that_is_not_known_is_left_out():
    lost = part(train_loss=math.nan, test_loss=math.inf)
    remark = subset_remark([dataclasses.replace(lost)], ["test_loss"])
    assert remark.endswith("at most 0 nats (test loss).")
    none = dataclasses.replace(lost, errors={"test_loss": torch.full((3,), math.nan)})
    assert subset_remark([none], ["test_loss"]).endswith("test examples (hash 0f1e2d3c).")


def test_both_figures_of_curves_say_it_where_it_is_so():
    words = {"label": "fig-training", "caption": "See."}
    in_full, of_part = (runs_of({("a", seed): run() for seed in (0, 1)}) for run in (full, part))
    for draw in (ready.training, lambda runs, **w: accuracy.learning({"n": runs}, **w)):
        assert draw(in_full, **words).caption == "See."
        assert draw(of_part, **words).caption.startswith("See. Between first and last")
