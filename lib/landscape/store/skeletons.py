"""Definitions as their hashes read them: text without names that decide nothing, and references."""

import ast
import dataclasses
import hashlib
from typing import Any

from landscape.store.scopes import Scope, function_scope, holder_of
from landscape.store.source_code import (
    EFFECTS,
    Reference,
    SourceCode,
    bound_by,
    imported_names,
    walk_scope,
)

# They carry or draw results but do not determine them: a change there recomputes nothing.
CARRIERS = (
    "landscape.plots",
    "landscape.progress",
    "landscape.store.arrays",
    "landscape.store.code_versions",
    "landscape.store.codec",
    "landscape.store.effects",
    "landscape.store.entries",
    "landscape.store.feeder",
    "landscape.store.fingerprint",
    "landscape.store.functions",
    "landscape.store.identity",
    "landscape.store.installed",
    "landscape.store.library",
    "landscape.store.networks",
    "landscape.store.provenance",
    "landscape.store.scopes",
    "landscape.store.skeletons",
    "landscape.store.source_code",
)
# Methods that show a result, or that name it in the store, decide none.
_WITHOUT_RESULT = frozenset({"plot", "to_frame", "_repr_html_", "fingerprint"})
Key = tuple[str, str]  # Module and name of a definition.


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """A definition's text with its references taken out.

    Attributes:
        text: Hash of the text in which a reference is only a mark.
        references: What the marks stand for, in the text's order.
        beside: What the definition needs without naming it in what it computes: the classes of its
            parameters, and the statements of its module that bind no name.
    """

    text: str
    references: tuple[Key, ...]
    beside: frozenset[Key]


class Writer:
    """Writes the skeleton of one definition.

    Args:
        code: The packages that it may refer to.
        module: Dotted name of its module.
        name: Its name.
    """

    def __init__(self, code: SourceCode, module: str, name: str) -> None:
        self._code, self._module, self._name = code, module, name
        self._parts: list[str] = []
        self._references: list[Key] = []
        self._beside: set[Key] = set()
        self._locals = 0
        self._ended = 0  # Number of parts when the last attribute of a reference was written.

    def skeleton(self) -> Skeleton:
        """Return the hash of the definition's text, and its references."""
        definitions = self._code.module(self._module).definitions
        for statement in definitions[self._name]:
            self._write(statement, None)
        if EFFECTS in definitions and self._name != EFFECTS:
            self._beside.add((self._module, EFFECTS))
        return Skeleton(sha256(*self._parts), tuple(self._references), frozenset(self._beside))

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
                if self._imports(value.func, scope):
                    self._write_module(name)
            case ast.Import() | ast.ImportFrom():
                self._write_import(value, scope)
            case ast.Raise(exc=ast.Call(func=ast.Name(id=name)) | ast.Name(id=name)) if (
                self._refers(name, scope).kind == "builtin"
            ):
                self._parts.append(f"raise {name}")  # Its text decides no result.
                self._write_numbers(value.exc, scope)
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
        # Names of a class body are attributes, which others use by their names.
        inner = Scope({name: f"attribute {name}" for name in bound}, scope, is_class=True)
        for statement in node.body:
            aside = isinstance(statement, ast.FunctionDef) and statement.name in _WITHOUT_RESULT
            if not (aside or self._is_silent(statement, inner)):
                self._write(statement, inner)
        if scope is not None:
            self._parts.append("end of class")

    def _write_own_name(self, name: str, scope: Scope | None) -> None:
        if scope is not None:
            self._write_name(name, scope)
        elif name != self._name:  # One of several in a statement: they are told apart by name.
            self._parts.append(f"named {name}")

    def _write_import(self, node: ast.Import | ast.ImportFrom, scope: Scope | None) -> None:
        """Write an import as the assignment that it is."""
        self._parts.append("import")
        for name, target in imported_names(node, self._module):
            if not self._is_followed(name, scope):
                self._write_name(name, scope)
                self._write_reference(self._code.imported(*target))

    def _imports(self, function: ast.expr, scope: Scope | None) -> bool:
        """Whether a function that is called imports the module that its argument names."""
        reference, attributes = self._chain(function, scope)
        name = "" if reference is None or attributes else reference.name
        return name in ("importlib.import_module", "__import__")

    def _is_followed(self, name: str, scope: Scope | None) -> bool:
        """Whether an imported name stands for what it means wherever it is used."""
        if scope is not None:
            return isinstance(scope.names.get(name), tuple)
        return name not in self._code.module(self._module).definitions

    def _is_silent(self, node: Any, scope: Scope | None) -> bool:
        """Whether a statement computes nothing, such as a docstring."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [name for name, _ in imported_names(node, self._module)]
            return all(self._is_followed(name, scope) for name in names)
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        return text or isinstance(node, ast.Pass)

    def _write_numbers(self, error: ast.expr, scope: Scope | None) -> None:
        """Write what a built-in error carries besides texts: whoever catches it may use that."""
        for argument in getattr(error, "args", []):
            if not (_is_text(argument) or self._is_text_of_module(argument, scope)):
                self._write(argument, scope)

    def _is_text_of_module(self, node: ast.expr, scope: Scope | None) -> bool:
        reference, attributes = self._chain(node, scope)
        if reference is None or attributes or reference.kind != "definition":
            return False
        statements = self._code.module(reference.module).definitions[reference.name]
        return all(isinstance(one, ast.Assign) and _is_text(one.value) for one in statements)

    def _write_annotated(self, node: ast.AnnAssign, scope: Scope | None) -> None:
        self._parts.append("AnnAssign")
        self._write(node.target, scope)
        self._write(node.value, scope)
        self._follow_annotation(node.annotation, scope)
        text = ast.unparse(node.annotation)
        self._parts += [word for word in ("ClassVar", "InitVar", "KW_ONLY") if word in text]

    def _follow_annotation(self, annotation: ast.expr, scope: Scope | None) -> None:
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
                    if not is_carrier(reference.module):
                        self._beside.add((reference.module, reference.name))

    def _write_name(self, name: str, scope: Scope | None) -> None:
        holder = holder_of(name, scope)
        if holder is not None and not isinstance(holder.names[name], tuple):
            if holder.names[name] is None:
                holder.names[name] = f"local {self._locals}"
                self._locals += 1
            self._parts.append(str(holder.names[name]))
        else:
            self._write_reference(self._refers(name, scope))

    def _write_attribute(self, node: ast.Attribute, scope: Scope | None) -> None:
        reference, attributes = self._chain(node, scope)
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

    def _chain(
        self, node: ast.Name | ast.Attribute, scope: Scope | None
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

    def _refers(self, name: str, scope: Scope | None) -> Reference:
        holder = holder_of(name, scope)
        if holder is None:
            return self._code.resolve(self._module, name)
        held = holder.names[name]
        if isinstance(held, tuple):
            return self._code.imported(*held)
        return Reference("local", "", name)

    def _write_reference(self, reference: Reference) -> None:
        own = (self._module, self._name)
        if reference.module and is_carrier(reference.module):
            self._parts.append(f"carrier {reference.name}")
        elif reference.kind == "definition":
            self._parts.append("reference")
            # Inside a statement that binds several names at once they are told apart by name.
            if (reference.module, reference.name) != own and self._binds(reference):
                self._parts.append(reference.name)
            else:
                self._references.append((reference.module, reference.name))
        elif reference.kind == "module":  # As a value: any of its names may be asked for.
            self._write_module(reference.module)
        else:
            self._parts.append(f"{reference.kind} {reference.name}")
            if (reference.kind, reference.name) in _LOOKING:
                definitions = self._code.module(self._module).definitions
                self._beside |= {(self._module, name) for name in definitions} - {own}

    def _write_module(self, name: str) -> None:
        module = self._code.module(name)
        for member in sorted(module.definitions):
            self._parts.append(f"member {member}")
            self._references.append((name, member))
        for member, target in sorted(module.imports.items()):
            reference = self._code.imported(*target)
            if reference.kind == "definition":  # What it shows of others.
                self._parts.append(f"member {member}")
                self._write_reference(reference)

    def _binds(self, reference: Reference) -> bool:
        if reference.module != self._module:
            return False
        definitions = self._code.module(self._module).definitions
        return any(
            statement is other
            for statement in definitions[self._name]
            for other in definitions[reference.name]
        )


# What looks up names of a module while it runs.


_LOOKING = {("builtin", name) for name in ("globals", "eval", "exec")} | {
    ("external", "sys.modules")
}


def _is_text(node: ast.expr) -> bool:
    """Whether an expression gives words, whatever is filled in."""
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
        case ast.BinOp(left=left, right=right, op=ast.Add() | ast.Mod()):
            return _is_text(left) or _is_text(right)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()))):
            return True
    return False


def is_carrier(module: str) -> bool:
    """Whether a module only carries or draws results."""
    return any(module == carrier or module.startswith(f"{carrier}.") for carrier in CARRIERS)


def sha256(*parts: str) -> str:
    """Return the SHA-256 of texts, each with its length, so that none runs into the next."""
    hasher = hashlib.sha256()
    for part in parts:
        content = part.encode()
        hasher.update(f"{len(content)}:".encode() + content)
    return hasher.hexdigest()
