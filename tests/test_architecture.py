"""Rules of both packages of the library, checked in their source text."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from report import architecture

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = architecture.read(ROOT)
TREES = LIBRARY.trees
MODULES = sorted(TREES)
GRAPH = LIBRARY.graph()
AT_RUN = LIBRARY.graph(for_types=False)


def statements(*kinds):
    """(module, node) of every node of some kinds, in all modules."""
    for module in MODULES:
        for node in ast.walk(TREES[module]):
            if isinstance(node, kinds):
                yield module, node


def calls():
    """(called name, call, where it stands) of every call."""
    for module, node in statements(ast.Call):
        yield ast.unparse(node.func), node, f"{module}:{node.lineno}: {ast.unparse(node)}"


def options(call):
    return {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}


def is_in(module, *places):
    """Whether a module is one of some places, or lies in one of them."""
    return any(f"{module}.".startswith(f"{place}.") for place in places)


def chains(graph, starts, forbidden):
    """What modules must not reach, each as the chain of imports that leads there."""
    before = architecture.reached(graph, starts)
    for module in filter(lambda name: is_in(name, *forbidden), before):
        chain = [module]
        while chain[0] not in starts:
            chain.insert(0, before[chain[0]])
        yield " -> ".join(chain)


def test_library_is_found():
    # Without this, every test below would pass on an empty folder.
    assert {"landscape", "landscape.rng", "landscape.models.cnn", "studies.study"} <= set(MODULES)
    assert len(GRAPH) > 100 and sum(map(len, GRAPH.values())) > 300
    assert {arrow.source for arrow in LIBRARY.imports} >= {"landscape.objective", "studies.study"}


# The graph of imports


def test_every_room_stands_on_a_floor_and_every_import_keeps_to_the_rules():
    assert architecture.problems(LIBRARY) == []


def test_imports_form_no_circle():
    assert architecture.circles(GRAPH) == []


@pytest.mark.parametrize("package", architecture.PACKAGES)
def test_arrows_between_rooms_form_no_circle_and_point_to_no_higher_floor(package):
    floor = dict(architecture.floors(LIBRARY, package))
    between = architecture.between_rooms(LIBRARY, package)
    assert len(between) > 20
    assert architecture.circles_of_rooms(LIBRARY, package) == []
    assert [pair for pair in between if floor[pair[1]] > floor[pair[0]]] == []


@pytest.mark.parametrize("face", ["studies.figures", "studies.tables"])
def test_no_name_of_a_lazy_face_is_that_of_a_module(face):
    # Once the module is loaded, it would stand in the place of the function.
    names = importlib.import_module(face).__all__
    assert names and [name for name in names if f"{face}.{name}" in MODULES] == []


def test_landscape_knows_nothing_of_studies():
    assert [
        arrow
        for arrow in LIBRARY.imports
        if is_in(arrow.source, "landscape") and is_in(arrow.target, "studies")
    ] == []


def test_inner_code_imports_from_the_defining_module():
    # Never through a package's face; `store` and the others show their names to users alone.
    assert [x for x in LIBRARY.imports if x.face and x.source not in LIBRARY.faces] == []


COMPUTING = ["network", "store", "models", "data", "operators", "objective", "training"]
COMPUTING += ["spectrum", "evaluator", "sharpness", "connectivity", "dynamics", "diagnostics"]


def test_plots_reach_nothing_that_computes():
    # Drawing needs the numbers of a result, never what measured them.
    plots = {module for module in AT_RUN if is_in(module, "landscape.plots")}
    assert len(plots) > 5
    assert list(chains(AT_RUN, plots, [f"landscape.{room}" for room in COMPUTING])) == []


def test_spectrum_reaches_no_network():
    # All but these, which need the network.
    knowing = [f"landscape.spectrum.{name}" for name in ("exact_trace", "gauss_newton", "layers")]
    spectrum = {module for module in GRAPH if is_in(module, "landscape.spectrum")}
    rest = {module for module in spectrum if not is_in(module, *knowing)}
    assert len(rest) > 10 and rest < spectrum
    with_networks = ["network", "models", "data", "objective", "training"]
    with_networks += ["spectrum.exact_trace", "spectrum.gauss_newton", "spectrum.layers"]
    assert list(chains(GRAPH, rest, [f"landscape.{room}" for room in with_networks])) == []


def test_modules_import_the_library_in_the_form_that_code_version_follows():
    # code_version reads `from landscape... import`; another form would hide a dependency.
    for module, node in statements(ast.Import, ast.ImportFrom):
        text = f"{module}: {ast.unparse(node)}"
        if isinstance(node, ast.Import):
            assert not any(is_in(x.name, *architecture.PACKAGES) for x in node.names), text
        else:
            assert node.level == 0 and all(x.name != "*" for x in node.names), text


# Tests mirror the library

TESTS = [
    path
    for package in architecture.PACKAGES
    for path in sorted((ROOT / "tests" / package).rglob("test_*.py"))
]


def test_each_folder_of_tests_is_a_folder_of_the_library():
    for package in architecture.PACKAGES:
        folders = [path for path in (ROOT / "tests" / package).rglob("*") if path.is_dir()]
        for folder in [path for path in folders if path.name != "__pycache__"]:
            module = ".".join(folder.relative_to(ROOT / "tests").parts)
            assert module in LIBRARY.faces, f"{folder} tests no folder of lib/"


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT / "tests")))
def test_a_test_stands_where_the_module_of_its_name_stands(path):
    package = ".".join(path.parent.relative_to(ROOT / "tests").parts)
    name = path.stem.removeprefix("test_")
    homes = {module.rpartition(".")[0] for module in MODULES if module.endswith(f".{name}")}
    assert not homes or package in homes | {f"{home}.{name}" for home in homes}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert any(is_in(one, package) for one in imported), f"{path.name} tests nothing of {package}"


# What code may do


def test_no_module_seeds_global_random_numbers():
    for called, _, place in calls():
        assert called not in ("random.seed", "np.random.seed", "torch.manual_seed", "torch.seed")
        assert not called.endswith("manual_seed") or place.startswith("landscape.rng:"), place


def test_no_module_draws_without_a_generator():
    drawing = re.compile(r"torch\.(rand|randn|randint|randperm|normal|bernoulli|multinomial)$")
    for called, call, place in calls():
        assert not called.startswith(("np.random.", "random.r", "random.s", "random.c")), place
        if drawing.match(called) or re.search(r"\.(normal|uniform)_$", called):
            assert "generator" in options(call), place


def test_nothing_unpickles_what_it_reads():
    for called, call, place in calls():
        if called == "torch.load":
            assert options(call).get("weights_only") == "True", place
        if called in ("np.load", "numpy.load"):
            assert options(call).get("allow_pickle") == "False", place
        assert options(call).get("allow_pickle") != "True", place
        assert not called.startswith(("pickle.", "joblib.")), place
        assert called not in ("eval", "exec"), place


def test_no_module_chooses_a_device():
    # Whoever calls puts networks and examples on a device.
    for called, call, place in calls():
        assert not called.endswith(".cuda"), place
        if called.endswith(".to") or called == "torch.device" or "device" in options(call):
            given = [*call.args, *(keyword.value for keyword in call.keywords)]
            texts = [str(node.value) for node in given if isinstance(node, ast.Constant)]
            assert not any(text.startswith("cuda") for text in texts), place


def test_no_module_asserts():
    # `python -O` leaves assertions out: what is given wrong is an error with a message.
    assert [f"{module}:{node.lineno}" for module, node in statements(ast.Assert)] == []


def public(module):
    """The public functions and classes of a module, and the public methods of these."""
    definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    for node in TREES[module].body:
        if isinstance(node, definitions) and not node.name.startswith("_"):
            yield node
            # The signatures of an autograd Function are PyTorch's.
            if (
                isinstance(node, ast.ClassDef)
                and "autograd" not in ast.unparse(node).partition(":")[0]
            ):
                inner = (x for x in node.body if isinstance(x, definitions))
                yield from (x for x in inner if not x.name.startswith("_"))


@pytest.mark.parametrize("module", MODULES)
def test_all_that_is_public_has_a_docstring_and_a_return_type(module):
    assert ast.get_docstring(TREES[module])
    for node in public(module):
        assert ast.get_docstring(node), node.name
        assert isinstance(node, ast.ClassDef) or node.returns is not None, node.name
