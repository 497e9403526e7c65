"""Rows of the table of speed, each in a process of its own: its allocator is set at its start."""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from landscape import rng
from landscape.store.entries import Store

from bench import grids, limits, ours, peers, rows, subjects
from bench.attempts import ACCURACY, Record, attempt
from bench.subjects import Subject
from bench.timing import interleaved
from bench.tools import Rung, Setting, Tool

STARTS = 10
BLOCK = 16
PEERS = {"product": "PyHessian", "density": "PyHessian"}  # Of all others: hessian-eigenthings.
EXAMPLES = 2048  # Of a plane.
TIMED = {"resnet": 3, "cnn": 5, "mlp": 25}  # Steps of the plane that is timed.


@dataclasses.dataclass(frozen=True)
class Part:
    """What a process measures.

    Attributes:
        row: ``product``, ``largest``, ``smallest``, ``density``, ``block``, ``plane`` or ``kinks``.
        subject: Name of the network.
        threads: Number of threads.
        data_dir: Folder of the data sets.
        build_dir: Folder of the store.
        peers: Folder of the peers.
        quick: Whether the network is a tiny one.
        rungs: Tool -> the rung that reached the error at each start, where they are known.
    """

    row: str
    subject: str
    threads: int
    data_dir: str
    build_dir: str
    peers: str
    quick: bool
    rungs: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)


def measured(part: Part) -> list[Record]:
    """Return the records of a part: its tools, and its limit where there is one."""
    torch.set_num_threads(part.threads)
    kinds = {
        "product": _product,
        "largest": _eigenvalues,
        "smallest": _eigenvalues,
        "density": _density,
        "block": _block,
        "plane": _plane,
        "kinks": _kinks,
    }
    return kinds[part.row](part)


def _subject(part: Part, *, examples: int | None = None, **changes: object) -> Subject:
    recipe = (subjects.QUICK if part.quick else subjects.RECIPES)[part.subject]
    if examples is not None:
        recipe = dataclasses.replace(recipe, examples=64 if part.quick else examples)
    if changes:
        recipe = dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, **changes))
    store = Store(Path(part.build_dir) / "store")
    return subjects.trained(part.subject, recipe, Path(part.data_dir), store)


def _tools(part: Part) -> list[Tool]:
    there, _ = peers.load(Path(part.peers))
    name = PEERS.get(part.row, "hessian-eigenthings")
    return [ours.Ours(), *(tool for tool in there if tool.name == name)]


def _choices(subject: Subject, tools: Sequence[Tool]) -> dict[str, rows.Choice]:
    """Return the fastest setting of each tool that has a right one."""
    exact = subject.exact.hessian(subject.exact.theta) @ subject.vector().double()
    screened = {tool.name: rows.screen(subject, tool, exact)[0] for tool in tools}
    return {name: choice for name, choice in screened.items() if choice is not None}


def _product(part: Part) -> list[Record]:
    subject, tools = _subject(part), _tools(part)
    choices = _choices(subject, tools)
    able = [tool for tool in tools if tool.name in choices]
    records = rows.product_row(subject, able, choices, repeats=5)
    products = [record for record in records if record.row == "product"]
    if part.subject == "resnet":
        products.append(limits.product(part.row, subject))
    return products


def _eigenvalues(part: Part) -> list[Record]:
    """Find the cheapest way to 1e-3 from each start vector; each tool's times in turn."""
    count = 1 if part.row == "smallest" else min(rows.TOP, 3 if part.quick else rows.TOP)
    subject, tools = _subject(part), _tools(part)
    choices = _choices(subject, tools)
    truth = subjects.reference(subject, part.row, count, Store(Path(part.build_dir) / "store"))
    records = []
    rungs: dict[str, str] = {}
    for seed in range(3 if part.quick else STARTS):
        for tool in (tool for tool in tools if tool.name in choices):
            setting = choices[tool.name].best
            (ladder, *_) = tool.ladders(subject, setting, part.row, count, seed=seed)
            known = part.rungs.get(tool.name, ())
            first = known[seed] if seed < len(known) else rungs.get(tool.name)
            blank = Record(part.row, subject.name, tool.name, note=f"start {seed}")
            record = _cheapest(blank, ladder, first, truth, sure=seed < len(known))
            records.append(record)
            rungs[tool.name] = record.setting
    return records


def _cheapest(
    blank: Record, ladder: Sequence[Rung], first: str | None, truth: Sequence[float], *, sure: bool
) -> Record:
    """Return the lowest rung of a ladder that reaches the error, looked for around ``first``."""
    names = [rung.name for rung in ladder]
    index = names.index(first) if first in names else 0
    if sure:  # Another allocator changes times, not the steps that are needed.
        return _tried(blank, ladder[index], truth)
    best = None
    record = _tried(blank, ladder[index], truth)
    if _reached(record):
        while _reached(record):
            best, index = record, index - 1
            if index < 0:
                break
            record = _tried(blank, ladder[index], truth)
        return best or record
    # Failed or out of time: the rungs above cost more.
    while not _reached(record) and record.error is not None and index + 1 < len(ladder):
        index += 1
        record = _tried(blank, ladder[index], truth)
    return record


def _tried(blank: Record, rung: Rung, truth: Sequence[float]) -> Record:
    record = attempt(blank, rung, truth, limit=120.0)
    reached = _reached(record)
    missed = record.note if record.error is None else "1e-3 not reached"
    note = blank.note if reached else f"{blank.note}: {missed}"
    return dataclasses.replace(record, row=blank.row, note=note, counts=reached)


def _reached(record: Record) -> bool:
    return record.error is not None and record.error <= ACCURACY


def _density(part: Part) -> list[Record]:
    subject, tools = _subject(part), _tools(part)
    choices = _choices(subject, tools)
    able = [tool for tool in tools if tool.name in choices]
    records = rows.density_row(subject, able, choices, repeats=5, limit=120.0)
    return [record for record in records if record.counts]


def _block(part: Part) -> list[Record]:
    """Time a block of products against as many single ones."""
    subject = _subject(part)
    operator = subject.objective.hessian(subject.objective.theta)
    drawn = rng.stream(0, "bench", "block")
    block = torch.randn(operator.n, BLOCK, generator=drawn, dtype=torch.float64)
    single = [column.clone() for column in block.T]
    functions: dict[str, Callable[[], object]] = {
        f"{BLOCK} at once": lambda: operator @ block,
        f"{BLOCK} single ones": lambda: [operator @ column for column in single],
    }
    times = interleaved(functions, repeats=5)
    return [
        Record("block", subject.name, ours.NAME, name, tuple(seconds), products=BLOCK)
        for name, seconds in times.items()
    ]


def _plane(part: Part) -> list[Record]:
    reason = grids.load_peer(Path(part.peers))
    subject = _subject(part, examples=EXAMPLES)
    plane = grids.Plane(subject, 3 if part.quick else TIMED[part.subject])
    tools = grids.plane_tools(plane, reason is None)
    kept = {key: run for key, run in tools.items() if key[0] in (ours.NAME, grids.PEER)}
    keys = {f"{tool}, {setting}": (tool, setting) for tool, setting in kept}
    exact = plane.exact() if part.subject == "mlp" or part.quick else None
    losses = tools[ours.NAME, "defaults"]()
    error = None if exact is None else grids.relative_error(losses, exact)
    functions = {text: kept[key] for text, key in keys.items()}
    times = interleaved(functions, repeats=5, budget=40.0)
    whole = 625 / plane.steps**2
    records = [
        Record("plane", subject.name, tool, setting, tuple(whole * s for s in times[text]))
        for text, (tool, setting) in keys.items()
    ]
    records[0] = dataclasses.replace(records[0], error=error)
    if part.subject != "mlp":
        records.append(limits.plane("plane", subject))
    return records


def _kinks(part: Part) -> list[Record]:
    """Compare products by finite differences on ReLU and on tanh, both of the same sizes."""
    there, _ = peers.load(Path(part.peers))
    tools = [tool for tool in there if tool.name == "hessian-eigenthings"]
    records = []
    for activation in ("relu", "tanh"):
        subject = _subject(part, activation=activation)
        exact = subject.exact.hessian(subject.exact.theta) @ subject.vector().double()
        for tool in tools:
            mode = tool.settings(len(subject.inputs))[-1].mode
            setting = Setting(len(subject.inputs), mode=mode)
            product = tool.product(subject, setting)(subject.vector())
            error = float((product.double() - exact).norm() / exact.norm())
            name = f"{mode}, {activation}"
            records.append(Record("kinks", part.subject, tool.name, name, error=error))
    return records


def process(part: Part, *, kept: bool) -> list[Record]:
    """Return the records of a part from a process of its own.

    Args:
        part: What is measured.
        kept: Whether glibc keeps its blocks, or gives large ones back after each operation.
    """
    names = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
    environment = {key: value for key, value in os.environ.items() if key not in names}
    environment |= dict.fromkeys(names, str(2**33)) if kept else {}
    environment["LANDSCAPE_PROGRESS"] = "off"  # A bar would be timed as well.
    command = [sys.executable, "-m", "bench.speed_parts", json.dumps(dataclasses.asdict(part))]
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        return [Record(part.row, part.subject, ours.NAME, note=said[-1], failed=True)]
    return [
        Record(**{**record, "seconds": tuple(record["seconds"])})
        for record in json.loads(done.stdout.splitlines()[-1])
    ]


def main() -> None:
    """Measure the part that the command line gives, and print its records as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", type=json.loads)
    records = measured(Part(**parser.parse_args().part))
    print(json.dumps([dataclasses.asdict(record) for record in records]))


if __name__ == "__main__":
    main()
