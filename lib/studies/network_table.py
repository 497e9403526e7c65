"""One table of all networks that studies recorded: hyperparameters, outcome, geometry of the end.

It holds nothing new: each number is copied from the record of the study that measured it.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from studies.hyperparameters import HYPERPARAMETERS, STUDIES, hyperparameters
from studies.recorder import Rows

# Recorded quantity and statistics of normalisation, by column.
MEASURES = {
    "lambda_max": ("lambda_max", "frozen"),
    "lambda_max_batch": ("lambda_max", "batch"),
    "lambda_max_relative": ("lambda_max_relative", "frozen"),
    "trace": ("trace", "frozen"),
    "kappa": ("kappa", "frozen"),
    "sam": ("sam", "frozen"),
    "sam_batch": ("sam", "batch"),
    "sam_adaptive": ("sam_adaptive", "frozen"),
    "average_rise": ("average_rise", "frozen"),
    "basin_width": ("basin_width", "frozen"),
}
_OUTCOMES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
# A number of the whole network at its end carries none of these labels.
_PARTS = ("subset", "factor", "estimator", "target", "step", "pair", "path", "gain")
_LEARNED = 2.0  # times the accuracy of guessing
_EARLY = 0.5  # of training: the first test loss counts if it is measured by then


class Source(Protocol):
    """The record of a study, as far as the table needs it."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Parameters of the study."""

    @property
    def datasets(self) -> Mapping[str, Mapping[str, Any]]:
        """Data set -> its description."""

    def rows(self, table: str) -> Rows:
        """Return the rows of a table with their labels, and with entry and origin."""


def network_rows(sources: Mapping[str, Source]) -> Rows:
    """Return a row for each trained network, in the order of studies.

    A training run that several studies share is one network, with the numbers of all of them.
    Networks that did not learn, and runs that diverged, stay in the table.

    Args:
        sources: Study -> its record; a study without one is left out of the mapping.

    Returns:
        The rows. ``setting`` is the same for the seeds of one arm. What is not recorded is missing.

    Raises:
        ValueError: If a record gives a network two values of a number.
    """
    networks: dict[str, dict[str, Any]] = {}
    for study in STUDIES:
        if study in sources:
            for row in _of_study(study, sources[study]):
                former = networks.setdefault(row["network"], row)
                studies = dict.fromkeys([*former["studies"].split(), study])
                networks[row["network"]] = {
                    **row,
                    **former,
                    "studies": " ".join(studies),
                }
    return list(networks.values())


def columns_of(rows: Rows) -> dict[str, list[Any]]:
    """Return the columns of rows, None where a row has no cell."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _of_study(study: str, source: Source) -> Rows:
    uses: dict[str, Rows] = {}
    for use in source.rows("runs"):
        uses.setdefault(use["entry"], []).append(use)
    numbers = _numbers(study, source)
    curves: dict[str, Rows] = {}
    for point in source.rows("curves"):
        curves.setdefault(point["entry"], []).append(point)
    settings = _settings(study, uses, source.parameters)
    rows = []
    for entry, labels in uses.items():
        cases = [numbers.get((one["arm"], one["seed"]), {}) for one in labels]
        measured = {name: value for case in reversed(cases) for name, value in case.items()}
        if settings[entry] is None or not measured.keys() >= set(_OUTCOMES):
            continue
        first = labels[0]
        row = {"network": entry, "study": study, "studies": study, "arm": first["arm"]}
        row |= {"seed": first["seed"], **_known(settings[entry]), "setting": ""}
        row |= {"parameters": first["parameters"], "steps": first["steps"]}
        row |= _data(source, measured.pop("examples_hash", "")) | measured
        row |= _derived(row, curves.get(entry, []))
        row["setting"] = _setting(row)
        rows.append(row)
    return rows


def _settings(
    study: str, uses: Mapping[str, Rows], parameters: Mapping[str, Any]
) -> dict[str, dict[str, Any] | None]:
    """Return hyperparameters by run; a rate chosen on one seed is that of the arm's other seeds."""
    settings = {entry: hyperparameters(study, rows, parameters) for entry, rows in uses.items()}
    by_arm = {
        use["arm"]: settings[entry]
        for entry, rows in uses.items()
        for use in rows
        if settings[entry] is not None
    }
    return {
        entry: known or next((by_arm[u["arm"]] for u in uses[entry] if u["arm"] in by_arm), None)
        for entry, known in settings.items()
    }


def _numbers(study: str, source: Source) -> dict[tuple[Any, Any], dict[str, Any]]:
    """Return the numbers at the end of training by (arm, seed)."""
    columns = {key: name for name, key in MEASURES.items()}
    columns |= {(name, "frozen"): name for name in _OUTCOMES}
    cases: dict[tuple[Any, Any], dict[str, Any]] = {}
    usual = source.parameters.get("curvature_examples")
    for row in source.rows("measurements"):
        name = columns.get((row["quantity"], row.get("bn") or "frozen"))
        if name is None or row.get("at", "end") != "end" or not _whole(row):
            continue
        if name in MEASURES and row.get("examples", usual) != usual:
            continue  # A check on more examples.
        case = cases.setdefault((row.get("arm"), row.get("seed")), {})
        if name in case and not _same(case[name], row["value"]):
            raise ValueError(
                f"{study} records {name} of {row['arm']}, seed {row['seed']}, as {case[name]} and "
                f"as {row['value']}. Name the label that tells them apart in network_table._PARTS."
            )
        case[name] = row["value"]
        if name == "train_loss" and row.get("examples_hash"):
            case["examples_hash"] = row["examples_hash"]
        if name in MEASURES and not row.get("converged", True):
            case[f"{name}_converged"] = False
        if note := row.get("note"):
            case["diverged"] = case.get("diverged", False) or "diverged" in str(note)
    return cases


def _whole(row: Mapping[str, Any]) -> bool:
    return not any(row.get(name) not in (None, "") for name in _PARTS) and (
        row.get("directions") in (None, "", "random")
    )


def _same(first: float, second: float) -> bool:
    return first == second or (math.isnan(first) and math.isnan(second))


def _known(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (settings or {}).items() if value is not None}


def _data(source: Source, content: str) -> dict[str, Any]:
    """Return the data's name and hash, and the accuracy of guessing."""
    for name, known in source.datasets.items():
        if known["sha256"] == content:
            return {"data": name, "examples_hash": content, "classes": known["classes"]}
    return {"data": content[:8], "examples_hash": content}


def _derived(row: Mapping[str, Any], curve: Rows) -> dict[str, Any]:
    """Return test error, gaps, whether the network learned, and an early test loss."""
    derived = {
        "test_error": 1 - row["test_accuracy"],
        "error_gap": row["train_accuracy"] - row["test_accuracy"],
        "loss_gap": row["test_loss"] - row["train_loss"],
        "learned": row["test_accuracy"] > _LEARNED / row.get("classes", 10),
    }
    if row.get("norm", "none") != "batch":  # Nothing depends on the statistics of a batch.
        for name in ("lambda_max", "sam"):
            if name in row:
                derived.setdefault(f"{name}_batch", row.get(f"{name}_batch", row[name]))
    later = [point for point in curve if point["epoch"] > 0]
    if later and later[0]["epoch"] <= _EARLY * later[-1]["epoch"]:
        derived["early_test_loss"] = later[0]["test_loss"]
    return derived


def _setting(row: Mapping[str, Any]) -> str:
    """Return the data and all hyperparameters as one text: equal for the seeds of an arm."""
    return ", ".join(
        f"{name} {row[name]:g}" if isinstance(row[name], float) else f"{name} {row[name]}"
        for name in ("data", *HYPERPARAMETERS)
        if name in row
    )


def left_out(sources: Iterable[str]) -> list[str]:
    """Return the studies whose networks the table does not hold, of those that have records."""
    return sorted(set(sources) - set(STUDIES))
