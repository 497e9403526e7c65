"""Links from pages to files of the repository that are no pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from report.errors import ReportError

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_LINK = re.compile(r"\[([^\]]*)\]\(((?:\.\./)+[^)#\s]*)(?:#[^)]*)?\)")


def without_outer_links(text: str, page: Path, sources: Path) -> str:
    """Return a page's text in which links to files outside the documentation are names of files.

    The pages are read in the repository too, where such links lead somewhere; in the built
    documentation they would not.

    Args:
        text: The page in markdown.
        page: Its file.
        sources: Folder of all pages.

    Raises:
        ReportError: If a link leads nowhere.
    """
    root = sources.parent

    def replaced(match: re.Match[str]) -> str:
        words, link = match[1], match[2]
        target = (page.parent / link).resolve()
        if not target.exists():
            raise ReportError(f"{page.name} links to {link}, which does not exist.")
        if target.is_relative_to(sources):
            return match[0]
        name = f"`{target.relative_to(root)}`"
        return name if words.strip("`") == name.strip("`") else f"{words} ({name})"

    return _LINK.sub(replaced, text)


def _read(app: Sphinx, page: str, source: list[str]) -> None:
    path = Path(app.env.doc2path(page))
    if path.suffix == ".md":
        source[0] = without_outer_links(source[0], path, Path(app.srcdir))


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the reading of pages."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
