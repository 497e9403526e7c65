"""What a study leaves behind: tidy results files, its verdicts, and where they come from."""

import collections
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from landscape.data import Dataset
from landscape.store import provenance
from landscape.store.entries import Store

from studies import files
from studies.claims import Verdict
from studies.intervals import Interval, paired_difference, paired_ratio

PROFILES = ("smoke", "quick", "paper")

COLUMNS = (
    "quantity",
    "arm",
    "seed",
    "value",
    "unit",
    "error",
    "error_kind",
    "converged",
    "cost",
    "cost_unit",
    "bn",
    "examples",
    "examples_hash",
    "dtype",
    "note",
)


class Study:
    """Collects the measurements of one study and writes them.

    Results files hold nothing but results: the same commit, parameters and machine write the same
    bytes. Times and hardware go to a provenance file beside them.

    Args:
        name: The notebook's name, such as ``01_bn_ablation``.
        namespace: ``vars()`` of the notebook after its parameters cell: the plain values in it are
            the parameters. Needs ``profile``, ``data_dir`` and ``build_dir``.

    Raises:
        ValueError: If one of the three is missing or the profile is unknown.

    Attributes:
        parameters: The study's parameters.
        store: The store of runs and measurements.
        data_dir: Folder of the data, absolute.
        evidence: Whether this profile's verdicts count.
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
        # Where the folders lie is no part of what was studied.
        self.parameters = {
            key: value for key, value in plain.items() if key not in ("data_dir", "build_dir")
        }
        self._rows: list[dict[str, Any]] = []
        self._tables: dict[str, list[dict[str, Any]]] = {}

    def add(self, quantity: str, value: float, **labels: Any) -> None:
        """Record one number.

        Args:
            quantity: Its name in the glossary, such as ``lambda_max``.
            value: The number; NaN and infinity are written as such.
            labels: Any of the other columns: ``arm``, ``seed``, ``unit``, ``error``,
                ``error_kind``, ``converged``, ``cost``, ``cost_unit``, ``bn``, ``examples``,
                ``examples_hash``, ``dtype``, ``note``.

        Raises:
            ValueError: If a label is no column.
        """
        unknown = sorted(set(labels) - set(COLUMNS))
        if unknown:
            raise ValueError(
                f"{quantity}: {', '.join(unknown)} is no column of measurements.csv. "
                f"Allowed: {', '.join(COLUMNS[1:])}."
            )
        self._rows.append({"quantity": quantity, "value": float(value), **labels})

    def add_measurement(self, quantity: str, value: float, source: Any, **labels: Any) -> None:
        """Record one number with what its measurement carries: policy, examples, hash, dtype."""
        carried = {
            column: getattr(source, name)
            for column, name in (
                ("converged", "converged"),
                ("bn", "bn"),
                ("examples", "examples"),
                ("examples", "num_examples"),
                ("examples_hash", "examples_hash"),
                ("dtype", "dtype"),
            )
            if hasattr(source, name)
        }
        if "dtype" in carried:
            carried["dtype"] = str(carried["dtype"]).removeprefix("torch.")
        if "converged" in carried:
            carried["converged"] = bool(torch.as_tensor(carried["converged"]).all())
        self.add(quantity, value, **{**carried, **labels})

    def difference(self, quantity: str, arms: Sequence[str], *, factor: float = 1.0) -> Interval:
        """Return the paired difference of two arms, first minus second, times a factor."""
        scaled = ([factor * value for value in self.values(quantity, arm)] for arm in arms)
        return paired_difference(*scaled)

    def ratio(
        self, quantity: str, arms: Sequence[str], *, sign: int = 1, confidence: float = 0.95
    ) -> Interval:
        """Return the paired ratio of two arms, first over second; sign -1 is for negative values.

        Values of the other sign have no ratio and count as invalid.
        """
        pair = ([sign * x for x in self.values(quantity, arm)] for arm in arms)
        return paired_ratio(*pair, confidence=confidence)

    def ratios(self, quantity: str, arms: Sequence[str]) -> list[float]:
        """Return the ratios of two arms, first over second, one by one in the order recorded."""
        first, second = (self.values(quantity, arm) for arm in arms)
        return [a / b for a, b in zip(first, second, strict=True)]

    def values(self, quantity: str, arm: str) -> list[float]:
        """Return the recorded values of a quantity in one arm, in the order they were added.

        Raises:
            KeyError: If there is none.
        """
        found = [row["value"] for row in self._rows if self._is(row, quantity, arm)]
        if not found:
            arms = dict.fromkeys(str(row.get("arm")) for row in self._of(quantity, None))
            known = f"of the arms {', '.join(arms)}" if arms else "of no arm"
            raise KeyError(f"no {quantity!r} of arm {arm!r} was recorded; it is {known}")
        return found

    def errors(self, quantity: str, arm: str) -> list[float]:
        """Return the errors recorded with the values of a quantity in one arm; NaN without one."""
        rows = (row for row in self._rows if self._is(row, quantity, arm))
        return [float(row.get("error", math.nan)) for row in rows]

    def largest_error(self, quantity: str, arms: Sequence[str] | None = None) -> float | None:
        """Return the largest error recorded with a quantity, in some arms; None where none was."""
        errors = [float(row["error"]) for row in self._of(quantity, arms) if "error" in row]
        return max(errors) if errors else None

    def unit(self, quantity: str) -> str:
        """Return the unit that a quantity was recorded with, or an empty text."""
        units = [row.get("unit", "") for row in self._rows if row["quantity"] == quantity]
        return next(filter(None, units), "")  # Rows of what is missing have none.

    def converged(self, quantity: str, arms: Sequence[str] | None = None) -> bool:
        """Whether every recorded value of a quantity, in some arms, converged and is finite."""
        rows = self._of(quantity, arms)
        return bool(rows) and not any(map(_failed, rows))

    def counts(self) -> tuple[int, int]:
        """Return how many numbers were recorded and how many of them failed or are not finite."""
        return len(self._rows), sum(self.failures().values())

    def failures(self) -> dict[str, int]:
        """Return how many numbers of each quantity failed or are not finite, where some did."""
        return dict(collections.Counter(row["quantity"] for row in self._rows if _failed(row)))

    def reasons(self, quantity: str) -> list[str]:
        """Return why numbers of a quantity failed, each reason once; not that runs diverged."""
        failed = filter(_failed, self._of(quantity, None))
        notes = (str(row.get("note", "")) for row in failed)
        return [note for note in dict.fromkeys(notes) if note and "diverged" not in note]

    def lost(self) -> int:
        """Return how many of the failed numbers are those of runs that diverged."""
        failed = (row for row in self._rows if not row.get("converged", True))
        return sum("diverged" in str(row.get("note", "")) for row in failed)

    def table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Record rows for the results file ``<name>.csv``, such as the points of a curve.

        Raises:
            ValueError: If that file is another's: ``measurements``.
        """
        if name == "measurements":
            raise ValueError(
                "the table 'measurements' is the one that add() writes. Choose another name."
            )
        self._tables.setdefault(name, []).extend(dict(row) for row in rows)

    def write(
        self, title: str, verdicts: Sequence[Verdict], datasets: Sequence[Dataset]
    ) -> list[str]:
        """Write the results files and the provenance; return the names of the files.

        Args:
            title: The study's title.
            verdicts: Its verdicts.
            datasets: The data it used.
        """
        folder = self._folder / "results" / self.name
        folder.mkdir(parents=True, exist_ok=True)
        texts = {"measurements.csv": files.as_csv(self._rows, COLUMNS)}
        for name, rows in self._tables.items():
            texts[f"{name}.csv"] = files.as_csv(rows, tuple(rows[0]) if rows else ())
        judged = [files.claim_entry(verdict) for verdict in verdicts]
        texts["claims.json"] = files.as_json(
            {
                "study": self.name,
                "title": title,
                "profile": self.profile,
                "evidence": self.evidence,
                "claims": judged,
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
                # A study may use several sizes of one data set.
                f"{dataset.name} ({len(dataset.y_train):,})": {
                    "sha256": dataset.sha256,
                    "train": len(dataset.y_train),
                    "test": len(dataset.y_test),
                }
                for dataset in datasets
            },
        }

    def _of(self, quantity: str, arms: Sequence[str] | None) -> list[dict[str, Any]]:
        return [
            row
            for row in self._rows
            if row["quantity"] == quantity and (arms is None or row.get("arm") in arms)
        ]

    @staticmethod
    def _is(row: Mapping[str, Any], quantity: str, arm: str) -> bool:
        return row["quantity"] == quantity and row.get("arm") == arm


def _failed(row: Mapping[str, Any]) -> bool:
    return not row.get("converged", True) or not math.isfinite(row["value"])


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, bool | int | float | str)
