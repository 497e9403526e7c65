"""The public face: what ``import landscape`` gives, and how little it loads."""

import subprocess
import sys

import landscape
import pytest


def run(code):
    """The output of a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.slow
def test_each_public_name_is_there_after_import_landscape_alone():
    code = "import landscape; print([n for n in landscape.__all__ if not hasattr(landscape, n)])"
    assert run(code) == "[]"


def test_every_public_name_of_a_room_exists():
    for room in landscape.__all__:
        for name in getattr(getattr(landscape, room), "__all__", ()):
            assert getattr(getattr(landscape, room), name) is not None


def test_import_landscape_loads_neither_torch_nor_matplotlib():
    code = "import sys, landscape; print({'torch', 'matplotlib', 'scipy'} & set(sys.modules))"
    assert run(code) == "set()"


def test_the_face_lists_what_it_has_and_refuses_the_rest():
    assert set(landscape.__all__) <= set(dir(landscape))
    with pytest.raises(AttributeError, match=r"no attribute 'spectra'\. Public are: Objective,"):
        _ = landscape.spectra


def test_objective_stands_at_the_top_and_is_the_same_class():
    from landscape.objective import Objective

    assert landscape.Objective is Objective
