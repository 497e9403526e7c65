"""Versions of code: hashes of what a definition computes, whatever its file and its words are.

A definition is hashed without what decides no result: docstrings, comments, texts of built-in
errors, its own name, the names of its local variables, how its file imports, where the file lies,
and methods that only show a result or name it in the store. Each name of the library that it uses
counts by the hash of what it refers to; so a version changes when the code behind any of them does.
"""

import functools
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from landscape.store.effects import changed_by_others, twins
from landscape.store.skeletons import CARRIERS, Key, Skeleton, Writer, sha256
from landscape.store.source_code import SourceCode, read_package

__all__ = ["CARRIERS", "CodeVersions", "all_versions"]


class CodeVersions:
    """Versions of the definitions in packages of source code.

    Args:
        code: The packages; names of other packages count by name alone.
    """

    def __init__(self, code: SourceCode) -> None:
        self.code = code
        self._versions: dict[Key, str] = {}
        self._skeleton = functools.cache(self._write)

    def version(self, module: str, name: str) -> str:
        """Return the SHA-256 of a definition and of all that its names refer to.

        Args:
            module: Dotted name of the module that defines it.
            name: Its name there.

        Raises:
            LookupError: If there is no such definition, or it uses a name that does not exist.
        """
        if name not in self.code.module(module).definitions:
            raise LookupError(f"{module} defines no {name!r}.")
        key = (module, name)
        if key not in self._versions:
            for component in _components(key, self._references, self._versions):
                self._hash(component)
        return self._versions[key]

    def module_version(self, module: str) -> str:
        """Return the SHA-256 of all definitions of a module."""
        names = sorted(self.code.module(module).definitions)
        return sha256(*(part for name in names for part in (name, self.version(module, name))))

    def _references(self, key: Key) -> Iterator[Key]:
        skeleton = self._skeleton(key)
        yield from skeleton.references
        yield from sorted(skeleton.beside | self._changes.get(key, frozenset()))

    @functools.cached_property
    def _changes(self) -> Mapping[Key, frozenset[Key]]:
        return changed_by_others(self.code, self._skeleton)

    @functools.cached_property
    def _twins(self) -> Mapping[Key, str]:
        """Return class or table -> what tells it from the last that reads the same."""
        return twins(self.code, self._skeleton)

    def _text(self, key: Key) -> str:
        text = self._skeleton(key).text
        return sha256(text, self._twins[key]) if key in self._twins else text

    def _write(self, key: Key) -> Skeleton:
        return Writer(self.code, *key).skeleton()

    def _hash(self, component: list[Key]) -> None:
        """Hash definitions that refer to each other, once all others that they use are hashed.

        Each starts from its own text; in as many rounds as there are definitions what each of them
        says reaches all others, so that none can change without changing them all.
        """
        labels = {key: self._text(key) for key in component}
        for _ in range(len(component)):
            labels = {key: self._label(key, labels) for key in component}
        self._versions |= labels

    def _label(self, key: Key, labels: dict[Key, str]) -> str:
        skeleton = self._skeleton(key)

        def label(other: Key) -> str:
            return self._versions.get(other) or ("itself" if other == key else labels[other])

        others = skeleton.beside | self._changes.get(key, frozenset())
        beside = sorted({label(other) for other in others})
        return sha256(labels[key], *map(label, skeleton.references), "beside", *beside)


def all_versions(packages: Sequence[Path]) -> dict[str, list[str]]:
    """Return version -> dotted names of all definitions in packages.

    Args:
        packages: Folders of packages, read as they lie on the disk.
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

    Reference: Tarjan (1972), SIAM J. Comput. 1(2), 146-160; with a stack of its own, since chains
        of references are longer than Python's recursion may be.
    """
    order: dict[Key, int] = {}
    lowest: dict[Key, int] = {}
    path: list[Key] = []
    work = [(root, iter(()))] if root in done else [(root, references(root))]
    order[root] = lowest[root] = 0
    path.append(root)
    while work:
        key, remaining = work[-1]
        for other in remaining:
            if other in done:
                continue
            if other not in order:
                order[other] = lowest[other] = len(order)
                path.append(other)
                work.append((other, references(other)))
                break
            if other in path:
                lowest[key] = min(lowest[key], order[other])
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
