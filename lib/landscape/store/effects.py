"""Effects of statements on definitions elsewhere: they fill tables, set attributes, register.

A definition that such statements may change counts them in its version.
"""

import ast
from collections.abc import Callable, Iterator

from landscape.store.carriers import is_carrier
from landscape.store.skeletons import Key, Skeleton
from landscape.store.source_code import EFFECTS, SourceCode

_Skeletons = Callable[[Key], Skeleton]


def changed_by_others(code: SourceCode, skeleton: _Skeletons) -> dict[Key, frozenset[Key]]:
    """Return definition -> other definitions whose statements may change its value.

    A table is a value that can change after its definition. Decorators, classes whose base class
    registers its subclasses, and statements of other modules may all add to it, although the code
    that reads the table names none of them.

    Args:
        code: The packages.
        skeleton: Function that returns the skeleton of a definition, given its key.
    """
    changes: dict[Key, set[Key]] = {}
    for module in code.sources:
        if is_carrier(module):
            continue
        for name, statements in code.module(module).definitions.items():
            key = (module, name)
            for changed in _changed(code, skeleton, key, statements):
                if changed != key and not is_carrier(changed[0]):
                    changes.setdefault(changed, set()).add(key)
    return {key: frozenset(changing) for key, changing in changes.items()}


def _changed(
    code: SourceCode, skeleton: _Skeletons, key: Key, statements: list[ast.stmt]
) -> Iterator[Key]:
    """Yield the definitions that the statements of one definition may change."""
    module, name = key
    if name == EFFECTS:
        direct = set(skeleton(key).references)
        yield from (target for target in direct if target[0] != module)
        yield from _tables(code, skeleton, direct)
        return
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            roots = {
                root for part in statement.decorator_list for root in _roots(code, module, part)
            }
            for base in getattr(statement, "bases", []):
                roots |= {
                    root for root in _roots(code, module, base) if _registers_subclasses(code, root)
                }
            yield from _tables(code, skeleton, roots)
        elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
            called = statement.value.func
            if isinstance(called, ast.Attribute) and called.attr not in _READING_METHODS:
                yield from (root for root in _roots(code, module, called) if _is_table(code, root))


def _roots(code: SourceCode, module: str, node: ast.AST) -> set[Key]:
    """Return the definitions of the packages that an expression names."""
    roots = set()
    for part in ast.walk(node):
        attributes: list[str] = []
        while isinstance(part, ast.Attribute):
            attributes.insert(0, part.attr)
            part = part.value
        if not isinstance(part, ast.Name):
            continue
        reference = code.resolve(module, part.id)
        while attributes and reference.kind == "module":
            reference = code.imported(reference.module, attributes.pop(0))
        if reference.kind == "definition":
            roots.add((reference.module, reference.name))
    return roots


def _tables(code: SourceCode, skeleton: _Skeletons, roots: set[Key]) -> Iterator[Key]:
    """Yield the tables that definitions reach by their references, however indirect."""
    waiting, seen = list(roots), set(roots)
    while waiting:
        key = waiting.pop()
        if _is_table(code, key):
            yield key
        if not is_carrier(key[0]):
            new = set(skeleton(key).references) - seen
            seen |= new
            waiting += new


# Methods that do not change the object they are called on.
_READING_METHODS = {
    *dir(frozenset),
    *dir(tuple),
    *dir(str),
    *dir(range),
    "get",
    "items",
    "keys",
    "values",
}
# Expressions that make a new object, which may change later.
_NEW_OBJECTS = (ast.Call, ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)


def _is_table(code: SourceCode, key: Key) -> bool:
    """Whether a definition's value can change later: a container, an object, a generic function."""
    for statement in code.module(key[0]).definitions[key[1]]:
        value = getattr(statement, "value", None)
        if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(value, _NEW_OBJECTS):
            name = getattr(getattr(value, "func", None), "id", "")
            if code.resolve(key[0], name).kind != "builtin" or name not in _IMMUTABLE:
                return True
        decorators = getattr(statement, "decorator_list", [])
        if any("singledispatch" in ast.unparse(decorator) for decorator in decorators):
            return True
    return False


# Values that these built-in functions return never change.
_IMMUTABLE = {"bool", "complex", "float", "frozenset", "int", "len", "max", "min", "range", "slice"}
_IMMUTABLE |= {"str", "sum", "tuple"}


def _registers_subclasses(code: SourceCode, key: Key) -> bool:
    """Whether a class, or a base of it, defines ``__init_subclass__``."""
    waiting, seen = [key], set()
    while waiting:
        key = waiting.pop()
        seen.add(key)
        for statement in code.module(key[0]).definitions[key[1]]:
            for part in getattr(statement, "body", []):
                if getattr(part, "name", "") == "__init_subclass__":
                    return True
            bases = getattr(statement, "bases", [])
            waiting += [
                root for base in bases for root in _roots(code, key[0], base) if root not in seen
            ]
    return False


def distinguishing_names(code: SourceCode, skeleton: _Skeletons) -> dict[Key, str]:
    """Return class or table -> its name, where another has the same text.

    Names do not count in versions, but two empty lists or two exceptions with the same body are
    different objects, and code that uses the first may compute something else with the second. The
    last of them, in the order of modules and names, keeps the version without a name.

    Args:
        code: The packages.
        skeleton: Function that returns the skeleton of a definition, given its key.
    """
    same: dict[str, list[Key]] = {}
    for module in sorted(code.sources):
        if is_carrier(module):
            continue
        for name, statements in sorted(code.module(module).definitions.items()):
            key = (module, name)
            is_class = any(isinstance(statement, ast.ClassDef) for statement in statements)
            if name == EFFECTS or not (is_class or _is_table(code, key)):
                continue
            same.setdefault(skeleton(key).text, []).append(key)
    alike = [key for keys in same.values() for key in keys[:-1]]
    names = [name for _, name in alike]
    return {key: key[1] if names.count(key[1]) == 1 else ".".join(key) for key in alike}
