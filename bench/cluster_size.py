"""When a cluster of many workers would have finished: a simulation from measured units.

``python -m bench.cluster_size`` draws the units of a published record, with the seconds that each
took, onto workers that fail at random, and prints the expected finish beside the ideal one: the
work divided by the workers, or the longest unit, whichever is longer.
"""

from __future__ import annotations

import argparse
import csv
import heapq
import random
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "report" / "published" / "record"


def measured(record: Path = RECORD) -> list[float]:
    """Return the seconds of each entry of all records that took at least a second.

    Seconds of no entry are those of former runs as a whole, and left out.
    """
    seconds = []
    for path in sorted(record.glob("*/times.csv")):
        with open(path.with_name("entries.csv"), encoding="utf-8") as file:
            entries = {row["entry"] for row in csv.DictReader(file)}
        with open(path, encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["entry"] in entries]
        seconds += [float(row["seconds"]) for row in rows]
    return [value for value in seconds if value >= 1.0]


def finish(
    units: Sequence[float],
    workers: int,
    *,
    failures_an_hour: float,
    overhead: float,
    restart: float,
    draw: random.Random,
) -> float:
    """Return the seconds until all units are done.

    Units go to the worker that is free first, in their order. A worker that fails in a unit loses
    what it had computed of it, is back after ``restart`` seconds, and the unit waits again.

    Args:
        units: Seconds of each unit.
        workers: Number of workers.
        failures_an_hour: Expected failures of one worker in an hour.
        overhead: Seconds that sending a unit and its result take.
        restart: Seconds until a failed worker is back.
        draw: Random numbers.
    """
    free = [0.0] * workers
    waiting, last = list(reversed(units)), 0.0
    rate = failures_an_hour / 3600
    while waiting:
        unit = waiting.pop()
        begun = heapq.heappop(free)
        until = draw.expovariate(rate) if rate else float("inf")
        if until < unit + overhead:
            heapq.heappush(free, begun + until + restart)
            waiting.append(unit)
        else:
            last = max(last, begun + unit + overhead)
            heapq.heappush(free, begun + unit + overhead)
    return last


def ideal(units: Sequence[float], workers: int) -> float:
    """Return the seconds without failures and overhead, if units could be divided at will."""
    return max(sum(units) / workers, max(units))


def main(arguments: list[str] | None = None) -> int:
    """Print a table: workers, ideal, expected and worst finish in minutes."""
    parser = argparse.ArgumentParser(prog="python -m bench.cluster_size", description=__doc__)
    parser.add_argument("--failures", type=float, default=0.01, help="of a worker, in an hour")
    parser.add_argument("--overhead", type=float, default=0.03, help="seconds a unit")
    parser.add_argument("--restart", type=float, default=60.0, help="seconds")
    parser.add_argument("--units", type=int, default=0, help="drawn from them; 0: each once")
    parser.add_argument("--draws", type=int, default=100)
    given = parser.parse_args(arguments)
    lengths = measured()
    units = random.Random(0).choices(lengths, k=given.units) if given.units else lengths
    print(f"{len(units)} units, {sum(units) / 3600:.1f} h, longest {max(units) / 60:.1f} min\n")
    print("| Workers | Ideal (min) | Expected (min) | Latest of all draws (min) | Ratio |")
    print("|-:|-:|-:|-:|-:|")
    for workers in (1, 10, 100, 1000):
        draws = [
            finish(
                sorted(units, reverse=True),
                workers,
                failures_an_hour=given.failures,
                overhead=given.overhead,
                restart=given.restart,
                draw=random.Random(seed),
            )
            for seed in range(given.draws)
        ]
        best, mean = ideal(units, workers), statistics.mean(draws)
        cells = (best / 60, mean / 60, max(draws) / 60)
        print(f"| {workers:,} | {' | '.join(f'{x:,.1f}' for x in cells)} | {mean / best:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
