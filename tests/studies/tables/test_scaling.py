"""The sentence on two exponents and their difference."""

from studies.formatting import interval_text
from studies.intervals import mean_interval
from studies.tables import scaling

SIZES = {2: "narrow", 4: "wide"}


def test_two_exponents_stand_with_their_paired_difference(numbers):
    for seed, bump in enumerate((1.0, 1.0)):
        for size, arm in SIZES.items():
            numbers.add("trace", bump * size**2, arm=arm, seed=seed)
            numbers.add("sam", bump / size, arm=arm, seed=seed)
    text = scaling.exponent_change(numbers, ["trace", "sam"], "MLP, 2 to 4", SIZES).text
    assert text == (
        "For MLP, 2 to 4, the exponents are 2 for trace and −1 for SAM rise; they differ by 3 (2 "
        "seeds)."
    )
    absent = scaling.exponent_change(numbers, ["loss", "sam"], "MLP", SIZES).text
    assert absent == "The record lacks loss of MLP."


def test_exponents_of_two_quantities_differ_by_what_seeds_say(numbers):
    for seed, (first, second) in enumerate(((1.0, -0.5), (1.1, -0.7))):
        for size, arm in SIZES.items():
            numbers.add("trace", size**first, arm=arm, seed=seed)
            numbers.add("sam", size**second, arm=arm, seed=seed)
    text = scaling.exponent_change(numbers, ["trace", "sam"], "MLP", SIZES).text
    want = interval_text(mean_interval([1.5, 1.8]))
    assert want.startswith("1.6") and f"they differ by {want} (2 seeds)." in text
