"""Laws of errors: exponents of made-up errors that follow a known law."""

import itertools
import math

import pytest
from studies.error_laws import Case, ErrorLaws, outcome_words
from studies.measurements import Measurements

STEPS = [1e-3, 1e-2, 1e-1]
COUNTS = [4, 16, 64]
RELU, SINGLE, SILU = (
    Case("CNN", "ReLU", "float64"),
    Case("CNN", "ReLU", "float32"),
    Case("CNN", "SiLU", "float64"),
)


def error(case, step, count, seed):
    """(ε N)^(−1/2) with ReLUs, 1.1 times as large in float32; ε² without."""
    scale = 1 + seed / 100
    if case.activation == "SiLU":
        return scale * step**2
    return scale * (1.1 if case.dtype == "float32" else 1.0) / math.sqrt(step * count)


def rows():
    for case, step, count in itertools.product((RELU, SILU, SINGLE), STEPS, COUNTS):
        if count != 16 and (step != 1e-2 or case == SINGLE):
            continue
        for seed in range(3):
            numbers = {
                "product_error": error(case, step, count, seed),
                "product_norm": 0.5,
                "switched_units": 1000 * step if case.kinked else 0.0,
            }
            for name, value in numbers.items():
                labels = dict(zip(("model", "activation", "dtype"), case, strict=True))
                yield {
                    "quantity": name,
                    "value": value,
                    "arm": ", ".join(case[:2]),
                    "seed": seed,
                    **labels,
                    "examples": count,
                    "step_size": step,
                }


def laws(**options):
    given = {"step_sizes": STEPS, "reference_step": 1e-2, "least_switched": 10, "margin": 0.1}
    return ErrorLaws(Measurements(list(rows())), **{**given, **options})


def test_cases_counts_and_the_steps_that_cross_kinks_are_read_from_the_numbers():
    known = laws()
    assert known.cases == [RELU, SILU, SINGLE] and known.counts == {"CNN": COUNTS}
    assert known.base == {"CNN": 16} and known.crossing == {"CNN": [1e-2, 1e-1]}
    assert laws(least_switched=0).crossing == {"CNN": STEPS}
    assert known.mean("product_norm", RELU, 1e-3) == 0.5


def test_exponents_of_a_known_law_are_exact():
    known = laws()
    by_step, by_count = known.exponents("ε"), known.exponents("n")
    assert by_step[RELU].estimate == pytest.approx(-0.5)
    assert by_step[SINGLE].estimate == pytest.approx(-0.5)
    assert by_step[SILU].estimate == pytest.approx(2) and by_step[SILU].sizes == 2
    assert by_count[RELU].estimate == pytest.approx(-0.5)
    assert by_count[SILU].estimate == pytest.approx(0, abs=1e-12)
    assert SINGLE not in by_count  # Measured at one number of examples.


def test_an_exponent_is_equivalent_inside_the_margin_alone():
    known = laws()
    double = {("ε", RELU): "equivalent", ("n", RELU): "equivalent"}
    assert known.outcomes("ReLU", "float64") == double
    assert known.outcomes("ReLU", "float32") == {("ε", SINGLE): "equivalent"}
    away = {("ε", SILU): "excluded", ("n", SILU): "excluded"}
    assert known.outcomes("SiLU", "float64") == away
    assert set(laws(margin=2.6).outcomes("SiLU", "float64").values()) == {"equivalent"}
    assert known.outcomes("SiLU, max-pooling", "float64") == {}


def test_an_exponent_whose_interval_holds_one_half_without_being_near_is_open():
    spread = [-0.9, 0.0, 0.8]
    wide = [
        {**row, "value": row["value"] * (row["step_size"] / 1e-2) ** spread[row["seed"]]}
        if row["quantity"] == "product_error"
        else row
        for row in rows()
    ]
    given = {"step_sizes": STEPS, "reference_step": 1e-2, "least_switched": 10, "margin": 0.1}
    outcomes = ErrorLaws(Measurements(wide), **given).outcomes("ReLU", "float64")
    assert outcomes == {("ε", RELU): "open", ("n", RELU): "equivalent"}


def test_precisions_are_compared_where_kinks_are_crossed():
    known = laws()
    assert known.precision(SINGLE, 1e-3).estimate == pytest.approx(1.1)
    assert list(known.alike()) == [(SINGLE, 1e-2), (SINGLE, 1e-1)]
    assert all(one.confidence == 0.9 for one in known.alike().values())


def test_the_error_is_set_against_the_product():
    relative = laws().relative(SILU, 1e-1)
    assert relative.kind == "ratio" and relative.n == 3
    want = [(1 + seed / 100) * 1e-2 / 0.5 for seed in range(3)]
    assert relative.estimate == pytest.approx(math.prod(want) ** (1 / 3))


def test_arms_over_steps_and_examples_hold_the_numbers():
    known = laws()
    assert list(known.over_steps(RELU)) == STEPS
    assert list(known.over_steps(RELU, fitted=True)) == [1e-2, 1e-1]
    assert list(known.over_examples(RELU)) == COUNTS and list(known.over_examples(SINGLE)) == [16]
    arm = known.over_examples(RELU)[64]
    assert known.numbers.values("product_error", arm)[0] == error(RELU, 1e-2, 64, 0)
    assert str(RELU) == "CNN, ReLU, float64"


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        (
            ["equivalent"] * 3 + ["open"] * 2 + ["excluded"],
            "3 of 6 exponents are equivalent to −1/2 within 0.1, 2 more hold −1/2 in a wider "
            "interval, and 1 excludes it",
        ),
        (
            ["open", "excluded", "excluded"],
            "0 of 3 exponents are equivalent to −1/2 within 0.1, 1 more holds −1/2 in a wider "
            "interval, and 2 exclude it",
        ),
        (
            ["equivalent"],
            "1 of 1 exponents are equivalent to −1/2 within 0.1, and none excludes it",
        ),
    ],
)
def test_outcomes_are_counted_in_words(outcomes, words):
    assert outcome_words(outcomes, 0.1) == words
