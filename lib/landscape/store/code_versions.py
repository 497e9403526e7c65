"""Versions of code: hashes of what a definition computes, whatever its file and its words are.

The hash leaves out everything that decides no result: docstrings, comments, texts of built-in
errors, the definition's own name, names of local variables, the way its file imports, the place of
the file, and methods that only show a result or name it in the store. Each definition of the
library that it uses counts by its own version; so a version changes when code behind it does.
``python -m landscape.store.code_versions FOLDER...`` prints the versions of packages as JSON.
"""

import functools
import json
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from landscape.store import version_table
from landscape.store.effects import changed_by_others, distinguishing_names
from landscape.store.skeletons import Key, Skeleton, Writer, sha256
from landscape.store.source_code import SourceCode, read_package


class CodeVersions:
    """Versions of the definitions in packages of source code.

    Args:
        code: The packages; definitions of other packages count by name alone.
        on_disk: Whether to read the versions from the user's cache folder, and to keep them there.
    """

    def __init__(self, code: SourceCode, *, on_disk: bool = False) -> None:
        self.code = code
        self._versions: dict[Key, str] = {}
        self._skeleton = functools.cache(self._write)
        self._on_disk = on_disk

    def names(self, module: str) -> Collection[str]:
        """Return the names of the definitions in a module.

        Args:
            module: Dotted name of the module.
        """
        table = self._table
        return self.code.module(module).definitions if table is None else table[module]

    def version(self, module: str, name: str) -> str:
        """Return the SHA-256 of a definition and of all definitions that it refers to.

        Args:
            module: Dotted name of the module that defines it.
            name: Its name there.

        Raises:
            LookupError: If there is no such definition, or it uses a name that does not exist.
        """
        if name not in self.names(module):
            raise LookupError(f"{module} defines no {name!r}.")
        if self._table is not None:
            return self._table[module][name]
        version = self._compute((module, name))
        if self._on_disk:
            self._keep()
        return version

    @functools.cached_property
    def _table(self) -> version_table.Table | None:
        return version_table.read(self.code.sources) if self._on_disk else None

    def _keep(self) -> None:
        """Keep all versions on disk, if every definition has one: its user gets the error else."""
        self._on_disk = False
        if not version_table.may_exist(self.code.sources):
            return
        try:
            table = {
                module: {name: self._compute((module, name)) for name in self.names(module)}
                for module in self.code.sources
            }
        except (LookupError, ValueError):
            return
        version_table.write(self.code.sources, table)

    def _compute(self, key: Key) -> str:
        if key not in self._versions:
            for component in _components(key, self._references, self._versions):
                self._hash(component)
        return self._versions[key]

    def module_version(self, module: str) -> str:
        """Return the SHA-256 of the names and versions of all definitions of a module.

        Raises:
            LookupError: If a definition uses a name that does not exist.
        """
        names = sorted(self.names(module))
        return sha256(*(part for name in names for part in (name, self.version(module, name))))

    def _references(self, key: Key) -> Iterator[Key]:
        skeleton = self._skeleton(key)
        yield from skeleton.references
        yield from sorted(skeleton.implied | self._changes.get(key, frozenset()))

    @functools.cached_property
    def _changes(self) -> Mapping[Key, frozenset[Key]]:
        return changed_by_others(self.code, self._skeleton)

    @functools.cached_property
    def _distinguishing(self) -> Mapping[Key, str]:
        return distinguishing_names(self.code, self._skeleton)

    def _text(self, key: Key) -> str:
        text = self._skeleton(key).text
        names = self._distinguishing
        return sha256(text, names[key]) if key in names else text

    def _write(self, key: Key) -> Skeleton:
        return Writer(self.code, *key).skeleton()

    def _hash(self, component: list[Key]) -> None:
        """Hash definitions that refer to each other, after all others that they use.

        Each definition starts from the hash of its text, and each round mixes in the hashes of its
        neighbours. As many rounds as definitions carry every text to every definition: a change in
        any of them changes all their versions.
        """
        labels = {key: self._text(key) for key in component}
        for _ in range(len(component)):
            labels = {key: self._label(key, labels) for key in component}
        self._versions |= labels

    def _label(self, key: Key, labels: dict[Key, str]) -> str:
        skeleton = self._skeleton(key)

        def label(used: Key) -> str:
            return self._versions.get(used) or ("itself" if used == key else labels[used])

        unordered = skeleton.implied | self._changes.get(key, frozenset())
        implied = sorted({label(used) for used in unordered})
        # The word "beside" is part of every version in existing stores: keep it.
        return sha256(labels[key], *map(label, skeleton.references), "beside", *implied)


def all_versions(packages: Sequence[Path]) -> dict[str, list[str]]:
    """Return version -> dotted names of the definitions that have it, for whole packages.

    Args:
        packages: Folders of packages, read as they lie on the disk.

    Raises:
        LookupError: If a definition uses a name that does not exist.
    """
    code = SourceCode({k: v for folder in packages for k, v in read_package(folder).items()})
    versions = CodeVersions(code)
    names: dict[str, list[str]] = {}
    for module in code.sources:
        for name in code.module(module).definitions:
            names.setdefault(versions.version(module, name), []).append(f"{module}.{name}")
    return names


def _components(
    root: Key, references: Callable[[Key], Iterator[Key]], done: dict[Key, str]
) -> Iterator[list[Key]]:
    """Yield the strongly connected components below a root, each after those that it refers to.

    The stack is explicit: chains of references may be longer than Python's recursion limit.

    Reference: Tarjan (1972), SIAM J. Comput. 1(2), 146-160.
    """
    order: dict[Key, int] = {}  # When a definition was first met.
    lowest: dict[Key, int] = {}  # Earliest definition on the path that it can lead back to.
    path: list[Key] = []  # Definitions met whose component is not complete.
    nothing: Iterator[Key] = iter(())
    work = [(root, nothing if root in done else references(root))]
    order[root] = lowest[root] = 0
    path.append(root)
    while work:
        key, remaining = work[-1]
        for used in remaining:
            if used in done:
                continue
            if used not in order:
                order[used] = lowest[used] = len(order)
                path.append(used)
                work.append((used, references(used)))
                break
            if used in path:
                lowest[key] = min(lowest[key], order[used])
        else:
            work.pop()
            if work:
                lowest[work[-1][0]] = min(lowest[work[-1][0]], lowest[key])
            if lowest[key] == order[key]:
                start = path.index(key)
                yield path[start:]
                del path[start:]


if __name__ == "__main__":
    print(json.dumps(all_versions([Path(folder) for folder in sys.argv[1:]]), indent=1))
