"""The directive ``citation``: how to cite the project, as CITATION.cff says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from docs.extensions.bibtex import bibtex


class Citation(SphinxDirective):
    """Show the project's BibTeX entry."""

    def run(self) -> list[nodes.Node]:
        """Return the entry as a block of code."""
        path = Path(self.env.srcdir).parent / "CITATION.cff"
        self.env.note_dependency(str(path))
        entry = bibtex(path.read_text(encoding="utf-8"))
        return [nodes.literal_block(entry, entry, language="text")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("citation", Citation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
