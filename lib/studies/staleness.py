"""Tell recorded results that today's code would give again from stale ones.

Results know the versions of the functions that gave them (``Store.code``). A function is unchanged
if the library still has its version, or if ``equivalent_versions.csv`` connects that version with
one that the library has: its rows name versions that were shown to give the same numbers. Equality
was shown for the settings that were run, not for all inputs; each row says how. A row may hold for
some studies alone, where others run into a difference.

``python -m studies.staleness`` compares what the report asks about, as JSON, in a process of its
own.
"""

import csv
import dataclasses
import functools
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from landscape.store import library
from landscape.store.code_versions import CodeVersions
from landscape.store.source_code import SourceCode, read_package

from studies import garbage_collection

TABLE = Path(__file__).with_name("equivalent_versions.csv")
COLUMNS = ("name", "from_version", "to_version", "from_commit", "to_commit", "studies", "shown")


@dataclasses.dataclass(frozen=True)
class Equivalence:
    """Two versions of a function that were shown to give the same numbers.

    Attributes:
        name: Name of the function or class, as results record it.
        versions: Both versions; the order does not matter.
        studies: The studies it was shown for; empty for all.
    """

    name: str
    versions: tuple[str, str]
    studies: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class CodeChanges:
    """What became of the functions behind a result, by name; those in neither list are unchanged.

    Attributes:
        equivalent: Functions whose code changed, and was shown to give the same numbers.
        changed: Functions whose code changed otherwise, or that are gone.
    """

    equivalent: list[str]
    changed: list[str]


class CurrentCode:
    """The code of packages as it is now, with which recorded versions are compared.

    Args:
        versions: Versions of the definitions in the packages.
        equivalences: Versions that were shown to give the same numbers.
    """

    def __init__(self, versions: CodeVersions, equivalences: Iterable[Equivalence] = ()) -> None:
        self._code_versions = versions
        self._equivalences: dict[str, list[Equivalence]] = {}
        for equivalence in equivalences:
            self._equivalences.setdefault(equivalence.name, []).append(equivalence)
        self.versions = functools.cache(self._versions_of)

    def compare(self, code: Mapping[str, str], study: str | None = None) -> CodeChanges:
        """Return which of the functions behind a result changed.

        Args:
            code: Name of each function -> its version when the result was computed.
            study: The study that recorded the result; None leaves out rows for single studies.

        Raises:
            LookupError: If today's code uses a name that does not exist.
        """
        with garbage_collection.paused():
            names = [name for name in sorted(code) if not self._is_current(name, code[name])]
            equivalent = [name for name in names if self._is_equivalent(name, code[name], study)]
        return CodeChanges(equivalent, [name for name in names if name not in equivalent])

    def _versions_of(self, name: str) -> frozenset[str]:
        """Return the versions of the definitions with a name, in whichever modules they are."""
        versions = self._code_versions
        if name in versions.code.sources:
            return frozenset({versions.module_version(name)})
        name = name.partition(".")[0]  # A method has the version of its class.
        modules = [module for module in versions.code.sources if name in versions.names(module)]
        return frozenset(versions.version(module, name) for module in modules)

    @functools.cached_property
    def _all_versions(self) -> frozenset[str]:
        modules = self._code_versions.code.sources
        names = {name for module in modules for name in self._code_versions.names(module)}
        return frozenset(version for name in names for version in self.versions(name))

    def _is_current(self, name: str, version: str) -> bool:
        # A name that is gone may be another name of the same code by now. One that is still there
        # must have the version itself: the code may live on under another name beside a new one.
        return version in (self.versions(name) or self._all_versions)

    def _is_equivalent(self, name: str, version: str, study: str | None) -> bool:
        """Whether rows of the table lead from a version to one of today, in any number of steps."""
        reached, waiting = {version}, [version]
        while waiting:
            version = waiting.pop()
            if self._is_current(name, version):
                return True
            for row in self._equivalences.get(name, ()):
                if version in row.versions and (not row.studies or study in row.studies):
                    waiting += set(row.versions) - reached
                    reached |= set(row.versions)
        return False


def changed(code: Mapping[str, str], *, study: str | None = None) -> list[str]:
    """Return the names of the functions behind a result that really changed since; sorted.

    Args:
        code: Name of each function -> its version when the result was computed, as in
            ``Store.code``.
        study: The study that recorded the result; None leaves out equivalences that were shown for
            single studies.

    Raises:
        ValueError: If the table of equivalent versions is damaged.
        LookupError: If today's code uses a name that does not exist.
    """
    return _today(library.definitions()).compare(code, study).changed


def current_versions(name: str) -> frozenset[str]:
    """Return the versions that the code as it is now has under a name; none if the name is gone.

    Several modules may define the same name.

    Args:
        name: Name of a function, class or module, as in ``Store.code``.

    Raises:
        ValueError: If the table of equivalent versions is damaged.
        LookupError: If today's code uses a name that does not exist.
    """
    with garbage_collection.paused():
        return _today(library.definitions()).versions(name)


@functools.lru_cache(maxsize=1)
def _today(versions: CodeVersions) -> CurrentCode:
    return CurrentCode(versions, read_equivalences())


def read_equivalences(path: Path = TABLE) -> list[Equivalence]:
    """Return the rows of a table of equivalent versions.

    Args:
        path: A CSV file with ``COLUMNS``. ``studies`` holds names separated by spaces, and
            ``shown`` says how the rows' versions were compared.

    Raises:
        ValueError: If a column is missing or unknown, or a row has a cell too few or too many, no
            name, no proof, something that is no version, or the same version twice.
    """
    with open(path, encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    header = tuple(lines[0]) if lines else ()
    if header != COLUMNS:
        raise ValueError(
            f"{path.name} has the columns {', '.join(header) or 'of an empty file'}; a table of "
            f"equivalent versions has {', '.join(COLUMNS)}. `python -m report equivalent` writes "
            "its rows."
        )
    equivalences = []
    for number, cells in enumerate(lines[1:], start=2):
        if complaint := _complaint(cells):
            raise ValueError(
                f"{path.name}, row {number}: {complaint}. Mend the row or remove it; "
                "`python -m report equivalent` writes right ones."
            )
        row = dict(zip(COLUMNS, cells, strict=True))
        versions = (row["from_version"], row["to_version"])
        equivalences.append(Equivalence(row["name"], versions, tuple(row["studies"].split())))
    return equivalences


def _complaint(cells: list[str]) -> str:
    """Return what is wrong with a row of the table, or nothing."""
    if len(cells) != len(COLUMNS):
        return f"it has {len(cells)} cells instead of {len(COLUMNS)}"
    row = dict(zip(COLUMNS, cells, strict=True))
    if not row["name"].strip():
        return "it names no function"
    for column in ("from_version", "to_version"):
        if not re.fullmatch("[0-9a-f]{64}", row[column]):
            return f"{column} is {row[column]!r}, and a version has 64 hexadecimal digits"
    if row["from_version"] == row["to_version"]:
        return f"both versions of {row['name']} are the same, which says nothing"
    if not row["shown"].strip():
        return f"`shown` is empty: it must say what showed that {row['name']} gives the same"
    return ""


def _answer(request: Mapping[str, Any]) -> list[dict[str, list[str]]]:
    """Return a comparison for each recorded result of a request.

    Args:
        request: ``packages``, folders of the code as it is now; ``table``, the file of equivalent
            versions or None; ``recorded``, for each result its ``study`` and its ``code``.
    """
    folders = [Path(folder) for folder in request["packages"]]
    sources = {name: text for f in folders for name, text in read_package(f).items()}
    table = request["table"]
    equivalences = [] if table is None else read_equivalences(Path(table))
    code = CurrentCode(CodeVersions(SourceCode(sources), on_disk=True), equivalences)
    return [
        dataclasses.asdict(code.compare(result["code"], result["study"]))
        for result in request["recorded"]
    ]


if __name__ == "__main__":
    json.dump(_answer(json.load(sys.stdin)), sys.stdout)
