"""Measure how far a network could go along its optimizer's own next step."""

from landscape.dynamics.updates import critical_sharpness, next_update

from studies.quantities import PER_PARAMETER
from studies.recorder import Recorder
from studies.records.geometry import record_missing
from studies.solutions import Solution


def sharpness(recorder: Recorder, solution: Solution) -> None:
    """Record ``critical_sharpness``: the curvature along the optimizer's own next step.

    The gradient of that step is the objective's own, under its statistics of normalisation.

    Args:
        recorder: Where to record.
        solution: The network, with the state of its optimizer.
    """
    L = solution.objective
    run = solution.recording.run(solution.config, solution.task)
    gradient = L.gradient(L.theta)
    update = next_update(run, gradient, L.theta, layout=L.layout, step=solution.step)
    if not float(update.norm()) > 0:
        record_missing(
            recorder, ["critical_sharpness"], note="the next step has no length", bn=L.bn
        )
        return
    result = recorder.store.remember(critical_sharpness, L, update, L.theta)
    recorder.add_measurement(
        "critical_sharpness",
        result.value,
        result,
        unit=PER_PARAMETER,
        error=result.error,
        error_kind="half of interval",
        cost=result.passes,
        cost_unit="passes",
        **({} if result.converged else {"note": "the loss has no critical step along the update"}),
    )
