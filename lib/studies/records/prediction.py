"""The recorded table of all networks, gathered from the records of other studies."""

from pathlib import Path
from typing import Any

from landscape.store import provenance

from studies.hyperparameters import STUDIES
from studies.identity import digest
from studies.network_table import network_rows
from studies.record_folder import RecordFolder
from studies.recorder import Recorder, Rows
from studies.recording import Recording, Request


class _FolderSource:
    """A record as a source of the table."""

    def __init__(self, folder: RecordFolder) -> None:
        self.folder = folder
        self.parameters = folder.header.get("parameters", {})
        self.datasets = folder.header.get("datasets", {})

    def rows(self, table: str) -> Rows:
        """Return the rows of a table with their labels."""
        return self.folder.rows(table, used=False)


def gather_networks(recording: Recording, *, published: str) -> Rows:
    """Return a row for each network of other studies, and record them as table ``networks``.

    Of each study the record beside this one is read, and where there is none the published one.
    Nothing is trained or measured, so every profile gathers the table anew.

    Args:
        recording: The record of the study.
        published: The folder of the published records, relative to the project.
    """
    beside, others = recording.record.folder.parent, provenance.project_path(published)
    sources = {}
    for study in STUDIES:
        folder = next((f for f in (beside, others) if (f / study / "record.json").is_file()), None)
        if folder is not None:
            sources[study] = _FolderSource(RecordFolder(Path(folder) / study, study))
    content = {name: digest(source.folder.checksums()) for name, source in sources.items()}

    def compute(recorder: Recorder) -> None:
        rows: list[dict[str, Any]] = network_rows(sources)
        recorder.table("networks", rows)
        recorder.add("networks", len(rows), cost=0)

    request = Request(
        identity={"records": content}, labels={"arm": "all"}, compute=compute, derived=True
    )
    (part,) = recording.step("networks", [request])
    return [] if part is None else part.table("networks")
