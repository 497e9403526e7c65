"""The content of verdicts.json, from judgements."""

import json

from studies.verdicts.content import verdicts_content

from tests.sample_judgements import judged, sample, times

STUDIES = {"S1.1a": "01_a", "S1.1b": "01_a", "S1.2": "02_b"}


def test_evidence_has_claims_findings_and_an_abstract():
    # The words of the report suppose claims that this sample lacks: automatic ones stand instead.
    example = judged("S1.3", times(2.0))
    judgements = [example if one.claim.id == "S1.3" else one for one in sample()]
    content = verdicts_content(judgements, STUDIES, evidence=True)
    assert json.loads(json.dumps(content)) == content and content["evidence"] is True
    first = content["claims"][0]
    assert first["claim"] == "S1.1" and first["studies"] == ["01_a"]
    assert first["statement"].startswith("Batch normalisation (BN) gives higher test accuracy")
    assert len(content["highlights"]) == 4
    assert "Of 6 claims, 5 are tested" in content["abstract"]
    assert content["example"].startswith("S1.3: *holds*")
    assert [source["id"] for source in content["sources"]] == ["S1", "S2", "S3", "S4", "S5"]


def test_a_trial_holds_no_word_on_any_claim():
    content = verdicts_content(sample(), STUDIES, evidence=False)
    assert content["evidence"] is False
    assert content["highlights"] == [] and content["abstract"] == content["example"] == ""
    text = json.dumps([content["claims"], content["judgements"]])
    said = (
        "reproduced",
        "contradicted",
        "undecided",
        '"holds"',
        '"gone"',
        "claimed",
        "artefact of",
    )
    assert [word for word in said if word in text] == []
    assert {row["verdict"] for row in content["judgements"]} == {"trial"}
