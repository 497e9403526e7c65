"""Persistent minima of slices whose basins are known."""

import numpy as np
import pytest
from landscape.slices.persistence import persistent_minima

ALPHAS = np.linspace(-2, 2, 41)
# (α² − 1)² has minima 0 at ±1 and a barrier of 1 at 0.
DOUBLE_WELL = (ALPHAS**2 - 1) ** 2


def test_a_parabola_has_one_minimum_at_any_height():
    plane = ALPHAS[:, None] ** 2 + 3 * ALPHAS[None, :] ** 2
    assert persistent_minima(ALPHAS**2, height=0.0) == 1
    assert persistent_minima(plane, height=0.0) == 1


def test_a_minimum_of_a_double_well_persists_up_to_the_barrier():
    assert persistent_minima(DOUBLE_WELL, height=0.99) == 2
    # It persists over exactly 1 nat, which is not more than 1.
    assert persistent_minima(DOUBLE_WELL, height=1.0) == 1


def test_the_barrier_counts_from_the_higher_minimum():
    # Tilted: minima at −1 and near +1; the pass at 0 is 1 above the one, 0.5 above the other.
    tilted = np.interp(ALPHAS, [-2, -1, 0, 1, 2], [2, 0, 1, 0.5, 3])
    assert persistent_minima(tilted, height=0.49) == 2
    assert persistent_minima(tilted, height=0.51) == 1


def test_four_wells_of_a_plane_are_counted():
    plane = DOUBLE_WELL[:, None] + DOUBLE_WELL[None, :]
    assert persistent_minima(plane, height=0.5) == 4
    assert persistent_minima(plane, height=1.5) == 1


def test_a_diagonal_valley_is_one_basin():
    valley = np.where(np.eye(7, dtype=bool), 0.0, 1.0)
    assert persistent_minima(valley, height=0.0) == 1


def test_the_count_does_not_change_with_orientation_or_offset():
    plane = np.random.default_rng(0).normal(size=(9, 6))
    count = persistent_minima(plane, height=0.3)
    assert count > 1
    same = [plane.T, plane[::-1], plane[:, ::-1], plane + 5.0]
    assert {persistent_minima(each, height=0.3) for each in same} == {count}
    assert persistent_minima(2 * plane, height=0.6) == count


def test_a_flat_slice_and_an_infinite_rim_have_one_minimum():
    rim = np.full((5, 5), np.inf)
    rim[2, 2] = 0.0
    assert persistent_minima(np.zeros((4, 4)), height=0.0) == 1
    assert persistent_minima(rim, height=0.0) == 1


@pytest.mark.parametrize(
    ("loss", "height"),
    [([], 0.1), (np.zeros((2, 2, 2)), 0.1), ([0.0, np.nan], 0.1), ([0.0, 1.0], -0.1)],
)
def test_grids_without_a_count_are_refused(loss, height):
    with pytest.raises(ValueError, match="give no count"):
        persistent_minima(loss, height=height)
