"""Attempts at a quantity: run, timed, compared with the truth."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from statistics import median

from bench.timing import OutOfTime, clock, deadline, interleaved
from bench.tools import Answer, Rung

ACCURACY = 1e-3  # True relative error that counts as reached.


@dataclasses.dataclass(frozen=True)
class Record:
    """One line of results.

    Attributes:
        row: What was measured.
        subject: Of which network.
        tool: By which tool.
        setting: With which settings.
        seconds: Each time that was taken; empty where there is none.
        products: Hessian-vector products used, None where they cannot be counted.
        error: True relative error against float64.
        note: Why a number is missing, or what else there is to know.
        counts: Whether it is the tool's result, and not a step on the way to its best setting.
        memory: GiB that it took beyond what was there before, where it was measured.
        failed: Whether the bench itself went wrong here.
    """

    row: str
    subject: str
    tool: str
    setting: str = ""
    seconds: tuple[float, ...] = ()
    products: int | None = None
    error: float | None = None
    note: str = ""
    counts: bool = True
    memory: float | None = None
    failed: bool = False

    @property
    def time(self) -> float:
        """Median seconds, infinite where there are none."""
        return median(self.seconds) if self.seconds else math.inf


def attempt(blank: Record, rung: Rung, truth: Sequence[float], *, limit: float) -> Record:
    """Run one rung and compare it with the truth."""
    row = f"{blank.row}, by default" if rung.default else blank.row
    record = dataclasses.replace(blank, row=row, setting=rung.name, counts=rung.default)
    try:
        with deadline(limit):
            answer, seconds = clock(rung.run)
    except OutOfTime as late:
        return dataclasses.replace(record, note=str(late))
    except Exception as problem:
        return dataclasses.replace(record, note=words(problem))
    error = relative_error(answer, truth) if truth else None
    return dataclasses.replace(record, seconds=(seconds,), products=answer.products, error=error)


def relative_error(answer: Answer, truth: Sequence[float]) -> float:
    """Return the largest relative error of values, both sides in descending order."""
    pairs = zip(sorted(answer.values, reverse=True), sorted(truth, reverse=True), strict=True)
    return max(abs(value - true) / abs(true) for value, true in pairs)


def climb(
    blank: Record, ladders: Sequence[Sequence[Rung]], truth: Sequence[float], *, limit: float
) -> tuple[tuple[Record, Rung] | None, list[Record]]:
    """Climb each ladder until 1e-3 is reached; default settings are tried in any case.

    Args:
        blank: Row, subject and tool of the records.
        ladders: Rungs, each ladder's loosest first.
        truth: Eigenvalues.
        limit: Seconds for one attempt; once the error is reached, little more than it took.

    Returns:
        The fastest rung that reaches it, or None; and the records of all attempts.
    """
    attempts: list[Record] = []
    best: tuple[Record, Rung] | None = None
    for ladder in ladders:
        for rung in ladder:
            record = attempt(blank, rung, truth, limit=1.2 * best[0].time if best else limit)
            attempts.append(record)
            if record.error is None:  # Failed or out of time: the rungs above cost more.
                break
            if record.error <= ACCURACY:
                if best is None or record.time < best[0].time:
                    best = (record, rung)
                break
    tried = {record.setting for record in attempts}
    for rung in [rung for ladder in ladders for rung in ladder]:
        if rung.default and rung.name not in tried:
            attempts.append(attempt(blank, rung, truth, limit=limit))
    return best, attempts


def failure(blank: Record, attempts: Sequence[Record]) -> Record:
    """Return the record of a tool that did not reach the error: the closest that it came."""
    done = [record for record in attempts if record.error is not None]
    if not done:
        return dataclasses.replace(blank, note=f"1e-3 not reached: {attempts[0].note}")
    closest = min(done, key=lambda record: record.error)
    stopped = "; ".join(dict.fromkeys(f"{r.setting}: {r.note}" for r in attempts if r.note))
    note = "1e-3 not reached, this is the closest" + (f" ({stopped})" if stopped else "")
    return dataclasses.replace(
        blank, setting=closest.setting, products=closest.products, error=closest.error, note=note
    )


def timed_in_turn(
    row: str, chosen: Mapping[str, tuple[Record, Rung]], *, repeats: int
) -> list[Record]:
    """Return the records of the chosen rungs with times taken A B C A B C."""
    functions = {name: rung.run for name, (_, rung) in chosen.items()}
    times = interleaved(functions, repeats=repeats, warm_up=False)
    return [
        dataclasses.replace(record, row=row, seconds=tuple(times[name]), counts=True)
        for name, (record, _) in chosen.items()
    ]


def words(problem: Exception) -> str:
    """Return an error as one short line."""
    lines = str(problem).strip().splitlines() or [""]
    return f"{type(problem).__name__}: {lines[0][:160]}"
