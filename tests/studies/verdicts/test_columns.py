"""Columns of numbers by case: combined, aligned, stacked, and known by rank."""

import math

import numpy as np
import pytest
from studies.verdicts.columns import (
    Column,
    NotMeasuredError,
    aligned,
    combined,
    exact,
    known_by_rank,
    stacked,
)


def column(values, *, keys=None, errors=None, converged=None, learned=None):
    count = len(values)
    return Column(
        tuple(keys or range(count)),
        np.array(values, dtype=float),
        np.array(errors or [0.0] * count),
        np.array(converged or [True] * count),
        np.array(learned or [True] * count),
    )


def test_columns_are_combined_by_their_common_cases():
    total = combined(np.add, [column([1, 2, 3], keys=[0, 1, 2]), column([10, 20], keys=[2, 1])])
    assert total.keys == (1, 2) and total.values.tolist() == [22, 13]
    assert np.isnan(total.errors).all()


def test_a_number_of_several_converged_and_learned_if_all_did():
    both = combined(
        np.multiply,
        [column([1, 2], converged=[True, False]), column([1, 2], learned=[False, True])],
    )
    assert both.converged.tolist() == [True, False] and both.learned.tolist() == [False, True]
    assert both.samples.converged == (True, False) and both.samples.learned == (False, True)


def test_columns_without_a_common_case_are_not_measured():
    with pytest.raises(NotMeasuredError, match="no case in common: 0, 1 and 2"):
        aligned([column([1, 2]), column([3], keys=[2])])


def test_stacked_columns_keep_their_labels():
    both = stacked([exact([0, 1], [5, 6]), exact([0], [7])], ["a", "b"])
    assert both.keys == (("a", 0), ("a", 1), ("b", 0)) and both.values.tolist() == [5, 6, 7]


def test_an_open_number_is_known_by_rank_where_its_error_meets_no_other():
    open_one = {"converged": [False, True, True]}
    apart = known_by_rank(column([100, 1, 2], errors=[10, 0.1, 0.1], **open_one))
    assert apart.converged.all()
    near = known_by_rank(column([100, 1, 95], errors=[10, 0.1, 0.1], **open_one))
    assert near.converged.tolist() == [False, True, True]
    unknown = known_by_rank(column([100, 1, 2], errors=[math.nan, 0.1, 0.1], **open_one))
    assert unknown.converged.tolist() == [False, True, True]


def test_two_open_numbers_that_overlap_stay_open():
    pair = known_by_rank(column([5, 6, 1], errors=[1, 1, 0], converged=[False, False, True]))
    assert pair.converged.tolist() == [False, False, True]
