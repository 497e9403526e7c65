"""Links of built pages: each broken one is named, and so is each file from a network."""

import pytest

from report.links import Site


@pytest.fixture
def page(tmp_path):
    """Return a function that adds a page."""

    def add(name, body):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"<html><body>{body}</body></html>", encoding="utf-8")
        return path

    return add


def test_sound_links_are_counted(page, tmp_path):
    page("index.html", '<a href="api/x.html#f%C3%BCr">x</a> <a href="https://example.org">out</a>')
    page("api/x.html", '<h1 id="für">x</h1> <a href="../index.html">up</a> <a href="#für">here</a>')
    site = Site(tmp_path)
    assert site.problems() == [] and site.internal == 3


@pytest.mark.parametrize("link", ["gone.html", "b.html#gone", "#gone", "../index.html", "folder"])
def test_a_link_that_leads_nowhere_is_named(page, tmp_path, link):
    page("b.html", "")
    page("folder/c.html", "")
    page("a.html", f'<a href="{link}">x</a>')
    (problem,) = Site(tmp_path).problems()
    assert problem == f"a.html links to {link}, which does not exist"


@pytest.mark.parametrize(
    "tag",
    [
        '<script src="https://example.org/x.js"></script>',
        '<img src="//example.org/x.png">',
        '<link href="https://example.org/x.css" rel="stylesheet">',
    ],
)
def test_what_a_page_fetches_from_a_network_is_named(page, tmp_path, tag):
    page("a.html", tag)
    (problem,) = Site(tmp_path).problems()
    assert "a.html fetches " in problem


def test_a_style_that_fetches_is_named(page, tmp_path):
    page("a.html", "")
    (tmp_path / "a.css").write_text("@import url('https://example.org/x.css');", encoding="utf-8")
    (problem,) = Site(tmp_path).problems()
    assert problem == "a.css fetches a file from a network"


def test_a_missing_picture_is_named(page, tmp_path):
    page("a.html", '<img src="x.png">')
    (problem,) = Site(tmp_path).problems()
    assert problem == "a.html links to x.png, which does not exist"
