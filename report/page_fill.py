"""How full the pages of the PDF are, and how many there are."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from matplotlib.image import imread

from report.typesetting import page_images, page_numbers

MOST_PAGES = 45
LEAST_FILLED = 0.5
PPI = 25.4  # a pixel is a millimetre
# In millimetres, of templates/style.typ: head and foot are not counted.
TOP, BOTTOM = 25, 22
GAP = 12  # white below which two blocks stand together
INK = 0.97  # brightness of what is no paper


def filled(page: bytes) -> float:
    """Return the share of a page's height that its content takes.

    Args:
        page: A PNG of ``PPI`` pixels per inch.
    """
    pixels = imread(io.BytesIO(page))[..., :3].min(axis=-1)
    rows = (pixels[TOP : len(pixels) - BOTTOM] < INK).any(axis=1)
    inked = np.flatnonzero(rows)
    if not len(inked):
        return 0.0
    edges = np.concatenate([[-1], inked, [len(rows)]])
    white = np.diff(edges) - 1
    return 1.0 - white[white > GAP].sum() / len(rows)


def problems(source: str, files: Mapping[str, bytes]) -> list[str]:
    """Return one sentence for each page that is too empty, and one for too many pages.

    The last page of a chapter may end where its text does.

    Args:
        source: The document, as Typst source.
        files: The figures that it includes, by name.

    Raises:
        ReportError: If Typst rejects the source.
    """
    shares = [filled(page) for page in page_images(source, files, ppi=PPI)]
    starts = page_numbers(source, files, "<chapter-start>")
    last = {page - 1 for page in starts} | {len(shares)}
    said = [
        f"page {page} of the PDF is filled to {share:.0%}, less than {LEAST_FILLED:.0%}"
        for page, share in enumerate(shares, start=1)
        if share < LEAST_FILLED and page not in last
    ]
    return [*_too_many(len(shares)), *said]


def published_problems(path: Path) -> list[str]:
    """Return a sentence if the PDF of this path has too many pages; none where it does not exist.

    Args:
        path: A PDF of Typst.
    """
    if not path.is_file():
        return []
    counts = re.findall(rb"/Type\s*/Pages\s*/Count\s+(\d+)", path.read_bytes())
    return list(_too_many(max(map(int, counts), default=0)))


def _too_many(pages: int) -> Iterator[str]:
    if pages > MOST_PAGES:
        yield (
            f"the PDF has {pages} pages, more than {MOST_PAGES}: give a figure or table that the "
            'reader can do without .at("detail")'
        )
