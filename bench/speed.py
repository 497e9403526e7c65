"""Measure the table of speed, each row with both allocators: ``python -m bench.speed --help``."""

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from landscape.store import provenance

from bench import options as shared
from bench import speed_parts, speed_tables, subjects, tables
from bench.attempts import Record
from bench.speed_parts import Part

# In the order of cost, so that an interrupted bench has most rows.
PARTS = [
    ("product", "mlp"),
    ("kinks", "mlp"),
    ("block", "mlp"),
    ("density", "mlp"),
    ("largest", "mlp"),
    ("smallest", "mlp"),
    ("plane", "mlp"),
    ("plane", "cnn"),
    ("block", "cnn"),
    ("plane", "resnet"),
    ("product", "resnet"),
    ("largest", "cnn"),
]
ALLOCATORS = ("kept", "system")
_ONCE = ("kinks",)  # A number that no allocator changes.


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write ``speed.json`` and ``speed.md`` to ``<build-dir>/bench``.

    Returns:
        0, or 1 if a row failed; then nothing is published.
    """
    parser = shared.parser(__doc__.splitlines()[0], subjects.RECIPES, repeats=5)
    parser.add_argument("--rows", nargs="+", choices=tuple(dict.fromkeys(row for row, _ in PARTS)))
    parser.add_argument("--resume", action="store_true", help="keep rows of the same commit")
    options = shared.checked(parser, arguments, subjects.RECIPES)
    if options.publish and options.rows:
        parser.error("--publish needs the whole table: leave out --rows")
    begun = time.monotonic()
    commit = tables.commit()
    folder = options.build_dir / "bench" / "speed"
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[Record]] = {}
    for row, subject in PARTS:
        if subject not in options.subjects or row not in (options.rows or (row,)):
            continue
        for allocator in ALLOCATORS[: 1 if row in _ONCE else None]:
            name = f"{row} {subject} {allocator}"
            path = folder / f"{name.replace(' ', '-')}.json"
            known = _earlier(path, commit) if options.resume else []
            if not known:
                print(f"{(time.monotonic() - begun) / 60:5.1f} min  {name}", flush=True)
                part = _part(row, subject, options, found.get(f"{row} {subject} kept", []))
                known = speed_parts.process(part, kept=allocator == "kept")
                _keep(path, commit, known, time.monotonic() - begun)
            found[name] = known
    recipes = subjects.QUICK if options.quick else subjects.RECIPES
    run = {
        "machine": provenance.description(),
        "versions": {},
        "commit": commit,
        "minutes": (time.monotonic() - begun) / 60,
        "titles": {name: recipe.title for name, recipe in recipes.items()},
        "missing": {},
        "quick": options.quick,
    }
    records = [record for part in found.values() for record in part]
    text = speed_tables.document(run, found)
    tables.write(options, "speed", run, records, text, section="speed")
    return int(any(record.failed for record in records))


def _part(row: str, subject: str, options: argparse.Namespace, known: Sequence[Record]) -> Part:
    rungs: dict[str, list[str]] = {}
    if row in ("largest", "smallest"):
        for record in known:
            rungs.setdefault(record.tool, []).append(record.setting)
    return Part(
        row,
        subject,
        options.threads,
        str(options.data_dir),
        str(options.build_dir),
        str(options.peers),
        options.quick,
        rungs,
    )


def _keep(path: Path, commit: str, records: Sequence[Record], seconds: float) -> None:
    if any(record.failed for record in records):
        return  # It is measured again.
    plain = [dataclasses.asdict(record) for record in records]
    text = json.dumps({"commit": commit, "seconds": seconds, "records": plain}, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")


def _earlier(path: Path, commit: str) -> list[Record]:
    """Return the records of an interrupted bench of the same commit."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"commit": None}
    if kept["commit"] != commit:
        return []
    return [Record(**{**record, "seconds": tuple(record["seconds"])}) for record in kept["records"]]


if __name__ == "__main__":
    sys.exit(main())
