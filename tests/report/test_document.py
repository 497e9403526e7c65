"""The report's assembler: numbering, references, tables, figures, provenance, and every error."""

import re
import subprocess
import xml.etree.ElementTree as ET

import nbformat
import pytest
from nbformat import v4

from report import markup, provenance
from report.atomic import write_atomically
from report.document import read_report
from report.errors import ReportError
from report.figures import inline_svg, standalone_svg
from report.findings import brief, lines, measured
from report.html import build_html
from report.pdf import build_pdf, render_typst
from report.references import chapters
from report.tables import decimal_pieces
from tests import sample_report as sample

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

    def write(outputs=(), prose="", claims=()):
        cells = [v4.new_markdown_cell("# A study"), v4.new_markdown_cell(prose)]
        cells.append(v4.new_code_cell("show()", outputs=list(outputs)))
        notebook = v4.new_notebook(cells=cells)
        sample.write_study(tmp_path, BN, notebook, list(claims), evidence=True)
        return tmp_path

    return write


def drawing(**changed):
    facts = {"label": "fig-a", "caption": "What to see.", "alt": "A line."} | changed
    return sample.figure("<svg xmlns='http://www.w3.org/2000/svg'/>", **facts)


def read(folder):
    return read_report(folder, [BN])


def test_figures_and_tables_are_numbered_through_all_studies(page):
    captions = re.findall(r"<figcaption><b>(.*?)\.</b>", page)
    assert captions == ["Figure 1", "Table 1", "Figure 2", "Table 2", "Figure 3"]


def test_sections_are_numbered_by_their_study(profile):
    report = read_report(profile, ["07_theory"])
    numbers = [(section.number, section.title) for section in report.studies[0].sections]
    assert numbers == [("7.1", "Verdict"), ("7.2", "Limits")]


def test_studies_that_share_a_number_have_letters():
    names = ["01_bn", "02_skip_ablation", "02_skip_depth", "own", "10_end", "02_skip_vs_cnn"]
    assert chapters(names) == ["1", "2a", "2b", "4", "10", "2c"]


def test_reference_to_a_study_that_is_left_out_keeps_its_words(profile):
    (study,) = read_report(profile, ["07_theory"]).studies
    assert "Compare the curvature, S, an absent study and" in study.notebook.cells[0].source


def test_references_become_numbers_and_lead_to_their_own_study_first(page):
    assert '<a href="#01-bn-ablation-fig-training">Figure\u00a01</a> shows' in page
    assert '<a href="#07-theory-fig-training">Figure\u00a03</a>' in page
    assert '<a href="#01-bn-ablation-verdict-S1.4">S1.4</a>' in page
    assert '<a href="#01-bn-ablation-limits">the limits</a>' in page


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
    assert page.count('<details class="code">') == 7
    assert "seed 0: epoch 1" in page and "<math" in page and 'class="math' not in page


def test_evidence_is_not_stamped(tmp_path):
    folder = sample.write_sample(tmp_path / "paper", evidence=True)
    page = build_html(folder, sample.STUDIES, tmp_path / "r.html").read_text("utf-8")
    assert "Not evidence" not in page and 'class="not-evidence"' not in page
    assert "evidence: true" in render_typst(read_report(folder, sample.STUDIES))[0]


def test_several_quantities_of_one_claim_stand_on_lines_of_their_own(study):
    claim = sample.claim("S1.1", "a", "b", "c", "reproduced", "x_max = 1, n = 5; y = 2, n = 10")
    claim["findings"] = [{"n": 5}, {"n": 10}]
    (read_claim,) = read(study([sample.verdict(claim)], claims=[claim])).claims
    assert [found.text for found in read_claim.findings] == ["x_max = 1, n = 5", "y = 2, n = 10"]
    assert read_claim.n == "5, 10"
    assert read_claim.finding == read_claim.brief and read_claim.finding.count("\\\n") == 1


def claim_of(words, checks=()):
    """A claim with a finding for each word, and a check for each of the others."""
    claim = sample.claim("S1.1", "a", "b", "c", "artefact", "all of it")
    every = [(word, False) for word in words] + [(word, True) for word in checks]
    claim["findings"] = [
        {"n": 5, "text": f"q{i} = {i}; so", "word": word, "check": check}
        for i, (word, check) in enumerate(every)
    ]
    return claim


def test_findings_say_their_words_where_these_differ_and_which_are_checks():
    told = lines(measured(claim_of(["reproduced"], ["contradicted", "reproduced"])))
    assert told == [
        "q0 = 0; so: reproduced",
        "Check: q1 = 1; so: contradicted",
        "Check: q2 = 2; so: reproduced",
    ]
    assert lines(measured(claim_of(["reproduced"] * 2))) == ["q0 = 0; so", "q1 = 1; so"]


def test_a_long_list_is_short_where_a_table_holds_it_and_whole_in_the_text(study):
    few = measured(claim_of(["reproduced"] * 3, ["inconclusive"] * 2))
    assert brief(few) == lines(few)
    claim = claim_of(["reproduced"] * 2, ["reproduced", "contradicted", "inconclusive"] * 2)
    assert brief(measured(claim)) == [
        "q0 = 0; so: reproduced",
        "q1 = 1; so: reproduced",
        "Check: q3 = 3; so: contradicted",
        "Check: q6 = 6; so: contradicted",
        "Other checks: 2 reproduced, 2 inconclusive",
    ]
    (read_claim,) = read(study([sample.verdict(claim)], claims=[claim])).claims
    assert read_claim.finding.count("\n") == 7 and read_claim.brief.count("\n") == 4
    # A long list of what the source says itself is never cut.
    assert len(brief(measured(claim_of(["reproduced"] * 9)))) == 9


def test_decimals_line_up_whatever_follows_them():
    cells = ["57.2 ± 3.1", "−4.25", "1.52 [1.20, 1.91]", "10,000", "diverged", "< 0.01"]
    rows = decimal_pieces(cells)
    visible = ["".join(p.text for p in row if not p.hidden) for row in rows]
    assert visible == cells
    points = {_point(row) for row, cell in zip(rows, cells, strict=True) if cell != "diverged"}
    assert len(points) == 1


def test_intervals_line_up_number_by_number():
    rows = decimal_pieces(["1.52 [1.20, 1.91]", "10.1 [9, 11.25]"])
    lengths = {len("".join(piece.text for piece in row)) for row in rows}
    assert len(lengths) == 1


def test_a_power_of_ten_belongs_to_its_number():
    cells = ["2.22e−05 ± 1.9e−06", "0.000005 ± 0.000011", "12 ± 3"]
    rows = decimal_pieces(cells)
    assert ["".join(p.text for p in row if not p.hidden) for row in rows] == cells
    lengths = {len("".join(piece.text for piece in row)) for row in rows}
    assert len(lengths) == 1 and max(lengths) < 30  # Two numbers a cell, not four.


def _point(row):
    """Width before the first decimal point or the end of the first whole number."""
    text = "".join(piece.text for piece in row).replace("< ", "")
    return re.match(r"[−\d,]+", text).end()


def test_svg_follows_the_page_and_keeps_its_ids_to_itself():
    source = sample.curves()
    svg = inline_svg(source, anchor="a", alt='A "line" & more')
    root = ET.fromstring(svg)
    assert root.get("role") == "img" and root.get("aria-label") == 'A "line" & more'
    assert "currentColor" in svg and sample.INK not in svg
    assert "var(--paper)" in svg
    ids = {element.get("id") for element in root.iter() if element.get("id")}
    used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg))
    assert ids and all(name.startswith("a--") for name in ids)
    assert {one or other for one, other in used} <= ids
    assert "<style" not in svg and "<metadata" not in svg and "viewBox" in svg


def test_svg_of_the_page_keeps_paths_to_a_hundredth_of_a_point():
    source = sample.curves()
    drawn = {}
    for name, svg in (("file", source), ("page", inline_svg(source, anchor="a", alt="line"))):
        paths = ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}path")
        drawn[name] = [path.get("d", "").split() for path in paths]
    assert any(re.search(r"\.\d{3}", word) for path in drawn["file"] for word in path)
    assert not any(re.search(r"\.\d{3}", word) for path in drawn["page"] for word in path)
    for before, after in zip(drawn["file"], drawn["page"], strict=True):
        for one, other in zip(before, after, strict=True):
            assert one == other or abs(float(one) - float(other)) <= 0.00501


def test_svg_for_the_pdf_has_neither_date_nor_colour_of_the_page():
    svg = standalone_svg(sample.curves()).decode()
    assert "metadata" not in svg and sample.INK in svg


def test_a_cell_with_emphasis_has_subscripts_as_a_plain_one_has():
    to_html = markup.Markup("html")
    cell = markup.tabular_text("**no**: λ_max, equal loss")
    assert to_html.inline(cell) == "<strong>no</strong>: λ<sub>max</sub>, equal loss"
    maths = r"$\lambda_{\max}$ of `a_b`"
    assert markup.tabular_text(maths) == maths


def test_plain_text_is_escaped_and_subscripted():
    html = markup.Markup("html")
    text = markup.plain_to_markdown("λ_max of *all* <b> ~ 5, n = 3, 1e-7, $x_1$")
    assert "λ<sub>max</sub> of *all* &lt;b&gt; ~ 5, n\u00a0=\u00a03, 1e\u20117" in html(text)
    assert "<math" in html(text)


def test_pieces_converted_together_or_alone_are_the_same():
    texts = ["a *b*", "- x\n- y", "$x_1$", "```\nnever closed", "last"]
    for kind in ("html", "typst"):
        together, alone = markup.Markup(kind), markup.Markup(kind)
        together.prime(texts[:3])
        together.prime(texts)
        assert [together(text) for text in texts] == [alone(text) for text in texts]


def test_maths_that_pandoc_cannot_typeset_is_an_error():
    with pytest.raises(ReportError, match=r"cannot typeset the maths.*undefinedmacro"):
        markup.Markup("html")(r"$\undefinedmacro{x}$")


def test_provenance_is_shared_where_studies_agree(profile):
    report = read_report(profile, sample.STUDIES)
    shared = dict(provenance.shared_rows(report))
    assert shared["Commit"].endswith("with uncommitted changes")
    assert shared["Compute time"] == "4 h 06 min"
    report.studies[1].provenance["versions"] = {"python": "3.12"}
    assert f"Versions, {BN}" in dict(provenance.shared_rows(report))


@pytest.mark.parametrize(
    ("seconds", "text"), [(41.2, "41 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")]
)
def test_duration_reads_well(seconds, text):
    assert provenance.duration(seconds) == text


def test_html_is_the_same_each_time(profile, page, tmp_path):
    again = build_html(profile, sample.STUDIES, tmp_path / "again.html")
    assert again.read_text("utf-8") == page


def test_pdf_is_typeset_and_the_same_each_time(profile, tmp_path):
    first = build_pdf(profile, sample.STUDIES, tmp_path / "a.pdf").read_bytes()
    second = build_pdf(profile, sample.STUDIES, tmp_path / "b.pdf").read_bytes()
    assert first == second and first.startswith(b"%PDF") and b"CreationDate" not in first


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
    assert re.search(r"7\.1\s+Verdict", done.stdout)


def test_pdf_numbers_studies_as_the_document_does(tmp_path):
    for name in ("02_skip_depth", "02_skip_vs_cnn"):
        cells = [v4.new_markdown_cell(f"# Of {name}\n\n## Limits\n\nNone.")]
        sample.write_study(tmp_path, name, v4.new_notebook(cells=cells), [], evidence=True)
    names = ["02_skip_depth", "02_skip_vs_cnn"]
    page = build_html(tmp_path, names, tmp_path / "a.html").read_text("utf-8")
    assert 'data-number="2a.1"' in page and 'data-number="2b"' in page
    pdf = build_pdf(tmp_path, names, tmp_path / "a.pdf")
    try:
        done = subprocess.run(["pdftotext", pdf, "-"], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip("pdftotext (poppler) is not installed")
    assert re.search(r"2a\.1\s+Limits", done.stdout) and re.search(r"2b\s+Of 02", done.stdout)


def test_table_without_columns_falls_back_to_its_markdown(study):
    table = sample.table("tab-a", "Caption.", ["a", "b"], [["1", "2"]], ["left", "decimal"])
    for key in ("columns", "rows", "align"):
        del table.metadata["landscape"][key]
    folder = study([table])
    assert "for Jupyter" in build_html(folder, [BN], folder / "r.html").read_text("utf-8")
    assert build_pdf(folder, [BN], folder / "r.pdf").read_bytes().startswith(b"%PDF")


def test_interrupted_writing_leaves_the_old_file(tmp_path):
    path = write_atomically(tmp_path / "report.html", b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "not bytes")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


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


def test_missing_results_are_an_error(study):
    folder = study()
    (folder / "results" / BN / "claims.json").unlink()
    with pytest.raises(ReportError, match=rf"{BN} has an executed notebook but not .*claims\.json"):
        read(folder)


def test_damaged_results_are_an_error(study):
    folder = study()
    (folder / "provenance" / f"{BN}.json").write_text("{")
    with pytest.raises(ReportError, match=rf"{BN}: .*{BN}\.json is not valid JSON"):
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
    sample.write_study(folder, "08_synthesis", notebook, [], evidence=False)
    with pytest.raises(ReportError, match=r"08_synthesis refers to '07_theory/fig-plane'.*fig-tr"):
        read_report(folder, [*sample.STUDIES, "08_synthesis"])


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


def test_unknown_verdict_is_an_error(study):
    claim = sample.claim("S1.1", "a", "b", "c", "confirmed", "d")
    with pytest.raises(ReportError, match=f"{BN}: claim S1.1 has the verdict 'confirmed'"):
        read(study([sample.verdict(claim)], claims=[claim]))


def test_claim_that_the_text_does_not_show_is_an_error(study):
    claim = sample.claim("S1.1", "a", "b", "c", "reproduced", "d")
    with pytest.raises(ReportError, match=f"{BN} refers to 'verdict-S1.1'"):
        read(study(claims=[claim]))


def test_verdict_that_differs_from_the_results_is_an_error(study):
    claim = sample.claim("S1.1", "a", "b", "c", "reproduced", "d")
    shown = sample.verdict(claim | {"verdict": "contradicted"})
    with pytest.raises(ReportError, match=r"verdict-S1\.1 as 'contradicted'.*holds 'reproduced'"):
        read(study([shown], claims=[claim]))


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
    from report.pdf import compile_typst

    with pytest.raises(ReportError, match="Typst cannot typeset the report"):
        compile_typst("#unknown-function()", {})
