"""The architecture of ``lib/`` as a checked fact: rooms, floors, arrows and circles.

A room is an entry of a package's folder: a module, or a folder of modules. Rooms stand on floors,
which the docstring of the package's ``__init__`` lists from the lowest up, and nothing else does.
Arrows (see ``report/imports.py``) may point down or stay on a floor, never up, and never lead back
to where they began. That holds for all imports, also those in functions and those for types alone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from report.imports import Import, Library

PACKAGES = ("landscape", "studies")  # A later one may import an earlier one, never the other way.

_FLOOR = re.compile(r"(\d+)\. ")
_ROOM = re.compile(r"``(\w+)``")


def read(root: Path) -> Library:
    """Return the source of the packages of the project at ``root``."""
    return Library(root / "lib", PACKAGES)


def floors(library: Library, package: str) -> list[tuple[str, int]]:
    """Return (room, floor) as the package's docstring lists them, repeated rooms included.

    A floor is a line ``N.`` and the indented lines below it; its rooms stand in double backticks.
    """
    listed, floor = [], 0
    for line in (ast.get_docstring(library.trees[package]) or "").splitlines():
        if match := _FLOOR.match(line):
            floor = int(match[1])
        elif not line.startswith(" "):
            floor = 0
        if floor:
            listed += [(room, floor) for room in _ROOM.findall(line)]
    return listed


def rooms(library: Library, package: str) -> list[str]:
    """Return the rooms that a package has."""
    return sorted({_room(package, module) for module in library.trees} - {""})


def between_rooms(library: Library, package: str) -> dict[tuple[str, str], list[Import]]:
    """Return the arrows between rooms of a package, (room, room) -> the imports that make it.

    A room's face that shows what another room defines makes an arrow as well.
    """
    arrows: dict[tuple[str, str], list[Import]] = {}
    for arrow in library.imports:
        source, target = _room(package, arrow.source), _room(package, arrow.target)
        if source and target and source != target:
            arrows.setdefault((source, target), []).append(arrow)
    return arrows


def upward(library: Library, package: str) -> dict[tuple[str, str], list[Import]]:
    """Return those arrows between rooms that point to a higher floor."""
    floor = dict(floors(library, package))
    return {
        (source, target): arrows
        for (source, target), arrows in sorted(between_rooms(library, package).items())
        if source in floor and target in floor and floor[target] > floor[source]
    }


def reached(graph: Mapping[str, Collection[str]], starts: Iterable[str]) -> dict[str, str]:
    """Return what some nodes lead to, by one arrow or more -> the node just before it.

    A start is in it only if arrows lead there.

    Args:
        graph: Node -> nodes that it points to; a node that points nowhere may be absent.
        starts: Where to begin.
    """
    before: dict[str, str] = {}
    waiting = sorted(starts)
    while waiting:
        node = waiting.pop(0)
        for target in sorted(graph.get(node, ())):
            if target not in before:
                before[target] = node
                waiting.append(target)
    return before


def circles(graph: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Return each group of nodes that all lead to each other; one that points to itself is one.

    Args:
        graph: Node -> nodes that it points to.
    """
    ends = {node: reached(graph, [node]) for node in graph}
    groups = {
        tuple(sorted(other for other in ends[node] if node in ends.get(other, ())))
        for node in graph
        if node in ends[node]
    }
    return [list(group) for group in sorted(groups)]


def circles_of_rooms(library: Library, package: str) -> list[list[str]]:
    """Return the circles of a package's rooms; their modules need not form one."""
    graph: dict[str, set[str]] = {room: set() for room in rooms(library, package)}
    for source, target in between_rooms(library, package):
        graph[source].add(target)
    return circles(graph)


def problems(library: Library) -> list[str]:
    """Return one sentence for each import, room and circle that breaks a rule, with its place."""
    said = []
    for package in library.packages:
        if package not in library.faces:
            said.append(f"lib/{package}/__init__.py is missing; its docstring lists the floors")
            continue
        said += _misplaced(library, package)
        said += _pointing_up(library, package)
        for group in circles_of_rooms(library, package):
            said.append(f"a circle of rooms of {package}: {', '.join(group)}. {_UNTIE}")
    for group in circles(library.graph()):
        arrows = [x for x in library.imports if x.source in group and x.target in group]
        steps = [f"{_place(library, arrow)} imports {arrow.target}" for arrow in arrows]
        said.append(f"a circle of modules: {'; '.join(steps)}. {_UNTIE}")
    return [*said, *_wrong(library)]


def summary(library: Library) -> str:
    """Return in one line what each package has of rooms, floors, arrows between rooms and circles.

    An arrow counts once for two rooms, whatever the number of imports.
    """
    circles_of_modules = circles(library.graph())
    said = []
    for package in library.packages:
        inner = [group for group in circles_of_modules if group[0].startswith(f"{package}.")]
        said.append(
            f"{package}: {len(rooms(library, package))} rooms "
            f"on {len({floor for _, floor in floors(library, package)})} floors, "
            f"{len(between_rooms(library, package))} arrows, "
            f"{len(upward(library, package))} up, "
            f"{len(inner) + len(circles_of_rooms(library, package))} circles"
        )
    return "; ".join(said)


_UNTIE = "Move what both need into a module that imports neither"


def _misplaced(library: Library, package: str) -> Iterator[str]:
    listed = [room for room, _ in floors(library, package)]
    present = rooms(library, package)
    place = f"{_path(library, package)}: the list of floors"
    for room in present:
        if room not in listed:
            yield f"{place} lacks {room}. Add ``{room}`` to a floor not below what it imports"
    for room in sorted(set(listed)):
        if room not in present:
            yield f"{place} names {room}, which is no module and no folder of {package}"
        if listed.count(room) > 1:
            yield f"{place} names {room} {listed.count(room)} times; a room stands on one floor"


def _pointing_up(library: Library, package: str) -> Iterator[str]:
    floor = dict(floors(library, package))
    for (source, target), arrows in upward(library, package).items():
        for arrow in arrows:
            yield (
                f"{_place(library, arrow)} imports {arrow.target}, an arrow up from {source} "
                f"(floor {floor[source]}) to {target} (floor {floor[target]}). Move what both need "
                f"down, or let the caller pass it"
            )


def _wrong(library: Library) -> Iterator[str]:
    """Yield what is wrong with single imports: nothing there, the wrong package, a face."""
    for arrow in library.imports:
        said = f"{_place(library, arrow)} imports {arrow.target}"
        source, target = (name.partition(".")[0] for name in (arrow.source, arrow.target))
        if arrow.target not in library.trees:
            yield f"{said}, which is not there"
        if library.packages.index(target) > library.packages.index(source):
            yield f"{said}; {source} knows nothing of {target}"
        if arrow.face and arrow.source not in library.faces:
            through = "as a whole package" if arrow.face == arrow.target else f"via {arrow.face}"
            yield f"{said} {through}. Import the name from the module that defines it"


def _room(package: str, module: str) -> str:
    """Return the room of a module; "" for the package itself and for modules of another."""
    parts = module.split(".")
    return parts[1] if parts[0] == package and len(parts) > 1 else ""


def _place(library: Library, arrow: Import) -> str:
    marks = ["in a function"] * arrow.in_function + ["for types alone"] * arrow.for_types
    place = f"{_path(library, arrow.source)}:{arrow.line}"
    return f"{place} ({', '.join(marks)})" if marks else place


def _path(library: Library, module: str) -> str:
    return library.paths[module].relative_to(library.folder.parent).as_posix()
