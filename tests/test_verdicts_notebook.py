"""The notebook of verdicts: every atomic claim has a rule or a reason, and its text is checked."""

import re
from pathlib import Path

import yaml
from studies.judging.atomic_claims import read_atomic_claims

from report import structure

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "notebooks" / "09_verdicts.py"
CLAIMS = read_atomic_claims(ROOT / "report" / "claims.csv")
CODE = "\n".join(
    cell.source
    for cell in structure.cells(NOTEBOOK.read_text(encoding="utf-8"))
    if cell.kind == "code"
)
RULED = re.findall(r'"(S\d\.\d+[a-z]?)"', CODE)


def test_every_atomic_claim_has_a_rule_or_a_reason_and_never_both():
    without_reason = {id for id, claim in CLAIMS.items() if not claim.reason}
    # `claims["S3.2c"]` reads the source's number.
    parts = {id for id in RULED if id in CLAIMS}
    assert parts == without_reason
    assert len(without_reason) > 50


def test_no_rule_is_that_of_no_claim():
    assert set(RULED) <= set(CLAIMS)


def test_the_words_before_are_those_of_the_report_before():
    former = {claim.former for claim in CLAIMS.values()}
    words = {"inconclusive", "reproduced", "contradicted", "artefact"}
    assert former == {*words, "shown, not judged", "not judged", ""}
    of_sources = {claim.claim for claim in CLAIMS.values() if claim.former in words}
    assert len(of_sources) == 26
    assert not [claim.id for claim in CLAIMS.values() if claim.reason and claim.former]


def test_a_margin_that_is_changed_in_the_notebook_holds_in_every_profile():
    for profile in ("smoke", "quick", "paper"):
        path = ROOT / "notebooks" / "profiles" / profile / "09_verdicts.yaml"
        assert not yaml.safe_load(path.read_text())  # A value here would override the notebook's.
