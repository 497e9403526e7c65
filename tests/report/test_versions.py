"""What ``make check`` says of the code behind published results."""

import json

import pytest

from report.errors import ReportError
from report.versions import current_versions, published_code


@pytest.fixture
def project(tmp_path):
    """A project with a library of one function, which uses another."""
    package = tmp_path / "lib" / "own"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "half.py").write_text("def half(x):\n    return x / 2\n")
    (package / "f.py").write_text("from own.half import half\n\n\ndef f(x):\n    return half(x)\n")
    (tmp_path / "report" / "published" / "provenance").mkdir(parents=True)
    return tmp_path


def publish(project, name, code):
    path = project / "report" / "published" / "provenance" / f"{name}.json"
    content = {"commit": "0123456789abcdef"} | ({} if code is None else {"code": code})
    path.write_text(json.dumps(content))


def versions_by_name(project):
    from landscape.store.code_versions import all_versions

    found = all_versions([project / "lib" / "own"])
    return {name: version for version, names in found.items() for name in names}


def test_code_that_is_still_there_is_unchanged_also_under_another_name(project):
    publish(project, "01_a", {"f": versions_by_name(project)["own.f.f"]})
    path = project / "lib" / "own" / "f.py"
    path.write_text(path.read_text().replace("def f(x)", "def better(x)"))
    path.rename(project / "lib" / "own" / "moved.py")
    assert published_code(project, current_versions(project)) == [
        "published 01_a: code unchanged since 0123456"
    ]


def test_code_that_changed_is_named_also_where_only_what_it_uses_changed(project):
    found = versions_by_name(project)
    publish(project, "01_a", {"f": found["own.f.f"], "half": found["own.half.half"]})
    path = project / "lib" / "own" / "half.py"
    path.write_text(path.read_text().replace("x / 2", "x // 2"))
    assert published_code(project, current_versions(project)) == [
        "published 01_a: code changed since 0123456: f, half"
    ]


def test_results_without_recorded_code_say_so(project):
    publish(project, "01_a", None)
    assert published_code(project, set()) == ["published 01_a: code at 0123456 was not recorded"]


def test_code_that_cannot_be_read_ends_in_one_message(project):
    (project / "lib" / "own" / "f.py").write_text("def f(:\n")
    with pytest.raises(ReportError, match=r"code in lib/ cannot be computed: SyntaxError.*Mend"):
        current_versions(project)
