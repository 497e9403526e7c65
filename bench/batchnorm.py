"""Measure products under batch statistics: ``python -m bench.batchnorm --help``."""

import argparse
import dataclasses
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

import torch
from landscape.network.batchnorm import with_batch_statistics
from landscape.store import provenance
from landscape.store.entries import Store
from torch import nn

from bench import options as shared
from bench import ours, subjects, tables
from bench.attempts import Record
from bench.subjects import Subject
from bench.timing import interleaved

SUBJECTS = ("resnet", "cnn")
BLOCK = 128
EXAMPLES = 256
PLAIN = "PyTorch's own derivatives"
FROZEN = "this library, eval mode"
Product = Callable[[], torch.Tensor]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write ``batchnorm.json`` and ``batchnorm.md`` to ``<build-dir>/bench``.

    Returns:
        0; errors are raised.
    """
    parser = shared.parser(__doc__.splitlines()[0], SUBJECTS, repeats=5)
    options = shared.checked(parser, arguments, SUBJECTS)
    os.environ.setdefault("LANDSCAPE_PROGRESS", "off")  # A bar would be timed as well.
    torch.set_num_threads(options.threads)
    begun = time.monotonic()
    recipes = subjects.QUICK if options.quick else subjects.RECIPES
    records = [
        record for name in options.subjects for record in _measured(name, recipes[name], options)
    ]
    run = {
        "machine": provenance.description(),
        "versions": {},
        "commit": tables.commit(),
        "minutes": (time.monotonic() - begun) / 60,
        "titles": {name: recipe.title for name, recipe in recipes.items()},
        "missing": {},
        "quick": options.quick,
    }
    text = document(run, records)
    tables.write(options, "batchnorm", run, records, text, section="batchnorm")
    return 0


def products(subject: Subject) -> dict[tuple[str, str], Product]:
    """Return (tool, setting) -> what computes one product with its graph kept."""
    v = subject.vector().double()
    batch = subject.objective.replace(bn="batch", bn_block=BLOCK)
    found: dict[tuple[str, str], Product] = {}
    for tool, objective in ((ours.NAME, batch), (FROZEN, subject.objective)):
        operator = objective.hessian(objective.theta)
        found[tool, ""] = lambda operator=operator: operator @ v
    for last in (False, True):
        found[PLAIN, "channels_last" if last else ""] = plain(subject, channels_last=last)
    return found


def plain(
    subject: Subject, *, channels_last: bool = False, dtype: torch.dtype = torch.float32
) -> Product:
    """Return a product as a PyTorch user would write it, whose graph is built once."""
    network = with_batch_statistics(subject.network(channels_last=channels_last)).to(dtype)
    parameters = list(network.parameters())
    pieces = [piece.to(dtype) for piece in subject.pieces(subject.vector())]
    graphs = []
    for inputs, targets in subject.batches(BLOCK, channels_last=channels_last):
        loss = nn.functional.cross_entropy(network(inputs.to(dtype)), targets, reduction="sum")
        part = loss / len(subject.inputs)
        graphs.append(torch.autograd.grad(part, parameters, create_graph=True))

    def run() -> torch.Tensor:
        total = [torch.zeros_like(parameter) for parameter in parameters]
        for gradient in graphs:
            parts = torch.autograd.grad(gradient, parameters, pieces, retain_graph=True)
            torch._foreach_add_(total, list(parts))
        return torch.cat([part.reshape(-1) for part in total])

    return run


def _measured(name: str, recipe: subjects.Recipe, options: argparse.Namespace) -> list[Record]:
    recipe = dataclasses.replace(recipe, examples=64 if options.quick else EXAMPLES)
    store = Store(options.build_dir / "store")
    subject = subjects.trained(name, recipe, options.data_dir, store)
    exact = plain(subject, dtype=torch.float64)()
    kept = products(subject)
    keys = {f"{tool} {setting}": (tool, setting) for tool, setting in kept}
    errors = {
        text: float((kept[key]().double() - exact).norm() / exact.norm())
        for text, key in keys.items()
        if key[0] != FROZEN  # Another matrix.
    }
    times = interleaved({text: kept[key] for text, key in keys.items()}, repeats=options.repeats)
    return [
        Record("batch product", name, *key, tuple(times[text]), error=errors.get(text))
        for text, key in keys.items()
    ]


def document(run: Mapping[str, Any], records: Sequence[Record]) -> str:
    """Return the results as markdown."""
    lines = []
    for record in records:
        rounds = [
            one / other
            for one, other in zip(record.seconds, _own(records, record).seconds, strict=False)
        ]
        error = "" if record.error is None else f"{record.error:.1e}"
        title = run["titles"][record.subject]
        lines.append(
            [
                title,
                record.tool,
                record.setting,
                tables.seconds(record),
                f"{median(rounds):.2f}",
                error,
            ]
        )
    head = ["subject", "tool", "setting", "seconds", "times this library's", "error"]
    return f"{tables.provenance(run)}\n\n{tables.markdown(head, lines)}\n"


def _own(records: Sequence[Record], record: Record) -> Record:
    return next(r for r in records if (r.subject, r.tool) == (record.subject, ours.NAME))


if __name__ == "__main__":
    sys.exit(main())
