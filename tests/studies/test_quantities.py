"""The registry of quantities: headings, and kinds of one quantity side by side."""

import pytest
from studies.measurements import Measurements
from studies.quantities import headings, quantity, short_headings


def test_headings_name_short_units_in_tables_and_none_in_figures():
    assert headings(["sam", "lambda_max"]) == {"sam": "SAM rise (nats)", "lambda_max": "λ_max"}
    assert short_headings(["sam"]) == {"sam": "SAM rise"}
    assert headings({"sam": "rise"}) == {"sam": "rise"}


def test_qualified_numbers_have_headings_of_their_own():
    numbers = Measurements([{"quantity": "sam", "arm": "a", "value": 1.0}], missing=["x"])
    batch = numbers.qualified("batch statistics")
    both = numbers | batch
    assert headings(both.quantities) == {
        "sam": "SAM rise (nats)",
        "sam, batch statistics": "SAM rise, batch statistics (nats)",
    }
    assert both.values("sam", "a") == both.values("sam, batch statistics", "a") == [1.0]
    assert quantity("lambda_min, batch statistics").sign == -1 and batch.missing == ["x"]


@pytest.mark.parametrize("name", ["sharpness", "sharpness, batch statistics", ""])
def test_an_unknown_quantity_is_refused(name):
    with pytest.raises(KeyError, match=r"no quantity .* is known. Known are train_loss"):
        quantity(name)
