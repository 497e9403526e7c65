"""Drawings of densities: numbers, axes, ticks on both sides, computed eigenvalues."""

import itertools

import numpy as np
import pytest
from landscape.plots.ticks import PowersOfTen, tick_texts
from matplotlib.figure import Figure

from tests import sample_results as sample

DECADE = np.log(10)  # of u = asinh(λ / scale)


def labels(axes):
    """(value, box) of the labels that a drawn horizontal axis shows."""
    axes.figure.draw_without_rendering()
    low, high = axes.get_xlim()
    ticks = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    return [(float(x), text) for x, text in ticks if low <= x <= high]


def test_a_density_is_its_curve_against_eigenvalues():
    density = sample.density()
    axes = density.plot(width=0.3, scale=0.02)
    curve = density.curve(width=0.3, scale=0.02)
    (line,) = axes.get_lines()
    np.testing.assert_array_equal(line.get_xdata(), curve.eigenvalues)
    np.testing.assert_allclose(line.get_ydata(), DECADE * curve.density)
    assert (axes.get_xscale(), axes.get_yscale()) == ("asinh", "log")
    assert axes.xaxis.get_transform().linear_width == 0.02
    assert axes.get_xlabel() == (
        "eigenvalue λ (loss per parameter²), linear within ±0.02\n"
        "each λ is a peak of width 0.13 decades"
    )
    assert axes.get_ylabel() == "share of eigenvalues per decade"
    assert density.plot(unit="1/s").get_xlabel().startswith("eigenvalue λ (1/s)")


def test_the_view_holds_the_peak_of_every_eigenvalue():
    density = sample.density()
    axes = density.plot()
    (low, high), (floor, top) = axes.get_xlim(), axes.get_ylim()
    assert low < -0.2 and high > 5
    line = axes.get_lines()[0]
    assert top > line.get_ydata().max()
    assert floor < 0.1 / (density.n * 0.2 * np.sqrt(2 * np.pi))


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1e-6, 1e-3, 0.01, 0.05, 0.3])
def test_labels_stand_on_both_sides_and_keep_apart(scale):
    shown = labels(sample.density().plot(scale=scale))
    assert any(x > 0 for x, _ in shown)
    if scale < 0.1:  # The lowest eigenvalue is -0.2.
        assert any(x < 0 for x, _ in shown)
        negative = [text.get_text() for x, text in shown if x < 0]
        assert all(text.startswith("−") for text in negative)
    boxes = [text.get_window_extent() for _, text in shown]
    assert all(one.x1 < two.x0 for one, two in itertools.pairwise(boxes))
    for x, text in shown:
        assert text.get_text() in tick_texts([x]) + tick_texts([x, 1e-6])[:1]


def test_ticks_follow_the_view():
    axes = sample.density().plot()
    before = {x for x, _ in labels(axes)}
    axes.set_xlim(-1000, 1000)
    after = {x for x, _ in labels(axes)}
    assert max(after) >= 100 and min(after) <= -100 and max(before) < 100
    assert isinstance(axes.xaxis.get_major_locator(), PowersOfTen)


def test_a_second_density_on_the_axes_is_drawn_with_their_scale_and_widens_the_view():
    axes = sample.density(largest=5.0).plot()
    scale, before = axes.xaxis.get_transform().linear_width, axes.get_xlim()
    other = sample.density(largest=50.0)
    other.plot(axes)
    assert axes.xaxis.get_transform().linear_width == scale
    curve = other.curve(width=0.2, scale=scale)
    np.testing.assert_allclose(axes.get_lines()[1].get_ydata(), DECADE * curve.density)
    assert axes.get_xlim()[1] > 50 > before[1] and axes.get_xlim()[0] <= before[0]


def test_axes_with_data_on_them_keep_their_scales():
    axes = Figure().subplots()
    axes.plot([0, 1], [0, 1])
    sample.density().plot(axes)
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "linear")


def test_a_spectrum_marks_converged_eigenvalues_by_ticks_and_others_by_circles():
    full = sample.full()
    axes = full.plot()
    marks = {line.get_marker(): line for line in axes.get_lines() if line.get_marker() != "None"}
    converged = full.pairs.converged
    np.testing.assert_array_equal(marks["|"].get_xdata(), full.pairs.values[converged])
    np.testing.assert_array_equal(marks["o"].get_xdata(), full.pairs.values[~converged])
    assert bool(converged.any()) and not bool(converged.all())
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["computed eigenvalue", "not converged"]
    density = axes.get_lines()[0]
    curve = full.density.curve(width=0.2, scale=10 * full.density.scale)
    np.testing.assert_allclose(density.get_ydata(), DECADE * curve.density)


def test_a_scale_out_of_range_is_an_error():
    with pytest.raises(ValueError, match=r"width=0.2, scale=-1.*scale > 0"):
        sample.density().plot(scale=-1)
