"""Where things stand: findings first, details in the page alone, settings at the end."""

import re

import pytest
from nbformat import v4

from report.chapters import headings, planned
from report.document import read_report
from report.errors import ReportError
from report.front import read_front
from report.html import render_page
from report.layout import findings_of, name_evidence
from report.pdf import render_typst
from report.print_edition import for_print, without_details
from tests import sample_report as sample

pytestmark = pytest.mark.slow

BN = "01_bn_ablation"
DRAWN = "<svg xmlns='http://www.w3.org/2000/svg'/>"


def drawing(label, place="body"):
    output = sample.figure(DRAWN, label=label, caption=f"A line of {label}.", alt="A line.")
    output.metadata["landscape"]["place"] = place
    return output


def findings(*sentences):
    return sample.show({"text/markdown": "x"}, kind="findings", sentences=list(sentences))


@pytest.fixture
def report(tmp_path):
    """Read a study of these cells below a title."""

    def read(*cells, title="# A study\n\n**Question.** Why?", name=BN):
        notebook = v4.new_notebook(cells=[v4.new_markdown_cell(title), *cells])
        sample.write_study(tmp_path, name, notebook)
        return read_report(tmp_path, [name])

    return read


def shown(*outputs):
    return v4.new_code_cell("show()", outputs=list(outputs))


def test_findings_stand_behind_the_title_and_their_empty_section_goes(report):
    last = v4.new_markdown_cell("## What we found")
    limits = v4.new_markdown_cell("## Discussion\n\nLittle.")
    stated = findings("It rises, see [](#fig-a).", "It falls.")
    (study,) = report(shown(drawing("fig-a")), last, shown(stated), limits).studies
    assert study.findings == ("It rises, see [Figure\u00a01](#01-bn-ablation-fig-a).", "It falls.")
    sources = [cell.source.strip() for cell in study.notebook.cells]
    assert sources[0].startswith("# A study") and sources[1] == ""
    assert sources[2] == "**Question.** Why?" and "What we found" not in " ".join(sources)
    assert [section.number for section in study.sections] == ["1.1"]


def test_a_section_with_words_of_its_own_keeps_them(report):
    last = v4.new_markdown_cell("## What we found\n\nIn short.")
    (study,) = report(last, shown(findings("It rises."))).studies
    assert findings_of(study.notebook) == ("It rises.",)
    assert any("In short." in cell.source for cell in study.notebook.cells)


def test_findings_stated_twice_are_an_error(report):
    with pytest.raises(ReportError, match=f"{BN} states its findings 2 times.*one display.Finding"):
        report(shown(findings("It rises."), findings("It falls.")))


def test_each_place_has_numbers_of_its_own(report):
    made = report(
        shown(drawing("fig-a"), drawing("fig-b", "detail"), drawing("fig-c", "appendix")),
        shown(drawing("fig-d"), drawing("fig-e", "detail")),
        v4.new_markdown_cell("[](#fig-a) [](#fig-b) [](#fig-c) [](#fig-d) [](#fig-e)"),
    )
    last = made.studies[0].notebook.cells[-1].source
    assert re.findall(r"\[Figure\u00a0(\w+)\]", last) == ["1", "S1", "A1", "2", "S2"]


def test_the_appendix_is_taken_out_of_the_study(report):
    made = report(shown(drawing("fig-a"), drawing("fig-c", "appendix")))
    (part,) = made.appendix
    (output,) = part.notebook.cells[0].outputs
    assert output.metadata["landscape"]["label"] == "fig-c" and part.target.title == "A study"
    labels = [
        output.metadata["landscape"]["label"]
        for cell in made.studies[0].notebook.cells
        for output in cell.get("outputs", [])
    ]
    assert labels == ["fig-a"]


def test_print_leaves_details_out_and_says_where_they_are(report):
    text = v4.new_markdown_cell("See [the spread](#fig-b), [](#fig-b) and [the line](#fig-a).")
    made = report(shown(drawing("fig-a"), drawing("fig-b", "detail")), text)
    source, files = render_typst(made)
    assert len(files) == 1 and "the spread (Figure~S1, HTML edition)" in source
    page = render_page(made)
    assert page.count("<svg") >= 2 and "HTML edition" not in page
    printed = for_print(made).studies[0].notebook.cells[-1].source
    assert "Figure\u00a0S1 of the HTML edition and [the line" in printed
    assert without_details("[a](#b)", frozenset()) == "[a](#b)"


def test_print_leaves_out_texts_that_are_details_and_links_to_their_headings(report):
    detail = v4.new_markdown_cell("### Rule of one\n\nIts words.", metadata={"tags": ["detail"]})
    link = v4.new_markdown_cell("See [the rule](#rule-of-one).")
    made = report(detail, link)
    source, _ = render_typst(made)
    assert "Its words" not in source and "the rule of the HTML edition" in source
    page = render_page(made)
    assert "Its words" in page and ">the rule</a>" in page


def test_captions_name_the_claims_that_they_are_evidence_for(report):
    notebook = report(shown(drawing("fig-a"), drawing("fig-b"))).studies[0].notebook
    name_evidence(notebook, BN, {f"{BN}/fig-a": ["S1.2", "S1.4"], "07_x/fig-b": ["S1.3"]})
    captions = [o.metadata["landscape"]["caption"] for o in notebook.cells[-1].outputs]
    assert captions[0].endswith("*Evidence for [S1.2](#claim-S1.2), [S1.4](#claim-S1.4).*")
    assert captions[1] == "A line of fig-b."


def test_studies_of_one_number_are_one_chapter(tmp_path):
    for name in ("02_skip_depth", "02_skip_vs_cnn", "03_more"):
        cells = [v4.new_markdown_cell(f"# Of {name}\n\n**Question.** Why?")]
        sample.write_study(tmp_path, name, v4.new_notebook(cells=cells))
    made = read_report(tmp_path, ["02_skip_depth", "02_skip_vs_cnn", "03_more"])
    two, three = made.chapters
    assert (two.number, two.anchor, two.shared) == ("2", "chapter-2", True)
    assert [study.target.number for study in two.studies] == ["2.1", "2.2"]
    assert two.studies[0].notebook.cells[0].source.strip().startswith("## Of 02")
    assert (three.anchor, three.shared, three.title) == ("03-more", False, "Of 03_more")
    assert two.title == headings()["2"].title if "2" in headings() else "Of 02_skip_depth"


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ("123", ""),
        ("", ""),
        ("1249", "Chapters 3, 5, 6, 7, 8 are planned studies."),
        ("12349", "Chapters 5 to 8 are planned studies."),
        ("134", "Chapter 2 is a planned study."),
    ],
)
def test_numbers_that_no_chapter_has_are_told(numbers, text):
    assert planned(numbers) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("number,name\n2,A\n", "has the columns number, name.*number, title, question"),
        ("number,title,question\n2,A,B\n2,C,D\n", "holds chapter 2 twice"),
    ],
)
def test_damaged_titles_of_chapters_are_an_error(tmp_path, text, message):
    (tmp_path / "chapters.csv").write_text(text)
    with pytest.raises(ReportError, match=message):
        headings(tmp_path / "chapters.csv")


def test_the_title_page_comes_from_the_citation(tmp_path):
    front = read_front()
    assert front.authors == "The project's authors"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", front.released)
    (tmp_path / "CITATION.cff").write_text("version: 1.0\n")
    with pytest.raises(ReportError, match=r"CITATION.cff lacks name, date-released"):
        read_front(tmp_path / "CITATION.cff")


def test_the_citation_has_the_version_of_the_package():
    import tomllib

    from report.front import CITATION

    project = tomllib.loads((CITATION.parent / "pyproject.toml").read_text())["project"]
    assert read_front().version == project["version"]
