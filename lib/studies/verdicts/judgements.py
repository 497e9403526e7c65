"""All claims, judged from the records of all studies: what ``09_verdicts`` builds and writes."""

import contextlib
import dataclasses
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from landscape.store import provenance

from studies import files
from studies.judging.atomic_claims import read_atomic_claims
from studies.judging.margins import Margins
from studies.judging.rules import Rule
from studies.judging.verdicts import Judgement, judge, judge_all
from studies.study import plain_values
from studies.verdicts.columns import NotMeasuredError
from studies.verdicts.content import verdicts_content
from studies.verdicts.judged_study import AskedRule, JudgedStudy, checked, measured
from studies.verdicts.recorded_study import RecordedStudy
from studies.verdicts.settings import setting

CLAIMS = "report/claims.csv"
# Why rules changed, where they say no more.
ANEW = "The rule was written anew after its measurement, with named checks."


@dataclasses.dataclass(frozen=True)
class Basis:
    """What the judgement of a claim rests on.

    Attributes:
        stale: Studies with numbers that code gave which has changed since.
        missing: What the records lack: why the claim, or one of its checks, is not judged.
    """

    stale: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class Judgements:
    """Judges the atomic claims by rules on the records of studies, and writes what it found.

    Args:
        name: Name of the notebook, ``09_verdicts``.
        namespace: ``vars()`` of the notebook after its parameters cell, with ``profile`` and
            ``build_dir``; fields of ``Margins`` followed by ``_margin`` are the margins.
        claims: The claims; None takes ``report/claims.csv``.

    Raises:
        KeyError: If ``profile`` or ``build_dir`` is missing.
        ValueError: If a margin is none, or the claims are damaged.

    Attributes:
        claims: Id -> atomic claim.
        margins: What counts as equal.
        evidence: Whether the numbers of this profile count as evidence.
        studies: The studies asked for so far, by name.
    """

    def __init__(
        self,
        name: str,
        namespace: Mapping[str, Any],
        *,
        claims: Path | None = None,
    ) -> None:
        given = plain_values(namespace)
        self.name, self.profile = name, given["profile"]
        self.evidence = self.profile in ("published", "paper")
        self.parameters = {key: value for key, value in given.items() if key != "build_dir"}
        self.margins = Margins(
            **{
                field.name: given[f"{field.name}_margin"]
                for field in dataclasses.fields(Margins)
                if f"{field.name}_margin" in given
            }
        )
        self.claims = read_atomic_claims(claims or provenance.project_path(CLAIMS))
        self.studies: dict[str, JudgedStudy] = {}
        self._folder = provenance.project_path(given["build_dir"]) / self.profile
        self._commit = _last_commit(provenance.project_path("."), f"notebooks/{name}.py")
        self._judged: dict[str, tuple[Rule | None, str, Basis]] = {}

    def study(self, name: str) -> JudgedStudy:
        """Return a study, with its record of this profile; the record may be missing.

        Args:
            name: Such as ``01_bn_ablation``.

        Raises:
            RecordError: If there is a record and it cannot be used.
        """
        if name not in self.studies:
            self.studies[name] = JudgedStudy(RecordedStudy(self._folder / "record", name))
        return self.studies[name]

    @property
    def records(self) -> list[RecordedStudy]:
        """The records of the studies asked for so far."""
        return [study.record for study in self.studies.values()]

    def of(self, study: JudgedStudy) -> list[Judgement]:
        """Return the judgements of the claims that a study has rules for, with all their parts."""
        claims = {self.claims[rule.id].claim for rule in study.rules}
        return [judgement for judgement in self.all() if judgement.claim.claim in claims]

    def others(self) -> list[Judgement]:
        """Return the judgements of the claims that no study has a rule for."""
        rules = [rule for study in self.studies.values() for rule in study.rules]
        claims = {self.claims[rule.id].claim for rule in rules}
        return [judgement for judgement in self.all() if judgement.claim.claim not in claims]

    def all(self) -> list[Judgement]:
        """Return the judgements of all claims, in the order of the claims.

        A claim without a rule so far gives the reason that stands beside it, or says that.
        """
        rules, reasons = [], {}
        for study in self.studies.values():
            for asked in study.rules:
                rule, reason, _ = self._ruled(study, asked)
                if rule is None:
                    reasons[asked.id] = reason
                else:
                    rules.append(rule)
        given = {rule.id for rule in rules} | set(reasons)
        for id, claim in self.claims.items():
            if id not in given and not claim.reason:
                reasons[id] = "No rule judges it yet."
        return judge_all(self.claims, rules, self.margins, reasons=reasons)

    def basis(self) -> dict[str, Basis]:
        """Return for each claim with a rule what its judgement rests on."""
        return {
            asked.id: self._ruled(study, asked)[2]
            for study in self.studies.values()
            for asked in study.rules
        }

    def judging_studies(self) -> dict[str, str]:
        """Return for each atomic claim with a rule the study whose record judges it."""
        return {asked.id: name for name, study in self.studies.items() for asked in study.rules}

    def close(self) -> None:
        """Write ``verdicts.json`` and the provenance."""
        content = verdicts_content(self.all(), self.judging_studies(), evidence=self.evidence)
        results = self._folder / "results" / self.name / "verdicts.json"
        files.write(results, files.as_json(content))
        path = self._folder / "provenance" / f"{self.name}.json"
        files.write(path, files.as_json(self._provenance()))

    def _provenance(self) -> dict[str, Any]:
        commit, dirty = provenance.commit(Path(__file__).parent)
        rules, changed = self._commit
        return {
            "study": self.name,
            "profile": self.profile,
            "commit": commit,
            "dirty": dirty,
            "rules": {"commit": rules, "dirty": changed},
            "parameters": self.parameters,
            **provenance.description(),
            "studies": {
                record.name: "recorded" if record.recorded else "missing" for record in self.records
            },
        }

    def _ruled(self, study: JudgedStudy, asked: AskedRule) -> tuple[Rule | None, str, Basis]:
        """Return a rule as measured, or why there is none, and what it rests on; measured once."""
        if asked.id not in self._judged:
            for record in self.records:
                record.used.clear()
            rule, reason, missing = self._measure(study, asked)
            stale = tuple(r.name for r in self.records if r.used and r.used & r.stale_origins)
            self._judged[asked.id] = rule, reason, Basis(stale, missing)
        return self._judged[asked.id]

    def _measure(
        self, study: JudgedStudy, asked: AskedRule
    ) -> tuple[Rule | None, str, tuple[str, ...]]:
        try:
            relations = measured(asked.measured)
        except NotMeasuredError as error:
            reason = f"Not measured in this profile: {error}."
            if not study.record.recorded:
                reason = f"Not measured so far: its study, {study.record.name}, has no record yet."
            return None, reason, (reason,)
        checks = {name: checked(check) for name, check in asked.checks.items()}
        missing = tuple(
            reason
            for name, reason in checks.items()
            if isinstance(reason, str) and not isinstance(asked.checks[name], str)
        )
        claim = self.claims[asked.id]
        where = setting(claim.setting, study.record.parameters, also=asked.also)
        rule = Rule(
            asked.id,
            asked.side,
            relations,
            asked.border,
            checks,
            places=asked.places,
            setting=where,
            source_numbers=asked.source_numbers,
            former=claim.former,
            reason_of_change=claim.changed or ANEW,
            commit=self._commit[0],
        )
        judge(claim, rule, self.margins)  # What is wrong shows in its own cell.
        return rule, "", missing


def _last_commit(root: Path, path: str) -> tuple[str, bool]:
    """Return the last commit that touched a file, and whether it differs from it.

    Without git or without such a commit, the answer is ``("", True)``.
    """
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        commit, status = (
            subprocess.run(
                ["git", "-C", str(root), *words, "--", path],
                capture_output=True,
                text=True,
                check=True,
            ).stdout.strip()
            for words in (("log", "-1", "--format=%H"), ("status", "--porcelain"))
        )
        return commit, bool(status) or not commit
    return "", True
