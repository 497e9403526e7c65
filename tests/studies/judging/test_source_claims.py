"""The sources and their claims: reading them, and each fault of a file."""

import pytest
from studies.judging.source_claims import LONGEST, read_source_claims, read_sources


def written(folder, *lines):
    path = folder / "words.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_claims_and_sources_are_read_in_order(tmp_path):
    path = written(tmp_path, "id,source,statement", 'S1.2,S1,"BN, it says."', "S1.1,S1,B")
    claims = read_source_claims(path)
    assert list(claims) == ["S1.2", "S1.1"]
    assert claims["S1.2"].statement == "BN, it says."
    sources = read_sources(written(tmp_path, "id,title,setting", "S1,A study,MNIST"))
    assert (sources["S1"].title, sources["S1"].setting) == ("A study", "MNIST")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["id,statement", "S1.1,a"], r"has the columns id, statement\. Its columns are id, source"),
        (["id,source,statement", "S1.1,S1,"], r"the row .* has an empty cell"),
        (["id,source,statement", "S1.1,S1,a,b"], r"has an empty cell, or one too many"),
        (["id,source,statement", "S1.1,S1,a", "S1.1,S1,b"], r"S1\.1 stands twice"),
        (["id,source,statement", "S1.1,S2,a"], r"S1\.1 is no claim of the source 'S2'"),
        (["id,source,statement", f"S1.1,S1,{'a' * (LONGEST + 1)}"], r"has 161 characters"),
    ],
)
def test_a_file_that_cannot_be_is_refused(tmp_path, lines, said):
    with pytest.raises(ValueError, match=said):
        read_source_claims(written(tmp_path, *lines))
