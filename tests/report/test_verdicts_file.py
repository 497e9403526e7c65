"""What the file of verdicts holds besides judgements: claims, findings, sources, abstract."""

import json

import pytest

from report.errors import ReportError
from report.judgements import Claim, Highlight, Source
from report.verdicts import read_verdicts

CLAIM = {
    "claim": "S1.1",
    "source": "S1",
    "statement": "BN sharpens.",
    "finding": "It does.",
    "verdict": "partly",
    "ids": ["S1.1a", "S1.1b"],
    "evidence": ["01_bn/fig-a"],
    "summary": "a key of another report",
}


def read(folder, **content):
    path = folder / "verdicts.json"
    path.write_text(json.dumps({"judgements": [], **content}), encoding="utf-8")
    return read_verdicts(path)


def test_claims_findings_and_sources_are_read(tmp_path):
    verdicts = read(
        tmp_path,
        claims=[CLAIM, {**CLAIM, "claim": "S1.2", "verdict": "not judged"}],
        highlights=[{"title": "A", "text": "B", "claims": ["S1.1"], "figure": "01_bn/fig-a"}],
        sources=[{"id": "S1", "title": "A study", "setting": "MNIST"}],
        abstract="In short.",
        example="So.",
        evidence=True,
    )
    first = verdicts.claims[0]
    assert isinstance(first, Claim) and first.ids == ("S1.1a", "S1.1b")
    assert first.evidence == ("01_bn/fig-a",) and first.headline == ""
    assert verdicts.claim_tally == [("partly", 1), ("not judged", 1)]
    assert verdicts.highlights == (Highlight("A", "B", ("S1.1",), "01_bn/fig-a"),)
    assert verdicts.sources == (Source("S1", "A study", "MNIST"),)
    assert (verdicts.abstract, verdicts.example, verdicts.evidence) == ("In short.", "So.", True)


def test_a_trial_has_words_of_its_own_and_nothing_is_judged(tmp_path):
    row = {
        "id": "S1.1a",
        "claim": "S1.1",
        "verdict": "trial",
        "checks": {"size": {"word": "trial"}},
    }
    verdicts = read(
        tmp_path, judgements=[row], claims=[{**CLAIM, "verdict": "trial"}], evidence=False
    )
    assert verdicts.evidence is False and verdicts.judged == () and verdicts.tally == []
    assert verdicts.claim_tally == [] and len(verdicts.claims) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"claims": [{**CLAIM, "statement": ""}]}, r"holds in claims the row .* lacks a value of"),
        ({"claims": [{**CLAIM, "verdict": "so so"}]}, r"a claim with the verdict 'so so'; allowed"),
        (
            {"highlights": ["A"]},
            r"holds in highlights the row \"A\", which lacks a value of title, text",
        ),
    ],
)
def test_a_row_that_cannot_be_is_one_error(tmp_path, content, said):
    with pytest.raises(ReportError, match=said):
        read(tmp_path, **content)
