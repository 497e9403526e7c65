"""Drawings of training runs: histories over epochs and steps, and runs that diverged."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from landscape.plots.history import draw_run
from landscape.training import CurveSubset

from tests import sample_results as sample


def test_a_history_is_drawn_over_epochs():
    run = sample.run()
    axes = run.plot()
    (line,) = axes.get_lines()
    np.testing.assert_array_equal(line.get_xdata(), run.measured_at)
    np.testing.assert_array_equal(line.get_ydata(), run.history["train_loss"])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "mean training loss")
    assert axes.get_yscale() == "log"
    assert all(float(tick).is_integer() for tick in axes.get_xticks())


def test_accuracies_have_a_linear_axis():
    axes = draw_run(sample.run(), quantity="test_accuracy")
    assert axes.get_yscale() == "linear"
    assert axes.get_ylabel() == "test accuracy (share correct)"


@pytest.mark.parametrize("quantity", ["step_loss", "step_gradient_norm"])
def test_steps_are_drawn_over_steps(quantity):
    run = sample.run()
    axes = run.plot(quantity=quantity)
    assert axes.get_lines()[0].get_xdata().tolist() == list(range(16))
    np.testing.assert_array_equal(axes.get_lines()[0].get_ydata(), run.step_loss)
    assert axes.get_xlabel() == "step" and "before the step" in axes.get_ylabel()


def test_a_run_that_diverged_ends_before_its_last_measurement_and_shows_what_is_missing():
    axes = sample.run(diverged_at=7).plot()
    line = axes.get_lines()[0]
    assert np.isfinite(line.get_ydata()).tolist() == [True, True, False, False, False]
    (cross,) = [line for line in axes.get_lines() if line.get_marker() == "x"]
    assert cross.get_xdata().tolist() == [2, 3, 4]


def test_gradient_norms_begin_after_the_initialisation():
    run = sample.run()
    run.history["gradient_norm"] = torch.tensor([math.nan, 4.0, 3.0, 2.0, 1.0])
    axes = run.plot(quantity="gradient_norm")
    (line,) = axes.get_lines()
    assert line.get_xdata().tolist() == [1, 2, 3, 4] and line.get_ydata().tolist() == [4, 3, 2, 1]


def test_an_unknown_quantity_is_an_error_that_lists_what_there_is():
    with pytest.raises(ValueError, match=r"'loss' is in no run's history.*'train_loss'.*step_loss"):
        sample.run().plot(quantity="loss")


def test_values_of_a_part_of_the_examples_lie_in_a_band_of_two_errors():
    run = sample.run()
    count = len(run.history["test_loss"])
    errors = torch.linspace(0, 0.1, count, dtype=torch.float64)
    subset = CurveSubset(2000, 50000, "0" * 64)
    part = dataclasses.replace(
        run, history_errors={"test_loss": errors}, curve_subsets={"test": subset}
    )
    axes = part.plot(quantity="test_loss")
    (band,) = axes.collections
    heights = band.get_paths()[0].vertices[:, 1]
    values = run.history["test_loss"]
    assert heights.max() == pytest.approx(float((values + 2 * errors).max()))
    assert heights.min() == pytest.approx(float((values - 2 * errors).min()))
    assert axes.get_ylabel() == "mean test loss\non 2,000 of 50,000 examples between the ends"
    assert not part.plot(quantity="train_loss").collections
    assert not run.plot(quantity="test_loss").collections
