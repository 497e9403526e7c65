"""Results of the bench of planes and lines as tables."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench import ours, tables
from bench.attempts import Record
from bench.grids import FLOOR, PEER

STEPS, POINTS = 25, 51  # Of the plane, along each direction, and of the line.
# Subject -> most time over the floor, and least time of loss-landscapes over ours.
GOALS = {"resnet": (0.8, 2.0), "cnn": (1.0, 3.0), "mlp": (0.25, 4.0)}
LINE_GOAL = 1.0
MEMORY_GOAL = 16.0  # MiB that 251 x 251 points may take more than 25 x 25: their result is 1 MiB.


def document(run: Mapping[str, Any], records: Sequence[Record]) -> str:
    """Return all tables of a run as markdown; ``run`` as for ``tables.document``."""
    parts = [tables.provenance(run), "### Goals", goals(records, run["titles"])]
    headings = {
        "plane": f"Plane of {STEPS} x {STEPS} points",
        "line": f"Line of {POINTS} points between two networks",
    }
    for row, heading in headings.items():
        chosen = [record for record in records if record.row == row]
        if chosen:
            parts += [f"### {heading}", _table(chosen, run["titles"])]
    memory = [record for record in records if record.row == "memory"]
    if memory:
        parts += ["### Memory beyond one forward pass", _memory_table(memory, run["titles"])]
    return "\n\n".join(parts) + "\n"


def goals(records: Sequence[Record], titles: Mapping[str, str]) -> str:
    """Return the table of the goals that the records can answer."""
    lines = []
    for name, (most, least) in GOALS.items():
        over = _ratio(records, "plane", name, ours.NAME, FLOOR)
        lines.append(_goal("plane over the floor", titles[name], "<=", most, over))
        peer = _ratio(records, "plane", name, PEER, ours.NAME)
        lines.append(_goal(f"{PEER} as published over ours", titles[name], ">=", least, peer))
    over = _ratio(records, "line", "cnn", ours.NAME, FLOOR)
    lines.append(_goal("line over the floor", titles["cnn"], "<=", LINE_GOAL, over))
    grown = [record.memory for record in records if record.row == "memory" and record.memory]
    if len(grown) > 1:
        more = 1024 * (grown[-1] - grown[0])
        what = "memory that the larger grid takes more (MiB)"
        lines.append(_goal(what, titles["mlp"], "<=", MEMORY_GOAL, more))
    found = [line for line in lines if line]
    head = ["what", "subject", "goal", "measured", "reached"]
    return tables.markdown(head, found) if found else "None of the goals' rows were run."


def _goal(what: str, title: str, sign: str, bound: float, value: float | None) -> list[str]:
    if value is None:
        return []
    reached = value <= bound if sign == "<=" else value >= bound
    return [what, title, f"{sign} {bound:g}", f"{value:.2f}", tables.word(reached)]


def _ratio(records: Sequence[Record], row: str, name: str, first: str, second: str) -> float | None:
    """Return the median over rounds of one tool's time over another's, as published."""
    pair = [
        next((r for r in records if (r.row, r.subject, r.tool) == (row, name, tool)), None)
        for tool in (first, second)
    ]
    if not all(record and record.seconds for record in pair):
        return None
    return median(a / b for a, b in zip(*(record.seconds for record in pair), strict=False))


def _table(records: Sequence[Record], titles: Mapping[str, str]) -> str:
    head = ["subject", "tool", "setting", "seconds", "over the floor", "over ours"]
    lines = []
    for r in records:
        ratios = [_over(r, records, tool) for tool in (FLOOR, ours.NAME)]
        error = "" if r.error is None else f"{r.error:.1e}"
        cells = [titles[r.subject], r.tool, r.setting, tables.seconds(r), *ratios, error, r.note]
        lines.append(cells)
    return tables.markdown([*head, "largest relative error", "note"], lines)


def _over(record: Record, records: Sequence[Record], tool: str) -> str:
    for other in records:
        if (other.subject, other.tool) == (record.subject, tool) and other.seconds:
            pairs = zip(record.seconds, other.seconds, strict=False)
            return f"{median(a / b for a, b in pairs):.2f}" if record.seconds else ""
    return ""


def _memory_table(records: Sequence[Record], titles: Mapping[str, str]) -> str:
    lines = [
        [
            titles[r.subject],
            r.setting,
            "" if r.memory is None else f"{1024 * r.memory:.1f}",
            tables.seconds(r),
            r.note,
        ]
        for r in records
    ]
    return tables.markdown(["subject", "grid", "MiB", "seconds of the process", "note"], lines)
