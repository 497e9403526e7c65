"""Which recorded results are stale: versions of code, and rows that connect them."""

import gc
import json
import subprocess
import sys

import pytest
from landscape.store import library
from landscape.store.code_versions import CodeVersions
from landscape.store.source_code import SourceCode
from studies import staleness
from studies.staleness import COLUMNS, CodeChanges, CurrentCode, Equivalence, read_equivalences

pytestmark = pytest.mark.slow

TEXT = "def f(x):\n    return x / 2\n\n\nclass K:\n    def m(self):\n        return f(1)\n"
OLD, OLDER, OTHER = "a" * 64, "b" * 64, "c" * 64


def sources(text, **modules):
    return {"p": "", "p.m": text, **{f"p.{name}": other for name, other in modules.items()}}


def versions(text, **modules):
    return CodeVersions(SourceCode(sources(text, **modules)))


def today(*rows, text=TEXT, **modules):
    return CurrentCode(versions(text, **modules), [Equivalence(*row) for row in rows])


NOW = versions(TEXT).version("p.m", "f")


def row(**cells):
    plain = dict.fromkeys(COLUMNS, "") | {
        "name": "f",
        "from_version": OLD,
        "to_version": NOW,
        "shown": "smoke runs of both are the same",
    }
    return ",".join({**plain, **cells}.values())


HEADER = ",".join(COLUMNS)


def table(tmp_path, *rows, header=HEADER):
    path = tmp_path / "equivalent_versions.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_a_version_that_is_still_there_is_unchanged_and_another_one_changed():
    assert today().compare({"f": NOW}) == CodeChanges([], [])
    assert today().compare({"f": OLD, "K": OLD}) == CodeChanges([], ["K", "f"])


def test_a_method_and_a_module_have_the_versions_of_their_source():
    code = versions(TEXT)
    recorded = {"K.m": code.version("p.m", "K"), "p.m": code.module_version("p.m")}
    assert today().compare(recorded) == CodeChanges([], [])
    later = today(text=TEXT.replace("x / 2", "x // 2"))
    assert later.compare(recorded) == CodeChanges([], ["K.m", "p.m"])


def test_rows_are_followed_in_both_directions_over_any_number_of_steps():
    rows = [("f", (OLDER, OLD)), ("f", (NOW, OLD))]
    assert today(*rows).compare({"f": OLDER}) == CodeChanges(["f"], [])
    assert today(rows[0]).compare({"f": OLDER}) == CodeChanges([], ["f"])


def test_a_circle_of_rows_ends():
    circle = [("f", (OLD, OLDER)), ("f", (OLDER, OTHER)), ("f", (OTHER, OLD))]
    assert today(*circle).compare({"f": OLD}) == CodeChanges([], ["f"])
    assert today(*circle, ("f", (OTHER, NOW))).compare({"f": OLD}) == CodeChanges(["f"], [])


def test_a_row_counts_for_its_own_function_alone():
    assert today(("g", (OLD, NOW))).compare({"f": OLD}) == CodeChanges([], ["f"])


def test_a_row_for_a_study_counts_for_results_of_that_study_alone():
    code = today(("f", (OLD, NOW), ("01_a", "02_b")))
    assert code.compare({"f": OLD}, "02_b") == CodeChanges(["f"], [])
    for study in ("03_c", None):
        assert code.compare({"f": OLD}, study) == CodeChanges([], ["f"])


def test_a_deleted_function_has_changed_and_a_renamed_one_has_not():
    gone = today(text=TEXT.replace("f(x)", "h(x)").replace("f(1)", "h(1)"))
    assert gone.compare({"f": NOW}) == CodeChanges([], [])
    assert gone.compare({"f": OLD}) == CodeChanges([], ["f"])
    assert today(text="x = 1\n").compare({"f": NOW}) == CodeChanges([], ["f"])


def test_a_function_whose_former_code_lives_on_under_another_name_has_changed():
    text = TEXT.replace("def f(x):\n", "def slow(x):\n") + "\n\ndef f(x):\n    return x * 0.5\n"
    assert NOW == versions(text).version("p.m", "slow")
    assert today(text=text).compare({"f": NOW}) == CodeChanges([], ["f"])


def test_several_functions_of_one_name_are_all_current():
    other = "def f(x):\n    return x + 1\n"
    code = today(n=other)
    both = {NOW, versions(other).version("p.m", "f")}
    assert len(both) == 2 and code.versions("f") == both
    for version in both:
        assert code.compare({"f": version}) == CodeChanges([], [])


def test_the_library_is_current_by_itself_and_what_it_lacks_has_changed():
    name, version = "Store", library.definitions().version("landscape.store.entries", "Store")
    assert staleness.current_versions(name) == {version}
    assert staleness.current_versions("no_such_function") == frozenset()
    recorded = {name: version, "no_such_function": OLD, "Objective": OLD}
    assert staleness.changed(recorded) == ["Objective", "no_such_function"]


def test_comparing_leaves_garbage_collection_as_it_was():
    assert gc.isenabled()
    today().compare({"f": OLD})
    assert gc.isenabled()


# The table


def test_the_table_of_the_library_can_be_read_and_names_what_it_covers():
    rows = read_equivalences()
    assert len(rows) > 40
    assert {"Objective", "train"} <= {equivalence.name for equivalence in rows}


def test_a_row_is_read_with_its_studies(tmp_path):
    path = table(tmp_path, row(), row(name="g", studies="01_a 02_b"))
    assert read_equivalences(path) == [
        Equivalence("f", (OLD, NOW)),
        Equivalence("g", (OLD, NOW), ("01_a", "02_b")),
    ]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"shown": " "}, "row 3: `shown` is empty: it must say what showed that f gives the same"),
        ({"to_version": OLD}, "row 3: both versions of f are the same, which says nothing"),
        ({"from_version": "a1"}, "row 3: from_version is 'a1', and a version has 64 hexadecimal"),
        ({"name": ""}, "row 3: it names no function"),
        ({"studies": "01_a,02_b"}, "row 3: it has 8 cells instead of 7"),
    ],
)
def test_a_wrong_row_is_named_with_what_is_wrong(tmp_path, cells, message):
    path = table(tmp_path, row(), row(**cells))
    with pytest.raises(ValueError, match=f"equivalent_versions.csv, {message}.*Mend the row"):
        read_equivalences(path)


@pytest.mark.parametrize("header", ["name,from,to,shown", f"{HEADER},why", ""])
def test_other_columns_are_refused(tmp_path, header):
    path = table(tmp_path, header=header)
    with pytest.raises(ValueError, match=r"has the columns .*a table of equivalent versions has"):
        read_equivalences(path)


# The process that the report asks


def test_the_process_compares_results_with_the_packages_that_it_is_given(tmp_path):
    package = tmp_path / "p"
    package.mkdir()
    for module, text in {"__init__": "", "m": TEXT}.items():
        (package / f"{module}.py").write_text(text)
    request = {
        "packages": [str(package)],
        "table": str(table(tmp_path, row(studies="01_a"))),
        "recorded": [{"study": study, "code": {"f": OLD}} for study in ("01_a", "02_b")],
    }
    done = subprocess.run(
        [sys.executable, "-m", "studies.staleness"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout) == [
        {"equivalent": ["f"], "changed": []},
        {"equivalent": [], "changed": ["f"]},
    ]
