"""The table of the sources' claims in the page: a row a claim, which opens to its parts."""

from __future__ import annotations

from dataclasses import dataclass

from report.layout import claim_anchor, outputs, shown_of
from report.markup import plain_to_markdown
from report.parts import Report, Row
from report.references import NAMES


@dataclass(frozen=True)
class Evidence:
    """A figure or table that a claim rests on."""

    anchor: str
    name: str


@dataclass(frozen=True)
class Picture:
    """A drawing as the notebook shows it: SVG and its alternative text."""

    svg: str
    alt: str
    label: str


@dataclass(frozen=True)
class ClaimRow:
    """A claim of a source with its parts. Texts are markdown.

    Attributes:
        id: Such as ``S1.4``.
        anchor: Of its row in the page.
        source: Such as ``S1``.
        statement: What the source asserts.
        finding: What was found, or why the claim is not tested.
        verdict: The word of the claim as a whole; empty in a trial, which has none.
        condition: On what a reproduced claim depends.
        headline: What became of its parts, in one phrase.
        studies: Names of the studies whose records judge it.
        evidence: The figures and tables that show what was found.
        parts: Its atomic claims.
        picture: The forest plot of its relations, where the notebook draws one.
    """

    id: str
    anchor: str
    source: str
    statement: str
    finding: str
    verdict: str
    condition: str
    headline: str
    studies: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    parts: tuple[Row, ...]
    picture: Picture | None

    @property
    def pieces(self) -> tuple[str, ...]:
        """The texts that are typeset."""
        return self.statement, self.finding, self.condition, self.headline


def claim_rows(report: Report) -> list[ClaimRow]:
    """Return the rows of all claims of the sources, in the order of the claims."""
    rows = {row.judgement.id: row for row in report.rows}
    pictures = _pictures(report)
    shown = evidence_of(report)
    return [
        ClaimRow(
            id=claim.claim,
            anchor=claim_anchor(claim.claim),
            source=claim.source,
            statement=plain_to_markdown(claim.statement),
            finding=plain_to_markdown(claim.finding),
            verdict=claim.verdict if report.evidence else "",
            condition=plain_to_markdown(claim.condition if report.evidence else ""),
            headline=plain_to_markdown(claim.headline if report.evidence else ""),
            studies=claim.studies,
            evidence=tuple(shown[label] for label in claim.evidence if label in shown),
            parts=tuple(rows[id] for id in claim.ids if id in rows),
            picture=pictures.get(claim.claim),
        )
        for claim in report.verdicts.claims
    ]


def evidence_of(report: Report) -> dict[str, Evidence]:
    """Return every figure and table by its label, such as ``01_bn_ablation/fig-sharpness``."""
    things = {}
    for study in report.documents:
        for _, output in outputs(study.notebook):
            shown = shown_of(output)
            if shown.get("kind") in NAMES:
                name = f"{study.name}/{shown['label']}"
                things[name] = Evidence(shown["anchor"], shown["name"])
    return things


def _pictures(report: Report) -> dict[str, Picture]:
    pictures = {}
    for study in report.studies:
        for _, output in outputs(study.notebook):
            shown = shown_of(output)
            svg = output.get("data", {}).get("image/svg+xml")
            if shown.get("kind") == "claim" and svg:
                pictures[shown["claim"]] = Picture(svg, shown.get("alt", ""), shown["label"])
    return pictures
