"""Citations by key, ``[@foret2021]``, and the list of what they cite."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pypandoc
from nbformat import NotebookNode

from report.errors import ReportError
from report.markup import Format
from report.texts import CODE, rewrite, texts

BIBLIOGRAPHY = Path(__file__).parent / "references.bib"
# Code comes first, so that an address or a decorator in it is left alone.
_CITATION = re.compile(CODE + r"|(?<!\\)\[(?P<cited>[^\[\]]*@[^\[\]]*)\](?![(\[{])", re.M | re.S)
_KEY = re.compile(r"(?<![\w@])@(?P<key>[A-Za-z][\w:-]*\w)")


@dataclass(frozen=True)
class Entry:
    """One work of the bibliography."""

    key: str
    name: str  # as a citation says it: "Foret et al. 2021"

    @property
    def anchor(self) -> str:
        """Where the list of references names it."""
        return f"ref-{self.key}"


def entries(path: Path = BIBLIOGRAPHY) -> dict[str, Entry]:
    """Read a bibliography.

    Args:
        path: A file of BibTeX entries.

    Returns:
        Key -> entry, in the order of the file.

    Raises:
        ReportError: If two entries share a key, or an entry lacks its authors, its year, its title
            or an address: a DOI or a URL.
    """
    source = path.read_text(encoding="utf-8")
    keys = entry_keys(source)
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise ReportError(f"{path.name} has more than one entry {', '.join(twice)}. Keep one.")
    works = json.loads(pypandoc.convert_text(source, "csljson", format="bibtex"))
    return {work["id"]: _entry(work, path) for work in works}


def entry_keys(source: str) -> list[str]:
    """Return the keys of the entries of a BibTeX text, in order."""
    return re.findall(r"^@\w+\{\s*([^,\s]+)", source, re.M)


def cited_keys(notebooks: Mapping[str, NotebookNode]) -> dict[str, list[str]]:
    """Return each key that is cited, and the studies that cite it.

    Args:
        notebooks: Study -> its notebook, executed or not.

    Returns:
        Key -> names of studies, in reading order.
    """
    cited: dict[str, list[str]] = {}
    for study, notebook in notebooks.items():
        for text in texts(notebook):
            for key in keys_of(text):
                if study not in cited.setdefault(key, []):
                    cited[key].append(study)
    return cited


def keys_of(text: str) -> list[str]:
    """Return the keys that a markdown text cites, in order."""
    citations = (match["cited"] or "" for match in _CITATION.finditer(text))
    return [match["key"] for cited in citations for match in _KEY.finditer(cited)]


def cite(text: str, bibliography: Mapping[str, Entry], *, place: str) -> str:
    """Put author and year, linked to the list of references, in place of each citation.

    ``[@foret2021; @dinh2017, section 3]`` becomes "(Foret et al. 2021; Dinh et al. 2017,
    section 3)".

    Args:
        text: Markdown.
        bibliography: The works that can be cited.
        place: Where the text stands, for the message; such as ``study 01_bn_ablation``.

    Raises:
        ReportError: If no entry has a key that is cited.
    """

    def link(match: re.Match[str]) -> str:
        if (entry := bibliography.get(match["key"])) is None:
            raise ReportError(
                f"In {place} stands [@{match['key']}], but report/{BIBLIOGRAPHY.name} has no "
                f"entry {match['key']}. Add it there, or cite one of: {', '.join(bibliography)}."
            )
        return f"[{entry.name}](#{entry.anchor})"

    def citation(match: re.Match[str]) -> str:
        if not match["cited"] or not _KEY.search(match["cited"]):
            return match[0]
        return f"({_KEY.sub(link, match['cited'])})"

    return _CITATION.sub(citation, text)


def resolve_citations(
    notebook: NotebookNode, study: str, bibliography: Mapping[str, Entry]
) -> None:
    """Resolve every citation of a study in place.

    Raises:
        ReportError: If no entry has a key that is cited.
    """
    rewrite(notebook, lambda text: cite(text, bibliography, place=f"study {study}"))


def references(keys: Iterable[str], to: Format, path: Path = BIBLIOGRAPHY) -> str:
    """Typeset the list of the works with these keys, each with the anchor of its entry.

    Args:
        keys: Keys of the file.
        to: ``html`` or ``typst``.
        path: A file of BibTeX entries.

    Returns:
        Markup; empty without keys.
    """
    wanted = sorted(set(keys))
    if not wanted:
        return ""
    source = "---\nnocite: |\n  {}\n---\n".format(", ".join(f"@{key}" for key in wanted))
    return pypandoc.convert_text(
        source,
        "html5" if to == "html" else "typst",
        format="markdown",
        extra_args=["--citeproc", f"--bibliography={path}", "--wrap=preserve"],
    ).strip()


def _entry(work: Mapping[str, Any], path: Path) -> Entry:
    key = work["id"]
    year = work.get("issued", {}).get("date-parts", [[None]])[0][0]
    names = [author.get("family") or author.get("literal") for author in work.get("author", [])]
    parts = {"author": names, "year": year, "title": work.get("title")}
    parts["doi or url"] = work.get("DOI") or work.get("URL")
    if missing := [name for name, part in parts.items() if not part]:
        raise ReportError(f"Entry {key} of {path.name} has no {', no '.join(missing)}. Add it.")
    if len(names) > 2:
        names = [f"{names[0]} et al."]
    # A name and its year stay on one line.
    return Entry(key=key, name=f"{' and '.join(names)} {year}".replace(" ", "\u00a0"))
