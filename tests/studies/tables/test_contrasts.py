"""Sentences on two arms: the numbers that they say are those that were recorded."""

import pytest
import torch
from landscape.connectivity.path import Path
from studies.formatting import mean_text, ratio_text
from studies.tables import contrasts

ARMS = ["a", "b"]


def add(numbers, quantity, first, second, **columns):
    for arm, values in zip(ARMS, (first, second), strict=True):
        for position, value in enumerate(values):
            labels = {name: column[position] for name, column in columns.items()}
            numbers.add(quantity, value, arm=arm, **(labels or {"seed": position}))


def path(barrier):
    """A path whose middle lies above its ends, which have no loss."""
    loss = torch.tensor([0.0, barrier, 0.0], dtype=torch.float64)
    ts = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    names = {"ts": ts, "loss": loss, "accuracy": 1 - loss, "barrier": barrier}
    made = object.__new__(Path)
    for name, value in names.items():
        object.__setattr__(made, name, value)
    return made


def test_ratios_of_single_seeds(numbers):
    assert contrasts.single_ratios(numbers, "sam", ARMS).text == "The record holds no SAM rise."
    add(numbers, "sam", [2.0, 6.0], [1.0, 2.0])
    single = contrasts.single_ratios(numbers, "sam", ARMS).text
    assert single == (
        "Seed by seed, the SAM rise with a, divided by the SAM rise with b, lies between 2 and 3."
    )


def test_equality_is_the_largest_factor_within_a_seed(numbers):
    add(numbers, "train_loss", [1.0, 4.0], [2.0, 3.0])
    assert contrasts.equality(numbers, "train_loss", ARMS).text == (
        "Within each seed, training loss agrees to within a factor of 2."
    )


def test_the_slope_has_a_share_of_the_rise(numbers):
    add(numbers, "gradient_norm", [1.0, 2.0], [1.0, 1.0])
    add(numbers, "sam", [0.1, 0.4], [0.2, 0.4])
    first, second = mean_text([50.0, 25.0]), mean_text([25.0, 12.5])
    text = contrasts.slope_shares(numbers, ARMS, rho=0.05).text
    assert text.endswith(f"accounts for {first}% (a) and {second}% (b) of the SAM rise.")


def test_ratios_along_a_column_stand_with_its_levels(numbers):
    add(numbers, "trace", [2.0, 6.0], [1.0, 2.0], subset=[64, 128])
    options = {"unit": "examples"}
    text = contrasts.ratios_along(numbers, "trace", ARMS, "subset", **options).text
    assert text.startswith(
        "The ratio of the trace, a over b, is 2.00 (64 examples) and 3.00 (128 examples). It "
    )
    assert "by a factor of 1.5 with the number of examples; the" in text
    absent = contrasts.ratios_along(numbers, "sam", ARMS, "subset", **options).text
    assert absent == "The record does not hold the SAM rise at several numbers of examples."


@pytest.mark.parametrize(("second", "word"), [([3.0, 9.0], "can"), ([20.0, 30.0], "cannot")])
def test_rescaling_says_what_moves_and_whether_it_turns_the_order_round(numbers, second, word):
    assert (
        contrasts.rescaled(numbers, ["sam"], ARMS).text == "The record holds no rescaled networks."
    )
    add(numbers, "trace", [2.0, 8.0], second, factor=[0.5, 1.0])
    add(numbers, "loss_change", [1e-8, -2e-8], [0.0, 0.0], factor=[0.5, 1.0])
    text = contrasts.rescaled(numbers, ["trace", "sam"], ARMS).text
    assert "by at most 2×10⁻⁸ nats" in text and "it changes the trace by a factor of 4. " in text
    assert f"Scales {word} be chosen" in text
    add(numbers, "sam", [1.0, 1.0001], [2.0, 2.0], factor=[0.5, 1.0])
    text = contrasts.rescaled(numbers, ["trace", "sam"], ARMS).text
    assert "a factor of 4. To three digits it leaves the SAM rise unchanged. Scales" in text
    assert f"a has {2.0 / second[0]:.3g} times the trace of b." in text


def test_rescaled_networks_without_a_sharpness_are_not_compared(numbers):
    add(numbers, "trace", [0.0, 0.0], [1.0, 2.0], factor=[0.5, 1.0])
    add(numbers, "loss_change", [0.0, 0.0], [0.0, 0.0], factor=[0.5, 1.0])
    text = contrasts.rescaled(numbers, ["trace"], ARMS).text
    assert text.startswith("Rescaled networks are not compared: a sharpness is 0 or not finite")


def test_barriers_stand_over_those_of_the_reference():
    paths = {"straight": [path(1.0), path(2.0)], "curved": [path(0.5), path(0.5)], "none": []}
    text = contrasts.barrier_ratios(paths, "straight").text
    ratio = ratio_text([0.5, 0.5], [1.0, 2.0])
    assert text == (
        f"Compared with straight, the loss barrier is {ratio} times as high for curved (2 pairs)."
    )
    nothing = contrasts.barrier_ratios({"straight": paths["straight"]}, "straight").text
    assert nothing.startswith("The record holds no barriers to compare with")
    flat = contrasts.barrier_ratios({**paths, "straight": [path(0.0), path(1.0)]}, "straight").text
    assert flat.endswith("(2 pairs, 1 without a positive barrier).")


def test_barriers_of_unequal_numbers_of_paths_are_said_and_not_compared():
    paths = {"straight": [path(1.0)], "aligned": [path(0.5), path(0.2)]}
    for reference, other in (("straight", "aligned"), ("aligned", "straight")):
        text = contrasts.barrier_ratios(paths, reference).text
        assert text.startswith(f"Loss barriers are not compared with {reference}: of paths")
        assert f"{len(paths[other])} for {other}, {len(paths[reference])} for {reference}" in text
