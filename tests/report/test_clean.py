"""The clean verbs: what make made and marked goes, everything else stays."""

import os
import shutil
import subprocess

import pytest

from report import clean, folders
from report.errors import ReportError
from tests.tiny_project import make, make_project

pytestmark = pytest.mark.slow

RECORD = "record/01_number/record.json"
REPORT, HERE = "Made by landscape-report", folders.MARKER


@pytest.fixture
def root(tmp_path):
    """A project in a git repository, with a tracked bench/ and a folder that is the reader's."""
    root = tmp_path / "project"
    root.mkdir()
    make_project(root)
    fill(root, "bench/spectrum.py", "store/mine", "mine/quick/thesis.tex")
    (root / ".gitignore").write_text("/build/\n/mine/\n")
    identity = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run(["git", *identity, *words], cwd=root, check=True)
    return root


def fill(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def build(folder):
    """Make a marked build folder with all of the project's parts and a file of the reader's."""
    folders.mark(folder, folders.BUILD)
    fill(
        folder,
        "smoke/a",
        "quick/inputs/a",
        "paper/a",
        "custom/quick/a",
        "paper/record/01_number/record.json",
        "custom/paper/record/01_number/record.json",
        "published/record/01_number/record.json",
        "store/a",
        "bench/a",
        "own",
    )
    (folder / "custom" / "store").symlink_to("../store")
    return folder


def everything(folder):
    """Return the names of all that lies in a folder, but for what Python and git write."""
    names = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    return {name for name in names if not name.startswith(".git/") and "__pycache__" not in name}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# What is removed


@pytest.mark.parametrize("place", ["build", "results", "/elsewhere"])
def test_clean_removes_the_results_and_clean_all_the_store(root, tmp_path, place):
    folder = build(tmp_path / "elsewhere" if place == "/elsewhere" else root / place)
    given = str(folder) if place == "/elsewhere" else place
    before = everything(root) - {given} - {f"{given}/{name}" for name in everything(folder)}
    done = make(root, "clean", f"BUILD_DIR={given}")
    assert done.returncode == 0, done.stderr
    removed, *records, store, peers, own = done.stdout.splitlines()
    assert removed == "removed: " + ", ".join(
        f"{given}/{name}" for name in ("smoke", "quick", "published", "paper", "custom")
    )
    kept = [f"kept: {given}/{name}/record (" for name in ("custom/paper", "paper")]
    assert [line.startswith(start) for line, start in zip(records, kept, strict=True)] == [True] * 2
    assert records[1].endswith("), what was measured; make clean-all removes it")
    assert store.startswith(f"kept: {given}/store (")
    assert store.endswith("), computed results; make clean-all removes it")
    assert peers.startswith(f"kept: {given}/bench (")
    assert own == f"kept: {given}/own, which make did not make"
    assert names(folder) == [HERE, "bench", "custom", "own", "paper", "store"]
    assert everything(folder / "paper") == {"record", "record/01_number", RECORD}
    done = make(root, "clean-all", f"BUILD_DIR={given}")
    parts = ("paper", "custom", "store", "bench")
    assert done.stdout.splitlines() == [
        "removed: " + ", ".join(f"{given}/{part}" for part in parts),
        own,
    ]
    assert names(folder) == [HERE, "own"]
    assert everything(root) >= before


def test_a_build_folder_goes_with_the_last_thing_in_it(root):
    (build(root / "build") / "own").unlink()
    assert make(root, "clean-all").stdout == "removed: build\n"
    assert not (root / "build").exists()
    assert make(root, "clean-all").stdout == "nothing to remove\n"


def test_clean_all_removes_the_marked_environment_and_its_lock(root):
    venv = root / "own.venv"
    folders.mark(venv, folders.VENV)
    fill(root, "own.venv/bin/python", "own.venv.lock")
    assert make(root, "clean", "VENV=own.venv").stdout == "nothing to remove\n"
    assert make(root, "clean-all", "VENV=own.venv").stdout == "removed: own.venv\n"
    assert not venv.exists() and not (root / "own.venv.lock").exists()


def test_a_lock_file_that_holds_something_is_kept(root):
    folders.mark(root / "poetry", folders.VENV)
    (root / "poetry.lock").write_text("[[package]]")
    make(root, "clean-all", "VENV=poetry")
    assert not (root / "poetry").exists() and (root / "poetry.lock").exists()


def test_an_environment_of_an_earlier_version_is_known_by_its_stamp(root):
    fill(root, ".venv/landscape-environment.json", ".venv/bin/python")
    assert make(root, "clean-all", "VENV=.venv").stdout == "removed: .venv\n"


@pytest.mark.parametrize("shows", ["quick/inputs/01_number.json", "store/name/0af3/sha256.json"])
def test_a_build_folder_of_an_earlier_version_is_known_by_its_files(root, shows):
    fill(root / "old", shows, "paper/a", "store/a")
    assert "removed: old/" in make(root, "clean", "BUILD_DIR=old").stdout
    assert set(names(root / "old")) - {HERE} == {"store"}
    assert make(root, "clean-all", "BUILD_DIR=old").stdout == "removed: old\n"


def test_an_interrupted_removal_of_an_environment_can_go_on(root, monkeypatch):
    venv = root / ".venv"
    fill(root, ".venv/landscape-environment.json", ".venv/lib/a", ".venv/z")

    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(folders.shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        clean.clean("build", ".venv", everything=True, root=root)
    (venv / "landscape-environment.json").unlink(missing_ok=True)
    monkeypatch.undo()
    clean.clean("build", ".venv", everything=True, root=root)
    assert not venv.exists()


# What stays


FOREIGN = [
    (
        "BUILD_DIR=.",
        r"BUILD_DIR=. is the project itself, so nothing is removed. Only a build folder",
    ),
    ("BUILD_DIR=..", "BUILD_DIR=.. holds the project"),
    ("BUILD_DIR=/", "BUILD_DIR=/ holds the project"),
    ("BUILD_DIR=", "BUILD_DIR= is empty. Name a folder, for example BUILD_DIR=build"),
    ("BUILD_DIR=lib", "BUILD_DIR=lib was not made by this project (it holds landscape)"),
    ("BUILD_DIR=bench", "BUILD_DIR=bench was not made by this project (it holds spectrum.py)"),
    ("BUILD_DIR=mine", "BUILD_DIR=mine was not made by this project (it holds quick)"),
    ("BUILD_DIR=Makefile", "BUILD_DIR=Makefile is no folder"),
    ("BUILD_DIR=a b", "BUILD_DIR=a b holds a space"),
    ("VENV=lib", "VENV=lib was not made by this project (it holds landscape)"),
    ("VENV=.", "VENV=. is the project itself"),
    ("VENV=mine", "leave it out here: make clean-all VENV="),
    ("VENV=results", "VENV=results is a build folder that this project made, and no virtual env"),
]


@pytest.mark.parametrize(("given", "said"), FOREIGN)
def test_folders_that_make_did_not_make_survive(root, given, said):
    build(root / "build")
    build(root / "results")
    before = everything(root)
    done = make(root, "clean-all", given)
    assert done.returncode == 2 and said in done.stderr and not done.stdout
    assert "Traceback" not in done.stderr
    assert everything(root) == before


def test_tracked_files_survive_even_under_a_marker(root):
    shutil.copy(build(root / "build") / HERE, root / "bench" / HERE)
    shutil.copy(root / "build" / HERE, root / HERE)
    before = everything(root)
    for given, said in (("bench", "holds files that git tracks"), (".", "is the project itself")):
        done = make(root, "clean-all", f"BUILD_DIR={given}")
        assert f"BUILD_DIR={given} {said}, so nothing is removed" in done.stderr
    assert everything(root) == before


def test_what_a_link_leads_to_survives(root, tmp_path):
    aside = build(tmp_path / "aside")
    before = everything(aside)
    (root / "link").symlink_to(aside)
    said = make(root, "clean-all", "BUILD_DIR=link/").stderr
    assert f"BUILD_DIR=link/ is a link to {aside.resolve()}, which has to be named itself" in said
    folders.mark(root / "build", folders.BUILD)
    (root / "build" / "store").symlink_to(aside / "store")
    fill(root, "build/quick/a")
    said = make(root, "clean").stderr
    assert f"build/store is a link to {aside.resolve() / 'store'}, so nothing is removed" in said
    assert (root / "build" / "quick" / "a").exists() and everything(aside) == before


@pytest.mark.parametrize("given", ["", ".", "lib", "bench", "mine"])
def test_the_program_itself_refuses_what_make_would(root, given):
    before = everything(root)
    with pytest.raises(ReportError, match=r"is empty|is the project itself|was not made by"):
        clean.clean(given, everything=True, root=root)
    assert everything(root) == before


def test_the_home_folder_survives_even_under_a_marker(root, tmp_path, monkeypatch):
    home = build(tmp_path / "home")
    monkeypatch.setenv("HOME", str(home))
    with pytest.raises(ReportError, match="is your home folder itself, so nothing is removed"):
        clean.clean(str(home), everything=True, root=root)
    monkeypatch.setenv("HOME", str(home / "quick"))
    with pytest.raises(ReportError, match="holds your home folder"):
        clean.clean(str(home), everything=True, root=root)
    assert (home / "store" / "a").exists()


def test_nothing_is_removed_when_one_of_two_folders_is_foreign(root):
    before = everything(build(root / "build"))
    assert make(root, "clean-all", "VENV=lib").returncode == 2
    assert everything(root / "build") == before


# Who marks


def test_report_and_study_mark_the_build_folder(root):
    for verb in (["report"], ["study", "STUDY=01_number", "P=-p number 3"]):
        folder = f"{verb[0]}_made"
        (root / folder).mkdir()  # an empty one is the reader's to give
        done = make(root, *verb, "PROFILE=smoke", f"BUILD_DIR={folder}")
        assert done.returncode == 0, done.stderr
        (text,) = (root / folder / HERE).read_text().splitlines()
        assert text.startswith(REPORT) and "This is a build folder" in text
        (root / folder / "own").touch()
        assert make(root, "clean-all", f"BUILD_DIR={folder}").returncode == 0
        assert names(root / folder) == [HERE, "own"]


def test_the_projects_own_build_folder_may_hold_a_papermill_run(root):
    fill(root, "build/own.ipynb", "build/own/quick/results/a")
    assert make(root, "report", "PROFILE=smoke").returncode == 0
    make(root, "clean-all")
    assert names(root / "build") == [HERE, "own", "own.ipynb"]


def test_a_refused_folder_is_neither_written_nor_marked(root):
    for given in ("lib", "mine", ".", "lib/new"):
        before = everything(root)
        done = make(root, "report", f"BUILD_DIR={given}")
        assert done.returncode == 2 and f"refused: BUILD_DIR={given} " in done.stderr
        assert everything(root) == before


def test_a_marker_that_cannot_be_written_is_one_clear_error(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(
        ReportError, match=r"build folder .*cannot be written: Not a directory\. Name"
    ):
        folders.mark(tmp_path / "file" / "x", folders.BUILD)


def test_git_hooks_do_not_point_the_question_to_their_own_repository(root, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    assert folders.holds_tracked_files(root / "bench")
    monkeypatch.setenv("PATH", os.devnull)
    assert not folders.holds_tracked_files(root / "bench")
