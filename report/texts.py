"""The markdown that a notebook holds: its prose, captions, cells of tables and sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nbformat import NotebookNode

from report.layout import shown_of

# For patterns over markdown: code comes first, so that what looks like a link in it is left alone.
CODE = r"(?P<code>^ {0,3}(?P<fence>```+|~~~+).*?(?:^ {0,3}(?P=fence)|\Z)|(?P<tick>`+).+?(?P=tick))"


def rewrite(notebook: NotebookNode, change: Callable[[str], str]) -> None:
    """Change every text in place.

    Args:
        notebook: A notebook, executed or not.
        change: Markdown to markdown.
    """
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = change(cell.source)
        for output in cell.get("outputs", []):
            if "text/markdown" in output.get("data", {}):
                output.data["text/markdown"] = change(output.data["text/markdown"])
            shown = shown_of(output)
            if "caption" in shown:
                shown["caption"] = change(shown["caption"])
            if "rows" in shown:
                shown["rows"] = [[change(str(cell)) for cell in row] for row in shown["rows"]]
            if "sentences" in shown:
                shown["sentences"] = [change(sentence) for sentence in shown["sentences"]]


def texts(notebook: NotebookNode) -> Iterator[str]:
    """Return every text, in order."""
    collected: list[str] = []

    def keep(text: str) -> str:
        collected.append(text)
        return text

    rewrite(notebook, keep)
    yield from collected
