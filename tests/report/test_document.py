"""The report's assembler: numbering, references, tables, figures, provenance, and every error."""

import json
import re
import subprocess
import time
from datetime import UTC, datetime

import nbformat
import pytest
from nbformat import v4

from report import provenance
from report.chapters import numbering
from report.document import read_report
from report.errors import ReportError
from report.front import read_front
from report.html import build_html
from report.pdf import build_pdf, render_typst
from tests import sample_report as sample

pytestmark = pytest.mark.slow

BN = "01_bn_ablation"


@pytest.fixture(scope="module")
def profile(tmp_path_factory):
    return sample.write_sample(tmp_path_factory.mktemp("build") / "quick")


@pytest.fixture(scope="module")
def page(profile):
    return build_html(profile, sample.STUDIES, profile / "report.html").read_text("utf-8")


@pytest.fixture
def study(tmp_path):
    """Write one small study of these outputs and cells; return its profile's folder."""

    def write(outputs=(), prose=""):
        cells = [v4.new_markdown_cell("# A study"), v4.new_markdown_cell(prose)]
        cells.append(v4.new_code_cell("show()", outputs=list(outputs)))
        notebook = v4.new_notebook(cells=cells)
        sample.write_study(tmp_path, BN, notebook)
        return tmp_path

    return write


def drawing(**changed):
    facts = {"label": "fig-a", "caption": "What to see.", "alt": "A line."} | changed
    return sample.figure("<svg xmlns='http://www.w3.org/2000/svg'/>", **facts)


def read(folder):
    return read_report(folder, [BN])


def test_figures_and_tables_are_numbered_through_all_studies(page):
    captions = re.findall(r"<figcaption><b><a [^>]+>(.*?)</a>\.</b>", page)
    assert captions == ["Figure 1", "Table 1", "Figure 2", "Table 2", "Figure 3"]


def test_sections_are_numbered_by_their_study(profile):
    report = read_report(profile, ["07_theory"])
    numbers = [(section.number, section.title) for section in report.studies[0].sections]
    assert numbers == [("7.1", "Stationarity"), ("7.2", "Limits")]


def test_studies_that_share_a_number_are_sections_of_one_chapter():
    names = ["01_bn", "02_skip_ablation", "02_skip_depth", "own", "10_end", "02_skip_vs_cnn"]
    assert [one.number for one in numbering(names)] == ["1", "2.1", "2.2", "4", "10", "2.3"]
    assert [one.chapter for one in numbering(names)] == ["1", "2", "2", "4", "10", "2"]
    assert [one.shared for one in numbering(names)] == [False, True, True, False, False, True]


def test_reference_to_a_study_that_is_left_out_keeps_its_words(profile):
    (study,) = read_report(profile, ["07_theory"]).studies
    assert "Compare the curvature, S, an absent study and" in study.notebook.cells[0].source


def test_references_become_numbers_and_lead_to_their_own_study_first(page):
    assert '<a href="#01-bn-ablation-fig-training">Figure\u00a01</a> shows' in page
    assert '<a href="#07-theory-fig-training">our own curves (Figure\u00a03)</a>' in page
    assert '<a href="#01-bn-ablation-tab-curvature">the numbers (Table\u00a01)</a>' in page
    assert 'href="#09-verdicts-verdict-S1.2">S1.2</a>' in page
    assert '<a href="#01-bn-ablation-limits">the limits</a>' in page


@pytest.mark.parametrize("text", ["Figure", "the table", "This plot"])
def test_words_that_only_repeat_the_name_of_a_figure_are_an_error(study, text):
    with pytest.raises(ReportError, match=rf"\[{text}\]\(#fig-a\).*leave the text empty"):
        read(study([drawing()], prose=f"See [{text}](#fig-a)."))


def test_a_reference_leads_to_the_sentence_in_place_of_what_is_missing(study):
    note = sample.show({"text/markdown": "*Missing.*"}, kind="note", label="fig-density")
    folder = study([note], prose="[The density](#fig-density) says.")
    made = build_html(folder, [BN], folder / "report.html").read_text("utf-8")
    assert '<a href="#01-bn-ablation-fig-density">The density</a>' in made
    assert re.search(r'id="01-bn-ablation-fig-density">\s*<p><em>Missing.</em></p>', made)
    source, _ = render_typst(read(folder))
    assert "#metadata(none) <01-bn-ablation-fig-density>" in source
    assert build_pdf(folder, [BN], folder / "report.pdf").stat().st_size > 1000


def test_links_and_headings_in_code_are_left_alone(study):
    text = "Write `[text](#nowhere)`.\n```\n# no heading\n[text](#nowhere)\n```"
    report = read(study(prose=text))
    assert text in report.studies[0].notebook.cells[1].source


def test_every_anchor_is_unique_and_every_link_has_one(page):
    ids = re.findall(r'\bid="([^"]+)"', page)
    links = re.findall(r'href="#([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert links and set(links) <= set(ids)


def test_the_page_holds_verdicts_provenance_code_and_maths(page):
    for text in ("Not evidence", "57.18 (BN) against 37.51", "SHA\u2011256", "2 h 03 min"):
        assert text in page
    assert page.count('<details class="code">') == 6
    assert "seed 0: epoch 1" in page and "<math" in page and 'class="math' not in page


def test_where_numbers_were_measured_is_what_their_record_says(tmp_path):
    folder = sample.write_sample(tmp_path / "published")
    record = folder / "record" / BN
    record.mkdir(parents=True)
    machines = [{"hardware": {"cpu": cpu, "cores": 2}, "commit": "c" * 40} for cpu in "AB"]
    origins = {f"o{index}": origin for index, origin in enumerate(machines)}
    (record / "origins.json").write_text(json.dumps(origins))
    (record / "times.csv").write_text("entry,seconds\ne1,3600\ne2,60.5\n")
    shared = dict(provenance.shared_rows(read_report(folder, sample.STUDIES)))
    assert shared["Commit"] == "c" * 40 and shared["Compute time"] == "1 h 01 min"
    assert shared["Hardware"] == "A · 2 cores; B · 2 cores"


def test_provenance_is_shared_where_studies_agree(profile):
    report = read_report(profile, sample.STUDIES)
    shared = dict(provenance.shared_rows(report))
    assert shared["Commit"].endswith("with uncommitted changes")
    assert shared["Compute time"] == "6 h 09 min"
    report.studies[1].provenance["versions"] = {"python": "3.12"}
    assert f"Versions, {BN}" in dict(provenance.shared_rows(report))


def test_html_is_the_same_each_time(profile, page, tmp_path):
    again = build_html(profile, sample.STUDIES, tmp_path / "again.html")
    assert again.read_text("utf-8") == page


def test_pdf_is_typeset_and_the_same_whenever_it_is_made(profile, tmp_path):
    first = build_pdf(profile, sample.STUDIES, tmp_path / "a.pdf").read_bytes()
    time.sleep(1.1)  # The date of a file is exact to a second.
    second = build_pdf(profile, sample.STUDIES, tmp_path / "b.pdf").read_bytes()
    assert first == second and first.startswith(b"%PDF")
    released = read_front().released.replace("-", "")
    assert f"/CreationDate(D:{released}000000Z".encode() in first


def test_pdf_source_keeps_results_and_drops_code_and_logs(profile):
    source, files = render_typst(read_report(profile, sample.STUDIES))
    assert "sweep(configs" not in source and "seed 0: epoch 1" not in source
    assert "evidence: false" in source and "@reader" in source.replace("\\@", "@")
    assert len(files) == 3 and all(name.endswith(".svg") for name in files)


def test_pdf_text_has_the_stamp_on_every_page(profile, tmp_path):
    pdf = build_pdf(profile, sample.STUDIES, tmp_path / "a.pdf")
    try:
        done = subprocess.run(["pdftotext", pdf, "-"], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip("pdftotext (poppler) is not installed")
    pages = done.stdout.split("\f")[:-1]
    assert len(pages) >= 4 and all("NOT EVIDENCE" in page for page in pages)
    assert "Figure 3" in done.stdout and "1.52" in done.stdout
    assert re.search(r"7\.1\s+Stationarity", done.stdout)


def test_pdf_numbers_studies_as_the_document_does(tmp_path):
    for name in ("02_skip_depth", "02_skip_vs_cnn"):
        cells = [v4.new_markdown_cell(f"# Of {name}\n\n## Limits\n\nNone.")]
        sample.write_study(tmp_path, name, v4.new_notebook(cells=cells))
    names = ["02_skip_depth", "02_skip_vs_cnn"]
    page = build_html(tmp_path, names, tmp_path / "a.html").read_text("utf-8")
    assert 'data-number="2.1.1"' in page and 'data-number="2.2"' in page
    pdf = build_pdf(tmp_path, names, tmp_path / "a.pdf")
    try:
        done = subprocess.run(["pdftotext", pdf, "-"], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip("pdftotext (poppler) is not installed")
    assert re.search(r"2\.1\.1\s+Limits", done.stdout) and re.search(r"2\.2\s+Of 02", done.stdout)


def test_table_without_columns_falls_back_to_its_markdown(study):
    table = sample.table("tab-a", "Caption.", ["a", "b"], [["1", "2"]], ["left", "decimal"])
    for key in ("columns", "rows", "align"):
        del table.metadata["landscape"][key]
    folder = study([table])
    assert "for Jupyter" in build_html(folder, [BN], folder / "r.html").read_text("utf-8")
    assert build_pdf(folder, [BN], folder / "r.pdf").read_bytes().startswith(b"%PDF")


def test_no_study_is_an_error(tmp_path):
    with pytest.raises(ReportError, match="No study was given"):
        read_report(tmp_path, [])


def test_missing_notebook_is_an_error_that_says_how_to_make_it(tmp_path):
    with pytest.raises(ReportError, match=f"{BN} has no executed notebook.*make study"):
        read(tmp_path)


def test_failed_notebook_is_an_error_that_names_it(tmp_path):
    (tmp_path / f"{BN}.failed.ipynb").write_text("{}")
    with pytest.raises(ReportError, match=rf"{BN} failed.*{BN}\.failed\.ipynb"):
        read(tmp_path)


def test_failed_cell_is_an_error_that_names_it(study):
    failure = v4.new_output("error", ename="ValueError", evalue="no data", traceback=[])
    with pytest.raises(ReportError, match=f"{BN}: cell 2 failed with ValueError: no data"):
        read(study([failure]))


def test_damaged_provenance_is_an_error(study):
    folder = study()
    (folder / "provenance" / f"{BN}.json").write_text("{")
    with pytest.raises(ReportError, match=rf"{BN}\.json is not valid JSON .*make study STUDY={BN}"):
        read(folder)


def test_repeated_label_is_an_error(study):
    with pytest.raises(ReportError, match=f"{BN} has the label 'fig-a' twice"):
        read(study([drawing(), drawing()]))


def test_second_title_is_an_error(study):
    with pytest.raises(ReportError, match=f"{BN} has the title twice"):
        read(study(prose="# Another"))


def test_missing_title_is_an_error(tmp_path):
    nbformat.write(v4.new_notebook(), tmp_path / f"{BN}.ipynb")
    with pytest.raises(ReportError, match=f"{BN} has no title"):
        read(tmp_path)


def test_unknown_reference_is_an_error_that_lists_the_labels(study):
    with pytest.raises(ReportError, match=rf"{BN} refers to 'fig-b'.*fig-a"):
        read(study([drawing()], prose="See [it](#fig-b)."))


def test_unknown_reference_in_a_caption_is_an_error(study):
    with pytest.raises(ReportError, match=f"{BN} refers to 'tab-x'"):
        read(study([drawing(caption="See [it](#tab-x).")]))


def test_unknown_label_of_another_study_is_an_error(tmp_path):
    folder = sample.write_sample(tmp_path / "quick")
    opening = v4.new_markdown_cell("# Third\nSee [it](#07_theory/fig-plane).")
    notebook = v4.new_notebook(cells=[opening])
    sample.write_study(folder, "08_more", notebook)
    with pytest.raises(ReportError, match=r"08_more refers to '07_theory/fig-plane'.*fig-tr"):
        read_report(folder, [*sample.STUDIES, "08_more"])


@pytest.mark.parametrize(
    ("field", "what"), [("caption", "caption"), ("alt", "alternative text"), ("label", "label")]
)
def test_figure_without_label_caption_or_alternative_text_is_an_error(study, field, what):
    with pytest.raises(ReportError, match=rf"{BN}: figure (fig-a|of cell 2) has no {what}"):
        read(study([drawing(**{field: " " if field != "label" else ""})]))


def test_table_without_caption_is_an_error(study):
    with pytest.raises(ReportError, match=f"{BN}: table tab-a has no caption"):
        read(study([sample.table("tab-a", "", ["a"], [["1"]], ["left"])]))


def test_bare_image_is_an_error(study):
    with pytest.raises(ReportError, match=f"{BN}: the figure of cell 2 has no label"):
        read(study([sample.show({"image/png": "aGk="})]))


@pytest.mark.parametrize(
    "text",
    [
        "![far](https://example.org/a.png)",
        '<script src="https://example.org/a.js"></script>',
        '<p style="background: url(https://example.org/a.png)">x</p>',
    ],
)
def test_content_that_must_be_fetched_is_an_error(study, text):
    folder = study(prose=text)
    with pytest.raises(ReportError, match=f"{BN} would load 'https://example.org"):
        build_html(folder, [BN], folder / "report.html")
    assert not (folder / "report.html").exists()


def test_source_that_typst_rejects_is_an_error(profile):
    from report.typesetting import compile_typst

    with pytest.raises(ReportError, match="Typst cannot typeset the report"):
        compile_typst("#unknown-function()", {}, datetime(2026, 1, 1, tzinfo=UTC))
