"""The two faces of a study: NN_name.py, which is the source, and NN_name.ipynb, made from it.

They are compared by content, never by modification time, which git scrambles.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from report.atomic import write_atomically

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
HEADER = {
    "jupytext": {
        # A version in the header would make every upgrade of jupytext a change of every notebook.
        "notebook_metadata_filter": "-jupytext.text_representation.jupytext_version",
        "text_representation": {
            "extension": ".py",
            "format_name": "percent",
            "format_version": "1.3",
        },
    },
    "kernelspec": KERNEL,
}


def notebook(text: str) -> NotebookNode:
    """Return the notebook of a py:percent text, without outputs.

    A cell's id is the hash of its content, and a repeated cell's also of its count, so that the
    same text always gives the same file.
    """
    node = jupytext.reads(text, fmt="py:percent")
    header = dict(node.metadata.get("jupytext", {}))
    header.pop("text_representation", None)
    # `formats` in a header would overrule the pairing that pyproject.toml configures.
    header.pop("formats", None)
    node.metadata = nbformat.from_dict(
        {"jupytext": header, "kernelspec": KERNEL, "language_info": {"name": "python"}}
    )
    node.nbformat, node.nbformat_minor = 4, 5
    name_cells(node)
    return node


def name_cells(node: NotebookNode) -> None:
    """Give each cell an id made of its content, in place."""
    seen: dict[str, int] = {}
    for cell in node.cells:
        content = f"{cell.cell_type}\n{cell.source}"
        count = seen[content] = seen.get(content, 0) + 1
        cell.id = hashlib.sha256(f"{content}\n{count}".encode()).hexdigest()[:12]


def write_notebooks(root: Path) -> list[str]:
    """Write ``notebooks/NN_name.ipynb`` from each ``NN_name.py``; return the names written."""
    written = []
    for source in _sources(root):
        target = source.with_suffix(".ipynb")
        content = (nbformat.writes(notebook(source.read_text(encoding="utf-8"))) + "\n").encode()
        if not target.is_file() or target.read_bytes() != content:
            write_atomically(target, content)
            written.append(target.name)
    return written


def write_texts(root: Path) -> list[str]:
    """Write ``notebooks/NN_name.py`` from each ``NN_name.ipynb``; return the names written.

    The other way round, for a notebook that was edited without JupyterLab's pairing. The header of
    an existing text is kept.
    """
    written = []
    for source in sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        target = source.with_suffix(".py")
        node = nbformat.read(source, as_version=4)
        node.metadata = nbformat.from_dict(HEADER)
        if target.is_file():
            text = target.read_text(encoding="utf-8")
            if _cells(jupytext.reads(text, fmt="py:percent")) == _cells(node):
                continue
            node.metadata = jupytext.reads(text, fmt="py:percent").metadata
        write_atomically(target, jupytext.writes(node, fmt="py:percent").encode("utf-8"))
        written.append(target.name)
    return written


def problems(root: Path) -> list[str]:
    """Return one sentence for each pair that is incomplete, or whose contents differ."""
    said = []
    texts = {path.stem for path in _sources(root)}
    notebooks = {path.stem for path in (root / "notebooks").glob("*.ipynb")}
    for stem in sorted(texts - notebooks):
        said.append(f"notebooks/{stem}.ipynb is missing. Write it from {stem}.py: make notebooks")
    for stem in sorted(notebooks - texts):
        said.append(
            f"notebooks/{stem}.ipynb has no {stem}.py beside it, which would be its source. "
            "Delete it, or write the text from it: make notebooks FROM=ipynb"
        )
    for stem in sorted(texts & notebooks):
        problem = _compare(root / "notebooks", stem)
        if problem is not None:
            said.append(problem)
    return said


def _compare(folder: Path, stem: str) -> str | None:
    text = (folder / f"{stem}.py").read_text(encoding="utf-8")
    here = _cells(jupytext.reads(text, fmt="py:percent"))
    node = nbformat.read(folder / f"{stem}.ipynb", as_version=4)
    there = _cells(node)
    if here != there:
        pairs = zip(here, there, strict=False)
        same = next(
            (index for index, (one, other) in enumerate(pairs) if one != other),
            min(len(here), len(there)),
        )
        return (
            f"notebooks/{stem}.ipynb and {stem}.py differ from cell {same + 1} on. "
            f"To keep the text {stem}.py: make notebooks. "
            f"To keep the notebook {stem}.ipynb: make notebooks FROM=ipynb"
        )
    if any(cell.get("outputs") or cell.get("execution_count") for cell in node.cells):
        return (
            f"notebooks/{stem}.ipynb holds outputs; a study is kept without them, because make "
            "report makes them. Write it anew from the text: make notebooks"
        )
    return None


def _cells(node: NotebookNode) -> list[tuple[str, str, tuple[str, ...]]]:
    # Through the text form and back, so that what it cannot hold (blank lines at a cell's end)
    # counts for neither side.
    plain = nbformat.v4.new_notebook(metadata=nbformat.from_dict(HEADER), cells=node.cells)
    again = jupytext.reads(jupytext.writes(plain, fmt="py:percent"), fmt="py:percent")
    return [
        (cell.cell_type, cell.source, tuple(cell.metadata.get("tags", ()))) for cell in again.cells
    ]


def _sources(root: Path) -> list[Path]:
    return sorted((root / "notebooks").glob("[0-9][0-9]_*.py"))
