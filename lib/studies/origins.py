"""Origins of entries: the commit, machine and code that measured them, named by their content."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from landscape.store import provenance

from studies.identity import digest


class Origins:
    """Names the origins of a record's entries.

    Args:
        known: Name -> origin; it receives each new one.
    """

    def __init__(self, known: dict[str, Any]) -> None:
        self._known = known

    def name(self, code: Mapping[str, str], machine: Mapping[str, Any]) -> str:
        """Return the name of an origin, and add it to those that are known.

        Args:
            code: Function -> version of its code.
            machine: Versions and hardware, as ``provenance.description`` returns them.
        """
        commit, dirty = self._commit
        origin = {"commit": commit, "dirty": dirty, **machine, "code": dict(sorted(code.items()))}
        name = f"o{digest(origin)[:7]}"
        self._known[name] = origin
        return name

    @functools.cached_property
    def _commit(self) -> tuple[str, bool]:
        return provenance.commit(Path(__file__).parent)
