"""Records of studies: kept by executions, read where they are published, judged in one notebook."""

import io
import json

import pytest

from report.errors import ReportError
from report.execute import custom, execute
from report.inputs import write_inputs
from report.parameters import parameters
from report.records import folder_hash, record_dir
from report.settings import choose
from tests.tiny_project import STUDY, add_study, add_verdicts, make_project, publish_record

pytestmark = pytest.mark.slow

WORK = 'word = str.upper("reproduced")'  # the line of STUDY that a failure replaces


@pytest.fixture
def root(tmp_path):
    return make_project(tmp_path)


def run(root, profile="quick"):
    settings = choose(root, profile=profile, studies="01_number")
    log = io.StringIO()
    execute(settings, "01_number", parameters(settings, "01_number"), log=log)
    return log.getvalue()


def seen_by(root, profile="quick"):
    path = root / "build" / profile / "results" / "01_number" / "seen.json"
    return json.loads(path.read_text())


def inputs(root, **request):
    settings = choose(root, profile="quick", **request)
    write_inputs(settings)
    path = settings.profile_dir / "inputs" / "01_number.json"
    return path.read_text(), path.stat().st_mtime_ns


def record_of(root, profile="quick"):
    return root / "build" / profile / "record" / "01_number"


def test_a_record_outlives_executions_also_one_that_fails(root):
    log = run(root)
    assert "01_number: measured" in log
    other = json.dumps({"study": "01_number", "number": 7.0})
    (record_of(root) / "record.json").write_text(other)
    assert "measured" not in run(root)
    add_study(root, "01_number", STUDY.replace(WORK, "1 / 0"))
    with pytest.raises(ReportError, match="ZeroDivisionError"):
        run(root)
    assert (record_of(root) / "record.json").read_text() == other


def test_the_published_profile_reads_what_is_published_with_the_parameters_of_paper(root):
    folder = publish_record(root, number=5.0)
    (root / "notebooks" / "profiles" / "paper" / "01_number.yaml").write_text("number: 3.0\n")
    stale = record_of(root, "published") / "gone.csv"
    stale.parent.mkdir(parents=True)
    stale.touch()
    log = run(root, profile="published")
    assert "measured" not in log and seen_by(root, "published")["number"] == 3.0
    assert json.loads((record_of(root, "published") / "record.json").read_text())["number"] == 5.0
    assert not stale.exists() and (folder / "record.json").exists()


def test_without_a_published_record_nothing_is_executed(root):
    with pytest.raises(
        ReportError, match=r"holds no study[.] Measure by make report PROFILE=paper, "
    ):
        run(root, profile="published")
    publish_record(root, "02_other")
    said = (
        r"holds 02_other and lacks 01_number\. Measure by .* STUDIES=\"01_number\", then make pub"
    )
    with pytest.raises(ReportError, match=said):
        choose_published(root, "01_number")
    assert not (root / "build").exists()


def choose_published(root, studies=""):
    settings = choose(root, profile="published", studies=studies)
    write_inputs(settings)
    return settings


def test_a_published_report_holds_the_studies_that_are_published_and_their_verdicts(root):
    add_study(root, "02_new", STUDY)
    add_verdicts(root)
    publish_record(root)
    assert choose_published(root).studies == ("01_number", "09_verdicts")
    assert choose(root, profile="paper").studies == ("01_number", "02_new", "09_verdicts")


def test_inputs_of_published_change_with_the_record_and_not_with_data(root):
    folder = publish_record(root)
    path = choose_published(root).profile_dir / "inputs" / "01_number.json"
    before = path.read_text()
    (root / "data").mkdir()
    (root / "data" / "digits.npz").touch()
    choose_published(root)
    assert path.read_text() == before
    (folder / "entries.csv").write_text("entry,kind\n")
    choose_published(root)
    assert path.read_text() != before


def test_what_is_to_be_measured_again_reaches_the_study_and_executes_it_each_time(root):
    settings = choose(root, profile="quick", remeasure="stale")
    execute(settings, "01_number", parameters(settings, "01_number"), log=io.StringIO())
    assert seen_by(root)["remeasure"] == "stale"
    text, written = inputs(root)
    again = inputs(root, remeasure="stale")
    assert again[0] == text and again[1] > written
    assert inputs(root) == again


def judge(root, **request):
    settings = choose(root, profile="quick", studies="09_verdicts", **request)
    values = parameters(settings, "09_verdicts")
    log = io.StringIO()
    execute(settings, "09_verdicts", values, log=log)
    return log.getvalue()


def test_verdicts_depend_on_the_records_and_take_the_parameters_that_they_have(root):
    add_verdicts(root)
    settings = choose(root, profile="quick", studies="09_verdicts")
    assert set(parameters(settings, "09_verdicts")) == {"profile", "build_dir"}
    with pytest.raises(ReportError, match="judges the records in build/quick/record, and there is"):
        write_inputs(settings)
    with pytest.raises(ReportError, match=r"Make them: make report PROFILE=quick"):
        judge(root)
    run(root)
    write_inputs(settings)
    path = settings.profile_dir / "inputs" / "09_verdicts.json"
    before = path.read_text()
    (record_of(root) / "entries.csv").write_text("entry,kind\n")
    assert "judged 01_number" in judge(root)
    after = path.read_text()
    assert after != before and folder_hash(record_dir(settings, "01_number")) in after
    write_inputs(settings)
    assert path.read_text() == after  # what was judged is up to date


def test_verdicts_by_another_margin_leave_the_reports_alone(root):
    add_verdicts(root)
    run(root)
    judge(root)
    settings = custom(choose(root, profile="quick", studies="09_verdicts"))
    values = parameters(settings, "09_verdicts", [("margin", "2.0")])
    path = execute(settings, "09_verdicts", values, log=io.StringIO())
    assert path == root / "build" / "custom" / "verdicts" / "quick" / "09_verdicts.ipynb"
    margins = [
        json.loads((folder / "results/09_verdicts/verdicts.json").read_text())["judgements"][0][
            "margin"
        ]
        for folder in (root / "build" / "quick", path.parent)
    ]
    assert margins == [1.25, 2.0]
    assert record_of(root).is_dir()
