"""A project with one study of a second, to run the set-up, the Makefile and papermill for real."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

STUDY = """\
# ---
# jupyter:
#   jupytext:
#     notebook_metadata_filter: -jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # How large is a number?
#
# **Question.** Is it larger than zero?

# %% tags=["parameters"]
profile, data_dir, build_dir = "quick", "data", "build"
number = 1.0
seeds = [0, 1]
label = "digits"
fast = True

# %%
import json
import os
import statistics as verdicts
import sys
from pathlib import Path

# %%
print(f"number {number} in {data_dir}")
word = str.upper("reproduced")

# %%
folder = Path(build_dir) / profile / "results" / "01_number"
folder.mkdir(parents=True, exist_ok=True)
threads = os.environ.get("OMP_NUM_THREADS")
seen = {"number": number, "seeds": seeds, "python": sys.executable, "cwd": os.getcwd(),
        "hash": os.environ["PYTHONHASHSEED"], "threads": threads}
(folder / "claims.json").write_text(json.dumps(seen))
print(verdicts.mean(seeds))

# %% [markdown]
# ## Limits
#
# One number.
"""

# What make calls to typeset, in place of the real ones: this project tests what leads there.
TYPESET = """\
def build_{kind}(profile_dir, studies, output):
    output.write_text(" ".join(studies))
"""


def make_project(root: Path) -> Path:
    """Write the project into ``root``, with this repository's Makefile and report package."""
    shutil.copy(ROOT / "Makefile", root)
    for name in ("requirements.lock", "pyproject.toml", "environment.yml"):
        shutil.copy(ROOT / name, root)
    (root / "report").mkdir()
    for path in (ROOT / "report").glob("*.py"):
        shutil.copy(path, root / "report")
    for kind in ("html", "pdf"):
        (root / "report" / f"{kind}.py").write_text(TYPESET.format(kind=kind))
    # What the packages are is not the question here; test_environment.py asks it.
    (root / "report" / "environment.py").write_text("")
    (root / "lib" / "landscape").mkdir(parents=True)
    (root / "lib" / "landscape" / "__init__.py").write_text("")
    add_study(root, "01_number", STUDY)
    return root


def add_study(root: Path, name: str, text: str) -> None:
    """Add a study: one notebook and its profile files, and nothing else."""
    (root / "notebooks").mkdir(exist_ok=True)
    (root / "notebooks" / f"{name}.py").write_text(text)
    for profile in ("smoke", "quick", "paper"):
        folder = root / "notebooks" / "profiles" / profile
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.yaml").write_text("number: 2.0\n")


def make(root: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run make there with this interpreter, as from a shell: nothing of an outer make leaks in."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    environment.pop("MFLAGS", None)
    return subprocess.run(
        ["make", "VENV=", f"PYTHON={sys.executable}", *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
    )
