"""What stands where: findings at the head of a study, settings in the appendix."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence

from nbformat import NotebookNode, v4

from report.errors import ReportError

# A section that holds nothing but findings is empty where these have moved to the head.
_ONLY_FINDINGS = re.compile(r"#+ What (was|we) found\s*")


def claim_anchor(claim: str) -> str:
    """Return the anchor of a source's claim: that of its row in the opening."""
    return f"claim-{claim}"


def shown_of(output: NotebookNode) -> NotebookNode:
    """Return what the report knows of an output; empty where it is no thing of ours."""
    return output.get("metadata", {}).get("landscape", NotebookNode())


def place_of(output: NotebookNode) -> str:
    """Return where an output stands: ``body``, ``detail`` or ``appendix``."""
    return shown_of(output).get("place", "body")


def outputs(notebook: NotebookNode) -> Iterator[tuple[NotebookNode, NotebookNode]]:
    """Yield each output with its cell, in reading order."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            yield cell, output


def open_with_findings(notebook: NotebookNode, study: str) -> None:
    """Move the findings of a study behind its title, in place.

    A notebook states its findings where they are computed, at its end; a reader wants them first.

    Raises:
        ReportError: If the study states its findings more than once.
    """
    stated = [(c, o) for c, o in outputs(notebook) if shown_of(o).get("kind") == "findings"]
    if not stated:
        return
    if len(stated) > 1:
        raise ReportError(
            f"Study {study} states its findings {len(stated)} times. A study has one "
            "display.Findings, in its last code cell."
        )
    cell, output = stated[0]
    cell.outputs = [other for other in cell.outputs if other is not output]
    index = next(index for index, one in enumerate(notebook.cells) if one is cell)
    before = notebook.cells[index - 1]
    if before.cell_type == "markdown" and _ONLY_FINDINGS.fullmatch(before.source):
        del notebook.cells[index - 1]
    title, rest = _split_title(notebook.cells[0])
    opening = v4.new_code_cell("", outputs=[output], id=f"{notebook.cells[0].get('id', 'c')}-found")
    notebook.cells[:1] = [title, opening, *rest]


def _split_title(cell: NotebookNode) -> tuple[NotebookNode, list[NotebookNode]]:
    """Return the cell's title alone, and what stands below it."""
    title, _, below = cell.source.partition("\n")
    if not below.strip():
        return cell, []
    rest = copy.deepcopy(cell)
    cell.source, rest.source = title, below.strip("\n")
    rest["id"] = f"{cell.get('id', 'c')}-rest"
    return cell, [rest]


def take_appendix(notebook: NotebookNode) -> NotebookNode | None:
    """Remove what belongs to the appendix, and return it as a notebook; None if there is none."""
    taken = [output for _, output in outputs(notebook) if place_of(output) == "appendix"]
    for cell in notebook.cells:
        if "outputs" in cell:
            cell.outputs = [out for out in cell.outputs if place_of(out) != "appendix"]
    if not taken:
        return None
    return v4.new_notebook(cells=[v4.new_code_cell("", outputs=taken, id="appendix")])


def findings_of(notebook: NotebookNode) -> tuple[str, ...]:
    """Return the sentences of the study's findings, in markdown."""
    for _, output in outputs(notebook):
        if shown_of(output).get("kind") == "findings":
            return tuple(shown_of(output)["sentences"])
    return ()


def name_evidence(
    notebook: NotebookNode, study: str, evidence: Mapping[str, Sequence[str]]
) -> None:
    """Say in the captions of a study for which claims a figure or table is evidence, in place.

    Args:
        notebook: The study, its references resolved.
        study: Its name.
        evidence: Label such as ``01_bn_ablation/fig-sharpness`` -> claims of the sources.
    """
    for _, output in outputs(notebook):
        shown = shown_of(output)
        claims = evidence.get(f"{study}/{shown.get('label')}", ())
        if claims and "caption" in shown:
            links = ", ".join(f"[{claim}](#{claim_anchor(claim)})" for claim in claims)
            shown["caption"] = f"{shown['caption'].rstrip()} *Evidence for {links}.*"


def question_of(notebook: NotebookNode) -> str:
    """The sentence after **Question.**, which opens every study."""
    pattern = re.compile(r"\*\*Question\.?\*\*[.:]?\s*(.+?)(?=\n\s*\n|\n\*\*|\Z)", re.DOTALL)
    for text in (cell.source for cell in notebook.cells if cell.cell_type == "markdown"):
        if match := pattern.search(text):
            return " ".join(match.group(1).split())
    return ""
