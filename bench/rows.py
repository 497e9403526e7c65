"""The measurements of one subject: products, eigenvalues, trace, density."""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence

import torch
from landscape import spectrum
from landscape.network.memory_format import takes_channels_last
from landscape.store.entries import Store

from bench import ours, subjects
from bench.attempts import ACCURACY, Record, attempt, climb, failure, timed_in_turn, words
from bench.subjects import Subject
from bench.timing import clock, interleaved
from bench.tools import Rung, Setting, Tool, flat

PROBES, DENSITY_PROBES, DENSITY_STEPS = 100, 2, 80
TOP = 5


@dataclasses.dataclass(frozen=True)
class Choice:
    """A tool's fastest setting as published, and the fastest when channels_last is tried too.

    ``seconds`` is the time of a product at the best, ``examples`` the number that it was found at,
    ``errors`` the relative error of the product at each setting.
    """

    published: Setting
    best: Setting
    seconds: float
    examples: int
    errors: Mapping[Setting, float]


def screen(subject: Subject, tool: Tool, exact: torch.Tensor) -> tuple[Choice | None, list[Record]]:
    """Time one product for each setting of a tool and choose; a product that is wrong is out.

    Args:
        subject: The network and its examples.
        tool: The tool.
        exact: The product with ``subject.vector()`` in float64.
    """
    v = subject.vector()
    records: list[Record] = []
    times: dict[Setting, float] = {}
    errors: dict[Setting, float] = {}

    def probe(setting: Setting) -> None:
        record = Record("screening", subject.name, tool.name, str(setting), counts=False)
        try:
            product = tool.product(subject, setting)
            found, seconds = clock(lambda: product(v))
            error = float((flat(found) - exact).norm() / exact.norm())
            # The first one is the warm-up; a slow one is timed once only.
            trials = [clock(lambda: product(v))[1] for _ in range(2 if seconds < 1 else 1)]
        except Exception as problem:
            records.append(dataclasses.replace(record, note=words(problem)))
            return
        wrong = "" if error <= ACCURACY else "wrong by more than 1e-3: does not count"
        records.append(
            dataclasses.replace(record, seconds=tuple(trials), products=1, error=error, note=wrong)
        )
        if not wrong:
            times[setting], errors[setting] = min(trials), error

    for setting in tool.settings(len(subject.inputs)):
        probe(setting)
    if not times:
        return None, records
    published = min(times, key=times.__getitem__)
    # This library uses channels_last by itself; without convolutions it means nothing.
    if tool.name != ours.NAME and takes_channels_last(subject.model, subject.inputs):
        probe(dataclasses.replace(published, channels_last=True))
    best = min(times, key=times.__getitem__)
    return Choice(published, best, times[best], len(subject.inputs), errors), records


def product_row(
    subject: Subject, tools: Sequence[Tool], choices: Mapping[str, Choice], *, repeats: int
) -> list[Record]:
    """Time one product of each tool at its best, and one gradient, in turn."""
    v = subject.vector()
    objective = subject.objective
    entries: dict[str, tuple[Record, Callable[[], object]]] = {}

    def add(record: Record, run: Callable[..., object], *arguments: object) -> None:
        name = f"{record.row} {record.tool} {record.setting}"
        entries[name] = (record, functools.partial(run, *arguments))

    library = Record("gradient", subject.name, ours.NAME, "L.gradient")
    add(library, objective.gradient, objective.theta)
    plain = Record("gradient", subject.name, "plain PyTorch", "128 at once, channels_last")
    add(plain, ours.plain_gradient(subject))
    for tool in tools:
        choice = choices[tool.name]
        for setting in dict.fromkeys((choice.published, choice.best)):
            record = Record("product", subject.name, tool.name, str(setting), products=1)
            record = dataclasses.replace(record, error=choice.errors[setting])
            direction = v.double() if tool.name == ours.NAME else v
            add(record, tool.product(subject, setting), direction)
    times = interleaved({key: run for key, (_, run) in entries.items()}, repeats=repeats)
    return [
        dataclasses.replace(record, seconds=tuple(times[key]))
        for key, (record, _) in entries.items()
    ]


def eigenvalue_row(
    subject: Subject,
    tools: Sequence[Tool],
    choices: Mapping[str, Choice],
    end: str,
    *,
    store: Store,
    repeats: int,
    limit: float,
) -> list[Record]:
    """Find each tool's cheapest way to a true relative error of 1e-3, then time these in turn."""
    count = TOP if end == "largest" else 1
    truth = subjects.reference(subject, end, count, store)
    records: list[Record] = []
    reached: dict[str, tuple[Record, Rung]] = {}
    for tool in tools:
        ladders = tool.ladders(subject, choices[tool.name].best, end, count)
        blank = Record(end, subject.name, tool.name)
        if not ladders:
            records.append(dataclasses.replace(blank, note="not offered"))
            continue
        rivals = [record.time for name, (record, _) in reached.items() if name != ours.NAME]
        # A peer far behind another one cannot be the fastest: it is not waited for.
        patience = min(limit, max(3 * min(rivals, default=math.inf), 10.0))
        best, attempts = climb(blank, ladders, truth, limit=patience)
        records += attempts
        if best is None:
            records.append(failure(blank, attempts))
        else:
            reached[tool.name] = best
    return timed_in_turn(end, reached, repeats=repeats) + records


def trace_row(
    subject: Subject, tools: Sequence[Tool], choices: Mapping[str, Choice], **options: float
) -> list[Record]:
    """Time the exact trace against the peers' probes; the truth is the exact one in float64."""
    truth = [float(spectrum.exact_trace(subject.exact, subject.exact.theta).value)]
    ways = {t.name: t.traces(subject, choices[t.name].best, PROBES) for t in tools}
    return alternatives("trace", subject, ways, truth, **options)


def density_row(
    subject: Subject, tools: Sequence[Tool], choices: Mapping[str, Choice], **options: float
) -> list[Record]:
    """Time Lanczos quadratures of the same number of probes and steps."""
    ways = {
        t.name: t.densities(subject, choices[t.name].best, DENSITY_PROBES, DENSITY_STEPS)
        for t in tools
    }
    return alternatives("density", subject, ways, [], **options)


def alternatives(
    row: str,
    subject: Subject,
    ways: Mapping[str, Sequence[Rung]],
    truth: Sequence[float],
    *,
    repeats: int,
    limit: float,
) -> list[Record]:
    """Run every way of every tool once, then time each tool's fastest in turn."""
    records: list[Record] = []
    chosen: dict[str, tuple[Record, Rung]] = {}
    for name, rungs in ways.items():
        blank = Record(row, subject.name, name)
        tries = [(attempt(blank, rung, truth, limit=limit), rung) for rung in rungs]
        done = [one for one in tries if one[0].seconds and one[1].compared]
        records += [record for record, _ in tries]
        if done:
            chosen[name] = min(done, key=lambda one: one[0].time)
        else:
            note = tries[0][0].note if tries else "not offered"
            records.append(dataclasses.replace(blank, note=note))
    return timed_in_turn(row, chosen, repeats=repeats) + records
