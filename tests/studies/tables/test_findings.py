"""Sentences that state in numbers what a table or figure shows."""

import pytest
from studies import formatting
from studies.intervals import Interval, paired_ratio
from studies.tables import findings

VALUES = {"a": [2.0, 4.4, 9.0], "b": [1.0, 2.0, 3.0]}


def record(numbers, quantity="lambda_max", **labels):
    for arm, values in VALUES.items():
        for seed, value in enumerate(values):
            numbers.add(quantity, value, arm=arm, seed=seed, **labels)


def test_a_spread_is_the_largest_ratio_within_a_seed_at_each_level(numbers):
    record(numbers, "loss", network="MLP")
    for arm, value in {"c": 1.0, "d": 1.5}.items():
        numbers.add("loss", value, arm=arm, seed=0, network="CNN")
    found = findings.spread_sentence(numbers, "loss", within="network")
    expected = "Within each seed, the loss differs between configurations by a factor of up to "
    expected += "3 (MLP) and 1.5 (CNN)."
    assert found.text == expected


def test_a_spread_that_the_record_lacks_is_said_to_lack(numbers):
    record(numbers, "trace", network="MLP")
    found = findings.spread_sentence(numbers, "loss", within="network")
    assert found.text == "The record does not hold the loss of these networks."
    with pytest.raises(KeyError):
        findings.spread_sentence(numbers, "trace", within="width")


def interval(estimate, low, high, kind="ratio"):
    return Interval(estimate, low, high, 5, 0.95, 0, kind)


EFFECTS = {
    ("MLP, SGD", "own"): interval(2.0, 1.5, 2.7),
    ("CNN, SGD", "own"): interval(0.5, 0.4, 0.6),
    ("CNN, Adam", "own"): interval(1.0, 0.5, 2.0),
}


def test_effects_of_pairs_are_grouped_by_what_begins_their_row(numbers):
    record(numbers)
    rows = {"MLP, x": {"late": ("a", "b")}, "CNN, x": {"late": ("b", "a")}}
    effects = findings.paired_effects(numbers, "lambda_max", rows)
    assert effects["MLP, x", "late"] == paired_ratio(VALUES["a"], VALUES["b"])
    texts = [formatting.interval_text(effect) for effect in effects.values()]
    assert findings.grouped_words(effects) == {
        ("x", "late"): f"{texts[0]} (MLP) and {texts[1]} (CNN)"
    }


def test_effects_of_pairs_leave_out_seeds_that_do_not_count(numbers):
    record(numbers)
    rows = {"MLP, x": {"late": ("a", "b")}}
    kept = {"a": [True, False, True]}
    (effect,) = findings.paired_effects(numbers, "lambda_max", rows, kept).values()
    assert effect == paired_ratio([2.0, 9.0], [1.0, 3.0])
    (lost,) = findings.paired_effects(
        numbers, "lambda_max", rows, {**kept, "b": [True, True, False]}
    ).values()
    assert lost.estimate != lost.estimate  # One pair has no interval.


def test_sides_of_effects_follow_their_intervals():
    words = {"above": "sharper ({})", "below": "flatter ({})", "undecided": "open ({})"}
    assert findings.grouped_sides(EFFECTS, **words) == {
        ("SGD", "own"): "sharper (MLP) and flatter (CNN)",
        ("Adam", "own"): "open (CNN)",
    }


def test_trends_follow_the_interval_of_their_exponent():
    exponents = {
        ("trace", name): interval(*ends, "mean")
        for name, ends in {"up": (1, 0.5, 1.5), "down": (-1, -1.5, -0.5), "no": (0, -1, 1)}.items()
    }
    words = findings.trend_words(exponents)
    assert words["trace", "up"] == "rises (exponent 1.00 ± 0.50)"
    assert words["trace", "down"].startswith("falls (exponent −1.00")
    assert words["trace", "no"].startswith("does not measurably change (exponent")


def test_a_span_names_the_smallest_and_the_largest_mean(numbers):
    record(numbers)
    means = {arm: formatting.mean_text(values, sign=1) for arm, values in VALUES.items()}
    assert findings.span(numbers, "lambda_max") == f"from {means['b']} (b) to {means['a']} (a)"
    assert (
        findings.span(numbers, "lambda_max", ["a"]) == f"from {means['a']} (a) to {means['a']} (a)"
    )
    numbers.add("trace", float("nan"), arm="a", seed=0)
    assert findings.span(numbers, "trace") == "over values that are not known"
    assert findings.span(numbers, "sam") == "over values that are not known"


@pytest.mark.parametrize("sign", [1, -1])
def test_a_mean_does_not_reach_beyond_zero_where_the_quantity_does_not(sign):
    values = [sign * x for x in (1.0, 4.0, 16.0)]
    assert "±" in formatting.mean_text(values)
    estimate, low, high = (
        float(x.replace("−", "-"))
        for x in formatting.mean_text(values, sign=sign)
        .replace(",", "")
        .strip("]")
        .replace("[", "")
        .split()
    )
    assert estimate == pytest.approx(sign * 4, rel=0.1)
    assert low < estimate < high and low * high > 0
    # A narrow interval, or a value on the other side of 0, keeps the arithmetic mean.
    assert "±" in formatting.mean_text([sign * x for x in (4.0, 4.1, 4.2)], sign=sign)
    assert "±" in formatting.mean_text([*values, -sign], sign=sign)


def test_networks_are_counted_whose_value_exceeds_their_limit(numbers):
    record(numbers)
    for arm, limit in {"a": 4.0, "b": 3.0}.items():
        for seed in range(3):
            numbers.add("threshold", limit, arm=arm, seed=seed)
    assert findings.exceeding(numbers, "lambda_max", "threshold") == "2 of 6"
