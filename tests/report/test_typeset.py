"""How texts, tables and figures are typeset: subscripts, decimals, maths and SVG."""

import re
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import pytest

from report import markup, provenance
from report.atomic import write_atomically
from report.document import read_report
from report.errors import ReportError
from report.figures import inline_svg, standalone_svg
from report.html import render_page
from report.pdf import render_typst
from report.tables import decimal_pieces, typeset_column
from report.typst_study import column_widths
from tests import sample_report as sample


def test_decimals_line_up_whatever_follows_them():
    cells = ["57.2 ± 3.1", "−4.25", "1.52 [1.20, 1.91]", "10,000", "diverged", "< 0.01"]
    rows = decimal_pieces(cells)
    visible = ["".join(p.text for p in row if not p.hidden) for row in rows]
    assert visible == cells
    points = {_point(row) for row, cell in zip(rows, cells, strict=True) if cell != "diverged"}
    assert len(points) == 1


def test_intervals_line_up_number_by_number():
    rows = decimal_pieces(["1.52 [1.20, 1.91]", "10.1 [9, 11.25]"])
    lengths = {len("".join(piece.text for piece in row)) for row in rows}
    assert len(lengths) == 1


def test_a_power_of_ten_belongs_to_its_number():
    cells = ["2.22×10⁻⁵ ± 1.9×10⁻⁶", "0.000005 ± 0.000011", "12 ± 3"]
    rows = decimal_pieces(cells)
    assert ["".join(p.text for p in row if not p.hidden) for row in rows] == cells
    lengths = {len("".join(piece.text for piece in row)) for row in rows}
    assert len(lengths) == 1 and max(lengths) < 30  # Two numbers a cell, not four.


def test_a_strong_number_lines_up_with_the_others():
    def column(cells):
        return typeset_column(
            cells,
            align="decimal",
            typeset=markup.Markup("html").inline,
            text=str,
            hide=lambda text: "_" * len(text),
            strong=lambda shown: f"<b>{shown}</b>",
        )

    cells = ["1.52 [1.20, 1.91]", "10.1 [9, 11.25]", "**all** of them"]
    plain = column(cells)
    assert column([f"**{cells[0]}**", *cells[1:]]) == [f"<b>{plain[0]}</b>", *plain[1:]]
    assert plain[2] == "<strong>all</strong> of them"


def _point(row):
    """Width before the first decimal point or the end of the first whole number."""
    text = "".join(piece.text for piece in row).replace("< ", "")
    return re.match(r"[−\d,]+", text).end()


def test_a_text_beside_many_numbers_keeps_a_fifth_of_the_page():
    text, number = "one width, equal loss: CNN, width 32 / MLP, width 32", "1.43 [0.91, 2.26]"

    def table(numbers):
        row = [text] + [number] * numbers
        return SimpleNamespace(rows=[row], align=["left"] + ["decimal"] * numbers)

    assert column_widths(table(2)) == "(1.32fr, auto, auto, )"
    assert column_widths(table(5)).startswith("(20%, auto, ")


def test_texts_wrap_together_where_one_alone_would_be_crushed():
    # Exponents of five sweeps, some of which are a letter too long for a column of their own.
    lengths = [14, 29, 33, 30, 30, 34, 3]
    table = SimpleNamespace(rows=[["x" * length for length in lengths]], align=["left"] * 7)
    first, *sweeps, last = column_widths(table).strip("(), ").split(", ")
    assert first == last == "auto" and all(width.endswith("fr") for width in sweeps)
    # With room for it, one long text wraps alone.
    few = SimpleNamespace(rows=[["x" * 40, "x" * 20, "x" * 3]], align=["left"] * 3)
    assert column_widths(few) == "(1.15fr, auto, auto, )"
    # Several long texts beside numbers have three fifths of the page.
    many = SimpleNamespace(
        rows=[["x" * 40] * 4 + ["1.43 [0.91, 2.26]"] * 5], align=["left"] * 4 + ["decimal"] * 5
    )
    assert column_widths(many).startswith("(15%, 15%, 15%, 15%, auto, ")


def test_svg_follows_the_page_and_keeps_its_ids_to_itself():
    source = sample.curves()
    svg = inline_svg(source, anchor="a", alt='A "line" & more')
    root = ET.fromstring(svg)
    assert root.get("role") == "img" and root.get("aria-label") == 'A "line" & more'
    assert "currentColor" in svg and sample.INK not in svg
    assert "var(--paper)" in svg
    ids = {element.get("id") for element in root.iter() if element.get("id")}
    used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg))
    assert ids and all(name.startswith("a--") for name in ids)
    assert {one or other for one, other in used} <= ids
    # Of matplotlib's names for every group, those stay that something refers to.
    assert len(ids) < len(re.findall(r'\bid="', source)) / 2
    assert {one or other for one, other in used} == ids and not re.search(r"\n\s+<", svg)
    assert "<style" not in svg and "<metadata" not in svg and "viewBox" in svg


def test_svg_of_the_page_keeps_paths_to_a_hundredth_of_a_point():
    source = sample.curves()
    drawn = {}
    for name, svg in (("file", source), ("page", inline_svg(source, anchor="a", alt="line"))):
        paths = ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}path")
        drawn[name] = [path.get("d", "").split() for path in paths]
    assert any(re.search(r"\.\d{3}", word) for path in drawn["file"] for word in path)
    assert not any(re.search(r"\.\d{3}", word) for path in drawn["page"] for word in path)
    for before, after in zip(drawn["file"], drawn["page"], strict=True):
        for one, other in zip(before, after, strict=True):
            assert one == other or abs(float(one) - float(other)) <= 0.00501


def test_svg_for_the_pdf_has_neither_date_nor_colour_of_the_page():
    svg = standalone_svg(sample.curves()).decode()
    assert "metadata" not in svg and sample.INK in svg


def test_a_cell_with_emphasis_has_subscripts_as_a_plain_one_has():
    to_html = markup.Markup("html")
    cell = markup.tabular_text("**no**: λ_max, equal loss")
    assert to_html.inline(cell) == "<strong>no</strong>: λ<sub>max</sub>, equal loss"
    maths = r"$\lambda_{\max}$ of `a_b`"
    assert markup.tabular_text(maths) == maths


def test_an_underscore_in_a_name_is_no_index():
    text = markup.plain_to_markdown("05_dynamics_paths, λ_max and x_i")

    assert text == r"05\_dynamics\_paths, λ~max~ and x~i~"


def test_plain_text_is_escaped_and_subscripted():
    to_html = markup.Markup("html")
    text = markup.plain_to_markdown("λ_max of *all* <b> ~ 5, n = 3, 1e-7, $x_1$")
    assert "λ<sub>max</sub> of *all* &lt;b&gt; ~ 5, n\u00a0=\u00a03, 1e\u20117" in to_html(text)
    assert "<math" in to_html(text)


@pytest.mark.slow
def test_pieces_converted_together_or_alone_are_the_same():
    texts = ["a *b*", "- x\n- y", "$x_1$", "```\nnever closed", "last"]
    for kind in ("html", "typst"):
        together, alone = markup.Markup(kind), markup.Markup(kind)
        together.prime(texts[:3])
        together.prime(texts)
        assert [together(text) for text in texts] == [alone(text) for text in texts]


def test_a_page_takes_one_run_of_pandoc_and_the_pdf_one_more_for_each_study(tmp_path, monkeypatch):
    report = read_report(sample.write_sample(tmp_path / "paper"), sample.STUDIES)
    runs = []
    convert = markup.Markup._pandoc
    monkeypatch.setattr(
        markup.Markup, "_pandoc", lambda self, text: runs.append(text) or convert(self, text)
    )
    render_page(report)
    assert len(runs) == 1
    render_typst(report)
    assert len(runs) == 2 + len(report.studies) + len(report.appendix)


def test_maths_that_pandoc_cannot_typeset_is_an_error():
    with pytest.raises(ReportError, match=r"cannot typeset the maths.*undefinedmacro"):
        markup.Markup("html")(r"$\undefinedmacro{x}$")


@pytest.mark.parametrize(
    ("seconds", "text"), [(41.2, "41 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")]
)
def test_duration_reads_well(seconds, text):
    assert provenance.duration(seconds) == text


def test_interrupted_writing_leaves_the_old_file(tmp_path):
    path = write_atomically(tmp_path / "report.html", b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "not bytes")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
