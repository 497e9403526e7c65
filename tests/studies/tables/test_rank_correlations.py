"""Tables of rank correlations: estimates, intervals, and why there is none."""

import math

from studies.display import Missing
from studies.rank_correlation import RankCorrelation
from studies.tables import rank_correlations

NAN = math.nan
WORDS = {"label": "tab-test", "caption": "What to see."}


def correlation(estimate, low, high, n=42, invalid=0):
    return RankCorrelation(estimate, low, high, n, 0.95, invalid, "correlation", 1, 0, n)


def test_correlations_have_estimate_interval_and_n():
    both = correlation(-0.83, -0.93, -0.61), correlation(0.12, -0.25, 0.46, n=36)
    found = rank_correlations.correlation_table({"λ_max": both}, **WORDS)
    assert found.columns == ["measure", "pooled", "within groups"]
    known = rank_correlations.correlation_table(
        {"λ_max": both, "q": both}, converged={"λ_max": True, "q": False}, **WORDS
    )
    few = RankCorrelation(0.3, -1.0, 1.0, 9, 0.95, 0, "correlation", 3, 0, 2, "2 clusters are few")
    caption = rank_correlations.correlation_table({"λ_max": (both[0], few)}, **WORDS).caption
    assert caption.endswith(" Some intervals are missing: 2 clusters are few.")
    same = RankCorrelation(NAN, NAN, NAN, 9, 0.95, 0, "correlation", 1, 0, 3, "it is 0 everywhere")
    caption = rank_correlations.correlation_table(
        {"λ_max": (both[0], both[1]), "q": (same, same)}, **WORDS
    ).caption
    assert (
        caption.endswith(" No correlation is defined for q: it is 0 everywhere.")
        and "λ_max" not in caption
    )
    assert [row[-1].endswith("†") for row in known.rows] == [False, True]
    assert found.rows == [["λ_max", "−0.83 [−0.93, −0.61]", "0.12 [−0.25, 0.46]"]]
    assert found.caption.endswith(" They are over 42 networks pooled and 36 within groups.")
    table = rank_correlations.correlation_table({"λ_max": both, "q": (both[1], few)}, **WORDS)
    assert [row[1] for row in table.rows] == [
        "−0.83 [−0.93, −0.61], n = 42",
        "0.12 [−0.25, 0.46], n = 36",
    ]
    assert table.rows[1][2] == "0.30 (no interval), n = 9"


def test_a_correlation_without_an_estimate_is_a_dash_and_says_what_is_not_finite():
    both = correlation(NAN, NAN, NAN, invalid=3), correlation(NAN, NAN, NAN)
    (row,) = rank_correlations.correlation_table({"q": both}, **WORDS).rows
    assert row[1:] == ["–, 3 not finite", "–"]


def test_no_correlation_at_all_is_a_sentence():
    told = rank_correlations.correlation_table({}, **WORDS)
    assert isinstance(told, Missing) and told.label == "tab-test"


def test_recorded_quantities_are_correlated_and_unknown_targets_counted(numbers):
    for place, (arm, seed) in enumerate([(arm, seed) for arm in "abc" for seed in range(3)]):
        numbers.add("sam", place + 1, arm=arm, seed=seed)
        numbers.add("epochs_to_target", place + 1, arm=arm, seed=seed, converged=place < 7)
    asked = (numbers, ["sam", "loss"], "epochs_to_target", ["a", "b", "c"])
    table = rank_correlations.correlated(*asked, **WORDS)
    assert [row[0] for row in table.rows] == ["SAM rise"]
    assert table.rows[0][1] == "1.00 (no interval)"
    assert table.caption.startswith(
        "What to see. For 2 of the 9 runs, epochs to target is known only by a lower bound, or "
    )
    assert isinstance(
        rank_correlations.correlated(numbers, ["loss"], "sam", ["a"], **WORDS), Missing
    )
