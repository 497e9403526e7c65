"""A project with one study of a second, to run the set-up, the Makefile and papermill for real."""

import json
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
profile, data_dir, build_dir, remeasure = "quick", "data", "build", ""
number = 1.0
seeds = [0, 1]
label = "digits"
fast = True

# %% Imports
import json
import os
import statistics
import sys
from pathlib import Path

# %% Measure the number
print(f"number {number} in {data_dir}")
word = str.upper("reproduced")

# %% Measure the number
study, made = "01_number", Path(build_dir) / profile
threads = os.environ.get("OMP_NUM_THREADS")
seen = {"number": number, "seeds": seeds, "python": sys.executable, "cwd": os.getcwd(),
        "hash": os.environ["PYTHONHASHSEED"], "threads": threads, "remeasure": remeasure}
print(statistics.mean(seeds))

# %% Measure the number
place = Path("report/published") if profile == "published" else made
header = place / f"record/{study}/record.json"
if not header.exists():
    print("measured")
parameters = {"profile": profile, "number": number, "seeds": seeds, "label": label, "fast": fast}
new = {"study": study, "number": number, "parameters": parameters}
old = json.loads(header.read_text()) if header.exists() else new
for name, text in {
    f"record/{study}/record.json": json.dumps(old),
    f"record/{study}/entries.csv": "entry,kind\\ne1,runs\\n",
    f"record/{study}/origins.json": json.dumps({"o1": {"commit": "0123456789", "dirty": False}}),
    f"provenance/{study}.json": json.dumps({"parameters": parameters}),
    f"results/{study}/seen.json": json.dumps(seen),
}.items():
    (made / name).parent.mkdir(parents=True, exist_ok=True)
    (made / name).write_text(text)

# %% [markdown]
# ## Discussion
#
# One number.
"""

JUDGING = """\
# %% [markdown]
# # Which numbers stood?
#
# **Question.** Which of them is large?

# %% tags=["parameters"]
profile, build_dir = "quick", "build"
margin = 1.25

# %% Imports
import json
from pathlib import Path

# %% Measure the number
made = Path(build_dir) / profile
names = sorted(path.parent.name for path in made.glob("record/*/record.json"))
judgements = [
    {"id": f"S{name[1]}.1a", "claim": f"S{name[1]}.1", "verdict": "reproduced", "margin": margin}
    for name in names
]
claims = [
    {"claim": f"S{name[1]}.1", "source": f"S{name[1]}", "statement": "It is large.",
     "finding": "It is 2.", "verdict": "reproduced"}
    for name in names
]
print("judged", *names)

# %% Measure the number
(made / "results" / "09_verdicts").mkdir(parents=True, exist_ok=True)
verdicts = json.dumps({"judgements": judgements, "claims": claims})
(made / "results" / "09_verdicts" / "verdicts.json").write_text(verdicts)
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


def add_study(root: Path, name: str, text: str, values: str = "number: 2.0\n") -> None:
    """Add a study: one notebook and its profile files, and nothing else."""
    (root / "notebooks").mkdir(exist_ok=True)
    (root / "notebooks" / f"{name}.py").write_text(text)
    for profile in ("smoke", "quick", "paper"):
        folder = root / "notebooks" / "profiles" / profile
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.yaml").write_text(values)


def add_verdicts(root: Path) -> None:
    """Add the notebook that judges the records of all studies."""
    add_study(root, "09_verdicts", JUDGING, values="")


def publish_record(root: Path, name: str = "01_number", number: float = 2.0) -> Path:
    """Write the published record of a study; return its folder."""
    folder = root / "report" / "published" / "record" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "record.json").write_text(json.dumps({"study": name, "number": number}))
    (folder / "entries.csv").write_text("entry,kind\ne1,runs\n")
    return folder


def make(root: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run make there with this interpreter, as from a shell: nothing of an outer make leaks in.

    Its kernels have little to import: a process that imports for them would be in vain.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    environment.setdefault("LANDSCAPE_WARM", "off")
    environment.pop("MFLAGS", None)
    return subprocess.run(
        ["make", "VENV=", f"PYTHON={sys.executable}", *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
    )
