"""Code that is known by its source is what Python runs, not what a name says."""

import importlib
import os
import subprocess
import sys

import pytest
import torch
from landscape import models, spectrum
from landscape.store import library
from landscape.store.entries import Store
from landscape.store.fingerprint import code_version, digest

from tests.landscape.store.test_identity import cell


def test_methods_and_inner_functions_of_one_definition_are_told_apart():
    methods = [Store.get, Store.put, Store.drop, Store.key]
    assert len({digest(method) for method in methods}) == 4
    assert {code_version(method) for method in methods} == {code_version(Store)}


def test_a_library_class_with_a_method_of_the_readers_is_another(monkeypatch):
    before = digest(models.MLP)
    monkeypatch.setattr(models.MLP, "build", cell("def own(self): return 1")["own"])
    one = digest(models.MLP)
    monkeypatch.setattr(models.MLP, "build", cell("def own(self): return 2")["own"])
    assert len({before, one, digest(models.MLP)}) == 3
    monkeypatch.undo()
    assert digest(models.MLP) == before


def test_a_library_function_that_a_reader_decorated_is_another(monkeypatch):
    plain = spectrum.eigenpairs
    decorated = torch.no_grad()(plain)
    assert digest(decorated) != digest(plain) and code_version(decorated) != code_version(plain)


@pytest.mark.slow
def test_a_module_that_was_reloaded_is_known_by_its_new_source(tmp_path):
    package = tmp_path / "readable"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from pathlib import Path\nfrom landscape.store.library import read_code\n"
        "read_code(Path(__file__).parent)\n",
        encoding="utf-8",
    )
    helper = "def g():\n    return {}\n"
    (package / "h.py").write_text(helper.format(1), encoding="utf-8")
    (package / "m.py").write_text(
        "from readable import h\n\n\ndef f():\n    return h.g()\n", encoding="utf-8"
    )
    code = (
        "import importlib, pathlib\n"
        "from readable import h, m\n"
        "from landscape.store.fingerprint import code_version\n"
        "print(code_version(m.f))\n"
        f"pathlib.Path(h.__file__).write_text({helper.format(22)!r})\n"
        "print(code_version(m.f))\n"
        "importlib.reload(h)\n"
        "print(m.f(), code_version(m.f))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["", *sys.path])}
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    one, edited, reloaded = done.stdout.splitlines()
    assert one == edited  # What runs is what was loaded.
    assert reloaded.startswith("22 ") and not reloaded.endswith(one)


def test_all_definitions_of_the_library_are_found_in_memory():
    # A definition that was not would be known by its instructions, other in each Python.
    sources = library.definitions().code
    for module in ("landscape.objective", "landscape.training.loop", "landscape.store.entries"):
        loaded = importlib.import_module(module)
        for name in sources.module(module).definitions:
            value = getattr(loaded, name, None)
            if isinstance(value, type) or type(value) is type(lambda: 0):
                assert library.version(value) is not None, f"{module}.{name}"
