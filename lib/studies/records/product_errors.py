"""Record the errors of finite-difference Hessian products and the kinks that they cross."""

from collections.abc import Sequence

from studies.finite_differences import product_errors
from studies.quantities import QUANTITIES
from studies.recorder import Recorder
from studies.solutions import Solution


def errors(
    recorder: Recorder, solution: Solution, *, step_sizes: Sequence[float], directions: int
) -> None:
    """Record ``product_error``, ``product_norm``, ``switched_units`` and ``moved_maxima``.

    Each has a number for each step, in the column ``step_size``: the root mean square over the
    directions of errors and norms, and the mean over the directions of the kinks.

    Args:
        recorder: Where to record.
        solution: The network; the seed of its run is also that of the directions.
        step_sizes: Steps ε of the central differences.
        directions: Number of random directions; a column of the numbers.
    """
    L = solution.objective
    measured = recorder.store.remember(
        product_errors,
        L,
        L.theta,
        step_sizes=tuple(step_sizes),
        directions=directions,
        seed=solution.config.seed,
    )
    columns = {
        "product_error": measured.rms,
        "product_norm": [measured.rms_norm] * len(step_sizes),
        "switched_units": measured.switched.mean(1),
        "moved_maxima": measured.moved.mean(1),
    }
    for name, values in columns.items():
        for step, value in zip(measured.step_sizes, values, strict=True):
            recorder.add_measurement(
                name,
                float(value),
                measured,
                unit=QUANTITIES[name].unit,
                cost=measured.gradients,
                cost_unit="gradients",
                step_size=float(step),
                directions=directions,
            )
