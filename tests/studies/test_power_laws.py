"""Values against size: panels of families with sizes of their own, and exponents of power laws."""

import itertools
import math

import numpy as np
import pytest
from studies import power_laws
from studies.figures import bands, captioned, scaling
from studies.intervals import mean_interval
from studies.tables.scaling import exponent_table

NAN = math.nan
WORDS = {"label": "fig-test", "caption": "See.", "alt": "Curves."}
TABLE = {"label": "tab-test", "caption": "See."}


def record(numbers, quantity, family, by_size, **labels):
    """Record values, one a seed, of the arms of a family, and return its sizes and arms."""
    for size, values in by_size.items():
        for seed, value in enumerate(values):
            numbers.add(quantity, value, arm=f"{family} {size}", seed=seed, **labels)
    return {size: f"{family} {size}" for size in by_size}


def law(sizes, *factors, exponent=-0.5):
    """Values a·size^b of several seeds."""
    return {size: [factor * size**exponent for factor in factors] for size in sizes}


@pytest.fixture
def families(numbers):
    """Families with sizes in no order, of which the second has others than the first."""
    mlp = record(numbers, "q", "MLP", law([64, 8, 512], 2.0, 8.0), unit="nats")
    return {"MLP": mlp, "CNN": record(numbers, "q", "CNN", law([4, 16], 1.0, 1.0, exponent=2))}


# Panels


def test_each_family_has_its_own_sizes_in_increasing_order(numbers, families):
    (panel,) = scaling.scaling_panels(numbers, {"q": "heading"}, families, x="width")
    assert (panel.title, panel.x, panel.y) == ("heading", "width", "nats")
    assert (panel.scale, panel.x_scale, panel.ticks) == ("log", "log", (4, 8, 16, 64, 512))
    assert {name: of.x.tolist() for name, of in panel.series.items()} == {
        "MLP": [8, 64, 512],
        "CNN": [4, 16],
    }
    want = [4 * size**-0.5 for size in (8, 64, 512)]  # The geometric mean of 2 and 8.
    np.testing.assert_allclose(panel.series["MLP"].mean, want, rtol=1e-14)
    np.testing.assert_allclose(panel.series["CNN"].mean, [16, 256], rtol=1e-14)


def test_band_on_a_logarithmic_axis_is_that_of_the_logarithms(numbers):
    values = {8: [1.0, 4.0, 3.0], 16: [2.0, 9.0, 5.0]}
    family = {"MLP": record(numbers, "q", "MLP", values)}
    (panel,) = scaling.scaling_panels(numbers, {"q": "q"}, family, x="width")
    for place, own in enumerate(values.values()):
        want = mean_interval(np.log(own))
        found = panel.series["MLP"]
        assert math.log(found.low[place]) == pytest.approx(want.low)
        assert math.log(found.high[place]) == pytest.approx(want.high)


def test_positive_values_have_a_logarithmic_axis_unless_they_span_too_little(numbers):
    family = {"MLP": record(numbers, "q", "MLP", {8: [1.0, 1.0], 16: [3.0, 3.0]})}
    scales = [
        scaling.scaling_panels(numbers, {"q": "q"}, family, x="width", span=span)[0].scale
        for span in (1.0, 3.0, 3.1)
    ]
    assert scales == ["log", "log", "linear"]


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_values_that_are_not_positive_have_a_linear_axis_and_their_plain_mean(numbers, value):
    family = {"MLP": record(numbers, "q", "MLP", {8: [value, 3.0], 16: [100.0, 300.0]})}
    (panel,) = scaling.scaling_panels(numbers, {"q": "q"}, family, x="width")
    assert panel.scale == "linear"
    assert panel.series["MLP"].mean.tolist() == [(value + 3) / 2, 200.0]


def test_few_values_that_are_not_positive_are_gaps_where_the_others_span_a_factor_of_1000(numbers):
    family = {"MLP": record(numbers, "q", "MLP", {8: [1.0, 4.0], 16: [-5.0, 50.0], 32: [2e3, 8e3]})}
    (panel,) = scaling.scaling_panels(numbers, {"q": "q"}, family, x="width")
    assert (panel.scale, panel.title) == ("log", "q (1 of 6 ≤ 0)")
    assert panel.series["MLP"].mean.tolist() == pytest.approx([2.0, NAN, 4e3], nan_ok=True)
    assert numbers.values("q", family["MLP"][16]) == [-5.0, 50.0]  # What is recorded stays.


def test_a_size_that_is_not_finite_is_a_gap_and_the_rest_stays(numbers):
    family = {"MLP": record(numbers, "q", "MLP", {8: [1.0, 4.0], 16: [NAN, 5.0], 32: [2.0, 8.0]})}
    (panel,) = scaling.scaling_panels(numbers, {"q": "q"}, family, x="width")
    found = panel.series["MLP"]
    assert found.mean[[0, 2]] == pytest.approx([2.0, 4.0]) and math.isnan(found.mean[1])
    np.testing.assert_array_equal(found.samples[1], [4, 5, 8])


def test_panels_refuse_sizes_of_different_numbers_of_seeds(numbers):
    family = {"MLP": record(numbers, "q", "MLP", {16: [1.0], 8: [1.0, 2.0]})}
    for of in (scaling.scaling_panels, power_laws.power_law_exponents):
        how = {"x": "width"} if of is scaling.scaling_panels else {}
        with pytest.raises(ValueError, match=r"'q' of 'MLP' has \[2, 1\] values at .* \[8, 16\]"):
            of(numbers, {"q": "q"}, family, **how)


@pytest.mark.parametrize(
    ("sizes", "shown"),
    [
        ([2**k for k in range(2, 11)], [2**k for k in range(2, 11)]),
        ([4, 8, 9, 16, 60, 64, 1024], [4, 8, 16, 60, 1024]),
        ([2**k for k in range(2, 13)], [4**k for k in range(1, 7)]),
        ([32], [32]),
    ],
)
def test_sizes_are_labelled_as_far_as_there_is_room(numbers, sizes, shown):
    family = {"MLP": record(numbers, "q", "MLP", law(sizes, 1.0, 2.0))}
    (panel,) = scaling.scaling_panels(numbers, {"q": "q"}, family, x="width")
    assert list(panel.ticks) == shown


@pytest.mark.filterwarnings("error")
def test_labels_of_many_sizes_do_not_overlap(numbers):
    sizes = [2**k for k in range(2, 11)]
    family = {"MLP": record(numbers, "q", "MLP", law(sizes, 1.0, 2.0))}
    family["one"] = record(numbers, "q", "one", {32: [3.0, 3.0]})
    made = scaling.scaling_panels(numbers, {"q": "q"}, family, x="width") * 2
    canvas = captioned.curves(made, **WORDS).figure
    canvas.draw_without_rendering()
    axis = canvas.axes[0]
    assert axis.get_window_extent().width / canvas.dpi < 3.1  # Inches.
    labels = axis.get_xticklabels()
    assert [label.get_text() for label in labels] == [str(size) for size in sizes]
    boxes = [label.get_window_extent() for label in labels]
    assert all(left.x1 + 2 < right.x0 for left, right in itertools.pairwise(boxes))


# Exponents


def test_exponents_of_power_laws_are_exact(numbers, families):
    found = power_laws.power_law_exponents(numbers, ["q"], families)
    assert list(found) == [("q", "MLP"), ("q", "CNN")]
    for exponent, want in zip(found.values(), (-0.5, 2.0), strict=True):
        assert exponent.estimate == pytest.approx(want, rel=1e-12)
        assert exponent.high - exponent.low < 1e-12
        assert (exponent.n, exponent.invalid, exponent.converged) == (2, 0, True)


def test_the_interval_is_that_of_the_exponents_of_the_seeds(numbers):
    each = [-0.3, -0.5, -0.4]
    values = {size: [size**exponent for exponent in each] for size in (8, 32, 64)}
    family = {"MLP": record(numbers, "q", "MLP", values)}
    found = power_laws.power_law_exponents(numbers, {"q": "heading"}, family, confidence=0.9)[
        "q", "MLP"
    ]
    want = mean_interval(each, confidence=0.9)
    ends = (found.estimate, found.low, found.high)
    assert ends == pytest.approx((want.estimate, want.low, want.high))
    assert (found.confidence, found.kind) == (0.9, "mean")


@pytest.mark.parametrize("value", [NAN, 0.0, -1.0, math.inf])
def test_a_seed_without_an_exponent_is_counted_and_leaves_no_estimate(numbers, families, value):
    other = record(numbers, "r", "CNN", {4: [1.0, 1.0], 16: [value, 2.0]})
    found = power_laws.power_law_exponents(numbers, ["r"], {"CNN": other})["r", "CNN"]
    assert math.isnan(found.estimate) and (found.invalid, found.n) == (1, 2)
    shown = exponent_table({("r", "CNN"): found}, {"r": "heading"}, **TABLE)
    assert shown.rows == [["heading", "– (1 of 2 finite)"]]


def test_exponents_say_whether_the_values_behind_them_converged(numbers, families):
    sizes = record(numbers, "e", "MLP", law([8, 64], 1.0, 3.0), converged=False)
    record(numbers, "e", "CNN", law([4, 16], 1.0, 3.0))
    found = power_laws.power_law_exponents(
        numbers, ["e", "q"], {"MLP": sizes, "CNN": families["CNN"]}
    )
    assert [of.converged for of in found.values()] == [False, True, True, True]
    shown = exponent_table(found, {"e": "epochs", "q": "heading"}, **TABLE)
    assert shown.columns == ["quantity", "MLP", "CNN"]
    assert shown.rows == [
        ["epochs", "–", "−0.5"],
        ["heading", "−0.5", "2"],
    ]


def test_exponents_between_neighbours_tell_a_power_law_from_another_curve(numbers):
    bent = {8: [4.0, 4.0], 16: [1.0, 4.0], 64: [1.0, 1.0]}
    family = {"MLP": record(numbers, "q", "MLP", bent), "one law": {8: "MLP 8", 16: "MLP 16"}}
    found = power_laws.power_law_exponents(numbers, ["q"], family)
    # Means of the logarithms to base 2: 2, 1, 0 at 3, 4, 6.
    assert (found["q", "MLP"].local_min, found["q", "MLP"].local_max) == pytest.approx((-1.0, -0.5))
    assert (found["q", "MLP"].sizes, found["q", "one law"].sizes) == (3, 2)
    del found["q", "one law"]
    found["r", "one law"] = found["q", "MLP"]
    shown = exponent_table(found, {"q": "heading", "r": "other"}, **TABLE)
    middle = found["q", "MLP"]
    text = f"{middle.estimate:.2f}".replace("-", "−")
    assert shown.rows[0][1].startswith(text) and shown.rows[0][1].endswith(" (−1.00 to −0.50)")
    assert [row[1:3].count("") for row in shown.rows] == [1, 1]
    short = exponent_table(found, {"q": "heading", "r": "other"}, local=False, **TABLE)
    assert [cell.endswith(")") for row in short.rows for cell in row[1:] if cell] == [False] * 2


def test_one_seed_or_one_size_has_no_exponent(numbers):
    sizes = record(numbers, "q", "MLP", {8: [1.0], 16: [2.0]})
    with pytest.raises(ValueError, match=r"1 samples .* give no interval"):
        power_laws.power_law_exponents(numbers, ["q"], {"MLP": sizes})
    with pytest.raises(ValueError, match=r"at the positions \[8.0\] give no exponent"):
        power_laws.power_law_exponents(numbers, ["q"], {"MLP": {8: sizes[8]}})


# Bands


def test_one_curve_has_no_interval_on_either_axis():
    for scale in ("linear", "log"):
        found = bands.scaled_band([1, 2], [np.array([1.0, 4.0])], scale)
        np.testing.assert_allclose([found.low, found.high], [[1, 4]] * 2, rtol=1e-14)
        assert found.n == 1


def test_quantities_that_the_record_lacks_in_part_are_left_out(numbers, families):
    record(numbers, "part", "MLP", law([8, 64], 1.0, 2.0))
    record(numbers, "short", "MLP", {8: [1.0, 2.0], 64: [1.0], 512: [1.0, 2.0]})
    names, mlp = ["q", "part", "short", "none"], {"MLP": families["MLP"]}
    with pytest.raises(KeyError, match=r"no 'part' of arm 'MLP 512' was recorded"):
        power_laws.power_law_exponents(numbers, names, mlp)
    numbers.missing.append("part of 1 of 3 networks")
    assert power_laws.known_quantities(numbers, names, mlp) == ["q"]
    assert list(power_laws.power_law_exponents(numbers, names, mlp)) == [("q", "MLP")]
