"""Merge records of two machines: what one of them lacks comes from the other.

``python -m studies.record_merge FROM INTO`` merges all records of a folder, in a process of its
own, for the report.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from studies.record_files import SUPERSEDED, RecordError, RecordFiles
from studies.record_folder import RecordFolder

_HEADER = "record.json"


def merge(source: Path, target: Path) -> list[str]:
    """Add the entries of all records in a folder to those in another folder.

    Entries come with their labels, origins and times. An entry that both have must be the same;
    if machines differ, its origin stays the target's. Other entries, such as those of other seeds,
    are added whatever the parameters of the studies are: the next run of a study uses the entries
    that its parameters ask for.

    Args:
        source: A folder of records, a folder for each study; or the record of one study.
        target: A folder of records; it may lack studies, or not exist.

    Returns:
        A line for each study: how many entries were added, and which parameters differ.

    Raises:
        RecordError: If there is no record, one cannot be read, or records contradict each other;
            all contradictions are listed, and nothing is written.
    """
    pairs: list[_Pair] = []
    for study, folder in _records(Path(source)).items():
        place = Path(target) / study
        pairs.append(_Pair(study, folder, place))
        if RecordFiles(folder / SUPERSEDED).names():
            # What one machine set aside, the other may use.
            aside = _Pair(study, folder / SUPERSEDED, place / SUPERSEDED, besides=pairs[-1])
            pairs.append(aside)
    problems = [problem for pair in pairs for problem in pair.problems()]
    if problems:
        raise RecordError(
            "\n".join(["the records contradict each other, so nothing was merged:", *problems])
        )
    return [pair.merge() for pair in pairs]


def _records(folder: Path) -> dict[str, Path]:
    """Return study -> folder of its record."""
    found = [folder] if (folder / _HEADER).is_file() else []
    found = found or sorted(path.parent for path in folder.glob(f"*/{_HEADER}"))
    if not found:
        raise RecordError(
            f"{folder} holds no record. Give a folder of records, such as build/paper/record, or "
            f"the record of one study, with its {_HEADER}."
        )
    return {_study(path): path for path in found}


def _study(folder: Path) -> str:
    try:
        return str(json.loads(RecordFiles(folder).read(_HEADER))["study"])
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(f"{folder / _HEADER} cannot be read: {error}. Restore it.") from None


class _Pair:
    """The records of one study in both folders, or what both set aside."""

    def __init__(
        self, study: str, source: Path, target: Path, *, besides: "_Pair | None" = None
    ) -> None:
        self.study = study if besides is None else f"{study}/{SUPERSEDED}"
        self.source, self.target = RecordFolder(source, study), RecordFolder(target, study)
        self._besides = besides

    def problems(self) -> Iterator[str]:
        """Yield a sentence for each contradiction."""
        theirs, ours = self.source.header, self.target.header
        if "profile" in ours and theirs.get("profile") != ours["profile"]:
            yield (
                f"{self.study}: one is of profile {theirs.get('profile')}, the other of "
                f"{ours['profile']}. Merge records of one profile."
            )
        known = ours.get("datasets", {})
        for name, data in theirs.get("datasets", {}).items():
            if known.get(name, data) != data:
                yield (
                    f"{self.study}: {name} is not the same data on both machines: its hashes are "
                    f"{data.get('sha256')} and {known[name].get('sha256')}. Measure one of the two "
                    "again, with the data of the other."
                )
        checksums = self.target.checksums()
        for entry, checksum in self.source.checksums().items():
            if checksums.get(entry, checksum) != checksum:
                yield (
                    f"{self.study}: entry {entry} ({self.source.kind(entry)}; "
                    f"{_texts(self.source.labels(entry)[0])}) has other numbers in "
                    f"{self.source.folder} than in {self.target.folder}. Remove it from one of the "
                    f"two (sed -i '/^{entry},/d' FOLDER/*.csv), and merge again."
                )

    def merge(self) -> str:
        """Add what the target lacks, write it, and return a line that says so."""
        source, target = self.source, self.target
        used = () if self._besides is None else self._besides.target
        added = [e for e in source.checksums() if e not in target and e not in used]
        for entry in added:
            target.take(entry, source)
        for name, seconds in source.seconds.items():
            if name not in source:  # Of former runs as a whole.
                target.seconds.setdefault(name, seconds)
        ours, theirs = (record.header.get("parameters", {}) for record in (target, source))
        datasets = {**source.header.get("datasets", {}), **target.header.get("datasets", {})}
        target.header = {**source.header, **target.header}
        if datasets:
            target.header["datasets"] = datasets
        if added or self._besides is None:
            target.write()
        both = len(source) - len(added)
        line = f"{self.study}: {len(added)} entries added, {both} were there already"
        differing = [n for n in theirs if n in ours and theirs[n] != ours[n]]
        if differing:
            line += f"; parameters differ, kept are those of {target.folder}: " + "; ".join(
                f"{name} {ours[name]!r}, not {theirs[name]!r}" for name in differing
            )
        return line


def _texts(labels: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in labels.items())


def main(arguments: Sequence[str]) -> int:
    """Merge the records of one folder into another; an error is told without a traceback."""
    try:
        print("\n".join(merge(*map(Path, arguments))))
    except RecordError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
