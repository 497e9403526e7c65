"""Citations by key: what they become, what is listed, and every error."""

import re
from pathlib import Path

import pytest
from nbformat import v4

from report.citations import BIBLIOGRAPHY, cite, cited_keys, entries, references, resolve_citations
from report.errors import ReportError
from report.markup import Markup
from tests import sample_report as sample

ROOT = Path(__file__).parents[2]

BIB = """@article{roe2001, author = {Roe, Ann}, title = {One}, journal = {J}, year = {2001},
  doi = {10.1/a}}
@article{poe2002, author = {Poe, Edgar and Roe, Ann}, title = {Two}, journal = {J}, year = {2002},
  url = {https://example.org}}
@article{doe2003, author = {Doe, Jo and Poe, Edgar and Roe, Ann}, title = {Three}, journal = {J},
  year = {2003}, doi = {10.1/c}}
"""


@pytest.fixture
def works(tmp_path):
    path = tmp_path / "works.bib"
    path.write_text(BIB)
    return path


def cited(text, works):
    return cite(text, entries(works), place="study 01_a").replace("\u00a0", " ")


def test_a_citation_names_authors_and_year_and_leads_to_the_entry(works):
    assert cited("So [@roe2001].", works) == "So ([Roe 2001](#ref-roe2001))."
    both = cited("[see @poe2002, p. 3; @doe2003; no norm]", works)
    assert both == (
        "(see [Poe and Roe 2002](#ref-poe2002), p. 3; [Doe et al. 2003](#ref-doe2003); no norm)"
    )


@pytest.mark.parametrize("text", ["`[@roe2001]`", "```\n[@roe2001]\n```", "[a@b.c](#x)", "[1, 2]"])
def test_code_links_and_intervals_are_no_citations(text, works):
    assert cited(text, works) == text


def test_an_unknown_key_is_an_error_that_names_key_study_and_file(works):
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell("So [@nobody1999].")])
    with pytest.raises(ReportError, match=r"study 01_a.*nobody1999.*references\.bib"):
        resolve_citations(notebook, "01_a", entries(works))


def test_citations_are_read_in_prose_captions_cells_and_sentences():
    drawn = sample.figure("<svg/>", "fig-a", "Seen [@b2].", "A line.")
    rows = sample.table("tab-a", "Rows.", ["Work"], [["[@c3]"]], ["left"])
    opening = sample.show({"text/markdown": "x"}, kind="findings", sentences=["So [@d4; @a1]."])
    cells = [
        v4.new_markdown_cell("Known [@a1]."),
        v4.new_code_cell("x = '[@no]'", outputs=[drawn, rows, opening]),
    ]
    keys = cited_keys({"01_a": v4.new_notebook(cells=cells), "02_b": v4.new_notebook(cells=cells)})
    assert keys == {key: ["01_a", "02_b"] for key in ("a1", "b2", "c3", "d4")}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (BIB, "more than one entry"),
        ("@article{x1, title = {T}, year = {2001}, doi = {10.1/a}}", "x1.*no author"),
        ("@article{x1, author = {Roe, A}, title = {T}, year = {2001}}", "no doi or url"),
    ],
)
def test_an_entry_that_cannot_be_cited_is_an_error(entry, message, works):
    works.write_text(BIB + entry)
    with pytest.raises(ReportError, match=message):
        entries(works)


@pytest.mark.slow
@pytest.mark.parametrize(("to", "anchor"), [("html", 'id="ref-{}"'), ("typst", "<ref-{}>")])
def test_the_list_holds_what_is_cited_under_the_anchor_of_its_citation(to, anchor, works):
    listed = references(["roe2001", "doe2003"], to, works)
    assert all(listed.count(anchor.format(key)) == 1 for key in ("roe2001", "doe2003"))
    assert "poe2002" not in listed and "https://doi.org/10.1/a" in listed
    assert references([], to, works) == ""
    link = Markup(to)(cited("[@roe2001]", works))
    assert re.search(r'"#ref-roe2001"|link\(<ref-roe2001>\)', link)


def test_every_entry_of_the_report_has_a_doi_or_a_page():
    known = entries(BIBLIOGRAPHY)
    assert len(known) > 10
    for key, entry in known.items():
        surname, year = re.fullmatch(r"([a-z]+)(\d{4})", key).groups()
        assert entry.name.lower().startswith(surname) and entry.name.endswith(year)


def test_every_entry_is_cited_somewhere():
    root = BIBLIOGRAPHY.parent.parent
    sources = [
        *root.glob("notebooks/*.py"),
        *root.glob("lib/studies/**/*.py"),
        *root.glob("report/*.toml"),
    ]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    assert [key for key in entries(BIBLIOGRAPHY) if not re.search(rf"@{key}\b", text)] == []


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.py")), ids=lambda p: p.stem)
def test_every_key_that_a_notebook_cites_has_an_entry(path):
    cited = re.findall(r"(?<=[\[; ])@([a-z]+\d{4}[a-z]?)\b", path.read_text(encoding="utf-8"))
    assert set(cited) <= set(entries())
