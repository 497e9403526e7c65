"""Executed notebooks and their results as one document: what HTML and PDF have in common."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from report.errors import ReportError
from report.findings import Finding, brief, lines, measured
from report.markup import plain_to_markdown, tabular_text
from report.references import Target, Targets, markdown_sources, resolve

TITLE = "The geometry of neural-network loss landscapes"
VERDICTS = ("reproduced", "contradicted", "inconclusive", "artefact", "not testable")


@dataclass(frozen=True)
class Claim:
    """One row of the table of verdicts; every text is plain, with Unicode or $maths$."""

    id: str
    statement: str
    source_numbers: str
    rule: str
    verdict: str
    findings: tuple[Finding, ...]
    n: str
    target: Target  # the verdict in the study's text

    @property
    def finding(self) -> str:
        """What was found, as markdown: one line for each measured quantity."""
        return "\\\n".join(map(plain_to_markdown, lines(self.findings)))

    @property
    def brief(self) -> str:
        """The same without the checks of a long list that change nothing, which it counts."""
        return "\\\n".join(map(plain_to_markdown, brief(self.findings)))


@dataclass(frozen=True)
class Study:
    """One executed notebook, its references resolved, with the results it wrote."""

    name: str
    profile: str
    target: Target
    question: str
    notebook: NotebookNode
    claims: tuple[Claim, ...]
    evidence: bool
    provenance: dict[str, Any]
    sections: tuple[Target, ...]


@dataclass(frozen=True)
class Report:
    """Studies in reading order. ``evidence`` is true only when every study's is."""

    title: str
    studies: tuple[Study, ...]

    @property
    def profile(self) -> str:
        """The profile of the studies, as their results name it."""
        return ", ".join(dict.fromkeys(study.profile for study in self.studies))

    @property
    def evidence(self) -> bool:
        return all(study.evidence for study in self.studies)

    @property
    def claims(self) -> tuple[Claim, ...]:
        return tuple(claim for study in self.studies for claim in study.claims)

    @property
    def tally(self) -> list[tuple[str, int]]:
        """How many claims have each verdict; verdicts that occur only."""
        return tally(claim.verdict for claim in self.claims)


def tally(verdicts: Iterable[str]) -> list[tuple[str, int]]:
    """Return (verdict, how often it occurs) in the order of ``VERDICTS``, of those that occur."""
    counts = Counter(verdicts)
    return [(verdict, counts[verdict]) for verdict in VERDICTS if counts[verdict]]


def read_report(profile_dir: Path, studies: Sequence[str], *, title: str = TITLE) -> Report:
    """Read, check, number and cross-reference the executed studies of one profile.

    Args:
        profile_dir: Folder with ``<study>.ipynb``, ``results/`` and ``provenance/``.
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
    targets = Targets(notebooks)
    for name, notebook in notebooks.items():
        resolve(notebook, name, targets)
    return Report(
        title=title,
        studies=tuple(
            _study(profile_dir, name, notebook, targets) for name, notebook in notebooks.items()
        ),
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
    results = _read_json(profile_dir / "results" / name / "claims.json", name)
    provenance = _read_json(profile_dir / "provenance" / f"{name}.json", name)
    claims = tuple(_claim(entry, name, targets) for entry in results["claims"])
    _check_verdicts(notebook, name, claims)
    return Study(
        name=name,
        profile=results["profile"],
        target=targets.title(name),
        question=_question(notebook),
        notebook=notebook,
        claims=claims,
        evidence=bool(results["evidence"]),
        provenance=provenance,
        sections=targets.sections(name),
    )


def _read_json(path: Path, name: str) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReportError(
            f"Study {name} has an executed notebook but not {path}. "
            f"The notebook writes it; run `make study STUDY={name}` again."
        ) from None
    except json.JSONDecodeError as error:
        raise ReportError(f"Study {name}: {path} is not valid JSON ({error}).") from error


def _claim(entry: dict[str, Any], name: str, targets: Targets) -> Claim:
    if entry["verdict"] not in VERDICTS:
        raise ReportError(
            f"Study {name}: claim {entry['id']} has the verdict {entry['verdict']!r}; "
            f"allowed are {', '.join(VERDICTS)}."
        )
    counts = dict.fromkeys(
        str(one["n"]) for one in entry.get("findings") or [entry] if one.get("n")
    )
    return Claim(
        id=entry["id"],
        statement=entry["statement"],
        source_numbers=entry["source_numbers"],
        rule=entry["rule"],
        verdict=entry["verdict"],
        findings=measured(entry),
        n=", ".join(counts),
        target=targets.find(entry["label"], study=name),
    )


def _check_verdicts(notebook: NotebookNode, name: str, claims: tuple[Claim, ...]) -> None:
    """The verdict a reader sees in the text must be the one in the results file."""
    decided = {claim.id: claim.verdict for claim in claims}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            shown = output.get("metadata", {}).get("landscape", {})
            if shown.get("kind") != "verdict" or decided.get(shown["id"]) == shown["verdict"]:
                continue
            raise ReportError(
                f"Study {name}: the notebook shows {shown['label']} as {shown['verdict']!r}, but "
                f"claims.json holds {decided.get(shown['id'])!r}. Run the study again."
            )


def _question(notebook: NotebookNode) -> str:
    """The sentence after **Question.**, which opens every study."""
    pattern = re.compile(r"\*\*Question\.?\*\*[.:]?\s*(.+?)(?=\n\s*\n|\n\*\*|\Z)", re.DOTALL)
    for text in markdown_sources(notebook):
        if match := pattern.search(text):
            return " ".join(match.group(1).split())
    return ""


def describe(report: Report) -> str:
    """One sentence on what the report holds."""
    studies, claims = len(report.studies), len(report.claims)
    return (
        f"{studies} executed {'study' if studies == 1 else 'studies'} of loss landscapes, "
        f"{claims} {'claim' if claims == 1 else 'claims'} with a verdict that code decided by a "
        "rule that stands above the measurement."
    )


def markdown_pieces(report: Report) -> Iterator[str]:
    """Everything that will be typeset, so that pandoc can run once."""
    for study in report.studies:
        yield study.question
        yield from (target.title for target in (study.target, *study.sections))
        for claim in study.claims:
            yield claim.finding
            yield claim.brief
            for text in (claim.statement, claim.source_numbers, claim.rule):
                yield plain_to_markdown(text)
        for cell in study.notebook.cells:
            if cell.cell_type == "markdown":
                yield cell.source
            for output in cell.get("outputs", []):
                shown = output.get("metadata", {}).get("landscape", {})
                if "caption" in shown:
                    yield shown["caption"]
                for row in [shown.get("columns", []), *shown.get("rows", [])]:
                    yield from map(tabular_text, row)
                if not shown and "text/markdown" in output.get("data", {}):
                    yield output.data["text/markdown"]
