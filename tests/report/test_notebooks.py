"""Every study's form, its pair, and the smoke report from end to end."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from report import hold, pairing, structure
from report.errors import ReportError
from report.parameters import parameters
from report.settings import MEASURING, VERDICTS, all_studies, choose, every_study
from report.verdicts import FILE, read_verdicts
from tests.tiny_project import JUDGING, STUDY, add_study, make_project

ROOT = Path(__file__).resolve().parents[2]
STUDIES = all_studies(ROOT)


# The studies of this repository


def test_there_are_studies():
    # Without this, every test below would pass on an empty folder.
    assert len(STUDIES) >= 1


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_has_the_form_that_readers_expect(study):
    assert structure.problems(ROOT / "notebooks" / f"{study}.py") == []


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("profile", MEASURING)
def test_a_profile_file_gives_only_parameters_that_exist(study, profile):
    assert parameters(choose(ROOT, profile=profile), study)["profile"] == profile


def test_every_notebook_and_its_text_hold_the_same():
    assert pairing.problems(ROOT) == []


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The smoke report, made as a person makes it; nothing of an outer make leaks in.

    ``make test`` names its build folder, where a report that is up to date is not made again.
    """
    folder = Path(os.environ.get("SMOKE_BUILD_DIR") or tmp_path_factory.mktemp("build")).resolve()
    done = make_smoke(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def make_smoke(folder):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    environment.pop("MFLAGS", None)
    request = ["PROFILE=smoke", f"BUILD_DIR={folder}", "VENV=", f"PYTHON={sys.executable}"]
    return subprocess.run(
        ["make", "report", *request], cwd=ROOT, env=environment, capture_output=True, text=True
    )


@pytest.mark.slow
def test_the_smoke_report_is_made_from_end_to_end(smoke):
    page = (smoke / "smoke" / "report.html").read_text(encoding="utf-8")
    assert "not evidence" in page
    assert (smoke / "smoke" / "report.pdf").read_bytes().startswith(b"%PDF")
    for study in every_study(ROOT, "smoke"):
        if study == VERDICTS:
            assert read_verdicts(smoke / "smoke" / "results" / study / FILE).judgements
        else:
            record = smoke / "smoke" / "record" / study / "record.json"
            assert json.loads(record.read_text())["study"] == study


@pytest.mark.slow
def test_a_second_smoke_report_has_nothing_to_do(smoke):
    def times():
        files = [path for path in (smoke / "smoke").rglob("*.*") if path.name != hold.LOCK]
        return {path: path.stat().st_mtime_ns for path in files}

    before = times()
    again = make_smoke(smoke)
    assert again.stdout.splitlines()[-1].startswith("nothing to do: ")
    assert times() == before


@pytest.mark.slow
@pytest.mark.parametrize("study", every_study(ROOT, "smoke"))
def test_an_executed_study_holds_nothing_of_this_machine(smoke, study):
    text = (smoke / "smoke" / f"{study}.ipynb").read_text(encoding="utf-8")
    assert str(ROOT) not in text and "papermill" not in json.loads(text)["metadata"]
    node = nbformat.reads(text, as_version=4)
    assert all(cell.execution_count for cell in node.cells if cell.cell_type == "code")


# The rules themselves


@pytest.fixture
def root(tmp_path):
    root = make_project(tmp_path)
    pairing.write_notebooks(root)
    return root


def said(tmp_path, text, name="01_number"):
    path = tmp_path / f"{name}.py"
    path.write_text(text)
    return structure.problems(path)


def test_a_study_in_good_form_breaks_no_rule(tmp_path):
    assert said(tmp_path, STUDY) == []


DATA = 'lacks data_dir, which make fills in\\. Add data_dir = "data"'
LONG = ("# %% Count\n" + "x = 1\n" * 24) * 9


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("# # How large", "# ## How large", "first cell is not .* the title"),
        ("**Question.**", "Question.", "no \\*\\*Question.\\*\\* before the first code"),
        ("# %% Measure the number", "# %%", "the cell has no title, which names its fold"),
        (
            '# %% tags=["parameters"]',
            "# %% One",
            "has 0 cells tagged parameters; a study has exactly one",
        ),
        (
            "# %% Measure the number\nprint",
            '# %% Again tags=["parameters"]\nprint',
            "has 2 cells tagged parameters",
        ),
        ("number = 1.0", "number = float(1)", "holds more than assignments of plain values"),
        ("number = 1.0", "print(1)", "line 2 is no assignment"),
        ("number = 1.0", "number[0] = 1", "assigns to more than a name"),
        (
            'data_dir, build_dir, remeasure = "quick", "data", ',
            'build_dir, remeasure = "q", ',
            DATA,
        ),
        ("## Discussion", "## Outlook", "section is 'Outlook'; it must be `## Discussion`"),
        ("# ## Discussion", "# Discussion", r"the last section is '\(none\)'"),
        ("str.upper", "import os\nstr.upper", "not valid Python"),
        ("word = str", "import math\nword = str", "imports again: all imports stand in"),
        ("word = str", "def f(): pass\nword = str", "defines f: definitions belong in"),
        ("word = str", "class F: pass\nword = str", "defines F: definitions belong in"),
        ("word = str", "sys.path.append('.')\nword = str", "touches sys.path"),
        ("word = str", "sys.exit(0)\nword = str", "leaves the notebook early"),
        ("word = str", "word = verdict", "names verdict: a study measures and shows, and 09_verd"),
        ("import statistics", "import studies.claims as s", "names studies.claims: a study meas"),
        ("word = str", "x = 1\n" * 26 + "word = str", "cell 4 has 28 lines of code, more"),
        (
            "# %% Measure the number\nprint",
            LONG + "# %% Measure the number\nprint",
            "2.. lines of code, more than 225",
        ),
        (
            "import os\n",
            f"import {', '.join('abcde')}\n",
            "imports from 9 modules, more than 8: a,",
        ),
    ],
)
def test_a_broken_rule_is_named_with_its_line(tmp_path, before, after, message):
    assert before in STUDY
    problems = said(tmp_path, STUDY.replace(before, after, 1))
    assert len(problems) == 1
    assert re.search(message, problems[0]), problems
    assert problems[0].startswith("01_number.py")


def test_the_notebook_of_verdicts_judges_and_may_be_longer(tmp_path):
    assert said(tmp_path, JUDGING + "\n" + LONG, "09_verdicts") == []
    (problem,) = said(
        tmp_path,
        re.sub("judgements|verdicts|judged|claims", "rows", JUDGING),
        "09_verdicts",
    )
    assert "gives no verdict: it judges the records" in problem
    (problem,) = said(tmp_path, JUDGING.replace("build_dir", "place"), "09_verdicts")
    assert 'lacks build_dir, which make fills in. Add build_dir = "build"' in problem


def test_a_face_counts_as_one_module_whatever_is_taken_from_it(tmp_path):
    names = STUDY.replace("import os\n", "from studies import a, b, c, d, e, f, g, h, i\n")
    assert said(tmp_path, names) == []


def test_cells_know_their_kind_tags_and_line():
    cells = structure.cells(STUDY)
    assert [cell.kind for cell in cells[:3]] == ["markdown", "code", "code"]
    assert cells[1].tags == ("parameters",)
    assert STUDY.splitlines()[cells[1].line - 1].startswith("# %% tags")


def test_defaults_are_read_without_running_anything():
    values = structure.defaults(STUDY, "x")
    assert values["number"] == 1.0 and values["seeds"] == [0, 1] and values["data_dir"] == "data"
    annotated = structure.defaults('# %% tags=["parameters"]\nn: int = 3\n', "x")
    assert annotated == {"n": 3}


def test_defaults_of_a_text_without_parameters_are_an_error():
    with pytest.raises(ReportError, match="x has 0 cells tagged parameters"):
        structure.defaults("# %%\n1\n", "x")


# The pair


def test_a_written_pair_is_right_and_written_once(root):
    assert pairing.problems(root) == []
    assert pairing.write_notebooks(root) == []
    node = nbformat.read(root / "notebooks" / "01_number.ipynb", as_version=4)
    nbformat.validate(node)
    assert len({cell.id for cell in node.cells}) == len(node.cells)
    assert not any(cell.get("outputs") for cell in node.cells)
    assert node.cells[1].metadata.tags == ["parameters"]


def test_the_same_text_gives_the_same_file_also_with_repeated_cells(root):
    text = STUDY + "\n# %% One\nx = 1\n\n# %% Two\nx = 1\n"
    first = nbformat.writes(pairing.notebook(text))
    assert nbformat.writes(pairing.notebook(text)) == first
    ids = [cell.id for cell in pairing.notebook(text).cells]
    assert len(set(ids)) == len(ids)


def test_an_edited_text_is_named_with_both_remedies(root):
    add_study(root, "01_number", STUDY.replace("One number.", "Two numbers."))
    (problem,) = pairing.problems(root)
    assert "01_number.ipynb and 01_number.py differ from cell 7 on" in problem
    assert "make notebooks. " in problem and "make notebooks FROM=ipynb" in problem
    pairing.write_notebooks(root)
    assert pairing.problems(root) == []


def edit(root, change):
    path = root / "notebooks" / "01_number.ipynb"
    node = nbformat.read(path, as_version=4)
    change(node)
    nbformat.write(node, path)


def test_an_edited_notebook_is_named_and_can_be_kept(root):
    def change(node):
        node.cells[3].source += "\nprint(2)"
        node.cells[3].outputs = [nbformat.v4.new_output("stream", text="2")]

    edit(root, change)
    assert "differ from cell 4 on" in pairing.problems(root)[0]
    assert pairing.write_texts(root) == ["01_number.py"]
    text = (root / "notebooks" / "01_number.py").read_text()
    assert text == STUDY.replace('reproduced")\n', 'reproduced")\nprint(2)\n')
    assert "holds outputs" in pairing.problems(root)[0]
    pairing.write_notebooks(root)
    assert pairing.problems(root) == []
    assert pairing.write_texts(root) == []


def test_a_lost_tag_is_a_difference(root):
    edit(root, lambda node: node.cells[1].metadata.pop("tags"))
    assert "differ from cell 2 on" in pairing.problems(root)[0]


def test_what_jupyterlab_adds_on_saving_is_no_difference(root):
    def change(node):
        node.metadata.kernelspec.display_name = "Python 3 (ipykernel)"
        node.metadata.language_info = {"name": "python", "version": "3.12.1"}
        node.cells[3].metadata["jp-MarkdownHeadingCollapsed"] = True
        node.cells[3].id = "other"

    edit(root, change)
    assert pairing.problems(root) == []


def test_a_missing_pair_and_an_orphan_are_errors(root):
    (root / "notebooks" / "01_number.ipynb").rename(root / "notebooks" / "02_orphan.ipynb")
    missing, orphan = pairing.problems(root)
    assert "notebooks/01_number.ipynb is missing. Write it from 01_number.py" in missing
    assert "notebooks/02_orphan.ipynb has no 02_orphan.py beside it" in orphan
    pairing.write_texts(root)
    pairing.write_notebooks(root)
    assert pairing.problems(root) == []


def test_prose_within_code_is_not_counted_as_code():
    source = 'f(\n    x,\n    caption="What is seen, "\n    "and what is not.",\n)\n\n# why\ny = 1'
    cell = structure.Cell(kind="code", tags=(), source=source, line=1)
    assert cell.code_lines == 3  # f(, x, and y = 1
