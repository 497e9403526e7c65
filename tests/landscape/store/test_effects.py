"""What other statements do to a definition counts with it, wherever they stand."""

import pytest
from landscape.store.effects import changed_by_others
from landscape.store.skeletons import Writer
from landscape.store.source_code import SourceCode

from tests.landscape.store.test_code_versions import version

TABLE = "T = {}"
USER = "from p.r import T\ndef f():\n    return T['a']"
REGISTER = "T = {}\ndef reg(g):\n    T[g.__name__] = g\n    return g\n"
NOTING = "T = {}\nclass B:\n    def __init_subclass__(cls):\n        T[cls.__name__] = cls\n"

ONE_MODULE = {
    "a loop that fills a table": "T = {}\nfor k in range(3):\n    T[k] = #\n",
    "a statement that also binds a name": "T = {}\n_ = T.setdefault('a', #)\n",
    "a block that also binds a name": "T = {}\nwith open('a') as file:\n    T['a'] = #\n",
    "a block that also imports": (
        "T = {}\ntry:\n    import os\n    T['a'] = #\nexcept ImportError:\n    pass\n"
    ),
    "a decorator that registers": REGISTER + "@reg\ndef a():\n    return #\n",
    "a class that its base notes": NOTING + "class A(B):\n    k = #\n",
    "one case of a generic function": (
        "import functools\n@functools.singledispatch\ndef T(x):\n    return 0\n"
        "@T.register\ndef _(x: int):\n    return #\n"
    ),
}


@pytest.mark.parametrize("kind", ONE_MODULE)
def test_what_fills_a_table_counts_with_it(kind):
    text = ONE_MODULE[kind] + "def f():\n    return T"
    found = [version(text.replace("#", number)) for number in "112"]
    assert found[0] == found[1] != found[2]


MODULES = {
    "a statement": (TABLE, "from p.r import T\nT['a'] = #"),
    "a decorator": (REGISTER, "from p.r import reg\n@reg\ndef a():\n    return #"),
    "a subclass": (NOTING, "from p.r import B\nclass A(B):\n    k = #"),
    "an attribute of a class": ("class T:\n    a = 0", "from p import r\nr.T.a = #"),
    "an attribute of a function": ("def T():\n    return T.a", "from p.r import T\nT.a = #"),
}


@pytest.mark.parametrize("kind", MODULES)
def test_what_another_module_does_counts(kind):
    held, other = MODULES[kind]
    found = [version(USER, r=held, z=other.replace("#", number)) for number in "112"]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    "other",
    [
        "from p.r import T\n\n\ndef g():\n    return T\n",
        "import functools\nfrom p.r import T\n\n\n@functools.cache\ndef g():\n    return T\n",
        "from p.r import T\n\nKEYS = T.keys()\n",
    ],
)
def test_what_only_reads_a_table_does_not_count_with_it(other):
    assert version(USER, r=TABLE, z=other) == version(USER, r=TABLE)


def test_what_changes_a_table_is_named():
    code = SourceCode({"p": "", "p.r": TABLE, "p.z": "from p.r import T\nT['a'] = 1\n"})
    found = changed_by_others(code, lambda key: Writer(code, *key).skeleton())
    assert found == {("p.r", "T"): {("p.z", "<statements>")}}
