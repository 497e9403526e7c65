"""Tuning: grids of a setting, the best value of each arm, and the table that shows both."""

import dataclasses
import math

import pytest
from landscape import models, training
from studies import tuning
from studies.arms import Arm, named
from studies.runs import Runs
from studies.tables import tuning as tuning_tables
from studies.tuning import TunedValue

BASE = training.TrainConfig(models.MLP(hidden=(4,)), training.SGD(0.1), epochs=1, batch_size=24)
CONFIGS = {
    Arm("SGD", optimizer="SGD"): BASE,
    Arm("Adam", optimizer="Adam"): dataclasses.replace(BASE, optimizer=training.Adam(0.5)),
}
RATES = [0.1, 0.01, 1.0]
INF, NAN = math.inf, math.nan


class Run:
    """What tuning needs of a run: how it ended."""

    def __init__(self, loss):
        self.loss = loss

    diverged = property(lambda self: self.loss is None or not math.isfinite(self.loss))

    def final(self, quantity):
        assert quantity == "train_loss"
        return self.loss


def runs_of(losses, optimizer="SGD"):
    """Runs of a grid by the final losses of each rate's seeds; None for a run that diverged."""
    return Runs(
        {
            (named({"optimizer": optimizer, "learning_rate": rate}), seed): Run(loss)
            for rate, seeds in losses.items()
            for seed, loss in enumerate(seeds)
        }
    )


def chosen(losses):
    return tuning.tuned_values(runs_of(losses), "learning_rate")["SGD"]


# Grids


def test_a_grid_is_every_config_at_every_value_of_a_factor():
    grid = tuning.tuning_grid(CONFIGS, "learning_rate", RATES)
    assert list(grid) == [
        *(f"SGD, learning rate {rate}" for rate in ("0.1", "0.01", "1")),
        *(f"Adam, learning rate {rate}" for rate in ("0.1", "0.01", "1")),
    ]
    assert [arm.factors for arm in grid][-1] == {"optimizer": "Adam", "learning_rate": 1.0}
    assert grid["SGD, learning rate 1"] == dataclasses.replace(BASE, optimizer=training.SGD(1.0))
    assert grid["Adam, learning rate 0.01"].optimizer == training.Adam(0.01)


def test_a_grid_may_be_of_any_part_of_a_config():
    sam = {Arm("SAM", optimizer="SAM"): dataclasses.replace(BASE, optimizer=training.SAM(0.1))}
    assert tuning.tuning_grid(sam, "rho", [0.5])["SAM, rho 0.5"].optimizer.rho == 0.5
    assert tuning.tuning_grid(CONFIGS, "batch_size", [7])["SGD, batch size 7"].batch_size == 7
    with pytest.raises(ValueError, match="no part of the config has a setting 'rho'"):
        tuning.tuning_grid(CONFIGS, "rho", [0.5])


@pytest.mark.parametrize("values", [[], [0.1, 0.1], [0.1, 0.10000001]])
def test_values_that_are_no_grid_are_refused(values):
    with pytest.raises(ValueError, match=r"values=\[.*\] of learning_rate are no grid. Pass at "):
        tuning.tuning_grid(CONFIGS, "learning_rate", values)


# Tuned values


def test_the_value_with_the_lowest_mean_loss_is_chosen():
    # Neither the lowest single loss, at 0.01, nor the first value.
    best = chosen({0.1: [0.4, 0.4], 0.01: [0.1, 0.9], 0.3: [0.3, 0.35], 1.0: [0.5, 0.5]})
    assert best.value == 0.3 and not best.at_border and best.arm == "SGD"
    assert best.arm.factors == {"optimizer": "SGD"}
    assert best.losses == {0.01: [0.1, 0.9], 0.1: [0.4, 0.4], 0.3: [0.3, 0.35], 1.0: [0.5, 0.5]}
    assert list(best.losses) == [0.01, 0.1, 0.3, 1.0]


@pytest.mark.parametrize(("best", "at_border"), [(0.01, True), (0.1, False), (1.0, True)])
def test_a_value_at_the_border_of_the_grid_is_known(best, at_border):
    # In whatever order the values are given.
    choice = chosen({rate: [0.1 if rate == best else 0.5] for rate in RATES})
    assert (choice.value, choice.at_border) == (best, at_border)


def test_of_equal_values_the_smallest_is_chosen():
    assert chosen({1.0: [0.5], 0.1: [0.2], 0.3: [0.2], 0.01: [0.5]}).value == 0.1


@pytest.mark.parametrize("lost", [None, NAN, INF])
def test_a_run_that_diverged_makes_its_value_infinitely_bad(lost):
    best = chosen({0.01: [0.5, 0.5], 0.1: [0.4, 0.4], 1.0: [0.0, lost]})
    assert best.value == 0.1 and best.losses[1.0] == [0.0, INF]


def test_where_every_value_diverges_the_smallest_is_taken():
    best = chosen({0.1: [None, 0.1], 0.01: [None, None], 1.0: [0.2, NAN]})
    assert best.value == 0.01 and best.at_border and best.losses[0.01] == [INF, INF]


def test_a_value_without_runs_is_not_chosen():
    # A record that grows may hold part of a grid.
    assert list(chosen({0.01: [0.5], 0.1: []}).losses) == [0.01]


def test_arms_choose_for_themselves():
    runs = runs_of({0.1: [0.2, 0.3], 1.0: [0.5, 0.5]})
    runs |= runs_of({0.1: [0.9, 0.9], 1.0: [0.5, 0.4]}, "Adam")
    best = tuning.tuned_values(runs, "learning_rate")
    assert {arm: choice.value for arm, choice in best.items()} == {"SGD": 0.1, "Adam": 1.0}


def test_runs_without_the_setting_are_refused():
    text = r"the arm 'SGD, learning rate 0.1' has no 'rho': it has optimizer, learning_rate. Pass r"
    with pytest.raises(ValueError, match=text):
        tuning.tuned_values(runs_of({0.1: [0.2]}), "rho")


def test_the_configs_at_their_best_values_get_a_factor():
    best = tuning.tuned_values(runs_of({0.1: [0.9], 1.0: [0.2]}), "learning_rate")
    (item,) = tuning.tuned_configs(CONFIGS, best, "learning_rate", rate="own").items()
    assert item == ("SGD, own", dataclasses.replace(BASE, optimizer=training.SGD(1.0)))
    assert item[0].factors == {"optimizer": "SGD", "rate": "own"}


@pytest.mark.slow
def test_a_grid_is_trained_recorded_and_chosen_from_again(study):
    task = study.load("digits", max_train=48, max_test=24)
    grid = tuning.tuning_grid(CONFIGS, "learning_rate", [1e-6, 0.05, 1e30])
    runs = study.train(grid, task, seeds=[0, 1])
    best = tuning.tuned_values(runs, "learning_rate")
    assert {arm: choice.value for arm, choice in best.items()} == {"SGD": 0.05, "Adam": 0.05}
    assert best["SGD"].losses[1e30] == [INF, INF]
    assert tuning.tuned_values(study.train(grid, task, seeds=[0, 1]), "learning_rate") == best


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
    assert found.columns == ["configuration", "0.001", "0.01", "0.1", "1", "chosen learning rate"]
    border = ", **at the border**"
    both = "– (2 of 2 diverged)"
    assert found.rows == [
        ["SGD", "", "0.5", "**0.15**", "– (1 of 2 diverged)", "0.1"],
        ["Adam", "**0.25**", "3", "", "", "0.001" + border],
        ["wild", "", "", f"**{both}**", both, "0.1" + border],
    ]
    assert found.label == "tab-rates"
    assert found.caption == (
        "Each at its best. Cells give the final training loss in nats (mean over 2 seeds); the "
        "lowest of each row is chosen, and bold."
    )


def test_the_table_says_where_the_number_of_seeds_differs():
    one = TunedValue("one", 0.1, {0.1: [0.5]}, True)
    assert "(one seed)" in table({"one": one}).caption
    assert "(mean over 1 to 2 seeds)" in table({**FOUND, "one": one}).caption


def test_the_sentence_gathers_arms_by_their_value_and_names_those_at_a_border():
    told = tuning_tables.tuning_sentence(FOUND, heading="learning rate").text
    assert told == (
        "The chosen learning rate is 0.001 (Adam) and 0.1 (SGD; wild). The best value lies at the "
        "border of the grid for Adam; wild."
    )
    told = tuning_tables.tuning_sentence({"SGD": FOUND["SGD"]}, heading="rate").text
    assert told == "The chosen rate is 0.1 (SGD). None lies at the border of its grid."
