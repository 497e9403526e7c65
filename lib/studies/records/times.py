"""Recorded times to target: epochs until each run reaches an accuracy or a loss."""

from collections.abc import Mapping
from typing import cast

from studies.durations import Duration
from studies.recorder import Part, Recorder
from studies.recording import Recording, Request
from studies.runs import RecordedRun, Runs
from studies.time_to_target import reach

# Quantity of the history, and the target: a share correct, or a loss in nats.
Target = tuple[str, float]


def measure_times(
    recording: Recording,
    runs: Runs,
    targets: Mapping[str, Target],
    *,
    beginnings: Runs | None = None,
) -> dict[str, dict[str, list[Duration]]]:
    """Record how many epochs each run takes to reach each target, as ``epochs_to_target``.

    A run that never reaches a target is recorded with the end of its plan and as not converged.
    Where all runs share one plan, rank correlations of the recorded values are valid: such runs
    are tied behind all others. The columns ``earliest`` and ``latest`` are the measurements on
    either side, in epochs; ``target`` names the target, ``history`` its quantity and ``level`` its
    value.

    Args:
        recording: The record of the study.
        runs: (arm, seed) -> run.
        targets: Name, such as ``97%`` -> quantity and target, as ``time_to_target.reach`` takes
            them.
        beginnings: (arm, seed) -> the beginning of the same run, measured more often. It replaces
            the run for each target that it reaches. None, or a missing key: the run alone counts.

    Returns:
        Name -> arm -> durations, in the order of seeds.

    Raises:
        ValueError: If a quantity or a target is one that ``reach`` refuses.
    """
    durations: dict[str, dict[str, list[Duration]]] = {name: {} for name in targets}
    for name, target in targets.items():
        requests = []
        for (arm, seed), run in runs.items():
            beginning = None if beginnings is None else beginnings.get((arm, seed))
            begun = None if beginning is None else beginning.identity
            requests.append(
                Request(
                    identity={"run": run.identity, "target": list(target), "beginning": begun},
                    labels={"arm": str(arm), **arm.factors, "seed": seed, "target": name},
                    compute=_Timing(run, beginning, target),
                    derived=True,
                )
            )
        parts = recording.step("times", requests)
        for (arm, _), part in zip(runs, parts, strict=True):
            durations[name].setdefault(arm, []).append(_duration(cast(Part, part)))
    return durations


class _Timing:
    """Records the epochs that one run takes to one target."""

    def __init__(self, run: RecordedRun, beginning: RecordedRun | None, target: Target) -> None:
        self.run, self.beginning, self.target = run, beginning, target

    def __call__(self, recorder: Recorder) -> None:
        duration, source = reach(self.run, *self.target), self.run
        if self.beginning is not None:
            finer = reach(self.beginning, *self.target)
            if finer.reached:
                duration, source = finer, self.beginning
        recorder.add(
            "epochs_to_target",
            duration.epochs,
            unit="epochs",
            error=duration.measurement_interval,
            error_kind="interval between measurements",
            converged=duration.reached,
            history=self.target[0],
            level=self.target[1],
            earliest=duration.earliest,
            latest=duration.latest,
            cost=source.steps,
            cost_unit="steps",
            bn="frozen",
            examples_hash=self.run.task.sha256,
            note=_note(source, duration),
        )


def _duration(part: Part) -> Duration:
    (row,) = part.measurements
    return Duration(row["value"], float(row["earliest"]), float(row["latest"]))


def _note(run: RecordedRun, duration: Duration) -> str:
    never = "" if duration.reached else f"never within {duration.epochs:g} epochs"
    diverged = "" if run.diverged_at is None else f"diverged at step {run.diverged_at}"
    return "; ".join(filter(None, [never, diverged]))
