"""``make docs``: its packages and how it refuses; the build itself is run by CI."""

import sys
import tomllib
from pathlib import Path

import pytest

from report import documentation
from report.environment import pinned
from report.errors import ReportError
from report.folders import STAMP

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path):
    """A project whose documentation needs a package that nobody has."""
    (tmp_path / documentation.LOCK).write_text("no-such-package==1.0\n", encoding="utf-8")
    return tmp_path


def test_the_lock_adds_to_the_other_and_repeats_nothing():
    pins, others = pinned(ROOT / documentation.LOCK), pinned(ROOT / "requirements.lock")
    assert {"sphinx", "myst-nb", "furo"} <= set(pins)
    assert not set(pins) & set(others)


def test_the_extra_asks_for_what_the_locks_pin():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = pinned(ROOT / documentation.LOCK) | pinned(ROOT / "requirements.lock")
    for requirement in project["optional-dependencies"]["docs"]:
        name, _, bound = requirement.partition(">=")
        assert pins[name] == bound


def test_an_environment_of_the_reader_is_not_changed(project, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "own"))
    monkeypatch.setattr(documentation.subprocess, "run", lambda *_, **__: pytest.fail("installed"))
    with pytest.raises(ReportError, match=r"no-such-package is missing.*-m pip install --no-deps"):
        documentation.prepare(project)


def test_the_environment_of_make_gets_what_is_missing(project, monkeypatch, tmp_path):
    (tmp_path / STAMP).touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    commands = []

    class Done:
        returncode = 0

    def run(command, **_):
        commands.append(command)
        return Done

    monkeypatch.setattr(documentation.subprocess, "run", run)
    documentation.prepare(project)
    (command,) = commands
    assert command[:4] == [sys.executable, "-m", "pip", "install"] and "--no-deps" in command
    Done.returncode = 1
    with pytest.raises(ReportError, match=r"pip could not install requirements-docs\.lock"):
        documentation.prepare(project)


def test_pages_with_a_broken_link_do_not_replace_earlier_ones(tmp_path, monkeypatch):
    earlier = tmp_path / "build" / "docs" / "index.html"
    earlier.parent.mkdir(parents=True)
    earlier.write_text("earlier", encoding="utf-8")

    class Done:
        returncode = 0

    def sphinx(command, **_):
        pages = Path(command[-1])
        pages.mkdir(parents=True)
        text = f'<a href="{link}">x</a>'
        (pages / "index.html").write_text(text, encoding="utf-8")
        return Done

    monkeypatch.setattr(documentation.subprocess, "run", sphinx)
    link = "gone.html"
    with pytest.raises(ReportError, match=r"index.html links to gone.html"):
        documentation.build(tmp_path, "build")
    assert earlier.read_text(encoding="utf-8") == "earlier"
    link = "index.html"
    assert documentation.build(tmp_path, "build") == earlier.parent
    assert "earlier" not in earlier.read_text(encoding="utf-8")
    Done.returncode = 1
    with pytest.raises(ReportError, match="Sphinx says above"):
        documentation.build(tmp_path, "build")
