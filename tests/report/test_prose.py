"""What a reader stumbles over is found in a page, and nothing else is."""

import pytest

from report import prose
from report.prose import page_problems

GOOD = (
    '<h2 id="a">Sharpness</h2><p>BN doubles λ<sub>max</sub> (<a href="#f">Figure 1</a>), see '
    "<code>study.measure_all</code> and 09_verdicts or record/01_bn/runs.csv.</p>"
    '<figure id="f"><figcaption><b>Figure 1.</b> BN doubles the curvature. Bars are 95% intervals.'
    "</figcaption></figure>"
)


@pytest.fixture(autouse=True)
def bibliography(tmp_path, monkeypatch):
    path = tmp_path / "references.bib"
    path.write_text("@article{foret2021,\n year = {2021}\n}\n")
    monkeypatch.setattr(prose, "BIBLIOGRAPHY", path)
    monkeypatch.setattr(prose, "NOTEBOOKS", tmp_path)


def said(text, *, cited=True):
    citation = '<p><a href="#ref-foret2021">Foret</a></p><p id="ref-foret2021">F.</p>'
    return list(page_problems(text + (citation if cited else "")))


def test_a_good_page_has_no_problem():
    assert said(GOOD) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<p>See [@foret2021].</p>", "a reference is not resolved, '[@foret2021'"),
        ("<p>See [it](#fig-a).</p>", "a reference is not resolved, '](#'"),
        ("<p>See fig-training.</p>", "a reference is not resolved, 'fig-training'"),
        ("<p>It is $x$ wide.</p>", "a reference is not resolved, '$x$'"),
        ("<p>See the table (Table 5).</p>", "a reference is doubled, 'table (Table 5)'"),
        ("<p>See Figure 3 (Figure 3).</p>", "a reference is doubled, 'Figure 3 (Figure 3'"),
        ("<p>3 of train_loss failed.</p>", "an identifier stands in prose, 'train_loss'"),
        ("<td>ritz_max_0.001</td>", "an identifier stands in prose, 'ritz_max_0.001'"),
        ("<li>λ_max rises.</li>", "an identifier stands in prose, 'λ_max'"),
        ("<p>It scales as lambda.</p>", "an identifier stands in prose, 'lambda'"),
        (
            "<figcaption><b>Table 2.</b> Sharpness in eval mode. It is low.</figcaption>",
            "a caption does not begin with a sentence that has a verb: 'Table 2. Sharpness",
        ),
        (
            f"<table><tr><td>{'x' * 241}</td></tr></table>",
            "a cell has 241 characters, more than 240",
        ),
        (
            f'<table class="claims"><tr><td>{"x" * 161}</td></tr></table>',
            "a cell has 161 characters, more than 160",
        ),
        ('<p id="a">A</p><p id="a">B</p>', "the id a stands twice"),
        ('<p><a href="#b">B</a></p>', "a link leads to #b, which is nowhere"),
        (f"<p>{'The rise is that of one of them. ' * 9}</p>", "18 of 74 words are phrases"),
    ],
)
def test_each_problem_is_told_with_the_words_around_it(text, problem):
    (told,) = said(text)
    assert told.startswith(problem)


def test_code_and_pictures_are_no_prose():
    hidden = "<pre>train_loss = $x$</pre><svg><text>train_loss</text></svg><math>a_b</math>"
    assert said(f"<div>{hidden}</div>") == []


def test_citations_and_entries_must_match():
    assert said("<p>No citation.</p>", cited=False) == [
        "references.bib holds foret2021, which nothing cites"
    ]
    known = '<p id="ref-li2018"><a href="#ref-li2018">Li</a></p>'
    assert said(known) == ["li2018 is cited, but references.bib lacks it"]


def test_a_study_that_waits_for_its_record_may_cite(tmp_path):
    (tmp_path / "05_new.py").write_text("# %% [markdown]\n# As known [@foret2021].\n")
    assert said("<p>No citation.</p>", cited=False) == []
    (tmp_path / "05_new.py").write_text("# %% [markdown]\n# As known [@foret2021b].\n")
    assert said("<p>No citation.</p>", cited=False) != []


def test_a_heavy_page_is_a_problem(tmp_path, monkeypatch):
    page = tmp_path / "report" / "published" / "report.html"
    assert prose.problems(tmp_path) == []
    page.parent.mkdir(parents=True)
    page.write_text(GOOD + '<p id="ref-foret2021"><a href="#ref-foret2021">F</a></p>')
    assert prose.problems(tmp_path) == []
    monkeypatch.setattr(prose, "HEAVIEST", 100)
    (told,) = prose.problems(tmp_path)
    assert "bytes, more than 100" in told
