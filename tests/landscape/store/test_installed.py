"""Which code is known by its name: what Python and installed packages brought, and no more."""

import os
import statistics
import subprocess
import sys

import pytest
import torch
from landscape.store.fingerprint import digest
from landscape.store.installed import is_installed, is_installed_name
from torch import nn

from tests.landscape.store.test_identity import cell


def test_names_of_python_and_of_installed_packages_are_known():
    for name in ("statistics", "sys", "torch.nn", "numpy", "os.path", "_abc"):
        assert is_installed_name(name), name
    for name in ("__main__", "", "tests", "no_such_package_here"):
        assert not is_installed_name(name), name
    for subject in (nn.ReLU, torch.nn.functional.relu, statistics.mean, int, type(None)):
        assert is_installed(subject), subject


@pytest.mark.parametrize("text", ["class x:\n    def f(self): return {}", "def x(): return {}"])
def test_code_that_was_executed_without_a_modules_name_is_not_pythons(text):
    found = []
    for number in (1, 1, 2):
        namespace = {}
        exec(text.format(number), namespace)
        found.append(digest(namespace["x"]))
    assert found[0] == found[1] != found[2]


@pytest.mark.slow
def test_a_readers_own_module_may_have_the_name_of_one_of_pythons(tmp_path):
    code = (
        "import code; from landscape.store.fingerprint import digest; print(digest(code.own)); "
        "print(digest(code))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["", *sys.path])}
    found = []
    for number in (1, 1, 2):
        (tmp_path / "code.py").write_text(f"def own():\n    return {number}\n", encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-B", "-c", code],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(done.stdout.split())
    assert found[0] == found[1]
    assert found[0][0] != found[2][0] and found[0][1] != found[2][1]


def test_a_class_of_a_notebook_with_the_name_of_an_installed_one_is_its_own():
    one, two = (cell(f"class ReLU(nn.ReLU):\n    k = {n}")["ReLU"] for n in (1, 2))
    for kind in (one, two):
        kind.__module__ = nn.ReLU.__module__
    assert len({digest(one), digest(two), digest(nn.ReLU)}) == 3
