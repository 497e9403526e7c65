"""How full the pages of the PDF are: measured on pages whose fill is known."""

from datetime import UTC, datetime

import pytest

from report.page_fill import MOST_PAGES, PPI, filled, problems, published_problems
from report.typesetting import compile_typst, page_images, page_numbers

PAGE = '#set page(paper: "a4", margin: (top: 25mm, bottom: 22mm))\n#set block(spacing: 0pt)\n'
HALF = "#rect(width: 100%, height: 49.5%, fill: black)"
THIRD = "#rect(width: 100%, height: 30%, fill: black)"
CHAPTER = "#context [#metadata(here().page()) <chapter-start>]\n"


@pytest.mark.parametrize(
    ("content", "share"),
    [
        (HALF, 0.5),
        (HALF + "\n" + HALF, 1.0),
        (THIRD + "\n#v(1fr)\n" + THIRD, 0.6),  # white in the middle, as above a float
        (THIRD + "\n#v(8mm)\n" + HALF, 0.83),  # blocks of a text
        ("", 0.0),
    ],
)
def test_white_beyond_the_space_between_blocks_is_not_filled(content, share):
    (page,) = page_images(PAGE + content, {}, ppi=PPI)
    assert filled(page) == pytest.approx(share, abs=0.02)


def test_an_empty_page_is_told_except_the_last_of_a_chapter():
    pages = [HALF + "\n" + HALF, THIRD, CHAPTER + HALF + "\n" + HALF, THIRD]
    source = PAGE + "\n#pagebreak()\n".join(pages)
    assert page_numbers(source, {}, "<chapter-start>") == [3]
    assert problems(source, {}) == []
    (said,) = problems(source.replace(CHAPTER, ""), {})
    assert said.startswith("page 2 of the PDF is filled to 30%")


def test_a_long_document_is_told(tmp_path):
    path = tmp_path / "report.pdf"
    assert published_problems(path) == []
    for pages, count in ((MOST_PAGES, 0), (MOST_PAGES + 1, 1)):
        source = PAGE + "\n#pagebreak()\n".join([HALF] * pages)
        path.write_bytes(compile_typst(source, {}, datetime(2026, 1, 1, tzinfo=UTC)))
        assert len(published_problems(path)) == count
