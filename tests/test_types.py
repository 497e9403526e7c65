"""What a type checker tells the user of the library."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
# matplotlib's own stubs leave open whether the figure of axes can be saved.
SAVED = re.compile(r"\.figure\.savefig\(.*\)")


def readme():
    """The README's program."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    (program,) = [block for block in blocks if "landscape.Objective(" in block]
    return SAVED.sub("", program)


TYPES = {
    "L": "landscape.objective.Objective",
    "top.values": "torch._tensor.Tensor",
    "top.largest": "float",
    "top.plot()": "matplotlib.axes._axes.Axes",
    "L.hessian()": "landscape.operators.SymmetricOperator",
    "sharpness.sam(L, rho=0.05).value": "float",
    "slices.random_plane(L, reach=1.0, points=9, seed=0)": "landscape.slices.grid.Plane",
    "spectrum.trace(L.hessian()).stderr": "float",
    "examples[0]": "torch._tensor.Tensor",
}
MISTAKES = {
    'spectrum.eigenpairs(L.hessian(), k="3")': 'Argument "k" to "eigenpairs" has incompat',
    "spectrum.eigenpairs(L)": 'has incompatible type "Objective"; expected "SymmetricOper',
    'spectrum.eigenpairs(L.hessian(), which="top")': "expected \"Literal['largest', 'small",
    "sharpness.sam(L, radius=0.05)": 'Unexpected keyword argument "radius" for "sam"',
    "landscape.objective_of(L)": 'Module has no attribute "objective_of"',
}


@pytest.fixture(scope="module")
def told(tmp_path_factory, pytestconfig):
    """For each program of the user's, what strict mypy prints: one process reads PyTorch once."""
    folder = tmp_path_factory.mktemp("programs")
    reveals = "".join(f"reveal_type({expression})\n" for expression in TYPES)
    programs = {
        "program": reveals,
        **{f"mistake{n}": f"{call}\n" for n, call in enumerate(MISTAKES)},
    }
    for name, end in programs.items():
        (folder / f"{name}.py").write_text(readme() + end, encoding="utf-8")
    # Beside pytest's cache: without one, mypy reads all of PyTorch each time.
    cache = pytestconfig.cache.mkdir("mypy")
    options = ["--strict", "--follow-imports=silent", "--config-file=", f"--cache-dir={cache}"]
    answer = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *(f"{name}.py" for name in programs)],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT / "lib")},
        capture_output=True,
        text=True,
    )
    assert not answer.stderr
    lines = re.findall(r"^(\w+)\.py:\d+: (.*)$", answer.stdout, re.MULTILINE)
    return {name: [text for file, text in lines if file == name] for name in programs}


def test_the_readmes_program_has_types_and_no_error(told):
    assert told["program"] == [f'note: Revealed type is "{name}"' for name in TYPES.values()]


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_an_evident_mistake_is_an_error(told, number):
    (line,) = [one for one in told[f"mistake{number}"] if one.startswith("error: ")]
    assert list(MISTAKES.values())[number] in line
