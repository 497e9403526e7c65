"""Write results files: the entries of claims, JSON text, and files that are whole or absent."""

import json
import math
import os
from pathlib import Path
from typing import Any

from studies.claims import Verdict


def claim_entry(verdict: Verdict) -> dict[str, Any]:
    """Return the entry of a verdict in ``claims.json``.

    A number that is not finite becomes None (null in the file). The first finding stands in the
    entry itself; ``findings`` holds all of them, each with ``check``: whether it checks the others.
    """
    first = verdict.findings[0] if verdict.findings else None
    return {
        "id": verdict.claim.id,
        "statement": verdict.claim.statement,
        "source_numbers": verdict.claim.source_numbers,
        "rule": verdict.claim.rule,
        "verdict": verdict.word,
        "finding": verdict.text,
        "quantity": first.quantity if first else "",
        "estimate": _finite(first.interval.estimate) if first else None,
        "low": _finite(first.interval.low) if first else None,
        "high": _finite(first.interval.high) if first else None,
        "n": first.interval.n if first else 0,
        "label": f"verdict-{verdict.claim.id}",
        "findings": [
            {
                "quantity": finding.quantity,
                "estimate": _finite(finding.interval.estimate),
                "low": _finite(finding.interval.low),
                "high": _finite(finding.interval.high),
                "n": finding.interval.n,
                "kind": finding.interval.kind,
                "threshold": finding.threshold,
                "side": finding.side,
                "converged": finding.converged,
                "word": finding.word,
                "text": finding.text,
                "check": index >= len(verdict.claimed),
            }
            for index, finding in enumerate(verdict.findings)
        ],
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def as_json(value: Any) -> str:
    """Return plain values as readable JSON text.

    Raises:
        ValueError: If a number is NaN or infinite: JSON has no such numbers.
    """
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write(path: Path, text: str) -> None:
    """Write a text file whole or not at all, and create its folder.

    Args:
        path: The file; one that exists is replaced.
        text: Its content, written in UTF-8.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.writing")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)
