"""Labels, their numbers, and the references to them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nbformat import NotebookNode

from report.chapters import Numbering, numbering
from report.errors import ReportError
from report.layout import claim_anchor, place_of, shown_of
from report.settings import VERDICTS
from report.texts import CODE, rewrite

Kind = Literal["title", "section", "figure", "table", "note", "verdict", "claim"]
NAMES = {"figure": "Figure", "table": "Table"}
# Figures and tables are numbered by place: Figure 3, Table S5 of the details, Table A2.
LETTERS = {"body": "", "detail": "S", "appendix": "A"}
NEEDED = {
    "figure": ("label", "caption", "alt"),
    "table": ("label", "caption"),
    "note": ("label",),  # stands for a figure or table that the record cannot show
    "verdict": ("label", "id", "verdict"),
    "claim": ("label", "claim"),
}

_LINK = re.compile(
    CODE + r"|\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\(#(?P<label>[^)\s]+)\)", re.M | re.S
)
_HEADING = re.compile(
    CODE + r"|^ {0,3}(?P<marks>\#{1,6})[ \t]+(?P<title>[^\n]*?)[ \t]*\#*[ \t]*"
    r"(?:\{\#(?P<label>[^}\s]+)\}[ \t]*)?$",
    re.M | re.S,
)


@dataclass(frozen=True)
class Target:
    """Something that a link can lead to. ``anchor`` is unique in the whole document."""

    kind: Kind
    study: str
    label: str
    number: str  # "3" of Figure 3, "1.2" of a section, "S1.2" of a verdict
    anchor: str
    title: str = ""  # markdown; headings only

    @property
    def name(self) -> str:
        """What a reference to it says; empty where the author's words are kept."""
        if self.kind in ("verdict", "claim"):
            return self.number
        return f"{NAMES[self.kind]} {self.number}" if self.kind in NAMES else ""


class Targets:
    """Every target of a document: figures and tables numbered through, sections by study."""

    def __init__(self, notebooks: Mapping[str, NotebookNode]) -> None:
        self._targets: dict[tuple[str, str], Target] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        for (study, notebook), number in zip(notebooks.items(), numbering(notebooks), strict=True):
            _Collector(self._targets, self._counts, study, number).collect(notebook)

    def find(self, label: str, *, study: str) -> Target | None:
        """The target of a label, or None if it is in a study that this document leaves out.

        Args:
            label: A label of the study's own, or ``07_theory/fig-a`` for another study's.
            study: The study that refers to it.

        Raises:
            ReportError: If nothing has the label.
        """
        other, _, name = label.rpartition("/")
        owner = other or study
        if target := self._targets.get((owner, name)):
            return target
        if not other and name.startswith("verdict-"):  # all verdicts stand in one notebook
            return self.find(f"{VERDICTS}/{name}", study=study)
        known = [key for of, key in self._targets if of == owner]
        if other and not known and re.fullmatch(r"\d+_\w+", other):
            return None
        raise ReportError(
            f"Study {study} refers to {label!r}, but nothing has this label. "
            f"Labels of {owner} are: {', '.join(known) or 'none, no study has this name'}. "
            "Another study's label is written as 07_theory/fig-a."
        )

    def get(self, label: str, *, study: str) -> Target | None:
        """The target of a label of a study; None if nothing has it."""
        return self._targets.get((study, label))

    def title(self, study: str) -> Target:
        """The study's title."""
        return next(t for t in self._targets.values() if t.study == study and t.kind == "title")

    def sections(self, study: str) -> tuple[Target, ...]:
        """The study's numbered sections, in order."""
        return tuple(
            t
            for t in self._targets.values()
            if t.study == study and t.kind == "section" and t.number
        )


class _Collector:
    """Walks one notebook in reading order and writes number and anchor beside each target."""

    def __init__(
        self, targets: dict, counts: Counter[tuple[str, str]], study: str, numbering: Numbering
    ) -> None:
        self.targets, self.counts, self.study = targets, counts, study
        self.number, self.shared = numbering.number, numbering.shared
        self.prefix = study.replace("_", "-")
        self.sections = 0

    def collect(self, notebook: NotebookNode) -> None:
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "markdown":
                cell.source = _HEADING.sub(self._heading, cell.source)
            for output in cell.get("outputs", []):
                self._output(output, index)
        if (self.study, self.prefix) not in self.targets:
            raise ReportError(
                f"Study {self.study} has no title. Start its first cell with a line '# Title'."
            )

    def _output(self, output: NotebookNode, index: int) -> None:
        shown = shown_of(output)
        kind = shown.get("kind")
        if kind in NEEDED:
            self._check(shown, kind, index)
            self._labelled(shown, kind, place_of(output))
        elif any(mime.startswith("image/") for mime in output.get("data", {})):
            raise ReportError(
                f"Study {self.study}: the figure of cell {index} has no label, caption and "
                "alternative text. Draw it by studies.figures.captioned, which takes all three."
            )
        elif "text/markdown" in output.get("data", {}):
            output.data["text/markdown"] = _HEADING.sub(self._heading, output.data["text/markdown"])

    def _check(self, shown: NotebookNode, kind: str, index: int) -> None:
        label = shown.get("label") or f"of cell {index}"
        for field in NEEDED[kind]:
            if not str(shown.get(field, "")).strip():
                what = {"alt": "alternative text", "id": "claim id"}.get(field, field)
                raise ReportError(
                    f"Study {self.study}: {kind} {label} has no {what}. "
                    f"Every {kind} needs {', '.join(NEEDED[kind])}."
                )

    def _labelled(self, shown: NotebookNode, kind: Any, place: str) -> None:
        number = shown.get("claim" if kind == "claim" else "id", "")
        if kind in NAMES:
            self.counts[kind, place] += 1
            number = f"{LETTERS[place]}{self.counts[kind, place]}"
        target = self._add(kind, shown["label"], number)
        shown["anchor"], shown["name"] = target.anchor, target.name

    def _heading(self, match: re.Match[str]) -> str:
        if match["code"]:
            return match[0]
        marks, title = match["marks"], match["title"]
        if len(marks) == 1:
            target = self._add("title", self.prefix, self.number, title)
        else:
            label = match["label"] or self._slug(title)
            number = ""
            if len(marks) == 2:
                self.sections += 1
                number = f"{self.number}.{self.sections}"
            target = self._add("section", label, number, title)
        number = f' data-number="{target.number}"' if target.number else ""
        if self.shared:
            marks += "#"  # a section of its chapter
        # Blank lines, because pandoc takes a heading's neighbours for its paragraph otherwise.
        return f"\n{marks} {title} {{#{target.anchor}{number}}}\n"

    def _slug(self, title: str) -> str:
        words = re.sub(r"[^\w\s-]", "", title.lower()).split()
        slug = "-".join(words) or "section"
        taken = sum(
            key[0] == self.study and re.fullmatch(rf"{re.escape(slug)}(-\d+)?", key[1]) is not None
            for key in self.targets
        )
        return f"{slug}-{taken + 1}" if taken else slug

    def _add(self, kind: Kind, label: str, number: str, title: str = "") -> Target:
        if (self.study, label) in self.targets:
            what = "title" if kind == "title" else f"label {label!r}"
            raise ReportError(
                f"Study {self.study} has the {what} twice. Labels are unique within a study, and "
                "a study has one title."
            )
        anchor = self.prefix if kind == "title" else f"{self.prefix}-{label}"
        if kind == "claim":  # its row in the opening, wherever the notebook shows it
            anchor = claim_anchor(number)
        target = Target(kind, self.study, label, number, anchor, title)
        self.targets[self.study, label] = target
        return target


# Words that would only repeat the name that is appended: "the table (Table 5)".
_DOUBLED = re.compile(r"(the |this |that )?(figure|table|chart|plot)s?", re.IGNORECASE)


def resolve(notebook: NotebookNode, study: str, targets: Targets) -> None:
    """Lead every ``[text](#label)`` in place to its target, and name that behind the text.

    ``[the curves](#fig-training)`` becomes "the curves (Figure 3)"; without a text, the name alone
    stands: ``[](#fig-training)`` becomes "Figure 3". The text of a link to a section or a claim is
    all that it says.

    Raises:
        ReportError: If a label is unknown, or a text only repeats what the name says.
    """

    def link(match: re.Match[str]) -> str:
        if match["code"]:
            return match[0]
        target = targets.find(match["label"], study=study)
        text = " ".join(match["text"].split())
        if target is None:
            return text
        if target.name and _DOUBLED.fullmatch(text):
            raise ReportError(
                f"Study {study} has the link [{text}](#{match['label']}), which would read "
                f"'{text} ({target.name})'. Say what is to be seen there, or leave the text "
                f"empty: [](#{match['label']}) becomes '{target.name}'."
            )
        # A number stays on the line of its word.
        name = target.name.replace(" ", "\u00a0")
        if not text:
            return f"[{name or target.title or target.number}](#{target.anchor})"
        appended = f" ({name})" if name and target.kind in NAMES else ""
        return f"[{text}{appended}](#{target.anchor})"

    rewrite(notebook, lambda source: _LINK.sub(link, source))
