"""Tables of judgements: all of them, on what they depend, rules, what changed, what is open."""

from collections import Counter
from collections.abc import Sequence

from studies.display import Table
from studies.formatting import list_text, number_text
from studies.judging.findings import JudgedRelation
from studies.judging.relation_names import relation_name
from studies.judging.rows import headline, trial_sentence, word_changed
from studies.judging.rules import CHECKS
from studies.judging.sentences import sentence
from studies.judging.verdicts import Judgement
from studies.judging.words import with_unit
from studies.tables.verdict_sentences import TRIAL, what_depends, what_stood

_SIZES = {"yes": "yes", "no": "no", "no number": "–", "no interval": "no interval"}


def dependence_table(
    judgements: Sequence[Judgement], *, label: str, evidence: bool = True
) -> Table:
    """Return a table of the six checks: how reproduced parts end in each, and which fall.

    Args:
        judgements: Of all claims.
        label: Such as ``tab-depends``.
        evidence: Whether the numbers are evidence; if not, the table counts what was measured.
    """
    if not evidence:
        rows = [
            [name, str(sum(bool(one.checks[name].findings) for one in judgements))]
            for name in CHECKS
        ]
        return Table(["Check", "Parts"], rows, label=label, caption=f"{TRIAL} Checks that ran.")
    reproduced = [judgement for judgement in judgements if judgement.verdict == "reproduced"]
    fallen = {name: [j for j in reproduced if name in j.depends_on] for name in CHECKS}
    most = max(map(len, fallen.values()))
    rows = []
    for name, where in CHECKS.items():
        words = Counter(judgement.checks[name].word for judgement in reproduced)
        ids = ", ".join(f"{judgement.claim.id}" for judgement in fallen[name])
        count = str(len(fallen[name]))
        bold = f"**{count}**" if most and len(fallen[name]) == most else count
        rows.append([where.capitalize(), str(words["holds"]), bold, str(words["undecided"]), ids])
    return Table(
        ["Check", "Holds", "Falls", "Open", "What falls"],
        [[*row[:-1], row[-1] or "–"] for row in rows],
        label=label,
        caption=f"{what_depends(judgements).text} Counted are parts that the check was run on; "
        "the largest number of parts that fall is bold.",
        align=["left"] * 5,  # Bold counts are markdown.
    )


def judgement_table(judgements: Sequence[Judgement], *, label: str, evidence: bool = True) -> Table:
    """Return a table with one row an atomic claim: what was found, and its words.

    Args:
        judgements: The judgements.
        label: Such as ``tab-all``.
        evidence: Whether the numbers are evidence; if not, the table holds no verdict.
    """
    if not evidence:
        columns = ["Claim", "Measured", "Setting"]
        rows = [[one.claim.id, trial_sentence(one), _setting(one)] for one in judgements]
        caption = f"{TRIAL} The number that each claim is about, as measured here."
    else:
        columns = ["Claim", "Found", "As measured", "Depends on", "Size", "Setting"]
        rows = [_cells(judgement) for judgement in judgements]
        caption = (
            f"{what_stood(judgements).text} Each row says what was found, whether it is as the "
            "source measured, which checks end otherwise or stay open, whether the interval holds "
            "the source's number, and how our setting departs from the source's."
        )
    return Table(columns, rows, label=label, caption=caption, align=["left"] * len(columns))


def rules_table(judgements: Sequence[Judgement], *, label: str) -> Table:
    """Return a table of the rules: what is measured for each claim, and its border and margin.

    Args:
        judgements: The judgements.
        label: Such as ``tab-rules``.
    """
    rows = []
    for judgement in judgements:
        for finding in judgement.findings:
            relation = finding.relation
            side = {"within": "equal to"}.get(finding.side, finding.side)
            border = f"{side} {with_unit(number_text(finding.border), relation.unit)}"
            margin = "–" if finding.margin is None else _margin(finding)
            rows.append([judgement.claim.id, relation_name(relation), border, margin])
    commits = {judgement.rule.commit[:7] for judgement in judgements if judgement.rule}
    return Table(
        ["Claim", "Relation", "Claimed", "Margin"],
        rows,
        label=label,
        caption=f"{len(rows)} relations judge the claims as the sources measured them. Within "
        "the margin two numbers count as equal. Commit of the rules: "
        f"{', '.join(sorted(commits)) or 'unknown'}.",
        align=["left"] * 4,
    )


def changed_words(judgements: Sequence[Judgement], *, label: str) -> Table:
    """Return a table of the claims whose word changed: before, now, and why.

    Args:
        judgements: The judgements.
        label: Such as ``tab-changed``.
    """
    rows = [
        [
            judgement.claim.id,
            judgement.rule.former,
            judgement.verdict
            if judgement.verdict != "reproduced"
            else f"reproduced; {headline(judgement)}",
            judgement.rule.reason_of_change,
        ]
        for judgement in judgements
        if judgement.rule is not None and word_changed(judgement)
    ]
    columns = ["Claim", "Before", "Now", "Why"]
    return Table(
        columns,
        rows,
        label=label,
        caption=f"{len(rows)} words differ from those of the report before, where a claim had one "
        "word as a whole. Every rule was written after its measurements.",
        align=["left"] * len(columns),
    )


def unjudged(judgements: Sequence[Judgement], *, label: str) -> Table:
    """Return a table of the claims that are not judged, with the reasons.

    Args:
        judgements: Of all claims.
        label: Such as ``tab-unjudged``.
    """
    rows = [
        [judgement.claim.id, judgement.claim.statement, judgement.reason]
        for judgement in judgements
        if judgement.verdict == "not judged"
    ]
    return Table(
        ["Claim", "Statement", "Why it is not judged"],
        rows,
        label=label,
        caption=f"{len(rows)} parts of claims are not judged yet.",
        align=["left"] * 3,
    )


def _cells(judgement: Judgement) -> list[str]:
    depends = [f"{name}: {judgement.checks[name].word}" for name in judgement.depends_on]
    if judgement.open_checks:
        depends.append(f"open: {list_text(judgement.open_checks)}")
    return [
        judgement.claim.id,
        sentence(judgement),
        judgement.verdict,
        "; ".join(depends) or "–",
        _SIZES[judgement.size],
        _setting(judgement),
    ]


def _margin(finding: JudgedRelation) -> str:
    """Return a margin with its unit: a factor on a logarithmic scale, else a difference."""
    number = "" if finding.margin is None else number_text(finding.margin)
    if finding.effect.log:
        return f"factor {number}"
    return f"± {with_unit(number, finding.relation.unit)}"


def _setting(judgement: Judgement) -> str:
    return judgement.rule.setting if judgement.rule else "–"
