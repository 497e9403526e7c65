"""What one run is asked to do: profile and studies, checked before anything runs, and its paths."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from report.errors import ReportError
from report.records import RECORD, published_dir, recorded

MEASURING = ("smoke", "quick", "paper")  # profiles that measure what their records lack
PUBLISHED = "published"  # reads the published record and measures nothing
PROFILES = ("smoke", "quick", PUBLISHED, "paper")
EVIDENCE = (PUBLISHED, "paper")  # profiles whose verdicts count
VERDICTS = "09_verdicts"  # judges the records of all the other studies
OWN = "00_own_network"  # of the reader's own network: a report by itself, and no part of ours
REMEASURABLE = ("stale", "all")  # what may be asked to be measured again


@dataclass(frozen=True)
class Settings:
    """A checked request. All paths are absolute."""

    root: Path
    profile: str
    studies: tuple[str, ...]
    data_dir: Path
    build_dir: Path
    remeasure: str = ""

    @property
    def profile_dir(self) -> Path:
        """Folder that holds executed notebooks, records, results, provenance and the report."""
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
    remeasure: str = "",
) -> Settings:
    """Check a request and return it with absolute paths.

    Args:
        root: The project's folder.
        profile: One of ``PROFILES``.
        studies: Names, in one string separated by spaces or commas or as a sequence; empty for
            all, of the profile ``published`` for all whose record is published.
        data_dir: Folder of the data archives, relative to ``root`` or absolute.
        build_dir: Folder that everything made goes into, relative to ``root`` or absolute.
        remeasure: ``stale`` to measure again what was measured by other code, ``all`` to measure
            everything again; empty to keep what is recorded.

    Raises:
        ReportError: If the profile or a study is unknown, or ``remeasure`` is, or asks for what the
            profile does not do.
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
    _check_remeasure(remeasure, profile)
    return Settings(
        root=root.resolve(),
        profile=profile,
        studies=tuple(sorted(set(given))) if given else tuple(every_study(root, profile)),
        data_dir=_absolute(root, data_dir),
        build_dir=_absolute(root, build_dir),
        remeasure=remeasure,
    )


def every_study(root: Path, profile: str) -> list[str]:
    """Return the studies that a report of a profile holds when none is named.

    Of ``published`` these are the studies whose record is published, and the verdicts on them: a
    study is written before it has run for hours. The study of the reader's own network is none of
    them.
    """
    existing = [study for study in all_studies(root) if study != OWN]
    if profile != PUBLISHED:
        return existing
    there = recorded(published_dir(root) / RECORD)
    return [study for study in existing if study in there or (there and study == VERDICTS)]


def check_published(settings: Settings) -> None:
    """Check that every study of a published report has its published record.

    Raises:
        ReportError: If one has none; it says how to make it.
    """
    if settings.profile != PUBLISHED:
        return
    there = recorded(published_dir(settings.root) / RECORD)
    lacking = [name for name in settings.studies if name not in there and name != VERDICTS]
    if there and not lacking:
        return
    names = f' STUDIES="{" ".join(lacking)}"' if there else ""
    lacks = f" and lacks {', '.join(lacking)}" if there else ""
    others = ", or name studies that are there" if there else ""
    raise ReportError(
        "PROFILE=published measures nothing and reads report/published/record, which holds "
        f"{', '.join(there) or 'no study'}{lacks}. Measure by make report PROFILE=paper{names}, "
        f"then make publish{names}{others}"
    )


def _check_remeasure(remeasure: str, profile: str) -> None:
    if remeasure not in ("", *REMEASURABLE):
        raise ReportError(
            f"REMEASURE={remeasure} is unknown. Leave it empty, or give stale to measure again "
            "what was measured by code that has changed, or all to measure everything again: "
            "make report PROFILE=paper REMEASURE=stale"
        )
    if remeasure and profile == PUBLISHED:
        raise ReportError(
            f"PROFILE=published measures nothing, so REMEASURE={remeasure} has no meaning for it. "
            "To measure again: make report PROFILE=paper REMEASURE=stale"
        )


def closest(given: str, known: Sequence[str]) -> str:
    """Return " (did you mean ...?)" when a known name is near to the given one, else nothing."""
    near = difflib.get_close_matches(given, known, n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""


def _absolute(root: Path, path: str | Path) -> Path:
    return Path(os.path.normpath(root.resolve() / Path(path).expanduser()))
