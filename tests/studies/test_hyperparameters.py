"""Hyperparameters of recorded networks: what each study's labels and parameters say."""

import pytest
from studies.hyperparameters import HYPERPARAMETERS, STUDIES, hyperparameters

RESNETS = {"batch_size": 128, "epochs": 20, "precision": "bfloat16", "depth": 20, "width": 0.5}


def test_every_hyperparameter_has_a_place():
    got = hyperparameters(
        "01_bn_ablation", [{"norm": "batch"}], {"batch_size": 64, "learning_rate": 0.01}
    )
    assert set(got) == set(HYPERPARAMETERS)
    assert (got["model"], got["norm"], got["batch_size"], got["learning_rate"]) == (
        "CNN",
        "batch",
        64,
        0.01,
    )


def test_a_sweep_over_rates_has_no_rate_of_its_own():
    labels = {"norm": "group", "learning_rate": 0.03}
    got = hyperparameters("02_skip_rates", [labels], {**RESNETS, "rates": [0.01, 0.03]})
    assert (got["norm"], got["learning_rate"], got["precision"]) == ("group", 0.03, "bfloat16")


def test_a_network_whose_rate_nobody_says_has_no_hyperparameters():
    assert hyperparameters("02_skip_rates", [{"norm": "group"}], RESNETS) is None


def test_a_small_step_takes_the_small_rate():
    parameters = {**RESNETS, "learning_rate": 0.1, "small_rate": 0.001, "clip_norm": 1.0}
    small = hyperparameters("02_skip_starts", [{"start": "small step"}], parameters)
    clipped = hyperparameters("02_skip_starts", [{"start": "clipped"}], parameters)
    assert (small["learning_rate"], small["clip_norm"]) == (0.001, None)
    assert (clipped["learning_rate"], clipped["clip_norm"]) == (0.1, 1.0)


def test_the_source_s_setting_replaces_that_of_the_study():
    parameters = {**RESNETS, "learning_rate": 0.1, "source_batch": 32}
    got = hyperparameters("02_skip_ablation", [{"way": "source"}], parameters)
    assert (got["batch_size"], got["precision"]) == (32, "float32")
    got = hyperparameters("02_skip_ablation", [{"way": "batches of source"}], parameters)
    assert (got["batch_size"], got["precision"]) == (32, "bfloat16")


@pytest.mark.parametrize(
    ("labels", "rate"),
    [
        ({"optimizer": "SGD", "rate": "shared"}, 0.01),
        ({"optimizer": "SGD", "rate": "paced"}, 0.1),
        ({"optimizer": "Adam", "rate": "default"}, 0.001),
        ({"optimizer": "momentum", "effective_rate": 0.3}, 0.03),
        ({"optimizer": "SGD", "effective_rate": 0.3}, 0.3),
    ],
)
def test_rates_of_optimizers_follow_from_their_names(labels, rate):
    parameters = {"learning_rate": 0.01, "momentum": 0.9, "adam_rate": 0.001, "batch_size": 64}
    got = hyperparameters("03_optimizer_sweep", [labels], parameters)
    assert got["learning_rate"] == pytest.approx(rate)


def test_another_study_has_none():
    assert "07_theory" not in STUDIES
    assert hyperparameters("07_theory", [{}], {}) is None
