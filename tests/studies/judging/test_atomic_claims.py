"""Atomic claims: reading them, and each fault of a file."""

import pytest
from studies.judging.atomic_claims import COLUMNS, read_atomic_claims

GOOD = {
    "id": "S1.4b",
    "source": "S1",
    "claim": "S1.4",
    "statement": "BN is sharper",
    "source_number": "1.52; 2",
    "source_text": "57.18 against 37.51",
    "setting": "Fashion-MNIST",
    "reason": "",
    "name": "sharper",
    "evidence": "01_bn/fig-a 01_bn/tab-b",
    "former": "artefact",
    "changed": "Split.",
}


def write(folder, *rows, columns=COLUMNS):
    path = folder / "claims.csv"
    lines = [",".join(columns), *(",".join({**GOOD, **row}.values()) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_claim_is_read_as_it_stands(tmp_path):
    claims = read_atomic_claims(write(tmp_path, {}, {"id": "S1.4", "source_number": ""}))
    assert list(claims) == ["S1.4b", "S1.4"]
    claim = claims["S1.4b"]
    assert (claim.name, claim.evidence) == ("sharper", ("01_bn/fig-a", "01_bn/tab-b"))
    assert (claim.former, claim.changed) == ("artefact", "Split.")
    assert (claim.source, claim.claim, claim.statement) == ("S1", "S1.4", "BN is sharper")
    assert claim.source_numbers == (1.52, 2.0) and claims["S1.4"].source_numbers == ()
    assert (claim.source_text, claim.setting, claim.reason) == (
        "57.18 against 37.51",
        "Fashion-MNIST",
        "",
    )


def test_an_id_that_stands_twice_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"claims.csv, line 3: the id S1.4b stands twice"):
        read_atomic_claims(write(tmp_path, {}, {}))


@pytest.mark.parametrize("wrong", [{"source": ""}, {"source": "S2"}, {"claim": ""}])
def test_an_id_without_a_source_is_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match=r"line 2: the id 'S1.4b' has no source: source is "):
        read_atomic_claims(write(tmp_path, wrong))


@pytest.mark.parametrize("id", ["", "S1.5a", "S1.42", "S1.4-b"])
def test_an_id_that_is_no_part_of_its_claim_is_refused(tmp_path, id):
    with pytest.raises(ValueError, match=rf"the id '{id}' is no part of the claim 'S1.4'"):
        read_atomic_claims(write(tmp_path, {"id": id}))


def test_a_claim_without_statement_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"S1.4b has no statement"):
        read_atomic_claims(write(tmp_path, {"statement": " "}))


@pytest.mark.parametrize("text", ["18x", "nan", "inf", "1.5 to 2"])
def test_a_number_that_is_none_is_refused(tmp_path, text):
    with pytest.raises(ValueError, match=rf"source_number='{text}' is no list of finite numbers"):
        read_atomic_claims(write(tmp_path, {"source_number": text}))


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ((*COLUMNS, "verdict"), "unknown columns verdict"),
        (COLUMNS[:-1], "no column changed"),
        ((*COLUMNS, "id"), "a column twice"),
        (("ID", *COLUMNS[1:]), "unknown columns ID and no column id"),
    ],
)
def test_other_columns_are_refused(tmp_path, columns, fault):
    with pytest.raises(ValueError, match=rf"claims.csv has {fault}. Its columns are id, source"):
        read_atomic_claims(write(tmp_path, {}, columns=columns))


@pytest.mark.parametrize("statement", ["one, two", "one,two,three"])
def test_a_row_of_another_length_is_refused(tmp_path, statement):
    with pytest.raises(ValueError, match=r"line 2: the row does not have 12 cells. Quote cells"):
        read_atomic_claims(write(tmp_path, {"statement": statement}))


def test_a_row_that_is_too_short_is_refused(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text(",".join(COLUMNS) + "\nS1.4b,S1,S1.4\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"does not have 12 cells"):
        read_atomic_claims(path)
