"""The printed report: a summary on one page, short contents, floats, and what is left out."""

import json
import re
import subprocess

import pytest
from nbformat import v4

from report.document import read_report
from report.pdf import build_pdf, render_typst
from report.provenance import brief_rows
from report.typesetting import page_numbers
from tests import sample_report as sample

pytestmark = pytest.mark.slow

STARTS = "<chapter-start>"


@pytest.fixture
def profile(tmp_path):
    return sample.write_sample(tmp_path / "published")


def rendered(profile, studies=sample.STUDIES):
    return render_typst(read_report(profile, studies))


def texts(pdf):
    try:
        done = subprocess.run(["pdftotext", pdf, "-"], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip("pdftotext (poppler) is not installed")
    return [page for page in done.stdout.split("\f") if page.strip()]


def test_the_summary_is_one_page_however_long_its_texts_are(profile):
    path = profile / "results" / "09_verdicts" / "verdicts.json"
    content = json.loads(path.read_text("utf-8"))
    content["abstract"] = "measured " * 150
    content["example"] = "measured " * 90
    for highlight in content["highlights"]:
        highlight |= {"title": "A finding of about ten words in " * 2, "text": "measured " * 60}
    path.write_text(json.dumps(content), encoding="utf-8")
    # Contents, the claims, and then one chapter a study.
    assert page_numbers(*rendered(profile), STARTS)[:2] == [2, 2]


def test_the_summary_says_who_when_and_what_was_found(profile, tmp_path):
    summary, contents, *_ = texts(build_pdf(profile, sample.STUDIES, tmp_path / "a.pdf"))
    for said in ("authors", "version", "Do claims survive", "Finding 4", "How to read a verdict"):
        assert said in summary
    assert re.search(r"Reproduced\s+1\b", summary) and re.search(r"Not tested\s+1\b", summary)
    assert "It does." in contents and "S1.2" in contents


def test_contents_hold_chapters_and_studies_alone(tmp_path):
    names = ["02_skip_depth", "02_skip_vs_cnn", "03_sweep"]
    for name in names:
        cells = [v4.new_markdown_cell(f"# Of {name}\n\n## A section of it\n\nText.")]
        sample.write_study(tmp_path, name, v4.new_notebook(cells=cells))
    pages = texts(build_pdf(tmp_path, names, tmp_path / "a.pdf"))
    contents = next(page for page in pages if "Contents" in page)
    assert all(f"Of {name}" in contents for name in names) and "A section" not in contents
    assert re.search(r"3\.1\s+A section", "".join(pages))


def test_short_tables_float_and_long_ones_break(profile, tmp_path):
    def table(name, rows):
        body = [[f"{name} {row}", "1.5"] for row in range(rows)]
        return sample.table(f"tab-{name}", "What to see.", ["Arm", "x"], body, ["left", "decimal"])

    cells = [v4.new_markdown_cell("# A study"), v4.new_markdown_cell("word " * 700)]
    cells.append(v4.new_code_cell("show()", outputs=[table("short", 12), table("long", 80)]))
    sample.write_study(profile, "01_bn_ablation", v4.new_notebook(cells=cells))
    pages = texts(build_pdf(profile, ["01_bn_ablation"], tmp_path / "a.pdf"))
    where = {
        name: {number for number, page in enumerate(pages) if re.search(rf"\b{name} \d", page)}
        for name in ("short", "long")
    }
    assert len(where["short"]) == 1 and len(where["long"]) == 2


def test_findings_open_their_study(profile):
    found = sample.show({"text/markdown": "x"}, kind="findings", sentences=["It is **so**."])
    cells = [v4.new_markdown_cell("# A study\n\n**Question.** Is it?")]
    cells.append(v4.new_code_cell("show()", outputs=[found]))
    sample.write_study(profile, "01_bn_ablation", v4.new_notebook(cells=cells))
    source, _ = rendered(profile, ["01_bn_ablation"])
    assert source.index("#report-findings(([It is #strong[so].],") < source.index("Is it?")


def test_the_origin_is_told_without_hashes(profile):
    rows = dict(brief_rows(read_report(profile, sample.STUDIES)))
    assert rows["Commits"] == "4f2a9c1" and rows["Versions"].startswith("python 3.11")
    assert not re.search(r"[0-9a-f]{16}", rendered(profile)[0])


def test_a_section_of_details_alone_leaves_only_the_place_that_links_lead_to(profile, tmp_path):
    spread = sample.figure(sample.curves(), "fig-spread", "What to see.", "Curves.")
    spread.metadata["landscape"]["place"] = "detail"
    cells = [
        v4.new_markdown_cell("# A study\n\nThe [spread](#the-spread) is small."),
        v4.new_markdown_cell("## Measures"),
        v4.new_markdown_cell("### The spread"),
        v4.new_code_cell("show()", outputs=[spread]),
        v4.new_markdown_cell("### The mean"),
        v4.new_markdown_cell("It is small."),
        v4.new_markdown_cell("## Details"),
        v4.new_code_cell("show()", outputs=[spread]),
    ]
    spread = cells[-1].outputs[0] = sample.figure(sample.curves(), "fig-a", "See.", "Curves.")
    spread.metadata["landscape"]["place"] = "detail"
    sample.write_study(profile, "01_bn_ablation", v4.new_notebook(cells=cells))
    source, _ = rendered(profile, ["01_bn_ablation"])
    assert re.findall(r"^=+ (.*)$", source, re.MULTILINE) == ["A study", "Measures", "The mean"]
    build_pdf(profile, ["01_bn_ablation"], tmp_path / "a.pdf")  # the link leads somewhere


def test_contents_name_the_page_on_which_a_chapter_starts(profile, tmp_path):
    pages = texts(build_pdf(profile, sample.STUDIES, tmp_path / "a.pdf"))
    named = re.search(r"Which formulas hold\?\D*(\d+)", pages[1])
    opened = [number for number, page in enumerate(pages, start=1) if "7.1" in page]
    assert int(named[1]) == min(opened)
