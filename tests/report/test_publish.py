"""The published run and the README's table: made from files, never by hand, never from a draft."""

import json
import re

import nbformat
import pytest
from nbformat import v4

from report.errors import ReportError
from report.publish import BEGIN, END, problems, publish, table, write_table
from report.settings import choose
from tests import sample_report as sample

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
            "rule": "Reproduced if above.",
            "label": "verdict-S1.1",
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
            "rule": "Not testable.",
            "label": "verdict-S1.2",
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
    claimed = tmp_path / "lib" / "studies" / "source_claims.csv"
    claimed.parent.mkdir(parents=True)
    claimed.write_text('id,statement\nS1.1,"one,\ntwo"\nS1.2,b\nS9.1,c\n')
    (tmp_path / "README.md").write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\nText.\n")
    executed(tmp_path, "01_bn", CLAIMS)
    return tmp_path


def executed(root, study, claims):
    """Write what the execution of a study leaves, as the only one that was asked for."""
    folder = root / "build" / "paper"
    write_json(folder / "inputs" / "report.json", {"studies": [study]})
    verdicts = [sample.verdict(claim) for claim in claims["claims"]]
    drawn = sample.figure(sample.plane(), "fig-a", "Caption.", "A bowl.")
    cells = [
        v4.new_markdown_cell(f"# What of {study}?\n**Question.** Does it?"),
        v4.new_code_cell("show()", execution_count=1, outputs=[*verdicts, drawn]),
    ]
    nbformat.write(v4.new_notebook(cells=cells), folder / f"{study}.ipynb")
    write_json(folder / "results" / study / "claims.json", {**claims, "study": study})
    (folder / "results" / study / "measurements.csv").write_text("seed\n0\n")
    write_json(folder / "provenance" / f"{study}.json", ORIGIN)


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def paper(root):
    return choose(root, profile="paper")


def test_publishing_assembles_the_report_and_renews_the_table(root):
    stale = root / "report" / "published" / "results" / "00_gone" / "claims.json"
    write_json(stale, CLAIMS)
    publish(paper(root))
    published = root / "report" / "published"
    page = (published / "report.html").read_text()
    assert "What of 01_bn?" in page and "BN raises" in page and "Not evidence" not in page
    assert (published / "report.pdf").read_bytes().startswith(b"%PDF")
    assert (published / "results" / "01_bn" / "measurements.csv").exists()
    assert (published / "01_bn.ipynb").exists()
    assert json.loads((published / "provenance" / "01_bn.json").read_text()) == ORIGIN
    assert not stale.exists()
    assert (root / "README.md").read_text() == f"# Title\n\n{BEGIN}\n{TABLE}\n{END}\n\nText.\n"
    assert problems(root) == []


OTHER = {
    **CLAIMS,
    "title": "Skips",
    "claims": [{**CLAIMS["claims"][0], "id": "S9.1", "label": "verdict-S9.1"}],
}


def test_a_study_published_later_stands_beside_those_of_before(root, capsys):
    publish(paper(root))
    (root / "notebooks" / "02_skip.py").write_text(NOTEBOOK)
    (root / "notebooks" / "profiles" / "paper" / "02_skip.yaml").write_text("epochs: 6\n")
    # The machine is another one: nothing of the first study is there but what was published.
    for path in ("01_bn.ipynb", "provenance/01_bn.json", "results/01_bn/claims.json"):
        (root / "build" / "paper" / path).unlink()
    executed(root, "02_skip", OTHER)
    publish(paper(root))
    assert (
        "published 02_skip, beside 01_bn of earlier in report/published" in capsys.readouterr().out
    )
    page = (root / "report" / "published" / "report.html").read_text()
    assert page.index("What of 01_bn?") < page.index("What of 02_skip?")
    assert "S1.1" in page and "S9.1" in page
    assert "3 of the sources' 3 claims have a verdict so far." in (root / "README.md").read_text()


def test_the_studies_named_are_published_whatever_the_last_report_held(root, capsys):
    (root / "notebooks" / "02_skip.py").write_text(NOTEBOOK)
    (root / "notebooks" / "profiles" / "paper" / "02_skip.yaml").write_text("epochs: 6\n")
    executed(root, "02_skip", OTHER)
    write_json(root / "build" / "paper" / "inputs" / "report.json", {"studies": ["03_lost"]})
    with pytest.raises(ReportError, match=r"03_lost.*missing"):
        publish(paper(root))
    publish(paper(root), named=["02_skip"])
    assert "published 02_skip in report/published" in capsys.readouterr().out


def test_a_study_that_is_published_again_replaces_itself(root):
    publish(paper(root))
    executed(root, "01_bn", {**CLAIMS, "claims": CLAIMS["claims"][:1]})
    kept = root / "build" / "paper" / "results" / "01_bn" / "measurements.csv"
    kept.unlink()
    publish(paper(root))
    published = root / "report" / "published"
    assert "S1.2" not in (published / "report.html").read_text()
    assert not (published / "results" / "01_bn" / "measurements.csv").exists()


def test_a_study_that_no_notebook_has_any_more_is_published_no_more(root):
    publish(paper(root))
    for name in ("notebooks/01_bn.py", "notebooks/profiles/paper/01_bn.yaml"):
        path = root / name
        path.rename(path.with_stem("03_norms"))
    executed(root, "03_norms", OTHER)
    publish(paper(root))
    published = root / "report" / "published"
    assert "What of 01_bn?" not in (published / "report.html").read_text()
    assert [path.name for path in published.glob("*.ipynb")] == ["03_norms.ipynb"]
    assert [path.name for path in (published / "provenance").iterdir()] == ["03_norms.json"]


def test_a_study_that_cannot_be_reported_changes_nothing(root):
    publish(paper(root))
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    broken = {**CLAIMS["claims"][0], "label": "verdict-S7.7"}
    write_json(
        root / "build" / "paper" / "results" / "01_bn" / "claims.json",
        {**CLAIMS, "claims": [broken]},
    )
    with pytest.raises(ReportError, match=r"verdict-S7\.7"):
        publish(paper(root))
    published = root / "report" / "published"
    assert all(
        path.read_bytes() == old for path, old in before.items() if published in path.parents
    )


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


@pytest.mark.parametrize("name", ["results/01_bn/claims.json", "01_bn.ipynb"])
def test_what_is_missing_is_named(root, name):
    (root / "build" / "paper" / name).unlink()
    with pytest.raises(ReportError, match=f"build/paper/{name}: missing. Make them"):
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
    stale = root / "report" / "published" / "figures" / "01_bn" / "fig-z.svg"
    write_json(stale, {})
    publish(paper(root))
    text = (root / shown).read_text()
    white = '<rect width="100%" height="100%" fill="#ffffff"/>'
    assert re.search(rf"<svg\b[^>]*>{re.escape(white)}", text)
    assert not stale.exists()


def test_publish_refuses_a_figure_that_the_study_does_not_hold(root):
    readme = root / "README.md"
    readme.write_text("![A](report/published/figures/01_bn/fig-b.svg)\n" + readme.read_text())
    with pytest.raises(ReportError, match=r"README\.md shows fig-b of 01_bn, which the executed"):
        publish(paper(root))
    assert not (root / "report").exists()


def test_the_answer_is_counted_where_the_readme_has_a_place_for_it(root):
    readme = root / "README.md"
    place = "<!-- answer:begin -->\n{}<!-- answer:end -->\n"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(place.format("") + text, encoding="utf-8")
    publish(paper(root))
    counted = "Of the 2 claims judged so far: **1 reproduced**, **1 not testable**.\n"
    assert readme.read_text(encoding="utf-8").startswith(place.format(counted))
    assert problems(root) == []
    stale = readme.read_text(encoding="utf-8").replace("**1 reproduced**", "**2 reproduced**")
    readme.write_text(stale, encoding="utf-8")
    assert "never edited by hand" in problems(root)[0]
