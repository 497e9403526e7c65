"""Comparisons at equal training loss along the whole of training: recorded, and derived."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from studies import loss_curves
from studies.collection import Key
from studies.loss_curves import Levelled
from studies.measurements import Measurements
from studies.quantities import QUANTITIES
from studies.recorder import Recorder
from studies.recording import Recording, Request
from studies.records import instruments
from studies.records.numbers import labelled_numbers
from studies.solutions import Solutions

PLACE = "along training"


def along_training(
    recording: Recording,
    snapshots: Sequence[Solutions],
    quantities: Iterable[str],
    *,
    groups: Mapping[str, Sequence[str]],
    **options: Any,
) -> Measurements:
    """Measure quantities at snapshots of runs, and record what the arms have at one training loss.

    Final sharpness differs partly because final training losses differ. Along training each network
    has a curve of its curvature against its loss, whatever the schedule of the learning rate. The
    arms of one seed are compared by a regression on the logarithm of the loss
    (``loss_curves.levelled``), on the same examples and under the same statistics of normalisation.
    Recorded at ``along training`` are the values at one loss, and that loss as ``loss``. A number
    says why there is none: a run diverged, losses do not overlap, or too few snapshots are left.

    Args:
        recording: The record of the study.
        snapshots: The same networks at different steps, as ``Runs.solutions`` returns them.
        quantities: What to measure, as for ``instruments.measure``; ``loss`` is added.
        groups: Name -> arms that are compared with each other, at least two; an arm may be in
            several. The name is the column ``group`` of the values at one loss.
        options: Options of the instruments, such as ``rho``.

    Returns:
        The values at one loss.

    Raises:
        ValueError: If there are no snapshots, or not of the same networks.
    """
    wanted = [name for name in dict.fromkeys(quantities) if name != "loss"]
    if not snapshots or any(list(one) != list(snapshots[0]) for one in snapshots[1:]):
        raise ValueError(
            f"{len(snapshots)} snapshots of {[len(one) for one in snapshots]} networks make no "
            "curves. Pass the same runs at several steps: [runs.solutions(examples, step=step) for "
            "step in steps]."
        )
    snapshots = _without_diverged(snapshots)
    measured = [
        instruments.measure(recording, one, ["loss", *wanted], **options) for one in snapshots
    ]
    numbers = Measurements([row for one in measured for row in one.rows])
    bn = next((s.options.get("bn", "frozen") for s in snapshots[0].values()), "frozen")
    requests = []
    for group, arms in groups.items():
        keys = [key for key in snapshots[0] if key[0] in arms]
        for arm, seed in keys:
            together = [key for key in keys if key[1] == seed]
            requests.append(
                Request(
                    identity={
                        "at": [one[arm, seed].identity for one in snapshots],
                        "among": [[one[key].identity for one in snapshots] for key in together],
                        "quantities": wanted,
                        "options": dict(options),
                    },
                    labels={
                        "arm": str(arm),
                        **arm.factors,
                        "seed": seed,
                        "at": PLACE,
                        "group": group,
                    },
                    compute=_recording(numbers, (arm, seed), together, wanted, bn),
                    derived=True,
                )
            )
    parts = recording.step("along training", requests)
    missing = dict.fromkeys(sentence for one in measured for sentence in one.missing)
    return Measurements([], missing=list(missing)) | labelled_numbers(
        requests, parts, "values at equal loss"
    )


def _without_diverged(snapshots: Sequence[Solutions]) -> list[Solutions]:
    """Return the snapshots; a run that lacks one, since it diverged, has none of them.

    Shortly before it diverges, weights are finite and too large to measure.
    """
    reasons: dict[Key, str] = {}
    for one in snapshots:
        reasons |= one.missing
    return [
        Solutions(
            {
                key: dataclasses.replace(solution, missing=reasons.get(key, ""))
                for key, solution in one.items()
            }
        )
        for one in snapshots
    ]


def _recording(
    numbers: Measurements, key: Key, group: Sequence[Key], quantities: Sequence[str], bn: str
) -> Callable[[Recorder], None]:
    """Return what records the values of one network at the loss of its group."""

    def record(recorder: Recorder) -> None:
        place, losses = group.index(key), []
        for name in quantities:
            curves = loss_curves.from_numbers(numbers, name, bn=bn)
            asked = [curves[str(arm), seed] for arm, seed in group if (str(arm), seed) in curves]
            if len(asked) < len(group) or len(group) < 2:
                continue  # The record lacks the snapshots, and says so.
            level = loss_curves.levelled(asked)
            losses.append(level)
            _add(recorder, name, level.values[place], level, bn)
        if losses:
            _add(recorder, "loss", losses[0].loss, losses[0], bn)

    return record


def _add(recorder: Recorder, name: str, value: float, level: Levelled, bn: str) -> None:
    recorder.add(
        name,
        value,
        unit=QUANTITIES[name].unit,
        converged=level.converged,
        bn=bn,
        **({"note": level.reason} if level.reason else {}),
    )
