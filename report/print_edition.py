"""The report as it is printed: without details, which stand in the HTML edition alone."""

from __future__ import annotations

import copy
import dataclasses
import re

from nbformat import NotebookNode

from report.layout import outputs, place_of, shown_of
from report.parts import Report
from report.texts import rewrite

EDITION = "HTML edition"
_HEADING = re.compile(r"\s*(?P<marks>#+) [^\n]*\{#(?P<anchor>[^}\s]+)[^}]*\}\s*")


def for_print(report: Report) -> Report:
    """Return a copy of a report without its details.

    A reference to one names the edition that has it: "the spread (Figure S2, HTML edition)".
    """
    left_out = _detail_anchors(report)
    studies = [
        dataclasses.replace(study, notebook=_printed(study.notebook, left_out))
        for study in report.studies
    ]
    appendix = [
        dataclasses.replace(part, notebook=_printed(part.notebook, left_out))
        for part in report.appendix
    ]
    return dataclasses.replace(report, studies=tuple(studies), appendix=tuple(appendix))


def _detail_anchors(report: Report) -> frozenset[str]:
    cells = [cell for study in report.studies for cell in study.notebook.cells if _is_detail(cell)]
    headings = {name for cell in cells for name in re.findall(r"\{#([^}\s]+)", cell.source)}
    return frozenset(headings).union(
        shown_of(output)["anchor"]
        for study in report.studies
        for _, output in outputs(study.notebook)
        if place_of(output) == "detail" and "anchor" in shown_of(output)
    )


def _printed(notebook: NotebookNode, left_out: frozenset[str]) -> NotebookNode:
    printed = copy.deepcopy(notebook)
    printed.cells = [cell for cell in printed.cells if not _is_detail(cell)]
    for cell in printed.cells:
        if "outputs" in cell:
            cell.outputs = [out for out in cell.outputs if place_of(out) != "detail"]
    _hide_empty_sections(printed)
    rewrite(printed, lambda text: without_details(text, left_out))
    return printed


def _hide_empty_sections(notebook: NotebookNode) -> None:
    """Leave of a heading that nothing follows only the place that links lead to."""
    content = [
        cell
        for cell in notebook.cells
        if cell.get("outputs") or (cell.cell_type == "markdown" and cell.source.strip())
    ]
    level = 1  # of the heading that comes next; the end of the study closes all sections
    for cell in reversed(content):
        heading = _HEADING.match(cell.source) if cell.cell_type == "markdown" else None
        if heading is None:
            level = 7
        elif heading.end() < len(cell.source) or len(heading["marks"]) < level:
            level = len(heading["marks"])
        else:
            cell.source = f"`#metadata(none) <{heading['anchor']}>`{{=typst}}"


def _is_detail(cell: NotebookNode) -> bool:
    """Return whether the text of a cell stands in the HTML edition alone."""
    return cell.cell_type == "markdown" and "detail" in cell.metadata.get("tags", [])


def without_details(text: str, left_out: frozenset[str]) -> str:
    """Return markdown in which links to these anchors are words that name the HTML edition.

    Args:
        text: Markdown with resolved references.
        left_out: Anchors of what the printed edition leaves out.
    """

    def link(match: re.Match[str]) -> str:
        if match["anchor"] not in left_out:
            return match[0]
        words = match["text"]
        if words.endswith(")"):
            return f"{words[:-1]}, {EDITION})"
        return f"{words} of the {EDITION}"

    return re.sub(r"\[(?P<text>[^\[\]]*)\]\(#(?P<anchor>[^)\s]+)\)", link, text)
