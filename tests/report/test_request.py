"""The values of make's variables: what is odd is refused in one sentence, what is sound is not."""

import os

import pytest

from report import request
from report.errors import ReportError
from tests.tiny_project import STUDY, add_study, make_project, publish_record

DEFAULTS = {
    "MAKECMDGOALS": "report",
    "PROFILE": "quick",
    "FROM": "py",
    "DATA_DIR": "data",
    "BUILD_DIR": "build",
    "PYTHON": "python3",
    "VENV": ".venv",
    **dict.fromkeys(("STUDIES", "STUDY", "P", "T", "B", "JOBS", "REMEASURE"), ""),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = make_project(tmp_path_factory.mktemp("project"))
    (folder / "mine").mkdir()
    (folder / "mine" / "thesis.tex").touch()
    (folder / "own_venv").mkdir()
    (folder / "own_venv" / "pyvenv.cfg").touch()
    return folder


def ask(root, verb="report", **values):
    request.check({**DEFAULTS, "MAKECMDGOALS": verb, **values}, root)


REFUSED = [
    (
        "report",
        "PROFILE",
        "",
        r"PROFILE= is unknown\. Choose one of smoke, quick, published, paper",
    ),
    ("report", "PROFILE", "papre", r"PROFILE=papre is unknown\..* \(did you mean paper\?\)"),
    ("report", "PROFILE", "smoke quick", "PROFILE=smoke quick is unknown"),
    ("report", "STUDIES", "01_nmber", r"the study 01_nmber is unknown\. There are 01_number"),
    ("study", "STUDY", "", "make study needs one name: make study STUDY=01_number"),
    ("study", "STUDY", "01_number 01_number", "make study needs one name"),
    ("study", "STUDY", "../01_number", r"the study \.\./01_number is unknown"),
    ("notebooks", "FROM", "", r"FROM= is unknown\. Choose py"),
    ("notebooks", "FROM", "text", r"FROM=text is unknown\. Choose py"),
    ("report", "JOBS", "0", r"JOBS=0 is no number of .* a whole number from 1 to 999"),
    *[
        ("report", "JOBS", value, f"JOBS={value} is no number of studies")
        for value in ("-1", "two", "1 2", "1.5", "08", "1000", "1;ls")
    ],
    ("report", "P", "-p number 3", "make report takes neither P nor STUDY"),
    ("report", "STUDY", "01_number", "make report takes neither P nor STUDY"),
    ("study", "P", "-p number", r"P=-p number is no list of parameters\. Give -p, a name and a"),
    ("study", "P", "number 3", "P=number 3 is no list of parameters"),
    ("study", "P", "-p label 'x", "holds an open quote, which the shell would read as its own"),
    ("study", "P", "-p number 3; ls", r"holds ; outside quotes.*Put quotes around each word"),
    ("study", "P", '-p label "`ls`"', "holds an open quote"),
    ("publish", "P", "--tabel", r"P=--tabel is unknown to make publish\. It takes --allow-dirty"),
    ("report", "REMEASURE", "some", r"REMEASURE=some is unknown\. Leave it empty, or give stale"),
    ("report", "PROFILE", "published", r"report/published/record, which holds no study\. Measure"),
    ("study", "PROFILE", "published", r"report/published/record, which holds no study\. Measure"),
    ("test", "T", "spectrum", r'begins with spectrum, which is neither .* make test T="-k spec'),
    ("test", "T", "-k a && ls", "T=-k a && ls holds & outside quotes"),
    ("test", "T", "-k a > file", "holds > outside quotes"),
    ("test", "T", "-k a # b", "holds # outside quotes"),
    ("test", "T", r"-k a\ b", r"holds \\ outside quotes"),
    ("bench", "B", "mlp", r'B=mlp begins with mlp.*for example B="--subjects mlp"'),
    ("bench", "B", "--rows a | ls", r"holds \| outside quotes"),
    ("report", "DATA_DIR", "", r"DATA_DIR= is empty\. Name a folder, for example DATA_DIR=data"),
    ("report", "DATA_DIR", "-x", r"begins with -,.* Write the path out: DATA_DIR=\./-x"),
    ("report", "DATA_DIR", "Makefile", r"DATA_DIR=Makefile is no folder\. Name the folder that"),
    ("report", "DATA_DIR", "build/store/x", r"lies in BUILD_DIR=build/store, which make clean-all"),
    ("report", "DATA_DIR", ".venv", r"is VENV=\.venv, which make clean-all removes\. Name folders"),
    ("report", "VENV", "build", "BUILD_DIR=build is VENV=build"),
    ("report", "VENV", "build/quick/v", "VENV=build/quick/v lies in BUILD_DIR=build/quick"),
    ("report", "VENV", "own_venv", r"environment that this project did not make\..* VENV= PYTHON="),
]
ADVICE = "Name a folder that is missing, empty or made by this project, for example"
for variable in ("BUILD_DIR", "VENV"):
    REFUSED += [
        ("report", variable, ".", rf"{variable}=\. is the project itself\. {ADVICE} {variable}="),
        ("report", variable, "lib/../", rf"{variable}=lib/\.\./ is the project itself"),
        ("report", variable, "..", rf"{variable}=\.\. holds the project"),
        ("report", variable, "/", f"{variable}=/ holds the project"),
        ("report", variable, os.path.expanduser("~"), r"is your home folder itself|holds the"),
        (
            "report",
            variable,
            "lib",
            rf"was not made by this project \(it holds landscape\)\. {ADVICE}",
        ),
        ("report", variable, "mine", r"was not made by this project \(it holds thesis\.tex\)"),
        ("report", variable, "Makefile", f"{variable}=Makefile is no folder"),
        ("report", variable, "Makefile/x", "lies in Makefile, which is no folder"),
        ("report", variable, "-x", rf"begins with -,.* Write the path out: {variable}=\./-x"),
        ("report", variable, "~/x", rf'begins with ~,.* Write the path out: {variable}="\$HOME"/x'),
        ("report", variable, "a b", "holds a space, which make or the shell reads as its own"),
        ("report", variable, "a'b", r"holds a single quote.* only letters, digits and / \. _ - \+"),
        ("report", variable, 'a"b', "holds a double quote"),
        *[
            ("clean-all", variable, f"a{character}b", f"b holds .?{character}, which make or the")
            for character in "#:%;&|`=,~<>!"
        ],
        *[
            ("clean-all", variable, f"a{character}b", rf"b holds \{character}, which make or the")
            for character in "\\*?()[]{}"
        ],
    ]
for variable in DEFAULTS:
    REFUSED += [
        ("report", variable, "a$b", rf"{variable}=a\$b holds \$, which make or the shell reads"),
        ("report", variable, "a\tb", r"=a\\tb holds the character \\t, which make or the shell"),
        ("report", variable, "a\nb", r"=a\\nb holds the character \\n"),
        ("report", variable, "a\udcffb", r"=a\\udcffb holds the character \\udcff"),
    ]


@pytest.mark.parametrize(("verb", "variable", "value", "said"), REFUSED)
def test_an_odd_value_is_refused_in_words(root, verb, variable, value, said):
    others = {"STUDY": "01_number"} if verb == "study" else {}
    with pytest.raises(ReportError, match=said):
        ask(root, verb, **{**others, variable: value})


def test_a_published_study_is_asked_for_with_its_record_and_never_measured_again(tmp_path):
    root = make_project(tmp_path)
    publish_record(root)
    ask(root, PROFILE="published")
    ask(root, "study", PROFILE="published", STUDY="01_number")
    add_study(root, "02_new", STUDY)
    ask(root, PROFILE="published")  # which leaves out what is not published
    for verb, variable in (("report", "STUDIES"), ("study", "STUDY")):
        with pytest.raises(ReportError, match="holds 01_number and lacks 02_new"):
            ask(root, verb, PROFILE="published", **{variable: "02_new"})
    with pytest.raises(ReportError, match=r"measures nothing, so REMEASURE=stale has no meaning"):
        ask(root, PROFILE="published", REMEASURE="stale")


@pytest.mark.parametrize(
    ("verb", "values"),
    [
        ("report", {"STUDIES": "01_number, 01_number", "JOBS": "12", "PROFILE": "paper"}),
        ("report", {"VENV": ""}),
        ("report", {"DATA_DIR": '/not here/it\'s "data" #1', "BUILD_DIR": "new/over+there@1"}),
        ("report", {"DATA_DIR": "~/data", "BUILD_DIR": "../Übung", "VENV": "../venv-3.12"}),
        ("report", {"DATA_DIR": "build/data", "VENV": "build/venv"}),
        (
            "study",
            {"STUDY": "01_number", "P": "-p number -3 -p label 'a; b (c)' -p seeds \"[0, 1]\""},
        ),
        ("publish", {"P": "--table"}),
        ("publish", {"P": "--replace --allow-dirty"}),
        ("report", {"PROFILE": "paper", "REMEASURE": "stale"}),
        ("clean", {"PROFILE": "published"}),
        ("test", {"T": "-k 'a or (b and c)' -x"}),
        ("test", {"T": "Makefile::test_x[1]"}),
        ("test", {"T": "tests/test_*.py"}),
        ("bench", {"B": "--subjects mlp --rows product"}),
    ],
)
def test_a_sound_value_is_not_refused(root, verb, values):
    ask(root, verb, **values)


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_installed(
    root, tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ReportError, match=rf"BUILD_DIR={tmp_path} cannot be written\. {ADVICE}"):
        ask(root, BUILD_DIR=str(tmp_path), VENV="")
    with pytest.raises(
        ReportError, match=rf"VENV={tmp_path}/v lies in {tmp_path}, which cannot be"
    ):
        ask(root, "test", VENV=f"{tmp_path}/v")
    ask(root, "compare", BUILD_DIR=str(tmp_path), VENV="")  # which reads only


def test_the_verbs_can_be_listed_whatever_lies_in_the_default_folders(tmp_path):
    root = make_project(tmp_path)
    (root / ".venv").mkdir()
    (root / ".venv" / "thesis.tex").touch()
    ask(root, "")
    ask(root, "help clean")
    with pytest.raises(ReportError, match=r"VENV=\.venv was not made by this project"):
        ask(root, "help report")


def test_the_answer_is_one_line_that_make_can_print(capsys):
    name = "x" * 300
    for values, said in (
        ({}, "ok\n"),
        ({"JOBS": "0"}, "refused: JOBS=0 is no number"),
        ({"BUILD_DIR": name}, f"{name} cannot be used: File name too long. Name another folder\n"),
    ):
        pairs = [f"{key}={value}" for key, value in {**DEFAULTS, "VENV": "", **values}.items()]
        assert request.main(pairs) == 0
        printed = capsys.readouterr().out
        assert said in printed and printed.count("\n") == 1
