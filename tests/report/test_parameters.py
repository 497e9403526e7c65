"""The parameters of a study: read from notebook, profile and command line, or refused by name."""

import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from report.errors import ReportError
from report.parameters import parameters
from report.settings import Settings
from report.structure import GIVEN, defaults

STUDY = "01_number"
CELL = '# %% tags=["parameters"]\nprofile, data_dir, build_dir, remeasure = "quick", "a", "b", ""\n'

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
# Values of one kind each: a profile and the command line may put one in another's place.
KINDS = [
    st.booleans(),
    st.integers(-(10**9), 10**9),
    NUMBERS,
    TEXTS,
    st.lists(st.integers(-9, 9), min_size=1, max_size=3),
    st.lists(NUMBERS, min_size=1, max_size=3),
    st.lists(TEXTS, min_size=1, max_size=3),
]
NAMES = ("number", "seeds", "label")


@st.composite
def chosen(draw):
    """Names with a default value, one of the same kind, and another of the same kind."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=3, max_size=3))
    return tuple(
        {name: draw(kind) for name, kind in zip(NAMES, kinds, strict=True)} for _ in range(3)
    )


def notebook(values):
    return CELL + "".join(f"{name} = {value!r}\n" for name, value in values.items())


def read(values, profile, overrides=()):
    """The parameters of a study whose notebook and profile hold these values."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "notebooks" / "profiles" / "quick").mkdir(parents=True)
        (root / "notebooks" / f"{STUDY}.py").write_text(notebook(values), encoding="utf-8")
        text = profile if isinstance(profile, str) else yaml.safe_dump(profile, allow_unicode=True)
        file = root / "notebooks" / "profiles" / "quick" / f"{STUDY}.yaml"
        file.write_text(text, encoding="utf-8")
        settings = Settings(root, "quick", (STUDY,), root / "data", root / "build")
        return parameters(settings, STUDY, overrides)


def of(values):
    """Names and values with their types, also of the items of lists."""
    return {name: (type(value), repr(value)) for name, value in values.items() if name in NAMES}


@given(chosen())
def test_what_a_notebook_assigns_is_its_default(values):
    assert of(defaults(notebook(values[0]), "n")) == of(values[0])


@given(chosen())
def test_a_profile_and_then_the_command_line_come_first(values):
    own, profile, line = values
    found = read(own, profile)
    assert of(found) == of(profile) and set(found) == {*NAMES, *GIVEN}
    texts = [(name, v if isinstance(v, str) else repr(v)) for name, v in line.items()]
    assert of(read(own, profile, texts)) == of(line)
    assert of(read(own, {}, texts[:1])) == of(dict([*line.items()][:1]))


TYPED = st.one_of(
    TEXTS,
    st.text("[]{}:,-'\"1e.ab!&*#% \n", max_size=9),
    st.sampled_from(["{[1]: 2}", "2020-13-45", "!!int x", "!!bool x", "!!timestamp x", "nan"]),
)


@given(st.one_of(KINDS), TYPED)
def test_any_text_is_a_value_of_the_defaults_kind_or_one_clear_error(default, text):
    numbers = (bool,) if isinstance(default, bool) else (int, float)
    kind = {bool: bool, int: int, float: numbers, str: str, list: list | tuple}[type(default)]
    for overrides, profile in (([("number", text)], ""), ((), f"number: {text}")):
        try:
            value = read({"number": default}, profile, overrides).get("number", default)
        except ReportError as error:
            assert "number" in str(error)
        else:
            assert isinstance(value, kind)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("nmber", "1", r"-p nmber: 01_number has no parameter 'nmber'.*did you mean number\?"),
        ("number", "many", r"-p number many: number is 'many', a str"),
        ("number", "{[1]: 2}", r"-p number {\[1\]: 2}: number is '{\[1\]: 2}', a str"),
        ("profile", "paper", r"-p profile: profile is filled in by make. Give it as PROFILE="),
    ],
)
def test_a_wrong_own_parameter_is_refused(name, text, said):
    with pytest.raises(ReportError, match=said):
        read({"number": 1.0, "seeds": [0, 1]}, {}, [(name, text)])


def test_a_number_may_be_written_as_python_or_yaml_writes_it():
    given = [("number", "1e-3"), ("fast", "false"), ("seeds", "[1, 2]")]
    found = read({"number": 1.0, "fast": True, "seeds": [0]}, {}, given)
    assert (found["number"], found["fast"], found["seeds"]) == (1e-3, False, [1, 2])


def test_a_cell_that_holds_no_plain_value_is_refused():
    with pytest.raises(ReportError, match=r"holds more than assignments of plain values \(unhash"):
        defaults(f"{CELL}seeds = {{[1]: 2}}\n", "notebooks/01_number.py")


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ("number: 1\nnumber: 2\n", "not valid YAML: 'number' stands there twice"),
        ("number: 010\n", "010 is no number: write it without leading zeros"),
        ("seeds: [3:20]\n", "3:20 is no number"),
        ("seeds: []\n", r"seeds is \[\], a list"),
    ],
)
def test_what_yaml_reads_otherwise_than_people_is_refused(profile, said):
    with pytest.raises(ReportError, match=said):
        read({"number": 1, "seeds": [0, 1]}, profile)


def test_the_command_line_reads_no_octal_and_takes_numbers_between_commas():
    with pytest.raises(ReportError, match="number is '010', a str"):
        read({"number": 1}, {}, [("number", "010")])
    found = read({"seeds": [0]}, {}, [("seeds", "8,16")])
    assert found["seeds"] == [8, 16] and type(found["seeds"]) is list
