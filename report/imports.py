"""What the imports of the packages in ``lib/`` refer to, read from the source text alone.

An import is an arrow from the module in which it stands to the module that defines what it names.
An ``__init__`` is a face: it shows users what modules define, and is no module itself. A name that
code takes from a face is an arrow to the module that defines it, and is told as such.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_PLOTS = re.compile(r"\w+\.plots(\.|$)")
_GUARDS = ("TYPE_CHECKING", "typing.TYPE_CHECKING")
_DYNAMIC = ("import_module", "importlib.import_module", "__import__")
_Origin = tuple[str, tuple[str, ...]]  # A module or package, and attributes that lead on from it.


@dataclass(frozen=True)
class Import:
    """One arrow.

    Attributes:
        source: Dotted name of the module in which it stands.
        line: The 1-based line.
        target: Dotted name of the module that defines what is imported; of a package, if that is
            imported whole.
        face: Package or module that the name is taken from, if it does not define it; else "".
        for_types: Whether it stands under ``TYPE_CHECKING``, so that no run makes it.
        in_function: Whether it is made when a function is called.
    """

    source: str
    line: int
    target: str
    face: str = ""
    for_types: bool = False
    in_function: bool = False


@dataclass(frozen=True)
class _Statement:
    node: ast.Import | ast.ImportFrom
    for_types: bool
    in_function: bool


class Library:
    """The source of some packages, and the arrows in it.

    Args:
        folder: Folder that holds the packages.
        packages: Their names.

    Attributes:
        trees: Dotted name of each module and face -> its syntax tree.
        paths: Dotted name of each module and face -> its file.
        faces: Dotted names of the packages, which stand for their ``__init__`` files.

    Raises:
        SyntaxError: If a file is no Python.
    """

    def __init__(self, folder: Path, packages: Iterable[str]) -> None:
        self.folder = folder
        self.packages = tuple(packages)
        self.trees: dict[str, ast.Module] = {}
        self.paths: dict[str, Path] = {}
        self.faces: set[str] = set()
        for package in self.packages:
            for path in sorted((folder / package).rglob("*.py")):
                self._add(path)
        self._shown: dict[str, dict[str, _Origin]] = {}
        for module in self.trees:
            self._shown[module] = self._names_from_elsewhere(module)

    def _add(self, path: Path) -> None:
        parts = path.relative_to(self.folder).with_suffix("").parts
        is_face = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_face else parts)
        if is_face:
            self.faces.add(name)
        self.trees[name] = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        self.paths[name] = path

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """All arrows to these packages, those that stand in faces included."""
        return tuple(arrow for module in self.trees for arrow in self._imports_of(module))

    def graph(self, *, for_types: bool = True) -> dict[str, set[str]]:
        """Return module -> modules that it imports; faces are not part of it.

        Args:
            for_types: Whether imports under ``TYPE_CHECKING`` count.
        """
        modules: dict[str, set[str]] = {name: set() for name in self.trees.keys() - self.faces}
        for arrow in self.imports:
            if arrow.source in modules and (for_types or not arrow.for_types):
                modules[arrow.source].add(arrow.target)
        return modules

    def _imports_of(self, module: str) -> Iterator[Import]:
        for statement in _statements(self.trees[module]):
            arrows = set()
            for bound, origin in self._bound(statement.node, module):
                arrows |= set(self._arrows(module, bound, origin))
            for target, face in sorted(arrows):
                yield Import(
                    module,
                    statement.node.lineno,
                    target,
                    face,
                    for_types=statement.for_types,
                    in_function=statement.in_function,
                )

    def _bound(
        self, node: ast.Import | ast.ImportFrom, module: str
    ) -> Iterator[tuple[str, _Origin]]:
        """Yield the names that a statement binds to something of these packages."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                if self._holds(alias.name):
                    yield alias.asname or alias.name, (alias.name, ())
            return
        start = self._absolute(node, module)
        for alias in node.names if self._holds(start) else ():
            if alias.name == "*":
                yield "", (start, ())
                yield from ((name, (start, (name,))) for name in self._shown.get(start, ()))
            else:
                yield alias.asname or alias.name, (start, (alias.name,))

    def _holds(self, name: str) -> bool:
        return name.partition(".")[0] in self.packages

    def _absolute(self, node: ast.ImportFrom, module: str) -> str:
        """Return the dotted name of the module or package that a statement imports from."""
        if not node.level:
            return node.module or ""
        parts = module.split(".")
        outer = parts[: len(parts) + (module in self.faces) - node.level]
        return ".".join([*outer, *([node.module] if node.module else [])])

    def _arrows(self, module: str, bound: str, origin: _Origin) -> Iterator[tuple[str, str]]:
        """Yield (target, face) of all that a module takes by a name that it binds."""
        if origin[0] in self.trees.keys() - self.faces:
            yield origin[0], ""
        target, face = self._follow(*origin)
        attributes = _attributes(self.trees[module], bound) if target in self.faces else []
        if not attributes:
            yield target, face
        for names in attributes:  # What is taken from a whole package counts, not the package.
            yield self._follow(target, names)

    def _follow(self, start: str, names: tuple[str, ...]) -> tuple[str, str]:
        """Return (module that defines what ``start.names`` gives, face that it is taken from)."""
        face, passed = "", set()
        while names and (start, names) not in passed:
            passed.add((start, names))
            name, inner = names[0], f"{start}.{names[0]}"
            if shown := self._shown.get(start, {}).get(name):
                face = face or start
                start, names = shown[0], (*shown[1], *names[1:])
            elif inner in self.trees:
                start, names = inner, names[1:]
            else:
                break
        return start, face or (start if start in self.faces else "")

    def _names_from_elsewhere(self, module: str) -> dict[str, _Origin]:
        """Return the names that a module or face has by import, also by a lazy one."""
        shown = self._lazy(module) if module in self.faces else {}
        for statement in _statements(self.trees[module]):
            if not statement.in_function:
                shown |= dict(self._bound(statement.node, module))
        # A module that its own package names is reached without the face.
        return {
            name: (start, names)
            for name, (start, names) in shown.items()
            if name and ".".join([start, *names]) != f"{module}.{name}"
        }

    def _lazy(self, face: str) -> dict[str, _Origin]:
        """Return what a face with ``__getattr__`` says in its dicts: name -> module."""
        tree = self.trees[face]
        if not any(getattr(node, "name", "") == "__getattr__" for node in tree.body):
            return {}
        shown: dict[str, _Origin] = {}
        for name, place in _plain_entries(tree):
            for module in (place, f"{face}.{place}", f"{face}{place}"):
                if module in self.trees:
                    is_module = module.endswith(f".{name}")
                    shown[name] = (module, () if is_module else (name,))
        return shown


def _statements(
    node: ast.AST, for_types: bool = False, in_function: bool = False, in_plot: bool = False
) -> Iterator[_Statement]:
    """Yield the import statements in a tree, and calls that import a module by its plain name.

    A result's own method ``plot`` may hand itself to the room ``plots``, whatever its floor: what
    draws a result is not what computes it, and nothing below the method depends on it.
    """
    if isinstance(node, ast.Import | ast.ImportFrom):
        if in_plot and isinstance(node, ast.ImportFrom) and _PLOTS.match(node.module or ""):
            return
        yield _Statement(node, for_types, in_function)
        return
    if isinstance(node, ast.Call) and ast.unparse(node.func) in _DYNAMIC and node.args:
        named = node.args[0]
        if isinstance(named, ast.Constant) and isinstance(named.value, str):
            called = ast.Import([ast.alias(named.value)], lineno=node.lineno)
            yield _Statement(called, for_types, in_function)
    in_function |= isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    is_guard = isinstance(node, ast.If) and ast.unparse(node.test) in _GUARDS
    for child in ast.iter_child_nodes(node):
        guarded = isinstance(node, ast.If) and is_guard and child in node.body
        is_plot = isinstance(child, ast.FunctionDef) and child.name == "plot"
        plots = in_plot or (isinstance(node, ast.ClassDef) and is_plot)
        yield from _statements(child, for_types or guarded, in_function, plots)


def _attributes(tree: ast.AST, name: str) -> list[tuple[str, ...]]:
    """Return what a module takes from a dotted name: ``("b", "c")`` where it says ``name.b.c``."""
    dotted = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    # Of a.b.c, a.b is a part and not taken by itself.
    whole = [one for one in dotted if not any(other.startswith(f"{one}.") for other in dotted)]
    taken = [one.removeprefix(f"{name}.") for one in whole if one.startswith(f"{name}.")]
    return sorted(tuple(one.split(".")) for one in taken)


def _plain_entries(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield (key, value) of the dicts in a tree, where both are plain strings."""
    dicts = (node for node in ast.walk(tree) if isinstance(node, ast.Dict))
    for pair in (pair for node in dicts for pair in zip(node.keys, node.values, strict=True)):
        match pair:
            case ast.Constant(value=str(key)), ast.Constant(value=str(value)):
                yield key, value
