"""What the documentation makes of docstrings and links, before Sphinx reads them."""

from pathlib import Path

import landscape
import pytest
from landscape import sharpness, spectrum

from docs.extensions.docstrings import with_bars, with_links, with_reference_section
from docs.extensions.names import meaning, public_names, rooms
from docs.extensions.repository import without_outer_links
from report.errors import ReportError

DOCS = Path(__file__).parents[2] / "docs"


def test_a_reference_becomes_a_section_and_ends_with_its_paragraph():
    lines = ["Raises:", "    X.", "", "Reference: A (1999),", "    B 1(2).", "", "Example:"]
    expected = [
        "Raises:",
        "    X.",
        "",
        "References:",
        "    A (1999),",
        "    B 1(2).",
        "",
        "Example:",
    ]
    assert with_reference_section(lines) == expected


def test_bars_stay_bars_but_not_in_literals_and_examples():
    lines = ["The largest |λ| of ``a | b``.", "", ">>> x | y", "{1}", "", "|z|"]
    expected = [r"The largest \|λ\| of ``a | b``.", "", ">>> x | y", "{1}", "", r"\|z\|"]
    assert with_bars(lines) == expected


@pytest.mark.parametrize(
    ("word", "full"),
    [
        ("eigenpairs", "landscape.spectrum.eigenpairs"),
        ("Density.plot", "landscape.spectrum.Density.plot"),
        ("slices.plane", "landscape.slices.plane"),
        ("Objective.parts", "landscape.Objective.parts"),
        ("Eigenpairs.values", None),  # A field: it has no entry of its own.
        ("largest", None),
        ("plane", None),  # Of another room.
        ("trace", None),  # The function itself.
        ("known", None),
    ],
)
def test_a_name_means_what_its_room_says(word, full):
    assert meaning(word, "landscape.spectrum.trace", spectrum.trace) == full


def test_a_parameter_is_no_link():
    line = ["``sam`` and ``m_sharpness``"]
    assert with_links(line, "landscape.sharpness.x", lambda sam: sam) == [
        "``sam`` and :py:obj:`m_sharpness <landscape.sharpness.m_sharpness>`"
    ]


def test_functions_come_first():
    names = public_names(sharpness)
    assert sorted(names) == sorted(sharpness.__all__)
    assert names.index("worst_case") < names.index("Rise") < names.index("Ball")


def test_every_room_has_a_page_that_documents_all_of_it():
    assert set(rooms()) == set(landscape.__all__) - {"Objective", "Store"}
    for room in rooms():
        page = (DOCS / "api" / f"{room}.rst").read_text(encoding="utf-8")
        assert f".. room:: landscape.{room}\n" in page


def test_links_out_of_the_pages_become_names_of_files(tmp_path):
    (tmp_path / "docs").mkdir()
    for name in ("bench.md", "docs/tasks.md"):
        (tmp_path / name).write_text("", encoding="utf-8")
    page = tmp_path / "docs" / "library.md"
    text = "[speed](../bench.md), [bench.md](../bench.md), [tasks](tasks.md)"
    expected = "speed (`bench.md`), `bench.md`, [tasks](tasks.md)"
    assert without_outer_links(text, page, tmp_path / "docs") == expected
    with pytest.raises(ReportError, match=r"library.md links to ../gone.md"):
        without_outer_links("[x](../gone.md)", page, tmp_path / "docs")
