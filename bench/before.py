"""Time ``make report PROFILE=quick`` of an earlier commit and of this tree, in turns.

``python -m bench.before --build-dir FOLDER`` makes the same studies by both, each in a new build
folder, from an environment that stands, and compares the numbers that both measured.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEFORE = "245b02b"
ASKED = 0.6  # Of the earlier time.
STUDIES = (
    "01_bn_ablation 02_skip_ablation 02_skip_depth 02_skip_sharpness 02_skip_starts "
    "02_skip_vs_cnn 03_optimizer_sweep 04_width_scaling"
)
# What names a number, where both records have it.
_NAMES = ("quantity", "arm", "seed", "at", "step", "bn", "split", "rho", "examples", "dtype")

Number = tuple[str, ...]


def tree(commit: str, folder: Path) -> Path:
    """Return a working tree of a commit below a folder."""
    place = folder / f"tree-{commit}"
    if not place.is_dir():
        command = ["git", "worktree", "add", "--detach", "--force", str(place), commit]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return place


def made(root: Path, build_dir: Path, given: argparse.Namespace) -> float:
    """Make the report of a tree in a new build folder; return the seconds."""
    command = ["make", "-o", "environment", "report", f"PROFILE={given.profile}", "VENV="]
    command += [f"PYTHON={sys.executable}", f"STUDIES={given.studies}"]
    command += [f"DATA_DIR={given.data_dir}", f"BUILD_DIR={build_dir}"]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    begun = time.monotonic()
    done = subprocess.run(
        command,
        cwd=root,
        env={**kept, "PYTHONPATH": str(root / "lib")},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"the report of {root} failed:\n{done.stdout[-3000:]}{done.stderr}")
    return time.monotonic() - begun


def numbers(build_dir: Path, profile: str) -> dict[tuple[str, Number], float]:
    """Return (study, what names a number) -> the number; repeated names are left out."""
    values: dict[tuple[str, Number], list[float]] = {}
    for path in sorted((build_dir / profile / "record").glob("*/measurements.csv")):
        with open(path.with_name("entries.csv"), encoding="utf-8") as file:
            labels = {row["entry"]: row for row in csv.DictReader(file)}
        with open(path, encoding="utf-8") as file:
            for row in csv.DictReader(file):
                named = {**labels.get(row["entry"], {}), **row}
                name = tuple(str(named.get(column) or "") for column in _NAMES)
                if row["value"]:
                    values.setdefault((path.parent.name, name), []).append(float(row["value"]))
    return {name: rows[0] for name, rows in values.items() if len(rows) == 1}


def differences(
    before: dict[tuple[str, Number], float], now: dict[tuple[str, Number], float]
) -> list[tuple[float, tuple[str, Number]]]:
    """Return the relative difference of each number that both have, the largest first."""
    shared = before.keys() & now.keys()
    found = []
    for name in shared:
        one, two = before[name], now[name]
        same = one == two or (one != one and two != two)  # NaN is NaN.
        scale = max(abs(one), abs(two))
        found.append((0.0 if same else abs(one - two) / scale if scale else 0.0, name))
    return sorted(found, reverse=True)


def main(arguments: list[str] | None = None) -> int:
    """Time both, compare their numbers, print; return 1 if slower than asked."""
    parser = argparse.ArgumentParser(prog="python -m bench.before", description=__doc__)
    parser.add_argument("--build-dir", type=Path, required=True)
    parser.add_argument("--data-dir", default="data")
    parser.add_argument("--commit", default=BEFORE)
    parser.add_argument("--studies", default=STUDIES, help="separated by spaces")
    parser.add_argument("--profile", default="quick")
    parser.add_argument("--turns", type=int, default=2)
    given = parser.parse_args(arguments)
    given.build_dir = given.build_dir.absolute()
    given.build_dir.mkdir(parents=True, exist_ok=True)
    trees = {given.commit: tree(given.commit, given.build_dir), "this tree": ROOT}
    spent: dict[str, list[float]] = {name: [] for name in trees}
    measured = {}
    for turn in range(given.turns):
        for name in trees if turn % 2 == 0 else reversed(trees):
            folder = Path(tempfile.mkdtemp(dir=given.build_dir))
            spent[name].append(made(trees[name], folder / "build", given))
            measured[name] = numbers(folder / "build", given.profile)
            shutil.rmtree(folder)
            print(f"{name}: {spent[name][-1]:.1f} s", flush=True)
    ratio = statistics.median(spent["this tree"]) / statistics.median(spent[given.commit])
    print(f"ratio {ratio:.2f}, asked at most {ASKED} ({'holds' if ratio <= ASKED else 'MISSED'})")
    found = differences(measured[given.commit], measured["this tree"])
    print(f"{len(found)} numbers in both: the largest relative differences")
    for difference, (study, name) in found[:10]:
        print(f"  {difference:.1e}  {study}: {', '.join(filter(None, name))}")
    return int(ratio > ASKED)


if __name__ == "__main__":
    sys.exit(main())
