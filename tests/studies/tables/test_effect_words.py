"""Predicates on two arms and on barriers: they follow the interval, whatever it says."""

import pytest
from studies.formatting import interval_text, mean_text
from studies.intervals import paired_ratio
from studies.tables import effect_words

from tests.studies.tables.test_contrasts import ARMS, add, path

SAME = [1.0, 1.1, 0.9, 1.0]


def test_a_predicate_says_what_rises_what_falls_and_what_no_interval_tells(numbers):
    add(numbers, "lambda_max", [2.0, 2.1, 2.0, 1.9], SAME)
    add(numbers, "sam", [3.0, 3.1, 3.0, 2.9], SAME)
    add(numbers, "train_loss", [0.5, 0.6, 0.5, 0.4], SAME)
    add(numbers, "test_loss", [1.0, 0.9, 1.2, 1.0], SAME)
    factors = {name: interval_text(numbers.ratio(name, ARMS)) for name in numbers.quantities}
    rising = (
        f"raises λ_max by a factor of {factors['lambda_max']} and the SAM rise by {factors['sam']}"
    )
    falling = f"lowers the training loss by a factor of {factors['train_loss']}"
    open_ = f"does not measurably change the test loss (factor {factors['test_loss']})"
    assert effect_words.effects(numbers, numbers.quantities, ARMS) == (
        f"{rising}, and {falling}, and {open_}"
    )
    assert effect_words.effects(numbers, ["test_loss", "train_loss"], ARMS) == (
        f"{falling}, but {open_}"
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_accuracies_differ_in_percentage_points_without_a_double_negative(numbers, sign):
    add(numbers, "test_accuracy", [0.5 + sign * x for x in (0.1, 0.11, 0.09)], [0.5] * 3)
    difference = interval_text(numbers.difference("test_accuracy", ARMS, factor=100))
    verb = "raises" if sign > 0 else "lowers"
    assert effect_words.effects(numbers, {"test_accuracy": "its accuracy"}, ARMS) == (
        f"{verb} its accuracy by {difference.removeprefix('−')} percentage points"
    )


def test_a_negative_quantity_is_named_by_its_magnitude(numbers):
    add(numbers, "lambda_min", [-2.0, -2.1, -1.9], [-1.0, -1.0, -1.1])
    assert effect_words.effects(numbers, ["lambda_min"], ARMS).startswith("raises |λ_min| by")


def test_what_the_record_lacks_is_not_compared(numbers):
    add(numbers, "lambda_max", [2.0, 2.1, 1.9], [1.0, 1.0, 1.1])
    assert effect_words.effects(numbers, ["sam"], ARMS) == "cannot be compared in the SAM rise"
    assert effect_words.means(numbers, "sam", ARMS) == "–"
    means = [mean_text(numbers.values("lambda_max", arm)) for arm in ARMS]
    assert effect_words.means(numbers, "lambda_max", ARMS) == f"{means[0]} (a) and {means[1]} (b)"


@pytest.mark.parametrize(
    ("heights", "words"),
    [
        ([1.0, 1.1, 0.9], "crosses a barrier of"),
        ([0.1, -0.1, 0.05], "crosses no measurable barrier:"),
        ([-1.0, -1.1, -0.9], "stays below the line of its ends, by"),
    ],
)
def test_a_path_crosses_what_its_barriers_say(heights, words):
    paths = [path(height) for height in heights]
    assert effect_words.crossing(paths) == f"{words} {mean_text(heights)} nats"
    assert effect_words.crossing(paths[:1]) == f"has a barrier of {heights[0]:.3g} nats".replace(
        "-", "−"
    )
    assert effect_words.crossing([]) == "has no recorded barrier"


def test_the_remaining_barrier_is_a_share_of_the_first_kind():
    straight, aligned = [1.0, 2.0, 1.5], [0.1, 0.3, 0.2]
    kinds = {"straight": list(map(path, straight)), "aligned": list(map(path, aligned))}
    share = paired_ratio(aligned, straight)
    assert effect_words.barrier_ratio(kinds, "aligned") == share
    assert effect_words.barriers_left(kinds, {"aligned": "after", "bezier": "on"}) == (
        f"{interval_text(share)} after and – on"
    )
