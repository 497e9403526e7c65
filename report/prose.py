"""What a reader stumbles over, found in the published page: `make check` says where it stands."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bs4 import BeautifulSoup, Tag

from report.citations import BIBLIOGRAPHY, entry_keys
from report.records import published_dir

HEAVIEST = 6_000_000  # bytes of the page
LONGEST_CELL = 160  # characters of a cell in the table of claims
LONGEST_TEXT = 240  # of a cell in any other table
STUMBLES = 1.0  # in a thousand words: phrases that make a sentence be read twice
_SILENT = ("script", "style", "svg", "math", "code", "pre", "nav", "template", "button", "select")
_SHOWN = ("p", "li", "td", "th", "figcaption", "dt", "dd", "h1", "h2", "h3", "h4", "h5", "summary")
_UNRESOLVED = re.compile(r"\[@[\w:-]+|\]\(#|\{#|\b(?:fig|tab|sec)-[a-z][\w-]*|\$[^$ ][^$]*\$|\?\?")
_NAME = r"(?:Figure|Table)\s[SA]?\d+"
_DOUBLED = re.compile(
    rf"\b(?:[Ff]igures?|[Tt]ables?) \({_NAME}\)|({_NAME})[),.;:]* \(?\1\b|{_NAME} \({_NAME}\)"
)
_IDENTIFIER = re.compile(r"(?<![\w/.])[^\W\d]+(?:_[\w.]+)+(?![\w/])|\blambda\b")
_STUMBLE = re.compile(r"\b(?:that of|those of|one of|what is)\b", re.IGNORECASE)
_SENTENCE = re.compile(r".+?[.:?!](?=\s|$)|.+$", re.DOTALL)
_VERBS = Path(__file__).parent / "verbs.txt"
NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


def problems(root: Path) -> list[str]:
    """Return one sentence for each thing in the published page that a reader stumbles over."""
    path = published_dir(root) / "report.html"
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    said = [f"{path.name}: {problem}" for problem in page_problems(text)]
    if (weight := path.stat().st_size) > HEAVIEST:
        said.append(f"{path.name} weighs {weight:,} bytes, more than {HEAVIEST:,}")
    return said


def page_problems(text: str) -> Iterator[str]:
    """Yield what a reader of a page stumbles over, each with the words around it.

    Args:
        text: The page, as HTML.
    """
    page = BeautifulSoup(text, "html.parser")
    yield from _links(page)
    yield from _citations(page)
    for element in page.find_all(_SILENT):
        element.replace_with(" x " if element.name in ("math", "code") else " ")
    blocks = [(element, _words(element)) for element in page.find_all(_SHOWN)]
    for element, words in blocks:
        if element.find(_SHOWN):
            continue  # told by what it holds
        yield from _texts(words)
        yield from _cell(element, words)
    verbs = set(_VERBS.read_text(encoding="utf-8").split())
    for element, words in blocks:
        if element.name == "figcaption":
            yield from _caption(words, verbs)
    yield from _stumbles(" ".join(words for _, words in blocks))


def _words(element: Tag) -> str:
    return " ".join(element.get_text(" ").split()).replace(" )", ")").replace("( ", "(")


def _texts(words: str) -> Iterator[str]:
    for what, pattern in (
        ("a reference is not resolved", _UNRESOLVED),
        ("a reference is doubled", _DOUBLED),
        ("an identifier stands in prose", _IDENTIFIER),
    ):
        if match := pattern.search(words):
            start = max(match.start() - 60, 0)
            yield f"{what}, {match[0]!r}: … {words[start : match.end() + 40]} …"


def _cell(element: Tag, words: str) -> Iterator[str]:
    if element.name not in ("td", "th"):
        return
    table = element.find_parent("table")
    claims = table is not None and "claims" in (table.get("class") or ())
    longest = LONGEST_CELL if claims else LONGEST_TEXT
    if len(words) > longest:
        yield f"a cell has {len(words)} characters, more than {longest}: {words[:60]} …"


def _caption(words: str, verbs: set[str]) -> Iterator[str]:
    text = re.sub(rf"^{_NAME}\s?\.\s*", "", words)
    first = _SENTENCE.match(text)
    said = set(re.findall(r"[\w’']+", (first[0] if first else "").lower()))
    if not said & verbs:
        yield (
            f"a caption does not begin with a sentence that has a verb: {words[:120]!r}. Say "
            f"what to see; a verb that is unknown is added to report/{_VERBS.name}"
        )


def _links(page: BeautifulSoup) -> Iterator[str]:
    ids = Counter(element["id"] for element in page.find_all(id=True))
    yield from (f"the id {name} stands twice" for name, count in ids.items() if count > 1)
    targets = {link["href"][1:] for link in page.find_all("a", href=re.compile("^#."))}
    yield from (f"a link leads to #{name}, which is nowhere" for name in sorted(targets - set(ids)))


def _citations(page: BeautifulSoup) -> Iterator[str]:
    if not BIBLIOGRAPHY.is_file():
        return
    cited = {link["href"][5:] for link in page.find_all("a", href=re.compile("^#ref-"))}
    known = set(entry_keys(BIBLIOGRAPHY.read_text(encoding="utf-8")))
    yield from (
        f"{key} is cited, but {BIBLIOGRAPHY.name} lacks it" for key in sorted(cited - known)
    )
    # A study is written before its record is published, and the page lacks it until then.
    written = "".join(path.read_text(encoding="utf-8") for path in NOTEBOOKS.glob("*.py"))
    waiting = {key for key in known - cited if re.search(rf"@{re.escape(key)}\b", written)}
    yield from (
        f"{BIBLIOGRAPHY.name} holds {key}, which nothing cites"
        for key in sorted(known - cited - waiting)
    )


def _stumbles(text: str) -> Iterator[str]:
    words, count = len(text.split()), len(_STUMBLE.findall(text))
    if count > max(STUMBLES * words / 1000, 3):
        shown = [text[max(m.start() - 40, 0) : m.end() + 20] for m in _STUMBLE.finditer(text)]
        yield (
            f"{count} of {words:,} words are phrases that are read twice ('that of', 'one of'), "
            f"more than {STUMBLES:g} in a thousand: {'; '.join(shown[:12])}"
        )
