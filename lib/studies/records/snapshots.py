"""Records of means over snapshots: what a stretch of training has, and no single step decides."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from studies.collection import Key
from studies.measurements import Measurements
from studies.quantities import quantity
from studies.recorder import Recorder
from studies.recording import Recording, Request
from studies.records import instruments
from studies.records.numbers import labelled_numbers
from studies.solutions import Solutions

_KEPT = ("unit", "bn", "dtype", "examples", "examples_hash", "rho", "cost_unit")


def snapshot_means(
    recording: Recording,
    snapshots: Sequence[Solutions],
    quantities: Iterable[str],
    *,
    at: str,
    **options: Any,
) -> Measurements:
    """Measure quantities at several snapshots of each run, and record their means.

    At a constant learning rate the curvature of single steps scatters, and one spike may decide a
    comparison. The mean is geometric for quantities that are compared by ratios, and arithmetic for
    others, such as accuracies. Its error is the standard deviation over the snapshots, for a
    geometric mean of the logarithms and times the mean: how far a single step lies off. Snapshots
    of one run are not independent, so it is no error of the mean. A mean did not converge where a
    snapshot's number did not; a geometric mean is NaN where a number is not positive.

    Args:
        recording: The record of the study.
        snapshots: The same networks at different steps, at least two, as ``Runs.solutions`` returns
            them.
        quantities: What to measure, as for ``instruments.measure``.
        at: Name of the stretch, a column of the means, such as ``last epoch``.
        options: Options of the instruments, such as ``rho``.

    Returns:
        The means, quantity by quantity.

    Raises:
        ValueError: If there are fewer than two snapshots, or they are not of the same networks.
    """
    wanted = list(dict.fromkeys(quantities))
    if len(snapshots) < 2 or any(list(one) != list(snapshots[0]) for one in snapshots[1:]):
        raise ValueError(
            f"{len(snapshots)} snapshots of {[len(one) for one in snapshots]} networks have no "
            "mean for each network. Pass at least two, of the same runs: [runs.solutions(examples, "
            "step=step) for step in steps]."
        )
    measured = [instruments.measure(recording, one, wanted, **options) for one in snapshots]
    rows = [_by_network(numbers) for numbers in measured]
    requests = [
        _request([one[key] for one in rows], snapshots, key, wanted, at, options)
        for key in snapshots[0]
        if all(key in one for one in rows)
    ]
    numbers = labelled_numbers(requests, recording.step("snapshot means", requests), "means")
    missing = dict.fromkeys(sentence for one in measured for sentence in one.missing)
    return Measurements([], missing=list(missing)) | numbers.in_order(wanted)


def _request(
    measured: Sequence[Mapping[str, Mapping[str, Any]]],
    snapshots: Sequence[Solutions],
    key: Key,
    wanted: Sequence[str],
    at: str,
    options: Mapping[str, Any],
) -> Request:
    arm, seed = key
    values = {name: [one[name] for one in measured if name in one] for name in wanted}
    return Request(
        identity={
            "at": [one[key].identity for one in snapshots],
            "quantities": list(wanted),
            "options": dict(options),
        },
        labels={"arm": str(arm), **arm.factors, "seed": seed, "at": at},
        compute=_recording(values),
        derived=True,
    )


def _recording(values: Mapping[str, Sequence[Mapping[str, Any]]]) -> Callable[[Recorder], None]:
    """Return what records the means of the rows of each quantity."""

    def record(recorder: Recorder) -> None:
        for name, rows in values.items():
            numbers = np.array([row["value"] for row in rows], dtype=np.float64)
            mean, spread, note = _mean(numbers, geometric=quantity(name).log)
            known = all(row.get("converged", True) for row in rows) and math.isfinite(mean)
            cost = sum(row.get("cost", 0.0) for row in rows)
            kept = {column: rows[0][column] for column in _KEPT if rows[0].get(column) is not None}
            recorder.add(
                name,
                mean,
                error=spread,
                error_kind="spread over snapshots",
                converged=known,
                cost=cost,
                note=_first_note(rows) or note,
                **kept,
            )

    return record


def _mean(numbers: np.ndarray, *, geometric: bool) -> tuple[float, float, str]:
    """Return mean, standard deviation of a single snapshot, and why there is none."""
    if geometric and not (numbers > 0).all():
        count = int((~(numbers > 0)).sum())
        return math.nan, math.nan, f"{count} of {len(numbers)} snapshots are not positive"
    with np.errstate(invalid="ignore", over="ignore"):
        values = np.log(numbers) if geometric else numbers
        mean, spread = float(values.mean()), float(values.std(ddof=1))
        return (math.exp(mean), math.exp(mean) * spread, "") if geometric else (mean, spread, "")


def _first_note(rows: Sequence[Mapping[str, Any]]) -> str:
    return next((row["note"] for row in rows if row.get("note")), "")


def _by_network(numbers: Measurements) -> dict[tuple[str, Any], dict[str, Mapping[str, Any]]]:
    """Return (arm, seed) -> quantity -> its row."""
    rows: dict[tuple[str, Any], dict[str, Mapping[str, Any]]] = {}
    for row in numbers.rows:
        rows.setdefault((row["arm"], row["seed"]), {})[row["quantity"]] = row
    return rows
