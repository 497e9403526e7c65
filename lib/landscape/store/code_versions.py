"""Versions of code: hashes of what a definition computes, whatever its file and its words are.

A definition is hashed without what decides no result: docstrings, comments, texts of built-in
errors, its own name, the names of its local variables, how its file imports, where the file lies,
and methods that only show a result. Each name of the library that it uses counts by the hash of
what it refers to; so a version changes when the code behind any of them does.
"""

import ast
import dataclasses
import functools
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from landscape.store.source_code import (
    EFFECTS,
    Reference,
    SourceCode,
    bound_by,
    imported_names,
    read_package,
    walk_scope,
)

# They carry or draw results but do not determine them: a change there recomputes nothing.
CARRIERS = (
    "landscape.progress",
    "landscape.store.code_versions",
    "landscape.store.codec",
    "landscape.store.entries",
    "landscape.store.fingerprint",
    "landscape.store.identity",
    "landscape.store.provenance",
    "landscape.store.source_code",
    "landscape.plots",
)
_SHOWING = frozenset({"plot", "to_frame", "_repr_html_"})
_Key = tuple[str, str]  # Module and name of a definition.


class CodeVersions:
    """Versions of the definitions in packages of source code.

    Args:
        code: The packages; names of other packages count by name alone.
    """

    def __init__(self, code: SourceCode) -> None:
        self.code = code
        self._versions: dict[_Key, str] = {}
        self._skeleton = functools.cache(self._write)

    def version(self, module: str, name: str) -> str:
        """Return the SHA-256 of a definition and of all that its names refer to.

        Args:
            module: Dotted name of the module that defines it.
            name: Its name there.

        Raises:
            LookupError: If there is no such definition, or it uses a name that does not exist.
        """
        if name not in self.code.module(module).definitions:
            raise LookupError(f"{module} defines no {name!r}.")
        key = (module, name)
        if key not in self._versions:
            for component in _components(key, self._references, self._versions):
                self._hash(component)
        return self._versions[key]

    def module_version(self, module: str) -> str:
        """Return the SHA-256 of all definitions of a module."""
        names = sorted(self.code.module(module).definitions)
        return _sha256(*(part for name in names for part in (name, self.version(module, name))))

    def _references(self, key: _Key) -> Iterator[_Key]:
        skeleton = self._skeleton(key)
        yield from skeleton.references
        yield from sorted(skeleton.beside)

    def _write(self, key: _Key) -> "_Skeleton":
        return _Writer(self.code, *key).skeleton()

    def _hash(self, component: list[_Key]) -> None:
        """Hash definitions that refer to each other, once all others that they use are hashed.

        Each starts from its own text; in as many rounds as there are definitions what each of them
        says reaches all others, so that none can change without changing them all.
        """
        labels = {key: self._skeleton(key).text for key in component}
        for _ in range(len(component)):
            labels = {key: self._label(key, labels) for key in component}
        self._versions |= labels

    def _label(self, key: _Key, labels: dict[_Key, str]) -> str:
        skeleton = self._skeleton(key)

        def label(other: _Key) -> str:
            return self._versions.get(other) or ("itself" if other == key else labels[other])

        beside = sorted({label(other) for other in skeleton.beside})
        return _sha256(labels[key], *map(label, skeleton.references), "beside", *beside)


def all_versions(packages: Sequence[Path]) -> dict[str, list[str]]:
    """Return version -> dotted names of all definitions in packages.

    Args:
        packages: Folders of packages, read as they lie on the disk.
    """
    code = SourceCode({k: v for folder in packages for k, v in read_package(folder).items()})
    versions = CodeVersions(code)
    names: dict[str, list[str]] = {}
    for module in code.sources:
        for name in code.module(module).definitions:
            names.setdefault(versions.version(module, name), []).append(f"{module}.{name}")
    return names


def _components(
    root: _Key, references: Callable[[_Key], Iterator[_Key]], done: dict[_Key, str]
) -> Iterator[list[_Key]]:
    """Yield the strongly connected components below a root, each after those that it refers to.

    Reference: Tarjan (1972), SIAM J. Comput. 1(2), 146-160; with a stack of its own, since chains
        of references are longer than Python's recursion may be.
    """
    order: dict[_Key, int] = {}
    lowest: dict[_Key, int] = {}
    path: list[_Key] = []
    work = [(root, iter(()))] if root in done else [(root, references(root))]
    order[root] = lowest[root] = 0
    path.append(root)
    while work:
        key, remaining = work[-1]
        for other in remaining:
            if other in done:
                continue
            if other not in order:
                order[other] = lowest[other] = len(order)
                path.append(other)
                work.append((other, references(other)))
                break
            if other in path:
                lowest[key] = min(lowest[key], order[other])
        else:
            work.pop()
            if work:
                lowest[work[-1][0]] = min(lowest[work[-1][0]], lowest[key])
            if lowest[key] == order[key]:
                start = path.index(key)
                yield path[start:]
                del path[start:]


@dataclasses.dataclass(frozen=True)
class _Skeleton:
    """A definition's text with its references taken out.

    Attributes:
        text: Hash of the text in which a reference is only a mark.
        references: What the marks stand for, in the text's order.
        beside: What the definition needs without naming it in what it computes: the classes of its
            parameters, and the statements of its module that bind no name.
    """

    text: str
    references: tuple[_Key, ...]
    beside: frozenset[_Key]


@dataclasses.dataclass
class _Scope:
    """The names bound in a function, comprehension or class body, and what is written for them."""

    names: dict[str, str | tuple[str, str | None] | None]
    outer: "_Scope | None"
    is_class: bool = False


class _Writer:
    """Writes the skeleton of one definition."""

    def __init__(self, code: SourceCode, module: str, name: str) -> None:
        self._code, self._module, self._name = code, module, name
        self._parts: list[str] = []
        self._references: list[_Key] = []
        self._beside: set[_Key] = set()
        self._locals = 0

    def skeleton(self) -> _Skeleton:
        definitions = self._code.module(self._module).definitions
        for statement in definitions[self._name]:
            self._write(statement, None)
        if EFFECTS in definitions and self._name != EFFECTS:
            self._beside.add((self._module, EFFECTS))
        return _Skeleton(_sha256(*self._parts), tuple(self._references), frozenset(self._beside))

    def _write(self, value: Any, scope: _Scope | None) -> None:
        match value:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                self._write_function(value, scope)
            case ast.ClassDef():
                self._write_class(value, scope)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._write_comprehension(value, scope)
            case ast.Name():
                self._write_name(value.id, scope)
            case ast.Attribute():
                self._write_attribute(value, scope)
            case ast.AnnAssign():
                self._write_annotated(value, scope)
            case ast.Raise(exc=ast.Call(func=ast.Name(id=name)) | ast.Name(id=name)) if (
                self._refers(name, scope).kind == "builtin"
            ):
                self._parts.append(f"raise {name}")  # Its text decides no result.
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() | ast.MatchMapping():
                self._write_fields(value, scope, bound=next(bound_by(value), None))
            case ast.AST():
                self._write_fields(value, scope)
            case list():
                items = [item for item in value if not _is_silent(item)]
                self._parts.append(f"list {len(items)}")
                for item in items:
                    self._write(item, scope)
            case _:
                self._parts.append(repr(value))

    def _write_fields(self, node: ast.AST, scope: _Scope | None, bound: str | None = None) -> None:
        self._parts.append(type(node).__name__)
        for field, content in ast.iter_fields(node):
            if field in ("ctx", "type_comment", "kind"):
                continue
            if bound is not None and field in ("name", "rest") and isinstance(content, str):
                self._write_name(bound, scope)
            else:
                self._write(content, scope)

    def _write_function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: _Scope | None
    ) -> None:
        self._parts.append(type(node).__name__)
        if not isinstance(node, ast.Lambda):
            self._write_own_name(node.name, scope)
            self._write(node.decorator_list, scope)
        arguments = node.args
        parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        parameters += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
        for parameter in parameters:
            if parameter.annotation is not None:
                self._follow_annotation(parameter.annotation, scope)
        counts = (len(arguments.posonlyargs), len(arguments.args), len(arguments.kwonlyargs))
        stars = (arguments.vararg is not None, arguments.kwarg is not None)
        self._parts.append(f"{counts} {stars} {[parameter.arg for parameter in parameters]}")
        self._write(arguments.defaults, scope)
        self._write(arguments.kw_defaults, scope)
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        inner = self._function_scope(body, [parameter.arg for parameter in parameters], scope)
        self._write(body, inner)

    def _function_scope(
        self, body: list[ast.AST], parameters: list[str], outer: _Scope | None
    ) -> _Scope:
        names: dict[str, str | tuple[str, str | None] | None] = {}
        outside: set[str] = set()
        for statement in body:
            names |= dict(imported_names(statement, self._module))
            for node in walk_scope(statement):
                names |= dict.fromkeys(bound_by(node))
                if isinstance(node, ast.Global | ast.Nonlocal):
                    outside.update(node.names)
        names = {name: held for name, held in names.items() if name not in outside}
        # Parameters keep their names, by which callers may pass them.
        return _Scope(names | {name: f"parameter {name}" for name in parameters}, outer)

    def _write_comprehension(
        self,
        node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp,
        scope: _Scope | None,
    ) -> None:
        targets = [target for part in node.generators for target in walk_scope(part.target)]
        names = dict.fromkeys(name for target in targets for name in bound_by(target))
        inner = _Scope(dict(names), scope)
        self._parts.append(type(node).__name__)
        for index, part in enumerate(node.generators):
            self._write(part.iter, scope if index == 0 else inner)
            self._write(part.target, inner)
            self._write(part.ifs, inner)
            self._parts.append(str(part.is_async))
        for field in ("key", "value", "elt"):
            if hasattr(node, field):
                self._write(getattr(node, field), inner)

    def _write_class(self, node: ast.ClassDef, scope: _Scope | None) -> None:
        self._parts.append("class")
        self._write_own_name(node.name, scope)
        self._write(node.decorator_list, scope)
        self._write(node.bases, scope)
        self._write(node.keywords, scope)
        bound = [
            name for part in node.body for child in walk_scope(part) for name in bound_by(child)
        ]
        # Names of a class body are attributes, which others use by their names.
        inner = _Scope({name: f"attribute {name}" for name in bound}, scope, is_class=True)
        for statement in node.body:
            shows = isinstance(statement, ast.FunctionDef) and statement.name in _SHOWING
            if not (shows or _is_silent(statement)):
                self._write(statement, inner)

    def _write_own_name(self, name: str, scope: _Scope | None) -> None:
        if scope is not None:
            self._write_name(name, scope)

    def _write_annotated(self, node: ast.AnnAssign, scope: _Scope | None) -> None:
        self._parts.append("AnnAssign")
        self._write(node.target, scope)
        self._write(node.value, scope)
        self._follow_annotation(node.annotation, scope)
        text = ast.unparse(node.annotation)
        self._parts += [word for word in ("ClassVar", "InitVar", "KW_ONLY") if word in text]

    def _follow_annotation(self, annotation: ast.expr, scope: _Scope | None) -> None:
        """Count the classes that an annotation names: methods of theirs may be what computes."""
        for node in ast.walk(annotation):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                try:
                    quoted = ast.parse(node.value, mode="eval").body
                except SyntaxError:  # A text among the values of a Literal.
                    continue
                if not isinstance(quoted, ast.Constant):
                    self._follow_annotation(quoted, scope)
            elif isinstance(node, ast.Name | ast.Attribute):
                reference, _ = self._chain(node, scope)
                if reference is not None and reference.kind == "definition":
                    if not _is_carrier(reference.module):
                        self._beside.add((reference.module, reference.name))

    def _write_name(self, name: str, scope: _Scope | None) -> None:
        holder = _holder(name, scope)
        if holder is not None and not isinstance(holder.names[name], tuple):
            if holder.names[name] is None:
                holder.names[name] = f"local {self._locals}"
                self._locals += 1
            self._parts.append(str(holder.names[name]))
        else:
            self._write_reference(self._refers(name, scope))

    def _write_attribute(self, node: ast.Attribute, scope: _Scope | None) -> None:
        reference, attributes = self._chain(node, scope)
        if reference is None:
            self._parts.append(f"Attribute {node.attr}")
            self._write(node.value, scope)
            return
        self._write_reference(reference)
        self._parts += [f"Attribute {attribute}" for attribute in attributes]

    def _chain(
        self, node: ast.Name | ast.Attribute, scope: _Scope | None
    ) -> tuple[Reference | None, list[str]]:
        """Return what a dotted name refers to, and the attributes behind it; None: a value's."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None, []
        reference = self._refers(node.id, scope)
        if reference.kind == "local":
            return None, []
        while attributes and reference.kind == "module":
            reference = self._code.imported(reference.module, attributes.pop(0))
        if reference.kind == "external":
            dotted = ".".join([reference.name, *attributes])
            return Reference("external", "", dotted), []
        return reference, attributes

    def _refers(self, name: str, scope: _Scope | None) -> Reference:
        holder = _holder(name, scope)
        if holder is None:
            return self._code.resolve(self._module, name)
        held = holder.names[name]
        if isinstance(held, tuple):
            return self._code.imported(*held)
        return Reference("local", "", name)

    def _write_reference(self, reference: Reference) -> None:
        own = (self._module, self._name)
        if reference.module and _is_carrier(reference.module):
            self._parts.append(f"carrier {reference.name}")
        elif reference.kind == "definition":
            self._parts.append("reference")
            # Inside a statement that binds several names at once they are told apart by name.
            if (reference.module, reference.name) != own and self._binds(reference):
                self._parts.append(reference.name)
            else:
                self._references.append((reference.module, reference.name))
        elif reference.kind == "module":  # As a value: any of its names may be asked for.
            for name in sorted(self._code.module(reference.module).definitions):
                self._parts.append(f"member {name}")
                self._references.append((reference.module, name))
        else:
            self._parts.append(f"{reference.kind} {reference.name}")

    def _binds(self, reference: Reference) -> bool:
        if reference.module != self._module:
            return False
        definitions = self._code.module(self._module).definitions
        return any(
            statement is other
            for statement in definitions[self._name]
            for other in definitions[reference.name]
        )


def _is_silent(node: Any) -> bool:
    """Whether a statement computes nothing: a docstring; an import, followed where it is used."""
    text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return text or isinstance(node, ast.Import | ast.ImportFrom | ast.Pass)


def _holder(name: str, scope: _Scope | None) -> _Scope | None:
    """Return the innermost scope that binds a name; bodies of classes are seen from inside only."""
    first = scope
    while scope is not None:
        if name in scope.names and (not scope.is_class or scope is first):
            return scope
        scope = scope.outer
    return None


def _is_carrier(module: str) -> bool:
    return any(module == carrier or module.startswith(f"{carrier}.") for carrier in CARRIERS)


def _sha256(*parts: str) -> str:
    hasher = hashlib.sha256()
    for part in parts:
        content = part.encode()
        hasher.update(f"{len(content)}:".encode() + content)
    return hasher.hexdigest()


if __name__ == "__main__":
    print(json.dumps(all_versions([Path(folder) for folder in sys.argv[1:]]), indent=1))
