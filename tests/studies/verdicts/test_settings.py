"""How a study's setting departs from a source's, in words."""

import pytest
from studies.verdicts.settings import setting

BN = "Fashion-MNIST, CNN with and without BN, 6 epochs, batch 128, one seed"
RESNET = "CIFAR-10, ResNet-20 with and without skip and BN, batch 32, 20 epochs, one seed"


@pytest.mark.parametrize(
    ("source", "parameters", "words"),
    [
        (BN, {"dataset": "fashion_mnist", "epochs": 6, "batch_size": 128}, "the source's"),
        (BN, {"dataset": "fashion_mnist", "max_train": 60000, "epochs": 6}, "the source's"),
        (BN, {"dataset": "digits", "epochs": 6}, "other data (digits for Fashion-MNIST)"),
        (BN, {"dataset": "fashion_mnist", "epochs": 2}, "fewer epochs (2 of 6)"),
        (BN, {"dataset": "fashion_mnist", "epochs": 9}, "more epochs (9 of 6)"),
        (
            RESNET,
            {
                "dataset": "cifar10",
                "max_train": 5000,
                "epochs": 20,
                "batch_size": 128,
                "width": 0.5,
                "precision": "bfloat16",
            },
            "part of the data (5,000 of 50,000); another batch (128 for 32); half the width; "
            "trained in bfloat16",
        ),
        (RESNET, {"dataset": "cifar10", "width": 2.0}, "2 times the width"),
        (
            "MNIST, MLP and CNN, five epochs of SGD",
            {"dataset": "mnist", "epochs": 3},
            "fewer epochs (3 of 5)",
        ),
        (BN, {}, "the source's"),
        (
            "theory",
            {"dataset": "mnist", "max_train": 20000, "epochs": 5},
            "tested on mnist, 20,000 examples, 5 epochs",
        ),
        ("theory", {}, "tested on losses in closed form"),
    ],
)
def test_departures_are_named(source, parameters, words):
    assert setting(source, parameters) == words


def test_what_parameters_do_not_tell_is_added():
    assert setting(BN, {}, also="one width") == "one width"
    assert setting(BN, {"epochs": 2}, also="one width") == "fewer epochs (2 of 6); one width"
