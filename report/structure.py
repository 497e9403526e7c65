"""What a study's notebook must look like, checked from its text alone."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report.errors import ReportError
from report.settings import VERDICTS


@dataclass(frozen=True)
class Budget:
    """How long a notebook may be.

    Attributes:
        code_lines: Lines of code, imports and parameters apart.
        cell_lines: Lines of code in a cell, parameters apart.
        modules: Modules that it imports, or imports something from; a package's face is one.
    """

    code_lines: int
    cell_lines: int
    modules: int


# About 130 lines are the aim; findings and discussion that code words take some more.
STUDY_BUDGET = Budget(code_lines=225, cell_lines=25, modules=8)
VERDICTS_BUDGET = Budget(code_lines=600, cell_lines=25, modules=8)
# Parameters that every study has and make fills in, with the values for a run by hand.
GIVEN = {"profile": "quick", "data_dir": "data", "build_dir": "build", "remeasure": ""}
JUDGING_GIVEN = ("profile", "build_dir")  # of them those that the notebook of verdicts has too

_MARKER = re.compile(r"^# %%(?P<options>.*)$")
_TITLE = re.compile(r"^(?P<title>.*?)\s*(?:\[markdown\].*|\w+=.*)?$")
_NO_CODE = re.compile(r"#.*|[()\[\]{},]+|(\w+=)?\(?f?\"[^\"]*\"[),]*")
_JUDGING = re.compile(r"verdict|judg|claim", re.IGNORECASE)
_TAGS = re.compile(r"\btags=(\[.*?\])")


@dataclass(frozen=True)
class Cell:
    """One cell of a py:percent text; ``line`` is the 1-based line of its marker."""

    kind: str  # "code" or "markdown"
    tags: tuple[str, ...]
    source: str
    line: int
    title: str = ""  # what stands behind the marker: `# %% Train the two arms`

    @property
    def code_lines(self) -> int:
        """Lines of code: not empty, no comment, no closing bracket, no line of a caption alone."""
        lines = (line.strip() for line in self.source.splitlines())
        return sum(1 for line in lines if line and not _NO_CODE.fullmatch(line))


def cells(text: str) -> list[Cell]:
    """Split a py:percent text into its cells; what precedes the first marker is the header."""
    found: list[Cell] = []
    lines = text.splitlines()
    starts = [index for index, line in enumerate(lines) if _MARKER.match(line)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        options = lines[start].removeprefix("# %%")
        body = lines[start + 1 : end]
        kind = "markdown" if "[markdown]" in options else "code"
        if kind == "markdown":
            body = [line.removeprefix("#").removeprefix(" ") for line in body]
        tags = _TAGS.search(options)
        found.append(
            Cell(
                kind=kind,
                tags=tuple(json.loads(tags[1])) if tags else (),
                source="\n".join(body).strip("\n"),
                line=start + 1,
                title=_TITLE.sub(r"\g<title>", options.strip(), count=1),
            )
        )
    return found


def defaults(text: str, name: str) -> dict[str, Any]:
    """Return the parameters of a study with their default values.

    Args:
        text: The notebook as py:percent.
        name: The file's name, for messages.

    Raises:
        ReportError: If there is not exactly one cell tagged ``parameters``, or if it holds anything
            but assignments of plain values to names.
    """
    tagged = [cell for cell in cells(text) if "parameters" in cell.tags]
    if len(tagged) != 1:
        raise ReportError(
            f"{name} has {len(tagged)} cells tagged parameters; a study has exactly one. "
            'Its marker is: # %% tags=["parameters"]'
        )
    cell = tagged[0]
    values: dict[str, Any] = {}
    try:
        for statement in ast.parse(cell.source).body:
            values.update(_assigned(statement))
    except (SyntaxError, ValueError, TypeError) as error:
        raise ReportError(
            f"{name}:{cell.line}: the cell tagged parameters holds more than assignments of plain "
            f"values ({error}). Allowed are numbers, strings, booleans, None, lists and dicts."
        ) from error
    return values


def _assigned(statement: ast.stmt) -> dict[str, Any]:
    targets: Sequence[ast.expr]
    match statement:
        case ast.AnnAssign(target=single, value=ast.expr() as given):
            targets = [single]
        case ast.Assign(targets=targets, value=given):
            pass
        case _:
            raise ValueError(f"line {statement.lineno} is no assignment")
    value = ast.literal_eval(given)
    values: dict[str, Any] = {}
    for target in targets:
        if isinstance(target, ast.Name):
            values[target.id] = value
        elif isinstance(target, ast.Tuple) and isinstance(value, tuple):
            names = [element.id for element in target.elts if isinstance(element, ast.Name)]
            values.update(zip(names, value, strict=True))
        else:
            raise ValueError(f"line {statement.lineno} assigns to more than a name")
    return values


def problems(path: Path) -> list[str]:
    """Return one sentence for each rule that the notebook at ``path`` breaks, with its line."""
    text = path.read_text(encoding="utf-8")
    judges = path.stem == VERDICTS
    budget = VERDICTS_BUDGET if judges else STUDY_BUDGET
    all_cells = cells(text)
    trees: list[tuple[Cell, ast.Module]] = []
    said: list[str] = []
    for cell in all_cells:
        if cell.kind != "code":
            continue
        try:
            trees.append((cell, ast.parse(cell.source)))
        except SyntaxError as error:
            line = cell.line + (error.lineno or 0)
            said.append(f"{path.name}:{line}: not valid Python: {error.msg}")
    checks = (
        _prose(all_cells, judges),
        _size(all_cells, budget),
        _code(trees),
        _imports(trees, budget),
        _judging(trees, judges),
    )
    said += [f"{path.name}:{line}: {what}" for check in checks for line, what in check]
    try:
        said += _parameters(defaults(text, path.name), path.name, judges)
    except ReportError as error:
        said.append(str(error))
    return said


def _parameters(values: dict[str, Any], name: str, judges: bool) -> Iterator[str]:
    absent = [given for given in (JUDGING_GIVEN if judges else GIVEN) if given not in values]
    if absent:
        usual = ", ".join(f"{given} = {json.dumps(GIVEN[given])}" for given in absent)
        yield (
            f"{name}: the parameters cell lacks {', '.join(absent)}, which make fills in. "
            f"Add {usual}"
        )


def _prose(found: list[Cell], judges: bool) -> Iterator[tuple[int, str]]:
    if not found or found[0].kind != "markdown" or not found[0].source.startswith("# "):
        yield 1, "the first cell is not a markdown cell that begins with the title, `# Title`"
    opening: list[str] = []
    for cell in found:
        if cell.kind == "code":
            break
        opening.append(cell.source)
    if "**Question.**" not in "\n".join(opening):
        yield 1, "no **Question.** before the first code cell; a study asks one question"
    for cell in found:
        if cell.kind == "code" and not cell.title and "parameters" not in cell.tags:
            yield (
                cell.line,
                "the cell has no title, which names its fold in the page: "
                "`# %% Train the two arms`",
            )
    headings = [
        (cell.line, line.lstrip("#").strip())
        for cell in found
        if cell.kind == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("## ")
    ]
    if not judges and (not headings or headings[-1][1] != "Discussion"):
        line, last = headings[-1] if headings else (1, "(none)")
        yield (
            line,
            f"the last section is {last!r}; it must be `## Discussion`: what it means, and what "
            "would change it",
        )


def _size(found: list[Cell], budget: Budget) -> Iterator[tuple[int, str]]:
    remedy = "move what it computes into lib/landscape or lib/studies"
    for number, cell in enumerate(found, start=1):
        counts = cell.kind == "code" and "parameters" not in cell.tags
        if counts and cell.code_lines > budget.cell_lines:
            yield (
                cell.line,
                f"cell {number} has {cell.code_lines} lines of code, more than "
                f"{budget.cell_lines}: {remedy}, or split it",
            )
    total = sum(cell.code_lines for cell in found if cell.kind == "code" and _is_study(cell))
    if total > budget.code_lines:
        yield 1, f"{total} lines of code, more than {budget.code_lines}: {remedy}"


def _is_study(cell: Cell) -> bool:
    starts = ("import ", "from ")
    return "parameters" not in cell.tags and not cell.source.lstrip().startswith(starts)


def _code(trees: list[tuple[Cell, ast.Module]]) -> Iterator[tuple[int, str]]:
    for cell, tree in trees:
        for node in ast.walk(tree):
            line = cell.line + getattr(node, "lineno", 0)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield (
                    line,
                    f"defines {node.name}: definitions belong in lib/landscape or lib/studies",
                )
            elif isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.path":
                yield line, "touches sys.path: landscape and studies are installed, import them"
            elif isinstance(node, ast.Call) and _is_exit(node):
                yield line, "leaves the notebook early: papermill would count that as success"


def _imports(trees: list[tuple[Cell, ast.Module]], budget: Budget) -> Iterator[tuple[int, str]]:
    importing: list[Cell] = []
    modules: set[str] = set()
    for cell, tree in trees:
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        importing += [cell] if nodes else []
        for node in nodes:
            names = [alias.name for alias in node.names]
            modules.update([node.module or ""] if isinstance(node, ast.ImportFrom) else names)
    for cell in importing[1:]:
        yield cell.line, f"imports again: all imports stand in the cell at line {importing[0].line}"
    if len(modules) > budget.modules:
        yield (
            importing[0].line,
            f"imports from {len(modules)} modules, more than {budget.modules}: "
            f"{', '.join(sorted(modules))}. Offer what it needs in fewer of them",
        )


def _judging(trees: list[tuple[Cell, ast.Module]], judges: bool) -> Iterator[tuple[int, str]]:
    """Find where a notebook judges: only the notebook of verdicts does, and it must."""
    lines: dict[int, str] = {}
    for cell, tree in trees:
        for node in ast.walk(tree):
            for name in _names(node):
                if _JUDGING.search(name):
                    lines.setdefault(cell.line + getattr(node, "lineno", 0), name)
    if judges and not lines:
        yield 1, "gives no verdict: it judges the records of all the other studies"
    elif not judges:
        for line, name in sorted(lines.items()):
            yield line, f"names {name}: a study measures and shows, and {VERDICTS} judges"


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.ImportFrom):
        yield node.module or ""
    elif isinstance(node, ast.alias):
        yield node.name
        yield node.asname or ""


def _is_exit(node: ast.Call) -> bool:
    return ast.unparse(node.func) in ("exit", "quit", "sys.exit", "os._exit")
