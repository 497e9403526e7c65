"""Atomic claims: the sources' claims, each split into assertions about one number."""

import csv
import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

COLUMNS = (
    "id",
    "source",
    "claim",
    "statement",
    "source_number",
    "source_text",
    "setting",
    "reason",
    "name",
    "evidence",
    "former",
    "changed",
)


@dataclasses.dataclass(frozen=True)
class AtomicClaim:
    """One assertion of a source about one number.

    Attributes:
        id: Such as ``S1.4b``: second part of claim 4 of source S1.
        source: Such as ``S1``.
        claim: The claim it is part of, such as ``S1.4``.
        statement: The assertion, in plain words.
        source_numbers: The numbers that the source gives, in the unit of what is measured here.
        source_text: What the source says of the number, such as ``57.18 against 37.51``.
        setting: Data, model and training of the source.
        reason: Why the claim has no rule; empty where it has one.
        name: The assertion as the subject of ``holds``, such as ``higher accuracy``.
        evidence: Labels of the figures and tables that show what judges it, each with its study,
            such as ``01_bn_ablation/fig-sharpness``.
        former: The word of its rule before it changed, or of the report before.
        changed: Why the rule changed after its measurement, beside that its claim was split.
    """

    id: str
    source: str
    claim: str
    statement: str
    source_numbers: tuple[float, ...] = ()
    source_text: str = ""
    setting: str = ""
    reason: str = ""
    name: str = ""
    evidence: tuple[str, ...] = ()
    former: str = ""
    changed: str = ""


def read_atomic_claims(path: Path) -> dict[str, AtomicClaim]:
    """Read the atomic claims of a CSV file with the columns of ``COLUMNS``.

    ``source_number`` holds numbers separated by semicolons, or nothing; ``evidence`` labels
    separated by spaces.

    Args:
        path: The file, in UTF-8.

    Returns:
        Id -> claim, in the order of the file.

    Raises:
        ValueError: If a column is unknown or missing, or a row has an id that stands twice, has no
            source, or is no part of its claim; or an empty statement; or a number that is none.
    """
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        _check_columns(path.name, reader.fieldnames or ())
        claims: dict[str, AtomicClaim] = {}
        for row in reader:
            place = f"{path.name}, line {reader.line_num}"
            claim = _claim(place, row)
            if claim.id in claims:
                raise ValueError(
                    f"{place}: the id {claim.id} stands twice. Each row needs its own."
                )
            claims[claim.id] = claim
    return claims


def _check_columns(name: str, columns: Sequence[str]) -> None:
    unknown = [column for column in columns if column not in COLUMNS]
    missing = [column for column in COLUMNS if column not in columns]
    twice = len(set(columns)) < len(columns)
    if unknown or missing or twice:
        faults = [f"unknown columns {', '.join(unknown)}"] * bool(unknown)
        faults += [f"no column {', '.join(missing)}"] * bool(missing)
        faults += ["a column twice"] * twice
        raise ValueError(
            f"{name} has {' and '.join(faults)}. Its columns are {', '.join(COLUMNS)}."
        )


def _claim(place: str, row: dict) -> AtomicClaim:
    if None in row or None in row.values():
        raise ValueError(
            f"{place}: the row does not have {len(COLUMNS)} cells. Quote cells with commas."
        )
    cells = {name: text.strip() for name, text in row.items()}
    id, source, claim = cells["id"], cells["source"], cells["claim"]
    if not source or not claim.startswith(f"{source}."):
        raise ValueError(
            f"{place}: the id {id!r} has no source: source is {source!r}, claim is {claim!r}. "
            "Write the source of the claim, such as S1 for the claim S1.4."
        )
    suffix = id.removeprefix(claim)
    if suffix == id or not (suffix == "" or suffix.isalpha()):
        raise ValueError(
            f"{place}: the id {id!r} is no part of the claim {claim!r}. Write the claim and a "
            f"letter, such as {claim}a."
        )
    if not cells["statement"]:
        raise ValueError(f"{place}: {id} has no statement. Say what the source asserts.")
    return AtomicClaim(
        id=id,
        source=source,
        claim=claim,
        statement=cells["statement"],
        source_numbers=_numbers(place, cells["source_number"]),
        source_text=cells["source_text"],
        setting=cells["setting"],
        reason=cells["reason"],
        name=cells["name"] or id,
        evidence=tuple(cells["evidence"].split()),
        former=cells["former"],
        changed=cells["changed"],
    )


def _numbers(place: str, text: str) -> tuple[float, ...]:
    """Return the numbers of a cell, which semicolons separate."""
    try:
        numbers = tuple(float(part) for part in text.split(";") if part.strip())
    except ValueError:
        numbers = (math.nan,)
    if not all(map(math.isfinite, numbers)):
        raise ValueError(
            f"{place}: source_number={text!r} is no list of finite numbers. Write numbers such as "
            "1.52 with semicolons between them, and all else into source_text."
        )
    return numbers
