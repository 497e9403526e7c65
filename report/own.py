"""The report of the reader's own network: ``landscape report mypackage.module:build --data ...``.

It executes the notebook ``00_own_network`` and writes one HTML file, on request a PDF as well.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from report.errors import ReportError
from report.folders import BUILD, mark, why_unusable, why_unwritable
from report.settings import OWN, choose

ROOT = Path(__file__).resolve().parent.parent
PROFILE = "paper"  # measures, and its numbers are no trial
KEPT = ".landscape-report-files"  # beside the page: record, store and executed notebook


# Options of the loss and of how it is computed, as for landscape.Objective: type, help.
_LOSS = {
    "output": (str, "key, attribute or position of the logits among several outputs"),
    "target": (str, "key of the targets in batches that are dicts; default labels"),
    "weight_decay": (float, "coefficient of the penalty that training added; default 0"),
    "label_smoothing": (float, "share of each target spread over all classes; default 0"),
    "class_weights": (str, "such as 1,2.5,1, or the name of a tensor"),
    "ignore_index": (int, "target that does not count; default -100"),
    "class_axis": (int, "axis of the outputs that counts the classes, 1 or -1"),
    "microbatch": (int, "examples computed at once; default the fastest"),
    "dtype": (str, "float32 or float64; default the network's own"),
}


def own_report(given: argparse.Namespace, *, folder: Path) -> list[Path]:
    """Measure the reader's network, write the report, and return its files.

    Args:
        given: The command's options, as ``parser`` reads them.
        folder: The reader's folder: where their modules are looked for, and paths begin.

    Raises:
        ReportError: If an option is wrong, or the notebook fails.
    """
    from report.execute import execute
    from report.html import build_html
    from report.parameters import parameters
    from report.pdf import build_pdf

    out = folder / given.out
    if out.suffix != ".html":
        raise ReportError(f"--out {given.out} is no page: give a name that ends in .html")
    kept = folder / given.keep if given.keep else out.parent / KEPT
    reason = why_unusable(kept, BUILD, ROOT) or why_unwritable(kept)
    if reason:
        raise ReportError(f"the folder {kept} {reason}. Name another one by --keep")
    mark(kept, BUILD)
    settings = choose(ROOT, profile=PROFILE, studies=[OWN], data_dir=folder, build_dir=kept)
    values = parameters(settings, OWN, [*_named(given, folder), *map(tuple, given.parameter)])
    execute(settings, OWN, values)
    title = given.title or f"The loss landscape of {given.model.rpartition('/')[2]}"
    written = [build_html(settings.profile_dir, [OWN], out, title=title)]
    if given.pdf:
        written.append(build_pdf(settings.profile_dir, [OWN], out.with_suffix(".pdf"), title=title))
    return [*written, settings.profile_dir / "record" / OWN / "measurements.csv"]


def _named(given: argparse.Namespace, folder: Path) -> list[tuple[str, str]]:
    """Return the parameters of the notebook that options of the command name."""
    names = [*"model data checkpoint compare loss unit bn budget examples seed".split(), *_LOSS]
    values = ((name, getattr(given, name)) for name in names)
    named = [(name, str(value)) for name, value in values if value is not None]
    return [*named, ("folder", str(folder))]


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    options = argparse.ArgumentParser(
        prog="landscape report",
        description="Measure the loss landscape around a network, and write one HTML file.",
        epilog="Objects are named as package.module:name or file.py:name. What was measured is "
        f"kept in {KEPT} beside the page: the same command goes on where it ended.",
    )
    options.add_argument("model", help="a network, or a function or class that builds it")
    options.add_argument("--data", required=True, help="(inputs, targets), Dataset or DataLoader")
    options.add_argument("--checkpoint", help="file of weights: .pt, .pth or .safetensors")
    options.add_argument("--compare", help="other weights, or another network of the same layers")
    options.add_argument("--loss", help="cross_entropy (default), mse, or a function's name")
    options.add_argument("--unit", help="unit of the loss; default nats")
    options.add_argument("--bn", help="policy: frozen (default), batch or reestimate")
    options.add_argument("--examples", type=int, help="first examples to measure on; default 512")
    options.add_argument("--budget", help="time to measure in, such as 90s or 1h; default 5m")
    options.add_argument("--seed", type=int, help="of random directions; default 0")
    for name, (kind, words) in _LOSS.items():
        options.add_argument(f"--{name.replace('_', '-')}", type=kind, help=words)
    options.add_argument("--out", default="landscape.html", help="default landscape.html")
    options.add_argument("--pdf", action="store_true", help="write a PDF beside it")
    options.add_argument("--title", default="", help="of the page")
    options.add_argument("--keep", default="", help="folder of record and store")
    options.add_argument(
        "-p",
        dest="parameter",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="another parameter of the notebook, such as -p plane_points 31",
    )
    return options


def main(arguments: Sequence[str], folder: Path) -> int:
    """Run the command; an error of the reader's is one message, without a traceback."""
    given = parser().parse_args(arguments)
    try:
        for path in own_report(given, folder=folder):
            shown = path.relative_to(folder) if path.is_relative_to(folder) else path
            print(shown)
    except ReportError as error:
        # The first clause names a cell of our notebook, which says nothing to its user.
        text = re.sub(r"^notebooks/\S+: cell .*?`: (?:\w*Error: )?", "", str(error))
        print(f"error: {text}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on where it ended", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:], Path(sys.argv[1])))
