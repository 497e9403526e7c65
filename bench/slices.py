"""Measure planes and lines with this library and others: ``python -m bench.slices --help``."""

import argparse
import dataclasses
import functools
import os
import sys
import time
from collections.abc import Mapping, Sequence

import torch
from landscape import data, training
from landscape.store import provenance
from landscape.store.entries import Store

from bench import grid_memory, grid_tables, grids, ours, subjects, tables
from bench import options as shared
from bench.attempts import Record, words
from bench.grid_tables import POINTS, STEPS
from bench.grids import FLOOR, PEER, Key, Losses
from bench.subjects import Subject
from bench.timing import clock, interleaved

EXAMPLES = 2048
# Steps of the grid that is timed; the times are scaled to that of 25 x 25.
TIMED = {"resnet": 3, "cnn": 5, "mlp": 25}
GRIDS = (25, 251)  # Of the memory row.


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write ``slices.json`` and ``slices.md`` to ``<build-dir>/bench``.

    Returns:
        0, or 1 if a row failed; then nothing is published.
    """
    parser = shared.parser(__doc__.splitlines()[0], TIMED, repeats=3)
    options = shared.checked(parser, arguments, TIMED)
    os.environ.setdefault("LANDSCAPE_PROGRESS", "off")  # A bar would be timed as well.
    torch.set_num_threads(options.threads)
    begun = time.monotonic()
    reason = grids.load_peer(options.peers)
    recipes = subjects.QUICK if options.quick else subjects.RECIPES
    records: list[Record] = []
    for name in options.subjects:
        print(f"{(time.monotonic() - begun) / 60:5.1f} min  {recipes[name].title}", flush=True)
        records += _guarded("plane", name, options, reason is None)
        if name == "cnn":
            records += _guarded("line", name, options, reason is None)
        if name == "mlp":
            records += _guarded("memory", name, options, reason is None)
    run = {
        "machine": provenance.description(),
        "versions": {} if reason else {PEER: grids.peer_version()},
        "commit": tables.commit(),
        "minutes": (time.monotonic() - begun) / 60,
        "titles": {name: recipe.title for name, recipe in recipes.items()},
        "missing": {PEER: reason} if reason else {},
        "quick": options.quick,
    }
    text = grid_tables.document(run, records)
    tables.write(options, "slices", run, records, text, section="slices")
    return int(any(record.failed for record in records))


def _guarded(row: str, name: str, options: argparse.Namespace, peer: bool) -> list[Record]:
    rows = {"plane": _plane, "line": _line, "memory": _memory}
    try:
        return rows[row](name, options, peer)
    except Exception as problem:  # The other rows are not lost; the exit status tells.
        return [Record(row, name, ours.NAME, note=words(problem), failed=True)]


def _plane(name: str, options: argparse.Namespace, peer: bool) -> list[Record]:
    plane = grids.Plane(_subject(name, options), 3 if options.quick else TIMED[name])
    tools = grids.plane_tools(plane, peer)
    timed = plane.steps**2
    return _measured("plane", name, tools, plane.exact(), timed, STEPS**2, options)


def _line(name: str, options: argparse.Namespace, peer: bool) -> list[Record]:
    ends = (_subject(name, options), _subject(name, options, seed=1))
    points = 5 if options.quick else POINTS
    tools = grids.line_tools(ends, points, peer)
    exact = grids.exact_line(ends, points)
    return _measured("line", name, tools, exact, points, POINTS, options)


def _measured(
    row: str,
    name: str,
    tools: Mapping[Key, Losses],
    exact: torch.Tensor,
    timed: int,
    whole: int,
    options: argparse.Namespace,
) -> list[Record]:
    """Return times, scaled from the points that were timed to the whole grid, and errors."""
    found = {key: run() for key, run in tools.items()}  # The warm-up, too.
    keys = {f"{tool} {setting}": (tool, setting) for tool, setting in tools}
    functions = {text: tools[key] for text, key in keys.items()}
    times = interleaved(functions, repeats=options.repeats, budget=90.0, warm_up=False)
    records = []
    for text, (tool, setting) in keys.items():
        seconds = tuple(whole / timed * second for second in times[text])
        note = f"{timed} of {whole} points timed" if timed < whole else ""
        error = None
        if tool != FLOOR:
            error = grids.relative_error(found[tool, setting], exact)
        records.append(Record(row, name, tool, setting, seconds, error=error, note=note))
    return records


def _memory(name: str, options: argparse.Namespace, peer: bool) -> list[Record]:
    """Measure whole planes of two sizes, each in a process of its own."""
    recipe = (subjects.QUICK if options.quick else subjects.RECIPES)[name]
    subject = _subject(name, options)
    base = {
        "family": type(recipe.model).__name__,
        "config": dataclasses.asdict(recipe.model),
        "shape": tuple(subject.inputs.shape[1:]),
        "examples": len(subject.inputs),
        "threads": options.threads,
    }
    found = []
    for steps in (3, 9) if options.quick else GRIDS:
        case = grid_memory.Case(**base, steps=steps)
        mib, seconds = clock(functools.partial(grid_memory.measured, case))
        blank = Record("memory", name, ours.NAME, f"{steps} x {steps} points, all computed")
        found.append(dataclasses.replace(blank, seconds=(seconds,), memory=mib / 1024))
    return found


def _subject(name: str, options: argparse.Namespace, *, seed: int = 0) -> Subject:
    recipe = (subjects.QUICK if options.quick else subjects.RECIPES)[name]
    recipe = dataclasses.replace(recipe, examples=64 if options.quick else EXAMPLES)
    store = Store(options.build_dir / "store")
    if not seed:
        return subjects.trained(name, recipe, options.data_dir, store)
    task = data.load(recipe.dataset, options.data_dir, max_train=recipe.train, max_test=1000)
    config = training.TrainConfig(
        model=recipe.model, optimizer=recipe.optimizer, epochs=recipe.epochs, seed=seed
    )
    model = training.train(config, task, store).model().float()
    return Subject(name, recipe.title, model, *task.first(recipe.examples))


if __name__ == "__main__":
    sys.exit(main())
