"""The console command: what it starts, and what it says where it cannot."""

import os
import sys
import tomllib
from pathlib import Path

import pytest
from landscape import command

ROOT = Path(__file__).resolve().parents[2]


def called(monkeypatch, *arguments):
    """Return the exit code of the command and what it would execute."""
    executed = []
    monkeypatch.setattr(sys, "argv", ["landscape", *arguments])
    monkeypatch.setattr(os, "execve", lambda *call: executed.append(call))
    code = command.main()
    return code, executed


def test_the_command_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"landscape": f"{command.main.__module__}:main"}


def test_a_report_starts_the_programs_of_the_checkout_in_the_readers_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "/readers/own")
    _, [(program, line, environment)] = called(monkeypatch, "report", "nets:build", "--data", "d:x")
    assert program == sys.executable
    assert line[1:] == ["-m", "report.own", str(tmp_path), "nets:build", "--data", "d:x"]
    places = environment["PYTHONPATH"].split(os.pathsep)
    assert places == [str(ROOT), str(ROOT / "lib"), "/readers/own"]
    assert environment["MALLOC_TRIM_THRESHOLD_"] == "8589934592"


def test_the_readers_own_settings_of_the_allocator_stay(monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    _, [(_, _, environment)] = called(monkeypatch, "report", "nets:build", "--data", "d:x")
    assert environment["MALLOC_TRIM_THRESHOLD_"] == "65536"


def test_the_programs_of_a_wheel_are_found_beside_its_packages(monkeypatch, tmp_path):
    programs = tmp_path / "share" / "landscape"
    (programs / "report").mkdir(parents=True)
    (programs / "report" / "own.py").touch()
    (programs / "notebooks").mkdir()
    monkeypatch.setattr(command, "__file__", str(tmp_path / "a" / "b" / "c.py"))
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    assert command.programs_folder() == programs


def test_without_the_programs_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(command, "_NEEDED", ("papermill", "a_package_that_is_not_there"))
    assert called(monkeypatch, "report") == (1, [])
    said = capsys.readouterr().err
    assert "lacks a_package_that_is_not_there" in said and "pip install 'landscape[report]'" in said
    monkeypatch.setattr(command, "_NEEDED", ())
    monkeypatch.setattr(command, "programs_folder", lambda: None)
    assert called(monkeypatch, "report") == (1, [])
    assert "lacks the report's programs" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "code"), [((), 2), (("--help",), 0), (("-h",), 0)])
def test_help_names_the_verb(monkeypatch, capsys, arguments, code):
    assert called(monkeypatch, *arguments) == (code, [])
    assert "landscape report MODEL --data DATA" in capsys.readouterr().out


def test_an_unknown_verb_is_refused(monkeypatch, capsys):
    assert called(monkeypatch, "draw") == (2, [])
    assert "there is no verb 'draw'; there is report" in capsys.readouterr().err
