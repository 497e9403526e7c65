"""How a border sorts networks: counts, intervals, arms as cases, words, and what is refused."""

import math

import pytest
from studies.measurements import Measurements
from studies.sorting import Sorting, by_arm, quotients, sort

PERFECT = Sorting(above=7, failed=7, below=13, learned=13)


def test_networks_are_counted_on_their_side_of_the_border():
    values = {"a": [0.5, 1.0, 1.5], "b": [3.0, 0.9, math.inf]}
    learned = {"a": [True, True, False], "b": [True, False, False]}
    assert sort(values, learned) == Sorting(above=3, failed=2, below=3, learned=2)


def test_a_perfect_border_sorts_and_its_p_is_that_of_one_order_among_all():
    assert PERFECT.sorts
    assert PERFECT.p == pytest.approx(1 / math.comb(20, 7))
    # All of n: the exact interval begins where 0.025 is the probability of n of n.
    assert PERFECT.shares[0].low == pytest.approx(0.025 ** (1 / 7))
    assert PERFECT.shares[1].high == 1.0


@pytest.mark.parametrize(
    "sorting",
    [Sorting(7, 6, 13, 13), Sorting(7, 7, 13, 8), Sorting(0, 0, 13, 13), Sorting(7, 7, 0, 0)],
    ids=["six of seven fail", "eight of thirteen learn", "none above", "none below"],
)
def test_a_border_sorts_only_if_both_intervals_exclude_one_half(sorting):
    assert not sorting.sorts


def test_a_border_that_tells_nothing_has_a_large_p():
    assert Sorting(above=10, failed=5, below=10, learned=5).p > 0.5


def test_arms_count_once_by_what_most_of_their_networks_do():
    values = {"a": [0.5, 0.8, 1.5], "b": [3.0, 2.0, 0.1]}
    learned = {"a": [True, True, False], "b": [False, False, True]}
    assert by_arm(values, learned) == Sorting(above=1, failed=1, below=1, learned=1)


def test_an_arm_of_two_halves_does_not_count_as_above_or_learned():
    assert by_arm({"a": [0.5, 2.0]}, {"a": [True, False]}) == Sorting(0, 0, 1, 0)


def test_words_count_both_sides():
    assert PERFECT.words("networks", "2/η").startswith(
        "7 networks start above 2/η; 7 of these fail (1.00 [0.59, 1.00])"
        ", and 13 networks start below it; 13 of these learn"
    )
    assert "Fisher's exact test: p = " in PERFECT.words("networks", "2/η")


def test_words_take_other_verbs():
    words = PERFECT.words("networks", "2/η", ("end worse", "hold"))
    assert "7 of these end worse (" in words and "13 of these hold (" in words


def test_words_say_where_a_side_has_no_case():
    words = Sorting(0, 0, 4, 4).words("arms", "2/η")
    assert words.startswith("No arms start above 2/η, and 4 arms start below it")
    assert "Fisher" not in words


def test_a_quotient_without_a_side_is_refused():
    with pytest.raises(ValueError, match="a quotient is NaN, which lies on no side"):
        sort({"a": [math.nan]}, {"a": [True]})


def test_an_arm_with_another_number_of_networks_is_refused():
    with pytest.raises(ValueError, match="zip"):
        sort({"a": [1.0, 2.0]}, {"a": [True]})


def test_quotients_divide_network_by_network():
    rows = [
        {"quantity": name, "arm": "a", "seed": seed, "value": value}
        for name, values in {"lambda_max": [10.0, 30.0], "threshold": [20.0, 20.0]}.items()
        for seed, value in enumerate(values)
    ]
    assert quotients(Measurements(rows), "lambda_max", "threshold") == {"a": [0.5, 1.5]}
