"""The set-up: pins that agree, and an environment that is right or says why not."""

import json
import re
import threading
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from packaging.requirements import Requirement

from report import environment
from report.environment import EnvironmentProblem

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path):
    """A project that pins two packages, and a venv that holds them and is stamped."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "requirements.lock").write_text("# pins\nNumpy==2.4.6\ntyping_extensions==4.16.0\n")
    (root / "pyproject.toml").write_text('[project]\nname = "landscape"\n[tool.ruff]\n')
    venv = root / ".venv"
    packages = environment.site_packages(venv)
    for name in ("pip", "numpy-2.4.6+cpu.dist-info", "typing_extensions-4.16.0.dist-info"):
        (packages / name).mkdir(parents=True)
    (packages / "landscape-0.1.0.dist-info").mkdir()
    (venv / "bin").mkdir()
    (venv / "bin" / "python").touch()
    (venv / "pyvenv.cfg").touch()
    (venv / environment.STAMP).write_text(json.dumps(environment.wanted_stamp(root)))
    environment.mark(venv, environment.VENV)
    return SimpleNamespace(root=root, venv=venv, packages=packages)


def conda_pins():
    given = yaml.safe_load((ROOT / "environment.yml").read_text())
    pip = next(entry["pip"] for entry in given["dependencies"] if isinstance(entry, dict))
    return given["dependencies"], pip


def test_conda_users_get_the_pins_of_the_lock():
    lock = environment.pinned(ROOT / "requirements.lock")
    others, pip = conda_pins()
    pins = dict(line.split("==") for line in pip if "==" in line)
    assert {environment.normalize(name): version for name, version in pins.items()} == lock
    assert pip[-1] == "-e ." and others[0] == "python=3.11"


def test_locks_pin_every_requirement_inside_its_range_and_the_project_pins_nothing():
    locks = (ROOT / "requirements.lock", ROOT / "requirements-docs.lock")
    lock = {name: pin for path in locks for name, pin in environment.pinned(path).items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert set(extras) == {"report", "lab", "docs", "dask", "test"}
    groups = [project["dependencies"], *extras.values()]
    requirements = [Requirement(text) for group in groups for text in group]
    assert len(requirements) > 25
    for requirement in requirements:
        if requirement.name != project["name"]:  # an extra that takes in another
            assert [part.operator for part in requirement.specifier] == [">="], requirement
            pin = lock[environment.normalize(requirement.name)]
            assert requirement.specifier.contains(pin), requirement


def test_torch_and_torchvision_are_a_pair_without_local_version():
    lock = environment.pinned(ROOT / "requirements.lock")
    assert (lock["torch"], lock["torchvision"]) == ("2.13.0", "0.28.0")


def test_the_pins_name_no_host():
    for name in ("requirements.lock", "environment.yml", "pyproject.toml"):
        assert not re.search(r"https?://|--(extra-)?index-url", (ROOT / name).read_text()), name


def test_an_old_python_is_one_clear_error():
    with pytest.raises(EnvironmentProblem, match=r"python3 is Python 3\.9\.2; .* 3\.11 or newer"):
        environment.check_python((3, 9, 2), "python3")
    environment.check_python((3, 11, 0), "python3")


def test_a_line_without_a_pin_is_an_error_that_names_it(project):
    (project.root / "requirements.lock").write_text("numpy>=2\n")
    with pytest.raises(EnvironmentProblem, match=r"requirements\.lock:1: 'numpy>=2' pins no ver"):
        environment.pinned(project.root / "requirements.lock")


def test_nothing_is_done_when_all_is_as_pinned(project, monkeypatch, capsys):
    monkeypatch.setattr(environment.subprocess, "run", None)
    environment.prepare(project.root, project.venv)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda p: (p.root / "requirements.lock").open("a").write("six==1.17.0\n"), "lock changed"),
        (lambda p: (p.root / "pyproject.toml").write_text("[project]\nname='x'\n"), "pyproject"),
        (lambda p: (p.packages / "numpy-2.4.6+cpu.dist-info").rmdir(), "numpy is missing"),
        (
            lambda p: (p.packages / "numpy-2.4.6+cpu.dist-info").rename(
                p.packages / "numpy-2.4.5.dist-info"
            ),
            "numpy is 2.4.5, pinned 2.4.6",
        ),
        (lambda p: (p.packages / "landscape-0.1.0.dist-info").rmdir(), "landscape is missing"),
        (lambda p: (p.venv / environment.STAMP).unlink(), "not known to be complete"),
    ],
)
def test_a_venv_that_no_longer_matches_is_installed_again(project, change, reason):
    assert environment.why_install(project.root, project.venv) is None
    change(project)
    assert reason in environment.why_install(project.root, project.venv)


def test_what_does_not_change_the_packages_does_not_install(project):
    with (project.root / "pyproject.toml").open("a") as file:
        file.write("line-length = 100\n")
    assert environment.why_install(project.root, project.venv) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda p: (p.venv / environment.UNFINISHED).touch(), "did not finish"),
        (lambda p: (p.venv / "bin" / "python").unlink(), "does not hold Python"),
        (lambda p: (p.packages / "pip").rmdir(), "does not hold Python"),
    ],
)
def test_a_venv_that_cannot_be_trusted_is_made_anew(project, change, reason):
    assert environment.why_anew(project.venv) is None
    change(project)
    assert reason in environment.why_anew(project.venv)


def test_a_folder_that_is_no_venv_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").touch()
    said = r"was not made by this project \(it holds thesis\.tex\), so it is left alone"
    with pytest.raises(EnvironmentProblem, match=said):
        environment.create(tmp_path, "reason")
    assert (tmp_path / "thesis.tex").exists()


def test_a_venv_of_somebody_else_gets_no_packages(project, monkeypatch):
    for name in (environment.STAMP, ".landscape-report"):
        (project.venv / name).unlink()
    monkeypatch.setattr(environment.subprocess, "run", None)
    said = "virtual environment that this project did not make, so it is left alone. .* VENV= PYT"
    with pytest.raises(EnvironmentProblem, match=said):
        environment.prepare(project.root, project.venv)
    assert (project.venv / "pyvenv.cfg").exists()


def test_a_venv_of_an_earlier_version_is_known_by_its_stamp_and_marked(project, monkeypatch):
    (project.venv / ".landscape-report").unlink()
    monkeypatch.setattr(
        environment.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=0)
    )
    (project.root / "requirements.lock").open("a").write("six==1.17.0\n")
    (project.packages / "six-1.17.0.dist-info").mkdir()
    environment.prepare(project.root, project.venv)
    assert environment.why_install(project.root, project.venv) is None
    assert "virtual environment" in (project.venv / ".landscape-report").read_text()


def test_a_venv_that_is_made_is_marked_first(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        environment.subprocess, "run", lambda *_, **__: seen.extend((tmp_path / "v").iterdir())
    )
    for _ in range(2):  # anew, the second time
        environment.create(tmp_path / "v", "reason")
    names = {"landscape-unfinished", ".landscape-report"}
    assert len(seen) == 4 and {path.name for path in seen} == names


def test_a_python_without_venv_is_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(environment.sys, "executable", "/bin/false")
    with pytest.raises(EnvironmentProblem, match="python3-venv"):
        environment.create(tmp_path / ".venv", "reason")


@pytest.mark.parametrize(("status", "unfinished"), [(1, False), (-9, True)])
def test_a_failed_installation_leaves_no_valid_stamp(project, monkeypatch, status, unfinished):
    run = SimpleNamespace(returncode=status)
    monkeypatch.setattr(environment.subprocess, "run", lambda *_, **__: run)
    with pytest.raises(EnvironmentProblem, match=r"pip could not install -r .*Run make again"):
        environment.install(project.root, project.venv)
    assert not (project.venv / environment.STAMP).exists()
    assert (project.venv / environment.UNFINISHED).exists() is unfinished


def test_an_installation_that_gives_other_versions_is_an_error(project, monkeypatch):
    monkeypatch.setattr(
        environment.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=0)
    )
    (project.packages / "numpy-2.4.6+cpu.dist-info").rmdir()
    with pytest.raises(EnvironmentProblem, match=r"after installing .* numpy is missing"):
        environment.install(project.root, project.venv)
    assert not (project.venv / environment.STAMP).exists()


def test_a_complete_installation_is_stamped(project, monkeypatch):
    monkeypatch.setattr(
        environment.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=0)
    )
    (project.venv / environment.STAMP).unlink()
    environment.install(project.root, project.venv)
    assert environment.why_anew(project.venv) is None
    assert environment.why_install(project.root, project.venv) is None


def test_of_two_processes_at_once_one_installs(project, monkeypatch):
    (project.venv / environment.STAMP).unlink()
    calls = []
    begun = threading.Barrier(2, timeout=10)
    real = environment.why_anew

    def meet(venv):
        # Both find work to do before either holds the lock.
        if threading.current_thread() not in calls:
            calls.append(threading.current_thread())
            begun.wait()
        return real(venv)

    monkeypatch.setattr(environment, "why_anew", meet)
    installations = []

    def run(command, **_):
        installations.append(command)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(environment.subprocess, "run", run)
    threads = [
        threading.Thread(target=environment.prepare, args=(project.root, project.venv))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(installations) == 2  # the lock, then the library: once


def test_an_own_environment_that_lacks_something_is_told_how_to_get_it(project, monkeypatch):
    monkeypatch.setattr(environment.sys, "path", [str(project.packages)])
    (project.packages / "numpy-2.4.6+cpu.dist-info").rmdir()
    with pytest.raises(
        EnvironmentProblem, match=r"numpy is missing. Run: .* -r requirements\.lock"
    ):
        environment.check_own(project.root)


def test_an_own_environment_with_another_copy_of_the_library_is_an_error(project, monkeypatch):
    monkeypatch.setattr(environment.sys, "path", [str(project.packages)])
    info = project.packages / "landscape-0.1.0.dist-info"
    (info / "direct_url.json").write_text(json.dumps({"url": "file:///elsewhere"}))
    with pytest.raises(EnvironmentProblem, match="landscape is installed from file:///elsewhere"):
        environment.check_own(project.root)


def test_an_own_environment_with_other_versions_is_used_and_said(project, monkeypatch, capsys):
    monkeypatch.setattr(environment.sys, "path", [str(project.packages)])
    info = project.packages / "landscape-0.1.0.dist-info"
    (info / "direct_url.json").write_text(json.dumps({"url": project.root.as_uri()}))
    (project.packages / "numpy-2.4.6+cpu.dist-info").rename(
        project.packages / "numpy-2.5.0.dist-info"
    )
    environment.check_own(project.root)
    assert "numpy is 2.5.0, pinned 2.4.6" in capsys.readouterr().out


def test_main_prints_the_problem_and_fails(monkeypatch, capsys):
    monkeypatch.setattr(environment, "MINIMUM", (9, 0))
    assert environment.main(["--own"]) == 2
    assert capsys.readouterr().err.startswith("error: ")
