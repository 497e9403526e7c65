"""Whether the code that published results were computed with is the code of this tree."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from report.errors import ReportError


def current_versions(root: Path) -> set[str]:
    """Return the versions of all definitions in ``lib``, as the library itself hashes them.

    The library runs in a process of its own, so that the report depends on what it prints alone.

    Raises:
        ReportError: If the library cannot be read.
    """
    packages = [str(path.parent) for path in sorted((root / "lib").glob("*/__init__.py"))]
    command = [sys.executable, "-m", "landscape.store.code_versions", *packages]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ReportError(
            f"the versions of the code in lib/ cannot be computed: {last}. Mend the file that it "
            "names; make test T='-k code_versions' says more"
        )
    return set(json.loads(done.stdout))


def published_code(root: Path, versions: Collection[str]) -> list[str]:
    """Return a line a published study: its code is unchanged since its commit, or what changed.

    Args:
        root: The project's folder.
        versions: Versions of the code as it is now.
    """
    lines = []
    for path in sorted((root / "report" / "published" / "provenance").glob("*.json")):
        provenance = json.loads(path.read_text(encoding="utf-8"))
        commit = provenance["commit"][:7]
        if "code" not in provenance:
            lines.append(f"published {path.stem}: code at {commit} was not recorded")
            continue
        changed = sorted(
            name for name, version in provenance["code"].items() if version not in versions
        )
        said = f"code changed since {commit}: {', '.join(changed)}"
        lines.append(
            f"published {path.stem}: {said if changed else f'code unchanged since {commit}'}"
        )
    return lines
