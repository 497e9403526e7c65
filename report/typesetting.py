"""Typst source to PDF or to pictures of its pages, with the fonts of the wheels only."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import matplotlib
import typst

from report.errors import ReportError

TEMPLATES = Path(__file__).parent / "templates"
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def compile_typst(source: str, files: Mapping[str, bytes], dated: datetime) -> bytes:
    """Typst source to PDF, with the fonts of the wheels only.

    Args:
        source: The document.
        files: The figures that it includes, by name.
        dated: The date in the file. The clock's would make each file another one, and the wheel
            reads no environment variable for it.

    Raises:
        ReportError: If Typst rejects the source.
    """
    with sources_on_disk(source, files) as root:
        return _compiled(root, format="pdf", timestamp=int(dated.timestamp()))


def page_images(source: str, files: Mapping[str, bytes], *, ppi: float) -> list[bytes]:
    """Return each page as a PNG.

    Args:
        source: The document.
        files: The figures that it includes, by name.
        ppi: Pixels per inch.

    Raises:
        ReportError: If Typst rejects the source.
    """
    with sources_on_disk(source, files) as root:
        pages = _compiled(root, format="png", ppi=ppi)
    return pages if isinstance(pages, list) else [pages]


def page_numbers(source: str, files: Mapping[str, bytes], selector: str) -> list[int]:
    """Return the numbers that a document keeps as metadata, such as pages where chapters start.

    Args:
        source: The document.
        files: The figures that it includes, by name.
        selector: Of the metadata, such as ``<chapter-start>``.
    """
    with sources_on_disk(source, files) as root:
        kept = typst.query(
            root / "main.typ",
            selector,
            field="value",
            root=root,
            font_paths=[FONTS],
            ignore_system_fonts=True,
        )
    return json.loads(kept)


@contextmanager
def sources_on_disk(source: str, files: Mapping[str, bytes]) -> Iterator[Path]:
    """Write a document and all that it includes into a folder that lives as long as the block."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "main.typ").write_text(source, encoding="utf-8")
        for style in TEMPLATES.glob("*.typ"):
            shutil.copy(style, root)
        for name, data in files.items():
            (root / name).write_bytes(data)
        yield root


def _compiled(root: Path, **options: Any) -> Any:
    try:
        return typst.compile(
            root / "main.typ", root=root, font_paths=[FONTS], ignore_system_fonts=True, **options
        )
    except typst.TypstError as error:
        where = getattr(error, "diagnostic", None) or error
        raise ReportError(f"Typst cannot typeset the report: {where}") from error
