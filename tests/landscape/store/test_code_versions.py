"""Versions of the library's code: what changes them, and what does not."""

import ast
import functools
import json
import re
from pathlib import Path

import pytest
import studies  # noqa: F401  (its code counts as well)
from landscape.store import library
from landscape.store.carriers import CARRIERS
from landscape.store.code_versions import CodeVersions
from landscape.store.source_code import SourceCode

SOURCES = library.definitions().code.sources
LIBRARY = library.definitions()


def versions(**modules):
    """Versions of a small package ``p`` of these modules."""
    sources = {"p": "", **{f"p.{name}": text for name, text in modules.items()}}
    return CodeVersions(SourceCode(sources))


def version(text, name="f", **modules):
    return versions(m=text, **modules).version("p.m", name)


PLAIN = """
import math

STEP = 2


def _half(x):
    return x / STEP


def f(x, *, times=3):
    total = 0
    for index in range(times):
        total += math.sqrt(_half(x)) * index
    values = [value + total for value in range(3)]
    return total, values
"""

SAME = {
    "a docstring and comments": PLAIN.replace(
        "    total = 0", '    """Words."""\n    # Words.\n    total = 0'
    ),
    "spacing": PLAIN.replace("total += ", "total   +=   "),
    "a local variable": PLAIN.replace("total", "sum_so_far").replace("index", "number"),
    "the variable of a comprehension": PLAIN.replace("value", "entry").replace("entrys", "values"),
    "the name of a helper": PLAIN.replace("_half", "_divided"),
    "the name of a constant": PLAIN.replace("STEP", "DIVISOR"),
    "the name itself": PLAIN.replace("def f(", "def g("),
    "the form of an import": PLAIN.replace("import math", "from math import sqrt").replace(
        "math.sqrt", "sqrt"
    ),
    "another function": PLAIN + "\n\ndef other():\n    return STEP\n",
    "the order": PLAIN.replace("STEP = 2\n", "") + "\n\nSTEP = 2\n",
    "types of results and values": PLAIN.replace("times=3):", "times: int = 3) -> tuple:"),
}
OTHER = {
    "a constant": PLAIN.replace("STEP = 2", "STEP = 3"),
    "the type of a constant": PLAIN.replace("STEP = 2", "STEP = 2.0"),
    "a helper": PLAIN.replace("x / STEP", "x // STEP"),
    "the order of operations": PLAIN.replace("total, values", "values, total"),
    "two variables exchanged": PLAIN.replace("return total, values", "return values, values"),
    "a default": PLAIN.replace("times=3", "times=4"),
    "a parameter's name, by which it may be passed": PLAIN.replace("times", "repeats"),
    "another function of a package": PLAIN.replace("math.sqrt", "math.cbrt"),
    "another package": PLAIN.replace("import math", "import cmath as math"),
    "a decorator": PLAIN.replace("def f(", "@functools.cache\ndef f(").replace(
        "import math", "import functools\nimport math"
    ),
}


@pytest.mark.parametrize("change", SAME)
def test_version_does_not_follow(change):
    assert SAME[change] != PLAIN
    name = "g" if change == "the name itself" else "f"
    assert version(SAME[change], name) == version(PLAIN)


@pytest.mark.parametrize("change", OTHER)
def test_version_follows(change):
    assert version(OTHER[change]) != version(PLAIN)


def test_a_function_may_move_to_another_module():
    moved = "from p.halves import _half\nimport math\n" + PLAIN[PLAIN.index("def f(") :]
    rest = PLAIN[: PLAIN.index("def f(")]
    assert version(moved, halves=rest) == version(PLAIN)


def test_a_name_may_be_imported_through_the_face_of_its_package():
    head, tail = PLAIN[: PLAIN.index("def f(")], PLAIN[PLAIN.index("def f(") :]
    face = {"p": "", "p.q": "from p.q.halves import _half\n", "p.q.halves": head}
    for way in ("from p.q import _half", "from p import q"):
        text = f"import math\n{way}\n{tail}"
        text = text.replace("_half(x)", "q._half(x)") if way.endswith("q") else text
        code = CodeVersions(SourceCode({**face, "p.m": text}))
        assert code.version("p.m", "f") == version(PLAIN)


def test_what_a_shadowed_global_holds_does_not_count():
    text = "x = {}\n\n\ndef f(x):\n    return x\n"
    assert version(text.format(1)) == version(text.format(2))
    nested = "y = {}\n\n\ndef f():\n    y = 1\n    return lambda: y\n"
    assert version(nested.format(1)) == version(nested.format(2))


def test_names_of_a_class_body_are_attributes_and_not_variables():
    text = "y = {}\n\n\nclass f:\n    y = 3\n\n    def g(self):\n        return y\n"
    assert version(text.format(1)) != version(text.format(2))  # g reads the global y.
    assert version(text.format(1)) != version(text.format(1).replace("    y = 3", "    z = 3"))


def test_an_import_inside_a_function_is_followed():
    text = "def f():\n    from p.other import g as h\n    return h()\n"
    one, two = (version(text, other=f"def g():\n    return {n}\n") for n in (1, 2))
    assert one != two


def test_functions_that_call_each_other_count_together():
    text = (
        "def f(n):\n    return g(n)\n\n\ndef g(n):\n    return f(n - {})\n\n\ndef h():\n    pass\n"
    )
    one, two = versions(m=text.format(1)), versions(m=text.format(2))
    assert one.version("p.m", "f") != two.version("p.m", "f")
    assert one.version("p.m", "g") != two.version("p.m", "g")
    assert one.version("p.m", "f") != one.version("p.m", "g")
    assert one.version("p.m", "h") == two.version("p.m", "h")


def test_the_version_does_not_depend_on_what_was_asked_before():
    text = "def f(n):\n    g(n)\n\n\ndef g(n):\n    f(n - 1) + h()\n\n\ndef h():\n    pass\n"
    for first in ("f", "g", "h"):
        code = versions(m=text)
        code.version("p.m", first)
        assert code.version("p.m", "f") == versions(m=text).version("p.m", "f")


def test_two_helpers_that_exchange_their_names_change_the_version():
    text = (
        "def a():\n    return {}\n\n\ndef b():\n    return {}\n\n\ndef f():\n    return a() - b()\n"
    )
    assert version(text.format(1, 2)) != version(text.format(2, 1))


def test_the_class_of_a_parameter_counts():
    text = "from p.kinds import Kind\n\n\ndef f(x: {}):\n    return x.g()\n"
    kinds = "class Kind:\n    def g(self):\n        return {}\n"
    for annotation in ("Kind", '"Kind"', "Kind | None", "list[Kind]"):
        one, two = (version(text.format(annotation), kinds=kinds.format(n)) for n in (1, 2))
        assert one != two, annotation


def test_statements_that_bind_no_name_count_for_their_module():
    text = "TABLE = {{}}\nTABLE.update(a={})\n\n\ndef f():\n    return TABLE\n"
    assert version(text.format(1)) != version(text.format(2))


def test_names_that_a_statement_binds_together_stay_apart():
    text = "one, two = 1, 2\n\n\ndef f():\n    return {}\n"
    assert version(text.format("one")) != version(text.format("two"))


def test_a_module_used_as_a_value_counts_whole():
    text = "from p import other\n\n\ndef f(name):\n    return getattr(other, name)\n"
    one, two = (version(text, other=f"def g():\n    return {n}\n") for n in (1, 2))
    assert one != two


def test_texts_of_errors_and_methods_that_show_do_not_count():
    text = (
        "class f:\n    def g(self, x):\n        if x < 0:\n            raise ValueError('words')\n"
        "        return x\n"
    )
    assert version(text) == version(text.replace("words", "better words"))
    assert version(text) != version(text.replace("ValueError", "TypeError"))
    shown = text + "\n    def plot(self, ax=None):\n        return draw(self)\n"
    assert version(shown) == version(text)
    named = text + "\n    @property\n    def fingerprint(self):\n        return digest(self)\n"
    assert version(named) == version(text)
    own = "class Stop(Exception):\n    pass\n\n\ndef f():\n    raise Stop({})\n"
    assert version(own.format(1)) != version(own.format(2))  # It may carry a result.


def test_a_name_that_does_not_exist_is_refused():
    with pytest.raises(LookupError, match=r"p\.other defines no 'g'"):
        version("from p.other import g\n\n\ndef f():\n    return g()\n", other="")
    with pytest.raises(LookupError, match=r"p\.m defines no 'h'"):
        version(PLAIN, "h")


@pytest.mark.parametrize("text", ["from . import other", "from p.other import *"])
def test_imports_whose_meaning_is_elsewhere_are_refused(text):
    with pytest.raises(ValueError, match=r"p\.m line 1 imports by its place or imports everything"):
        version(f"{text}\n\n\ndef f():\n    pass\n", other="")


# The library itself


def edited(module, old, new):
    """Versions of the library with one edit."""
    (name,) = [key for key in SOURCES if key.endswith(f".{module}")]
    assert old in SOURCES[name]
    code = SourceCode({**SOURCES, name: SOURCES[name].replace(old, new, 1)})
    parsed = code.module
    # What was not edited need not be parsed again.
    code.module = lambda module: parsed(module) if module == name else LIBRARY.code.module(module)
    return CodeVersions(code)


def of(code, name):
    """The version of the one definition of the library with this name that is remembered."""
    (module,) = [m for m, n in remembered() if n == name]
    return code.version(module, name)


@functools.cache
def remembered():
    """(module, name) of all code whose versions stand in keys: functions, objectives, configs."""
    found = set()
    for module, text in SOURCES.items():
        if module in CARRIERS:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("store.remember"):
                found |= _meant(module, node.args[0])
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("store.key"):
                found |= _meant(module, node.args[0])
            if isinstance(node, ast.ClassDef) and _is_config(module, node.name):
                found.add((module, node.name))
    return found


def _meant(module, node):
    code = LIBRARY.code
    first, *rest = ast.unparse(node).split(".")
    reference = code.resolve(module, first)
    for name in rest:
        reference = code.imported(reference.module, name)
    return {(reference.module, reference.name)} if reference.kind == "definition" else set()


def _is_config(module, name):
    """Whether a class has a fingerprint of its own, or a base that has."""
    code, waiting = LIBRARY.code, [(module, name)]
    while waiting:
        module, name = waiting.pop()
        for node in code.module(module).definitions.get(name, []):
            if isinstance(node, ast.ClassDef):
                if any(getattr(part, "name", "") == "fingerprint" for part in node.body):
                    return True
                bases = [code.resolve(module, ast.unparse(base)) for base in node.bases]
                waiting += [(b.module, b.name) for b in bases if b.kind == "definition"]
    return False


GOLDEN = Path(__file__).with_name("code_versions.json")


def current():
    """Name -> beginning of the version, of all remembered code."""
    versions = {name: LIBRARY.version(module, name)[:16] for module, name in remembered()}
    return dict(sorted(versions.items()))


def test_versions_of_remembered_code_are_the_listed_ones():
    """What a change of code makes invalid in every store.

    A change that is meant to compute the same leaves all of them; where results change, or may,
    write the list anew and say in the commit which and why: ``python -m tests.write_versions``.
    """
    listed, now = json.loads(GOLDEN.read_text(encoding="utf-8")), current()
    assert len(now) == len(remembered()) > 35
    changed = sorted(name for name in listed.keys() | now if listed.get(name) != now.get(name))
    assert not changed, f"stored results of {', '.join(changed)} are no longer valid"


@pytest.mark.slow
def test_names_of_remembered_code_and_of_stored_classes_are_unique():
    names = [name for _, name in remembered()]
    assert len(names) == len(set(names))
    doubled = {name: places for name, places in LIBRARY.code.classes().items() if len(places) > 1}
    assert not doubled


@pytest.mark.slow
def test_every_name_in_the_library_is_understood():
    for module in SOURCES:
        for name in LIBRARY.code.module(module).definitions:
            assert re.fullmatch("[0-9a-f]{64}", LIBRARY.version(module, name))


@pytest.mark.slow
def test_parameters_of_remembered_functions_have_types():
    # Their classes count in the version by these types alone.
    for module, name in remembered():
        (node,) = LIBRARY.code.module(module).definitions[name]
        if isinstance(node, ast.FunctionDef):
            arguments = [*node.args.args, *node.args.kwonlyargs]
            assert all(argument.annotation is not None for argument in arguments), name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "old", "new", "changed", "same"),
    [
        ("krylov", "ASYMMETRY = 1e-3", "ASYMMETRY = 2e-3", "eigenpairs", "train"),
        ("rng", '"little"', '"big"', "eigenpairs", "SymmetricOperator"),
        ("operators", ".double().reshape(v.shape)", ".reshape(v.shape)", "trace", "train"),
        ("resnet", "self.relu = nn.ReLU()", "self.relu = nn.Tanh()", "ResNet", "CNN"),
        ("cnn", "nn.ReLU()", "nn.Tanh()", "CNN", "train"),
    ],
)
def test_version_of_the_librarys_code_follows_what_it_computes_with(
    module, old, new, changed, same
):
    code = edited(module, old, new)
    assert of(code, changed) != of(LIBRARY, changed)
    assert of(code, same) == of(LIBRARY, same)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("data", "scale = 16.0", "scale = 17.0"),
        ("progress", "_LOG_INTERVAL = 20.0", "_LOG_INTERVAL = 21.0"),
        ("krylov", '"""Krylov decompositions', '"""Better words on decompositions'),
    ],
)
def test_version_of_eigenpairs_ignores_what_does_not_decide_them(module, old, new):
    assert of(edited(module, old, new), "eigenpairs") == of(LIBRARY, "eigenpairs")
