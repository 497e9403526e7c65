"""What make is asked for: the values of its variables, checked before anything is installed.

The Makefile asks at once when it is read: ``python -m report.request NAME=value ...``. The answer
is ``ok``, or ``refused:`` and one sentence. Standard library only.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from report import cluster
from report.errors import ReportError
from report.folders import (
    ADVICE,
    BUILD,
    COSTLY,
    RESULTS,
    ROOT,
    VENV,
    absolute,
    why_unusable,
    why_unwritable,
)
from report.settings import all_studies, check_published, choose

FOLDERS = {"BUILD_DIR": BUILD, "VENV": VENV}
FILLING = {
    "report",
    "study",
    "bench",
    "docs",
    "publish",
}  # the verbs that write into the build folder
HARMLESS = {"help", "clean", "clean-all"}  # the verbs that neither need nor make a folder
NAMES = {" ": "a space", "'": "a single quote", '"': "a double quote"}
# The first three: a record that is refused otherwise; --report: the report anew from the published
# record; --table, --check: the README alone.
PUBLISHING = {"--allow-dirty", "--incomplete", "--replace", "--report", "--table", "--check"}
WRITTEN_OUT = {"-": "./-", "~": '"$HOME"'}
# Words as the shell splits them, with nothing in them that it would execute or leave out.
WORDS = re.compile(r"""(?:[^'"\\`;&|<>()#]|'[^']*'|"[^"\\`]*")*""")
EXAMPLES = {
    "P": 'P="-p epochs 3"',
    "T": 'T="-k name"',
    "B": 'B="--subjects mlp"',
    "BUILD_DIR": "BUILD_DIR=build",
    "DATA_DIR": "DATA_DIR=data",
    "VENV": "VENV=.venv",
    "PYTHON": "PYTHON=python3.12",
}


def check(values: Mapping[str, str], root: Path = ROOT) -> None:
    """Check the values of all of make's variables.

    Args:
        values: Value by variable, of all that the Makefile passes; ``MAKECMDGOALS`` are the verbs.
        root: The project's folder.

    Raises:
        ReportError: If one is refused; it says what was given, what is allowed and what to do.
    """
    verbs = set(values["MAKECMDGOALS"].split()) or {"help"}
    for name, value in values.items():
        _check_characters(name, value)
    _check_choices(values, verbs, root)
    for name in ("P", "T", "B"):
        _check_options(name, values[name])
    _check_meaning(values, verbs, root)
    cluster.check(values.get("CLUSTER", ""))
    for name in ("DATA_DIR", "BUILD_DIR", "VENV"):
        _check_path(name, values[name])
    if verbs - HARMLESS:
        _check_folders(values, verbs, root)
    _check_apart(values, root)


def _check_characters(name: str, value: str) -> None:
    """Refuse what make itself reads before anybody else does."""
    for character in value:
        if character == "$" or not character.isprintable():
            raise ReportError(
                f"{name}={_shown(value)} holds {_named(character)}, which make or the shell reads "
                f"as its own. Leave it out{_example(name)}"
            )


def _check_choices(values: Mapping[str, str], verbs: set[str], root: Path) -> None:
    """Check what is chosen from a list, and the number."""
    studies = all_studies(root)
    asked = values["STUDY"].split()
    settings = choose(
        root,
        profile=values["PROFILE"],
        studies=values["STUDIES"],
        remeasure=values["REMEASURE"],
    )
    if "study" in verbs and len(asked) != 1:
        raise ReportError(
            f"make study needs one name: make study STUDY={studies[0]}. "
            f"There are: {' '.join(studies)}"
        )
    alone = choose(root, profile=values["PROFILE"], studies=[values["STUDY"]] if asked else "")
    if verbs & {"report", "study"}:
        check_published(alone if "study" in verbs else settings)
    if values["FROM"] not in ("py", "ipynb"):
        raise ReportError(
            f"FROM={values['FROM']} is unknown. Choose py (write .ipynb from .py) or ipynb (write "
            ".py from .ipynb)"
        )
    if values["JOBS"] and not re.fullmatch(r"[1-9][0-9]{0,2}", values["JOBS"]):
        raise ReportError(
            f"JOBS={values['JOBS']} is no number of studies to execute side by side. Give a whole "
            "number from 1 to 999, for example: make report JOBS=1"
        )


def _check_options(name: str, value: str) -> None:
    """Refuse what the shell would execute, since it splits options into words."""
    words = WORDS.match(value)
    end = words.end() if words else 0
    if end < len(value):
        what = "an open quote" if value[end] in NAMES else f"{value[end]} outside quotes"
        raise ReportError(
            f"{name}={value} holds {what}, which the shell would read as its own. Put quotes "
            f"around each word that holds such a character{_example(name)}"
        )


def _check_meaning(values: Mapping[str, str], verbs: set[str], root: Path) -> None:
    """Check options as far as their first word, or their number, tells."""
    parameters, tests, bench = (shlex.split(values[name]) for name in ("P", "T", "B"))
    if "report" in verbs and (parameters or values["STUDY"].strip()):
        raise ReportError(
            "make report takes neither P nor STUDY. For one study with parameters of its own: make "
            'study STUDY=NN_name P="-p name value"; for some studies: make report STUDIES=NN_name'
        )
    if "study" in verbs and (len(parameters) % 3 or set(parameters[::3]) - {"-p"}):
        raise ReportError(
            f"P={values['P']} is no list of parameters. Give -p, a name and a value for each: "
            'make study STUDY=NN_name P="-p epochs 3 -p examples 500"'
        )
    if "publish" in verbs and not set(parameters) <= PUBLISHING:
        raise ReportError(
            f"P={values['P']} is unknown to make publish. It takes "
            f"{', '.join(sorted(PUBLISHING))}, for example: make publish P=--report"
        )
    if tests and not tests[0].startswith("-") and not _may_be_file(root, tests[0]):
        raise ReportError(
            f"T={values['T']} begins with {tests[0]}, which is neither an option of pytest nor a "
            f'file. For tests by name: make test T="-k {tests[0]}"'
        )
    if bench and not bench[0].startswith("-"):
        raise ReportError(
            f"B={values['B']} begins with {bench[0]}, which is no option of make bench. Its "
            f"options begin with --{_example('B')}"
        )


def _check_path(name: str, value: str) -> None:
    """Check how a folder is written; a folder is also a word of make, but for the data."""
    if not value and name == "VENV":
        return
    if not value:
        raise ReportError(f"{name}= is empty. Name a folder{_example(name)}")
    if value.startswith("-") or (value.startswith("~") and name != "DATA_DIR"):
        raise ReportError(
            f"{name}={value} begins with {value[0]}, which programs do not read as part of a path. "
            f"Write the path out: {name}={WRITTEN_OUT[value[0]]}{value[1:]}"
        )
    for character in value if name != "DATA_DIR" else "":
        if character.isascii() and not character.isalnum() and character not in "/._-+@":
            raise ReportError(
                f"{name}={value} holds {_named(character)}, which make or the shell reads as its "
                "own. Choose a folder whose path has only letters, digits and / . _ - + @"
                f"{_example(name)}"
            )


def _check_apart(values: Mapping[str, str], root: Path) -> None:
    """Refuse folders in one another where removing one would remove the other."""
    root = root.resolve()
    real_paths = {
        name: Path(os.path.realpath(root / os.path.expanduser(values[name])))
        for name in ("DATA_DIR", "BUILD_DIR", "VENV")
        if values[name]
    }
    build = real_paths["BUILD_DIR"]
    removed = [("BUILD_DIR", build / part, f"/{part}") for part in (*RESULTS, *COSTLY)]
    if "VENV" in real_paths:
        removed.append(("VENV", real_paths["VENV"], ""))
    for name, folder in real_paths.items():
        for owner, removed_path, part in removed:
            inside = name != owner and removed_path in (folder, *folder.parents)
            if inside and removed_path not in (root, *root.parents):
                raise ReportError(
                    f"{name}={values[name]} {'is' if folder == removed_path else 'lies in'} "
                    f"{owner}={values[owner]}{part}, which make clean-all removes. Name folders "
                    "outside one another, for example DATA_DIR=data BUILD_DIR=build VENV=.venv"
                )


def _check_folders(values: Mapping[str, str], verbs: set[str], root: Path) -> None:
    """Refuse a folder with other people's files before make writes or installs into it."""
    for name, kind in FOLDERS.items():
        if not values[name]:
            continue
        folder = absolute(values[name], root)
        reason = why_unusable(folder, kind, root)
        fills = (
            verbs & {"report", "study", "bench", "publish"}
            if kind == BUILD
            else not folder.exists()
        )
        if reason is None and fills:
            reason = why_unwritable(folder)
        if reason:
            raise ReportError(f"{name}={values[name]} {reason}. {ADVICE[kind]}")
    data = absolute(os.path.expanduser(values["DATA_DIR"]), root)
    if data.exists() and not data.is_dir():
        raise ReportError(
            f"DATA_DIR={values['DATA_DIR']} is no folder. Name the folder that holds the archives, "
            "NAME.npz, for example DATA_DIR=data"
        )


def _may_be_file(root: Path, word: str) -> bool:
    """Return whether a test's file exists; of a pattern the shell decides."""
    return bool(set("*?[{~") & set(word.split("::")[0])) or (root / word.split("::")[0]).exists()


def _example(name: str) -> str:
    return f", for example {EXAMPLES[name]}" if name in EXAMPLES else ""


def _named(character: str) -> str:
    if character.isprintable():
        return NAMES.get(character, character)
    return f"the character {_shown(character)}"


def _shown(value: str) -> str:
    """Return a value with what no terminal shows written out."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in value
    )


def main(arguments: list[str] | None = None) -> int:
    """Print ``ok`` or why the request is refused; both are an answer, so the status is 0."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        check(dict(pair.split("=", 1) for pair in given))
    except ReportError as error:
        print(f"refused: {error}".rstrip("."))
    except OSError as error:
        print(f"refused: {error.filename} cannot be used: {error.strerror}. Name another folder")
    else:
        print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
