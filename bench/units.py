"""Time the units of profile ``quick`` by three executors, in turns: ``python -m bench.units``.

Two Dask workers of one thread, two processes of one thread, and one process of two threads make the
same studies, each in a new build folder. What is compared are the seconds of units alone: trainings
and measurements, without figures, kernels and pages. ``--overhead`` times units that do nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import landscape
from landscape import executor
from landscape.executor.units import Unit
from landscape.store.entries import Store

from report import cluster

ROOT = Path(__file__).resolve().parent.parent
LIMITS = {"two processes": 1.1, "one process, two threads": 0.65}  # Most times of each, for Dask.
DASK = "two Dask workers"
VARIANTS: dict[str, tuple[dict[str, str], list[str]]] = {
    DASK: ({"OMP_NUM_THREADS": "1"}, ["CLUSTER=local"]),
    "two processes": ({"OMP_NUM_THREADS": "1", "LANDSCAPE_PROCESSES": "2"}, []),
    "one process, two threads": ({"OMP_NUM_THREADS": "2", "LANDSCAPE_PROCESSES": "1"}, []),
}


def nothing(store: Store, number: int) -> int:
    """A unit that costs nothing but its way."""
    return number


def units_of(
    study: str, profile: str, data_dir: str, folder: Path, variant: str
) -> tuple[int, float]:
    """Make one study; return how many units it had, and the seconds of all of them."""
    environment, words = VARIANTS[variant]
    times = folder / "times.jsonl"
    command = ["make", "-o", "environment", "study", f"STUDY={study}", f"PROFILE={profile}"]
    command += ["VENV=", f"PYTHON={sys.executable}", f"DATA_DIR={data_dir}"]
    command += [f"BUILD_DIR={folder / 'build'}", *words]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**kept, **environment, "LANDSCAPE_UNIT_TIMES": str(times)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{study} by {variant} failed:\n{done.stdout}{done.stderr}")
    lines = [json.loads(line) for line in times.read_text(encoding="utf-8").splitlines()]
    return sum(line["units"] for line in lines), sum(line["seconds"] for line in lines)


def record(folder: Path, profile: str) -> dict[str, bytes]:
    """Return the files of the record that a variant left; times and threads are of the machine."""
    root = folder / "build" / profile / "record"
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("measurements.csv"))
    }


def ratios(seconds: Mapping[str, list[float]]) -> dict[str, float]:
    """Return variant -> median time of Dask by its median time."""
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    return {name: middle[DASK] / middle[name] for name in LIMITS}


def compare(study: str, given: argparse.Namespace) -> bool:
    """Time a study by each variant in turns; print; return whether all is as asked."""
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    records: dict[str, dict[str, bytes]] = {}
    count = 0
    for turn in range(given.turns):
        for name in VARIANTS if turn % 2 == 0 else reversed(VARIANTS):
            folder = Path(tempfile.mkdtemp(dir=given.build_dir))
            place = (study, given.profile, given.data_dir, folder)
            count, spent = units_of(*place, name)
            seconds[name].append(spent)
            records[name] = record(folder, given.profile)
            shutil.rmtree(folder)
    same = records[DASK] == records["two processes"]
    for name, values in seconds.items():
        print(f"{study}: {name}: {', '.join(f'{x:.1f}' for x in values)} s for {count} units")
    right = same
    for name, ratio in ratios(seconds).items():
        right &= ratio <= LIMITS[name]
        word = "holds" if ratio <= LIMITS[name] else "MISSED"
        print(f"{study}: Dask by {name}: {ratio:.2f}, asked at most {LIMITS[name]} ({word})")
    print(f"{study}: numbers of Dask and processes: {'the same bytes' if same else 'DIFFERENT'}")
    return right


def overhead(count: int = 300) -> None:
    """Print the milliseconds that a unit which does nothing takes by each executor."""
    work = [Unit(f"nothing-{i}", nothing, (i,)) for i in range(count)]

    def timed(name: str, chosen: executor.Executor) -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = landscape.Store(folder)
            list(chosen.map(work[:4], store, threads=1))  # Starts the workers.
            begun, used = time.perf_counter(), time.process_time()
            list(chosen.map(work, store, threads=1))
            wall, mine = time.perf_counter() - begun, time.process_time() - used
        print(
            f"{name}: {1e3 * wall / count:.2f} ms a unit, {1e3 * mine / count:.2f} ms of them "
            "processor time of the process that asks"
        )
        chosen.close()

    timed("this process", executor.Serial())
    timed("two processes", executor.Processes(2))
    with cluster.local(Path("data")) as address:
        timed(DASK, executor.Dask(address))


def main(arguments: list[str] | None = None) -> int:
    """Compare the executors; return 1 if one is slower than asked or numbers differ."""
    parser = argparse.ArgumentParser(prog="python -m bench.units", description=__doc__)
    parser.add_argument("--build-dir", type=Path, required=True)
    parser.add_argument("--data-dir", default="data")
    parser.add_argument("--studies", default="01_bn_ablation", help="separated by spaces")
    parser.add_argument("--profile", default="quick")
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--overhead", action="store_true", help="of units that do nothing, alone")
    given = parser.parse_args(arguments)
    given.build_dir = given.build_dir.absolute()
    given.build_dir.mkdir(parents=True, exist_ok=True)
    if given.overhead:
        overhead()
        return 0
    right = [compare(study, given) for study in given.studies.split()]
    return int(not all(right))


if __name__ == "__main__":
    sys.exit(main())
