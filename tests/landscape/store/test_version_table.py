"""Versions on disk are those that the same source gives, or none."""

import ast
import builtins
import os
import subprocess
import sys
import threading
import time

import landscape
import pytest
from landscape.store import library, version_table
from landscape.store.code_versions import CodeVersions
from landscape.store.source_code import SourceCode

SOURCES = {"p": "", "p.m": "def f():\n    return g() + 1\n\n\ndef g():\n    return 2\n"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The folder of tables; the code that computes versions counts as older than this process."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(landscape, "BEGUN", time.time_ns() + 10**12)
    return tmp_path / "cache" / "landscape-report"


def versions(sources=SOURCES, *, on_disk=True):
    return CodeVersions(SourceCode(sources), on_disk=on_disk)


def tables(folder):
    return sorted(folder.glob("*.json"))


def test_a_second_process_reads_every_version_and_parses_nothing(folder, monkeypatch):
    right = versions(on_disk=False)
    assert versions().version("p.m", "f") == right.version("p.m", "f")
    assert len(tables(folder)) == 1
    second = versions()
    monkeypatch.setattr(ast, "parse", lambda *_: pytest.fail("source was parsed"))
    assert set(second.names("p.m")) == {"f", "g"}
    for name in ("f", "g"):
        assert second.version("p.m", name) == right.version("p.m", name)
    with pytest.raises(LookupError, match="defines no 'h'"):
        second.version("p.m", "h")
    monkeypatch.undo()
    assert second.module_version("p.m") == right.module_version("p.m")


@pytest.mark.slow
def test_the_table_of_the_whole_library_is_what_its_source_gives():
    sources = library.definitions().code.sources
    right, first = versions(sources, on_disk=False), versions(sources)
    first.version("landscape.objective", "Objective")
    second = versions(sources)
    assert second._table is not None
    for module in sources:
        assert set(second.names(module)) == set(right.names(module))
        for name in right.names(module):
            assert second.version(module, name) == right.version(module, name)


def _path(sources=SOURCES):
    return version_table._path(sources)


@pytest.mark.parametrize(
    "sources",
    [
        {**SOURCES, "p.m": SOURCES["p.m"] + "\n"},
        {**SOURCES, "p.n": ""},
        {"p.m": SOURCES["p.m"], "p": ""},
        {"p": "p.m", "p.m": SOURCES["p.m"]},
    ],
)
def test_other_source_has_another_table(sources):
    assert _path(sources) != _path()


def test_another_python_or_another_built_in_name_has_another_table(monkeypatch):
    before = _path()
    monkeypatch.setattr(builtins, "display", print, raising=False)
    assert _path() != before
    monkeypatch.undo()
    monkeypatch.setattr(sys, "version", "3.99")
    assert _path() != before


def test_other_code_that_computes_versions_has_another_table(tmp_path, monkeypatch):
    files = tuple(tmp_path / path.name for path in version_table._ALGORITHM)
    for path, copy in zip(version_table._ALGORITHM, files, strict=True):
        copy.write_bytes(path.read_bytes())
    before = _path()
    monkeypatch.setattr(version_table, "_ALGORITHM", files)
    assert _path().name == before.name
    for path in files:
        text = path.read_bytes()
        path.write_bytes(text + b"\n")
        assert _path() != before
        path.write_bytes(text)


def test_no_module_that_computes_versions_is_left_out():
    # Those that code_versions imports, directly or not.
    code, waiting, seen = library.definitions().code, ["landscape.store.code_versions"], set()
    others = ("landscape", "landscape.store", "landscape.store.version_table")
    while waiting:
        module = waiting.pop()
        if module in code.sources and module not in seen and module not in others:
            seen.add(module)
            for target, name in code.module(module).imports.values():
                waiting += [target, f"{target}.{name}"]
    names = {path.stem for path in version_table._ALGORITHM}
    assert seen == {f"landscape.store.{name}" for name in names}


def test_code_that_may_have_changed_since_it_was_imported_has_no_table(folder, monkeypatch):
    versions().version("p.m", "f")
    assert version_table.read(SOURCES) is not None
    changed = max(path.stat().st_ctime_ns for path in version_table._ALGORITHM)
    monkeypatch.setattr(landscape, "BEGUN", changed)
    assert version_table.read(SOURCES) is None
    other = versions({**SOURCES, "p.n": "def unused():\n    return 1\n"})
    assert other.version("p.m", "f") == versions(on_disk=False).version("p.m", "f")
    assert len(tables(folder)) == 1
    assert ("p.n", "unused") not in other._versions  # No work for a table that is not kept.


def test_the_clock_starts_before_the_library_is_imported():
    code = (
        "import time; before = time.time_ns(); import landscape; at = time.time_ns()\n"
        "import sys; assert before <= landscape.BEGUN <= at\n"
        "assert not [name for name in sys.modules if name.startswith('landscape.')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("damage", ["emptied", "cut", "flipped", "of another", "no JSON", "folder"])
def test_a_damaged_table_is_ignored_and_mended(folder, damage):
    right = versions(on_disk=False).version("p.m", "f")
    versions().version("p.m", "f")
    (path,) = tables(folder)
    whole = path.read_bytes()
    if damage == "of another":
        versions({**SOURCES, "p.m": "def f():\n    return 3\n"}).version("p.m", "f")
        (other,) = [table for table in tables(folder) if table != path]
        whole = other.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    contents = {"emptied": b"", "cut": whole[:middle], "flipped": flipped, "of another": whole}
    path.unlink()
    if damage == "folder":
        path.mkdir()
    else:
        path.write_bytes(contents.get(damage, b"\xff\n{"))
    assert version_table.read(SOURCES) is None
    assert versions().version("p.m", "f") == right
    if damage != "folder":
        assert version_table.read(SOURCES) is not None


@pytest.mark.parametrize("place", ["a file", "unknown"])
def test_without_a_place_for_tables_all_is_computed(tmp_path, monkeypatch, place):
    if place == "a file":
        (tmp_path / "file").touch()
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    else:  # As for a user without a home folder.
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    right = versions(on_disk=False).version("p.m", "f")
    for _ in range(2):
        assert versions().version("p.m", "f") == right


def test_many_writers_and_readers_see_a_whole_table_or_none(folder):
    table = {"p.m": {f"name{number}": "0" * 64 for number in range(2000)}}
    version_table.write(SOURCES, table)
    seen = []

    def work():
        for _ in range(10):
            version_table.write(SOURCES, table)
            seen.append(version_table.read(SOURCES))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 40 and all(each == table for each in seen)
    assert os.listdir(folder) == [_path().name]


def test_the_oldest_tables_and_what_killed_writers_left_go(folder):
    folder.mkdir(parents=True)
    for age in range(30):
        path = folder / f"code-versions-{age}.json"
        path.touch()
        os.utime(path, (1e9 - age, 1e9 - age))
    for name, age in (("old", 7200), ("new", 0)):
        (folder / f"{name}.unfinished").touch()
        os.utime(folder / f"{name}.unfinished", (time.time() - age,) * 2)
    versions().version("p.m", "f")
    kept = {path.name for path in folder.iterdir()} - {_path().name}
    assert kept == {f"code-versions-{age}.json" for age in range(15)} | {"new.unfinished"}


def test_a_table_that_is_read_is_not_the_oldest(folder):
    versions().version("p.m", "f")
    (path,) = tables(folder)
    os.utime(path, (1e9, 1e9))
    assert version_table.read(SOURCES) is not None
    assert path.stat().st_mtime > time.time() - 60


def test_source_with_an_unknown_name_has_no_table(folder):
    sources = {**SOURCES, "p.n": "from p.m import lost\n\n\ndef h():\n    return lost()\n"}
    with pytest.raises(LookupError, match="defines no 'lost'"):
        versions(sources).version("p.n", "h")
    assert tables(folder) == []
