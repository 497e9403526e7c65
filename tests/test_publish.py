"""The published run and the README's table: made from files, never by hand, never from a draft."""

import json
import os

import pytest

from report.errors import ReportError
from report.publish import BEGIN, END, problems, publish, table, write_table
from report.settings import choose

CLAIMS = {
    "study": "01_bn",
    "title": "What does BN do | in short?",
    "profile": "paper",
    "evidence": True,
    "claims": [
        {
            "id": "S1.1",
            "statement": "BN raises\nλ_max",
            "source_numbers": "57.18 | 37.51",
            "verdict": "reproduced",
            "finding": "ratio = 1.52 [1.20, 1.91], n = 5; difference = 3.0 [1.0, 5.0], n = 5",
            "findings": [
                {"text": f"{name}, n = 5", "word": "reproduced", "check": False}
                for name in ("ratio = 1.52 [1.20, 1.91]", "difference = 3.0 [1.0, 5.0]")
            ],
        },
        {
            "id": "S1.2",
            "statement": "It always does",
            "source_numbers": "figure only",
            "verdict": "not testable",
            "finding": "nothing was measured",
        },
    ],
}
TABLE = """\
| Study | Claim | Source | Measured [95% interval] | Verdict |
|---|---|---|---|---|
| [What does BN do \\| in short?](notebooks/01_bn.py) | S1.1 BN raises λ_max | 57.18 \\| 37.51 \
| ratio = 1.52 [1.20, 1.91], n = 5<br>difference = 3.0 [1.0, 5.0], n = 5 | **reproduced** |
|  | S1.2 It always does | figure only | nothing was measured | **not testable** |

2 of the sources' 3 claims have a verdict so far. `01_bn`: commit 0123456, 1.5 hours of 2 cores \
(Fast \\| 9)."""

NOTEBOOK = """\
# %% tags=["parameters"]
profile = "quick"
data_dir = "data"
build_dir = "build"
epochs = 3
seeds = [0, 1]
"""
ORIGIN = {
    "commit": "0123456789abcdef",
    "dirty": False,
    "parameters": {"profile": "paper", "epochs": 6, "seeds": [0, 1]},
    "hardware": {"cpu": "Fast | 9", "cores": 2},
    "compute_seconds": 5400.0,
}


@pytest.fixture
def root(tmp_path):
    """A project whose paper report is made and clean."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_bn.py").write_text(NOTEBOOK)
    profile = tmp_path / "notebooks" / "profiles" / "paper" / "01_bn.yaml"
    profile.parent.mkdir(parents=True)
    profile.write_text("epochs: 6\n")
    claimed = tmp_path / "lib" / "landscape" / "source_claims.csv"
    claimed.parent.mkdir(parents=True)
    claimed.write_text('id,statement\nS1.1,"one,\ntwo"\nS1.2,b\nS9.1,c\n')
    (tmp_path / "README.md").write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\nText.\n")
    folder = tmp_path / "build" / "paper"
    write_json(folder / "inputs" / "report.json", {"studies": ["01_bn"]})
    (folder / "01_bn.ipynb").touch()
    write_json(folder / "results" / "01_bn" / "claims.json", CLAIMS)
    (folder / "results" / "01_bn" / "measurements.csv").write_text("seed\n0\n")
    write_json(folder / "provenance" / "01_bn.json", ORIGIN)
    (folder / "report.html").write_text("html")
    (folder / "report.pdf").write_text("pdf")
    return tmp_path


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def paper(root):
    return choose(root, profile="paper")


def test_publishing_copies_the_report_and_renews_the_table(root):
    stale = root / "report" / "published" / "results" / "00_gone" / "claims.json"
    write_json(stale, CLAIMS)
    publish(paper(root))
    published = root / "report" / "published"
    assert (published / "report.html").read_text() == "html"
    assert (published / "report.pdf").read_text() == "pdf"
    assert (published / "results" / "01_bn" / "measurements.csv").exists()
    assert json.loads((published / "provenance" / "01_bn.json").read_text()) == ORIGIN
    assert not stale.exists()
    assert (root / "README.md").read_text() == f"# Title\n\n{BEGIN}\n{TABLE}\n{END}\n\nText.\n"
    assert problems(root) == []


def test_writing_the_table_twice_changes_nothing(root):
    publish(paper(root))
    before = (root / "README.md").read_bytes()
    write_table(root)
    assert (root / "README.md").read_bytes() == before


def test_results_of_which_the_provenance_was_not_kept_have_a_table(root):
    publish(paper(root))
    (root / "report" / "published" / "provenance" / "01_bn.json").unlink()
    assert table(root).endswith("2 of the sources' 3 claims have a verdict so far.")


def test_a_stale_table_is_said_with_the_remedy(root):
    publish(paper(root))
    readme = root / "README.md"
    readme.write_text(readme.read_text().replace("1.52", "1.62"))
    (said,) = problems(root)
    assert "README.md: its table of verdicts is not that of" in said and "P=--table" in said


def test_without_published_results_there_is_nothing_to_check(root, capsys):
    assert table(root) is None
    assert problems(root) == []
    assert "no results are published yet" in capsys.readouterr().out


def test_a_readme_without_markers_is_an_error_and_publishes_nothing(root):
    (root / "README.md").write_text("# Title\n")
    with pytest.raises(ReportError, match=r"README.md must hold the lines <!-- verdicts:begin"):
        publish(paper(root))
    assert not (root / "report").exists()
    write_json(root / "report" / "published" / "results" / "01_bn" / "claims.json", CLAIMS)
    assert "must hold the lines" in problems(root)[0]


def test_only_the_paper_profile_is_published(root):
    with pytest.raises(ReportError, match="PROFILE=quick is no evidence and is not published"):
        publish(choose(root, profile="quick"))


@pytest.mark.parametrize("name", ["report.pdf", "results/01_bn/claims.json", "01_bn.ipynb"])
def test_what_is_missing_is_named(root, name):
    (root / "build" / "paper" / name).unlink()
    with pytest.raises(ReportError, match=f"build/paper/{name}: missing. Make them"):
        publish(paper(root))


def test_a_report_older_than_its_studies_is_refused(root):
    later = (root / "build" / "paper" / "report.pdf").stat().st_mtime + 5
    os.utime(root / "build" / "paper" / "01_bn.ipynb", (later, later))
    with pytest.raises(ReportError, match="is older than what it is made of"):
        publish(paper(root))


def test_results_that_are_no_evidence_are_refused(root):
    path = root / "build" / "paper" / "results" / "01_bn" / "claims.json"
    write_json(path, {**CLAIMS, "evidence": False})
    with pytest.raises(ReportError, match=r"says profile 'paper', evidence False; only a paper"):
        publish(paper(root))


def test_results_without_provenance_are_refused(root):
    (root / "build" / "paper" / "provenance" / "01_bn.json").unlink()
    with pytest.raises(ReportError, match=r"provenance/01_bn.json is missing"):
        publish(paper(root))


@pytest.mark.parametrize("changed", [{"epochs": 3}, {"seeds": [0]}])
def test_results_of_other_parameters_are_refused(root, changed):
    path = root / "build" / "paper" / "provenance" / "01_bn.json"
    write_json(path, {**ORIGIN, "parameters": {**ORIGIN["parameters"], **changed}})
    said = rf"01_bn were made with other values of {next(iter(changed))} than the paper profile"
    with pytest.raises(ReportError, match=said):
        publish(paper(root))
    assert not (root / "report").exists()


def test_uncommitted_changes_are_refused_unless_allowed(root):
    path = root / "build" / "paper" / "provenance" / "01_bn.json"
    write_json(path, {**ORIGIN, "dirty": True})
    with pytest.raises(ReportError, match=r"01_bn was computed from changes .*P=--allow-dirty"):
        publish(paper(root))
    assert not (root / "report").exists()
    publish(paper(root), allow_dirty=True)
    assert (root / "report" / "published" / "report.html").exists()


def test_publish_writes_the_figures_that_the_readme_shows_on_white(root):
    readme = root / "README.md"
    shown = "report/published/figures/01_bn/fig-a.svg"
    readme.write_text(f"![A]({shown})\n" + readme.read_text())
    output = {
        "metadata": {"landscape": {"kind": "figure", "label": "fig-a"}},
        "data": {"image/svg+xml": ["<?xml?>\n", '<svg width="2">', "<path/></svg>"]},
    }
    notebook = root / "build" / "paper" / "01_bn.ipynb"
    notebook.write_text(json.dumps({"cells": [{"outputs": [output]}]}))
    for name in ("report.html", "report.pdf"):
        (notebook.parent / name).touch()
    publish(paper(root))
    text = (root / shown).read_text()
    assert '<svg width="2"><rect width="100%" height="100%" fill="#ffffff"/><path/>' in text


def test_publish_refuses_a_figure_that_the_study_does_not_hold(root):
    readme = root / "README.md"
    readme.write_text("![A](report/published/figures/01_bn/fig-b.svg)\n" + readme.read_text())
    (root / "build" / "paper" / "01_bn.ipynb").write_text('{"cells": []}')
    for name in ("report.html", "report.pdf"):
        (root / "build" / "paper" / name).touch()
    with pytest.raises(ReportError, match=r"README\.md shows fig-b of 01_bn, which the executed"):
        publish(paper(root))
