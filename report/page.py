"""What a page of the report holds, in an order in which two pages can be compared.

Texts are compared word by word. Figures are compared by their shapes: names within them are
numbered, and coordinates are numbers that may differ in the last digits between processors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

# No content: what the page looks like, what its buttons do, and the list of its headings.
_SILENT = {"style", "script", "nav", "title"}
_BLOCKS = set("p li h1 h2 h3 h4 h5 h6 th td dt dd figcaption pre summary div".split())
_VOID = set("area base br col embed hr img input link meta source track wbr".split())
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
_REFERENCE = re.compile(r"(?<=url\(#)[^)]+|^#.+")


@dataclass(frozen=True)
class Block:
    """One text, or the shapes of one figure.

    Attributes:
        place: The nearest id before it, such as a figure's or a heading's.
        kind: The element that holds it, such as ``td``; ``svg`` or ``surface`` for shapes.
        text: The text; of shapes with 0 in place of each number.
        numbers: The numbers of shapes, in their order.
    """

    place: str
    kind: str
    text: str
    numbers: tuple[float, ...] = field(default=())


def blocks(page: str) -> list[Block]:
    """Return the content of a page as blocks, in reading order."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return [block for block in reader.blocks if block.text]


class _Reader(HTMLParser):
    """Collects the text of each innermost block, and the shapes of each figure."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._place = ""
        self._open: list[tuple[str, bool]] = []  # elements, and whether they are content
        self._words: list[str] = []
        self._shapes: list[str] = []
        self._letters: list[str] = []
        self._names: dict[str, str] = {}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "svg":
            self._flush()
            self._names = {}
        if tag == "svg" or given.get("role") == "img":  # the latter holds pictures of panels
            self.blocks.append(Block(self._place, "alt", given.pop("aria-label", "")))
        if tag not in _VOID:
            self._open.append((tag, self._is_content(tag, given)))
        if self._in("svg"):
            texts = (f' {name}="{self._renamed(name, value)}"' for name, value in given.items())
            self._shapes.append(f"<{tag}{''.join(texts)}>")
            return
        if tag in _BLOCKS:
            self._flush()
        self._place = given.get("id") or self._place

    def handle_endtag(self, tag: str) -> None:
        if self._in("svg"):
            self._shapes.append(f"</{tag}>")
        if tag in _BLOCKS or tag == "svg":
            self._flush()
        while self._open and self._open.pop()[0] != tag:
            pass  # what was left open ends with what holds it

    def handle_data(self, data: str) -> None:
        if self._in("svg"):
            self._letters.append(data)
        elif self._open and self._open[-1][0] == "script" and self._open[-1][1]:
            self.blocks.append(_shapes(self._place, "surface", data))
        elif all(content for _, content in self._open):
            self._words.append(data)

    def close(self) -> None:
        super().close()
        self._flush()

    def _in(self, tag: str) -> bool:
        return any(name == tag for name, _ in self._open)

    def _is_content(self, tag: str, given: dict[str, str]) -> bool:
        if tag == "script":
            return given.get("type") == "application/json"
        # Logs may name times, and a rule is published in the commit that it names.
        classes = given.get("class", "").split()
        return tag not in _SILENT and not {"log", "commit"}.intersection(classes)

    def _flush(self) -> None:
        text = " ".join("".join(self._words).split())
        kind = next((name for name, _ in reversed(self._open) if name in _BLOCKS), "")
        self.blocks.append(Block(self._place, kind, text))
        if self._shapes:
            self.blocks.append(_shapes(self._place, "svg", "".join(self._shapes)))
            # Exactly: ticks of 0.01 and 0.02 are closer than coordinates may differ.
            letters = " ".join("\n".join(self._letters).split())
            self.blocks.append(Block(self._place, "letters", letters))
        self._words, self._shapes, self._letters = [], [], []

    def _renamed(self, attribute: str, value: str) -> str:
        """Number the names within a figure: hashes of its content change with its last digits."""
        if attribute == "id":
            return self._number(value)
        if attribute.endswith("href") or "url(#" in value:
            return _REFERENCE.sub(lambda match: self._number(match[0].lstrip("#")), value)
        return value

    def _number(self, name: str) -> str:
        digits = str(len(self._names))
        return self._names.setdefault(name, "".join(chr(ord("a") + int(d)) for d in digits))


def _shapes(place: str, kind: str, text: str) -> Block:
    numbers = tuple(float(number) for number in _NUMBER.findall(text))
    return Block(place, kind, _NUMBER.sub("0", text), numbers)
