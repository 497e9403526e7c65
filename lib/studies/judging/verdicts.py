"""Verdicts: judge atomic claims by their rules."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from studies.judging.atomic_claims import AtomicClaim
from studies.judging.findings import JudgedRelation, findings
from studies.judging.margins import Margins
from studies.judging.rules import CHECKS, Rule

Verdict = Literal["reproduced", "contradicted", "undecided", "not judged"]
CheckWord = Literal["holds", "gone", "reversed", "undecided", "not run"]
SizeWord = Literal["yes", "no", "no interval", "no number"]


@dataclasses.dataclass(frozen=True)
class CheckResult:
    """What a check says of a claim.

    Attributes:
        word: ``holds``: all its relations lie on the claimed side; ``reversed``: one lies on the
            other side, after Holm's correction over the relations of all checks; ``gone``: one is
            equivalent to no effect; else ``undecided``; ``not run`` without relations.
        findings: Its relations, judged.
        reason: Why it was not run, where a reason is given.
    """

    word: CheckWord
    findings: tuple[JudgedRelation, ...] = ()
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Judgement:
    """An atomic claim, judged.

    Attributes:
        claim: The claim.
        rule: Its rule; None where it has none.
        verdict: As the source measured: ``reproduced`` if every relation lies on the claimed side,
            ``contradicted`` if one lies on the other side or is equivalent to no effect, after
            Holm's correction over them, else ``undecided``. ``not judged`` without a rule.
        findings: The relations as the source measured them, judged.
        checks: Name of each of the six checks -> what it says.
        size: Whether the 95% intervals hold the source's numbers.
        reason: Why the claim is not judged.
    """

    claim: AtomicClaim
    rule: Rule | None
    verdict: Verdict
    findings: tuple[JudgedRelation, ...] = ()
    checks: Mapping[str, CheckResult] = dataclasses.field(
        default_factory=lambda: {name: CheckResult("not run") for name in CHECKS}
    )
    size: SizeWord = "no number"
    reason: str = ""

    def place(self, name: str) -> str:
        """Return the words that say where a check looks.

        Args:
            name: Name of the check.
        """
        return CHECKS[name] if self.rule is None else self.rule.place(name)

    @property
    def depends_on(self) -> tuple[str, ...]:
        """The checks that end otherwise than the verdict.

        By them a claim that is reproduced is gone or reversed, and one that is contradicted holds;
        where the verdict is open they decide.
        """
        words = {
            "reproduced": ("gone", "reversed"),
            "contradicted": ("holds",),
            "undecided": ("holds", "gone", "reversed"),
        }.get(self.verdict, ())
        return tuple(name for name, check in self.checks.items() if check.word in words)

    @property
    def open_checks(self) -> tuple[str, ...]:
        """The checks that were run and are undecided."""
        return tuple(name for name, check in self.checks.items() if check.word == "undecided")

    @property
    def all_findings(self) -> tuple[JudgedRelation, ...]:
        """The relations as the source measured them, and behind them those of all checks."""
        checked = (finding for check in self.checks.values() for finding in check.findings)
        return (*self.findings, *checked)

    @property
    def artefact(self) -> bool:
        """Whether what the source measured comes from its estimator alone."""
        return self.verdict == "reproduced" and "estimator" in self.depends_on

    @property
    def source_numbers(self) -> tuple[float, ...]:
        """The source's numbers that the relations are compared with."""
        if self.rule is not None and self.rule.source_numbers is not None:
            return tuple(self.rule.source_numbers)
        return self.claim.source_numbers


def judge(claim: AtomicClaim, rule: Rule, margins: Margins | None = None) -> Judgement:
    """Judge an atomic claim by its rule.

    A relation that lies on the claimed side counts as claimed even where it is also inside the
    margin: a small difference is a difference. Equivalence counts where the side is open.

    Args:
        claim: The claim.
        rule: Its rule.
        margins: What counts as equal; None takes the standard margins.

    Raises:
        ValueError: If the rule is that of another claim, a relation has no border or margin where
            it needs one, or the source's numbers do not fit the relations.
    """
    if claim.id != rule.id:
        raise ValueError(f"the rule of {rule.id} does not judge {claim.id}. Pass its own rule.")
    margins = margins or Margins()
    measured = tuple(findings([(r, *rule.judged_against(r)) for r in rule.relations], margins))
    outcomes = [finding.outcome for finding in measured]
    verdict: Verdict = "undecided"
    if all(outcome == "claimed" for outcome in outcomes):
        verdict = "reproduced"
    elif {"opposite", "equal"} & set(outcomes):
        verdict = "contradicted"
    judgement = Judgement(claim, rule, verdict, measured, _checks(rule, margins))
    return dataclasses.replace(judgement, size=_size(judgement))


def judge_all(
    claims: Mapping[str, AtomicClaim],
    rules: Iterable[Rule],
    margins: Margins | None = None,
    *,
    reasons: Mapping[str, str] | None = None,
) -> list[Judgement]:
    """Judge all atomic claims; a claim without a rule says why it has none.

    Args:
        claims: Id -> claim, as ``read_atomic_claims`` returns them.
        rules: At most one a claim.
        margins: As for ``judge``.
        reasons: Id -> why the claim cannot be judged now, such as a study that is not recorded yet.
            Other claims without a rule give their own reason.

    Returns:
        One judgement a claim, in the order of the claims.

    Raises:
        ValueError: If a rule or a reason is that of no claim, a claim has two rules, or a claim has
            neither a rule nor a reason.
    """
    given: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in given:
            raise ValueError(f"{rule.id} has two rules. Pass one rule for each claim.")
        given[rule.id] = rule
    reasons = dict(reasons or {})
    unknown = [id for id in (*given, *reasons) if id not in claims]
    if unknown:
        raise ValueError(
            f"no claim has the id {', '.join(unknown)}. The claims are {', '.join(claims)}."
        )
    judgements = []
    for id, claim in claims.items():
        reason = reasons.get(id) or claim.reason
        if id in given:
            judgements.append(judge(claim, given[id], margins))
        elif reason:
            judgements.append(Judgement(claim, None, "not judged", reason=reason))
        else:
            raise ValueError(
                f"{id} has neither a rule nor a reason. Pass its rule, or say in the claim's "
                "column `reason` why it has none."
            )
    return judgements


def _checks(rule: Rule, margins: Margins) -> dict[str, CheckResult]:
    """Judge all checks of a rule together, and return what each says."""
    relations = [
        (number, (relation, *rule.judged_against(relation)))
        for number, name in enumerate(CHECKS)
        for relation in rule.check(name)
    ]
    families = [number for number, _ in relations]
    judged = findings([relation for _, relation in relations], margins, families=families)
    results = {}
    for number, name in enumerate(CHECKS):
        members = tuple(f for f, family in zip(judged, families, strict=True) if family == number)
        given = rule.checks.get(name, "")
        reason = given if isinstance(given, str) else ""
        results[name] = CheckResult(_check_word(members), members, reason)
    return results


def _check_word(members: Sequence[JudgedRelation]) -> CheckWord:
    outcomes = [finding.outcome for finding in members]
    if not outcomes:
        return "not run"
    if "opposite" in outcomes:
        return "reversed"
    if "equal" in outcomes:
        return "gone"
    return "holds" if set(outcomes) == {"claimed"} else "undecided"


def _size(judgement: Judgement) -> SizeWord:
    """Return whether the intervals hold the source's numbers; a single number belongs to all."""
    numbers, measured = judgement.source_numbers, judgement.findings
    if not numbers:
        return "no number"
    if len(numbers) not in (1, len(measured)):
        raise ValueError(
            f"{judgement.claim.id}: {len(numbers)} numbers of the source do not fit "
            f"{len(measured)} relations. Pass the rule one number for each relation, or none: "
            "source_numbers=()."
        )
    if any(math.isnan(finding.effect.low) for finding in measured):
        return "no interval"
    pairs = zip(measured, numbers * (len(measured) if len(numbers) == 1 else 1), strict=True)
    holds = all(f.effect.low <= number <= f.effect.high for f, number in pairs)
    return "yes" if holds else "no"
