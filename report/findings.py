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
    return [_line(finding, told=differ) for finding in findings]


def brief(findings: Sequence[Finding], *, most: int = 5) -> list[str]:
    """Return the same lines; of more than ``most``, no checks but those that contradict.

    Those left out are counted by their word in a last line.
    """
    if len(findings) <= most:
        return lines(findings)
    told = len({finding.word for finding in findings}) > 1
    kept = [one for one in findings if not one.check or one.word == "contradicted"]
    left = Counter(one.word for one in findings if one not in kept)
    counts = ", ".join(f"{count} {word}" for word, count in left.items())
    rest = [f"Other checks: {counts}"] if left else []
    return [*(_line(finding, told=told) for finding in kept), *rest]


def _line(finding: Finding, *, told: bool) -> str:
    words = f": {finding.word}" if told else ""
    return f"{'Check: ' if finding.check else ''}{finding.text}{words}"
