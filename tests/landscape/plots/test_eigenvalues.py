"""Drawings of eigenpairs: values in order, residuals as bars, open where not converged."""

import dataclasses

import numpy as np
import pytest
import torch
from landscape.plots import eigenvalues

from tests import sample_results as sample


def points(axes):
    """(x, y, open) of each drawn eigenvalue."""
    lines = [line for line in axes.get_lines() if line.get_marker() in ("o", "s")]
    return sorted(
        (float(x), float(y), line.get_markerfacecolor() == "none")
        for line in lines
        for x, y in zip(*line.get_data(), strict=True)
    )


def test_eigenvalues_stand_in_order_and_are_open_where_they_did_not_converge():
    pairs = sample.eigenpairs()
    found = points(pairs.plot())
    assert [x for x, _, _ in found] == [1, 2, 3, 4, 5, 6]
    assert [y for _, y, _ in found] == pairs.values.tolist()
    assert [is_open for _, _, is_open in found] == (~pairs.converged).tolist()
    assert len({is_open for _, _, is_open in found}) == 2


def test_bars_are_the_residuals():
    pairs = dataclasses.replace(sample.eigenpairs(), residuals=torch.linspace(0.1, 0.6, 6))
    axes = pairs.plot()
    (bars,) = [c for c in axes.collections if len(c.get_segments()) == 6]
    for segment, value, residual in zip(
        bars.get_segments(), pairs.values, pairs.residuals, strict=True
    ):
        np.testing.assert_allclose(segment[:, 1], [value - residual, value + residual], rtol=1e-6)


@pytest.mark.parametrize(
    ("which", "name"),
    [
        ("largest", "number, from the largest eigenvalue"),
        ("smallest", "number among the 3 smallest eigenvalues"),
        ("both ends", "number among the 3 largest and 3 smallest eigenvalues"),
    ],
)
def test_the_axis_says_which_eigenvalues_are_counted(which, name):
    axes = sample.eigenpairs(which=which, max_products=40).plot(unit="1/s")
    assert axes.get_xlabel() == name and axes.get_ylabel() == "eigenvalue λ (1/s)"
    assert all(float(tick).is_integer() for tick in axes.get_xticks())


def test_the_axis_is_logarithmic_or_shows_zero():
    pairs = sample.eigenpairs(which="largest", max_products=40)
    assert pairs.plot().get_yscale() == "linear"
    wide = dataclasses.replace(pairs, values=torch.tensor([100.0, 10.0, 1.0]))
    assert wide.plot().get_yscale() == "log"
    zero = [x for x in sample.eigenpairs().plot().get_lines() if list(x.get_ydata()) == [0, 0]]
    assert len(zero) == 1


def test_all_unconverged_are_all_open_and_the_label_stays():
    pairs = sample.eigenpairs()
    pairs = dataclasses.replace(pairs, converged=torch.zeros(6, dtype=torch.bool))
    axes = eigenvalues.draw_eigenpairs(pairs, label="SGD")
    assert all(is_open for _, _, is_open in points(axes))
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["SGD", "not converged"]
