"""What a parameter names in Python code: modules, files, and clear errors."""

import sys

import pytest
from studies.references import imported


@pytest.fixture(autouse=True)
def _kept_path(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def written(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_module_of_the_readers_folder_is_imported(tmp_path):
    written(tmp_path, "own_package/__init__.py", "")
    written(tmp_path, "own_package/nets.py", "class Net:\n    depth = 3\n")
    assert imported("own_package.nets:Net.depth", parameter="model", folder=tmp_path) == 3


def test_a_file_is_imported_with_its_neighbours(tmp_path):
    written(tmp_path, "code/neighbour_of_nets.py", "value = 7\n")
    written(tmp_path, "code/nets_file.py", "from neighbour_of_nets import value\n")
    assert imported("code/nets_file.py:value", parameter="data", folder=tmp_path) == 7


def test_a_file_is_executed_once_and_its_classes_are_importable(tmp_path):
    written(tmp_path, "once_only.py", "class Net:\n    pass\n")
    first = imported("once_only.py:Net", parameter="model", folder=tmp_path)
    assert imported("once_only.py:Net", parameter="model", folder=tmp_path) is first
    assert sys.modules[first.__module__].Net is first


@pytest.mark.parametrize("text", ["", "nets", "nets.py", ":build", "nets:"])
def test_a_text_that_names_nothing_is_refused(text):
    with pytest.raises(ValueError, match=r"names no object. Write package.module:name"):
        imported(text, parameter="model")


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"there is no module 'no_such_package\.nets'"):
        imported("no_such_package.nets:build", parameter="model", folder=tmp_path)
    with pytest.raises(ValueError, match="model: there is no file"):
        imported("none.py:build", parameter="model", folder=tmp_path)
    with pytest.raises(ValueError, match=r"math has no 'square'. It has acos"):
        imported("math:square", parameter="loss", folder=tmp_path)


def test_a_module_that_lacks_something_itself_keeps_its_error(tmp_path):
    written(tmp_path, "needs_more.py", "import a_package_that_is_not_installed\n")
    with pytest.raises(ModuleNotFoundError, match="a_package_that_is_not_installed"):
        imported("needs_more:build", parameter="model", folder=tmp_path)
