"""Executed notebooks and their results, read as one document: what HTML and PDF are made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from report.chapters import headings
from report.citations import cited_keys, entries, resolve_citations
from report.errors import ReportError
from report.front import read_front
from report.judgements import Judgement, Verdicts
from report.layout import (
    name_evidence,
    open_with_findings,
    outputs,
    question_of,
    shown_of,
    take_appendix,
)
from report.origins import read_origins
from report.parts import Appendix, Report, Row, Study
from report.records import RECORD, read_json
from report.references import Target, Targets, resolve
from report.settings import VERDICTS
from report.verdicts import FILE, read_verdicts

TITLE = "The geometry of neural-network loss landscapes"
# Said in place of verdicts: a claim about one data set is not judged on another.
TRIAL = (
    "These are trial numbers on other data than the sources', and no verdict on a claim: they show "
    "that everything runs."
)


def read_report(profile_dir: Path, studies: Sequence[str], *, title: str = TITLE) -> Report:
    """Read, check, number and cross-reference the executed studies of one profile.

    Args:
        profile_dir: Folder with ``<study>.ipynb`` and ``provenance/``, named as the profile; with
            ``results/09_verdicts/verdicts.json`` where the studies include the verdicts.
        studies: Names in reading order, such as ``["01_bn_ablation"]``.
        title: Title of the whole document.

    Returns:
        A ``Report`` whose notebooks are copies with every reference resolved.

    Raises:
        ReportError: If a study was not executed or failed, if its results are missing, or if a
            label, caption, alternative text or reference is missing, repeated or unknown.
    """
    if not studies:
        raise ReportError("No study was given. Name at least one, such as 01_bn_ablation.")
    notebooks = {name: _read_notebook(profile_dir, name) for name in studies}
    for name, notebook in notebooks.items():
        open_with_findings(notebook, name)
    targets = Targets(notebooks)
    bibliography, cited = entries(), tuple(cited_keys(notebooks))
    for name, notebook in notebooks.items():
        resolve(notebook, name, targets)
        resolve_citations(notebook, name, bibliography)
    verdicts = Verdicts()
    if VERDICTS in notebooks:
        verdicts = read_verdicts(profile_dir / "results" / VERDICTS / FILE)
        _check_shown(notebooks[VERDICTS], verdicts)
        for name, notebook in notebooks.items():
            name_evidence(notebook, name, verdicts.shown_by)
    appendix = tuple(
        Appendix(name, targets.title(name), taken)
        for name, notebook in notebooks.items()
        if (taken := take_appendix(notebook))
    )
    return Report(
        title=title,
        profile=profile_dir.name,
        studies=tuple(
            _study(profile_dir, name, notebook, targets) for name, notebook in notebooks.items()
        ),
        verdicts=verdicts,
        rows=tuple(Row(judgement, _told(judgement, targets)) for judgement in verdicts.judgements),
        front=read_front(),
        appendix=appendix,
        headings=headings(),
        cited=cited,
    )


def _read_notebook(profile_dir: Path, name: str) -> NotebookNode:
    path = profile_dir / f"{name}.ipynb"
    failed = profile_dir / f"{name}.failed.ipynb"
    if not path.exists() and failed.exists():
        raise ReportError(
            f"Study {name} failed while it was executed, so there is nothing to report. "
            f"Read {failed} up to its last output, then run the study again."
        )
    if not path.exists():
        raise ReportError(
            f"Study {name} has no executed notebook: {path} does not exist. "
            f"Run `make study STUDY={name} PROFILE={profile_dir.name}` first."
        )
    notebook = nbformat.read(path, as_version=4)
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                raise ReportError(
                    f"Study {name}: cell {index} failed with {output.ename}: {output.evalue}. "
                    f"A report holds only studies that ran to their end; see {path}."
                )
    return notebook


def _study(profile_dir: Path, name: str, notebook: NotebookNode, targets: Targets) -> Study:
    advice = f"The notebook writes it; run `make study STUDY={name}` again."
    provenance = profile_dir / "provenance" / f"{name}.json"
    # The notebook of verdicts computes nothing that a reader would ask the origin of.
    silent = name == VERDICTS and not provenance.is_file()
    return Study(
        name=name,
        target=targets.title(name),
        question=question_of(notebook),
        notebook=notebook,
        provenance={} if silent else read_json(provenance, advice),
        origins=read_origins(profile_dir / RECORD / name),
        sections=targets.sections(name),
    )


def _told(judgement: Judgement, targets: Targets) -> Target:
    """Return where the document tells more of a judgement: its box, that of its claim, or all."""
    for name in (judgement.id, judgement.claim):
        if target := targets.get(f"verdict-{name}", study=VERDICTS):
            return target
    return targets.title(VERDICTS)


def _check_shown(notebook: NotebookNode, verdicts: Verdicts) -> None:
    """The verdict a reader sees in the text must be the one in the results file."""
    decided = {row.id: row.verdict for row in verdicts.judgements}
    for _, output in outputs(notebook):
        shown = shown_of(output)
        if shown.get("kind") != "verdict" or decided.get(shown["id"]) == shown["verdict"]:
            continue
        raise ReportError(
            f"{VERDICTS} shows {shown['label']} as {shown['verdict']!r}, but {FILE} holds "
            f"{decided.get(shown['id'])!r}. Run make study STUDY={VERDICTS} again."
        )
