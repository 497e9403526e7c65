"""What is published against what this tree makes: what differs is said, what may differ is not."""

import re
import shutil

import pytest

from report.compare import compare, file_differences, page_differences, record_differences
from report.errors import ReportError
from report.html import build_html
from report.page import blocks
from report.settings import choose
from tests import sample_report as sample


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = sample.write_sample(tmp_path_factory.mktemp("build") / "published")
    return build_html(folder, sample.STUDIES, folder / "report.html").read_text("utf-8")


@pytest.fixture
def settings(tmp_path, page):
    """A project whose published report is what it makes."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_bn.py").touch()
    made = tmp_path / "build" / "published"
    (made / "record" / "01_bn").mkdir(parents=True)
    (made / "record" / "01_bn" / "record.json").write_text('{\n "study": "01_bn"\n}\n')
    (made / "record" / "01_bn" / "measurements.csv").write_text("entry,value\ne1,2.5\ne2,3\n")
    (made / "report.html").write_text(page)
    (made / "report.pdf").write_bytes(b"%PDF /Type /Pages /Type /Page /Type/Page ")
    sample.write_verdicts(made)
    published = shutil.copytree(made, tmp_path / "report" / "published")
    shutil.move(published / "results" / "09_verdicts" / "verdicts.json", published)
    shutil.rmtree(published / "results")
    return choose(tmp_path, profile="published")


def change(path, before, after):
    text = path.read_bytes()
    assert before.encode() in text
    path.write_bytes(text.replace(before.encode(), after.encode(), 1))


@pytest.mark.slow
def test_a_report_that_is_what_this_tree_makes_passes(settings, capsys):
    compare(settings)
    assert capsys.readouterr().out == "report/published is what this tree makes of its record\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        (
            "record/01_bn/measurements.csv",
            "e2,3",
            "e2,4",
            "01_bn/measurements.csv, line 3: e2, value: “3” is published, “4” is made",
        ),
        ("record/01_bn/record.json", "01_bn", "01_no", "01_bn/record.json, line 2: "),
        ("results/09_verdicts/verdicts.json", "reproduced", "undecided", "09_verdicts/verdicts.js"),
        (
            "report.html",
            "137.51",
            "137.52",
            "report.html, 01-bn-ablation-tab-curvature: td: “137.",
        ),
        ("report.html", "1.52 times", "1.53 times", "report.html, claim-S1.2: "),
        ("report.pdf", " /Type /Page ", " ", "report.pdf: 2 pages are published, 1 are made"),
    ],
)
def test_what_differs_is_said_in_one_line_with_its_place(settings, name, before, after, said):
    change(settings.profile_dir / name, before, after)
    with pytest.raises(ReportError) as caught:
        compare(settings)
    first, *lines, last = str(caught.value).splitlines()
    assert first == "report/published is not what this tree makes of its record:"
    assert said in lines[0] and "make publish P=--report" in last


@pytest.mark.parametrize("name", ["report.html", "report.pdf"])
@pytest.mark.parametrize("folder", ["build/published", "report/published"])
def test_what_was_not_made_or_not_published_is_said(settings, folder, name):
    (settings.root / folder / name).unlink()
    with pytest.raises(ReportError, match=f"{name}(: not | is missing)"):
        compare(settings)


def test_files_of_one_side_alone_are_said(tmp_path):
    for folder, name in (("a", "new.csv"), ("b", "old.csv"), ("a", "same.npz"), ("b", "same.npz")):
        (tmp_path / folder / "01_bn").mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "01_bn" / name).write_text(name)
    (tmp_path / "b" / ".01_bn.lock").touch()  # Of the run that made it.
    lines = record_differences(tmp_path / "a", tmp_path / "b")
    assert lines == ["01_bn/new.csv: not made", "01_bn/old.csv: not published"]
    (tmp_path / "b" / "01_bn" / "same.npz").write_text("other")
    assert record_differences(tmp_path / "a", tmp_path / "b")[-1] == "01_bn/same.npz: other bytes"


def test_the_commit_of_a_rule_may_differ_and_nothing_else_of_it(tmp_path):
    texts = ['{"commit": "a1", "side": "above"}', '{"commit": "b2", "side": "above"}']
    for folder, text in zip("ab", texts, strict=True):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "verdicts.json").write_text(text)
    paths = [tmp_path / folder / "verdicts.json" for folder in "ab"]
    assert file_differences(*paths) == []
    change(paths[1], "above", "below")
    assert "verdicts.json, line 1: " in file_differences(*paths)[0]


def test_the_same_page_does_not_differ_wherever_it_was_built(page):
    assert page_differences(page, page) == []
    before = 'build_dir = "build"'
    code = page.replace("<pre>", f"<pre>{before} ", 1)
    assert before in code
    assert page_differences(code, code.replace(before, 'build_dir = "elsewhere"')) == []


def moved(page, step):
    """Move the first point of the first path of the first figure."""
    found = re.search(r'<path d="[Mm] ?(\d+\.?\d*) ', page)
    number = f"{float(found[1]) + step:g}"
    return page[: found.start(1)] + number + page[found.end(1) :]


def test_figures_may_differ_in_their_last_digits_and_not_beyond(page):
    assert page_differences(page, moved(page, 0.01)) == []
    (said,) = page_differences(page, moved(page, 0.5))
    assert "summary: the figure has 1 other numbers, such as " in said


def test_names_within_figures_may_differ_and_their_use_may_not():
    figure = '<figure id="f"><svg><path id="{}"/><path id="{}"/><use href="#{}"/></svg></figure>'
    one = figure.format("m1a", "m2b", "m1a")
    assert page_differences(one, figure.format("m3c", "m4d", "m3c")) == []
    said = ["report.html, f: the figure has other shapes"]
    assert page_differences(one, figure.format("m3c", "m4d", "m4d")) == said


def test_values_of_surfaces_are_compared_relative_to_their_size():
    page = '<p id="f">x</p><script type="application/json">[0.00012, 500.0]</script>'
    assert page_differences(page, page.replace("500.0", "500.0001")) == []
    assert len(page_differences(page, page.replace("0.00012", "0.00013"))) == 1


def test_missing_and_new_places_and_blocks_are_said():
    page = '<h2 id="a">One</h2><p>Text.</p><h2 id="b">Two</h2>'
    shorter = page.replace("<p>Text.</p>", "")
    assert page_differences(page, shorter) == ["report.html, a: p “Text.”: not made"]
    other = page.replace('id="b"', 'id="c"')
    lines = ["report.html, b: not made", "report.html, c: not published"]
    assert page_differences(page, other) == lines


def test_logs_styles_and_lists_of_contents_are_no_content():
    page = (
        '<style>p {}</style><nav><p>Contents</p></nav><p id="a">Kept <b>text</b>.</p>'
        '<pre class="log">1.2 seconds</pre><script>run()</script><dd class="commit">a1b2</dd>'
    )
    assert [(block.place, block.kind, block.text) for block in blocks(page)] == [
        ("a", "p", "Kept text.")
    ]


def test_texts_of_a_figure_are_compared_word_by_word(page):
    said = page_differences(page, page.replace("An elongated bowl.", "A round bowl."))
    assert said and "fig-plane: alt: “An elongated bowl.” is published" in said[0]
