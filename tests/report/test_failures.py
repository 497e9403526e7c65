"""What a failed execution says: one line for a full disk, whatever noticed it first."""

import errno

import nbformat
import papermill
import pytest

from report import __main__ as verbs
from report import failures
from report.settings import choose
from tests.tiny_project import make_project


@pytest.fixture
def settings(tmp_path):
    return choose(make_project(tmp_path), profile="quick")


def cell_error(evalue, ename="OSError"):
    return papermill.PapermillExecutionError(
        cell_index=0, exec_count=1, source="x", ename=ename, evalue=evalue, traceback=[]
    )


def chained(last):
    """An error that hides the one of the full disk, as a half-written notebook does."""
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError:
            raise last  # noqa: B904
    except type(last) as error:
        return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), ""),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), ""),
        (chained(ValueError("does not appear to be JSON")), ""),
        (cell_error("[Errno 28] the disk at /x is full"), "the disk at /x is full"),
        (cell_error("[Errno 28] No space left on device: '/x/y'"), ""),
        (cell_error("[Errno 13] Permission denied"), None),
        (cell_error("[Errno 28] looks like it", ename="ValueError"), None),
        (OSError(errno.EACCES, "Permission denied"), None),
        (ValueError("no"), None),
    ],
)
def test_a_full_disk_is_known_through_whatever_hides_it(error, said):
    assert failures.full_disk(error) == said


def test_a_full_disk_is_one_line_with_disk_place_and_what_is_kept(settings):
    error = cell_error("[Errno 28] the disk at /x is full: 2.0 MB were to be written")
    place = "notebooks/01_number.py: cell 4, line 9 of the file, `x = 1`: OSError: no space\nmore"
    line = failures.without_room(error, place, settings)
    assert line == (
        "the disk at /x is full: 2.0 MB were to be written (notebooks/01_number.py: cell 4, "
        f"line 9 of the file, `x = 1`). {failures.AGAIN}"
    )
    line = failures.without_room(OSError(errno.ENOSPC, "no"), "notebooks/a.py: OSError", settings)
    assert line.startswith("the disk at / is full: ") and "\n" not in line
    assert str(settings.build_dir) in line and "written before is kept" in line


def test_half_a_notebook_is_no_notebook(tmp_path):
    path = tmp_path / "half.ipynb"
    assert failures.readable(path) is None
    whole = nbformat.writes(nbformat.v4.new_notebook())
    path.write_text(whole[: len(whole) // 2])
    assert failures.readable(path) is None
    path.write_text(whole)
    assert failures.readable(path) is not None


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space"), "error: the disk at "),
        (PermissionError(errno.EACCES, "Permission denied", "/x/y"), "error: /x/y cannot be writ"),
        (OSError(errno.EROFS, "Read-only file system", "/x/y"), "error: /x/y cannot be written"),
    ],
)
def test_an_error_of_the_disk_ends_any_verb_with_one_line(monkeypatch, capsys, error, line):
    def finished(given):
        raise error

    monkeypatch.setattr(verbs, "finished", finished)
    assert verbs.main(["finished", "--started", "0"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(line) and said.count("\n") == 1


def test_an_error_that_is_none_of_the_disk_keeps_its_traceback(monkeypatch):
    def finished(given):
        raise OSError(errno.EIO, "Input/output error", "/x/y")

    monkeypatch.setattr(verbs, "finished", finished)
    with pytest.raises(OSError, match="Input/output"):
        verbs.main(["finished", "--started", "0"])
