"""Build the documentation into build/docs: ``make docs``.

Sphinx reads docs/ and the docstrings of the library, and executes the guides. Warnings are errors,
and so are links that lead nowhere and files that the pages would fetch from a network. What Sphinx
needs beyond requirements.lock is pinned in requirements-docs.lock and installed at the first use.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from report.environment import differences, installed, pinned
from report.errors import ReportError
from report.folders import ROOT, STAMP, absolute
from report.links import Site

LOCK = "requirements-docs.lock"


def prepare(root: Path) -> None:
    """Leave the running Python with what requirements-docs.lock pins.

    Only an environment that make made is changed.

    Raises:
        ReportError: If packages cannot be installed, or are missing in the reader's own
            environment.
    """
    folders = [Path(folder) for folder in sys.path if folder and Path(folder).is_dir()]
    wrong = differences(pinned(root / LOCK), installed(folders))
    if not wrong:
        return
    # The lock lists all packages, so pip need not look for others, nor change any.
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "-r", str(root / LOCK)]
    if not (Path(sys.prefix) / STAMP).is_file():
        missing = [phrase for phrase in wrong if phrase.endswith("is missing")]
        if missing:
            raise ReportError(
                f"{sys.executable} does not hold what the documentation needs: "
                f"{'; '.join(missing)}. Run: {sys.executable} -m pip install --no-deps -r {LOCK}"
            )
        print(f"note: not as in {LOCK}: {'; '.join(wrong)}")
        return
    print(f"Installing {LOCK} ({'; '.join(wrong[:3])}, ...).", flush=True)
    quiet = ["--quiet", "--disable-pip-version-check"]
    if subprocess.run([*command, *quiet], cwd=root).returncode:
        raise ReportError(
            f"pip could not install {LOCK}; its own message is above. Run make docs again when its "
            "cause is mended."
        )


def build(root: Path, build_dir: str) -> Path:
    """Build the pages, check them, and put them in place of earlier ones.

    Args:
        root: The project's folder.
        build_dir: The build folder, relative to the project or absolute.

    Returns:
        The folder of the pages.

    Raises:
        ReportError: If Sphinx warns, or a page has a broken link or needs a network.
    """
    target = absolute(build_dir, root) / "docs"
    with tempfile.TemporaryDirectory() as work:
        pages = Path(work) / "html"
        options = ["--fail-on-warning", "--keep-going", "--nitpicky", "--fresh-env", "--quiet"]
        folders = ["-d", f"{work}/doctrees", str(root / "docs"), str(pages)]
        command = [sys.executable, "-m", "sphinx", *options, *folders]
        if subprocess.run(command, cwd=root).returncode:
            raise ReportError("the documentation is not built; Sphinx says above what is wrong.")
        for name in (".buildinfo", "_sources", "objects.inv"):
            _remove(pages / name)
        site = Site(pages)
        if problems := site.problems():
            raise ReportError("the documentation is not built:\n" + "\n".join(problems))
        _remove(target)
        shutil.move(pages, target)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    print(
        f"{build_dir}/docs/index.html: {len(site.pages)} pages, {size / 1e6:.1f} MB; "
        f"{site.internal:,} links checked"
    )
    return target


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    """Build the documentation; a refusal is one sentence and the status 2."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build-dir", required=True, help="the build folder")
    given = parser.parse_args(arguments)
    try:
        prepare(ROOT)
        print("Building the documentation; executing the guides takes a minute.", flush=True)
        build(ROOT, given.build_dir)
    except ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
