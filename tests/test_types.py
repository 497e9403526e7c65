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


@pytest.fixture
def checked(tmp_path, pytestconfig):
    """A function that returns the lines that strict mypy prints for a program of the user's."""

    def check(program):
        (tmp_path / "program.py").write_text(program, encoding="utf-8")
        # Beside pytest's cache: without one, mypy reads all of PyTorch each time.
        cache = pytestconfig.cache.mkdir("mypy")
        options = ["--strict", "--follow-imports=silent", "--config-file=", f"--cache-dir={cache}"]
        answer = subprocess.run(
            [sys.executable, "-m", "mypy", *options, "program.py"],
            cwd=tmp_path,
            env={**os.environ, "MYPYPATH": str(ROOT / "lib")},
            capture_output=True,
            text=True,
        )
        assert not answer.stderr
        return [line for line in answer.stdout.splitlines() if line.startswith("program.py:")]

    return check


def readme():
    """The README's program."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    (program,) = [block for block in blocks if "landscape.Objective(" in block]
    return SAVED.sub("", program)


def test_the_readmes_program_has_types_and_no_error(checked):
    types = {
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
    program = readme() + "".join(f"reveal_type({expression})\n" for expression in types)
    told = [re.sub(r"^program.py:\d+: ", "", line) for line in checked(program)]
    assert told == [f'note: Revealed type is "{name}"' for name in types.values()]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ('spectrum.eigenpairs(L.hessian(), k="3")', 'Argument "k" to "eigenpairs" has incompat'),
        ("spectrum.eigenpairs(L)", 'has incompatible type "Objective"; expected "SymmetricOper'),
        ('spectrum.eigenpairs(L.hessian(), which="top")', "expected \"Literal['largest', 'small"),
        ("sharpness.sam(L, radius=0.05)", 'Unexpected keyword argument "radius" for "sam"'),
        ("landscape.objective_of(L)", 'Module has no attribute "objective_of"'),
    ],
)
def test_an_evident_mistake_is_an_error(checked, call, error):
    (line,) = [one for one in checked(f"{readme()}{call}\n") if ": error: " in one]
    assert error in line
