"""The examples in docstrings: each runs as it is printed, and the most used functions have one."""

import doctest
import importlib
import pkgutil

import landscape
import pytest

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def _examples() -> dict[str, doctest.DocTest]:
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(landscape.__path__, "landscape.")
    ]
    finder = doctest.DocTestFinder(exclude_empty=True)
    tests = [test for module in modules for test in finder.find(module)]
    return {test.name: test for test in tests if test.examples}


EXAMPLES = _examples()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_prints_what_it_says(name):
    test, printed = EXAMPLES[name], []
    # Doctest lends the names of the module, which a reader's interpreter does not have.
    test.globs = {"__name__": "__main__"}
    result = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=printed.append)
    assert result.attempted > 0
    assert not result.failed, "".join(printed)


def test_the_most_used_functions_have_an_example():
    assert len(EXAMPLES) >= 30
    for room in ("spectrum", "sharpness", "slices", "directions", "connectivity", "dynamics"):
        assert sum(name.startswith(f"landscape.{room}.") for name in EXAMPLES) >= 2
