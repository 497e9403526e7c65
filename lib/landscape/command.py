"""The console command ``landscape``: a report of one's own network."""

import importlib.util
import os
import sys
import sysconfig
from pathlib import Path

_USAGE = """usage: landscape report MODEL --data DATA [--checkpoint FILE] [--compare FILE] ...

  report   measure the loss landscape around a network, and write one HTML file

  landscape report --help lists its options
"""
# As make does: blocks of memory are kept, which makes networks up to a quarter faster.
_KEPT = {"MALLOC_TRIM_THRESHOLD_": "8589934592", "MALLOC_MMAP_THRESHOLD_": "8589934592"}
# What the report's programs import that the library does not.
_NEEDED = ("papermill", "nbconvert", "jupytext", "pandas", "typst")


def programs_folder() -> Path | None:
    """Return the folder of the report's programs: a checkout's, or the installed one."""
    checkout = Path(__file__).resolve().parents[2]
    installed = Path(sysconfig.get_path("data")) / "share" / "landscape"
    for folder in (checkout, installed):
        if (folder / "report" / "own.py").is_file() and (folder / "notebooks").is_dir():
            return folder
    return None


def main() -> int:
    """Run the command.

    Returns:
        0 if all went well, 1 after an error with a message, 2 after a wrong call.
    """
    verb, arguments = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    if verb in ("", "-h", "--help"):
        print(_USAGE)
        return 0 if verb else 2
    if verb != "report":
        print(f"error: there is no verb {verb!r}; there is report\n\n{_USAGE}", file=sys.stderr)
        return 2
    folder = programs_folder()
    absent = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if folder is None or absent:
        lacks = f"lacks {', '.join(absent)}" if absent else "lacks the report's programs"
        print(
            f"error: this installation {lacks}. Install them: pip install 'landscape[report]'",
            file=sys.stderr,
        )
        return 1
    places = [str(folder), str(folder / "lib"), os.environ.get("PYTHONPATH", "")]
    environment = _KEPT | os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places))}
    command = [sys.executable, "-m", "report.own", os.getcwd(), *arguments]
    os.execve(sys.executable, command, environment)


if __name__ == "__main__":
    sys.exit(main())
