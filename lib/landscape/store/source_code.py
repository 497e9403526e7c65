"""Parsed source of whole packages: the names that each module defines, and their meaning."""

import ast
import builtins
import dataclasses
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path

EFFECTS = "<statements>"  # The definition that stands for all statements that bind no name.


@dataclasses.dataclass(frozen=True)
class Reference:
    """The target of a name in a module.

    Attributes:
        kind: ``definition`` or ``module`` of a package that is read here; ``external``, a dotted
            name of another package; ``builtin``; ``local``, a variable of a function; ``unknown``,
            such as ``__name__``.
        module: The module that holds the definition, or the module itself; otherwise empty.
        name: Name of the definition, or the dotted name.
    """

    kind: str
    module: str
    name: str


@dataclasses.dataclass(frozen=True)
class Module:
    """The top level of one source file.

    Attributes:
        definitions: Name -> statements that bind it, in the file's order.
        imports: Name -> (module, name in it or None for the module), also for imports under a
            condition.
    """

    definitions: Mapping[str, list[ast.stmt]]
    imports: Mapping[str, tuple[str, str | None]]


def read_package(folder: Path) -> dict[str, str]:
    """Return dotted module name -> source text, for all modules in a package's folder.

    The package itself stands for its ``__init__``.
    """
    sources = {}
    for path in sorted(folder.rglob("*.py")):
        parts = (folder.name, *path.relative_to(folder).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        sources[name] = path.read_text(encoding="utf-8")
    return sources


class SourceCode:
    """The source of packages, and the meaning of the names in it.

    Args:
        sources: Dotted module name -> source text, as ``read_package`` returns it.

    Attributes:
        sources: The same, as a dict.
        packages: Names of the packages.
        module: Function that returns the parsed ``Module`` of a dotted name.
        classes: Function that returns name -> modules of the dataclasses at the top level of all
            modules.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = dict(sources)
        self.packages = {name.partition(".")[0] for name in sources}
        self.module = functools.cache(self._parse)
        self.classes = functools.cache(self._dataclasses)

    def _dataclasses(self) -> dict[str, list[str]]:
        classes: dict[str, list[str]] = {}
        for module in self.sources:
            for name, statements in self.module(module).definitions.items():
                for node in statements:
                    decorators = getattr(node, "decorator_list", [])
                    if isinstance(node, ast.ClassDef) and any(
                        "dataclass" in ast.unparse(decorator) for decorator in decorators
                    ):
                        classes.setdefault(name, []).append(module)
        return classes

    def _parse(self, name: str) -> Module:
        statements = ast.parse(self.sources[name]).body
        meanings: dict[str, set[object]] = {}
        for statement in statements:
            for label, target in imported_names(statement, name):
                meanings.setdefault(label, set()).add(target)
            for label in _bound_names(statement):
                meanings.setdefault(label, set()).add(id(statement))
        definitions: dict[str, list[ast.stmt]] = {}
        imports: dict[str, tuple[str, str | None]] = {}
        for statement in statements:
            imported = dict(imported_names(statement, name))
            # A name with several meanings is a definition: all statements that bind it count.
            unclear = {label for label in imported if len(meanings[label]) > 1}
            imports |= {k: target for k, target in imported.items() if k not in unclear}
            bound = set(_bound_names(statement)) | unclear
            is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            nothing = not bound and not imported and not is_text
            if nothing or _does_more_than_bind(statement):
                bound.add(EFFECTS)
            for label in bound:
                definitions.setdefault(label, []).append(statement)
        if "global" in self.sources[name]:
            for label, statement in _globals_of_functions(statements):
                if label not in meanings:
                    definitions.setdefault(label, []).append(statement)
        return Module(definitions, imports)

    def resolve(self, module: str, name: str) -> Reference:
        """Return the target of a global name, followed through all re-exports.

        Args:
            module: Dotted name of the module that uses it.
            name: The name as the module writes it.

        Raises:
            LookupError: If the module imports it from a module that does not define it.
        """
        here = self.module(module)
        if name in here.definitions:
            return Reference("definition", module, name)
        if name in here.imports:
            return self.imported(*here.imports[name])
        if hasattr(builtins, name):
            return Reference("builtin", "", name)
        return Reference("unknown", "", name)

    def imported(self, module: str, name: str | None) -> Reference:
        """Return the target of ``from module import name``.

        Args:
            module: Dotted name of the module.
            name: The name in it; None for the module itself.

        Raises:
            LookupError: If a module that is read here defines no such name.
        """
        if module.partition(".")[0] not in self.packages:
            return Reference("external", "", module if name is None else f"{module}.{name}")
        if name is None:
            return Reference("module", module, "")
        if module in self.sources:
            reference = self.resolve(module, name)
            if reference.kind not in ("unknown", "builtin"):
                return reference
        if f"{module}.{name}" in self.sources:
            return Reference("module", f"{module}.{name}", "")
        raise LookupError(
            f"{module} defines no {name!r}, so the version of what uses it is unknown. Import a "
            "name from the module that defines it."
        )


def imported_names(tree: ast.AST, module: str) -> Iterator[tuple[str, tuple[str, str | None]]]:
    """Yield the names that import statements bind, each with (module, name in it or None).

    Args:
        tree: A statement or module; functions and classes in it are not entered.
        module: Dotted name of its module, for the error text.

    Raises:
        ValueError: For a relative import or ``import *``.
    """
    for node in walk_scope(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                target = alias.name if alias.asname else alias.name.partition(".")[0]
                yield alias.asname or target, (target, None)
        elif isinstance(node, ast.ImportFrom):
            # `from . import name`, which a level tells as well, alone has no module.
            if node.level or node.module is None or any(alias.name == "*" for alias in node.names):
                raise ValueError(
                    f"{module} line {node.lineno} imports by its place or imports everything. "
                    "Write `from package.module import name`, which a move or a new name leaves "
                    "as it is."
                )
            for alias in node.names:
                yield alias.asname or alias.name, (node.module, alias.name)


def _bound_names(statement: ast.stmt) -> Iterator[str]:
    for node in walk_scope(statement):
        yield from bound_by(node)


def bound_by(node: ast.AST) -> Iterator[str]:
    """Yield the names that one node of a tree binds in its scope, except by imports."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Name(ctx=ast.Store() | ast.Del()):
            yield node.id
        case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() if node.name:
            yield node.name
        case ast.MatchMapping() if node.rest:
            yield node.rest


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def walk_scope(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and its descendants in the same scope: functions and classes are not entered.

    A comprehension yields only its named expressions (``:=``), whose targets lie in this scope.
    """
    # A stack instead of nested generators: each process walks all of a package's code.
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, _SCOPES):
            continue
        for child in reversed(_children(node)):
            if isinstance(child, _COMPREHENSIONS):
                stack.extend(reversed([*_named_in(child)]))
            else:
                stack.append(child)


def _children(node: ast.AST) -> list[ast.AST]:
    children: list[ast.AST] = []
    for field in node._fields:
        value = getattr(node, field, None)
        if isinstance(value, list):
            children += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
            children.append(value)
    return children


def _named_in(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the targets of named expressions in a comprehension, but not in functions inside."""
    if isinstance(tree, ast.NamedExpr):
        yield tree.target
    for child in ast.iter_child_nodes(tree):
        if not isinstance(child, _SCOPES):
            yield from _named_in(child)


_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_COMPOUND = (ast.If, *_LOOPS, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)


def _does_more_than_bind(statement: ast.stmt) -> bool:
    """Whether a compound statement does more than bind names: it calls or sets something."""
    if not isinstance(statement, _COMPOUND):
        return False
    for node in walk_scope(statement):
        if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant):
            return True
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            return True
    return False


def _globals_of_functions(statements: list[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the names that functions declare ``global``, each with the top-level statement."""
    for statement in statements:
        for node in ast.walk(statement):
            for label in node.names if isinstance(node, ast.Global) else ():
                yield label, statement
