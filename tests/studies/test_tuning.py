"""Tuning: grids of a setting, the best value of each arm, and the table that shows both."""

import dataclasses
import math
import types

import pytest
import torch
from landscape import models, training
from studies import tuning
from studies.tables import tuning as tuning_tables
from studies.tuning import TunedValue

from tests.sample_networks import digits

BASE = training.TrainConfig(models.MLP(hidden=(4,)), training.SGD(0.1), epochs=1, batch_size=24)
RATES = [0.1, 0.01, 1.0]
INF, NAN = math.inf, math.nan


def run(loss, *, diverged=None):
    history = {"train_loss": torch.tensor([9.0, loss], dtype=torch.float64)}
    return types.SimpleNamespace(history=history, diverged_at=diverged)


def runs_of(losses, arm="SGD"):
    """Runs of a grid by the final losses of each rate's seeds; None for a run that diverged."""
    return {
        (f"{arm}, learning rate {rate:g}", seed): run(1.0, diverged=3)
        if loss is None
        else run(loss)
        for rate, own in losses.items()
        for seed, loss in enumerate(own)
    }


def chosen(losses):
    return tuning.tuned_values(runs_of(losses), ["SGD"], "learning_rate", list(losses))["SGD"]


# Grids


def test_a_grid_is_every_config_at_every_value():
    configs = {"SGD": BASE, "Adam": dataclasses.replace(BASE, optimizer=training.Adam(0.5))}
    found = tuning.tuning_grid(configs, "learning_rate", RATES)
    assert list(found) == [
        *(f"SGD, learning rate {rate}" for rate in ("0.1", "0.01", "1")),
        *(f"Adam, learning rate {rate}" for rate in ("0.1", "0.01", "1")),
    ]
    assert found["SGD, learning rate 1"] == dataclasses.replace(BASE, optimizer=training.SGD(1.0))
    assert found["Adam, learning rate 0.01"].optimizer == training.Adam(0.01)


def test_a_grid_may_be_of_any_part_of_a_config():
    sam = dataclasses.replace(BASE, optimizer=training.SAM(0.1))
    assert tuning.tuning_grid({"SAM": sam}, "rho", [0.5])["SAM, rho 0.5"].optimizer.rho == 0.5
    assert tuning.tuning_grid({"a": BASE}, "batch_size", [7])["a, batch size 7"].batch_size == 7
    with pytest.raises(ValueError, match="no part of the config has a setting 'rho'"):
        tuning.tuning_grid({"SGD": BASE}, "rho", [0.5])


@pytest.mark.parametrize("values", [[], [0.1, 0.1], [0.1, 0.10000001]])
def test_values_that_are_no_grid_are_refused(values):
    with pytest.raises(ValueError, match=r"values=\[.*\] of learning_rate are no grid. Pass at "):
        tuning.tuning_grid({"SGD": BASE}, "learning_rate", values)


# Tuned values


def test_the_value_with_the_lowest_mean_loss_is_chosen():
    # Neither the lowest single loss, at 0.01, nor the first value.
    found = chosen({0.1: [0.4, 0.4], 0.01: [0.1, 0.9], 0.3: [0.3, 0.35], 1.0: [0.5, 0.5]})
    assert found.value == 0.3 and not found.at_border and found.arm == "SGD"
    assert found.losses == {0.01: [0.1, 0.9], 0.1: [0.4, 0.4], 0.3: [0.3, 0.35], 1.0: [0.5, 0.5]}
    assert list(found.losses) == [0.01, 0.1, 0.3, 1.0]


@pytest.mark.parametrize(("best", "at_border"), [(0.01, True), (0.1, False), (1.0, True)])
def test_a_value_at_the_border_of_the_grid_is_known(best, at_border):
    # In whatever order the values are given.
    found = chosen({rate: [0.1 if rate == best else 0.5] for rate in RATES})
    assert (found.value, found.at_border) == (best, at_border)


def test_of_equal_values_the_smallest_is_chosen():
    assert chosen({1.0: [0.5], 0.1: [0.2], 0.3: [0.2], 0.01: [0.5]}).value == 0.1


@pytest.mark.parametrize("lost", [None, NAN, INF])
def test_a_run_that_diverged_makes_its_value_infinitely_bad(lost):
    found = chosen({0.01: [0.5, 0.5], 0.1: [0.4, 0.4], 1.0: [0.0, lost]})
    assert found.value == 0.1 and found.losses[1.0] == [0.0, INF]


def test_where_every_value_diverges_the_smallest_is_taken():
    found = chosen({0.1: [None, 0.1], 0.01: [None, None], 1.0: [0.2, NAN]})
    assert found.value == 0.01 and found.at_border and found.losses[0.01] == [INF, INF]


def test_arms_choose_for_themselves():
    runs = runs_of({0.1: [0.2, 0.3], 1.0: [0.5, 0.5]}) | {("other", 0): run(0.0)}
    runs |= runs_of({0.1: [0.9, 0.9], 1.0: [0.5, 0.4]}, "Adam")
    found = tuning.tuned_values(runs, ["SGD", "Adam"], "learning_rate", [0.1, 1.0])
    assert {arm: best.value for arm, best in found.items()} == {"SGD": 0.1, "Adam": 1.0}


def test_an_arm_without_runs_is_refused():
    runs = runs_of({0.1: [0.2]})
    with pytest.raises(ValueError, match=r"no run of 'SGD, learning rate 1'. Train all of tuning"):
        tuning.tuned_values(runs, ["SGD"], "learning_rate", [0.1, 1.0])


def test_a_grid_is_trained_and_chosen_from(store):
    configs = {"SGD": BASE, "Adam": dataclasses.replace(BASE, optimizer=training.Adam(0.1))}
    rates = [1e-6, 0.05, 1e30]
    runs = training.sweep(
        tuning.tuning_grid(configs, "learning_rate", rates), digits(), store, seeds=[0, 1]
    )
    found = tuning.tuned_values(runs, list(configs), "learning_rate", rates)
    assert {arm: best.value for arm, best in found.items()} == {"SGD": 0.05, "Adam": 0.05}
    assert found["SGD"].losses[1e30] == [INF, INF]


# The table

FOUND = {
    "SGD": TunedValue("SGD", 0.1, {0.01: [0.4, 0.6], 0.1: [0.1, 0.2], 1.0: [0.1, INF]}, False),
    "Adam": TunedValue("Adam", 0.001, {0.001: [0.25, 0.25], 0.01: [2.0, 4.0]}, True),
    "wild": TunedValue("wild", 0.1, {0.1: [INF, INF], 1.0: [INF, INF]}, True),
}


def table(found):
    return tuning_tables.tuning_table(
        found, heading="learning rate", label="tab-rates", caption="Each at its best."
    )


def test_the_table_shows_the_grid_and_what_was_chosen():
    found = table(FOUND)
    assert found.columns == ["arm", "0.001", "0.01", "0.1", "1", "chosen learning rate"]
    border = ", **at the border**"
    both = "– (2 of 2 diverged)"
    assert found.rows == [
        ["SGD", "", "0.5", "**0.15**", "– (1 of 2 diverged)", "0.1"],
        ["Adam", "**0.25**", "3", "", "", "0.001" + border],
        ["wild", "", "", f"**{both}**", both, "0.1" + border],
    ]
    assert found.label == "tab-rates"
    assert found.caption == (
        "Each at its best. Final training loss (nats) by learning rate, mean over seeds (n = 2); "
        "the lowest is chosen, and bold."
    )


def test_the_table_says_where_the_number_of_seeds_differs():
    one = TunedValue("one", 0.1, {0.1: [0.5]}, True)
    assert "(n = 1)" in table({"one": one}).caption
    assert "(n = 1 to 2)" in table({**FOUND, "one": one}).caption
