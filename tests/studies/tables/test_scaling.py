"""The sentence on two exponents and their difference."""

from studies.tables import scaling

SIZES = {2: "narrow", 4: "wide"}


def test_two_exponents_stand_with_their_paired_difference(numbers):
    for seed, bump in enumerate((1.0, 1.0)):
        for size, arm in SIZES.items():
            numbers.add("trace", bump * size**2, arm=arm, seed=seed)
            numbers.add("sam", bump / size, arm=arm, seed=seed)
    text = scaling.exponent_change(numbers, ["trace", "sam"], "MLP, 2 to 4", SIZES).text
    assert text.startswith("Exponents, MLP, 2 to 4: trace 2.00")
    assert "; SAM rise −1.00" in text
    assert "The difference is 3.00" in text and text.endswith("(n = 2).")
    absent = scaling.exponent_change(numbers, ["loss", "sam"], "MLP", SIZES).text
    assert absent == "The record lacks loss of MLP."
