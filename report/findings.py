"""What claims.json holds of the measurements behind a verdict, as lines of plain text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One measured quantity: as plain text, its own word, and whether it checks the others."""

    text: str
    word: str = ""
    check: bool = False


def measured(entry: dict[str, Any]) -> tuple[Finding, ...]:
    """Return the findings of an entry of claims.json; at least one, if only to say why not."""
    found = entry.get("findings", [])
    if found and all("text" in one for one in found):
        return tuple(Finding(one["text"], one["word"], one["check"]) for one in found)
    return tuple(
        map(Finding, entry["finding"].split("; ") if len(found) > 1 else [entry["finding"]])
    )


def lines(findings: Sequence[Finding]) -> list[str]:
    """Return a line of plain text for each finding; where their words differ, with its word."""
    differ = len({finding.word for finding in findings}) > 1
    return [
        f"{'Check: ' if finding.check else ''}{finding.text}"
        + (f": {finding.word}" if differ else "")
        for finding in findings
    ]


def brief(findings: Sequence[Finding], *, most: int = 5) -> list[str]:
    """Return the same lines; of more than ``most``, no checks but those that contradict.

    Those left out are counted by their word in a last line.
    """
    every = list(zip(lines(findings), findings, strict=True))
    short = len(findings) <= most
    kept = [line for line, of in every if short or not of.check or of.word == "contradicted"]
    left = Counter(of.word for line, of in every if line not in kept)
    counts = ", ".join(f"{count} {word}" for word, count in left.items())
    return [*kept, f"Other checks: {counts}"] if left else kept
