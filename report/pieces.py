"""Every text of a report that is typeset, and the sentence that describes it."""

from __future__ import annotations

from collections.abc import Iterator

from nbformat import NotebookNode

from report.layout import shown_of
from report.markup import tabular_text
from report.parts import Report
from report.settings import VERDICTS


def describe(report: Report) -> str:
    """One sentence on what the report holds."""
    if report.of_reader:
        return (
            f"Measured by landscape {report.front.version}: every number stands with its error, "
            "and all of them are of the examples that were given."
        )
    # The notebook of verdicts judges what the others measure.
    studies = sum(study.name != VERDICTS for study in report.studies) or 1
    claims = len(report.verdicts.judged)
    described = f"{studies} executed {'study' if studies == 1 else 'studies'} of loss landscapes"
    if not report.evidence or not claims:
        return f"{described}."
    return (
        f"{described}, and {claims} {'claim' if claims == 1 else 'claims'} with a verdict that "
        "code decided by a rule that stands in the report."
    )


def markdown_pieces(report: Report) -> Iterator[str]:
    """Everything that will be typeset, so that pandoc can run once."""
    for row in report.rows:
        yield from row.pieces
    for chapter in report.chapters:
        yield from (chapter.title, chapter.question)
    for study in report.studies:
        yield study.question
        yield from (target.title for target in (study.target, *study.sections))
    for part in report.documents:
        yield from _notebook_pieces(part.notebook)


def _notebook_pieces(notebook: NotebookNode) -> Iterator[str]:
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            yield cell.source
        for output in cell.get("outputs", []):
            shown = shown_of(output)
            if "caption" in shown:
                yield shown["caption"]
            yield from shown.get("sentences", [])
            for row in [shown.get("columns", []), *shown.get("rows", [])]:
                yield from map(tabular_text, row)
            prose = shown.get("kind") in (None, "note", "sentence")
            if prose and "text/markdown" in output.get("data", {}):
                yield output.data["text/markdown"]
