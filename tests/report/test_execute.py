"""One study through papermill: what is kept, what is said, and what is refused beforehand."""

import io
import json
import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest

from report.errors import ReportError
from report.execute import _portable, _settle, custom, execute
from report.inputs import write_inputs
from report.parameters import parameters
from report.settings import choose
from report.structure import GIVEN
from tests.tiny_project import STUDY, add_study, make_project

pytestmark = pytest.mark.slow

WORK = 'word = str.upper("reproduced")'  # the line of STUDY that the failures replace


@pytest.fixture
def root(tmp_path):
    return make_project(tmp_path)


def run(root, *, overrides=(), profile="quick"):
    settings = choose(root, profile=profile)
    log = io.StringIO()
    path = execute(settings, "01_number", parameters(settings, "01_number", overrides), log=log)
    return path, log.getvalue()


def seen_by(root, profile="quick"):
    path = root / "build" / profile / "results" / "01_number" / "seen.json"
    return json.loads(path.read_text())


# What a good execution gives


def test_a_study_runs_with_its_profile_in_the_running_python(root, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    path, log = run(root)
    seen = seen_by(root)
    assert path == root / "build" / "quick" / "01_number.ipynb"
    assert (seen["number"], seen["seeds"]) == (2.0, [0, 1])
    assert (seen["python"], seen["cwd"]) == (sys.executable, str(root))
    assert (seen["hash"], seen["threads"]) == ("0", "3")
    assert log.splitlines()[0] == f"01_number: number 2.0 in {root}/data"
    assert log.splitlines()[1] == "01_number: 0.5"
    assert os.environ.get("PYTHONHASHSEED") != "0" or "PYTHONHASHSEED" in os.environ


def test_the_executed_notebook_holds_no_time_and_no_path_of_this_machine(root):
    run(root)  # which measures, and says so
    path, _ = run(root)
    first = path.read_bytes()
    assert str(root).encode() not in first and b"papermill" not in first
    node = nbformat.read(path, as_version=4)
    assert all("execution" not in cell.metadata for cell in node.cells)
    assert 'data_dir = "data"' in node.cells[2].source
    nbformat.validate(node)
    run(root)
    assert path.read_bytes() == first


def test_paths_are_written_as_a_person_at_the_root_would(tmp_path):
    settings = choose(make_project(tmp_path), profile="quick", data_dir="../shared")
    text = f"{tmp_path.parent}/shared/x.npz {tmp_path}/lib/a.py in {tmp_path}"
    assert _portable([text], settings) == ["../shared/x.npz lib/a.py in ."]
    assert _portable("/any/ipykernel_12/345.py:3: UserWarning", settings) == "<cell>:3: UserWarning"


def test_a_folder_far_from_the_root_shows_its_name_and_not_where_it_lies(tmp_path):
    root = make_project(tmp_path)
    settings = choose(root, profile="quick", data_dir="/far/away/data", build_dir="../../b/made")
    text = f'data_dir = "{settings.data_dir}", build_dir = "{settings.build_dir}"'
    assert _portable(text, settings) == 'data_dir = "data", build_dir = "made"'


def test_of_an_overwritten_progress_bar_the_last_state_stays():
    assert _settle("loading\n 10%\r 50%\r100%\ndone\r\n") == "loading\n100%\ndone\r\n"


def test_own_parameters_run_apart_from_the_report_and_share_the_store(root):
    run(root)
    before = seen_by(root)
    settings = custom(choose(root, profile="quick"))
    values = parameters(settings, "01_number", [("number", "5"), ("seeds", "[7]")])
    path = execute(settings, "01_number", values, log=io.StringIO())
    assert path == root / "build" / "custom" / "quick" / "01_number.ipynb"
    own = json.loads((path.parent / "results" / "01_number" / "seen.json").read_text())
    assert (own["number"], own["seeds"]) == (5, [7])
    assert seen_by(root) == before
    (settings.build_dir / "store" / "entry").touch()
    assert (root / "build" / "store" / "entry").exists()


# What a failure leaves and says


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1 / 0", r"cell 4, line 35 of the file, `print\(.*`: ZeroDivisionError: division by"),
        ("sys.exit(0)", "01_number stopped after cell 5 .* before its end. Remove sys.exit"),
        ("os.kill(os.getpid(), 9)", r"cell 4, line 35 .*: the kernel died"),
    ],
)
def test_a_failing_cell_is_named_and_kept(root, line, said):
    run(root)
    add_study(root, "01_number", STUDY.replace(WORK, line))
    with pytest.raises(ReportError, match=said):
        run(root)
    folder = root / "build" / "quick"
    assert not (folder / "01_number.ipynb").exists()
    assert not (folder / "results" / "01_number").exists()
    kept = nbformat.read(folder / "01_number.failed.ipynb", as_version=4)
    assert "number = 2.0" in str(kept.cells)
    assert not list(folder.glob(".*running*"))
    add_study(root, "01_number", STUDY)
    run(root)
    assert not (folder / "01_number.failed.ipynb").exists()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_study_is_kept_as_failed(root, sent):
    slow = "import time; (Path(build_dir) / 'begun').touch(); time.sleep(60)"
    add_study(root, "01_number", STUDY.replace(WORK, slow))
    command = [sys.executable, "-m", "report", "execute"]
    # A shell lets what it starts in the background ignore interrupts, also these tests.
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    process = subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True, **heard)
    deadline = time.monotonic() + 60
    while not (root / "build" / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(sent)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "cell 4, line 35 of the file" in said and "interrupted" in said
    assert (root / "build" / "quick" / "01_number.failed.ipynb").exists()
    assert not (root / "build" / "quick" / "01_number.ipynb").exists()


# What an execution depends on


def inputs(root, **request):
    settings = choose(root, profile="quick", **request)
    write_inputs(settings)
    path = settings.profile_dir / "inputs" / "01_number.json"
    return path.read_text(), path.stat().st_mtime_ns


def test_inputs_are_rewritten_only_when_content_changes(root):
    before = inputs(root)
    for path in root.rglob("*.py"):
        path.touch()
    (root / "lib" / "landscape" / "__pycache__").mkdir()
    (root / "lib" / "landscape" / "__pycache__" / "x.pyc").touch()
    (root / "README.md").write_text("text")
    (root / "notebooks" / "profiles" / "smoke" / "01_number.yaml").write_text("number: 7.0\n")
    assert inputs(root) == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("notebooks/01_number.py", STUDY + "# more\n"),
        ("notebooks/profiles/quick/01_number.yaml", "number: 3.0\n"),
        ("lib/landscape/__init__.py", "# changed\n"),
        ("lib/landscape/models/new.py", "# added\n"),
        ("requirements.lock", "numpy==1.0\n"),
        ("report/execute.py", "# changed\n"),
        ("data/digits.npz", "the archive that `label` names"),
    ],
)
def test_inputs_change_with_what_a_study_depends_on(root, name, text):
    before = inputs(root)
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)
    changed = inputs(root)
    assert changed[0] != before[0]
    (root / name).unlink()
    if "digits" in name or "new" in name:
        assert inputs(root)[0] == before[0]


def test_inputs_change_with_the_folder_of_the_data(root):
    assert inputs(root)[0] != inputs(root, data_dir="elsewhere")[0]


# What is refused before anything runs


def test_an_unknown_profile_is_refused(root):
    with pytest.raises(
        ReportError, match=r"PROFILE=papre is unknown. Choose one of smoke, quick, p"
    ):
        choose(root, profile="papre")


def test_an_unknown_study_is_refused_with_the_nearest(root):
    with pytest.raises(ReportError, match=r"01_numbr is unknown. .*did you mean 01_number\?"):
        choose(root, profile="quick", studies="01_numbr")


def test_a_project_without_studies_is_refused(tmp_path):
    with pytest.raises(ReportError, match="no study in"):
        choose(tmp_path, profile="quick")


def test_studies_are_separated_by_spaces_or_commas(root):
    add_study(root, "02_more", STUDY)
    assert choose(root, profile="quick").studies == ("01_number", "02_more")
    both = choose(root, profile="quick", studies="02_more, 01_number")
    assert both.studies == ("01_number", "02_more")


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("numbr: 2.0", r"quick/01_number.yaml: 01_number has no parameter 'numbr'.*mean number\?"),
        ("number: 1e-3", r"number is '1e-3', a str; .* a float \(YAML reads 1e-3 as text"),
        ("seeds: [a, b]", r"seeds is \['a', 'b'\], a list; the notebook's own value \[0, 1\]"),
        ("seeds: 3", "seeds is 3, a int"),
        ("fast: 1", "fast is 1, a int"),
        ("label: 7", "label is 7, a int"),
        ("data_dir: x", r"data_dir is filled in by make. Give it as DATA_DIR="),
        ("remeasure: stale", r"remeasure is filled in by make. Give it as REMEASURE="),
        ("- number", r"holds a list; write lines `name: value`"),
        ("a: b: c", "is not valid YAML"),
    ],
)
def test_a_wrong_profile_file_is_one_error_before_anything_runs(root, yaml, said):
    (root / "notebooks" / "profiles" / "quick" / "01_number.yaml").write_text(yaml)
    with pytest.raises(ReportError, match=said):
        write_inputs(choose(root, profile="quick"))
    assert not (root / "build").exists()


def test_a_missing_profile_file_is_named(root):
    (root / "notebooks" / "profiles" / "quick" / "01_number.yaml").unlink()
    with pytest.raises(ReportError, match=r"notebooks/profiles/quick/01_number\.yaml is missing"):
        write_inputs(choose(root, profile="quick"))


def test_an_empty_profile_file_keeps_the_notebooks_values(root):
    (root / "notebooks" / "profiles" / "quick" / "01_number.yaml").write_text("# nothing\n")
    settings = choose(root, profile="quick")
    assert set(parameters(settings, "01_number")) == set(GIVEN)
