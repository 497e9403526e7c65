"""Rows: judgements as plain values for ``verdicts.json``, tables, forest plots and the README.

A row of an atomic claim, all of it JSON without NaN; null stands where a number is missing or not
finite (an interval that is open on that side)::

    id, claim, source       "S1.4b", "S1.4", "S1"
    statement               what the source asserts
    source_setting          data, model and training of the source
    setting                 the setting here: the source's, fewer epochs, part of the data, ...
    verdict                 reproduced | contradicted | undecided | not judged
    sentence                what was found, one sentence
    headline                one phrase: holds | holds; open: training loss | contradicted |
                            undecided | not judged | explained by the training loss |
                            an artefact of the estimator | ...
    evidence                labels of figures and tables that show it, each with its study
    reason                  why it is not judged, or ""
    artefact                true only if the check "estimator" is gone or reversed
    depends_on              names of the checks that end otherwise than the verdict
    findings                [finding, ...] as the source measured
    checks                  {name: {word, place, reason, findings}} for each of the six checks;
                            word is holds | gone | reversed | undecided | not run
    size                    {word: yes | no | no interval | no number, numbers: [...], text}
    rule                    {side, border, former, changed, reason_of_change, commit}, or null;
                            changed: whether the word differs from the former one

and a finding::

    kind, quantity, contrast, other, given, unit      words
    scale                   log | linear
    estimate, low, high, confidence                   confidence: 0.95, or 0.9 for 5 durations
    low90, high90           the 90% interval
    n, clusters, left_out, invalid, unconverged       counts of cases; clusters may be null
    side, border            above | below | within, and the border the interval is set against
    neutral                 the value of no effect, or null
    margin, margin_low, margin_high                   what counts as equal, or null
    p_value, p_holm         two-sided against the border, before and after Holm's correction
    p_equivalent, p_equivalent_holm                   two one-sided tests, or null
    outcome                 claimed | equal | opposite | undecided
    equivalent              whether the 90% interval lies inside the margin
    would_have_seen, would_have_seen_text             with 80% power, where undecided
    published_estimator, reason, text                 text: the relation's own sentence

A trial, which is no evidence, has the word ``trial`` in place of every verdict, headline, outcome
and word of a check.
"""

import math
from typing import Any

from studies.formatting import list_text
from studies.judging.findings import JudgedRelation
from studies.judging.relation_sentences import (
    plain_text,
    relation_sentence,
    would_have_seen_words,
)
from studies.judging.rules import CHECKS
from studies.judging.sentences import sentence
from studies.judging.verdicts import CheckResult, Judgement

TRIAL = "trial"  # Stands in place of a verdict where numbers are no evidence.
_EXPLAINING = ("training loss", "scale")
# Words of the report before that mean the same as one of today.
_SAME = {"inconclusive": "undecided"}


def headline(judgement: Judgement) -> str:
    """Return a judgement in one phrase, such as ``explained by the training loss``."""
    if judgement.verdict != "reproduced":
        return judgement.verdict
    still = f"; open: {list_text(judgement.open_checks)}" if judgement.open_checks else ""
    return condition(judgement) or f"holds{still}"


def condition(judgement: Judgement) -> str:
    """Return on which checks a claim depends, such as ``explained by the training loss``.

    Only a claim that is reproduced as the source measured can be explained or depend on a check;
    empty for others, and where all checks that decide agree.
    """
    if judgement.verdict != "reproduced" or not judgement.depends_on:
        return ""
    if judgement.artefact:
        place = judgement.place("estimator")
        # A control in another place shows a limit, not that the estimator made the effect.
        better = place == CHECKS["estimator"]
        return "an artefact of the estimator" if better else f"fails {place}"
    names = judgement.depends_on
    start = "explained by" if set(names) <= set(_EXPLAINING) else "depends on"
    return f"{start} the {list_text(names)}"


def word_changed(judgement: Judgement) -> bool:
    """Return whether a claim has another word now than in the report before.

    Args:
        judgement: The judgement.
    """
    former = judgement.rule.former if judgement.rule else ""
    if not former:
        return False
    now = "artefact" if judgement.artefact else judgement.verdict
    # A claim that stood as reproduced, and by now depends on a check, has another word too.
    depends = judgement.verdict == "reproduced" and bool(judgement.depends_on)
    return _SAME.get(former, former) != now or (depends and not judgement.artefact)


def trial_sentence(judgement: Judgement) -> str:
    """Return the number that a trial gave, without a word on what it means for the claim.

    Args:
        judgement: The judgement.
    """
    if not judgement.findings:
        return judgement.reason.rstrip(".") + "."
    return "; ".join(map(plain_text, judgement.findings)) + "."


def trial_row(judgement: Judgement) -> dict[str, Any]:
    """Return a row that gives no verdict: what ran shows that it runs, and judges nothing.

    Args:
        judgement: The judgement.
    """
    values = row(judgement)
    findings = [*values["findings"], *(f for c in values["checks"].values() for f in c["findings"])]
    for finding in findings:
        finding |= {"outcome": TRIAL, "would_have_seen": None, "would_have_seen_text": ""}
    for relation, finding in zip(judgement.all_findings, findings, strict=True):
        finding["text"] = plain_text(relation)
    for check in values["checks"].values():
        check["word"] = TRIAL if check["findings"] else "not run"
    values["size"]["word"] = TRIAL
    if values["rule"] is not None:
        values["rule"] |= {"former": "", "changed": False, "reason_of_change": ""}
    words = {"verdict": TRIAL, "headline": TRIAL, "artefact": False, "depends_on": []}
    return {**values, **words, "sentence": trial_sentence(judgement)}


def row(judgement: Judgement) -> dict[str, Any]:
    """Return a judgement as a row, with the keys that the module's docstring lists."""
    claim, rule = judgement.claim, judgement.rule
    return {
        "id": claim.id,
        "claim": claim.claim,
        "source": claim.source,
        "statement": claim.statement,
        "source_setting": claim.setting,
        "setting": rule.setting if rule else "",
        "verdict": judgement.verdict,
        "sentence": sentence(judgement),
        "headline": headline(judgement),
        "evidence": list(claim.evidence),
        "reason": judgement.reason,
        "artefact": judgement.artefact,
        "depends_on": list(judgement.depends_on),
        "findings": [finding_row(finding) for finding in judgement.findings],
        "checks": {
            name: _check_row(judgement, name, check) for name, check in judgement.checks.items()
        },
        "size": {
            "word": judgement.size,
            "numbers": [_number(value) for value in judgement.source_numbers],
            "text": claim.source_text,
        },
        "rule": _rule_row(judgement),
    }


def finding_row(finding: JudgedRelation) -> dict[str, Any]:
    """Return a finding as a row, with the keys that the module's docstring lists."""
    relation, effect = finding.relation, finding.effect
    low, high = finding.margin_ends or (math.nan, math.nan)
    undecided = finding.outcome == "undecided"
    words = ("kind", "quantity", "contrast", "other", "given", "unit")
    numbers = ("estimate", "low", "high", "low90", "high90", "confidence")
    counts = ("n", "left_out", "invalid", "unconverged")
    tests = ("border", "margin", "p_value", "p_holm", "p_equivalent", "p_equivalent_holm")
    return {
        **{name: getattr(relation, name) for name in words},
        "scale": "log" if effect.log else "linear",
        **{name: _number(getattr(effect, name)) for name in numbers},
        **{name: getattr(effect, name) for name in counts},
        "clusters": getattr(effect.evidence, "clusters", None),
        "side": finding.side,
        "neutral": _number(relation.neutral),
        **{name: _number(getattr(finding, name)) for name in tests},
        "margin_low": _number(low),
        "margin_high": _number(high),
        "outcome": finding.outcome,
        "equivalent": finding.equivalent,
        "would_have_seen": _number(finding.would_have_seen) if undecided else None,
        "would_have_seen_text": would_have_seen_words(finding) if undecided else "",
        "published_estimator": relation.published_estimator,
        "reason": finding.reason or effect.reason,
        "text": relation_sentence(finding),
    }


def _check_row(judgement: Judgement, name: str, check: CheckResult) -> dict[str, Any]:
    return {
        "word": check.word,
        "place": judgement.place(name) if judgement.rule else "",
        "reason": check.reason,
        "findings": [finding_row(finding) for finding in check.findings],
    }


def _rule_row(judgement: Judgement) -> dict[str, Any] | None:
    rule = judgement.rule
    if rule is None:
        return None
    side, border = rule.judged_against(rule.relations[0])
    return {
        "side": side,
        "border": _number(border),
        "former": rule.former,
        "changed": word_changed(judgement),
        "reason_of_change": rule.reason_of_change,
        "commit": rule.commit,
    }


def _number(value: float | None) -> float | None:
    """Return a number that JSON can hold, else None.

    Ten digits, as records keep them: the last bits differ from processor to processor.
    """
    if value is None or not math.isfinite(value):
        return None
    return float(format(value, ".10g"))
