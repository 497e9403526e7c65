"""What the page opens with: abstract, findings with their evidence, and the strongest picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

from report.claim_table import Evidence, evidence_of
from report.layout import outputs, shown_of
from report.markup import with_subscripts
from report.parts import Report
from report.pieces import describe


@dataclass(frozen=True)
class Finding:
    """One of the findings, with what it rests on; texts are markdown."""

    title: str
    text: str
    claims: tuple[str, ...]
    figure: Evidence | None


@dataclass(frozen=True)
class Opening:
    """What stands on the first screen; texts are markdown.

    Attributes:
        abstract: What was asked and found; of a trial, what the report holds.
        example: How to read a verdict; empty in a trial.
        findings: The findings, the strongest first; none in a trial.
        strongest: The output that shows the first finding.
    """

    abstract: str
    example: str
    findings: tuple[Finding, ...]
    strongest: NotebookNode | None

    @property
    def pieces(self) -> Iterator[str]:
        """The texts that are typeset."""
        yield from (self.abstract, self.example)
        for finding in self.findings:
            yield from (finding.title, finding.text)


def opening_of(report: Report) -> Opening:
    """Return what the report opens with; a trial opens without findings."""
    verdicts = report.verdicts
    if not report.evidence or not verdicts.abstract:
        return Opening(describe(report), "", (), None)
    things = evidence_of(report)
    findings = tuple(
        Finding(
            with_subscripts(one.title),
            with_subscripts(one.text),
            one.claims,
            things.get(one.figure),
        )
        for one in verdicts.highlights
    )
    first = verdicts.highlights[0].figure if verdicts.highlights else ""
    return Opening(
        with_subscripts(verdicts.abstract),
        with_subscripts(verdicts.example),
        findings,
        _output(report, first),
    )


def _output(report: Report, label: str) -> NotebookNode | None:
    """Return the figure with a label such as ``01_bn_ablation/fig-sharpness``."""
    name, _, own = label.rpartition("/")
    for study in report.studies:
        for _, output in outputs(study.notebook) if study.name == name else ():
            if shown_of(output).get("label") == own and "image/svg+xml" in output.data:
                return output
    return None
