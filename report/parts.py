"""The parts of a document: judgements, studies, chapters and appendix; HTML and PDF share them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbformat import NotebookNode

from report.chapters import Heading, numbering
from report.front import Front
from report.judgements import Judgement, Verdicts
from report.layout import findings_of
from report.markup import plain_to_markdown
from report.origins import Origins
from report.references import Target
from report.settings import EVIDENCE, OWN


@dataclass(frozen=True)
class Row:
    """A judgement and the place in the document that tells more; texts are markdown."""

    judgement: Judgement
    target: Target

    @property
    def statement(self) -> str:
        """What is claimed."""
        return plain_to_markdown(self.judgement.statement)

    @property
    def source_number(self) -> str:
        """The number that the source gives."""
        return plain_to_markdown(self.judgement.source_number)

    @property
    def found(self) -> str:
        """What was found."""
        return plain_to_markdown(self.judgement.found)

    @property
    def dependence(self) -> str:
        """The checks that ended otherwise than the verdict."""
        return plain_to_markdown(self.judgement.dependence)

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Name and text of all that the box of a verdict says besides what was found."""
        judgement = self.judgement
        facts = {
            "Claim": judgement.statement,
            "Source": judgement.source_number,
            "Checks": judgement.outcomes,
            "Setting": judgement.setting,
            "Before": judgement.history,
            "Rule": judgement.commit[:7],
        }
        return [(name, plain_to_markdown(text)) for name, text in facts.items() if text]

    @property
    def pieces(self) -> list[str]:
        """All texts that are typeset."""
        texts = [self.statement, self.source_number, self.found, self.dependence]
        return [*texts, *(text for _, text in self.facts)]


@dataclass(frozen=True)
class Study:
    """One executed notebook, its references resolved."""

    name: str
    target: Target
    question: str
    notebook: NotebookNode
    provenance: dict[str, Any]
    origins: Origins
    sections: tuple[Target, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """The sentences that the study opens with, in markdown."""
        return findings_of(self.notebook)


@dataclass(frozen=True)
class Chapter:
    """A study, or several that share a number; texts are markdown.

    Attributes:
        number: Such as ``2``.
        anchor: Unique in the document; a study of its own has one anchor with its chapter.
        title: Of the chapter.
        question: Of the chapter.
        studies: In reading order; their own titles are those of sections where there are several.
    """

    number: str
    anchor: str
    title: str
    question: str
    studies: tuple[Study, ...]

    @property
    def shared(self) -> bool:
        """Whether the chapter has a heading besides that of its study."""
        return len(self.studies) > 1


@dataclass(frozen=True)
class Appendix:
    """What a study leaves to the end of the document.

    Attributes:
        name: The study's.
        target: The study's title.
        notebook: One cell without code, with figures and tables as outputs.
    """

    name: str
    target: Target
    notebook: NotebookNode


@dataclass(frozen=True)
class Report:
    """Studies in reading order, and the verdicts on them where the report holds these."""

    title: str
    profile: str
    studies: tuple[Study, ...]
    verdicts: Verdicts
    rows: tuple[Row, ...]
    front: Front
    appendix: tuple[Appendix, ...] = ()
    headings: Mapping[str, Heading] = field(default_factory=dict)
    cited: tuple[str, ...] = ()  # keys of the bibliography

    @property
    def documents(self) -> tuple[Study | Appendix, ...]:
        """The studies, and behind them what they leave to the end."""
        return (*self.studies, *self.appendix)

    @property
    def chapters(self) -> tuple[Chapter, ...]:
        """The studies by chapter."""
        groups: dict[str, list[Study]] = {}
        numbers = numbering(study.name for study in self.studies)
        for study, number in zip(self.studies, numbers, strict=True):
            groups.setdefault(number.chapter, []).append(study)
        return tuple(self._chapter(number, tuple(group)) for number, group in groups.items())

    def _chapter(self, number: str, studies: tuple[Study, ...]) -> Chapter:
        first = studies[0]
        if len(studies) == 1:
            return Chapter(number, first.target.anchor, first.target.title, first.question, studies)
        heading = self.headings.get(number) or Heading(number, first.target.title, first.question)
        return Chapter(number, f"chapter-{number}", heading.title, heading.question, studies)

    @property
    def of_reader(self) -> bool:
        """Whether it is the report of the reader's own network."""
        return all(study.name == OWN for study in self.studies)

    @property
    def evidence(self) -> bool:
        """Whether the numbers count."""
        return self.of_reader or self.profile in EVIDENCE

    @property
    def tally(self) -> list[tuple[str, int]]:
        """How many atomic claims have each verdict; verdicts that occur only."""
        return self.verdicts.tally
