"""Write results files: JSON text, and files that are whole or absent."""

import json
import os
from pathlib import Path
from typing import Any

from landscape.store import disk


def as_json(value: Any) -> str:
    """Return plain values as readable JSON text.

    Raises:
        ValueError: If a number is NaN or infinite: JSON has no such numbers.
    """
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write(path: Path, text: str) -> None:
    """Write a text file whole or not at all, and create its folder.

    Args:
        path: The file; one that exists is replaced.
        text: Its content, written in UTF-8.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of each process its own: two may write one file, and the later one counts.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.writing")
    data = text.encode("utf-8")
    with disk.described(path.parent, lambda: len(data)):
        try:
            unfinished.write_bytes(data)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
    os.replace(unfinished, path)
