"""What one run is asked to do: profile and studies, checked before anything runs, and its paths."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from report.errors import ReportError

PROFILES = ("smoke", "quick", "paper")
SYNTHESIS = "08_synthesis"  # reads what all the other studies wrote


@dataclass(frozen=True)
class Settings:
    """A checked request. All paths are absolute."""

    root: Path
    profile: str
    studies: tuple[str, ...]
    data_dir: Path
    build_dir: Path

    @property
    def profile_dir(self) -> Path:
        """Folder that holds executed notebooks, results, provenance and the report."""
        return self.build_dir / self.profile

    def executed(self, study: str) -> Path:
        """Path of the executed notebook of a study."""
        return self.profile_dir / f"{study}.ipynb"

    def shown(self, path: Path) -> str:
        """Return ``path`` as a person at the project's root would type it."""
        return str(path.relative_to(self.root) if path.is_relative_to(self.root) else path)


def all_studies(root: Path) -> list[str]:
    """Return the names of all studies: one for each ``notebooks/NN_name.py``."""
    return sorted(path.stem for path in (root / "notebooks").glob("[0-9][0-9]_*.py"))


def choose(
    root: Path,
    *,
    profile: str,
    studies: str | Sequence[str] = "",
    data_dir: str | Path = "data",
    build_dir: str | Path = "build",
) -> Settings:
    """Check a request and return it with absolute paths.

    Args:
        root: The project's folder.
        profile: One of ``PROFILES``.
        studies: Names, in one string separated by spaces or commas or as a sequence; empty for all.
        data_dir: Folder of the data archives, relative to ``root`` or absolute.
        build_dir: Folder that everything made goes into, relative to ``root`` or absolute.

    Raises:
        ReportError: If the profile or a study is unknown.
    """
    if profile not in PROFILES:
        raise ReportError(
            f"PROFILE={profile} is unknown. Choose one of {', '.join(PROFILES)}"
            f"{closest(profile, PROFILES)}, for example: make report PROFILE=quick"
        )
    existing = all_studies(root)
    if not existing:
        raise ReportError(f"no study in {root / 'notebooks'}: a study is a file NN_name.py there.")
    given = studies.replace(",", " ").split() if isinstance(studies, str) else list(studies)
    for study in given:
        if study not in existing:
            raise ReportError(
                f"the study {study} is unknown. There are {', '.join(existing)}"
                f"{closest(study, existing)}. A study is named as its file in notebooks/."
            )
    return Settings(
        root=root.resolve(),
        profile=profile,
        studies=tuple(sorted(set(given))) if given else tuple(existing),
        data_dir=_absolute(root, data_dir),
        build_dir=_absolute(root, build_dir),
    )


def needed(settings: Settings) -> tuple[str, ...]:
    """Return the studies to execute for the chosen ones: for the synthesis, all of them."""
    if SYNTHESIS in settings.studies:
        return tuple(all_studies(settings.root))
    return settings.studies


def closest(given: str, known: Sequence[str]) -> str:
    """Return " (did you mean ...?)" when a known name is near to the given one, else nothing."""
    near = difflib.get_close_matches(given, known, n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""


def _absolute(root: Path, path: str | Path) -> Path:
    return Path(os.path.normpath(root.resolve() / Path(path).expanduser()))
