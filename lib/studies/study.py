"""The record of one study: measurements, tables, verdicts and provenance, written as files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from landscape.data import Dataset
from landscape.store import provenance
from landscape.store.entries import Store

from studies import files, frames
from studies.claims import Verdict
from studies.measurements import COLUMNS, RecordedMeasurements

PROFILES = ("smoke", "quick", "paper")


class Study(RecordedMeasurements):
    """Collect the measurements and tables of one study and write them as results files.

    Results files hold results alone: the same commit, parameters and machine write the same bytes.
    Times and hardware go to a provenance file in another folder.

    Args:
        name: Name of the notebook, such as ``01_bn_ablation``.
        namespace: ``vars()`` of the notebook after its parameters cell. Its plain values (numbers,
            texts, booleans, None, and lists of them) become the parameters. It must hold
            ``profile``, ``data_dir`` and ``build_dir``.

    Raises:
        ValueError: If ``profile``, ``data_dir`` or ``build_dir`` is missing, or the profile is
            unknown.

    Attributes:
        name: Name of the notebook.
        profile: ``smoke``, ``quick`` or ``paper``.
        parameters: The study's parameters, without the two folders.
        store: The store of training runs and measurements.
        data_dir: Folder of the data, absolute.
        evidence: Whether the verdicts of this profile count; only those of ``paper`` do.
    """

    def __init__(self, name: str, namespace: Mapping[str, Any]) -> None:
        plain = {
            key: value
            for key, value in namespace.items()
            if not key.startswith("_") and _is_plain(value) and key not in ("In", "Out")
        }
        missing = [key for key in ("profile", "data_dir", "build_dir") if key not in plain]
        if missing or plain["profile"] not in PROFILES:
            raise ValueError(
                f"study {name!r} got profile={plain.get('profile')!r} and lacks "
                f"{missing or 'nothing'}. Give profile (one of {', '.join(PROFILES)}), data_dir "
                "and build_dir."
            )
        self.name, self.profile = name, plain["profile"]
        self.evidence = self.profile == "paper"
        build_dir = provenance.project_path(plain["build_dir"])
        self.data_dir = provenance.project_path(plain["data_dir"])
        self.store = Store(build_dir / "store")
        self._folder = build_dir / self.profile
        # The same study in other folders must write the same bytes.
        self.parameters = {
            key: value for key, value in plain.items() if key not in ("data_dir", "build_dir")
        }
        super().__init__()
        self._tables: dict[str, list[dict[str, Any]]] = {}

    def table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Record rows for the results file ``<name>.csv``, such as the points of a curve.

        Args:
            name: Name of the table; rows recorded under the same name are appended.
            rows: Column -> cell. All rows of a table have the columns of its first row.

        Raises:
            ValueError: If the name is ``measurements``, the file that ``add`` fills.
        """
        if name == "measurements":
            raise ValueError("the table 'measurements' belongs to add(). Choose another name.")
        self._tables.setdefault(name, []).extend(dict(row) for row in rows)

    def frame(self, name: str) -> pd.DataFrame:
        """Return a recorded table as a frame, its columns typed by their cells.

        Args:
            name: Name of the table; ``measurements`` is the frame of the same name.

        Raises:
            KeyError: If nothing was recorded under this name.
        """
        if name == "measurements":
            return self.measurements
        if name not in self._tables:
            known = ", ".join(["measurements", *self._tables])
            raise KeyError(f"no table {name!r} was recorded. Ask for one of {known}.")
        rows = self._tables[name]
        return frames.tidy_frame(rows, tuple(rows[0]) if rows else ())

    def write(
        self, title: str, verdicts: Sequence[Verdict], datasets: Sequence[Dataset]
    ) -> list[str]:
        """Write the results files and the provenance, and remove results files of earlier runs.

        Args:
            title: Title of the study.
            verdicts: The verdicts it reached.
            datasets: The data sets it used.

        Returns:
            Names of the results files, sorted.

        Raises:
            ValueError: If a row of a table has a column that the table's first row lacks.
        """
        folder = self._folder / "results" / self.name
        folder.mkdir(parents=True, exist_ok=True)
        texts = {"measurements.csv": frames.as_csv(self._rows, COLUMNS)}
        for name, rows in self._tables.items():
            texts[f"{name}.csv"] = frames.as_csv(rows, tuple(rows[0]) if rows else ())
        entries = [files.claim_entry(verdict) for verdict in verdicts]
        texts["claims.json"] = files.as_json(
            {
                "study": self.name,
                "title": title,
                "profile": self.profile,
                "evidence": self.evidence,
                "claims": entries,
            }
        )
        for old in folder.iterdir():
            if old.name not in texts:
                old.unlink()
        for name, text in texts.items():
            files.write(folder / name, text)
        files.write(
            self._folder / "provenance" / f"{self.name}.json",
            files.as_json(self._provenance(datasets)),
        )
        return sorted(texts)

    def _provenance(self, datasets: Sequence[Dataset]) -> dict[str, Any]:
        commit, dirty = provenance.commit(Path(__file__).parent)
        return {
            "study": self.name,
            "profile": self.profile,
            "commit": commit,
            "dirty": dirty,
            "parameters": self.parameters,
            "seeds": self.parameters.get("seeds", []),
            **provenance.description(),
            "code": dict(sorted(self.store.code.items())),
            "compute_seconds": round(self.store.seconds, 1),
            "data": {
                # A study may use one data set in several sizes: the name alone would not do.
                f"{dataset.name} ({len(dataset.y_train):,})": {
                    "sha256": dataset.sha256,
                    "train": len(dataset.y_train),
                    "test": len(dataset.y_test),
                }
                for dataset in datasets
            },
        }


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, bool | int | float | str)
