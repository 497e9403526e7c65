"""All claims judged from records: words, reasons, files, and what they rest on."""

import csv
import json

import pytest
from studies import staleness
from studies.judging.atomic_claims import COLUMNS
from studies.verdicts import judgements
from studies.verdicts.judgements import ANEW, Judgements

from tests.sample_records import two_arms

CLAIMS = [
    ("S1.1", "S1", "S1.1", "BN sharpens.", "2.05", "2.05", "Fashion-MNIST, 6 epochs", ""),
    ("S1.2a", "S1", "S1.2", "BN rises.", "", "figure", "Fashion-MNIST, 6 epochs", ""),
    ("S1.2b", "S1", "S1.2", "BN falls.", "", "figure", "Fashion-MNIST, 6 epochs", ""),
    ("S1.3", "S1", "S1.3", "Nobody knows.", "", "–", "theory", "No study measures it yet."),
]


@pytest.fixture
def claims(tmp_path):
    path = tmp_path / "claims.csv"
    history = {"S1.1": ("artefact", ""), "S1.2b": ("", "A border of its own.")}
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [COLUMNS, *((*c, "", "", *history.get(c[0], ("", ""))) for c in CLAIMS)]
        )
    return path


@pytest.fixture
def judged(tmp_path, claims):
    two_arms(tmp_path / "build" / "smoke" / "record").write()
    return judgements_in(tmp_path, claims)


def judgements_in(folder, claims, **namespace):
    given = {"profile": "smoke", "build_dir": str(folder / "build"), **namespace}
    return Judgements("09_verdicts", given, claims=claims)


def with_rules(judged):
    study = judged.study("01_sample")
    bn = study.contrast("with BN", {"norm": "batch"}, {"norm": "none"})
    study.above("S1.1", bn.ratio("lambda_max"), bn_mode=bn.ratio("sam"), size="one size")
    study.above("S1.2a", bn.ratio("sam"))
    study.below("S1.2b", bn.ratio("lambda_max"))
    return study


def test_rules_are_judged_and_what_is_missing_says_why(judged):
    study = with_rules(judged)
    sharper, rise, falls, nobody = judged.all()
    assert [one.verdict for one in (sharper, rise, falls, nobody)] == [
        "reproduced",
        "not judged",
        "contradicted",
        "not judged",
    ]
    assert sharper.size == "yes" and sharper.checks["size"].reason == "one size"
    assert sharper.checks["BN mode"].word == "not run"
    assert "has no sam of norm batch" in sharper.checks["BN mode"].reason
    assert (
        "has no sam of norm batch" in rise.reason and nobody.reason == "No study measures it yet."
    )
    assert sharper.rule.setting == "other data (digits for Fashion-MNIST)"
    assert (sharper.rule.former, sharper.rule.reason_of_change) == ("artefact", ANEW)
    assert falls.rule.reason_of_change == "A border of its own."
    assert [one.claim.id for one in judged.of(study)] == ["S1.1", "S1.2a", "S1.2b"]
    assert [one.claim.id for one in judged.others()] == ["S1.3"]


def test_a_claim_without_rule_and_reason_says_that(judged):
    assert judged.all()[0].reason == "No rule judges it yet."


def test_a_study_without_a_record_judges_nothing(tmp_path, claims):
    judged = judgements_in(tmp_path, claims)
    with_rules(judged)
    assert {one.verdict for one in judged.all()} == {"not judged"}
    assert judged.all()[0].reason == (
        "Not measured so far: its study, 01_sample, has no record yet."
    )
    judged.close()


def test_margins_are_parameters(tmp_path, claims):
    two_arms(tmp_path / "build" / "smoke" / "record", factor=0.97).write()
    narrow, wide = (judgements_in(tmp_path, claims, ratio_margin=m) for m in (1.001, 1.5))
    for judged in (narrow, wide):
        with_rules(judged)
    assert [judged.all()[0].verdict for judged in (narrow, wide)] == ["undecided", "contradicted"]
    with pytest.raises(ValueError, match=r"ratio=0\.5 is no margin"):
        judgements_in(tmp_path, claims, ratio_margin=0.5)


def test_the_files_are_whole_and_the_same_each_time(judged, tmp_path, claims):
    with_rules(judged)
    judged.close()
    folder = tmp_path / "build" / "smoke"
    path = folder / "results" / "09_verdicts" / "verdicts.json"
    first = path.read_bytes()
    content = json.loads(first)
    assert [row["id"] for row in content["judgements"]] == ["S1.1", "S1.2a", "S1.2b", "S1.3"]
    assert [row["claim"] for row in content["claims"]] == ["S1.1", "S1.2", "S1.3"]
    assert content["evidence"] is False and content["highlights"] == []
    assert {row["verdict"] for row in content["claims"]} == {"trial"}
    assert [row["studies"] for row in content["claims"]] == [["01_sample"], ["01_sample"], []]
    said = json.loads((folder / "provenance" / "09_verdicts.json").read_bytes())
    assert said["study"] == "09_verdicts" and said["studies"] == {"01_sample": "recorded"}
    assert set(said["rules"]) == {"commit", "dirty"} and "build_dir" not in said["parameters"]
    again = judgements_in(tmp_path, claims)
    with_rules(again)
    again.close()
    assert path.read_bytes() == first


def test_claims_know_whether_their_numbers_are_stale_or_missing(judged, monkeypatch):
    monkeypatch.setattr(staleness, "changed", lambda code, study: ["lambda_max"])
    with_rules(judged)
    basis = judged.basis()
    assert basis["S1.1"].stale == ("01_sample",) and len(basis["S1.1"].missing) == 1
    assert basis["S1.2b"].missing == () and len(basis["S1.2a"].missing) == 1


def test_the_commit_of_the_rules_is_the_last_one_that_touched_them(tmp_path):
    assert judgements._last_commit(tmp_path, "notebooks/09_verdicts.py") == ("", True)
