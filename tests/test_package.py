"""What `pip install .` gives: a library that imports with its core alone, as wheel and as sdist."""

import ast
import email
import functools
import importlib.metadata
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from report.environment import normalize, pinned

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CORE = {"filelock", "matplotlib", "numpy", "scipy", "torch", "tqdm"}
# They read data sets, inside the functions that load them.
LAZY = {"scikit-learn": "landscape/data.py", "torchvision": "landscape/_torchvision.py"}
# It reads a kind of file that readers may bring, inside the function that reads it.
OPTIONAL = {"safetensors": "landscape/checkpoints.py"}
LAZY |= OPTIONAL
BUILD = "import sys; from setuptools import build_meta; print(build_meta.{}(sys.argv[1]))"


def distributions(names):
    """The distributions that requirements name."""
    return {Requirement(name).name for name in names}


OF_MODULE = importlib.metadata.packages_distributions()


@functools.cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(folder, *, at_import=False):
    """(distribution, file) of each import of an installed package in a folder of the repository."""
    here = {"landscape", "studies", "report", "tests", "bench", *sys.stdlib_module_names}
    for path in sorted((ROOT / folder).rglob("*.py")):
        tree = parsed(path)
        for node in tree.body if at_import else ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            for root in {name.partition(".")[0] for name in names} - here:
                yield OF_MODULE.get(root, [root])[0], path.relative_to(ROOT / folder).as_posix()


# What is declared


def test_the_library_needs_six_packages_and_its_name_is_the_one_that_is_imported():
    assert PROJECT["name"] == "landscape"
    assert distributions(PROJECT["dependencies"]) == CORE


@pytest.mark.slow
def test_the_library_imports_no_other_package():
    used = {}
    for package, path in imported("lib"):
        if path.startswith("landscape/"):
            used.setdefault(package, set()).add(path)
    assert {name: used.pop(name) for name in LAZY} == {name: {LAZY[name]} for name in LAZY}
    assert set(used) == CORE
    assert not set(LAZY) & {package for package, _ in imported("lib", at_import=True)}


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["lib", "report", "notebooks"])
def test_the_report_imports_what_its_extra_names(folder):
    extra = distributions(PROJECT["optional-dependencies"]["report"])
    declared = {normalize(name) for name in CORE | extra | set(OPTIONAL)}
    assert [use for use in imported(folder) if normalize(use[0]) not in declared] == []


# What is built


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what the build reads, so that it writes nothing into the repository."""
    root = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, root)
    shutil.copy(ROOT / "CITATION.cff", root)
    ignore = shutil.ignore_patterns("*.egg-info", "__pycache__", "published")
    for name in ("lib", "report", "notebooks"):
        shutil.copytree(ROOT / name, root / name, ignore=ignore)
    (root / "tests").mkdir()
    (root / "tests" / "test_nothing.py").touch()
    return root


def build(root, kind, folder):
    """Build in ``root`` by the back end that pip calls, and return the path of what it made."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD.format(kind), str(folder)],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def sdist(source, tmp_path_factory):
    return build(source, "build_sdist", tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """The wheel made of the sdist, as a package index would."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return build(next(folder.iterdir()), "build_wheel", folder)


PROGRAMS = "landscape-0.1.0.data/data/share/landscape/"


def program_files():
    """What `landscape report` runs: the report's programs, studies, and the notebook."""
    folders = (ROOT / "report", ROOT / "lib" / "studies")
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    paths += [ROOT / "CITATION.cff", ROOT / "notebooks" / "00_own_network.py"]
    paths += [ROOT / "notebooks" / "profiles" / "paper" / "00_own_network.yaml"]
    names = {path.relative_to(ROOT).as_posix() for path in paths if path.suffix != ".pyc"}
    return {name for name in names if not name.startswith("report/published/")}


def library_files():
    paths = [path for path in (ROOT / "lib" / "landscape").rglob("*") if path.is_file()]
    return {path.relative_to(ROOT / "lib").as_posix() for path in paths if path.suffix != ".pyc"}


@pytest.mark.slow
def test_the_wheel_holds_the_library_the_programs_of_its_command_and_nothing_else(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert {"landscape/py.typed", "landscape/plots/landscape.mplstyle"} < names
    programs = {name for name in names if name.startswith(PROGRAMS)}
    assert names - programs == library_files()
    assert {name.removeprefix(PROGRAMS) for name in programs} == program_files()


@pytest.mark.slow
def test_the_wheel_says_what_it_needs_and_its_licence(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = email.message_from_bytes(archive.read(name))
    assert (metadata["Name"], metadata["Version"]) == ("landscape", PROJECT["version"])
    assert metadata["License-Expression"] == "MIT" and metadata["License-File"] == "LICENSE"
    needed = [text for text in metadata.get_all("Requires-Dist") if "extra ==" not in text]
    assert distributions(needed) == CORE
    assert set(metadata.get_all("Provides-Extra")) == set(PROJECT["optional-dependencies"])


@pytest.mark.slow
def test_the_sdist_holds_the_sources_and_what_describes_them(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"lib/{name}" for name in library_files()} <= names
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff"} <= names
    assert program_files() <= names
    assert not {name for name in names if name.startswith(("tests", "report/published"))}


@pytest.mark.slow
def test_an_editable_installation_reaches_the_studies_too(source, tmp_path):
    archive = zipfile.ZipFile(build(source, "build_editable", tmp_path))
    (name,) = (name for name in archive.namelist() if name.endswith(".pth"))
    assert archive.read(name).decode().split() == [str(source / "lib")]


ALONE = """
import importlib, importlib.abc, pkgutil, sys

class OnlyCore(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.path.insert(0, {site!r})
sys.meta_path.insert(0, OnlyCore())
import landscape
assert landscape.__file__.startswith({site!r}), landscape.__file__
for module in pkgutil.walk_packages(landscape.__path__, "landscape."):
    importlib.import_module(module.name)
from landscape import data, slices
for name in ("digits", "cifar10"):
    try:
        data.load(name, "nowhere")
    except ModuleNotFoundError as error:
        print(error)
import torch
from torch import nn
L = landscape.Objective(nn.Linear(3, 2), (torch.randn(8, 3), torch.arange(8) % 2))
slices.random_plane(L, points=3, seed=0).plot().figure.savefig({picture!r})
"""


def needed_by(names):
    """The distributions that some distributions need, with these."""
    seen, left = set(), list(names)
    while left:
        name = normalize(left.pop())
        if name in seen:
            continue
        seen.add(name)
        for requirement in map(Requirement, importlib.metadata.requires(name) or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                left.append(requirement.name)
    return seen


@pytest.mark.slow
def test_the_wheel_works_with_its_core_alone_and_says_what_reads_data(wheel, tmp_path):
    allowed = needed_by(CORE)
    blocked = {
        module
        for module, names in OF_MODULE.items()
        if module != "landscape" and not allowed & {normalize(name) for name in names}
    }
    assert {"sklearn", "torchvision", "pandas", "IPython"} <= blocked
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    picture = tmp_path / "plane.png"
    code = ALONE.format(blocked=sorted(blocked), site=str(tmp_path / "site"), picture=str(picture))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    digits, cifar10 = done.stdout.splitlines()
    assert "digits come with scikit-learn" in digits and "pip install scikit-learn" in digits
    assert "torchvision" in cifar10 and "<name>.npz into the data directory" in cifar10
    assert picture.stat().st_size > 1000


def test_a_commit_is_checked_by_the_ruff_of_the_lock():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    pins = {pin for hook in hooks for pin in hook.get("additional_dependencies", [])}
    assert pins == {f"ruff=={pinned(ROOT / 'requirements.lock')['ruff']}"}
