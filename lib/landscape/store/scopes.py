"""Scopes of functions, comprehensions and classes, and the definitions that names in them mean."""

import ast
import dataclasses
from collections.abc import Sequence

from landscape.store.source_code import (
    Reference,
    SourceCode,
    bound_by,
    imported_names,
    walk_scope,
)


@dataclasses.dataclass
class Scope:
    """The names bound in the body of a function, comprehension or class.

    Attributes:
        names: Name -> the word that a skeleton writes for it; None before it is first written; for
            an import, the (module, name in it or None) that it stands for.
        outer: The scope around it; None at the top level of a module.
        is_class: Whether it is the body of a class.
        declared_global: Names that the body declares ``global``.
    """

    names: dict[str, str | tuple[str, str | None] | None]
    outer: "Scope | None"
    is_class: bool = False
    declared_global: frozenset[str] = frozenset()


def function_scope(
    body: Sequence[ast.AST], parameters: list[str], outer: Scope | None, module: str
) -> Scope:
    """Return the scope of a function.

    Args:
        body: The function's statements, or the expression of a lambda.
        parameters: Names of its parameters.
        outer: The scope around it, or None at the top level.
        module: Dotted name of the module that it stands in.
    """
    imported: dict[str, set[tuple[str, str | None]]] = {}
    bound, declared_global, declared_nonlocal = set(parameters), set(), set()
    for statement in body:
        for name, target in imported_names(statement, module):
            imported.setdefault(name, set()).add(target)
        for node in walk_scope(statement):
            bound.update(bound_by(node))
            if isinstance(node, ast.Global):
                declared_global.update(node.names)
            elif isinstance(node, ast.Nonlocal):
                declared_nonlocal.update(node.names)
    names: dict[str, str | tuple[str, str | None] | None] = dict.fromkeys(bound | set(imported))
    for name, targets in imported.items():
        # Only where nothing else binds the name is its meaning certain wherever it is used.
        if len(targets) == 1 and name not in bound:
            (names[name],) = targets
    elsewhere = declared_global | declared_nonlocal
    names = {name: word for name, word in names.items() if name not in elsewhere}
    # Parameters keep their names: callers may pass them by keyword.
    names |= {name: f"parameter {name}" for name in parameters}
    return Scope(names, outer, declared_global=frozenset(declared_global))


def binding_scope(name: str, scope: Scope | None) -> Scope | None:
    """Return the innermost scope that binds a name, or None where the module must bind it.

    As in Python, functions inside a class do not see the names of the class body.

    Args:
        name: The name as it is used.
        scope: The scope in which it is used; None at the top level.
    """
    first = scope
    while scope is not None:
        if name in scope.declared_global:
            return None
        if name in scope.names and (not scope.is_class or scope is first):
            return scope
        scope = scope.outer
    return None


class Names:
    """The meaning of names in one module.

    Args:
        code: The packages whose definitions a name may refer to.
        module: Dotted name of the module.
    """

    def __init__(self, code: SourceCode, module: str) -> None:
        self._code, self._module = code, module

    def resolve(self, name: str, scope: Scope | None) -> Reference:
        """Return what a name refers to; its kind is ``local`` for a variable.

        Args:
            name: The name as it is used.
            scope: The scope in which it is used; None at the top level.
        """
        binding = binding_scope(name, scope)
        if binding is None:
            return self._code.resolve(self._module, name)
        meaning = binding.names[name]
        if isinstance(meaning, tuple):
            return self._code.imported(*meaning)
        return Reference("local", "", name)

    def chain(self, node: ast.expr, scope: Scope | None) -> tuple[Reference | None, list[str]]:
        """Return what a dotted name refers to, and the attributes that are read from it.

        Args:
            node: An expression, such as ``package.module.f.attribute``.
            scope: The scope in which it stands; None at the top level.

        Returns:
            The definition, module or other name, followed through all modules, and the remaining
            attributes; None and no attributes where the expression starts from a value.
        """
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None, []
        reference = self.resolve(node.id, scope)
        if reference.kind == "local":
            return None, []
        while attributes and reference.kind == "module":
            reference = self._code.imported(reference.module, attributes.pop(0))
        if reference.kind == "external":
            dotted = ".".join([reference.name, *attributes])
            return Reference("external", "", dotted), []
        return reference, attributes

    def is_import_function(self, function: ast.expr, scope: Scope | None) -> bool:
        """Return whether an expression is a function that imports the module its argument names.

        Args:
            function: The expression that is called.
            scope: The scope in which it stands; None at the top level.
        """
        reference, attributes = self.chain(function, scope)
        name = "" if reference is None or attributes else reference.name
        return name in ("importlib.import_module", "__import__")

    def is_followed(self, name: str, scope: Scope | None) -> bool:
        """Return whether an imported name means its target wherever it is used.

        Args:
            name: A name that an import statement binds.
            scope: The scope of that statement; None at the top level.
        """
        if scope is not None:
            return isinstance(scope.names.get(name), tuple)
        return name not in self._code.module(self._module).definitions
