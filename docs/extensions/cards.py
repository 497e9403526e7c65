"""Names of columns in the cells of tables, which a narrow screen shows as cards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bs4 import BeautifulSoup

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_CARDS = re.compile(r'<table class="[^"]*\bcards\b.*?</table>', flags=re.DOTALL)


def with_column_names(html: str) -> str:
    """Return a page whose tables of class ``cards`` name the column in each cell.

    The name stands in the attribute ``data-column``, from where the style sheet takes it. The
    first cell of a row is its heading and has none. Cells that hold nothing, or a dash, get the
    class ``nothing``.

    Args:
        html: The page's content.
    """
    return _CARDS.sub(lambda match: _named(match[0]), html)


def _named(table: str) -> str:
    soup = BeautifulSoup(table, "html.parser")
    names = [cell.get_text(" ", strip=True) for cell in soup.select("thead th")]
    for row in soup.select("tbody tr"):
        for name, cell in list(zip(names, row.find_all("td"), strict=True))[1:]:
            if cell.get_text(strip=True) in ("", "–"):
                cell["class"] = [*cell.get("class", []), "nothing"]
            else:
                cell["data-column"] = name
    return str(soup)


def _write(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    if "body" in context:
        context["body"] = with_column_names(context["body"])


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the writing of pages."""
    app.connect("html-page-context", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
