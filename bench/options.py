"""Options that all benches have on the command line."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from landscape import machine


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
        setattr(options, place, machine.project_path(getattr(options, place)))
    options.peers = options.peers or options.build_dir / "bench" / "peers"
    return options
