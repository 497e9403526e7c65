"""The verbs of the Makefile, run for real on a project with one study of a second."""

import json
import os
import sys

import pytest

from tests.sample_report import readme_places
from tests.tiny_project import STUDY, add_study, add_verdicts, make, make_project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A project whose quick report is made; tests that use it leave it up to date."""
    root = make_project(tmp_path_factory.mktemp("project"))
    done = make(root, "report")
    assert done.returncode == 0, done.stderr
    assert "build/quick/report.html\nbuild/quick/report.pdf\n" in done.stdout
    assert done.stdout.rstrip().endswith("minutes")
    return root


def test_studies_share_the_cores_and_a_run_for_evidence_leaves_them_to_torch(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    root = make_project(tmp_path)
    add_study(root, "02_other", STUDY.replace("01_number", "02_other"))
    cores = os.sysconf("SC_NPROCESSORS_ONLN")
    share = {"quick": None if cores == 1 else str(max(cores // min(cores, 4), 1)), "paper": None}
    for profile, threads in share.items():
        done = make(root, "report", f"PROFILE={profile}")
        assert done.returncode == 0, done.stderr
        for name in ("01_number", "02_other"):
            assert f"{name}: executed" in done.stdout
            path = root / "build" / profile / "results" / name / "seen.json"
            assert json.loads(path.read_text())["threads"] == threads
    make(root, "study", "STUDY=01_number", "P=-p number 3", "JOBS=2")
    seen = root / "build" / "custom" / "quick" / "results" / "01_number" / "seen.json"
    assert json.loads(seen.read_text())["threads"] == str(max(cores // 2, 1))


def test_make_alone_lists_the_verbs(tmp_path):
    listed = make(make_project(tmp_path)).stdout
    for verb in "report study test fast check compare notebooks lab publish clean".split():
        assert f"make {verb} " in listed
    assert "01_number" in listed


def test_a_second_report_does_nothing_and_says_so(built):
    before = (built / "build" / "quick" / "report.html").stat().st_mtime_ns
    again = make(built, "report")
    assert again.stdout == "nothing to do: build/quick/report.html is up to date\n"
    assert (built / "build" / "quick" / "report.html").stat().st_mtime_ns == before


def test_touched_files_are_not_changed_files(built):
    for name in ("notebooks/01_number.py", "lib/landscape/__init__.py", "requirements.lock"):
        (built / name).touch()
    assert "nothing to do" in make(built, "report").stdout


def test_a_changed_notebook_executes_again(built):
    path = built / "notebooks" / "01_number.py"
    before = path.read_text()
    path.write_text(before + "# Two numbers.\n")
    assert "01_number: executed" in make(built, "report").stdout
    path.write_text(before)
    assert "01_number: executed" in make(built, "report").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["report", "PROFILE=papre"],
            "PROFILE=papre is unknown. Choose one of smoke, quick, published,",
        ),
        (["report", "PROFILE=smoke quick"], "PROFILE=smoke quick is unknown"),
        (["report", "STUDIES=01_nmber"], "the study 01_nmber is unknown. There are 01_number"),
        (["report", "STUDY=01_number"], "make report takes neither P nor STUDY"),
        (["report", "P=-p number 3"], "for some studies: make report STUDIES="),
        (["study"], "make study needs one name: make study STUDY=01_number"),
        (["study", "STUDY=02_x"], "the study 02_x is unknown"),
        (["notebooks", "FROM=text"], "FROM=text is unknown. Choose py"),
        (["study", "STUDY=01_number", "P=-p nmber 3"], "no parameter 'nmber'"),
        (["report", "JOBS=0"], "JOBS=0 is no number of studies to execute side by side"),
        (["report", "PYTHON=no-python"], "PYTHON=no-python does not run this project"),
        (["report", "PYTHON=python3 -X dev"], "Name one program, of Python 3.11 or newer, without"),
        (["report", "PYTHON="], "PYTHON= does not run this project"),
        (["report", "PYTHON=echo"], "PYTHON=echo does not run this project"),
    ],
)
def test_a_mistake_is_one_clear_error_before_anything_runs(tmp_path, arguments, said):
    done = make(make_project(tmp_path), *arguments)
    assert done.returncode == 2 and said in done.stderr
    assert "Traceback" not in done.stderr and "executed" not in done.stdout
    assert not list((tmp_path / "build").glob("*/*"))


VERBS = {"STUDY": "study", "P": "study", "T": "test", "B": "bench", "FROM": "notebooks"}
VALUES = [
    "$(shell touch made)",
    "'; touch made; '",
    '"; touch made; "',
    "`touch made`",
    "a\ntouch made",
]


@pytest.mark.parametrize(
    "variable", "PROFILE STUDIES STUDY P T B FROM JOBS REMEASURE BUILD_DIR VENV".split()
)
def test_no_value_is_executed(tmp_path, variable):
    root = make_project(tmp_path)
    verb = [VERBS.get(variable, "report")]
    if variable == "P":
        verb.append("STUDY=01_number")
    for value in VALUES:
        done = make(root, *verb, f"{variable}={value}")
        assert done.returncode == 2 and "refused: " in done.stderr and not done.stdout
    assert not (root / "made").exists() and not (root / "build").exists()


def test_a_program_that_is_no_python_is_not_executed_as_words_of_a_shell(tmp_path):
    root = make_project(tmp_path)
    for value in VALUES:
        done = make(root, "report", f"PYTHON={value}")
        assert done.returncode == 2 and "does not run this project" in done.stderr
    assert not (root / "made").exists()


def test_folders_of_data_and_of_python_may_have_any_name(tmp_path):
    (tmp_path / "project").mkdir()
    root = make_project(tmp_path / "project")
    odd = tmp_path / 'it\'s "here"; touch made #1'
    odd.mkdir()
    (odd / "python").symlink_to(sys.executable)
    done = make(root, "study", "STUDY=01_number", f"DATA_DIR={odd}")
    assert f"number 2.0 in {odd}\n" in done.stdout, done.stderr
    assert make(root, f"PYTHON={odd}/python").returncode == 0
    assert not (root / "made").exists()


def test_a_failing_study_fails_make_and_is_not_taken_for_done(tmp_path):
    root = make_project(tmp_path)
    add_study(root, "01_number", STUDY.replace("str.upper(", "1 / 0 or ("))
    for _ in range(2):
        done = make(root, "report")
        assert done.returncode == 2
        assert "notebooks/01_number.py: cell 4" in done.stderr
        assert "ZeroDivisionError" in done.stderr
    assert (root / "build" / "quick" / "01_number.failed.ipynb").exists()
    assert not (root / "build" / "quick" / "report.html").exists()


def test_a_study_is_added_by_its_own_files_and_two_run_side_by_side(tmp_path):
    root = make_project(tmp_path)
    add_study(root, "02_other", STUDY.replace('"01_number"', '"02_other"'))
    add_verdicts(root)
    done = make(root, "-j2", "report", "PROFILE=smoke")
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    report = (root / "build" / "smoke" / "report.html").read_text()
    assert report == "01_number 02_other 09_verdicts"
    assert "09_verdicts: judged 01_number 02_other" in done.stdout
    assert "nothing to do" in make(root, "report", "PROFILE=smoke").stdout
    (root / "build" / "smoke" / "record" / "02_other" / "entries.csv").write_text("entry\n")
    again = make(root, "report", "PROFILE=smoke").stdout
    assert "09_verdicts: executed" in again and "02_other: executed" not in again


def test_verdicts_alone_judge_the_records_that_are_there(tmp_path):
    root = make_project(tmp_path)
    add_verdicts(root)
    done = make(root, "study", "STUDY=09_verdicts")
    assert done.returncode == 2 and "judges the records in build/quick/record" in done.stderr
    make(root, "study", "STUDY=01_number")
    for verb in (["study", "STUDY=09_verdicts"], ["report", "STUDIES=09_verdicts"]):
        done = make(root, *verb)
        assert done.returncode == 0 and "01_number: executed" not in done.stdout, done.stderr
    assert (root / "build" / "quick" / "report.html").read_text() == "09_verdicts"


def test_stale_numbers_are_measured_again_when_the_environment_asks(tmp_path, monkeypatch):
    root = make_project(tmp_path)
    monkeypatch.setenv("REMEASURE", "stale")
    for _ in range(2):
        assert "01_number: executed" in make(root, "report").stdout
    seen = json.loads((root / "build/quick/results/01_number/seen.json").read_text())
    assert seen["remeasure"] == "stale"
    monkeypatch.delenv("REMEASURE")
    assert "nothing to do" in make(root, "report").stdout


def test_changed_words_of_the_opening_are_judged_anew(tmp_path):
    root = make_project(tmp_path)
    add_verdicts(root)
    assert make(root, "report").returncode == 0
    (root / "report" / "opening.toml").write_text("x = 1\n")
    again = make(root, "report").stdout
    assert "09_verdicts: executed" in again and "01_number: executed" not in again
    assert "nothing to do" in make(root, "report").stdout


def test_a_paper_run_is_published_and_reported_again_without_data(tmp_path):
    root = make_project(tmp_path)
    add_verdicts(root)
    (root / "README.md").write_text(readme_places())
    refused = make(root, "report", "PROFILE=published")
    assert refused.returncode == 2 and "which holds no study" in refused.stderr
    assert make(root, "report", "PROFILE=paper").returncode == 0
    done = make(root, "publish")
    assert done.returncode == 0, done.stderr
    published = root / "report" / "published"
    names = sorted(path.name for path in published.iterdir())
    assert names == ["record", "report.html", "report.pdf", "verdicts.json"]
    assert (published / "report.html").read_text() == "01_number 09_verdicts"
    assert "| S1.1 It is large. | It is 2. | **reproduced** |" in (root / "README.md").read_text()
    make(root, "clean-all")  # as in a fresh clone
    add_study(root, "02_new", STUDY.replace('"01_number"', '"02_new"'))
    done = make(root, "report", "PROFILE=published", "DATA_DIR=nowhere")
    assert done.returncode == 0, done.stderr
    assert "measured" not in done.stdout and "02_new" not in done.stdout
    assert "is what this tree makes of its record" in make(root, "compare").stdout
    notebook = root / "notebooks" / "09_verdicts.py"
    notebook.write_text(notebook.read_text().replace("1.25", "1.5"))
    assert make(root, "report", "PROFILE=published").returncode == 0
    done = make(root, "compare")
    assert done.returncode == 2 and "09_verdicts/verdicts.json, line 1: " in done.stderr
    assert make(root, "publish", "P=--report").returncode == 0
    assert make(root, "compare").returncode == 0


def test_own_parameters_leave_the_report_alone_and_say_where_they_are(built):
    done = make(built, "study", "STUDY=01_number", "P=-p number 9")
    assert done.returncode == 0, done.stderr
    assert "build/custom/quick/01_number.ipynb\n" in done.stdout
    assert "build/custom/quick/results/01_number\n" in done.stdout
    assert "nothing to do" in make(built, "report").stdout
    alone = make(built, "study", "STUDY=01_number")
    assert alone.stdout == "nothing to do: build/quick/01_number.ipynb is up to date\n"


def test_clean_keeps_records_and_the_store_and_says_so(tmp_path):
    root = make_project(tmp_path)
    record = "paper/record/01_number/record.json"
    for name in ("quick/report.html", "custom/quick/x", "store/entry", "elsewhere/x", record):
        (root / "build" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "build" / name).touch()
    (root / "build" / "custom" / "store").symlink_to("../store")
    said = make(root, "clean").stdout
    assert "kept: build/store" in said and "make clean-all removes it" in said
    assert "kept: build/paper/record" in said and (root / "build" / record).exists()
    names = sorted(path.name for path in (root / "build").iterdir())
    assert names == ["elsewhere", "paper", "store"]
    assert (root / "build" / "store" / "entry").exists()
    make(root, "clean-all")
    assert not (root / "build" / "store").exists() and not (root / "build" / record).exists()
