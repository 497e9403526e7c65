"""The words of the report's opening: what stands where they fit, and where they do not."""

import pytest
from studies.judging.highlights import (
    NOTE,
    abstract_text,
    example_text,
    highlight_rows,
    read_opening,
)

from tests.sample_judgements import judged, times

TEXT = """
[abstract]
question = "What holds?"
data = "We train."
counts = "Of {claims} claims {judged} are tested, {reproduced} hold, {partly} partly."
[example]
claim = "S1.2"
text = "It rises {S1.2:estimate} times."
supposes = { "S1.2" = "reproduced" }
[claims."S1.2"]
text = "Up by {S1.2}."
supposes = { "S1.2" = "reproduced" }
[[highlights]]
title = "It rises"
topic = "What becomes of it"
claims = ["S1.2"]
figure = "01_a/fig-b"
text = "Up by {S1.2:estimate}."
brief = "Briefly, {S1.2:estimate}."
supposes = { "S1.2" = "reproduced" }
"""
ROWS = [
    {"verdict": "reproduced", "condition": ""},
    {"verdict": "not judged", "condition": ""},
]


@pytest.fixture
def opening(tmp_path):
    return read_opening(written(tmp_path, TEXT))


def written(folder, text):
    path = folder / "opening.toml"
    path.write_text(text, encoding="utf-8")
    return path


def known(factor):
    return {"S1.2": judged("S1.2", times(factor))}


def test_words_that_fit_stand_with_their_numbers(opening):
    judgements = known(2.0)
    (row,) = highlight_rows(opening, judgements)
    assert row == {
        "title": "It rises",
        "text": "Up by 2.00.",
        "brief": "Briefly, 2.00.",
        "claims": ["S1.2"],
        "figure": "01_a/fig-b",
    }
    assert abstract_text(opening, judgements, ROWS) == (
        "What holds? We train. Of 2 claims 1 are tested, 1 hold, 0 partly. Briefly, 2.00."
    )
    assert example_text(opening, judgements) == "It rises 2.00 times."
    assert opening.finding("S1.2", judgements) == "Up by 2.00 (1.83 to 2.18)."
    assert opening.misfits(judgements) == []


def test_words_that_do_not_fit_give_way_to_automatic_sentences_and_a_note(opening):
    judgements = known(0.5)
    (row,) = highlight_rows(opening, judgements)
    assert row["title"] == "What becomes of it"
    assert row["text"].startswith("S1.2: λ_max is 0.50") and row["text"].endswith(NOTE)
    assert "Briefly" not in abstract_text(opening, judgements, ROWS)
    example = example_text(opening, judgements)
    assert example.startswith("S1.2: *contradicted*. λ_max is 0.50") and example.endswith(NOTE)
    assert opening.finding("S1.2", judgements) == opening.finding("S9.1", judgements) == ""
    assert opening.misfits(judgements) == ["S1.2", "It rises", "the example"]


def test_what_is_too_long_is_refused(tmp_path):
    for old, said in (("We train.", r"the abstract has \d+ words, and 150"),):
        opening = read_opening(written(tmp_path, TEXT.replace(old, "word " * 150)))
        with pytest.raises(ValueError, match=said):
            abstract_text(opening, known(2.0), ROWS)
    opening = read_opening(written(tmp_path, TEXT.replace("It rises {S", "word " * 90 + "{S")))
    with pytest.raises(ValueError, match=r"the example has 92 words, and 90 are allowed"):
        example_text(opening, known(2.0))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[abstract]", "[abstract"),
        ("[[highlights]]", "[[high]]"),
        ('topic = "', 'colour = "'),
        ("Up by {S1.2}", "Up by {S1.3}"),
    ],
)
def test_a_damaged_file_is_one_error(tmp_path, old, new):
    with pytest.raises(ValueError, match=r"opening\.toml: .* Write the tables claims, highlights"):
        read_opening(written(tmp_path, TEXT.replace(old, new)))
