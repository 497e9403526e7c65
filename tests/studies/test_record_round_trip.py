"""Random records: what a record accepts it gives back, and what it would not, it refuses."""

import csv
import io
import math
import random

import numpy as np
import pytest
from studies import cells
from studies.arms import Arm
from studies.record_folder import RecordFolder
from studies.recorder import Recorder

NAME = "09_tests"
TEXTS = [
    "BN",
    " blank before",
    "blank behind ",
    'say "x", then y',
    "'",
    "two\nlines",
    "\n",
    " 8",
    "8 ",
    "None",
    "True",
    "NaN",
    "infinity",
    "0x8",
    "1_000",
    "1e",
    "٣",
    "²",
    "λ − 1",
    "a\u2028b\x0bc\x85d",
    "tab\tand\0null",
    "=1+1",
    "# no comment",
    "<<<<<<<",
    "🙂",
    "x" * 5000,
]
NUMBERLIKE = [
    "8",
    "+8",
    "-0",
    "8.",
    ".5",
    "1e5",
    "1E-3",
    "007",
    "nan",
    "inf",
    "-inf",
    "true",
    "false",
]
NUMBERS = [0, -3, 10**30, 2.5, -0.0, 1e-300, 1e300, 1e22, 12345678901.5, 0.1 + 0.2, 1 / 3, 5e-324]
NOT_FINITE = [math.nan, math.inf, -math.inf]
SCALARS = [np.float64(0.1), np.float32(0.1), np.int64(7), np.bool_(True)]


def random_cell(numbers):
    """Return a cell of a column that holds whatever it is given."""
    kind = numbers.randrange(6)
    if kind == 0:
        return numbers.choice(TEXTS)
    if kind == 1:
        return numbers.choice([True, False, None, *NOT_FINITE, *SCALARS])
    if kind == 2:
        return numbers.randint(-(10**12), 10**12)
    if kind == 3:
        return numbers.choice(NUMBERS)
    return numbers.gauss(0, 1) * 10 ** numbers.randint(-20, 20)


def same(first, second):
    """Whether two cells are the same, in type too; NaN is NaN."""
    if isinstance(first, float) and math.isnan(first):
        return isinstance(second, float) and math.isnan(second)
    return type(first) is type(second) and first == second


def same_rows(first, second):
    return len(first) == len(second) and all(
        a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
        for a, b in zip(first, second, strict=True)
    )


def test_a_kept_cell_is_what_is_read_back():
    numbers = random.Random(1)
    for value in [
        *TEXTS,
        *NUMBERS,
        *NOT_FINITE,
        *SCALARS,
        *(random_cell(numbers) for _ in "x" * 999),
    ]:
        row = cells.kept({"x": value, "note": "n"})
        (line,) = csv.reader(io.StringIO(cells.as_csv([row], ("x", "note")), newline=""))
        read = {c: cells.parse(c, cell) for c, cell in zip(("x", "note"), line, strict=True)}
        again = {column: cell for column, cell in read.items() if cell is not None}
        assert same_rows([row], [again]), value
        assert same_rows([cells.kept(row)], [row]), value
        if isinstance(value, str):
            assert row["x"] == value
        elif isinstance(value, float) and math.isfinite(value):
            assert row["x"] == pytest.approx(value, rel=1e-9, abs=0)
        elif isinstance(value, int):
            assert row["x"] == value


@pytest.mark.parametrize("level", NUMBERLIKE)
def test_a_text_that_would_be_read_back_as_a_number_is_refused(level):
    recorder = Recorder(None)
    for refuse in (
        lambda: cells.kept({"depth": level}),
        lambda: recorder.add("q", 1.0, depth=level),
        lambda: recorder.table("curves", [{"depth": level}]),
        lambda: Arm("a", depth=level),
        lambda: RecordFolder("nowhere", NAME).ask("e1", {"depth": level}),
    ):
        with pytest.raises(ValueError, match=r"'depth' got the text .* would read back as"):
            refuse()
    assert recorder.measurements == [] and recorder.tables == {}
    # A column of text holds it.
    assert cells.kept({"note": level, "arm": level}) == {"note": level, "arm": level}


def test_line_ends_are_line_feeds():
    assert cells.kept({"note": "a\r\nb\rc\n"}) == {"note": "a\nb\nc\n"}


@pytest.mark.parametrize("text", ["x" * 200_000, "\ud800"])
def test_a_text_that_no_file_holds_is_refused(text):
    with pytest.raises(ValueError, match=r"column 'note' got (a text of 200000|the text '.ud800')"):
        cells.kept({"note": text})


def random_rows(numbers, columns):
    return [
        {c: random_cell(numbers) for c in columns if numbers.random() < 0.8}
        for _ in range(numbers.randrange(4))
    ]


def random_part(numbers):
    """Return the content of an entry: numbers or none, tables of columns of its own or none."""
    recorder = Recorder(None)
    for _ in range(numbers.choice([0, 1, 2, 5])):
        columns = numbers.sample(["rho", "unit", "note", "level x", "a,b", 'c"d'], 3)
        value = numbers.choice([numbers.gauss(0, 1), math.nan, math.inf, -0.0])
        row = {c: random_cell(numbers) for c in columns}
        recorder.add("q", value, **{c: v for c, v in row.items() if c != "unit"}, unit="nats")
    for table in numbers.sample(["curves", "planes", "lines"], numbers.randrange(4)):
        recorder.table(table, random_rows(numbers, ["alpha", "loss", "seed", "name"]))
    return recorder.part(numbers.choice(["o1", "o2"]))


def random_labels(numbers):
    names = numbers.sample(["arm", "seed", "at", "width", "batch size", "loss"], 4)
    values = (random_cell(numbers) for _ in names)
    return {name: value for name, value in zip(names, values, strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_a_random_record_is_read_as_it_was_written(tmp_path, seed):
    numbers = random.Random(seed)
    record = RecordFolder(tmp_path, NAME)
    record.origins |= {"o1": {"commit": "a"}, "o2": {"commit": "λ"}}
    asked, put = [], {}
    for k in range(numbers.randrange(1, 12)):
        for _ in range(numbers.randrange(3)):
            asked.append((f"e{k}", random_labels(numbers)))
            record.ask(*asked[-1])
        if numbers.random() < 0.9:
            put[f"e{k}"] = random_part(numbers)
            record.put(f"e{k}", "kind", put[f"e{k}"], seconds=k / 7, write=numbers.random() < 0.7)
    record.write()
    again = RecordFolder(tmp_path, NAME)
    assert len(again) == len(put)
    for entry, part in put.items():
        read = again.part(entry)
        assert same_rows(read.measurements, part.measurements) and read.origin == part.origin
        assert read.tables.keys() == {name for name, rows in part.tables.items() if rows}
        assert all(same_rows(read.table(name), part.table(name)) for name in read.tables)
    for table in ("measurements", "curves"):
        assert same_rows(again.rows(table, used=False), record.rows(table, used=False))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again.write()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    # Asked for anew in the same order, the record is the same, byte for byte.
    for request in asked:
        again.ask(*request)
    again.write()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["times", "entries", "measurements", "../up", "A", "a.b", ""])
def test_a_table_that_would_be_another_file_is_refused(name):
    with pytest.raises(ValueError, match=r"a table cannot be called .* Choose a word of small"):
        Recorder(None).table(name, [{"x": 1}])


@pytest.mark.parametrize("name", ["entry", "origin"])
def test_a_column_of_the_record_itself_is_refused(name):
    for record in (
        lambda: Recorder(None).add("q", 1.0, **{name: "x"}),
        lambda: Recorder(None).table("curves", [{name: "x"}]),
    ):
        with pytest.raises(ValueError, match=rf"a column cannot be called '{name}'"):
            record()


def test_a_table_without_rows_is_no_table():
    recorder = Recorder(None)
    recorder.table("curves", [])
    assert recorder.part("o1").tables == {}
