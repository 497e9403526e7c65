"""Make or refresh the environment that everything else runs in.

The system's own Python runs this module before anything is installed: standard library only, and
nothing that an old Python could not parse, so that it can say that it is too old.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from report.errors import ReportError
from report.folders import (
    ADVICE,
    ROOT,
    STAMP,
    UNFINISHED,
    VENV,
    absolute,
    mark,
    remove,
    why_unusable,
)

MINIMUM = (3, 11)
DISTRIBUTION = "landscape"


class EnvironmentProblem(ReportError):
    """What is wrong with the environment, and what to do, in the reader's words."""


def check_python(version: Sequence[Any], executable: str) -> None:
    """Raise when the interpreter is older than the pinned packages allow."""
    if tuple(version[:2]) < MINIMUM:
        given = ".".join(str(part) for part in version[:3])
        raise EnvironmentProblem(
            f"{executable} is Python {given}; the pinned packages need Python 3.11 or newer. "
            "Name one to make, for example: make report PYTHON=python3.12"
        )


def normalize(name: str) -> str:
    """Return a distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(lock: Path) -> dict[str, str]:
    """Return name -> version from a lock file of ``name==version`` lines and comments."""
    pins = {}
    for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.split("#")[0].strip()
        if not text:
            continue
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!_-]+)", text)
        if match is None:
            raise EnvironmentProblem(
                f"{lock.name}:{number}: {text!r} pins no version. Write name==version."
            )
        pins[normalize(match[1])] = match[2]
    return pins


def installed(folders: list[Path]) -> dict[str, str]:
    """Return name -> version of the distributions in ``folders``, the first folder winning.

    Only the names of the ``*.dist-info`` folders are read, which takes milliseconds. A local
    version is cut off, as ``==`` does: 2.13.0+cpu counts as 2.13.0.
    """
    found: dict[str, str] = {}
    for folder in folders:
        for info in folder.glob("*.dist-info"):
            name, _, version = info.name[: -len(".dist-info")].rpartition("-")
            if name and not name.startswith("~"):
                found.setdefault(normalize(name), version.split("+")[0])
    return found


def differences(pins: dict[str, str], found: dict[str, str]) -> list[str]:
    """Return one phrase for each distribution that is missing or at another version."""
    phrases = []
    for name, version in sorted(pins.items()):
        if name not in found:
            phrases.append(f"{name} is missing")
        elif found[name] != version:
            phrases.append(f"{name} is {found[name]}, pinned {version}")
    return phrases


def wanted_stamp(root: Path) -> dict[str, str]:
    """Return what determines the environment: lock, package metadata, Python and folder."""
    import tomllib

    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    metadata = [project.get("build-system"), project.get("project")]
    metadata.append(project.get("tool", {}).get("setuptools"))
    return {
        "lock": hashlib.sha256((root / "requirements.lock").read_bytes()).hexdigest(),
        "project": hashlib.sha256(json.dumps(metadata, sort_keys=True).encode()).hexdigest(),
        "python": "{}.{}".format(*sys.version_info[:2]),
        "root": str(root),
    }


def site_packages(venv: Path) -> Path:
    """Return the folder that a venv of the running Python installs into."""
    return venv / "lib" / "python{}.{}".format(*sys.version_info[:2]) / "site-packages"


def why_anew(venv: Path) -> str | None:
    """Return why the venv cannot be repaired in place, or None."""
    if (venv / UNFINISHED).exists():
        return "the last installation did not finish"
    if not (venv / "bin" / "python").exists() or not (site_packages(venv) / "pip").is_dir():
        return "it does not hold Python {}.{} with pip".format(*sys.version_info[:2])
    return None


def why_install(root: Path, venv: Path) -> str | None:
    """Return why packages must be installed into the venv, or None when all is as pinned."""
    found = installed([site_packages(venv)])
    wrong = differences(pinned(root / "requirements.lock"), found)
    try:
        stamp = json.loads((venv / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "packages are not known to be complete"
    wanted = wanted_stamp(root)
    for key, phrase in (
        ("lock", "requirements.lock changed"),
        ("project", "pyproject.toml changed"),
        ("python", "Python changed"),
        ("root", "the project's folder moved"),
    ):
        if stamp.get(key) != wanted[key]:
            return phrase
    if wrong:
        return "; ".join(wrong[:3]) + (f"; and {len(wrong) - 3} more" if len(wrong) > 3 else "")
    if DISTRIBUTION not in found:
        return f"{DISTRIBUTION} is missing"
    return None


def check_place(venv: Path, root: Path = ROOT) -> None:
    """Raise when ``venv`` is a folder that the project did not make and must leave alone."""
    reason = why_unusable(venv, VENV, root)
    if reason:
        raise EnvironmentProblem(f"{venv} {reason}, so it is left alone. {ADVICE[VENV]}")


def create(venv: Path, reason: str) -> None:
    """Make an empty venv in place of what is there, if that is a venv of the project at all."""
    check_place(venv)
    if venv.exists():
        print(f"Making {venv} anew, because {reason}.", flush=True)
        if not venv.is_symlink():
            remove(venv, VENV)
    mark(venv, VENV)
    (venv / UNFINISHED).touch()
    try:
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    except subprocess.CalledProcessError as error:
        raise EnvironmentProblem(
            f"{sys.executable} could not make a virtual environment in {venv}. On Debian and "
            "Ubuntu the package python3-venv is needed; or name another Python: make PYTHON=..."
        ) from error


def install(root: Path, venv: Path) -> None:
    """Install the locked packages and then the library, editable, and stamp the venv."""
    mark(venv, VENV)  # one of an earlier version has no marker yet
    (venv / STAMP).unlink(missing_ok=True)
    (venv / UNFINISHED).touch()
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    if not sys.stdout.isatty():
        pip.append("--quiet")
    for what in (["-r", str(root / "requirements.lock")], ["--no-deps", "-e", str(root)]):
        status = subprocess.run([*pip, *what], cwd=root).returncode
        if status != 0:
            if status > 0:  # pip gave up by itself, and leaves no package half-installed then
                (venv / UNFINISHED).unlink()
            raise EnvironmentProblem(
                f"pip could not install {' '.join(what)} into {venv}; its own message is above. "
                "Run make again when its cause is mended: it goes on from there."
            )
    wrong = differences(pinned(root / "requirements.lock"), installed([site_packages(venv)]))
    if wrong:
        raise EnvironmentProblem(
            f"after installing requirements.lock, {'; '.join(wrong)} in {venv}. "
            "Correct the line in requirements.lock, then run make again."
        )
    part = venv / (STAMP + ".part")
    part.write_text(json.dumps(wanted_stamp(root), indent=1) + "\n", encoding="utf-8")
    (venv / UNFINISHED).unlink()
    os.replace(part, venv / STAMP)


def prepare(root: Path, venv: Path) -> None:
    """Leave ``venv`` with exactly what ``root`` pins; do nothing when it is so already.

    Two processes at once are safe: the second waits, and then finds nothing to do.

    Raises:
        EnvironmentProblem: If ``venv`` is a folder of somebody else, or cannot be made.
    """
    check_place(venv, root)
    if why_anew(venv) is None and why_install(root, venv) is None:
        return
    venv.parent.mkdir(parents=True, exist_ok=True)
    with open(venv.parent / (venv.name + ".lock"), "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        anew = why_anew(venv)
        if anew is not None:
            create(venv, anew)
        why = why_install(root, venv)
        if why is not None:
            print(f"Installing requirements.lock into {venv} ({why}): minutes.", flush=True)
            install(root, venv)


def check_own(root: Path) -> None:
    """Check the running interpreter's own environment, which is the reader's to change.

    Raises:
        EnvironmentProblem: If a package is missing, or the library is not the one of ``root``.
    """
    folders = [Path(folder) for folder in sys.path if folder and Path(folder).is_dir()]
    found = installed(folders)
    wrong = differences(pinned(root / "requirements.lock"), found)
    missing = [phrase for phrase in wrong if phrase.endswith("is missing")]
    source = _editable_source(folders)
    if missing or source != root.as_uri():
        what = "; ".join(missing) or f"landscape is installed from {source or 'nowhere'}"
        raise EnvironmentProblem(
            f"{sys.executable} does not hold what the report needs: {what}. Run: "
            f"{sys.executable} -m pip install -r requirements.lock && "
            f"{sys.executable} -m pip install --no-deps -e .   (or leave VENV= out)"
        )
    if wrong:
        print(f"note: not as in requirements.lock, so numbers may differ: {'; '.join(wrong)}")


def _editable_source(folders: list[Path]) -> str | None:
    for folder in folders:
        for info in folder.glob(f"{DISTRIBUTION}-*.dist-info"):
            try:
                return json.loads((info / "direct_url.json").read_text(encoding="utf-8"))["url"]
            except (OSError, ValueError, KeyError):
                return str(info)
    return None


def main(arguments: list[str] | None = None) -> int:
    """Prepare the venv named by ``--venv``, or check the running interpreter with ``--own``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--venv", help="folder of the virtual environment")
    where.add_argument("--own", action="store_true", help="use this interpreter as it is")
    given = parser.parse_args(arguments)
    try:
        check_python(sys.version_info, sys.executable)
        if given.own:
            check_own(ROOT)
        else:
            prepare(ROOT, absolute(given.venv))
    except ReportError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
