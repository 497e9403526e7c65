"""What the text of a definition tells apart: scopes, imports, places of names, errors."""

import pytest
from landscape.store import library
from landscape.store.carriers import is_carrier

from tests.landscape.store.test_code_versions import version

HELPER = {"a": "def g():\n    return {}\n", "b": "def g():\n    return 3\n"}

FOLLOWED = {
    "an imported name that is bound again": (
        "def f():\n    from p.a import g\n    g = wrap(g)\n    return g()"
    ),
    "an import under a condition": (
        "def f(c):\n    if c:\n        from p.a import g\n    else:\n        from p.b import g\n"
        "    return g()"
    ),
    "an import over a parameter": "def f(g=None):\n    from p.a import g\n    return g()",
    "an import in a class": "class f:\n    from p.a import g",
    "a module that shows another's name": (
        "from p import c\ndef f(name):\n    return getattr(c, name)()"
    ),
    "a module imported by a function": (
        "import importlib\ndef f():\n    return importlib.import_module('p.a').g()"
    ),
    "an import for want of another": (
        "try:\n    from p.a import g\nexcept ImportError:\n    from p.b import g\n"
        "def f():\n    return g()"
    ),
    "an import or a definition": (
        "try:\n    from p.a import g\nexcept ImportError:\n    def g():\n        return 3\n"
        "def f():\n    return g()"
    ),
}


@pytest.mark.parametrize("kind", FOLLOWED)
def test_what_an_import_may_mean_is_followed(kind):
    face = "from p.a import g"
    found = [
        version(FOLLOWED[kind], a=HELPER["a"].format(n), b=HELPER["b"], c=face) for n in (1, 1, 2)
    ]
    assert found[0] == found[1] != found[2]


OTHER = {
    "an attribute of this or of that": ("G = Q()\ndef f(x):\n    return {}", "G, x.a", "G.a, x"),
    "arguments likewise": ("G = Q()\ndef f(x):\n    return h({})", "G.a, x", "G, x.a"),
    "a class without content": (
        "class A: pass\nclass B: pass\ndef f(x):\n    return isinstance(x, {})",
        "A",
        "B",
    ),
    "a mark": ("A = object()\nB = object()\ndef f(x):\n    return x is {}", "A", "B"),
    "an empty list": ("A = []\nB = []\ndef f():\n    A.append(1)\n    return {}", "A", "B"),
    "an error that is caught elsewhere": (
        "class A(Exception): pass\nclass B(Exception): pass\ndef g():\n    raise {}\n"
        "def f():\n    try:\n        g()\n    except A:\n        return 1",
        "A",
        "B",
    ),
    "names of functions in one statement": (
        "if C:\n    def {}(): return 1\n    def {}(): return 2\ndef f():\n    return g()",
        ("g", "h"),
        ("h", "g"),
    ),
    "names of classes in one statement": (
        "if C:\n    class {}: k = 1\n    class {}: k = 2\ndef f():\n    return g()",
        ("g", "h"),
        ("h", "g"),
    ),
    "where a class ends": (
        "def f():\n    class A:\n        g(1)\n{}",
        "    g(2)\n    class B:\n        g(3)\n        g(4)",
        "        g(2)\n    class B:\n        g(3)\n    g(4)",
    ),
    "a global variable behind a local one": (
        "x = {}\ndef f():\n    x = 5\n    def g():\n        global x\n        return x\n"
        "    return g()",
        "1",
        "2",
    ),
    "a global variable that a function makes": (
        "def g():\n    global x\n    x = {}\ndef f():\n    return x",
        "1",
        "2",
    ),
    "a global variable behind that of a lambda": (
        "y = {}\ndef f():\n    a = [lambda: (y := 1) for _ in (1,)]\n    return y",
        "1",
        "2",
    ),
    "a package of the first choice": (
        "try:\n    from {} import sqrt as g\nexcept ImportError:\n    from cmath import sqrt as g\n"
        "def f():\n    return g()",
        "math",
        "numpy",
    ),
    "a number that an error carries": ("def f():\n    raise StopIteration({})", "1", "2"),
    "a name that is asked for": (
        "class {0}: pass\ndef f():\n    return {0}.__name__",
        "A",
        "B",
    ),
    "a function found by its name": (
        "def g():\n    return {}\ndef f():\n    return globals()['g']()",
        "1",
        "2",
    ),
    "a function found in a text": ("def g(): return {}\ndef f(): return eval('g()')", "1", "2"),
    "a function found in the module": (
        "import sys\ndef g(): return {}\ndef f(): return sys.modules[__name__].g()",
        "1",
        "2",
    ),
}


def filled(text, words):
    return text.format(*([words] if isinstance(words, str) else words))


@pytest.mark.parametrize("kind", OTHER)
def test_version_tells_apart(kind):
    text, one, two = OTHER[kind]
    assert version(filled(text, one)) == version(filled(text, one)) != version(filled(text, two))


SAME = {
    "a text of an error": ("raise ValueError({})", "'a'", "f'b {x}' + 'c'"),
    "a text of the module": ("raise ValueError({})", "'a'", "WORDS"),
    "a text that is joined": ("raise ValueError({})", "'a'", "', '.join(x)"),
    "a function's own name": ("def {0}(y): return y\n    return {0}(x)", "a", "b"),
    "a class's own name": ("class {0}: k = 1\n    return {0}", "A", "B"),
}


@pytest.mark.parametrize("kind", SAME)
def test_version_does_not_tell_apart(kind):
    body, one, two = SAME[kind]
    text = "WORDS = 'words'\ndef f(x):\n    " + body
    assert version(text.format(one)) == version(text.format(two))


def test_only_classes_that_read_alike_depend_on_their_names():
    text = "class {}:\n    k = {}\ndef f():\n    return {}"
    assert version(text.format("A", 1, "A")) == version(text.format("B", 1, "B"))
    alike = "class C:\n    k = 1\n" + text
    assert version(alike.format("A", 1, "A")) != version(alike.format("A", 1, "C"))


def test_the_store_decides_no_result():
    # A better key recomputes nothing but what it is the key of.
    modules = [x for x in library.definitions().code.sources if "landscape.store." in x]
    assert [x for x in modules if not is_carrier(x)] == ["landscape.store.configuration"]
