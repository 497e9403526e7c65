"""The page as Python makes it: figures that share, names of folds, rows of claims, headings."""

import itertools
import re
import xml.etree.ElementTree as ET

import pytest
from bs4 import BeautifulSoup
from nbformat import v4

from report.claim_table import claim_rows
from report.document import read_report
from report.figure_sheet import FigureSheet
from report.figures import inline_svg
from report.html import build_html, record_files
from report.markup import Markup
from report.paths import short_number, short_path
from report.study_page import first_sentence, linked_headings, summary
from report.symbols import symbols_alike
from tests import sample_report as sample

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return sample.write_sample(tmp_path_factory.mktemp("build") / "paper")


@pytest.fixture(scope="module")
def page(folder):
    path = build_html(folder, sample.STUDIES, folder / "report.html")
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


# Figures


def points(path):
    """The corners of a path with the commands M, L, H, V and Z, absolute or relative."""
    at, start, corners, command = (0.0, 0.0), (0.0, 0.0), [], "m"
    tokens = re.findall(r"[a-zA-Z]|-?(?:\d+\.?\d*|\.\d+)", path)
    while tokens:
        if tokens[0].isalpha():
            command = tokens.pop(0)
            if command in "zZ":
                at = start
                continue
        dx = float(tokens.pop(0)) if command in "mMlLhH" else 0.0
        dy = float(tokens.pop(0)) if command in "mMlLvV" else 0.0
        at = (dx, dy) if command in "ML" else (at[0] + dx, at[1] + dy)
        if command in "mM":
            start, command = at, {"m": "l", "M": "L"}[command]
        corners.append(at)
    return corners


def test_a_short_path_has_the_same_corners_and_rounding_does_not_add_up():
    corners = [(0.004 * k, 100 - 0.336 * k) for k in range(500)]
    path = "M " + " L ".join(f"{x:.6f} {y:.6f}" for x, y in corners) + " z M 7 8 L 7 9 L 3.5 9"
    short = short_path(path)
    assert len(short) < len(path) / 2
    expected = [*corners, (7, 8), (7, 9), (3.5, 9)]
    for (x, y), (u, v) in zip(points(short), expected, strict=True):
        assert abs(x - u) <= 0.0051 and abs(y - v) <= 0.0051


def test_curves_and_what_is_no_number():
    assert short_path("M 0 0 C 1 0 1.5 .5 2 2 Q 3 3 4 2") == "m0 0c1 0 1.5 .5 2 2q1 1 2 0"
    assert short_path("M 0 0 A 1 1 0 0 1 2 2") == "M 0 0 A 1 1 0 0 1 2 2"
    assert [short_number(v) for v in (-0.5, 0.004, 12.0, 3.456)] == ["-.5", "0", "12", "3.46"]


def test_figures_share_styles_and_keep_every_shape():
    sheet = FigureSheet()
    sources = [sample.curves(), sample.plane(), sample.curves()]
    whole = [inline_svg(source, anchor=f"a{k}", alt="A.") for k, source in enumerate(sources)]
    short = [sheet.shorten(svg) for svg in whole]
    assert sum(map(len, short)) + len(sheet.style + sheet.glyphs) < 0.6 * sum(map(len, whole))
    for before, after in zip(whole, short, strict=True):
        for shape in ("<path", "<use", "<text"):
            if shape != "<path":
                assert before.count(shape) == after.count(shape)
        root = ET.fromstring(after)
        assert root.get("role") == "img" and root.get("aria-label") == "A."
    everything = "".join(short) + sheet.glyphs
    ids = re.findall(r'\bid="([^"]+)"', everything)
    used = re.findall(r'href="#([^"]+)"', everything) + re.findall(r"url\(#([^)]+)\)", everything)
    assert len(ids) == len(set(ids)) and used and set(used) <= set(ids)
    classes = {
        name for names in re.findall(r'class="([^"]+)"', "".join(short)) for name in names.split()
    }
    assert classes - {"broad"} <= set(re.findall(r"^\.(\w+)\{", sheet.style, re.MULTILINE))


def test_a_style_has_its_class_whatever_stands_around_it():
    square = "<svg xmlns='http://www.w3.org/2000/svg'><g>{}</g></svg>"
    rule = "<rect style='fill: none; stroke: red'/>" * 2
    one, two = FigureSheet(), FigureSheet()
    one.shorten(square.format(rule))
    two.shorten(square.format("<rect style='fill: blue'/>" * 2 + rule))
    assert one.style.splitlines()[0].endswith("{fill:none;stroke:red}")
    assert one.style.splitlines()[0] in two.style.splitlines()


# Texts


@pytest.mark.parametrize(
    ("title", "tags", "said"),
    [
        ("Train the two arms", [], "Code: train the two arms (2 lines)"),
        ("SAM at equal loss", [], "Code: SAM at equal loss (2 lines)"),
        ("", [], "Code (2 lines)"),
        ("Parameters", ["parameters"], "Default parameters (2 lines)"),
        ("", ["injected-parameters"], "Parameters of this run (2 lines)"),
    ],
)
def test_a_fold_says_what_its_code_does(title, tags, said):
    assert (
        summary(v4.new_code_cell("a = 1\nb = 2", metadata={"title": title, "tags": tags})) == said
    )


def test_the_first_sentence_of_a_caption():
    text = "BN is 2.1 times sharper (Figure 3). Points are seeds."
    assert first_sentence(text) == "BN is 2.1 times sharper (Figure 3)."
    assert first_sentence("No end") == "No end"


def test_a_heading_links_to_itself():
    linked = linked_headings('<h2 data-number="1" id="a">One</h2><h3>No id</h3>')
    assert '<a class="permalink" href="#a" aria-label="Link to this heading"></a></h2>' in linked
    assert linked.endswith("<h3>No id</h3>")


def test_symbols_look_alike_as_maths_and_as_text():
    pieces = [
        Markup("html")(text) for text in ("$\\lambda_{\\max}$ is", "λ~max~ is", "$x$ is", "$x^2$")
    ]
    alike = [symbols_alike(piece) for piece in pieces]
    assert alike[0] == alike[1] == "<p><i>λ</i><sub>max</sub> is</p>"
    assert alike[2] == "<p><i>x</i> is</p>" and "<math" in alike[3]
    assert symbols_alike(alike[0]) == alike[0]


# The page


def test_claims_have_their_parts_and_evidence_that_the_report_holds(folder):
    rows = claim_rows(read_report(folder, sample.STUDIES))
    assert [row.id for row in rows] == ["S1.1", "S1.2", "S1.5", "S2.9"]
    assert [part.judgement.id for part in rows[2].parts] == ["S1.5a"]
    assert [thing.name for thing in rows[1].evidence] == ["Figure 2", "Table 1"]


def test_every_claim_is_a_row_that_opens_to_parts_facts_and_evidence(page):
    rows = page.select("details.claim")
    assert [row["data-verdict"] for row in rows] == [
        "undecided",
        "reproduced",
        "contradicted",
        "not judged",
    ]
    assert "not tested" in rows[3].summary.text
    assert "drift of the loss" in rows[3].text  # why
    targets = [link["href"] for link in rows[1].select(".rests-on a")]
    assert targets == ["#01-bn-ablation-fig-plane", "#01-bn-ablation-tab-curvature"]
    caption = page.select_one("[id='01-bn-ablation-fig-plane'] figcaption")
    assert caption.find("a", href="#claim-S1.2")


def test_a_trial_has_no_word_of_a_verdict(tmp_path):
    folder = sample.write_sample(tmp_path / "quick")
    text = build_html(folder, sample.STUDIES, folder / "report.html").read_text("utf-8")
    page = BeautifulSoup(text, "html.parser")
    for element in page.select("style, script"):
        element.decompose()
    assert len(page.select("details.claim")) == 4
    assert not page.select(".verdict, .highlights, .reading, select[name=verdict]")
    opening = page.select_one("#claims").text.lower()
    assert not any(word in opening for word in ("reproduced", "contradicted", "undecided"))


def test_headings_go_down_one_level_at_a_time(page):
    levels = [int(heading.name[1]) for heading in page.select("h1, h2, h3, h4, h5, h6")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_the_opening_holds_abstract_findings_and_the_strongest_picture(page):
    opening = page.select_one("header.opening")
    assert "Do claims survive controls?" in opening.text
    assert [h.text for h in opening.select("article h2")] == [f"Finding {k}" for k in range(1, 5)]
    links = {link["href"] for link in opening.select("article a")}
    assert links == {"#claim-S1.2", "#01-bn-ablation-fig-training"}
    assert opening.select_one("figure.strongest svg")


def test_controls_are_named(page):
    for control in page.select("button, select, input"):
        assert control.text.strip() or control.get("aria-label") or control.find_parent("label")
    assert {nav["aria-label"] for nav in page.select("nav")} == {"Contents"}


def test_a_detail_is_folded_under_its_name_and_first_sentence(tmp_path):
    table = sample.table("tab-a", "One is more. Rows are arms.", ["arm"], [["one"]], ["left"])
    table.metadata["landscape"]["place"] = "detail"
    said = sample.show({"text/markdown": "Aside."}, kind="sentence", place="detail")
    cells = [v4.new_markdown_cell("# A study"), v4.new_code_cell("show()", outputs=[table, said])]
    sample.write_study(tmp_path, "01_bn", v4.new_notebook(cells=cells))
    text = build_html(tmp_path, ["01_bn"], tmp_path / "r.html").read_text("utf-8")
    page = BeautifulSoup(text, "html.parser")
    (fold,) = page.select("details.fold")
    assert page.select_one(".aside").text.strip() == "Aside."
    assert fold.summary.text.strip() == "Table S1. One is more."
    assert fold.select_one("figure.table")["id"] == "01-bn-tab-a"


def test_the_page_links_to_the_tables_of_the_record(tmp_path):
    folder = sample.write_sample(tmp_path / "paper")
    record = folder / "record" / "01_bn_ablation"
    record.mkdir(parents=True)
    (record / "measurements.csv").write_text("quantity,value\n")
    assert record_files(folder, ["01_bn_ablation", "07_theory"])["07_theory"] == []
    text = build_html(folder, sample.STUDIES, folder / "report.html").read_text("utf-8")
    links = BeautifulSoup(text, "html.parser").select(".record a")
    assert [link["href"] for link in links] == ["record/01_bn_ablation/measurements.csv"]
    assert (folder / links[0]["href"]).is_file()
