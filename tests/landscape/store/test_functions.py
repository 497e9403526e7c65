"""What identifies a reader's function: what its instructions read, however they do."""

import builtins
import functools
import sys

import pytest
from landscape import spectrum
from landscape.store.fingerprint import code_version, digest
from torch.nn import functional

from tests.landscape.store.test_identity import cell


def function(text, **names):
    return cell(text, **names)["f"]


def test_a_text_that_is_returned_is_told_from_a_docstring():
    text = "def f():\n    '{0}'\n    return '{0}'"
    assert digest(function(text.format("a"))) != digest(function(text.format("b")))
    words = "def f():\n    '{0}'\n    def g():\n        '{0}'\n    return g"
    assert digest(function(words.format("a"))) == digest(function(words.format("b")))


WRAPPED = "@functools.wraps(wrapped)\ndef f(x, *rest):\n    return x * {}"


@pytest.mark.parametrize("wrapped", [spectrum.eigenpairs, functional.relu])
def test_a_function_that_bears_the_name_of_another_is_its_own(wrapped):
    one, two = (function(WRAPPED.format(n), functools=functools, wrapped=wrapped) for n in (1, 2))
    one.__kwdefaults__ = two.__kwdefaults__ = wrapped.__kwdefaults__
    assert len({digest(one), digest(two), digest(wrapped)}) == 3
    assert code_version(one) != code_version(two)


def test_an_impostor_with_the_defaults_of_the_library_is_not_the_library():
    real = spectrum.eigenpairs
    for number in (1, 2):
        false = function(f"def f(operator):\n    return {number}")
        false.__module__, false.__qualname__ = real.__module__, real.__qualname__
        false.__defaults__, false.__kwdefaults__ = real.__defaults__, real.__kwdefaults__
        assert digest(false) != digest(real) and code_version(false) != code_version(real)


@pytest.mark.parametrize(
    "body",
    [
        "globals()['K']",
        "eval('K')",
        "exec('K')",
        "f.__globals__['K']",
        "importlib.import_module('helpers').K",
        "sys.modules['helpers'].K",
        "__import__('helpers').K",
    ],
)
def test_a_function_that_looks_up_names_while_it_runs_is_refused(body):
    text = f"import importlib, sys\nK = 1\ndef f():\n    return {body}"
    with pytest.raises(TypeError, match="it looks up names while it runs"):
        digest(function(text))


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A writer of the reader's own package ``ownhelpers``, which it loads anew."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "ownhelpers").mkdir()

    def write(**texts):
        for name in [name for name in sys.modules if name.partition(".")[0] == "ownhelpers"]:
            monkeypatch.delitem(sys.modules, name)
        for name, text in {"__init__": "", **texts}.items():
            (tmp_path / "ownhelpers" / f"{name}.py").write_text(text, encoding="utf-8")

    return write


WAYS = {
    "an absolute import": "from ownhelpers.h import g\n    return g()",
    "an import relative to the package": "from .h import g\n    return g()",
    "a module relative to the package": "from . import h\n    return h.g()",
    "what a package holds besides": "import ownhelpers.h\n    return ownhelpers.K",
}


@pytest.mark.parametrize("way", WAYS)
def test_what_a_function_imports_while_it_runs_is_followed(package, way):
    found = []
    for number in (1, 1, 2):
        package(
            __init__=f"K = {number}",
            h=f"def g():\n    return {number}",
            m=f"import ownhelpers.h\ndef f():\n    {WAYS[way]}",
        )
        found.append(digest(function("from ownhelpers.m import f")))
    assert found[0] == found[1] != found[2]


def test_a_module_that_is_not_loaded_yet_is_asked_for(package):
    package(h="K = 1")
    with pytest.raises(TypeError, match=r"module 'ownhelpers\.h' that it imports is not loaded"):
        digest(function("def f():\n    from ownhelpers.h import K\n    return K"))


def test_an_installed_module_is_the_same_before_and_after_it_is_loaded(monkeypatch):
    f = function("def f():\n    import this\n    return this")
    before = digest(f)
    monkeypatch.setitem(sys.modules, "this", sys)
    assert digest(f) == before


def test_a_readers_own_function_under_a_built_in_name_counts():
    found = []
    for number in (1, 2):
        own = cell(f"def mine(x):\n    return {number}")["mine"]
        found.append(
            digest(
                function("def f():\n    return abs(1)", __builtins__={**vars(builtins), "abs": own})
            )
        )
    assert found[0] != found[1]
