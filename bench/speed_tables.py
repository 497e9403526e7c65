"""The table of speed: each goal with both allocators, and what it was computed from."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench import limits, ours, tables
from bench.attempts import Record
from bench.grids import PEER

AT_LIMIT = 1.1  # So many times the time of the arithmetic alone counts as reached.
Parts = Mapping[str, Sequence[Record]]


@dataclasses.dataclass(frozen=True)
class Goal:
    """A ratio that is asked for.

    Attributes:
        what: In words.
        row: Row of the records.
        subject: Network.
        bound: The least ratio of the peer's time over ours; for a block the largest.
        allocators: Those that the goal names.
    """

    what: str
    row: str
    subject: str
    bound: float
    allocators: tuple[str, ...] = ("system", "kept")


_PLANE = f"plane 25 x 25: {PEER} as published over ours"
_LARGEST = "five largest to 1e-3, median of 10 starts: hessian-eigenthings over ours"
_BLOCK = "block of 16 products over 16 single ones"
GOALS = (
    Goal("product: PyHessian over ours", "product", "mlp", 1.25),
    Goal(
        "smallest eigenvalue to 1e-3, median of 10 starts: hessian-eigenthings over ours",
        "smallest",
        "mlp",
        1.3,
    ),
    Goal(_LARGEST, "largest", "mlp", 2.0),
    Goal(_LARGEST, "largest", "cnn", 3.0),
    Goal("density, 2 probes x 80 steps: PyHessian over ours", "density", "mlp", 1.3),
    Goal("product: PyHessian over ours", "product", "resnet", 2.8),
    Goal(_PLANE, "plane", "resnet", 2.0, ("kept",)),
    Goal(_PLANE, "plane", "cnn", 3.0, ("kept",)),
    Goal(_PLANE, "plane", "mlp", 4.0, ("kept",)),
    Goal(_BLOCK, "block", "mlp", 0.5),
    Goal(_BLOCK, "block", "cnn", 0.8),
)


def document(run: Mapping[str, Any], parts: Parts) -> str:
    """Return the tables as markdown.

    Args:
        run: As for ``tables.document``.
        parts: "row subject allocator" -> records.
    """
    text = [tables.provenance(run), "### Goals of speed", goals(parts, run["titles"])]
    differences = [r for name, of in parts.items() if name.startswith("kinks") for r in of]
    if differences:
        text += ["### Finite differences and kinks", _differences(differences)]
    lines = [
        [
            record.row,
            run["titles"].get(record.subject, record.subject),
            name.split()[-1],
            record.tool,
            record.setting,
            tables.seconds(record),
            "" if record.error is None else f"{record.error:.1e}",
            record.note,
        ]
        for name, records in parts.items()
        for record in records
        if not name.startswith("kinks")
    ]
    head = ["row", "subject", "allocator", "tool", "setting", "seconds", "true error", "note"]
    text += [
        "<details><summary>Every time</summary>",
        tables.markdown(head, lines),
        "</details>",
    ]
    return "\n\n".join(text) + "\n"


def goals(parts: Parts, titles: Mapping[str, str]) -> str:
    """Return the table of the goals that the records can answer."""
    lines = []
    for goal in GOALS:
        measured = {
            name: parts.get(f"{goal.row} {goal.subject} {name}", ()) for name in ("system", "kept")
        }
        if not all(measured[name] for name in goal.allocators):
            continue
        sign = "<=" if goal.row == "block" else ">="
        cells = [_words(goal, measured[name]) for name in ("system", "kept")]
        reached = all(_reached(goal, measured[name]) for name in goal.allocators)
        named = "" if len(goal.allocators) == 2 else ", blocks kept"
        bound = f"{sign} {goal.bound:g}{named}"
        lines.append([goal.what, titles[goal.subject], bound, *cells, tables.word(reached)])
    head = ["what", "subject", "goal", "system's allocator", "blocks kept", "reached"]
    return tables.markdown(head, lines) if lines else "None of the goals' rows were run."


def ratio(goal: Goal, records: Sequence[Record]) -> float | None:
    """Return what a goal is about, or None where a tool is not there.

    For eigenvalues it is that of the medians over starts; a start from which a tool did not reach
    the error counts as infinite.
    """
    own = [r for r in records if r.tool == ours.NAME]
    if goal.row == "block":
        return own[0].time / own[1].time if len(own) == 2 else None
    peers = [r for r in records if r.tool not in (ours.NAME, limits.NAME) and r.seconds]
    if not own or not peers:
        return None
    if goal.row in ("largest", "smallest"):
        return _over_starts(peers) / _over_starts(own)
    return peers[0].time / own[0].time


def fairest(goal: Goal, records: Sequence[Record]) -> float | None:
    """Return the ratio of the fastest setting of a peer, ``channels_last`` included."""
    own = [r for r in records if r.tool == ours.NAME and r.seconds]
    peers = [r.time for r in records if r.tool not in (ours.NAME, limits.NAME) and r.seconds]
    if goal.row not in ("plane", "product") or not own or len(peers) < 2:
        return None
    return min(peers) / own[0].time


def over_limit(records: Sequence[Record]) -> float | None:
    """Return our time over that of the arithmetic alone, where it was measured."""
    own = [r for r in records if r.tool == ours.NAME and r.seconds]
    least = [r for r in records if r.tool == limits.NAME]
    return own[0].time / least[0].time if own and least else None


def _over_starts(records: Sequence[Record]) -> float:
    return median(r.time if r.counts else math.inf for r in records)


def _words(goal: Goal, records: Sequence[Record]) -> str:
    value = ratio(goal, records)
    if value is None:
        return "no peer" if records else ""
    parts = [f"{value:.2f}"]
    best, limit = fairest(goal, records), over_limit(records)
    if best is not None:
        parts.append(f"peer at its fastest setting {best:.2f}")
    if limit is not None:
        parts.append(f"ours {limit:.2f} x the arithmetic")
    return ", ".join(parts)


def _reached(goal: Goal, records: Sequence[Record]) -> bool:
    value, limit = ratio(goal, records), over_limit(records)
    if value is None:
        return False
    if limit is not None and limit <= AT_LIMIT:
        return True
    return value <= goal.bound if goal.row == "block" else value >= goal.bound


def _differences(records: Sequence[Record]) -> str:
    lines = [[r.tool, r.setting, f"{r.error:.1e}"] for r in records if r.error is not None]
    return tables.markdown(["tool", "product", "true relative error"], lines)
