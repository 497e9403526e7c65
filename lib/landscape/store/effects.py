"""What other modules' statements do to a definition: they fill tables, set attributes, register."""

import ast
from collections.abc import Callable, Iterator

from landscape.store.skeletons import Key, Skeleton, is_carrier
from landscape.store.source_code import EFFECTS, SourceCode

_References = Callable[[Key], Skeleton]


def changed_by_others(code: SourceCode, skeleton: _References) -> dict[Key, frozenset[Key]]:
    """Return definition -> definitions of other statements that may change what it holds.

    A table counts with what a decorator, a class that its base notes, or another module puts there,
    also where nothing that uses the table names them.

    Args:
        code: The packages.
        skeleton: Gives a definition's references.
    """
    found: dict[Key, set[Key]] = {}
    for module in code.sources:
        if is_carrier(module):
            continue
        for name, statements in code.module(module).definitions.items():
            key = (module, name)
            for changed in _changed(code, skeleton, key, statements):
                if changed != key and not is_carrier(changed[0]):
                    found.setdefault(changed, set()).add(key)
    return {key: frozenset(others) for key, others in found.items()}


def _changed(
    code: SourceCode, skeleton: _References, key: Key, statements: list[ast.stmt]
) -> Iterator[Key]:
    module, name = key
    if name == EFFECTS:
        direct = set(skeleton(key).references)
        yield from (other for other in direct if other[0] != module)
        yield from _tables(code, skeleton, direct)
        return
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            roots = {
                root for part in statement.decorator_list for root in _roots(code, module, part)
            }
            for base in getattr(statement, "bases", []):
                roots |= {root for root in _roots(code, module, base) if _notes(code, root)}
            yield from _tables(code, skeleton, roots)
        elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
            called = statement.value.func
            if isinstance(called, ast.Attribute) and called.attr not in _READING:
                yield from (root for root in _roots(code, module, called) if _is_table(code, root))


def _roots(code: SourceCode, module: str, node: ast.AST) -> set[Key]:
    """Return the definitions of the packages that an expression names."""
    found = set()
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
            found.add((reference.module, reference.name))
    return found


def _tables(code: SourceCode, skeleton: _References, roots: set[Key]) -> Iterator[Key]:
    """Yield the tables that some definitions reach."""
    waiting, seen = list(roots), set(roots)
    while waiting:
        key = waiting.pop()
        if _is_table(code, key):
            yield key
        if not is_carrier(key[0]):
            new = set(skeleton(key).references) - seen
            seen |= new
            waiting += new


# Methods that leave what they are called on as it is.
_READING = {*dir(frozenset), *dir(tuple), *dir(str), *dir(range), "get", "items", "keys", "values"}
_FRESH = (ast.Call, ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)


def _is_table(code: SourceCode, key: Key) -> bool:
    """Whether a definition holds something that others may change."""
    for statement in code.module(key[0]).definitions[key[1]]:
        value = getattr(statement, "value", None)
        if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(value, _FRESH):
            name = getattr(getattr(value, "func", None), "id", "")
            if code.resolve(key[0], name).kind != "builtin" or name not in _FIXED:
                return True
        decorators = getattr(statement, "decorator_list", [])
        if any("singledispatch" in ast.unparse(decorator) for decorator in decorators):
            return True
    return False


# Made by these, a value never changes.
_FIXED = {"bool", "complex", "float", "frozenset", "int", "len", "max", "min", "range", "slice"}
_FIXED |= {"str", "sum", "tuple"}


def _notes(code: SourceCode, key: Key) -> bool:
    """Whether a class is told of its subclasses."""
    waiting, seen = [key], set()
    while waiting:
        key = waiting.pop()
        seen.add(key)
        for statement in code.module(key[0]).definitions[key[1]]:
            for part in getattr(statement, "body", []):
                if getattr(part, "name", "") == "__init_subclass__":
                    return True
            bases = [base for base in getattr(statement, "bases", [])]
            waiting += [r for base in bases for r in _roots(code, key[0], base) if r not in seen]
    return False


def twins(code: SourceCode, skeleton: _References) -> dict[Key, str]:
    """Return class or table -> its name, where another reads the same: nothing else tells them.

    The last of them, in the order of modules and names, needs none.
    """
    same: dict[str, list[Key]] = {}
    for module in sorted(code.sources):
        for name, statements in sorted(code.module(module).definitions.items()):
            key = (module, name)
            is_class = any(isinstance(statement, ast.ClassDef) for statement in statements)
            if name == EFFECTS or is_carrier(module) or not (is_class or _is_table(code, key)):
                continue
            same.setdefault(skeleton(key).text, []).append(key)
    found = [key for keys in same.values() for key in keys[:-1]]
    names = [name for _, name in found]
    return {key: key[1] if names.count(key[1]) == 1 else ".".join(key) for key in found}
