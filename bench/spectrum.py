"""Measure curvature with this library and with its peers: ``python -m bench.spectrum --help``."""

import argparse
import dataclasses
import gc
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import scipy
import torch
from landscape.models import ModelConfig
from landscape.network import parameters
from landscape.store import provenance
from landscape.store.entries import Store

from bench import growth, ours, peers, rows, subjects, tables
from bench import options as shared
from bench.attempts import Record, words
from bench.rows import Choice
from bench.tools import Tool

# Which rows are measured of which subject, unless --subjects or --rows says otherwise. A peer's
# eigenvalues, 100 probes or density of the ResNet take ten minutes and more each.
PLAN = {
    "product": ("resnet", "cnn", "mlp"),
    "largest": ("cnn", "mlp"),
    "smallest": ("cnn", "mlp"),
    "trace": ("cnn", "mlp"),
    "density": ("cnn", "mlp"),
    "width": ("resnet",),
    "examples": ("cnn",),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write ``spectrum.json`` and ``spectrum.md`` to ``<build-dir>/bench``.

    Returns:
        0, or 1 if a row failed; then nothing is published.
    """
    options = _options(arguments)
    os.environ.setdefault("LANDSCAPE_PROGRESS", "off")  # A bar would be timed as well.
    torch.set_num_threads(options.threads)
    begun = time.monotonic()
    found, missing = peers.load(options.peers)
    tools: list[Tool] = [ours.Ours(), *found]
    store = Store(options.build_dir / "store")
    commit = tables.commit()
    parts = _earlier(options, commit) if options.resume else {}
    parts["peers"] = [Record("peers", "", name, note=reason) for name, reason in missing.items()]
    recipes = subjects.QUICK if options.quick else subjects.RECIPES
    gc.freeze()  # What is imported is no garbage: the collections before each time are quick.
    for name in options.subjects:
        planned = [row for row in options.rows if name in options.plan[row]]
        wanted = [row for row in planned if f"{name} {row}" not in parts]
        if wanted:
            _say(begun, f"{recipes[name].title}: {', '.join(wanted)}")
        for part, found in _subject(name, recipes[name], wanted, tools, store, options, begun):
            parts[part] = found
            _keep(options, commit, parts)
    gc.unfreeze()
    records = [record for found in parts.values() for record in found]
    run = {
        "machine": provenance.description(),
        "versions": {"scipy": scipy.__version__, **{tool.name: tool.version for tool in tools}},
        "commit": commit,
        "minutes": (time.monotonic() - begun) / 60,
        "titles": {name: recipe.title for name, recipe in recipes.items()},
        "missing": missing,
        "quick": options.quick,
    }
    text = tables.document(run, records)
    tables.write(options, "spectrum", run, records, text, section="results")
    return int(any(record.failed for record in records))


def _subject(
    name: str,
    recipe: subjects.Recipe,
    wanted: Sequence[str],
    tools: Sequence[Tool],
    store: Store,
    options: argparse.Namespace,
    begun: float,
) -> Iterator[tuple[str, list[Record]]]:
    """Yield the results of a subject row by row, each under a name of its own."""
    if not wanted:
        return
    subject = subjects.trained(name, recipe, options.data_dir, store)
    choices: dict[str, Choice] = {}
    screened: list[Record] = []
    exact = subject.exact.hessian(subject.exact.theta) @ subject.vector().double()
    for tool in tools:
        choice, tried = rows.screen(subject, tool, exact)
        screened += tried
        if choice is None:
            screened.append(Record("product", name, tool.name, note="no setting gives a product"))
        else:
            choices[tool.name] = choice
    yield f"{name} screening", screened
    able = sorted(
        (tool for tool in tools if tool.name in choices),
        key=lambda tool: (tool.name != ours.NAME, choices[tool.name].seconds),
    )
    for row in wanted:
        _say(begun, f"  {row}")
        try:
            found = _row(row, subject, recipe, able, choices, store, options)
        except Exception as problem:  # The other rows are not lost; the exit status tells.
            traceback.print_exc()
            found = [Record(row, name, ours.NAME, note=words(problem), failed=True)]
        yield f"{name} {row}", found


def _keep(options: argparse.Namespace, commit: str, parts: Mapping[str, list[Record]]) -> None:
    folder = options.build_dir / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    plain = {part: [dataclasses.asdict(record) for record in of] for part, of in parts.items()}
    text = json.dumps({"commit": commit, "parts": plain}, ensure_ascii=False)
    (folder / "parts.json").write_text(text, encoding="utf-8")


def _earlier(options: argparse.Namespace, commit: str) -> dict[str, list[Record]]:
    """Return the rows that an interrupted bench of the same commit has measured."""
    path = options.build_dir / "bench" / "parts.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"commit": None}
    if kept["commit"] != commit:
        return {}
    return {
        part: [Record(**{**record, "seconds": tuple(record["seconds"])}) for record in of]
        for part, of in kept["parts"].items()
        if not any(record["failed"] for record in of)
    }


def _row(
    row: str,
    subject: subjects.Subject,
    recipe: subjects.Recipe,
    able: Sequence[Tool],
    choices: dict[str, Choice],
    store: Store,
    options: argparse.Namespace,
) -> list[Record]:
    common = {"repeats": options.repeats, "limit": options.limit}
    if row == "product":
        return rows.product_row(subject, able, choices, repeats=options.repeats)
    if row in ("largest", "smallest"):
        return rows.eigenvalue_row(subject, able, choices, row, store=store, **common)
    if row == "trace":
        return rows.trace_row(subject, able, choices, **common)
    if row == "density":
        return rows.density_row(subject, able, choices, **common)
    return _growth(row, recipe, subject, choices, options)


def _growth(
    row: str,
    recipe: subjects.Recipe,
    subject: subjects.Subject,
    choices: dict[str, Choice],
    options: argparse.Namespace,
) -> list[Record]:
    shape = tuple(subject.inputs.shape[1:])
    base = {"family": type(recipe.model).__name__, "shape": shape}
    sizes: dict[str, dict[str, Any]] = {}
    if row == "width":
        count = 32 if options.quick else 256
        for factor in (2,) if options.quick else (1, 2, 4):
            model = _wider(recipe.model, factor)
            n = parameters.layout(model.build(shape, 10, seed=0)).n
            words = f"{factor} x as wide: {n:,} parameters, {count} examples"
            sizes[words] = {**base, "config": dataclasses.asdict(model), "examples": count}
    else:
        config = dataclasses.asdict(recipe.model)
        for count in (32,) if options.quick else (512, 1024, 2048, 4096, 8192):
            sizes[f"{count:,} examples"] = {**base, "config": config, "examples": count}
    # Two processes at once, and some room for the rest.
    memory = 0.4 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    common = {"threads": options.threads, "peers": str(options.peers), "memory": memory}
    return growth.grow(row, subject.name, sizes, choices, repeats=options.repeats, common=common)


def _wider(model: ModelConfig, factor: int) -> ModelConfig:
    scaled = {}
    for name in {"width", "channels", "hidden"} & {f.name for f in dataclasses.fields(model)}:
        value = getattr(model, name)
        many = isinstance(value, tuple)
        scaled[name] = tuple(factor * part for part in value) if many else factor * value
    return dataclasses.replace(model, **scaled)


def _say(begun: float, words: str) -> None:
    print(f"{(time.monotonic() - begun) / 60:5.1f} min  {words}", flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = shared.parser(__doc__.splitlines()[0], subjects.RECIPES, repeats=5)
    parser.add_argument("--rows", nargs="+", choices=tuple(PLAN))
    parser.add_argument("--limit", type=float, default=120.0, help="seconds for one attempt")
    parser.add_argument("--resume", action="store_true", help="keep rows of the same commit")
    options = parser.parse_args(arguments)
    if options.publish and (options.quick or options.subjects or options.rows):
        parser.error("--publish needs the whole bench: leave out --quick, --subjects and --rows")
    if options.repeats < 1 or options.threads < 1 or options.limit <= 0:
        parser.error("--repeats and --threads must be >= 1, --limit > 0")
    # Both named: exactly these pairs, also those that are not in the plan.
    exact = options.subjects and options.rows
    options.plan = {row: tuple(options.subjects) if exact else PLAN[row] for row in PLAN}
    options.subjects = options.subjects or tuple(subjects.RECIPES)
    options.rows = options.rows or tuple(PLAN)
    return shared.placed(options)


if __name__ == "__main__":
    sys.exit(main())
