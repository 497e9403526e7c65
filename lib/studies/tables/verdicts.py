"""The box that shows the verdict on a claim, and the sentences that close a study."""

from collections.abc import Sequence

from studies.claims import Verdict
from studies.display import Bundle, Sentence
from studies.formatting import list_text
from studies.study import Study


class VerdictBox:
    """The verdict on one claim, as the report shows it.

    Args:
        verdict: The verdict, with its claim and findings.
    """

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        claim, word = self.verdict.claim, self.verdict.word
        text = f"**{claim.id}: {word}.** {claim.statement}. {_measured(self.verdict)}"
        metadata = {
            "kind": "verdict",
            "id": claim.id,
            "verdict": word,
            "label": f"verdict-{claim.id}",
        }
        return {"text/markdown": text, "text/plain": text}, {"landscape": metadata}


def _measured(verdict: Verdict) -> str:
    """Return the findings: one as a sentence, several as a list, followed by the checks."""
    findings, claimed = verdict.findings, verdict.claimed
    if len(findings) < 2:
        text = verdict.text.rstrip(".")
        return f"We measure: {text}." if findings else f"{text}."
    parts = {"We measure:": claimed, "Checks:": findings[len(claimed) :]}
    return "\n\n".join(
        "\n".join([title, "", *(f"- {finding.text}: *{finding.word}*" for finding in part)])
        for title, part in parts.items()
        if part
    )


def closing(study: Study, verdicts: Sequence[Verdict]) -> Sentence:
    """Return the closing of a study: its verdicts, the effect of checks, and failed numbers.

    Args:
        study: The study; all its recorded numbers count, and the failed ones are listed.
        verdicts: Its verdicts, in the order to show.
    """
    lines = [
        f"- [{verdict.claim.id}](#verdict-{verdict.claim.id}), {verdict.claim.statement}: "
        f"**{verdict.word}**"
        for verdict in verdicts
    ]
    total, failed = study.counts()
    failures = ", ".join(
        f"{count} of {name}{_reasons(study, name)}" for name, count in study.failures().items()
    )
    count = study.diverged_count()
    diverged = f" ({count} of runs that diverged)" if count else ""
    convergence = (
        f"**{failed} of them did not converge**{diverged}: {failures}."
        if failed
        else "None of them failed to converge."
    )
    opening = (
        "" if study.evidence else "These numbers are not evidence: the run is a small one.\n\n"
    )
    return Sentence(
        opening + "\n".join(lines) + _without_checks(verdicts) + "\n\n"
        f"The study rests on {total} recorded numbers. {convergence}"
    )


def _without_checks(verdicts: Sequence[Verdict]) -> str:
    changed: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.word_without_checks != verdict.word:
            changed.setdefault(verdict.word_without_checks, []).append(verdict.claim.id)
    words = "; ".join(f"{list_text(ids)} *{word}*" for word, ids in changed.items())
    return f"\n\nWithout the checks these would be: {words}." if words else ""


def _reasons(study: Study, quantity: str) -> str:
    """Return why numbers failed; more than two reasons are left to the results file."""
    reasons = study.reasons(quantity)
    return f" ({'; '.join(reasons)})" if 0 < len(reasons) <= 2 else ""
