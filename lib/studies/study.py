"""The record of one study: measurements, tables, verdicts and provenance, written as files."""

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
    """Collect the measurements of one study and write them as results files.

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
        self._rows: list[dict[str, Any]] = []
        self._tables: dict[str, list[dict[str, Any]]] = {}

    def add(self, quantity: str, value: float, **labels: Any) -> None:
        """Record one number.

        Args:
            quantity: Name of the quantity, such as ``lambda_max``.
            value: The number, in ``unit``. NaN and infinity are allowed: they say that a
                measurement failed.
            labels: Any of the other columns: ``arm``, ``seed``, ``unit``, ``error`` (in ``unit``),
                ``error_kind``, ``converged`` (True if not given), ``cost`` (in ``cost_unit``),
                ``cost_unit``, ``bn``, ``examples``, ``examples_hash``, ``dtype``, ``note``.

        Raises:
            ValueError: If a label is not a column.
        """
        unknown = sorted(set(labels) - set(COLUMNS))
        if unknown:
            raise ValueError(
                f"{quantity}: {', '.join(unknown)} is no column of measurements.csv. "
                f"Pass only {', '.join(COLUMNS[1:])}."
            )
        self._rows.append({"quantity": quantity, "value": float(value), **labels})

    def add_measurement(self, quantity: str, value: float, source: Any, **labels: Any) -> None:
        """Record one number with the labels that its source carries.

        Args:
            quantity: Name of the quantity.
            value: The number; see ``add``.
            source: A ``Measurement``, an ``Objective``, eigenpairs, ...: its attributes
                ``converged``, ``bn``, ``examples`` or ``num_examples``, ``examples_hash`` and
                ``dtype`` are recorded where it has them. ``converged`` may be a tensor: the number
                converged if all its entries are true.
            labels: Further columns; they replace labels of the source.

        Raises:
            ValueError: If a label is not a column.
        """
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
        """Return the paired difference of a quantity in two arms, first − second, over seeds.

        Args:
            quantity: Its recorded name.
            arms: The two arms, recorded in the same order of seeds.
            factor: Multiplies the values, such as 100 for a share in percentage points.

        Returns:
            Mean difference and 95% interval, in the unit of the quantity times ``factor``.

        Raises:
            KeyError: If an arm has no value.
            ValueError: If the arms have different numbers of values, or fewer than 2.
        """
        scaled = ([factor * value for value in self.values(quantity, arm)] for arm in arms)
        return paired_difference(*scaled)

    def ratio(
        self, quantity: str, arms: Sequence[str], *, sign: int = 1, confidence: float = 0.95
    ) -> Interval:
        """Return the paired ratio of a quantity in two arms, first / second, over seeds.

        Args:
            quantity: Its recorded name.
            arms: The two arms, recorded in the same order of seeds.
            sign: −1 for a quantity that is negative, such as λ_min: the ratio of magnitudes. A
                value of the other sign has no ratio and counts as invalid.
            confidence: Coverage of the interval, in (0, 1).

        Returns:
            Geometric mean ratio and its interval.

        Raises:
            KeyError: If an arm has no value.
            ValueError: If the arms have different numbers of values, or fewer than 2.
        """
        pair = ([sign * x for x in self.values(quantity, arm)] for arm in arms)
        return paired_ratio(*pair, confidence=confidence)

    def ratios(self, quantity: str, arms: Sequence[str]) -> list[float]:
        """Return the ratio first / second of each pair of values of two arms.

        Args:
            quantity: Its recorded name.
            arms: The two arms, recorded in the same order of seeds.

        Raises:
            KeyError: If an arm has no value.
            ValueError: If the arms have different numbers of values.
            ZeroDivisionError: If a value of the second arm is 0.
        """
        first, second = (self.values(quantity, arm) for arm in arms)
        return [a / b for a, b in zip(first, second, strict=True)]

    def values(self, quantity: str, arm: str) -> list[float]:
        """Return the recorded values of a quantity in one arm, in the order they were added.

        Args:
            quantity: Its recorded name.
            arm: The arm; None for numbers recorded without an arm.

        Raises:
            KeyError: If nothing was recorded.
        """
        values = [row["value"] for row in self._rows if self._is(row, quantity, arm)]
        if not values:
            arms = dict.fromkeys(str(row.get("arm")) for row in self._selected(quantity, None))
            recorded = f"in the arms {', '.join(arms)}" if arms else "in no arm"
            raise KeyError(f"no {quantity!r} of arm {arm!r} was recorded; it is {recorded}")
        return values

    def errors(self, quantity: str, arm: str) -> list[float]:
        """Return the errors recorded with ``values(quantity, arm)``, in the same order.

        Args:
            quantity: Its recorded name.
            arm: The arm.

        Returns:
            An error for each value, in its unit; NaN where none was recorded. Empty where the
            quantity was not recorded.
        """
        rows = (row for row in self._rows if self._is(row, quantity, arm))
        return [float(row.get("error", math.nan)) for row in rows]

    def largest_error(self, quantity: str, arms: Sequence[str] | None = None) -> float | None:
        """Return the largest error recorded with a quantity; None where none was recorded.

        Args:
            quantity: Its recorded name.
            arms: The arms to look at; None for all.
        """
        errors = [float(row["error"]) for row in self._selected(quantity, arms) if "error" in row]
        return max(errors) if errors else None

    def unit(self, quantity: str) -> str:
        """Return the unit that a quantity was recorded with, or an empty text."""
        units = [row.get("unit", "") for row in self._rows if row["quantity"] == quantity]
        return next(filter(None, units), "")  # Rows of runs that diverged have no unit.

    def converged(self, quantity: str, arms: Sequence[str] | None = None) -> bool:
        """Return whether every recorded value of a quantity converged and is finite.

        Args:
            quantity: Its recorded name.
            arms: The arms to look at; None for all.

        Returns:
            False also where nothing was recorded.
        """
        rows = self._selected(quantity, arms)
        return bool(rows) and not any(map(_failed, rows))

    def counts(self) -> tuple[int, int]:
        """Return how many numbers were recorded, and how many of them failed.

        A number failed if it did not converge or is not finite.
        """
        return len(self._rows), sum(self.failures().values())

    def failures(self) -> dict[str, int]:
        """Return quantity -> how many of its numbers failed, for the quantities with failures."""
        return dict(collections.Counter(row["quantity"] for row in self._rows if _failed(row)))

    def reasons(self, quantity: str) -> list[str]:
        """Return the notes of a quantity's failed numbers, each once.

        Notes that say that a run diverged are left out: ``diverged_count`` tells their number.
        """
        failed = filter(_failed, self._selected(quantity, None))
        notes = (str(row.get("note", "")) for row in failed)
        return [note for note in dict.fromkeys(notes) if note and "diverged" not in note]

    def diverged_count(self) -> int:
        """Return how many numbers failed because their run diverged."""
        failed = (row for row in self._rows if not row.get("converged", True))
        return sum("diverged" in str(row.get("note", "")) for row in failed)

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
        texts = {"measurements.csv": files.as_csv(self._rows, COLUMNS)}
        for name, rows in self._tables.items():
            texts[f"{name}.csv"] = files.as_csv(rows, tuple(rows[0]) if rows else ())
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

    def _selected(self, quantity: str, arms: Sequence[str] | None) -> list[dict[str, Any]]:
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
