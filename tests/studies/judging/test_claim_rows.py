"""Claims of sources as a whole, from their parts."""

import json

import pytest
from studies.judging.atomic_claims import AtomicClaim
from studies.judging.claim_rows import (
    WORDS,
    by_claim,
    claim_condition,
    claim_counts,
    claim_finding,
    claim_headline,
    claim_row,
    claim_verdict,
)
from studies.judging.rows import TRIAL
from studies.judging.source_claims import SourceClaim
from studies.judging.verdicts import Judgement

from tests.sample_judgements import judged, times

UP, DOWN, OPEN = (lambda id, m=m: judged(id, m) for m in (times(2), times(0.5), times(1.1, 0.9)))
CLAIM = SourceClaim("S1.1", "S1", "BN changes things.")


def untested(id):
    claim = AtomicClaim(id, "S1", "S1.1", "x", name=f"name of {id}")
    return Judgement(claim, None, "not judged", reason="Nobody measures it")


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ([UP, UP], "reproduced"),
        ([UP, DOWN], "partly"),
        ([UP, OPEN], "partly"),
        ([UP, untested], "partly"),
        ([DOWN, OPEN], "contradicted"),
        ([DOWN, untested], "contradicted"),
        ([OPEN, untested], "undecided"),
        ([untested, untested], "not judged"),
    ],
)
def test_the_word_of_a_claim_follows_from_its_parts(parts, word):
    judgements = [part(f"S1.1{letter}") for part, letter in zip(parts, "ab", strict=True)]
    assert claim_verdict(judgements) == word and word in WORDS
    assert claim_verdict(judgements[::-1]) == word


def test_a_headline_says_what_became_of_each_part():
    moved = judged("S1.1c", times(2.0), checks={"BN mode": times(0.5)})
    parts = [UP("S1.1a"), moved, UP("S1.1b"), untested("S1.1d")]
    assert claim_headline(parts) == (
        "S1.1a and S1.1b: hold; S1.1c: depends on the BN mode; name of S1.1d: not tested"
    )
    assert claim_headline([moved]) == "depends on the BN mode"
    open_check = judged("S1.1", times(2.0), checks={"size": times(1.1, 0.9)})
    assert claim_headline([open_check]) == "holds"


def test_a_reproduced_claim_says_on_what_it_depends():
    moved = judged("S1.1c", times(2.0), checks={"BN mode": times(0.5)})
    open_check = judged("S1.1b", times(2.0), checks={"size": times(1.1, 0.9)})
    lost = judged("S1.1a", times(2.0), checks={"training loss": times(0.5)})
    scaled = judged("S1.1b", times(2.0), checks={"scale": times(0.5)})
    assert claim_condition([moved]) == "but depends on the BN mode"
    assert claim_condition([UP("S1.1a"), moved]) == "but in part depends on the BN mode"
    assert claim_condition([UP("S1.1a"), open_check]) == ""
    assert claim_condition([lost, scaled]) == "but explained by the training loss and the scale"
    assert claim_condition([moved, DOWN("S1.1b")]) == ""
    artefact = judged("S1.1b", times(2.0), checks={"estimator": times(0.5)})
    assert claim_condition([UP("S1.1a"), moved, artefact]) == (
        "but in part depends on the BN mode, in part an artefact of the estimator"
    )
    assert claim_row(CLAIM, [moved])["condition"] == "but depends on the BN mode"


def test_the_finding_is_of_the_part_that_says_most():
    holds, falls = UP("S1.1a"), DOWN("S1.1b")
    moved = judged("S1.1c", times(3.0), checks={"BN mode": times(0.5)})
    assert claim_finding([holds, falls, moved]).startswith("λ_max is 0.50")
    assert claim_finding([holds, moved]).startswith("λ_max is 3.00")
    assert claim_finding([untested("S1.1d"), holds]).startswith("λ_max is 2.00")
    assert claim_finding([untested("S1.1d")]) == "Nobody measures it."


def test_a_row_is_json_and_a_finding_that_is_given_stands():
    parts = [UP("S1.1a"), DOWN("S1.1b")]
    row = claim_row(CLAIM, parts, ["01_a", "01_a", "02_b"], finding="It is so.")
    assert json.loads(json.dumps(row)) == row
    assert (row["verdict"], row["finding"]) == ("partly", "It is so.")
    assert row["ids"] == ["S1.1a", "S1.1b"] and row["studies"] == ["01_a", "02_b"]
    assert claim_counts([row, row, {"verdict": "reproduced"}]) == {"reproduced": 1, "partly": 2}


def test_a_trial_has_numbers_and_no_verdict():
    row = claim_row(CLAIM, [UP("S1.1a"), DOWN("S1.1b")], evidence=False, finding="It is so.")
    assert row["verdict"] == row["headline"] == TRIAL and row["condition"] == ""
    assert row["finding"] == "λ_max with BN: ratio 2.00 (1.83 to 2.18, n = 6)."


def test_parts_of_several_claims_or_none_are_no_claim():
    with pytest.raises(ValueError, match=r"judgements of 2 claims \(S1.1, S2.1\) are no parts"):
        claim_verdict([UP("S1.1a"), UP("S2.1a")])
    with pytest.raises(ValueError, match=r"judgements of 0 claims \(none\)"):
        claim_headline([])
    assert list(by_claim([UP("S1.1a"), UP("S2.1a"), UP("S1.1b")])) == ["S1.1", "S2.1"]
