"""Scopes of functions, comprehensions and classes: what a name in them stands for."""

import ast
import dataclasses

from landscape.store.source_code import bound_by, imported_names, walk_scope


@dataclasses.dataclass
class Scope:
    """The names bound in a function, comprehension or class body, and what is written for them."""

    names: dict[str, str | tuple[str, str | None] | None]
    outer: "Scope | None"
    is_class: bool = False
    outside: frozenset[str] = frozenset()  # Declared ``global``.


def function_scope(
    body: list[ast.AST], parameters: list[str], outer: Scope | None, module: str
) -> Scope:
    """Return the names that a function binds.

    Args:
        body: What it holds.
        parameters: Names of its parameters.
        outer: The scope around it.
        module: Name of the module that it stands in.
    """
    imported: dict[str, set[tuple[str, str | None]]] = {}
    bound, outside, elsewhere = set(parameters), set(), set()
    for statement in body:
        for name, target in imported_names(statement, module):
            imported.setdefault(name, set()).add(target)
        for node in walk_scope(statement):
            bound.update(bound_by(node))
            if isinstance(node, ast.Global):
                outside.update(node.names)
            elif isinstance(node, ast.Nonlocal):
                elsewhere.update(node.names)
    names: dict[str, str | tuple[str, str | None] | None] = dict.fromkeys(bound | set(imported))
    for name, targets in imported.items():
        if len(targets) == 1 and name not in bound:  # What it means is known: it is followed.
            (names[name],) = targets
    names = {name: held for name, held in names.items() if name not in outside | elsewhere}
    # Parameters keep their names, by which callers may pass them.
    names |= {name: f"parameter {name}" for name in parameters}
    return Scope(names, outer, outside=frozenset(outside))


def holder_of(name: str, scope: Scope | None) -> Scope | None:
    """Return the innermost scope that binds a name; bodies of classes are seen from inside only."""
    first = scope
    while scope is not None:
        if name in scope.outside:
            return None
        if name in scope.names and (not scope.is_class or scope is first):
            return scope
        scope = scope.outer
    return None
