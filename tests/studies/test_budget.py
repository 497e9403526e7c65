"""A budget of time: what fits is measured, what does not is named, and errors end one step only."""

import math
import signal
import time

import pytest
import torch
from landscape.objective import Objective
from studies.budget import Budget, fitting_count, seconds_of
from torch import nn


def objective(count=8):
    inputs = torch.arange(2.0 * count).reshape(count, 2) / count
    return Objective(nn.Linear(2, 1), (inputs, torch.zeros(count, 1)), loss="mse")


@pytest.fixture
def slow(monkeypatch):
    """A budget whose product takes a second and whose evaluation a tenth."""
    monkeypatch.setattr("studies.budget._times", lambda objective: (0.1, 1.0))
    return lambda text: Budget(text, objective())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("5m", 300), ("1.5 h", 5400), ("", math.inf), ("  ", math.inf)],
)
def test_times_are_read(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["0", "-3m", "5 days", "m", "0s", "nan", "inf"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match=r"is no time\. Write a number above 0 and a unit"):
        seconds_of(text)


def test_what_fits_is_measured_and_what_does_not_is_named(slow):
    budget = slow("60s")
    assert budget.measure("the ends", lambda: 3, products=50) == 3
    assert budget.measure("the density", lambda: 4, products=100) is None
    assert budget.measure("lines", lambda: 5, passes=100) == 5
    assert list(budget.left_out) == ["the density"]
    text = budget.sentences().text
    assert "did not suffice for the density (about 1.67 minutes are needed)" in text
    assert "What was measured is kept" in text


def test_without_a_limit_everything_is_measured(slow):
    budget = slow("")
    assert budget.measure("the density", lambda: 4, products=1e9) == 4
    assert budget.sentences().text == "All that was planned was measured."


def test_what_takes_longer_than_expected_is_stopped(monkeypatch):
    monkeypatch.setattr("studies.budget._times", lambda objective: (0.0, 0.0))
    budget = Budget("1s", objective())
    monkeypatch.setattr(Budget, "remaining", property(lambda self: 0.05))
    started = time.monotonic()
    assert budget.measure("planes", lambda: time.sleep(30)) is None
    assert time.monotonic() - started < 10
    assert budget.left_out == {"planes": "it took longer than what was left"}
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_an_error_ends_one_measurement_and_is_told(slow):
    budget = slow("")

    def failing():
        raise ValueError("attention cannot be aligned")

    assert budget.measure("the aligned path", failing) is None
    assert budget.measure("lines", lambda: 1) == 1
    assert "**Not measured**: the aligned path, because of an error: attention" in (
        budget.sentences().text
    )


def test_ctrl_c_is_no_failed_measurement(slow):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        slow("").measure("lines", interrupted)


def test_examples_are_halved_until_a_report_fits(monkeypatch):
    monkeypatch.setattr("studies.budget._times", lambda L: (0.0, 0.01 * L.num_examples))
    assert fitting_count("", objective, 512) == 512
    # 300 products of 512 examples take 1,536 s.
    assert fitting_count("2000s", objective, 512) == 512
    assert fitting_count("1000s", objective, 512) == 256
    assert fitting_count("1s", objective, 512) == 32
    assert fitting_count("1s", objective, 20) == 20


def test_times_are_of_the_objective():
    budget = Budget("1h", objective())
    assert 0 < budget.remaining <= 3600
