"""Small networks that a test's ``study`` trains, and the same study as it reads its record."""

import dataclasses

from landscape import models
from landscape.training import SGD, TrainConfig
from studies.arms import Arm
from studies.slices import RecordedSlice, Slices
from studies.study import Study

from tests.sample_networks import SMALL


def trained(study, *, rates=(0.05,), seeds=(0,), **settings):
    """Train an arm for each learning rate, such as ``rate 0.05``; settings are those of a config.

    A rate of 1e30 diverges.
    """
    given = {"optimizer": SGD(0.05, momentum=0.9), "epochs": 1, "batch_size": 24, **settings}
    config = TrainConfig(models.CNN(**SMALL), **given)
    configs = {
        Arm(f"rate {rate:g}", rate=rate): dataclasses.replace(
            config, optimizer=dataclasses.replace(config.optimizer, learning_rate=rate)
        )
        for rate in rates
    }
    task = study.load("digits", max_train=48, max_test=24)
    return study.train(configs, task, seeds=seeds)


def again(study, tmp_path, *, computing=False):
    """Return the study anew, from the record that it wrote; computing nothing, if not asked to."""
    folders = {"data_dir": str(tmp_path / "data"), "build_dir": str(tmp_path / "build")}
    anew = Study(study.name, {"profile": study.profile, **folders})
    if not computing:
        anew.store = None
    return anew


def slices_of(cuts):
    """Return lines or planes that a test made by hand, as if a record held them.

    Args:
        cuts: (arm, seed) -> lines or plane; a text says why there is no network.
    """
    items = {}
    for (arm, seed), cut in cuts.items():
        labels = {"arm": arm, "seed": seed, "at": "end", "directions": "random"}
        given, note = (None, cut) if isinstance(cut, str) else (cut, "")
        items[Arm(arm), seed] = RecordedSlice(given, {"made": [arm, seed]}, labels, note)
    return Slices(items)
