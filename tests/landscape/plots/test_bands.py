"""Bands over seeds: Student's interval, gaps, one curve."""

import math

import numpy as np
import pytest
import scipy.stats
from landscape.plots.bands import band_over_seeds

X = np.array([0.0, 1.0, 2.0])


def test_the_interval_is_students():
    rows = np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 5.0], [4.0, 2.0, 1.0]])
    band = band_over_seeds(X, rows)
    np.testing.assert_allclose(band.mean, rows.mean(0))
    for k in (0, 2):
        want = scipy.stats.ttest_1samp(rows[:, k], 0.0).confidence_interval(0.95)
        assert (band.low[k], band.high[k]) == pytest.approx(tuple(want))
    assert band.low[1] == band.high[1] == 2.0  # Three equal values leave no doubt.
    assert band.n == 3 and band.samples.tolist() == rows.tolist()


def test_on_a_logarithmic_axis_the_mean_is_geometric_and_the_interval_positive():
    band = band_over_seeds(X, [np.array([1.0, 1.0, 1.0]), np.array([4.0, 100.0, 1.0])], log=True)
    np.testing.assert_allclose(band.mean, [2.0, 10.0, 1.0])
    assert (band.low > 0).all()
    np.testing.assert_allclose(band.low * band.high, band.mean**2)


def test_a_value_without_a_place_leaves_a_gap():
    rows = [np.array([1.0, math.inf, 0.0]), np.array([2.0, 1.0, 1.0])]
    assert np.isnan(band_over_seeds(X, rows).mean).tolist() == [False, True, False]
    for part in ("mean", "low", "high"):
        values = getattr(band_over_seeds(X, rows, log=True), part)
        assert np.isnan(values).tolist() == [False, True, True]


def test_one_curve_is_its_own_mean_without_interval():
    band = band_over_seeds(X, [X + 1])
    assert band.mean.tolist() == [1, 2, 3] and band.n == 1
    assert np.isnan(band.low).all() and np.isnan(band.high).all()


def test_curves_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"curve of \(2,\) values does not fit \(3,\) positions"):
        band_over_seeds(X, [X, X[:2]])
