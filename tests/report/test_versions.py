"""What ``make check`` says of the code behind published results."""

import pytest

from report.errors import ReportError
from report.versions import TABLE, published_code
from tests.sample_versions import (
    COMMIT,
    column_names,
    publish,
    publish_record,
    versions_by_name,
    write_library,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path):
    write_library(tmp_path)
    return tmp_path


def edit(project, before, after, module="half"):
    path = project / "lib" / "own" / f"{module}.py"
    path.write_text(path.read_text().replace(before, after))
    return path


def write_table(project, *rows):
    path = project / TABLE
    path.parent.mkdir(parents=True)
    lines = [f"{name},{old},{new},,,{studies},shown by a test" for name, old, new, studies in rows]
    path.write_text("\n".join([column_names(), *lines]) + "\n")


def test_code_that_is_still_there_is_unchanged_also_under_another_name(project):
    publish(project, "01_a", {"f": versions_by_name(project)["f"]})
    edit(project, "def f(x)", "def better(x)", "f").rename(project / "lib" / "own" / "moved.py")
    assert published_code(project) == ["published 01_a: 1 entry, 1 origin; none stale"]


def test_code_that_changed_is_named_also_where_only_what_it_uses_changed(project):
    publish(project, "01_a", versions_by_name(project))
    edit(project, "x / 2", "x // 2")
    assert published_code(project) == [
        "published 01_a: 1 entry, 1 origin; 1 entry stale: f, half changed since 0123456"
    ]


def test_code_that_was_shown_to_give_the_same_is_told_from_code_that_was_not(project):
    before = versions_by_name(project)
    edit(project, "x / 2", "x * 0.5")
    after = versions_by_name(project)
    for study in ("01_a", "02_b"):
        publish(project, study, before)
    rows = [(name, before[name], after[name], "02_b" * (name == "f")) for name in ("f", "half")]
    write_table(project, *rows)
    assert published_code(project) == [
        "published 01_a: 1 entry, 1 origin; 1 entry stale: f changed since 0123456",
        "published 02_b: 1 entry, 1 origin; none stale",
    ]


def test_entries_of_a_record_are_stale_where_their_origin_is(project):
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
    publish_record(project, "01_a", origins, units)
    publish_record(project, "02_b", {"o2": ("89abcdef", now)}, [("u1", "o2")])
    publish_record(project, "03_c", {"o5": ("89abcdef", None)}, [("u1", "o5")])
    assert published_code(project) == [
        "published 01_a: 5 entries, 4 origins; 2 entries stale: f changed since 0123456; "
        "1 entry stale: f changed since 7654321",
        "published 02_b: 1 entry, 1 origin; none stale",
        "published 03_c: 1 entry, 1 origin; 1 entry of unknown code, not recorded at 89abcde",
    ]


def test_a_record_that_contradicts_itself_ends_in_one_message(project):
    publish_record(project, "01_a", {"o": (COMMIT, {})}, [("u", "missing")])
    with pytest.raises(ReportError, match=r"origins.json lacks the origin 'missing' of an entry"):
        published_code(project)
    publish_record(project, "01_a", {"o": (COMMIT, {})}, [("u", "o")], column="name")
    with pytest.raises(ReportError, match=r"entries.csv has no columns entry and origin"):
        published_code(project)
    folder = project / "report" / "published" / "record" / "01_a"
    (folder / "entries.csv").unlink()
    with pytest.raises(ReportError, match=r"01_a/entries.csv is missing, so its entries"):
        published_code(project)
    (folder / "entries.csv").write_text("entry,origin\n")
    for text, message in (("{", "is not valid JSON"), ("[]", "holds a list, not an object")):
        (folder / "origins.json").write_text(text)
        with pytest.raises(
            ReportError, match=f"origins.json {message}.*Restore the record from one commit"
        ):
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
