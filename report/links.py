"""Links of a folder of HTML pages: do they lead somewhere, without a network? Standard library."""

from __future__ import annotations

import html.parser
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

_FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
_STYLE_URL = re.compile(r"url\(\s*['\"]?(https?:)?//")


class _Page(html.parser.HTMLParser):
    """The links, anchors and fetched files of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag refers to, and the anchors it sets."""
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag in _FETCHED and _FETCHED[tag] in values:
            self.fetched.append(values[_FETCHED[tag]])


class Site:
    """A folder of HTML pages.

    Args:
        folder: The folder.

    Attributes:
        pages: Path of each page.
        internal: Number of links between pages, after ``problems``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.pages = sorted(self.folder.rglob("*.html"))
        self._parsed = {path: _Page(path.read_text(encoding="utf-8")) for path in self.pages}
        self.internal = 0

    def problems(self) -> list[str]:
        """Return one sentence for each link that leads nowhere and each file from a network."""
        said, self.internal = [], 0
        for path, page in self._parsed.items():
            name = path.relative_to(self.folder)
            for link in [*page.links, *page.fetched]:
                if _is_outer(link):
                    if link in page.fetched:
                        said.append(f"{name} fetches {link}; put the file beside the page")
                    continue
                self.internal += 1
                if not self._leads_somewhere(path, link):
                    said.append(f"{name} links to {link}, which does not exist")
        for path in sorted(self.folder.rglob("*.css")):
            if _STYLE_URL.search(path.read_text(encoding="utf-8")):
                said.append(f"{path.relative_to(self.folder)} fetches a file from a network")
        return said

    def _leads_somewhere(self, page: Path, link: str) -> bool:
        parts = urlsplit(link)
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        if not target.is_file() or not target.is_relative_to(self.folder):
            return False
        anchor = unquote(parts.fragment)
        known = self._parsed[target].anchors if target in self._parsed else set()
        return not anchor or target.suffix != ".html" or anchor in known


def _is_outer(link: str) -> bool:
    return bool(urlsplit(link).scheme or link.startswith("//"))
