"""Clauses on networks of several sizes: they follow the interval, whatever it says."""

import dataclasses

import pytest
from studies.arms import Arm
from studies.durations import Duration, faster
from studies.formatting import interval_text
from studies.power_laws import Exponent
from studies.predictors import rank_correlations
from studies.tables import network_words

WIDE, NARROW = (Arm(f"MLP, width {width}", network="MLP", width=width) for width in (128, 32))


def exponent(low, high, *, converged=True):
    middle = (low + high) / 2
    return Exponent(middle, low, high, 5, 0.95, 0, "mean", converged, low, high, 3)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.1, 0.3, "grows"), (-0.3, -0.1, "falls"), (-0.1, 0.1, "does not measurably vary")],
)
def test_a_trend_follows_its_exponent(low, high, words):
    fitted = {("sam", "MLP"): exponent(low, high)}
    told = network_words.trend(fitted, "sam", {"MLP": "MLPs"}, noun="the rise", size="the width")
    text = interval_text(fitted["sam", "MLP"])
    assert told == f"the rise {words} with the width in MLPs (exponent {text})"


def test_trends_of_families_stand_together_and_unknown_ones_say_so():
    fitted = {("sam", "MLP"): exponent(-0.3, -0.1), ("sam", "ViT"): exponent(-0.5, -0.2)}
    fitted["sam", "CNN"] = exponent(-0.3, -0.1, converged=False)
    plural = {"MLP": "MLPs", "CNN": "CNNs", "ViT": "ViTs", "KAN": "KANs"}
    texts = [interval_text(fitted["sam", name]) for name in ("MLP", "ViT")]
    assert network_words.trend(fitted, "sam", plural, noun="λ_max", size="the width") == (
        f"λ_max falls with the width in MLPs (exponent {texts[0]}) and ViTs ({texts[1]}), and has "
        "no known exponent in CNNs and KANs"
    )


def test_exponents_between_neighbours_have_both_ends():
    fitted = {("sam", "MLP"): exponent(-1.5, 0.25)}
    told = network_words.local_trend(fitted, "sam", {"MLP": "MLPs", "ViT": "ViTs"})
    assert told == "−1.5 to 0.25 in MLPs and – to – in ViTs"


def test_a_network_stands_beside_another_one(numbers):
    for arm, values in ((WIDE, [2.0, 2.2]), (NARROW, [1.0, 1.0])):
        for seed, value in enumerate(values):
            numbers.add("lambda_max", value, arm=arm, seed=seed)
    having = {"lambda_max": "a λ_max {} times as large", "sam": "a rise {} times as high"}
    ratio = interval_text(numbers.ratio("lambda_max", [WIDE, NARROW]))
    assert network_words.beside(numbers, [WIDE, NARROW], having) == (
        f"an MLP of width 128 has a λ_max {ratio} times as large and a rise an unknown number of "
        "times as high as an MLP of width 32"
    )
    assert network_words.beside(numbers, ["a", "b"], {"sam": "{}"}) == (
        "the network of a has an unknown number of as the network of b"
    )


def test_pairs_are_counted_by_the_side_of_their_effect(numbers):
    for arm, value in {"a": 1.0, "b": 2.0, "c": 1.0}.items():
        for seed, noise in enumerate((0.99, 1.0, 1.01)):
            spread = noise**40 if arm == "c" else noise
            numbers.add("basin_width", value * spread, arm=arm, seed=seed)
    pairs = [["b", "a"], ["a", "b"], ["c", "a"], ["b", "a"]]
    words = {"above": "wider", "below": "narrower"}
    assert network_words.sided_pairs(numbers, "basin_width", pairs, **words) == (
        "wider in 2, narrower in 1 and open in 1 of 4 pairs"
    )


def test_speed_is_the_median_ratio_with_its_interval():
    fast = [Duration(float(epochs), epochs, epochs) for epochs in (1, 1, 2, 1, 1)]
    slow = [Duration(float(epochs), epochs, epochs) for epochs in (2, 3, 4, 2, 2)]
    ratio = faster(fast, slow)
    assert (ratio.estimate, ratio.low, ratio.high) == (2.0, 2.0, 3.0)
    told = network_words.speed({WIDE: fast, NARROW: slow}, [WIDE, NARROW])
    assert told == (
        "MLPs of width 128 are 2.00 times as fast as MLPs of width 32 "
        "(93.75% interval 2.00 to 3.00)"
    )
    assert network_words.speed({WIDE: fast[:2], NARROW: slow[:2]}, [WIDE, NARROW]).endswith(
        "(no interval)"
    )
    never = [dataclasses.replace(duration, latest=float("inf")) for duration in fast]
    assert network_words.speed({WIDE: never, NARROW: slow}, [WIDE, NARROW]) == (
        "MLPs of width 128 have no known speed against MLPs of width 32"
    )


def test_a_prediction_is_told_across_and_within_groups(numbers):
    told = network_words.prediction(numbers, "sam", ("loss", "the loss"), ["a"], "widths")
    assert told == "Across widths, the SAM rise and the loss have no known rank correlation."
    for place, arm in enumerate("abcd"):
        for seed in range(4):
            numbers.add("sam", place + (seed * 7 % 4) / 10, arm=arm, seed=seed)
            numbers.add("loss", place + (seed * 5 % 4) / 10, arm=arm, seed=seed)
    (pair,) = rank_correlations(numbers, ["sam"], "loss", "abcd").values()
    pooled, within = map(interval_text, pair)
    assert network_words.prediction(numbers, "sam", ("loss", "the loss"), "abcd", "widths") == (
        f"Across widths, the SAM rise and the loss have a rank correlation of {pooled}; among "
        f"networks of one family and width, {within}."
    )
