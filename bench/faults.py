"""Break a report at random moments, let it go on, and compare its record with an undisturbed one.

``python -m bench.faults --build-dir FOLDER`` writes a table of what was tried, how often a result
came out wrong, and how much computing was lost. Moments and victims are drawn by a seed. A number
of processor seconds counts all processes of a report; on a busy machine clock time would measure
the neighbours. Faults that need a mounted disk are tried where the user may mount one.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import fault_places
from bench.fault_rows import Row, table
from bench.fault_strikes import end, strike, tree

ROOT = Path(__file__).resolve().parent.parent


class Report:
    """A report of some studies, made by make in folders that are told.

    Args:
        studies: Names of the studies, separated by spaces.
        data_dir: Folder of the data.
        options: Further words for make.
    """

    def __init__(self, studies: str, data_dir: str, options: tuple[str, ...] = ()) -> None:
        self._words = ["PROFILE=smoke", f"STUDIES={studies}", f"DATA_DIR={data_dir}", *options]

    def start(self, build_dir: Path) -> subprocess.Popen[str]:
        """Start it, as from a terminal of its own."""
        words = ["make", "-o", "environment", "report", "VENV=", f"PYTHON={sys.executable}"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        return subprocess.Popen(
            [*words, *self._words, f"BUILD_DIR={build_dir}"],
            cwd=ROOT,
            # Kernels that are forked from one process would be none of its descendants.
            env={**environment, "LANDSCAPE_WARM": "off"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def make(self, build_dir: Path) -> tuple[int, str, float]:
        """Make it to its end; return status, output and processor seconds."""
        before = _children()
        process = self.start(build_dir)
        output, _ = process.communicate()
        return process.returncode, output, _children() - before


def record(build_dir: Path) -> dict[str, bytes]:
    """Return the files of the records of a report; times are of the machine and no result."""
    folder = build_dir / "smoke" / "record"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "times.csv" and not path.name.endswith(".lock")
    }


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Trials:
    """What is tried on one report.

    Args:
        report: The report.
        folder: Where its build folders go; each trial has its own, which is removed.
        seed: Seed of moments and victims.
    """

    def __init__(self, report: Report, folder: Path, seed: int) -> None:
        self.report, self.folder = report, folder
        self.draw = random.Random(seed)
        self.number = 0
        with self.place() as place:
            status, output, self.seconds = report.make(place)
            if status:
                raise RuntimeError(f"the undisturbed report failed:\n{output}")
            self.want = record(place)
            # A disk of this size holds it all; blocks of 4 kB, as file systems give them.
            sizes = (path.stat().st_size for path in place.rglob("*") if path.is_file())
            self.size = sum(-(-size // 4096) * 4096 for size in sizes)

    @contextmanager
    def place(self) -> Iterator[Path]:
        """Give a build folder, as a context."""
        self.number += 1
        place = self.folder / f"trial{self.number}"
        shutil.rmtree(place, ignore_errors=True)
        yield place
        shutil.rmtree(place, ignore_errors=True)

    def is_right(self, place: Path) -> tuple[bool, float]:
        """Make the report to its end; return whether its record is right, and what that cost."""
        status, _, seconds = self.report.make(place)
        return status == 0 and record(place) == self.want, seconds

    def kills(self, row: Row, count: int, each: int = 1) -> Row:
        """SIGKILL at random moments, ``each`` times before the report may end."""
        victims: dict[str, int] = {}
        for _ in range(count):
            with self.place() as place:
                spent = 0.0
                for _ in range(each):
                    process = self.report.start(place)
                    seconds, kind = strike(process, self.draw.uniform(0, self.seconds), self.draw)
                    end(process)
                    spent += seconds
                    victims[kind] = victims.get(kind, 0) + 1
                right, seconds = self.is_right(place)
                # Studies outlive make, and what they compute then is not in ``spent``.
                if kind not in ("make", "nothing"):
                    row.lost.append(spent + seconds - self.seconds)
                row.wrong += not right
                row.moments += each
        row.note = ", ".join(f"{kind} {number}" for kind, number in sorted(victims.items()))
        return row

    def interrupts(self, row: Row, count: int) -> Row:
        """Ctrl-C at random moments: SIGINT to the whole group, as a terminal sends it."""
        longest = 0
        for _ in range(count):
            with self.place() as place:
                process = self.report.start(place)
                moment, spent = self.draw.uniform(0, self.seconds), 0.0
                while process.poll() is None and spent < moment:
                    spent = sum(tree(process.pid).values())
                    time.sleep(0.02)
                os.killpg(process.pid, signal.SIGINT)
                longest = max(longest, end(process).count("Traceback"))
                right, seconds = self.is_right(place)
                row.lost.append(spent + seconds - self.seconds)
                row.wrong += not right
                row.moments += 1
        row.note = f"tracebacks {longest}"
        return row


def main(arguments: list[str] | None = None) -> int:
    """Try all faults; print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--build-dir", type=Path, required=True)
    parser.add_argument("--data-dir", default="data")
    parser.add_argument("--studies", default="02_skip_depth", help="separated by spaces")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--interrupts", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    given.build_dir.mkdir(parents=True, exist_ok=True)
    trials = Trials(
        Report(given.studies, given.data_dir), given.build_dir.absolute() / "faults", given.seed
    )
    rows: list[Row] = []
    tries: list[Callable[[], Row]] = [
        lambda: trials.kills(Row("SIGKILL of a process of the report"), given.kills),
        lambda: trials.interrupts(Row("Ctrl-C"), given.interrupts),
        *fault_places.tries(trials, given.data_dir),
    ]
    for one in tries:
        rows.append(one())
        print(*rows[-1].cells(), sep=" · ", flush=True)
    print(f"\nThe undisturbed report of {given.studies}: {trials.seconds:.1f} s.\n\n{table(rows)}")
    return int(any(row.wrong for row in rows))


if __name__ == "__main__":
    sys.exit(main())
