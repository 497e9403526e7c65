"""Tables of single networks: numbers with errors, layers, eigenvalues, and what is missing."""

import math
import types

import pytest
import torch
from landscape.spectrum.layers import LayerTraces
from studies.display import Sentence, Table
from studies.measurements import joined
from studies.tables import single

CONDITIONS = {"bn": "frozen", "examples": 3, "examples_hash": "h", "dtype": "float64"}


def traces(count=2, *, exact=False):
    values = torch.arange(1.0, count + 1, dtype=torch.float64)
    return LayerTraces(
        layers=tuple(f"part.{index}" for index in range(count)),
        parameters=(1200,) * count,
        values=values,
        stderr=values / 10,
        exact=exact,
        converged=True,
        cost=3,
        **CONDITIONS,
    )


def test_a_number_stands_with_its_error_and_its_mark(numbers):
    numbers.add("loss", 0.25, arm="net", seed=0, unit="J")
    numbers.add("lambda_max", 4.0, arm="net", seed=0, error=0.01, unit="J per parameter²")
    numbers.add("lambda_min", -1.0, arm="net", seed=0, error=0.5, converged=False, unit="J")
    numbers.add("kappa", math.nan, arm="net", seed=0, converged=False)
    table = single.single_numbers(
        numbers,
        ["loss", "lambda_max", "lambda_min", "kappa", "sam"],
        label="tab-numbers",
        caption="Numbers.",
    )
    assert table.columns == ["quantity", "value", "unit"]
    assert table.rows == [
        ["loss", "0.25", "J"],
        ["λ_max", "4 ± 0.01", "J per parameter²"],
        ["λ_min", "−1 ± 0.5 †", "J"],
        ["λ_max / |λ_min|", "–", ""],
    ]
    assert "did not converge" in table.caption


def test_several_networks_stand_side_by_side(numbers):
    for arm, value in (("net", 1.0), ("the other", 2.0)):
        numbers.add("loss", value, arm=arm, seed=0, unit="nats")
    numbers.add("sam", 0.5, arm="net", seed=0, unit="nats")
    table = single.single_numbers(numbers, ["loss", "sam"], label="tab-n", caption="N.")
    assert table.columns == ["quantity", "net", "the other", "unit"]
    assert table.rows == [["loss", "1", "2", "nats"], ["SAM rise", "0.5", "–", "nats"]]


@pytest.mark.parametrize("exact", [True, False])
def test_layers_have_their_share_and_errors_where_they_are_estimates(exact):
    table = single.layer_traces({"net": traces(exact=exact)}, label="tab-l", caption="L.")
    assert table.columns == ["layer", "parameters", "trace", "share (%)"]
    first, second = ("1", "2") if exact else ("1 ± 0.1", "2 ± 0.2")
    assert table.rows == [
        ["part.0", "1,200", first, "33.3"],
        ["part.1", "1,200", second, "66.7"],
    ]


def test_of_many_layers_the_largest_are_shown_in_their_order():
    table = single.layer_traces({"net": traces(30)}, label="tab-l", caption="L.")
    assert [row[0] for row in table.rows] == [f"part.{index}" for index in range(10, 30)]
    assert "The 10 layers with the smallest traces are left out" in table.caption


def test_eigenvalues_are_counted_from_both_ends():
    pairs = types.SimpleNamespace(
        values=torch.tensor([9.0, 4.0, -1.0, -2.0]),
        residuals=torch.tensor([0.1, 0.2, 0.3, 0.4]),
        converged=torch.tensor([True, True, False, True]),
    )
    spectrum = types.SimpleNamespace(pairs=pairs)
    table = single.eigenvalues({"net": [spectrum]}, label="tab-e", caption="E.")
    assert [row[:2] for row in table.rows] == [
        ["1", "9"],
        ["2", "4"],
        ["−2", "−1 †"],
        ["−1", "−2"],
    ]
    assert [row[2] for row in table.rows] == ["0.1", "0.2", "0.3", "0.4"]


def test_barriers_of_single_paths():
    path = types.SimpleNamespace(barrier=0.5, error_barrier=0.125, position=0.5)
    never = types.SimpleNamespace(barrier=math.nan, error_barrier=math.nan, position=math.nan)
    table = single.single_paths({"bezier": path, "aligned": never}, label="tab-p", caption="P.")
    assert table.rows == [
        ["trained Bézier curve", "0.5", "12.5", "0.50"],
        ["aligned", "–", "–", "–"],
    ]


def test_what_was_not_measured_is_said_in_its_place():
    words = {"label": "tab-x", "caption": "X."}
    for shown in (
        single.single_numbers(joined(), ["loss"], **words),
        single.layer_traces({}, **words),
        single.eigenvalues({}, **words),
        single.single_paths({}, **words),
    ):
        assert isinstance(shown, Sentence) and not isinstance(shown, Table)
        assert "This was not measured" in shown.text
