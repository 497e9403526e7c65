"""Rows of the table of equivalent versions, from two commits of a small project."""

import csv
import json
import re
import subprocess

import pytest

from report import equivalent
from report.equivalent import COLUMNS, append
from report.errors import ReportError
from report.versions import TABLE, published_code
from tests.sample_versions import publish, versions_by_name, write_library

pytestmark = pytest.mark.slow

SHOWN = "smoke at both commits: 3 results files are the same, to the byte"


def git(root, *arguments):
    identity = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", str(root), *identity, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(root):
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "x")
    return git(root, "rev-parse", "HEAD")


def edit(root, before, after, module="half"):
    path = root / "lib" / "own" / f"{module}.py"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


_VERSIONS = {}


@pytest.fixture(autouse=True)
def _each_library_is_read_once(monkeypatch):
    """Keep versions by the content of ``lib``: reading them starts a process with all of torch."""
    read = equivalent._versions_at

    def versions_at(root, commit):
        content = git(root, "rev-parse", f"{commit}:lib")
        if content not in _VERSIONS:
            _VERSIONS[content] = read(root, commit)
        return _VERSIONS[content]

    monkeypatch.setattr(equivalent, "_versions_at", versions_at)


@pytest.fixture
def project(tmp_path):
    """A repository of two commits; the second changes how ``half`` computes the same numbers."""
    write_library(tmp_path)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_a.py").write_text("")
    git(tmp_path, "init", "--quiet")
    publish(tmp_path, "01_a", versions_by_name(tmp_path), commit(tmp_path))
    edit(tmp_path, "x / 2", "x * 0.5")
    commit(tmp_path)
    return tmp_path


def rows(project):
    with open(project / TABLE, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_published_function_that_changed_gets_a_row_and_its_results_stay_valid(project):
    origins = project / "report/published/record/01_a/origins.json"
    (before,) = (origin["code"] for origin in json.loads(origins.read_text()).values())
    after = versions_by_name(project)
    assert re.search(r"1 entry stale: f, half changed since \w{7}$", published_code(project)[0])
    added = append(project, start="HEAD~1", shown=SHOWN)
    assert added == rows(project)
    assert added == [
        {
            "name": name,
            "from_version": before[name],
            "to_version": after[name],
            "from_commit": git(project, "rev-parse", "HEAD~1")[:7],
            "to_commit": git(project, "rev-parse", "HEAD")[:7],
            "studies": "",
            "shown": SHOWN,
        }
        for name in ("f", "half")
    ]
    assert published_code(project)[0].endswith("; none stale")


def test_a_function_and_its_row_are_added_once(project):
    assert len(append(project, start="HEAD~1", shown=SHOWN, names=["half"])) == 1
    assert append(project, start="HEAD~1", shown="again", names=["half"], studies=["01_a"]) == []
    assert [row["name"] for row in append(project, start="HEAD~1", shown=SHOWN)] == ["f"]
    assert [row["name"] for row in rows(project)] == ["half", "f"]


def test_a_row_for_a_study_leaves_room_for_one_that_holds_for_all(project):
    for studies in (["01_a"], []):
        (row,) = append(project, start="HEAD~1", shown=SHOWN, names=["half"], studies=studies)
        assert row["studies"] == " ".join(studies)


def test_working_files_do_not_count_and_a_function_may_move(project):
    (project / "lib" / "own" / "half.py").rename(project / "lib" / "own" / "moved.py")
    edit(project, "own.half", "own.moved", "f")
    edit(project, "x * 0.5", "0.5 * x", "moved")
    moved = versions_by_name(project)
    commit(project)
    edit(project, "0.5 * x", "x * 7", "moved")
    added = append(project, start="HEAD~2", end="HEAD", shown=SHOWN)
    assert {row["name"]: row["to_version"] for row in added} == moved


def test_functions_that_did_not_change_get_no_row(project):
    edit(project, "half(x)", "half(x) + 0", "f")
    commit(project)
    assert [row["name"] for row in append(project, start="HEAD~1", shown=SHOWN)] == ["f"]


def test_recorded_versions_stand_for_a_commit(project):
    path = publish(project, "01_a", {"f": "a" * 64, "gone": "b" * 64})
    (row,) = append(project, start="HEAD~1", shown=SHOWN, recorded=path)
    assert (row["name"], row["from_version"]) == ("f", "a" * 64)
    path.write_text(json.dumps({"o1": {"code": {"f": "c" * 64}}, "o2": {"code": {"f": "d" * 64}}}))
    added = append(project, start="HEAD~1", shown=SHOWN, names=["f"], recorded=path)
    assert [row["from_version"][0] for row in added] == ["c", "d"]


def refused(project, match, **options):
    before = (project / TABLE).read_text() if (project / TABLE).is_file() else None
    with pytest.raises(ReportError, match=match):
        append(project, **{"start": "HEAD~1", "shown": SHOWN, **options})
    assert before == ((project / TABLE).read_text() if (project / TABLE).is_file() else None)


def test_what_cannot_be_added_is_refused_with_what_to_do(project):
    refused(project, "--shown is empty: say what showed", shown="  ")
    refused(project, "the study 02_b is unknown: 01_a", studies=["02_b"])
    refused(project, "'nowhere' names no commit of .*git log", start="nowhere")
    refused(project, "there is no g before the change", names=["g"])
    refused(project, "holds no versions of code", recorded=project / "lib" / "own" / "f.py")
    publish(project, "01_a", None)
    refused(project, "no published result names its code.*pass --names")


def test_a_function_deleted_since_has_no_second_version(project):
    (project / "lib" / "own" / "f.py").unlink()
    commit(project)
    refused(project, "there is no f after the change", names=["f"])
    assert [row["name"] for row in append(project, start="HEAD~2", shown=SHOWN)] == ["half"]


def test_a_name_of_several_functions_is_refused_where_it_is_not_clear_which_is_meant(project):
    path = publish(project, "01_a", {"f": "a" * 64})
    (project / "lib" / "own" / "twin.py").write_text("def f(x):\n    return x + 1\n")
    commit(project)
    match = r"f stands for several functions: own.f, own.twin.*leave it out by --names"
    refused(project, match, recorded=path)
    assert len(append(project, start="HEAD~2", shown=SHOWN, names=["f"])) == 1


def test_another_table_is_not_written_into(project):
    (project / TABLE).parent.mkdir(parents=True)
    (project / TABLE).write_text("name,why\n")
    refused(project, "does not begin with 'name,from_version.*take it from git again")


def test_a_commit_without_versions_of_code_asks_for_recorded_ones(project):
    (project / "lib" / "landscape").mkdir()
    (project / "lib" / "landscape" / "__init__.py").write_text("")
    commit(project)
    refused(project, "older than versions of code.*--recorded", start="HEAD")


def test_the_columns_are_those_that_the_library_reads():
    from studies import staleness

    assert COLUMNS == staleness.COLUMNS
