"""Measure what curves on a part of the examples save in training: ``python -m bench.training``.

It measures four costs in turn: of a training step in this library and in a bare PyTorch loop, of
evaluating all examples, and of evaluating a part. From these it works out the time of whole runs;
``--whole 5000`` trains them as well.
"""

import argparse
import dataclasses
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

import torch
from landscape import models, rng, training
from landscape.data import Dataset
from landscape.models import ModelConfig
from landscape.network.memory_format import takes_channels_last
from landscape.store import provenance
from landscape.store.entries import Store
from landscape.training.evaluation import Evaluation
from torch import nn

from bench import options as shared
from bench import tables
from bench.attempts import Record
from bench.timing import clock

OURS, BARE = "this library", "a bare PyTorch loop"
FULL, PART = "all examples", "a part of them"
BATCH, EPOCHS, TEST = 128, 20, 10_000
GOALS = {5_000: 0.6, 50_000: 0.8}  # Training images -> share of the time with full evaluation.
STEP_GOAL = 1.03


@dataclasses.dataclass(frozen=True)
class Case:
    """What is trained, on random images: their content changes no time.

    Attributes:
        title: Name of the network.
        model: Its config.
        shape: (channels, height, width) of an image.
        part: Examples of each split for a curve.
        steps: Training steps of one round.
    """

    title: str
    model: ModelConfig
    shape: tuple[int, int, int]
    part: int
    steps: int

    def dataset(self, train: int, test: int) -> Dataset:
        """Return random images of ten classes."""
        generator = rng.stream(0, "bench", "images")
        x_train, x_test = (
            torch.randn(count, *self.shape, generator=generator) for count in (train, test)
        )
        y_train, y_test = (torch.arange(count) % 10 for count in (train, test))
        sha256 = f"{train:032x}{test:032x}"
        return Dataset("random images", x_train, y_train, x_test, y_test, 10, sha256)


CASES = {
    "resnet": Case("ResNet-20, CIFAR-10's shape", models.ResNet(), (3, 32, 32), 2000, 10),
}
QUICK = {
    "resnet": Case("ResNet-8", models.ResNet(depth=8, width=0.25), (3, 8, 8), 40, 3),
}


@dataclasses.dataclass(frozen=True)
class Clocked(training.SGD):
    """SGD that notes when each step ended."""

    def build(self, parameters: Any) -> torch.optim.Optimizer:
        """Return the optimizer, which adds to ``STEP_ENDS``."""
        optimizer = super().build(parameters)
        optimizer.register_step_post_hook(lambda *_: STEP_ENDS.append(time.perf_counter()))
        return optimizer


STEP_ENDS: list[float] = []
OPTIMIZER = Clocked(0.01, momentum=0.9, weight_decay=1e-4)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write ``training.json`` and ``training.md`` to ``<build-dir>/bench``.

    Returns:
        0; errors are raised.
    """
    parser = shared.parser(__doc__.splitlines()[0], CASES, repeats=7)
    parser.add_argument(
        "--whole", nargs="+", type=int, default=[], help="also train on so many images, 20 epochs"
    )
    options = shared.checked(parser, arguments, CASES)
    os.environ.setdefault("LANDSCAPE_PROGRESS", "off")  # A bar would be timed as well.
    torch.set_num_threads(options.threads)
    begun = time.monotonic()
    cases = QUICK if options.quick else CASES
    records = [
        record
        for name in options.subjects
        for record in (*costs(name, cases[name], options), *whole(name, cases[name], options))
    ]
    run = {
        "machine": provenance.description(),
        "versions": {},
        "commit": tables.commit(),
        "minutes": (time.monotonic() - begun) / 60,
        "titles": {name: case.title for name, case in cases.items()},
        "parts": {name: case.part for name, case in cases.items()},
        "missing": {},
        "quick": options.quick,
    }
    tables.write(options, "training", run, records, document(run, records), section="training")
    return 0


def costs(name: str, case: Case, options: argparse.Namespace) -> list[Record]:
    """Return seconds an image of steps and evaluations, taken in turn; the first round is left out.

    Args:
        name: Of the subject.
        case: What is trained.
        options: Those of the command line.
    """
    measures = {
        ("step", OURS): lambda: our_step(case),
        ("step", BARE): lambda: bare_step(case),
        ("evaluation", FULL): evaluation(case, in_full=True),
        ("evaluation", PART): evaluation(case, in_full=False),
    }
    rounds = [
        {key: measure() for key, measure in measures.items()} for _ in range(options.repeats + 1)
    ]
    return [
        Record(row, name, tool, seconds=tuple(each[row, tool] for each in rounds[1:]))
        for row, tool in measures
    ]


def our_step(case: Case) -> float:
    """Return the median seconds an image of the library's steps, evaluation left out."""
    config = training.TrainConfig(case.model, OPTIMIZER, epochs=1, batch_size=BATCH, measured=10)
    dataset = case.dataset(BATCH * case.steps, 10)
    return _step_seconds(lambda: _run_seconds(config, dataset))


def bare_step(case: Case) -> float:
    """Return the median seconds an image of the same steps, as a PyTorch user would write them."""
    dataset = case.dataset(BATCH * case.steps, 10)
    model, inputs = _placed(case, dataset)
    optimizer = OPTIMIZER.build(model.parameters())
    order = torch.randperm(len(inputs), generator=rng.stream(0, "batches", 1))

    def train() -> None:
        model.train()
        for indices in order.split(BATCH):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs[indices]), dataset.y_train[indices])
            loss.backward()
            optimizer.step()

    return _step_seconds(train)


def _placed(case: Case, dataset: Dataset) -> tuple[nn.Module, torch.Tensor]:
    """Return network and training inputs in the memory format that is fastest."""
    model = case.model.build(case.shape, 10, seed=0)
    if not takes_channels_last(model, dataset.x_train):
        return model, dataset.x_train
    last = torch.channels_last
    return model.to(memory_format=last), dataset.x_train.to(memory_format=last)


def _step_seconds(train: Callable[[], Any]) -> float:
    STEP_ENDS.clear()
    train()
    steps = zip(STEP_ENDS[1:], STEP_ENDS, strict=False)
    return median(end - begin for end, begin in steps) / BATCH


def evaluation(case: Case, *, in_full: bool) -> Callable[[], float]:
    """Return what measures the seconds an image of an evaluation.

    Args:
        case: What is trained.
        in_full: Whether all examples are evaluated, or a part as for a curve.
    """
    dataset = case.dataset(case.part * 5 // 4, case.part * 5 // 4)
    model, inputs = _placed(case, dataset)
    last = torch.channels_last if inputs.is_contiguous(memory_format=torch.channels_last) else None
    test = dataset.x_test if last is None else dataset.x_test.to(memory_format=last)
    splits = {"train": (inputs, dataset.y_train), "test": (test, dataset.y_test)}
    measuring = Evaluation(splits, training.CurveExamples(case.part, case.part))
    images = 2 * (len(inputs) if in_full else case.part)
    return lambda: clock(lambda: measuring.measure(model, in_full=in_full))[1] / images


def whole(name: str, case: Case, options: argparse.Namespace) -> list[Record]:
    """Return the seconds of whole runs, those in full and those with curves of a part in turn."""
    records = []
    for images in options.whole:
        dataset = case.dataset(images, case.part * 2 if options.quick else TEST)
        config = training.TrainConfig(case.model, OPTIMIZER, epochs=EPOCHS, batch_size=BATCH)
        part = training.CurveExamples(case.part, case.part)
        for tool, chosen in ((FULL, None), (PART, part)):
            planned = dataclasses.replace(config, curve_examples=chosen)
            seconds = _run_seconds(planned, dataset)
            setting = f"{EPOCHS} epochs on {images:,} images"
            records.append(Record("run", name, tool, setting, seconds=(seconds,)))
    return records


def _run_seconds(config: training.TrainConfig, dataset: Dataset) -> float:
    with tempfile.TemporaryDirectory() as folder:  # A run that is stored would only be read.
        return clock(lambda: training.train(config, dataset, Store(folder)))[1]


def shares(records: Sequence[Record], images: int, part: int) -> list[float]:
    """Return the time of a run with curves over that of one in full, worked out for each round.

    Args:
        records: The costs of one subject.
        images: Training images.
        part: Examples of each split for a curve.
    """
    by = {(record.row, record.tool): record.seconds for record in records if not record.setting}
    rounds = zip(by["step", OURS], by["evaluation", FULL], by["evaluation", PART], strict=True)
    both = images + TEST
    found = []
    for step, full, of_part in rounds:
        steps = EPOCHS * images * step
        curve = (EPOCHS - 1) * (min(part, images) + part) * of_part
        found.append((steps + 2 * both * full + curve) / (steps + (EPOCHS + 1) * both * full))
    return found


def document(run: Mapping[str, Any], records: Sequence[Record]) -> str:
    """Return the results as markdown: goals, costs and whole runs.

    Args:
        run: Machine, commit and the titles of the subjects.
        records: The results.
    """
    goals = []
    for name in dict.fromkeys(record.subject for record in records):
        mine = [record for record in records if record.subject == name]
        title, part = run["titles"][name], run["parts"][name]
        by = {record.tool: record.seconds for record in mine if record.row == "step"}
        steps = [ours / bare for ours, bare in zip(by[OURS], by[BARE], strict=True)]
        goals.append(_goal(title, "a training step, over one of a bare loop", steps, STEP_GOAL))
        for images, goal in GOALS.items():
            what = f"{EPOCHS} epochs on {images:,} images, over the same measured in full"
            goals.append(_goal(title, what, shares(mine, images, part), goal))
    lines = [
        [
            run["titles"][record.subject],
            record.row,
            record.tool,
            record.setting or "milliseconds an image",
            tables.seconds(_in_milliseconds(record)),
        ]
        for record in records
    ]
    head = ["subject", "what", "ratio", "goal", "reached"]
    costs_head = ["subject", "work", "by or on", "setting", "time"]
    return "\n\n".join(
        [tables.provenance(run), tables.markdown(head, goals), tables.markdown(costs_head, lines)]
    )


def _in_milliseconds(record: Record) -> Record:
    if record.row == "run":
        return record
    return dataclasses.replace(record, seconds=tuple(1000 * s for s in record.seconds))


def _goal(title: str, what: str, ratios: Sequence[float], goal: float) -> list[str]:
    middle = median(ratios)
    spread = f"{middle:.3f} [{min(ratios):.3f}, {max(ratios):.3f}]"
    return [title, what, spread, f"at most {goal}", tables.word(middle <= goal)]


if __name__ == "__main__":
    sys.exit(main())
