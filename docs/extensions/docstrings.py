"""What Sphinx must know of this project's docstrings beyond the Google style."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docs.extensions.names import meaning

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_REFERENCE = re.compile(r"^References?: +(\S.*)$")
_LITERAL = re.compile(r"(``.*?``)")
_NAME = re.compile(r"``([A-Za-z_][\w.]*)``")


def with_reference_section(lines: list[str]) -> list[str]:
    """Return a docstring in which ``Reference: text`` is a section that napoleon knows.

    Args:
        lines: Lines of the docstring. The reference goes to the end of its paragraph; its further
            lines are indented.
    """
    result: list[str] = []
    inside = False
    for line in lines:
        match = _REFERENCE.match(line)
        if match:
            inside = True
            result += ["References:", f"    {match[1]}"]
        else:
            inside = inside and bool(line.strip())
            result.append(f"    {line.strip()}" if inside else line)
    return result


def with_bars(lines: list[str]) -> list[str]:
    """Return a docstring whose bars, as in |λ|, stay bars: reStructuredText would substitute.

    Args:
        lines: Lines of the docstring; examples and literals are kept as they are.
    """
    result, example = [], False
    for line in lines:
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        parts = _LITERAL.split(line)
        escaped = [x if i % 2 else x.replace("|", r"\|") for i, x in enumerate(parts)]
        result.append(line if example else "".join(escaped))
    return result


def with_links(lines: list[str], place: str, value: Any) -> list[str]:
    """Return a docstring in which public names of the library, in ``double backticks``, are links.

    Args:
        lines: Lines of the docstring; examples are kept as they are.
        place: Full name of the documented object.
        value: The object.
    """

    def linked(match: re.Match[str]) -> str:
        full = meaning(match[1], place, value)
        return match[0] if full is None else f":py:obj:`{match[1]} <{full}>`"

    return [line if ">>>" in line else _NAME.sub(linked, line) for line in lines]


def _process(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = with_bars(with_reference_section(lines))
    lines[:] = with_links(lines, name, obj)
    # Napoleon takes "Hash: text", as the first line of a property, for a type and its description.
    # A line before it ends that; a backslash joins it to the next without a trace.
    if what in ("property", "attribute", "data") and any(lines):
        lines.insert(0, "\\")


def setup(app: Sphinx) -> dict[str, Any]:
    """Read references, and call a class's fields attributes, as docstrings do."""
    # Here, so that the functions above can be tested without Sphinx.
    from sphinx.domains.python import PyObject

    app.connect("autodoc-process-docstring", _process, priority=400)  # Napoleon's is 500.
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
