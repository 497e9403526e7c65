"""The words that the report opens with: complete, short, and without a number typed by hand."""

import json
import re
from pathlib import Path

import pytest
from studies.judging.atomic_claims import read_atomic_claims
from studies.judging.highlights import NOTE, read_opening
from studies.judging.source_claims import read_source_claims, read_sources

ROOT = Path(__file__).parents[2]
ATOMIC = read_atomic_claims(ROOT / "report" / "claims.csv")
CLAIMS = read_source_claims(ROOT / "report" / "source_claims.csv")
SOURCES = read_sources(ROOT / "report" / "sources.csv")
OPENING = read_opening(ROOT / "report" / "opening.toml")
PUBLISHED = json.loads((ROOT / "report" / "published" / "verdicts.json").read_text("utf-8"))
TEMPLATES = {
    **OPENING.claims,
    **{h.title: h.text for h in OPENING.highlights},
    **{f"{h.title}, in brief": h.brief for h in OPENING.highlights},
    "example": OPENING.example,
}


def test_every_claim_of_a_source_has_a_statement_and_every_source_a_title():
    assert list(CLAIMS) == list(dict.fromkeys(claim.claim for claim in ATOMIC.values()))
    assert list(SOURCES) == list(dict.fromkeys(claim.source for claim in CLAIMS.values()))
    assert all(claim.statement.endswith(".") for claim in CLAIMS.values())


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_supposes_claims_that_exist_and_types_no_result(name):
    template = TEMPLATES[name]
    assert set(template.supposes) <= set(ATOMIC)
    words = re.sub(r"\{[^}]*\}", "", template.text)
    # What is no result: ids, an interval's coverage, powers of ten and 1 − β.
    known = r"S\d\.\d+\w?|9[05]% interval|10⁶|1 − β|above 0\.85|ResNet-20"
    assert re.findall(r"\d", re.sub(known, "", words)) == []


def test_a_sentence_on_a_claim_supposes_all_its_judged_parts():
    for id, template in OPENING.claims.items():
        parts = {part.id for part in ATOMIC.values() if part.claim == id and not part.reason}
        assert parts <= set(template.supposes), id


def test_four_findings_name_claims_and_a_figure_that_exists():
    assert len(OPENING.highlights) == 4
    for highlight in OPENING.highlights:
        assert set(highlight.claims) <= set(CLAIMS)
        assert _stands(highlight.figure), highlight.figure


@pytest.mark.parametrize("claim", [c for c in ATOMIC.values() if not c.reason], ids=lambda c: c.id)
def test_the_evidence_of_a_claim_stands_in_its_notebook(claim):
    assert claim.evidence and [label for label in claim.evidence if not _stands(label)] == []


def test_what_is_not_judged_has_no_evidence():
    assert [claim.id for claim in ATOMIC.values() if claim.reason and claim.evidence] == []


def _stands(label):
    study, _, name = label.partition("/")
    path = ROOT / "notebooks" / f"{study}.py"
    if not path.is_file():
        return False
    text = path.read_text(encoding="utf-8")
    # As a label, or in a link of the notebook where code makes the label.
    return f'"{name}"' in text or f"(#{name})" in text


def test_the_published_words_are_those_that_were_written_and_short():
    if "highlights" not in PUBLISHED:
        pytest.skip("the published verdicts are of the report before")
    texts = [highlight["text"] for highlight in PUBLISHED["highlights"]]
    assert len(texts) == 4 and not any(NOTE in text for text in [*texts, PUBLISHED["example"]])
    assert len(PUBLISHED["abstract"].split()) <= 150
    sentences = [row["finding"] for row in PUBLISHED["claims"]]
    sentences += [row["sentence"] for row in PUBLISHED["judgements"]]
    assert len(sentences) == 112 and [text for text in sentences if len(text) > 160] == []
