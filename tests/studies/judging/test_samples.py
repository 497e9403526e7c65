"""Samples with flags, and the cases that are left."""

import pytest
from studies.judging.samples import Samples, cases


def test_flags_are_true_where_none_are_given():
    samples = Samples([1, 2])
    assert samples.values == (1.0, 2.0)
    assert samples.converged == samples.learned == (True, True)


@pytest.mark.parametrize("name", ["converged", "learned"])
def test_flags_that_do_not_fit_are_refused(name):
    with pytest.raises(ValueError, match=f"1 flags `{name}` do not fit 2 values"):
        Samples((1.0, 2.0), **{name: (True,)})


def test_a_case_is_left_out_where_either_network_did_not_learn():
    first = Samples((1, 2, 3, 4), learned=(True, False, True, True))
    second = Samples((5, 6, 7, 8), learned=(True, True, False, True), converged=(1, 0, 0, 0))
    kept = cases(first, second, leave_out_unlearned=True)
    assert [column.tolist() for column in kept.columns] == [[1, 4], [5, 8]]
    assert (kept.kept.tolist(), kept.left_out, kept.unconverged) == ([0, 3], 2, 1)
    whole = cases(first, second, leave_out_unlearned=False)
    assert (len(whole.kept), whole.left_out, whole.unconverged) == (4, 0, 3)


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="2 and 3 values are no pairs"):
        cases([1, 2], [1, 2, 3], leave_out_unlearned=True)
