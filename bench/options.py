"""Options that all benches have on the command line."""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from landscape.store import provenance


def parser(description: str, subjects: Iterable[str], *, repeats: int) -> argparse.ArgumentParser:
    """Return a parser of the shared options.

    Args:
        description: What the bench does.
        subjects: Names that ``--subjects`` takes.
        repeats: Default of ``--repeats``.
    """
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--subjects", nargs="+", choices=tuple(subjects))
    made.add_argument("--repeats", type=int, default=repeats, help="times of each, taken in turn")
    made.add_argument("--threads", type=int, default=2)
    made.add_argument("--data-dir", type=Path, default=Path("data"))
    made.add_argument("--build-dir", type=Path, default=Path("build"))
    made.add_argument("--peers", type=Path, help="default: <build-dir>/bench/peers")
    made.add_argument("--quick", action="store_true", help="tiny networks: does it run?")
    made.add_argument("--publish", type=Path, help="also write the tables into this README")
    return made


def placed(options: argparse.Namespace) -> argparse.Namespace:
    """Return the options with folders against the project and the default place of the peers."""
    for place in ("data_dir", "build_dir"):
        setattr(options, place, provenance.project_path(getattr(options, place)))
    options.peers = options.peers or options.build_dir / "bench" / "peers"
    return options


def checked(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None, subjects: Iterable[str]
) -> argparse.Namespace:
    """Return the shared options, placed; without ``--subjects`` with all of them.

    An error ends the program, as ``parse_args`` does.
    """
    options = parser.parse_args(arguments)
    if options.publish and (options.quick or options.subjects):
        parser.error("--publish needs the whole bench: leave out --quick and --subjects")
    if options.repeats < 1 or options.threads < 1:
        parser.error("--repeats and --threads must be >= 1")
    options.subjects = options.subjects or tuple(subjects)
    return placed(options)
