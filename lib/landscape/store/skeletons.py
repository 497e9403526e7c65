"""Skeletons of definitions: the text that a hash reads, and the definitions that it refers to.

The text lacks everything that decides no result, such as docstrings and names of local variables.
"""

import ast
import dataclasses
import hashlib
from typing import Any

from landscape.store.carriers import is_carrier
from landscape.store.scopes import Names, Scope, binding_scope, function_scope
from landscape.store.source_code import (
    EFFECTS,
    Reference,
    SourceCode,
    bound_by,
    imported_names,
    walk_scope,
)

# Methods that show a result or name it in the store do not change it.
_WITHOUT_RESULT = frozenset({"plot", "to_frame", "_repr_html_", "fingerprint"})
# Functions that look up names of a module while the program runs.
_LOOKUPS = {("builtin", name) for name in ("globals", "eval", "exec")} | {
    ("external", "sys.modules")
}
Key = tuple[str, str]  # Module and name of a definition.


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """A definition's text in which each reference to another definition is only a mark.

    Attributes:
        text: SHA-256 of that text.
        references: The definitions that the marks stand for, in the text's order.
        implied: Definitions that this one needs although no mark names them: the classes in its
            annotations, the statements of its module that bind no name, and the whole module where
            it looks up names at run time.
    """

    text: str
    references: tuple[Key, ...]
    implied: frozenset[Key]


class Writer:
    """Writes the skeleton of one definition.

    Args:
        code: The packages whose definitions it may refer to.
        module: Dotted name of the module that defines it.
        name: Its name there.
    """

    def __init__(self, code: SourceCode, module: str, name: str) -> None:
        self._code, self._module, self._name = code, module, name
        self._names = Names(code, module)
        self._parts: list[str] = []
        self._references: list[Key] = []
        self._implied: set[Key] = set()
        self._locals = 0  # Number of local names so far: they are written as numbers.
        self._ended = 0  # Number of parts when the last attribute of a reference was written.

    def skeleton(self) -> Skeleton:
        """Return the hash of the definition's text, and its references.

        Raises:
            LookupError: If it uses a name that a module of the packages does not define.
        """
        definitions = self._code.module(self._module).definitions
        for statement in definitions[self._name]:
            self._write(statement, None)
        if EFFECTS in definitions and self._name != EFFECTS:
            self._implied.add((self._module, EFFECTS))
        return Skeleton(sha256(*self._parts), tuple(self._references), frozenset(self._implied))

    def _write(self, value: Any, scope: Scope | None) -> None:
        if isinstance(value, ast.expr) and self._parts and self._ended == len(self._parts):
            self._parts.append("end")  # Else `a.x, b` would read as `a, b.x`.
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
            case ast.Call(args=[ast.Constant(value=str(name)), *_]) if name in self._code.sources:
                self._write_fields(value, scope)
                if self._names.is_import_function(value.func, scope):
                    self._write_module(name)
            case ast.Import() | ast.ImportFrom():
                self._write_import(value, scope)
            case ast.Raise(exc=(ast.Call(func=ast.Name(id=name)) | ast.Name(id=name)) as error) if (
                self._names.resolve(name, scope).kind == "builtin"
            ):
                self._parts.append(f"raise {name}")  # The error's text decides no result.
                self._write_error_values(error, scope)
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() | ast.MatchMapping():
                self._write_fields(value, scope, bound=next(bound_by(value), None))
            case ast.AST():
                self._write_fields(value, scope)
            case list():
                items = [item for item in value if not self._is_silent(item, scope)]
                self._parts.append(f"list {len(items)}")
                for item in items:
                    self._write(item, scope)
            case _:
                self._parts.append(repr(value))

    def _write_fields(self, node: ast.AST, scope: Scope | None, bound: str | None = None) -> None:
        self._parts.append(type(node).__name__)
        for field, content in ast.iter_fields(node):
            if field in ("ctx", "type_comment", "kind"):
                continue
            if bound is not None and field in ("name", "rest") and isinstance(content, str):
                self._write_name(bound, scope)
            else:
                self._write(content, scope)

    def _write_function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: Scope | None
    ) -> None:
        self._parts.append(type(node).__name__)
        if not isinstance(node, ast.Lambda):
            self._write_own_name(node.name, scope)
            self._write(node.decorator_list, scope)
        arguments = node.args
        parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        parameters += [star for star in (arguments.vararg, arguments.kwarg) if star is not None]
        for parameter in parameters:
            if parameter.annotation is not None:
                self._follow_annotation(parameter.annotation, scope)
        counts = (len(arguments.posonlyargs), len(arguments.args), len(arguments.kwonlyargs))
        stars = (arguments.vararg is not None, arguments.kwarg is not None)
        self._parts.append(f"{counts} {stars} {[parameter.arg for parameter in parameters]}")
        self._write(arguments.defaults, scope)
        self._write(arguments.kw_defaults, scope)
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        inner = function_scope(
            body, [parameter.arg for parameter in parameters], scope, self._module
        )
        self._write(body, inner)

    def _write_comprehension(
        self,
        node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp,
        scope: Scope | None,
    ) -> None:
        targets = [target for part in node.generators for target in walk_scope(part.target)]
        names = dict.fromkeys(name for target in targets for name in bound_by(target))
        inner = Scope(dict(names), scope)
        self._parts.append(type(node).__name__)
        for index, part in enumerate(node.generators):
            self._write(part.iter, scope if index == 0 else inner)
            self._write(part.target, inner)
            self._write(part.ifs, inner)
            self._parts.append(str(part.is_async))
        for field in ("key", "value", "elt"):
            if hasattr(node, field):
                self._write(getattr(node, field), inner)

    def _write_class(self, node: ast.ClassDef, scope: Scope | None) -> None:
        self._parts.append("class")
        self._write_own_name(node.name, scope)
        self._write(node.decorator_list, scope)
        self._write(node.bases, scope)
        self._write(node.keywords, scope)
        bound = [
            name for part in node.body for child in walk_scope(part) for name in bound_by(child)
        ]
        bound += [name for part in node.body for name, _ in imported_names(part, self._module)]
        # Names in a class body are attributes: other code uses them by name, so the names count.
        inner = Scope({name: f"attribute {name}" for name in bound}, scope, is_class=True)
        for statement in node.body:
            ignored = isinstance(statement, ast.FunctionDef) and statement.name in _WITHOUT_RESULT
            if not (ignored or self._is_silent(statement, inner)):
                self._write(statement, inner)
        if scope is not None:
            self._parts.append("end of class")

    def _write_own_name(self, name: str, scope: Scope | None) -> None:
        if scope is not None:
            self._write_name(name, scope)
        elif name != self._name:  # A statement that binds several names: they tell them apart.
            self._parts.append(f"named {name}")

    def _write_import(self, node: ast.Import | ast.ImportFrom, scope: Scope | None) -> None:
        """Write an import whose name may mean several things: as an assignment to that name."""
        self._parts.append("import")
        for name, target in imported_names(node, self._module):
            if not self._names.is_followed(name, scope):
                self._write_name(name, scope)
                self._write_reference(self._code.imported(*target))

    def _is_silent(self, node: Any, scope: Scope | None) -> bool:
        """Whether a statement computes nothing, such as a docstring."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [name for name, _ in imported_names(node, self._module)]
            return all(self._names.is_followed(name, scope) for name in names)
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        return text or isinstance(node, ast.Pass)

    def _write_error_values(self, error: ast.expr, scope: Scope | None) -> None:
        """Write the arguments of a built-in error that are no texts: a handler may use them."""
        for argument in getattr(error, "args", []):
            if not (_is_text(argument) or self._is_text_of_module(argument, scope)):
                self._write(argument, scope)

    def _is_text_of_module(self, node: ast.expr, scope: Scope | None) -> bool:
        """Whether an expression names a constant of a module that is a text."""
        reference, attributes = self._names.chain(node, scope)
        if reference is None or attributes or reference.kind != "definition":
            return False
        statements = self._code.module(reference.module).definitions[reference.name]
        return all(isinstance(node, ast.Assign) and _is_text(node.value) for node in statements)

    def _write_annotated(self, node: ast.AnnAssign, scope: Scope | None) -> None:
        self._parts.append("AnnAssign")
        self._write(node.target, scope)
        self._write(node.value, scope)
        self._follow_annotation(node.annotation, scope)
        text = ast.unparse(node.annotation)
        self._parts += [word for word in ("ClassVar", "InitVar", "KW_ONLY") if word in text]

    def _follow_annotation(self, annotation: ast.expr, scope: Scope | None) -> None:
        """Note the classes that an annotation names: the code may call their methods."""
        for node in ast.walk(annotation):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                try:
                    quoted = ast.parse(node.value, mode="eval").body
                except SyntaxError:  # A value of a Literal, not a quoted type.
                    continue
                if not isinstance(quoted, ast.Constant):
                    self._follow_annotation(quoted, scope)
            elif isinstance(node, ast.Name | ast.Attribute):
                reference, _ = self._names.chain(node, scope)
                if reference is not None and reference.kind == "definition":
                    if not is_carrier(reference.module):
                        self._implied.add((reference.module, reference.name))

    def _write_name(self, name: str, scope: Scope | None) -> None:
        binding = binding_scope(name, scope)
        if binding is not None and not isinstance(binding.names[name], tuple):
            # Local names count by the order in which they first stand, not by their letters.
            if binding.names[name] is None:
                binding.names[name] = f"local {self._locals}"
                self._locals += 1
            self._parts.append(str(binding.names[name]))
        else:
            self._write_reference(self._names.resolve(name, scope))

    def _write_attribute(self, node: ast.Attribute, scope: Scope | None) -> None:
        reference, attributes = self._names.chain(node, scope)
        if reference is None:
            self._parts.append(f"Attribute {node.attr}")
            self._write(node.value, scope)
            return
        self._write_reference(reference)
        self._parts += [f"Attribute {attribute}" for attribute in attributes]
        if {"__name__", "__qualname__"} & set(attributes):
            self._parts.append(reference.name)
        if attributes:
            self._ended = len(self._parts)

    def _write_reference(self, reference: Reference) -> None:
        written = (self._module, self._name)
        if reference.module and is_carrier(reference.module):
            self._parts.append(f"carrier {reference.name}")
        elif reference.kind == "definition":
            self._parts.append("reference")
            # Names that one statement binds share its text: their names alone tell them apart.
            if (reference.module, reference.name) != written and self._binds(reference):
                self._parts.append(reference.name)
            else:
                self._references.append((reference.module, reference.name))
        elif reference.kind == "module":  # Used as a value: any of its names may be read.
            self._write_module(reference.module)
        else:
            self._parts.append(f"{reference.kind} {reference.name}")
            if (reference.kind, reference.name) in _LOOKUPS:
                definitions = self._code.module(self._module).definitions
                self._implied |= {(self._module, name) for name in definitions} - {written}

    def _write_module(self, name: str) -> None:
        module = self._code.module(name)
        for member in sorted(module.definitions):
            self._parts.append(f"member {member}")
            self._references.append((name, member))
        for member, target in sorted(module.imports.items()):
            reference = self._code.imported(*target)
            if reference.kind == "definition":  # A name that the module re-exports.
                self._parts.append(f"member {member}")
                self._write_reference(reference)

    def _binds(self, reference: Reference) -> bool:
        """Whether a statement of this definition binds the other name as well."""
        if reference.module != self._module:
            return False
        definitions = self._code.module(self._module).definitions
        return any(
            statement is other
            for statement in definitions[self._name]
            for other in definitions[reference.name]
        )


def _is_text(node: ast.expr) -> bool:
    """Whether an expression gives a text, whatever values are filled in."""
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
        case ast.BinOp(left=left, right=right, op=ast.Add() | ast.Mod()):
            return _is_text(left) or _is_text(right)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()))):
            return True
    return False


def sha256(*parts: str) -> str:
    """Return the SHA-256 of texts, each with its length: ("ab", "c") differs from ("a", "bc")."""
    hasher = hashlib.sha256()
    for part in parts:
        content = part.encode()
        hasher.update(f"{len(content)}:".encode() + content)
    return hasher.hexdigest()
