"""Small studies for tests: their records, numbers that grow, and a trained network."""

import csv

import torch
from landscape import models
from landscape.training import SGD, TrainConfig, train
from studies.arms import Arm
from studies.measurements import Measurements
from studies.recorder import Recorder
from studies.runs import RecordedRun, Runs
from studies.study import Study
from studies.tasks import Task

from tests.sample_networks import SMALL, digits


class Numbers(Measurements):
    """Measurements to which a test adds one number after the other."""

    def __init__(self, rows=(), **options):
        super().__init__(rows, **options)

    def add(self, quantity, value, **columns):
        row = {"quantity": quantity, "value": float(value), **columns}
        # A record rounds to ten digits; here laws must hold to the last.
        self._rows.append({key: kept for key, kept in row.items() if kept is not None})
        self._frame = None

    def add_measurement(self, quantity, value, source, **columns):
        recorder = Recorder(None)
        recorder.add_measurement(quantity, value, source, **columns)
        self._rows += recorder.measurements
        self._frame = None


def study_in(folder, *, profile="paper", **parameters):
    """Return a study that reads and writes below a test's folder."""
    folders = {"data_dir": str(folder / "data"), "build_dir": str(folder / "build")}
    return Study("09_tests", {"profile": profile, "seeds": [0, 1], **folders, **parameters})


def rows_of(folder, name="measurements.csv"):
    """Return the rows of a table of the record that a test's study wrote."""
    path = folder / "build" / "paper" / "record" / "09_tests" / name
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def digits_task():
    """Return the digits of the tests as a task."""
    data = digits()
    return Task(
        "digits",
        data.sha256,
        len(data.y_train),
        len(data.y_test),
        data.classes,
        data.shape,
        lambda: data,
    )


def config_of(**settings):
    """Return the settings of a small training run; settings replace those of the config."""
    given = {"optimizer": SGD(0.05, momentum=0.9), "epochs": 2, "batch_size": 20, **settings}
    return TrainConfig(models.CNN(**SMALL), **given)


def run_of(study, **settings):
    """Train a small network through a study's store; settings replace those of the config."""
    return train(config_of(**settings), digits(), study.store)


def recorded_run(history, *, plan=None, diverged_at=None, gradients=(), steps=6, last=(0.0, 0.0)):
    """Return a run as its record describes it, on the digits.

    Args:
        history: Quantity -> values; a run that diverged has fewer than planned.
        plan: Planned epochs; None takes one a value.
        diverged_at: The step at which it diverged.
        gradients: Norms, (layers, measurements).
        steps: Steps taken.
        last: Mini-batch loss and gradient norm one step before the end.
    """
    rows = {name: torch.tensor(values, dtype=torch.float64) for name, values in history.items()}
    longest = max(map(len, rows.values()), default=0)
    return RecordedRun(
        config=None,
        task=digits_task(),
        recording=None,
        measured_at=torch.tensor(plan or list(range(longest)), dtype=torch.float64),
        history=rows,
        gradients=torch.tensor(gradients, dtype=torch.float64),
        steps=steps,
        diverged_at=diverged_at,
        parameters=0,
        last=dict(zip(("loss_before", "gradient_norm_before"), last, strict=True)),
    )


def runs_of(runs):
    """Return runs by (arm, seed), their arms without factors."""
    return Runs({(Arm(arm), seed): run for (arm, seed), run in runs.items()})
