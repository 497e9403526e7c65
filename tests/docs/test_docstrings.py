"""What the documentation makes of docstrings and links, before Sphinx reads them."""

from pathlib import Path

import landscape
import pytest
from landscape import sharpness, spectrum

from docs.extensions.bibtex import bibtex
from docs.extensions.cards import with_column_names
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
    functions = {"load", "watch"}
    assert set(rooms()) == set(landscape.__all__) - {"Objective", "Store", *functions}
    beside = (DOCS / "api" / "objective.rst").read_text(encoding="utf-8")
    assert all(f".. autofunction:: landscape.{name}\n" in beside for name in functions)
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


CFF = """
title: A library
authors:
  - name: The authors
  - {family-names: Li, given-names: Hao}
version: 1.2.0
date-released: 2026-03-05
license: MIT
"""


def test_a_citation_says_what_the_file_says():
    entry = bibtex(CFF)
    assert entry.splitlines() == [
        "@software{landscape,",
        "  title   = {{A library}},",
        "  author  = {{The authors} and Li, Hao},",
        "  year    = {2026},",
        "  month   = mar,",
        "  version = {1.2.0},",
        "  note    = {Licence: MIT},",
        "}",
    ]
    assert "url     = {https://x.org}" in bibtex(CFF + "repository-code: https://x.org\n")
    with pytest.raises(ReportError, match=r"CITATION\.cff has no version"):
        bibtex(CFF.replace("version", "edition"))


def test_the_projects_citation_can_be_shown():
    assert "loss landscapes" in bibtex((DOCS.parent / "CITATION.cff").read_text(encoding="utf-8"))


def test_cells_of_cards_name_their_column():
    head = "<thead><tr><th>what</th><th>how far</th></tr></thead>"
    body = "<tbody><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>–</td></tr></tbody>"
    table = f'<table class="cards docutils">{head}{body}</table>'
    named = with_column_names(f"<p>x &amp; y</p>{table}")
    assert named.count("data-column") == 1 and '<td data-column="how far">b</td>' in named
    assert named.startswith("<p>x &amp; y</p>") and '<td class="nothing">–</td>' in named
    other = table.replace("cards ", "")
    assert with_column_names(other) == other
