"""One study: it trains, measures, records, and reads its record."""

import functools
import gc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from landscape.data import Dataset
from landscape.data import load as load_data
from landscape.executor.choice import chosen
from landscape.store import provenance
from landscape.store.entries import Store

from studies import files, frames
from studies.measurements import Measurements
from studies.recording import NotRecordedError
from studies.steps import Steps
from studies.tasks import Task

PROFILES = ("smoke", "quick", "published", "paper")
PUBLISHED = "report/published/record"
_FOLDERS = ("data_dir", "build_dir", "remeasure", "folder")


class Study(Steps):
    """A study, whose steps are recorded: what its record holds is read, the rest is computed.

    The record lies in ``<build_dir>/<profile>/record/<name>``. Profile ``paper`` continues the
    record that the repository publishes, where it has none of its own. Profile ``published`` reads
    that one and computes nothing: what it lacks is listed as missing.

    Args:
        name: Name of the notebook, such as ``01_bn_ablation``.
        namespace: ``vars()`` of the notebook after its parameters cell. Its plain values (numbers,
            texts, booleans, None, and lists of them) become the parameters. It must hold
            ``profile``, ``data_dir`` and ``build_dir``; ``remeasure="stale"`` measures again what
            older code measured, ``"all"`` everything.

    Raises:
        ValueError: If ``profile``, ``data_dir`` or ``build_dir`` is missing, the profile is
            unknown, or ``remeasure`` is neither empty nor ``stale`` nor ``all``.
        RecordError: If the record cannot be used.

    Attributes:
        profile: ``smoke``, ``quick``, ``published`` or ``paper``.
        parameters: The study's parameters, without folders.
        data_dir: Folder of the data, absolute.
        evidence: Whether the numbers of this profile count as evidence.
    """

    def __init__(self, name: str, namespace: Mapping[str, Any]) -> None:
        given = plain_values(namespace)
        _check(name, given)
        search_less_for_garbage()
        self.profile = given["profile"]
        self.evidence = self.profile in ("published", "paper")
        build_dir = provenance.project_path(given["build_dir"])
        self.data_dir = provenance.project_path(given["data_dir"])
        self._folder = build_dir / self.profile
        target = self._folder / "record" / name
        published = self.profile == "published"
        # What is published need not be measured again: a paper run continues it.
        begun = self.profile == "paper" and not (target / "record.json").is_file()
        super().__init__(
            name,
            source=provenance.project_path(PUBLISHED) / name if published or begun else target,
            target=target,
            store=None if published else Store(build_dir / "store"),
            remeasure=given.get("remeasure", ""),
        )
        self.executor = chosen("studies") if self.live else None
        # The same study in other folders must write the same bytes.
        self.parameters = {key: value for key, value in given.items() if key not in _FOLDERS}
        _check_finite(name, self.parameters)
        if published:
            self._check_recorded()
        else:
            self.record.header |= {"profile": self.profile, "parameters": self.parameters}

    def load(self, dataset: str, **limits: Any) -> Task:
        """Return a data set: its content where anything may be computed, else what is recorded.

        Args:
            dataset: Name of the data set.
            limits: ``max_train`` and ``max_test``; see ``landscape.data.load``.

        Raises:
            NotRecordedError: If the record does not know the data set.
            FileNotFoundError: If there is no such data.
        """
        key = ", ".join([dataset, *(f"{name}={value}" for name, value in limits.items())])
        datasets = self.record.header.setdefault("datasets", {})
        if not self.live:
            if key not in datasets:
                raise NotRecordedError(
                    f"the record of {self.name} was not made on {key}, but on "
                    f"{', '.join(datasets) or 'no data'}. Measure it: {self._command()}"
                )
            known = datasets[key]
            return Task(
                dataset,
                known["sha256"],
                known["train"],
                known["test"],
                known["classes"],
                tuple(known["shape"]),
                self._no_data,
            )
        loaded = load_data(dataset, self.data_dir, **limits)
        task = Task(
            dataset,
            loaded.sha256,
            len(loaded.y_train),
            len(loaded.y_test),
            loaded.classes,
            loaded.shape,
            lambda: loaded,
        )
        datasets[key] = task.description()
        return task

    @property
    def measurements(self) -> Measurements:
        """All numbers that the study asked for so far."""
        return Measurements(self.record.rows("measurements"))

    def frame(self, table: str) -> pd.DataFrame:
        """Return a table of the record as a frame, with labels, entry and origin.

        Args:
            table: ``measurements``, or such as ``curves``.

        Raises:
            KeyError: If the record has no such table.
        """
        rows = self.record.rows(table)
        if not rows:
            raise KeyError(f"the record of {self.name} has no rows of a table {table!r}.")
        columns = tuple(dict.fromkeys(key for row in rows for key in row))
        return frames.tidy_frame(rows, columns)

    def close(self, title: str) -> None:
        """Write the record, and the provenance of the study.

        Args:
            title: Title of the study.
        """
        self.record.header["title"] = title
        self.set_aside_unasked()
        self.record.header = {
            key: self.record.header[key] for key in ("title", *sorted(self.record.header))
        }
        self.record.write()
        files.write(
            self._folder / "provenance" / f"{self.name}.json", files.as_json(self._provenance())
        )

    def _provenance(self) -> dict[str, Any]:
        commit, dirty = provenance.commit(Path(__file__).parent)
        asked = self.record.asked()
        origins = {self.record.part(entry).origin for entry in asked}
        return {
            "study": self.name,
            "profile": self.profile,
            "commit": commit,
            "dirty": dirty,
            "parameters": self.parameters,
            "seeds": self.parameters.get("seeds", []),
            **provenance.description(),
            "origins": {name: self.record.origins[name] for name in sorted(origins)},
            "entries": len(asked),
            "stale": len(self.stale),
            "missing": {kind: len(labels) for kind, labels in self.missing.items()},
            "compute_seconds": round(sum(self.record.seconds.values()), 3),
            "data": self.record.header.get("datasets", {}),
        }

    def _check_recorded(self) -> None:
        if not len(self.record):
            raise NotRecordedError(
                f"{PUBLISHED}/{self.name} holds no record. Restore it from its commit, or measure "
                f"the study: {self._command()}"
            )

    def _command(self) -> str:
        return f"make study STUDY={self.name} PROFILE=paper"

    def _no_data(self) -> Dataset:
        raise NotRecordedError(
            f"profile published reads no data. To compute on examples: {self._command()}"
        )


def plain_values(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain values of a notebook's namespace: its parameters.

    Args:
        namespace: ``vars()`` of the notebook after its parameters cell.
    """
    return {
        key: value
        for key, value in namespace.items()
        if not key.startswith("_") and _is_plain(value) and key not in ("In", "Out")
    }


@functools.cache
def search_less_for_garbage() -> None:
    """Leave modules, which live as long as the process, out of searches: a fifth of a study."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)


def _check(name: str, given: Mapping[str, Any]) -> None:
    missing = [key for key in ("profile", "data_dir", "build_dir") if key not in given]
    if missing or given["profile"] not in PROFILES:
        raise ValueError(
            f"study {name!r} got profile={given.get('profile')!r} and lacks "
            f"{missing or 'nothing'}. Give profile (one of {', '.join(PROFILES)}), data_dir and "
            "build_dir."
        )
    if given.get("remeasure", "") not in ("", "stale", "all"):
        raise ValueError(
            f"study {name!r} got remeasure={given['remeasure']!r}. Give 'stale' to measure again "
            "what older code measured, 'all' to measure everything again, or nothing."
        )


def _check_finite(name: str, parameters: Mapping[str, Any]) -> None:
    """Refuse now what the record could not hold after hours of measuring."""
    for key, value in parameters.items():
        try:
            files.as_json(value)
        except ValueError:
            raise ValueError(
                f"study {name!r} got {key}={value!r}. A parameter is finite; use None for no limit."
            ) from None


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, bool | int | float | str)
