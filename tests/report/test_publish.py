"""What is published: records of paper that are whole and committed, and the report made of them."""

import json
import re

import nbformat
import pytest
from nbformat import v4

from report.errors import ReportError
from report.publish import publish, take
from report.settings import choose
from tests import sample_report as sample

pytestmark = pytest.mark.slow

NOTEBOOK = """\
# %% tags=["parameters"]
profile, data_dir, build_dir, remeasure = "quick", "data", "build", ""
epochs = 3
seeds = [0, 1]
"""
CLEAN = {"commit": "0123456789abcdef", "dirty": False}


@pytest.fixture
def root(tmp_path):
    """A project whose paper run of one study is done and committed."""
    add_study(tmp_path, "01_bn")
    (tmp_path / "notebooks" / "09_verdicts.py").write_text(NOTEBOOK)
    (tmp_path / "README.md").write_text(f"# Title\n\n{sample.readme_places()}\nText.\n")
    measured(tmp_path, "01_bn")
    return tmp_path


def add_study(root, study):
    profile = root / "notebooks" / "profiles" / "paper" / f"{study}.yaml"
    profile.parent.mkdir(parents=True, exist_ok=True)
    profile.write_text("epochs: 6\n")
    (root / "notebooks" / f"{study}.py").write_text(NOTEBOOK)


def measured(root, study, entries=("e1", "e2"), profile="paper"):
    """Write what the execution of a study leaves, as the only one that was asked for."""
    folder = root / "build" / profile
    record = folder / "record" / study
    write(folder / "inputs" / "report.json", {"studies": [study, "09_verdicts"]})
    parameters = {"profile": "paper", "epochs": 6, "seeds": [0, 1]}
    write(record / "record.json", {"study": study, "parameters": parameters})
    write(record / "origins.json", {"o1": CLEAN})
    (record / "entries.csv").write_text("\n".join(["entry", *entries]) + "\n")
    drawn = sample.figure(sample.plane(), "fig-a", "Caption.", "A bowl.")
    cell = v4.new_code_cell("show()", execution_count=1, outputs=[drawn])
    nbformat.write(v4.new_notebook(cells=[cell]), folder / f"{study}.ipynb")


def reported(root, *studies):
    """Write what ``make report PROFILE=published`` leaves."""
    for study in studies:
        measured(root, study, profile="published")
    folder = root / "build" / "published"
    write(folder / "inputs" / "report.json", {"studies": [*studies, "09_verdicts"]})
    sample.write_verdicts(folder)
    path = folder / "results" / "09_verdicts" / "verdicts.json"
    # The sample's findings show figures of studies that this project lacks.
    write(path, json.loads(path.read_text()) | {"highlights": []})
    nbformat.write(v4.new_notebook(), folder / "09_verdicts.ipynb")
    (folder / "report.html").write_text("the page")
    (folder / "report.pdf").write_text("the pages")


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def paper(root):
    return choose(root, profile="paper")


def published(root):
    return choose(root, profile="published")


def everything(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_record_is_taken_and_its_report_stands_beside_it(root, capsys):
    stale = root / "report" / "published" / "results" / "00_gone" / "claims.json"
    write(stale, {})
    take(paper(root))
    record = root / "report" / "published" / "record" / "01_bn"
    assert (record / "entries.csv").read_text() == "entry\ne1\ne2\n"
    assert "records of 01_bn: now in report/published/record" in capsys.readouterr().out
    reported(root, "01_bn")
    labelled = root / "build" / "published" / "record" / "01_bn" / "record.json"
    write(labelled, {"study": "01_bn", "labels": "new"})
    publish(published(root))
    folder = root / "report" / "published"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["record", "report.html", "report.pdf", "verdicts.json"]
    assert json.loads((record / "record.json").read_text())["labels"] == "new"
    assert not stale.exists() and (folder / "report.html").read_text() == "the page"
    assert "claims have a verdict so far" in (root / "README.md").read_text()
    assert "published 01_bn, 09_verdicts in report/published" in capsys.readouterr().out


def test_a_study_published_later_stands_beside_those_of_before(root):
    take(paper(root))
    # The machine is another one: nothing of the first study is there but what was published.
    (root / "build" / "paper" / "01_bn.ipynb").unlink()
    add_study(root, "02_skip")
    measured(root, "02_skip")
    take(paper(root))
    folder = root / "report" / "published" / "record"
    assert sorted(path.name for path in folder.iterdir()) == ["01_bn", "02_skip"]
    reported(root, "01_bn")
    with pytest.raises(ReportError, match=r"02_skip\.ipynb, .*Make it: make report PROFILE=publ"):
        publish(published(root))
    measured(root, "02_skip", profile="published")
    with pytest.raises(ReportError, match="build/published: not the report of all studies"):
        publish(published(root))


def test_the_studies_named_are_taken_whatever_the_last_report_held(root):
    write(root / "build" / "paper" / "inputs" / "report.json", {"studies": ["03_lost"]})
    with pytest.raises(ReportError, match=r"03_lost.*missing"):
        take(paper(root))
    take(paper(root), named=["01_bn", "09_verdicts"])
    assert (root / "report" / "published" / "record" / "01_bn").is_dir()


def test_only_the_paper_profile_is_published(root):
    with pytest.raises(ReportError, match="PROFILE=quick is no evidence and is not published"):
        take(choose(root, profile="quick"))


@pytest.mark.parametrize("name", ["record/01_bn/record.json", "01_bn.ipynb"])
def test_what_is_missing_is_named(root, name):
    (root / "build" / "paper" / name).unlink()
    with pytest.raises(ReportError, match=f"build/paper/{name}: missing. Make them"):
        take(paper(root))


def test_a_record_is_published_as_it_grows_where_that_is_asked_for(root):
    (root / "build" / "paper" / "01_bn.ipynb").unlink()
    with pytest.raises(ReportError, match="make publish P=--incomplete"):
        take(paper(root))
    take(paper(root), incomplete=True)
    assert (root / "report" / "published" / "record" / "01_bn" / "entries.csv").exists()


def test_a_record_of_unknown_parameters_is_refused(root):
    path = root / "build" / "paper" / "record" / "01_bn" / "record.json"
    path.write_text("{")
    with pytest.raises(ReportError, match=r"record.json is not valid JSON .* It says what 01_bn"):
        take(paper(root))


@pytest.mark.parametrize("changed", [{"epochs": 3}, {"seeds": [0]}])
def test_a_record_of_other_parameters_is_refused(root, changed):
    parameters = {"profile": "paper", "epochs": 6, "seeds": [0, 1], **changed}
    path = root / "build" / "paper" / "record" / "01_bn" / "record.json"
    write(path, {"parameters": parameters})
    said = rf"01_bn was made with other values of {next(iter(changed))} than the paper profile"
    with pytest.raises(ReportError, match=said):
        take(paper(root))
    assert not (root / "report").exists()


def test_uncommitted_changes_are_refused_unless_allowed(root):
    path = root / "build" / "paper" / "record" / "01_bn" / "origins.json"
    write(path, {"o1": CLEAN, "o2": {**CLEAN, "dirty": True}})
    said = r"01_bn was measured with changes .*\(origins o2 of .*P=--allow-dirty"
    with pytest.raises(ReportError, match=said):
        take(paper(root))
    assert not (root / "report").exists()
    take(paper(root), allow_dirty=True)
    assert (root / "report" / "published" / "record" / "01_bn").is_dir()


def test_a_record_that_lacks_published_entries_is_refused_unless_it_is_to_replace_them(root):
    take(paper(root))
    measured(root, "01_bn", entries=("e2", "e3"))
    before = everything(root / "report")
    with pytest.raises(
        ReportError, match=r"1 published entries of 01_bn .* such as e1\. .*P=--rep"
    ):
        take(paper(root))
    assert everything(root / "report") == before
    take(paper(root), replace=True)
    record = root / "report" / "published" / "record" / "01_bn"
    assert (record / "entries.csv").read_text() == "entry\ne2\ne3\n"


@pytest.mark.parametrize("name", ["report.html", "results/09_verdicts/verdicts.json"])
def test_a_report_that_is_not_whole_is_not_published(root, name):
    take(paper(root))
    reported(root, "01_bn")
    (root / "build" / "published" / name).unlink()
    before = everything(root / "report")
    with pytest.raises(ReportError, match=f"build/published/{name}. Make it: make report PROFILE="):
        publish(published(root))
    assert everything(root / "report") == before


def test_a_readme_without_markers_leaves_everything_as_it_was(root):
    take(paper(root))
    reported(root, "01_bn")
    (root / "README.md").write_text("# Title\n")
    before = everything(root / "report")
    with pytest.raises(ReportError, match=r"README.md must hold the lines <!-- answer:begin"):
        publish(published(root))
    assert everything(root / "report") == before


def test_publish_writes_the_figures_that_the_readme_shows_on_white(root):
    readme = root / "README.md"
    shown = "report/published/figures/01_bn/fig-a.svg"
    readme.write_text(f"![A]({shown})\n" + readme.read_text())
    write(root / "report" / "published" / "figures" / "01_bn" / "fig-z.svg", {})
    take(paper(root))
    reported(root, "01_bn")
    publish(published(root))
    text = (root / shown).read_text()
    white = '<rect width="100%" height="100%" fill="#ffffff"/>'
    assert re.search(rf"<svg\b[^>]*>{re.escape(white)}", text)
    assert [path.name for path in (root / shown).parent.iterdir()] == ["fig-a.svg"]


def test_publish_refuses_a_figure_that_the_study_does_not_hold(root):
    readme = root / "README.md"
    readme.write_text("![A](report/published/figures/01_bn/fig-b.svg)\n" + readme.read_text())
    take(paper(root))
    reported(root, "01_bn")
    with pytest.raises(ReportError, match=r"README\.md shows fig-b of 01_bn, which the executed"):
        publish(published(root))
    assert not (root / "report" / "published" / "report.html").exists()
