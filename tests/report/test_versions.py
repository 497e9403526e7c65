"""What ``make check`` says of the code behind published results."""

import json

import pytest

from report.errors import ReportError
from report.versions import TABLE, published_code
from tests.sample_versions import COMMIT, column_names, publish, versions_by_name, write_library


@pytest.fixture
def project(tmp_path):
    write_library(tmp_path)
    return tmp_path


def edit(project, before, after, module="half"):
    path = project / "lib" / "own" / f"{module}.py"
    path.write_text(path.read_text().replace(before, after))
    return path


def record(project, study, origins, units, name="units.csv", column="unit"):
    folder = project / "report" / "published" / "record" / study
    folder.mkdir(parents=True, exist_ok=True)
    codes = {
        label: {"commit": commit} | ({} if code is None else {"code": code})
        for label, (commit, code) in origins.items()
    }
    (folder / "origins.json").write_text(json.dumps(codes))
    rows = [f"{column},origin", *(f"{unit},{origin}" for unit, origin in units)]
    (folder / name).write_text("\n".join(rows) + "\n")


def write_table(project, *rows):
    path = project / TABLE
    path.parent.mkdir(parents=True)
    lines = [f"{name},{old},{new},,,{studies},shown by a test" for name, old, new, studies in rows]
    path.write_text("\n".join([column_names(), *lines]) + "\n")


def test_code_that_is_still_there_is_unchanged_also_under_another_name(project):
    publish(project, "01_a", {"f": versions_by_name(project)["f"]})
    edit(project, "def f(x)", "def better(x)", "f").rename(project / "lib" / "own" / "moved.py")
    assert published_code(project) == ["published 01_a: code unchanged since 0123456"]


def test_code_that_changed_is_named_also_where_only_what_it_uses_changed(project):
    publish(project, "01_a", versions_by_name(project))
    edit(project, "x / 2", "x // 2")
    assert published_code(project) == ["published 01_a: 2 functions changed since 0123456: f, half"]


def test_code_that_was_shown_to_give_the_same_is_told_from_code_that_was_not(project):
    before = versions_by_name(project)
    edit(project, "x / 2", "x * 0.5")
    after = versions_by_name(project)
    for study in ("01_a", "02_b"):
        publish(project, study, before)
    rows = [(name, before[name], after[name], "02_b" * (name == "f")) for name in ("f", "half")]
    write_table(project, *rows)
    assert published_code(project) == [
        "published 01_a: 2 functions changed since 0123456, 1 of them shown to give the same "
        "numbers: half; really changed: f",
        "published 02_b: 2 functions changed since 0123456, shown to give the same numbers: "
        "f, half",
    ]


def test_results_without_recorded_code_say_so(project):
    publish(project, "01_a", None)
    assert published_code(project) == ["published 01_a: code at 0123456 was not recorded"]


def test_units_of_a_record_are_stale_where_their_origin_is(project):
    before = versions_by_name(project)
    edit(project, "half(x)", "half(x) + 1", "f")
    now = versions_by_name(project)
    origins = {
        "o1": (COMMIT, before),
        "o2": ("89abcdef", now),
        "o3": ("fedcba98", {"half": now["half"]}),
        "o4": ("76543210", before),
        "unused": ("76543210", before),
    }
    units = [("u1", "o1"), ("u2", "o1"), ("u2", "o1"), ("u3", "o2"), ("u4", "o3"), ("u5", "o4")]
    record(project, "01_a", origins, units)
    record(project, "02_b", {"o2": ("89abcdef", now)}, [("u1", "o2")], "entries.csv", "entry")
    record(project, "03_c", {"o5": ("89abcdef", None)}, [("u1", "o5")])
    assert published_code(project) == [
        "published 01_a: 5 units, 4 origins; 2 units stale: f changed since 0123456; "
        "1 unit stale: f changed since 7654321",
        "published 02_b: 1 unit, 1 origin; none stale",
        "published 03_c: 1 unit, 1 origin; 1 unit of unknown code, not recorded at 89abcde",
    ]


def test_a_record_stands_for_the_provenance_of_its_study(project):
    publish(project, "01_a", None)
    publish(project, "00_z", versions_by_name(project))
    record(project, "01_a", {"o": (COMMIT, {})}, [("u", "o")])
    assert published_code(project) == [
        "published 00_z: code unchanged since 0123456",
        "published 01_a: 1 unit, 1 origin; none stale",
    ]


def test_a_record_that_contradicts_itself_ends_in_one_message(project):
    record(project, "01_a", {"o": (COMMIT, {})}, [("u", "missing")])
    with pytest.raises(ReportError, match=r"origins.json lacks the origin 'missing' of a unit"):
        published_code(project)
    record(project, "01_a", {"o": (COMMIT, {})}, [("u", "o")], column="name")
    with pytest.raises(ReportError, match=r"units.csv has no columns unit and origin"):
        published_code(project)
    folder = project / "report" / "published" / "record" / "01_a"
    (folder / "units.csv").unlink()
    with pytest.raises(ReportError, match=r"01_a has no units.csv or entries.csv"):
        published_code(project)
    (folder / "units.csv").write_text("unit,origin\n")
    for text, message in (("{", "is no JSON"), ("[]", "holds no JSON object")):
        (folder / "origins.json").write_text(text)
        with pytest.raises(ReportError, match=f"origins.json {message}.*Take it from git again"):
            published_code(project)


def test_code_or_a_table_that_cannot_be_read_ends_in_one_message(project):
    publish(project, "01_a", {"f": "a" * 64})
    write_table(project, ("f", "short", "b" * 64, ""))
    with pytest.raises(ReportError, match=r"cannot be compared.*row 2: from_version.*Mend"):
        published_code(project)
    (project / "lib" / "own" / "f.py").write_text("def f(:\n")
    (project / TABLE).unlink()
    with pytest.raises(ReportError, match=r"code in lib/ cannot be compared.*SyntaxError.*Mend"):
        published_code(project)
