"""A small run of a test's ``study``, and the results that it wrote."""

import csv

from landscape import models
from landscape.training import SGD, TrainConfig, train

from tests.sample_networks import SMALL, digits


def rows_of(folder, name="measurements.csv"):
    """Return the rows of a results file below a test's folder."""
    path = folder / "build" / "paper" / "results" / "09_tests" / name
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def run_of(study, **settings):
    """Train a small network through a study's store; settings replace those of the config."""
    given = {"optimizer": SGD(0.05, momentum=0.9), "epochs": 2, "batch_size": 20, **settings}
    config = TrainConfig(models.CNN(**SMALL), **given)
    return train(config, digits(), study.store)
