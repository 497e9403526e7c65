"""Verdicts: read from their file, opened with in the report, and written into the README."""

import html
import re

import nbformat
import pytest

from report.document import TRIAL, read_report
from report.errors import ReportError
from report.html import build_html
from report.pdf import render_typst
from report.verdicts import read_verdicts
from tests import sample_report as sample

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = sample.write_sample(tmp_path_factory.mktemp("build") / "quick")
    return build_html(folder, sample.STUDIES, folder / "report.html").read_text("utf-8")


@pytest.mark.parametrize("name", ["paper", "published"])
def test_evidence_is_not_stamped_and_opens_with_the_verdicts(tmp_path, name):
    folder = sample.write_sample(tmp_path / name)
    page = build_html(folder, sample.STUDIES, tmp_path / "r.html").read_text("utf-8")
    assert "Not evidence" not in page and 'class="not-evidence"' not in page
    opening = page[: page.index('<section class="chapter"')]
    assert "training loss: no effect left" in opening
    word = '<span class="verdict reproduced">reproduced</span>'
    assert opening.count(word) == 3  # in the tally, of the claim, of its part
    assert "3 claims with a verdict" in page and TRIAL not in page
    assert "evidence: true" in render_typst(read_report(folder, sample.STUDIES))[0]


def test_a_trial_opens_with_what_was_measured_and_no_verdict(page):
    opening = page[page.index("<body") : page.index('<section class="chapter"')]
    assert TRIAL in html.unescape(opening)
    assert "1.52 times larger" in opening and 'class="verdict' not in opening
    assert "Verdict" not in opening and "with a verdict" not in opening


def test_a_part_of_a_claim_tells_its_checks_setting_and_history(page):
    box = re.search(r'<section class="part" aria-label="S1.2".*?</section>', page, re.DOTALL)[0]
    for text in ("training loss: no effect left", "inconclusive: equality", ">4f2a9c1<"):
        assert text in box
    assert "Setting" in box and "BN mode" not in box and "reproduced" not in box


def test_each_row_leads_to_its_box_or_to_the_notebook_of_verdicts(tmp_path):
    folder = sample.write_sample(tmp_path / "paper")
    notebook = sample.verdicts_study(sample.JUDGEMENTS[:2])
    nbformat.write(notebook, folder / "09_verdicts.ipynb")
    rows = read_report(folder, sample.STUDIES).rows
    anchors = [row.target.anchor for row in rows]
    assert anchors[1:3] == ["09-verdicts-verdict-S1.2", "09-verdicts"]


def test_without_the_verdicts_a_report_has_none_and_keeps_the_words_of_links(tmp_path):
    report = read_report(sample.write_sample(tmp_path / "paper"), ["07_theory"])
    assert report.rows == () and report.tally == []
    assert "[S](" not in report.studies[0].notebook.cells[0].source


def test_the_notebook_of_verdicts_needs_no_provenance(tmp_path):
    folder = sample.write_sample(tmp_path / "paper")
    (folder / "provenance" / "09_verdicts.json").unlink()
    text = build_html(folder, sample.STUDIES, tmp_path / "r.html").read_text("utf-8")
    provenance = text[text.index('id="provenance-title"') :]
    assert "Compute time</dt><dd>4 h 06 min" in provenance
    assert provenance.count("<h4>") == 2


def test_missing_verdicts_are_an_error(tmp_path):
    folder = sample.write_sample(tmp_path / "paper")
    (folder / "results" / "09_verdicts" / "verdicts.json").unlink()
    with pytest.raises(ReportError, match=r"verdicts\.json is missing\. 09_verdicts writes it"):
        read_report(folder, sample.STUDIES)


def test_verdict_that_differs_from_the_results_is_an_error(tmp_path):
    folder = sample.write_sample(tmp_path / "paper")
    other = {**sample.JUDGEMENTS[1], "verdict": "contradicted"}
    sample.write_verdicts(folder, [sample.JUDGEMENTS[0], other, *sample.JUDGEMENTS[2:]])
    said = r"shows verdict-S1\.2 as 'reproduced', but .*holds 'contradicted'"
    with pytest.raises(ReportError, match=said):
        read_report(folder, sample.STUDIES)
    sample.write_verdicts(folder, sample.JUDGEMENTS[1:])
    with pytest.raises(ReportError, match=r"verdict-S1\.1 as 'undecided', but .* holds None"):
        read_report(folder, sample.STUDIES)


# The file


def read(tmp_path, rows):
    sample.write_verdicts(tmp_path, rows)
    return read_verdicts(tmp_path / "results" / "09_verdicts" / "verdicts.json")


def test_rows_are_read_and_counted_by_what_was_judged(tmp_path):
    verdicts = read(tmp_path, sample.JUDGEMENTS)
    assert verdicts.tally == [("reproduced", 1), ("contradicted", 1), ("undecided", 1)]
    assert [len(rows) for rows in verdicts.by_source] == [3, 1]
    curvature, untested = verdicts.judgements[1], verdicts.judgements[3]
    assert curvature.dependence == "training loss: no effect left"
    assert curvature.outcomes == "estimator: holds; training loss: no effect left"
    assert curvature.history == "inconclusive: equality" and curvature.commit == "4f2a9c1e5b7d"
    assert untested.found.startswith("no stationary density") and untested.commit == ""


def test_checks_that_are_open_are_named_behind_those_that_end_otherwise(tmp_path):
    checks = {
        "scale": {"word": "gone"},
        "size": {"word": "undecided"},
        "BN mode": {"word": "holds"},
    }
    row = {"id": "S1.1", "claim": "S1.1", "verdict": "reproduced", "checks": checks}
    (judged,) = read(tmp_path, [{**row, "depends_on": ["scale"]}]).judgements
    assert judged.dependence == "scale: no effect left; open: size"
    (judged,) = read(tmp_path, [row]).judgements
    assert judged.dependence == "open: size"


def test_a_row_needs_no_more_than_its_id_claim_and_verdict(tmp_path):
    (row,) = read(tmp_path, [{"id": "S1.1a", "claim": "S1.1", "verdict": "undecided"}]).judgements
    assert (row.found, row.source_number, row.dependence, row.outcomes) == ("", "", "", "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": ""}, r"holds in judgements the row \{.*which lacks a value of id, claim, verdict"),
        ({"verdict": "confirmed"}, r"S1\.1 has the verdict 'confirmed'; allowed are reproduced,"),
        ({"checks": {"size": {"word": "so"}}}, r"S1\.1 has the outcome 'so' of the check 'size'"),
        ({"id": "S1.2"}, r"verdicts\.json holds S1\.2 twice"),
    ],
)
def test_a_row_that_cannot_be_is_one_error(tmp_path, change, said):
    first, *others = sample.JUDGEMENTS
    with pytest.raises(ReportError, match=said):
        read(tmp_path, [{**first, **change}, *others])


def test_a_file_of_another_kind_is_one_error(tmp_path):
    path = tmp_path / "verdicts.json"
    path.write_text("[]")
    with pytest.raises(ReportError, match=r"verdicts\.json holds a list, not an object"):
        read_verdicts(path)
