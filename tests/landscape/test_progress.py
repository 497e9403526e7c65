"""Progress in a terminal, in a notebook and in a log."""

import sys

import pytest
from landscape import progress
from landscape.progress import Progress, say


@pytest.fixture
def unset(monkeypatch):
    monkeypatch.delenv("LANDSCAPE_PROGRESS")
    for name in progress._LIVE_KERNEL:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    return monkeypatch


@pytest.fixture
def log(monkeypatch):
    monkeypatch.setenv("LANDSCAPE_PROGRESS", "log")
    clock = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    return clock


@pytest.mark.parametrize("wish", ["bar", "log", "off"])
def test_style_is_what_the_environment_asks_for(monkeypatch, wish):
    monkeypatch.setenv("LANDSCAPE_PROGRESS", wish)
    assert progress.style() == wish


def test_style_refuses_an_unknown_wish(monkeypatch):
    monkeypatch.setenv("LANDSCAPE_PROGRESS", "loud")
    with pytest.raises(ValueError, match=r"LANDSCAPE_PROGRESS='loud' is not known. Set it to bar"):
        progress.style()


@pytest.mark.parametrize(("terminal", "want"), [(True, "bar"), (False, "log")])
def test_style_is_a_bar_only_in_a_terminal(unset, terminal, want):
    unset.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    assert progress.style() == want


@pytest.mark.parametrize(("live", "want"), [(True, "bar"), (False, "log")])
def test_style_is_a_bar_only_in_a_live_notebook(unset, live, want):
    unset.setitem(sys.modules, "ipykernel", object())
    unset.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    if live:
        unset.setenv("JPY_SESSION_NAME", "study.ipynb")
    assert progress.style() == want


def test_log_speaks_after_an_interval_and_at_milestones_only(log, capsys):
    with Progress("plane", 9, start=2) as bar:
        bar.step("quiet")
        log[0] += 5.0
        bar.step("milestone", milestone=True)
        log[0] += 19.0
        bar.step("still quiet")
        log[0] += 2.0
        bar.step(count=3)
    assert capsys.readouterr().out.splitlines() == [
        "plane: 4/9 · 5 s · milestone",
        "plane: 8/9 · 26 s",
    ]


def test_progress_that_is_off_writes_nothing(capsys):
    with Progress("line", 2) as bar:
        bar.step("text", milestone=True)
    say("news")
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_bar_shows_label_count_and_text(monkeypatch, capsys):
    monkeypatch.setenv("LANDSCAPE_PROGRESS", "bar")
    monkeypatch.setattr(progress, "tqdm", __import__("tqdm").tqdm)
    with Progress("training", 4, start=1) as bar:
        bar.step("accuracy 0.5", count=3)
        bar._bar.refresh()
    shown = capsys.readouterr().err
    assert "training" in shown and "4/4" in shown and "accuracy 0.5" in shown


def test_bar_is_closed_when_the_work_fails(monkeypatch, capsys):
    monkeypatch.setenv("LANDSCAPE_PROGRESS", "bar")
    bar = Progress("training", 4)
    with pytest.raises(KeyboardInterrupt), bar:
        raise KeyboardInterrupt
    assert bar._bar.disable


@pytest.mark.parametrize("wish", ["log", "bar"])
def test_news_is_one_line(monkeypatch, capsys, wish):
    monkeypatch.setenv("LANDSCAPE_PROGRESS", wish)
    say("store: damaged")
    assert capsys.readouterr().out == "store: damaged\n"
