"""The directive ``room``: a module's docstring, a table of its public names, and each in full."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from docs.extensions.names import public_names


def contents(name: str) -> list[str]:
    """Return the lines of reStructuredText that document a module.

    Args:
        name: Dotted name of the module.
    """
    module = importlib.import_module(name)
    documented = [x for x in public_names(module) if inspect.getdoc(getattr(module, x))]
    # The table stands before the module: inside it, autosummary takes the names for imports of it.
    lines = [*(inspect.getdoc(module) or "").splitlines(), ""]
    lines += [".. autosummary::", "   :nosignatures:", ""]
    lines += [f"   ~{name}.{entry}" for entry in documented]
    lines += ["", f".. py:module:: {name}", ""]
    for entry in documented:
        value = getattr(module, entry)
        if inspect.isfunction(value):
            lines += [f".. autofunction:: {name}.{entry}", ""]
        elif inspect.isclass(value):
            lines += [f".. autoclass:: {name}.{entry}", "   :show-inheritance:", ""]
        else:
            lines += [f".. autodata:: {name}.{entry}", ""]
    return lines


class Room(SphinxDirective):
    """Document a module by what it offers."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return a table of all public names, and the full description of each."""
        name = self.arguments[0]
        self.env.note_dependency(importlib.import_module(name).__file__)
        container = nodes.container()
        lines = StringList(contents(name), source=f"<{name}>")
        self.state.nested_parse(lines, self.content_offset, container)
        return container.children


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("room", Room)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
