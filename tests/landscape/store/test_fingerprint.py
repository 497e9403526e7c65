"""Hashes of values and of code."""

import dataclasses
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from landscape import models, rng, spectrum, training
from landscape.store import entries, fingerprint
from landscape.store.fingerprint import callable_identity, code_version, digest


@dataclasses.dataclass(frozen=True)
class Pair:
    a: object
    b: object


@dataclasses.dataclass(frozen=True)
class Other:
    a: object
    b: object


class Named:
    def __init__(self, text):
        self.fingerprint = text


DISTINCT = [
    None,
    True,
    1,
    1.0,
    "1",
    b"1",
    [1],
    ["1"],
    [[1], [2]],
    [[1, 2]],
    [1, [2]],
    {"a": 1},
    {"a": 1, "b": 2},
    {1: "a"},
    np.zeros(2),
    np.zeros((2, 1)),
    np.zeros(2, dtype=np.float32),
    np.zeros((0, 3)),
    np.zeros((3, 0)),
    float("nan"),
    float("inf"),
    Pair(1, 2),
    Pair(2, 1),
    Other(1, 2),
    Named("x"),
    Named("y"),
]


def test_digest_tells_all_kinds_of_values_apart():
    found = [digest(value) for value in DISTINCT]
    assert len(set(found)) == len(DISTINCT)


def test_digest_is_64_hexadecimal_digits():
    assert len(digest(1)) == 64 and int(digest(1), 16) > 0


def test_digest_ignores_the_order_of_a_mapping():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})


def test_digest_depends_on_content_not_on_memory_layout():
    images = torch.arange(48.0).reshape(2, 2, 3, 4)
    assert digest(images) == digest(images.to(memory_format=torch.channels_last))
    rows = np.arange(6.0).reshape(2, 3)
    assert digest(rows) == digest(np.asfortranarray(rows)) == digest(np.repeat(rows, 2, 1)[:, ::2])
    assert digest(rows) != digest(rows.T)


def test_digest_of_a_tensor_is_that_of_its_array():
    assert digest(torch.arange(3.0, requires_grad=True)) == digest(np.arange(3, dtype=np.float32))


def test_digest_knows_bfloat16():
    value = torch.tensor([1.0, -2.5], dtype=torch.bfloat16, requires_grad=True)
    assert digest(value) == digest(value.detach().clone()) != digest(-value)
    assert digest(value) != digest(value.detach().view(torch.int16)) != digest(value.float())


class Focal:
    """A loss with a setting, as a callable object and as a method."""

    def __init__(self, gamma, inner=None):
        self.gamma, self.inner = gamma, inner

    def __call__(self, outputs, targets):
        return outputs[:, 0] * self.gamma

    def loss(self, outputs, targets):
        return outputs[:, 0] * self.gamma


@pytest.mark.parametrize("way", [lambda own: own, lambda own: own.loss])
def test_a_callable_object_and_a_method_are_known_by_their_attributes(way):
    one, same, other = (digest(callable_identity(way(Focal(g)))) for g in (1, 1, 5))
    assert one == same != other
    nested = [digest(callable_identity(way(Focal(1, Focal(g))))) for g in (1, 1, 5)]
    assert nested[0] == nested[1] != nested[2] and one not in nested
    layer = digest(callable_identity(way(Focal(1, torch.nn.Linear(2, 2)))))
    assert layer not in (one, *nested)


def test_an_object_whose_content_is_unknown_is_refused():
    with pytest.raises(TypeError, match="cannot fingerprint a set"):
        digest(callable_identity(Focal({1, 2})))


@pytest.mark.parametrize("function", [torch.relu, len, "".join, torch.nn.functional.relu, int])
def test_functions_that_are_built_in_are_known_by_their_name(function):
    assert callable_identity(function)[:2] == ("function", function.__qualname__)


def test_digest_sees_one_changed_bit():
    values = torch.zeros(1000, dtype=torch.float64)
    before = digest(values)
    values[777] = 5e-324
    assert digest(values) != before


def test_digest_of_a_generator_follows_its_state():
    one, two = rng.stream(0, "a"), rng.stream(0, "a")
    assert digest(one) == digest(two)
    torch.randn(1, generator=one)
    assert digest(one) != digest(two)


def test_digest_is_the_same_in_another_process():
    value = {"b": [1, 2.5, None, True], "a": ("x", b"y"), 3: {"z": 1}}
    code = f"from landscape.store.fingerprint import digest; print(digest({value!r}))"
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == digest(value)


@pytest.mark.parametrize("value", [{1, 2}, object(), lambda: 1, [1, {2}], torch.float32])
def test_digest_refuses_what_it_does_not_know(value):
    with pytest.raises(TypeError, match=r"cannot fingerprint a .*Pass plain values, tensors"):
        digest(value)


def test_digest_refuses_arrays_of_objects():
    # Their bytes are addresses in memory: other in each process, the same for changed objects.
    with pytest.raises(TypeError, match=r"cannot fingerprint"):
        digest(np.array([{}, 1], dtype=object))


# Versions of the library's code, in a copy of the package that may be edited


@pytest.fixture
def copy(tmp_path):
    ignored = shutil.ignore_patterns("__pycache__")
    for name in fingerprint._PACKAGES:
        shutil.copytree(fingerprint._PACKAGE / name, tmp_path / name, ignore=ignored)
    return tmp_path / "landscape"


@pytest.fixture
def package(copy, monkeypatch):
    # The sources are read once, when the library is imported: hold a copy of them as well.
    monkeypatch.setattr(fingerprint, "_SOURCES", dict(fingerprint._SOURCES))
    yield copy
    monkeypatch.undo()
    fresh()


def fresh():
    fingerprint._library_version.cache_clear()
    fingerprint._tree.cache_clear()


def version(name):
    fresh()
    return fingerprint._library_version(name)


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    name = path.relative_to(next(p for p in path.parents if p.name == "landscape").parent)
    fingerprint._SOURCES[name.with_suffix("").as_posix()] = path.read_text(encoding="utf-8")


def test_code_version_ignores_comments_docstrings_and_spacing(package):
    before, krylov = version("landscape/spectrum/eigenpairs"), package / "spectrum" / "krylov.py"
    edit(krylov, '"""Krylov decompositions', '"""Better words on decompositions')
    edit(krylov, "ASYMMETRY = 1e-3", "# A comment.\n\n\nASYMMETRY   =   1e-3")
    edit(krylov, '        """Add one basis vector', '        """Append one')
    edit(package / "rng.py", '"""Named streams', '"""Streams with names')
    assert version("landscape/spectrum/eigenpairs") == before


def test_a_network_of_the_library_is_known_by_its_code_and_not_by_its_words(package):
    model, file = models.ResNet(depth=8, width=0.25), package / "models" / "resnet.py"
    network = model.build((1, 8, 8), 10, seed=0)
    fresh()
    before = digest(fingerprint.module_identity(network))
    edit(
        file,
        "    def forward(self, x: torch.Tensor)",
        "    # Words.\n    def forward(self,  x: torch.Tensor)",
    )
    fresh()
    assert digest(fingerprint.module_identity(network)) == before
    edit(file, "self.relu = nn.ReLU()", "self.relu = nn.ReLU(inplace=False)")
    fresh()
    assert digest(fingerprint.module_identity(network)) != before


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("spectrum/krylov", "ASYMMETRY = 1e-3", "ASYMMETRY = 2e-3"),
        ("rng", '"little"', '"big"'),
        ("operators", "rtol: float = 1e-10", "rtol: float = 1e-9"),
    ],
)
def test_code_version_follows_a_module_and_all_that_it_imports(package, module, old, new):
    before = version("landscape/spectrum/eigenpairs")
    edit(package / f"{module}.py", old, new)
    assert version("landscape/spectrum/eigenpairs") != before


def test_code_version_follows_imports_of_imports(package):
    before = version("landscape/slices/line")
    edit(package / "network" / "products.py", "< self._room", "<= self._room")
    assert version("landscape/slices/line") != before


def test_code_version_follows_packages_that_are_imported_whole(package):
    line = package / "slices" / "line.py"
    edit(line, "from landscape import rng", "from landscape import directions, rng")
    before = version("landscape/slices/line")
    edit(package / "directions" / "normalization.py", "others", "rest")
    assert version("landscape/slices/line") != before


def test_code_version_follows_imports_inside_functions(package):
    before = version("landscape/data")
    edit(package / "_torchvision.py", '("nms", "qnms")', '("qnms", "nms")')
    assert version("landscape/data") != before


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("data", "scale = 16.0", "scale = 17.0"),
        ("progress", "_LOG_INTERVAL = 20.0", "_LOG_INTERVAL = 21.0"),
        ("store/provenance", "round(memory / 2**30)", "round(memory / 2**31)"),
        ("plots/axes", "WIDTH = 7.2", "WIDTH = 7.3"),
    ],
)
def test_code_version_ignores_modules_that_do_not_decide_the_result(package, module, old, new):
    before = version("landscape/spectrum/eigenpairs")
    edit(package / f"{module}.py", old, new)
    assert version("landscape/spectrum/eigenpairs") == before


def test_code_version_does_not_depend_on_what_was_asked_before(package):
    edit(package / "rng.py", "import hashlib", '"a second text"\nimport hashlib')
    alone = version("landscape/spectrum/eigenpairs")
    fresh()
    fingerprint._library_version("landscape/rng")
    assert fingerprint._library_version("landscape/spectrum/eigenpairs") == alone


def test_code_version_is_that_of_the_code_as_it_was_imported(copy, monkeypatch):
    # A file edited while a study runs is not the code that runs.
    monkeypatch.setattr(fingerprint, "_PACKAGE", copy.parent)
    before = version("landscape/spectrum/eigenpairs")
    for path in copy.parent.rglob("*.py"):
        path.write_text("edited = True\n", encoding="utf-8")
    assert version("landscape/spectrum/eigenpairs") == before


def test_code_version_of_an_edited_copy_on_the_path_differs(copy):
    for name, old, new in (
        ("spectrum/krylov.py", "ASYMMETRY = 1e-3", "ASYMMETRY = 2e-3"),
        ("training/loop.py", "_EVALUATION_BATCH = 256", "_EVALUATION_BATCH = 256  # Same."),
    ):
        text = (copy / name).read_text(encoding="utf-8")
        assert old in text
        (copy / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    code = (
        "from landscape import spectrum, training;"
        "from landscape.store.fingerprint import code_version;"
        "print(spectrum.__file__, code_version(spectrum.eigenpairs), code_version(training.train))"
    )
    environment = {**os.environ, "PYTHONPATH": str(copy.parent), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    path, eigenpairs, train = done.stdout.split()
    assert path == str(copy / "spectrum" / "__init__.py")
    assert eigenpairs != code_version(spectrum.eigenpairs)
    assert train == code_version(training.train)


def test_code_version_of_a_function_a_class_and_their_module_is_the_same():
    versions = {code_version(x) for x in (entries, entries.Store, entries.Damage)}
    assert len(versions) == 1


def one(x):
    return x + 1


def two(x):
    return x + 2


def test_code_version_of_the_readers_own_code_is_its_source():
    assert code_version(one) == code_version(one) != code_version(two)
