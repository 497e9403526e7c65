"""Results as tables: the goals, every row, the way to each tool's best setting, the machine."""

import argparse
import dataclasses
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from landscape.store import provenance as machine

from bench import ours
from bench.attempts import ACCURACY, Record

ROOT = Path(__file__).resolve().parent.parent
MARKERS = "<!-- {section}:begin -->", "<!-- {section}:end -->"

# Heading of each row, in the order of the tables.
ROWS = {
    "product": "One Hessian-vector product",
    "largest": "Five largest eigenvalues to a true relative error of 1e-3",
    "smallest": "Smallest eigenvalue to a true relative error of 1e-3",
    "trace": "Trace",
    "density": "Spectral density, 2 probes x 80 steps",
    "width": "Growth with parameters: one product",
    "examples": "Growth with examples: one product",
}
# (what, row, subject, least ratio of the fastest peer's time over ours)
GOALS = [
    ("one product, fastest peer as published over ours", "product", "resnet", 2.8),
    ("one product, fastest peer as published over ours", "product", "cnn", 1.5),
    ("one product, fastest peer as published over ours", "product", "mlp", 1.25),
    ("top 5 to 1e-3, fastest peer that reaches it over ours", "largest", "cnn", 3.0),
    ("top 5 to 1e-3, fastest peer that reaches it over ours", "largest", "mlp", 2.0),
    ("smallest eigenvalue, likewise", "smallest", "cnn", 5.0),
    ("smallest eigenvalue, likewise", "smallest", "mlp", 1.3),
    ("trace: fastest peer's 100 probes over ours at <= 1e-5 error", "trace", "cnn", 40.0),
    ("trace: fastest peer's 100 probes over ours at <= 1e-5 error", "trace", "mlp", 40.0),
    ("density, fastest peer over ours", "density", "cnn", 2.0),
    ("density, fastest peer over ours", "density", "mlp", 1.3),
]
_NEEDED_ERROR = {"largest": ACCURACY, "smallest": ACCURACY, "trace": 1e-5}


def document(run: Mapping[str, Any], records: Sequence[Record]) -> str:
    """Return all tables of a run as markdown.

    Args:
        run: ``machine``, ``versions``, ``commit``, ``minutes``, ``titles`` (subject -> title),
            ``missing`` (peer -> why it is not there) and ``quick``.
        records: The results.
    """
    parts = [provenance(run), "### Goals", goals(records, run["titles"])]
    for row, heading in ROWS.items():
        chosen = [r for r in records if r.counts and r.row in (row, _also(row))]
        if chosen:
            parts += [f"### {heading}", _table(chosen, run["titles"])]
    defaults = [r for r in records if r.row.endswith("by default")]
    if defaults:
        parts += ["### What the tools' own defaults give", _table(defaults, run["titles"])]
    steps = [r for r in records if not r.counts and not r.row.endswith("by default")]
    if steps:
        parts += [
            "<details><summary>On the way to each tool's best setting</summary>",
            _table(steps, run["titles"]),
            "</details>",
        ]
    return "\n\n".join(parts) + "\n"


def _also(row: str) -> str:
    return "gradient" if row == "product" else row


def goals(records: Sequence[Record], titles: Mapping[str, str]) -> str:
    """Return the table of the goals that the records can answer."""
    lines = []
    own = _own(records, "product", "resnet")
    for tool in (ours.NAME, "plain PyTorch"):
        found = [r for r in records if (r.row, r.subject, r.tool) == ("gradient", "resnet", tool)]
        if own and found:
            ratio = own.time / found[0].time
            what = f"one product over one gradient ({found[0].tool}: {found[0].setting})"
            lines.append([what, titles["resnet"], "<= 1.8", f"{ratio:.2f}", word(ratio <= 1.8)])
    for what, row, subject, least in GOALS:
        own = _own(records, row, subject)
        if own is None:
            continue
        published = [r for r in _peers(records, row, subject) if not _is_tuned(r)]
        lines.append([what, titles[subject], f">= {least:g}", *_ratio(own, published, least)])
        if row == "product":
            every = _peers(records, row, subject)
            words = "the same, channels_last given to the peers too"
            lines.append([words, titles[subject], "", _ratio(own, every, least)[0], ""])
    head = ["what", "subject", "goal", "measured", "reached"]
    return markdown(head, lines) if lines else "None of the goals' rows were run."


def _is_tuned(record: Record) -> bool:
    return record.row == "product" and "channels_last" in record.setting


def _own(records: Sequence[Record], row: str, subject: str) -> Record | None:
    for r in records:
        if r.counts and (r.row, r.subject, r.tool) == (row, subject, ours.NAME):
            return r
    return None


def _peers(records: Sequence[Record], row: str, subject: str) -> list[Record]:
    return [
        r
        for r in records
        if r.counts and r.seconds and (r.row, r.subject) == (row, subject) and r.tool != ours.NAME
    ]


def _ratio(own: Record, peers: Sequence[Record], least: float) -> tuple[str, str]:
    needed = _NEEDED_ERROR.get(own.row, math.inf)
    if not own.seconds or (own.error is not None and own.error > needed):
        return (f"this library misses the error of {needed:g}", "**no**")
    if not peers:
        return ("no peer does it", "")
    fastest = min(peers, key=lambda r: r.time)
    ratio = fastest.time / own.time
    return (f"{ratio:.2f} ({fastest.tool})", word(ratio >= least))


def word(reached: bool) -> str:
    """Return what a table of goals says of a goal: ``yes``, or ``no`` in bold."""
    return "yes" if reached else "**no**"


def _table(records: Sequence[Record], titles: Mapping[str, str]) -> str:
    memory = any(r.memory is not None for r in records)
    head = ["subject", "tool", "setting", "products", "seconds", "true error", "over ours", "note"]
    row = len({r.row for r in records}) > 1
    head = (["row"] if row else []) + head + (["memory (GiB)"] if memory else [])
    lines = []
    for r in records:
        own = [o for o in records if _same_work(o, r) and o.tool == ours.NAME and o.seconds]
        over = f"{r.time / own[0].time:.2f}" if own and r.seconds else ""
        cells = [
            titles.get(r.subject, r.subject),
            r.tool,
            r.setting,
            "" if r.products is None else str(r.products),
            seconds(r),
            "" if r.error is None else f"{r.error:.1e}",
            over,
            r.note,
        ]
        extra = [f"{r.memory:.2f}" if r.memory is not None else ""] if memory else []
        lines.append(([r.row] if row else []) + cells + extra)
    return markdown(head, lines)


def _same_work(one: Record, other: Record) -> bool:
    size = [
        r.setting.partition(";")[0] if r.row in ("width", "examples") else "" for r in (one, other)
    ]
    return (one.row, one.subject, size[0]) == (other.row, other.subject, size[1])


def seconds(record: Record) -> str:
    """Return a record's median time with its smallest and largest."""
    if not record.seconds:
        return ""
    low, high = min(record.seconds), max(record.seconds)
    spread = f" [{low:.3g}, {high:.3g}]" if len(record.seconds) > 1 else ""
    return f"{record.time:.3g}{spread}"


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    clean = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    rows = [head, ["---"] * len(head), *clean]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def commit() -> str:
    """Return the commit that is measured, and whether the tree has changes beside it."""
    name, dirty = machine.commit(ROOT)
    return name[:12] + (" with changes" if dirty else "")


def provenance(run: Mapping[str, Any]) -> str:
    """Return machine, versions, commit and what was skipped, as markdown; see ``document``."""
    hardware = run["machine"]["hardware"]
    versions = {**run["machine"]["versions"], **run["versions"]}
    lines = [
        f"{hardware['cpu']}, {hardware['cores']} cores, {hardware['threads']} threads used, "
        f"{hardware['memory_gb']} GB, {hardware['platform']}, {hardware['cpu_capability']}. "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f". Commit {run['commit']}. {run['minutes']:.0f} minutes.",
        "Seconds are medians [smallest, largest] of runs taken in turn.",
    ]
    if run["quick"]:
        lines.insert(0, "**A quick run on tiny networks: it shows that the bench works, no more.**")
    lines += [f"Skipped: {name}, {reason}." for name, reason in run["missing"].items()]
    return "\n\n".join(lines)


def write(
    options: argparse.Namespace,
    name: str,
    run: Mapping[str, Any],
    records: Sequence[Record],
    text: str,
    *,
    section: str,
) -> None:
    """Write ``<name>.json`` and ``<name>.md`` of a bench, print the text, and publish if asked.

    Args:
        options: Those of ``options.parser``.
        name: Of the files in ``<build-dir>/bench``.
        run: As for ``document``.
        records: The results; if one failed, nothing is published.
        text: The tables.
        section: Of the README, between its markers.
    """
    folder = options.build_dir / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    whole = {**run, "records": [dataclasses.asdict(record) for record in records]}
    kept = json.dumps(whole, indent=1, ensure_ascii=False)
    (folder / f"{name}.json").write_text(kept + "\n", encoding="utf-8")
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    print(text)
    if options.publish and not any(record.failed for record in records):
        publish(options.publish, text, section)


def publish(readme: Path, text: str, section: str = "results") -> None:
    """Write ``text`` between the markers of a section of ``readme``.

    Raises:
        ValueError: If a marker is missing.
    """
    begin, end = (marker.format(section=section) for marker in MARKERS)
    before = readme.read_text(encoding="utf-8")
    if before.count(begin) != 1 or before.count(end) != 1:
        raise ValueError(f"{readme.name} needs one line {begin} and, below it, one line {end}.")
    pattern = re.compile(re.escape(begin) + ".*" + re.escape(end), re.DOTALL)
    after = pattern.sub(lambda _: f"{begin}\n\n{text.strip()}\n\n{end}", before)
    readme.write_text(after, encoding="utf-8")
