"""Rules of the whole library, checked in its source text."""

import ast
import re
from pathlib import Path

import landscape
import pytest

PACKAGE = Path(landscape.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [path.relative_to(PACKAGE).with_suffix("").as_posix() for path in FILES]
TREES = {
    name: ast.parse(path.read_text(encoding="utf-8"))
    for name, path in zip(NAMES, FILES, strict=True)
}


def floors():
    """Module -> floor, from the package's docstring."""
    found, floor = {}, None
    for line in landscape.__doc__.splitlines():
        if match := re.match(r"(\d)\. ", line):
            floor = int(match[1])
        if floor is not None:
            found.update(dict.fromkeys(re.findall(r"``(\w+)``", line), floor))
    return found


def imports(tree):
    """Names of the library's modules that a tree imports, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "landscape":
            path = node.module.split(".")[1:]
            yield from [path[0]] if path else [alias.name for alias in node.names]


def calls(tree):
    """(dotted name, call) of every call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def options(call):
    return {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}


def test_library_is_found():
    assert len(FILES) > 20 and {"rng", "models/cnn", "plots/curves"} <= set(NAMES)


def test_every_module_stands_on_exactly_one_floor():
    modules = {name.split("/")[0] for name in NAMES} - {"__init__"}
    assert modules == set(floors())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "__init__"])
def test_module_imports_only_its_own_floor_and_lower_ones(name):
    own = floors()[name.split("/")[0]]
    higher = {other for other in imports(TREES[name]) if floors()[other] > own}
    assert not higher


@pytest.mark.parametrize("name", NAMES)
def test_module_imports_the_library_in_the_form_that_code_version_follows(name):
    # code_version reads `from landscape... import`; another form would hide a dependency.
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            assert not any(alias.name.split(".")[0] == "landscape" for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0


def test_spectrum_knows_nothing_of_networks():
    # All but exact_trace, which needs the network.
    modules = {name for name in NAMES if name.startswith("spectrum/")}
    known = {"operators", "rng", "progress", "spectrum"}
    assert len(modules) > 10
    exact = {name for name in modules if name.startswith("spectrum/exact_trace/")}
    for name in modules - exact - {"spectrum/__init__"}:
        assert set(imports(TREES[name])) <= known, name
        for node in ast.walk(TREES[name]):  # Through exact it would know them after all.
            if isinstance(node, ast.ImportFrom):
                assert node.module != "landscape.spectrum", name
                assert not (node.module or "").startswith("landscape.spectrum.exact_trace"), name


def test_no_module_seeds_global_random_numbers():
    for name, tree in TREES.items():
        for called, _ in calls(tree):
            assert called not in (
                "random.seed",
                "np.random.seed",
                "torch.manual_seed",
                "torch.seed",
            )
            if called.endswith("manual_seed"):
                assert name == "rng"


def test_no_module_draws_without_a_generator():
    drawing = re.compile(r"torch\.(rand|randn|randint|randperm|normal|bernoulli|multinomial)$")
    for name, tree in TREES.items():
        for called, call in calls(tree):
            assert not called.startswith(("np.random.", "random.r", "random.s", "random.c")), name
            if drawing.match(called) or re.search(r"\.(normal|uniform)_$", called):
                assert "generator" in options(call), f"{name}: {ast.unparse(call)}"


def test_nothing_unpickles_what_it_reads():
    for name, tree in TREES.items():
        for called, call in calls(tree):
            if called == "torch.load":
                assert options(call).get("weights_only") == "True", name
            if called in ("np.load", "numpy.load"):
                assert options(call).get("allow_pickle") == "False", name
            assert "True" != options(call).get("allow_pickle")
            assert not called.startswith(("pickle.", "joblib.")) and called not in ("eval", "exec")


def test_no_module_chooses_a_device_or_asserts():
    for name, tree in TREES.items():
        assert not any(called.endswith(".cuda") for called, _ in calls(tree)), name
        assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree)), name


def test_plots_compute_no_losses():
    for name in NAMES:
        if name.startswith("plots/"):
            assert not {"objective", "spectrum", "training", "data"} & set(imports(TREES[name]))


def test_no_module_is_a_drawer_for_everything():
    assert not {"utils", "helpers", "misc", "common"} & {Path(name).name for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_every_public_function_and_class_has_a_docstring_and_types(name):
    for node in TREES[name].body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{name}.{node.name}"
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert node.returns is not None, f"{name}.{node.name}"
