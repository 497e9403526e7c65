"""Instruments: which function measures which quantities at a solution, and with which options."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from studies.measurements import Measurements
from studies.recorder import Recorder
from studies.recording import Recording
from studies.records import (
    conditioning,
    critical,
    dynamics,
    flatness,
    geometry,
    product_errors,
    published,
    top_space,
)
from studies.records.numbers import labelled_numbers
from studies.solutions import Solution, Solutions


@dataclasses.dataclass(frozen=True)
class Instrument:
    """A function that measures some quantities at one solution.

    Attributes:
        quantities: What it records.
        measure: Takes the recorder, the solution, and its options.
        options: Names of its options.
        required: Those without a default.
        columns: Option -> the column of the numbers that holds it.
    """

    quantities: tuple[str, ...]
    measure: Callable[..., None]
    options: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)


def _at_objective(function: Callable[..., None]) -> Callable[..., None]:
    """Return an instrument's function that takes the solution in place of its objective."""

    def measure(recorder: Recorder, solution: Solution, **options: Any) -> None:
        function(recorder, solution.objective, **options)

    return measure


def _losses(recorder: Recorder, solution: Solution, *, split: str) -> None:
    examples = solution.task.train if split == "train" else solution.task.test
    on_split = solution.objective.replace(examples=examples.tensors, bn="frozen")
    geometry.losses(recorder, on_split, split=split)


INSTRUMENTS = {
    "ends": Instrument(
        ("lambda_max", "lambda_min", "kappa"), _at_objective(geometry.ends), ("max_basis",)
    ),
    "top": Instrument(("lambda_max",), _at_objective(geometry.top), ("tol", "max_basis")),
    "relative": Instrument(
        ("lambda_max_relative",), _at_objective(geometry.relative_top), ("max_basis",)
    ),
    # Two entries of one computation: former records have the rise alone.
    "sam": Instrument(("sam",), _at_objective(geometry.rise), ("rho",), ("rho",), {"rho": "rho"}),
    "slope": Instrument(
        ("gradient_norm", "loss"), _at_objective(geometry.slope), ("rho",), ("rho",)
    ),
    "symmetric": Instrument(
        ("sam_symmetric",),
        _at_objective(geometry.symmetric_rise),
        ("rho",),
        ("rho",),
        {"rho": "rho"},
    ),
    "adaptive": Instrument(
        ("sam_adaptive",),
        _at_objective(geometry.adaptive_rise),
        ("rho_adaptive",),
        ("rho_adaptive",),
        {"rho_adaptive": "rho"},
    ),
    "average rise": Instrument(
        ("average_rise",), flatness.average_rise, ("rho", "rise_rtol"), ("rho",), {"rho": "rho"}
    ),
    "trace": Instrument(
        ("trace", "mean_eigenvalue"), _at_objective(flatness.trace), ("trace_rtol",)
    ),
    "noise": Instrument(("noise_trace", "noise_scale"), _at_objective(flatness.noise)),
    "preconditioned": Instrument(("lambda_max_preconditioned",), flatness.preconditioned_top),
    "rounding": Instrument(("rounding",), _at_objective(geometry.rounding)),
    "Gauss-Newton": Instrument(
        ("kappa_ggn", "kappa_jacobian"), _at_objective(conditioning.on_range)
    ),
    "layers": Instrument(("layers_condition",), conditioning.of_layers),
    "loss change": Instrument(("loss_change",), flatness.loss_change),
    "critical sharpness": Instrument(("critical_sharpness",), critical.sharpness),
    "top space": Instrument(
        ("top_share", "top_noise_share", "top_chance"),
        top_space.shares,
        ("k", "top_batch", "noise_batches"),
        ("k", "top_batch"),
        {"k": "k"},
    ),
    "descent": Instrument(
        ("descent_loss", "descent_fall"),
        top_space.descent,
        ("part", "k", "top_batch", "descent_rate", "descent_steps", "refresh"),
        ("part", "k", "top_batch", "descent_rate", "descent_steps", "refresh"),
        {"part": "part", "k": "k"},
    ),
    "threshold": Instrument(("threshold",), dynamics.stability_threshold),
    "train losses": Instrument(
        ("train_accuracy", "train_loss"), functools.partial(_losses, split="train")
    ),
    "test losses": Instrument(
        ("test_accuracy", "test_loss"), functools.partial(_losses, split="test")
    ),
    "product errors": Instrument(
        ("product_error", "product_norm", "switched_units", "moved_maxima"),
        product_errors.errors,
        ("step_sizes", "directions"),
        ("step_sizes", "directions"),
        {"directions": "directions"},
    ),
    # What the sources used, with its defects.
    "power iteration": Instrument(
        ("power_iteration",),
        published.power_iteration,
        ("iterations",),
        ("iterations",),
        {"iterations": "iterations"},
    ),
    "coarse range": Instrument(
        ("coarse_range",),
        published.coarse_range,
        ("coarse_points",),
        ("coarse_points",),
        {"coarse_points": "coarse_points"},
    ),
    "ritz values": Instrument(
        ("ritz_max", "ritz_min", "ritz_negative"),
        published.ritz_values,
        ("lanczos_steps", "step_size"),
        ("lanczos_steps", "step_size"),
        {"lanczos_steps": "lanczos_steps", "step_size": "step_size"},
    ),
}


def measure(
    recording: Recording, solutions: Solutions, quantities: Iterable[str], **options: Any
) -> Measurements:
    """Measure quantities at solutions, and record them; each instrument's numbers are an entry.

    Args:
        recording: The record of the study.
        solutions: (arm, seed) -> solution. Where there is no network, rows say so.
        quantities: Names of quantities, such as ``lambda_max`` and ``sam``. Quantities of one
            instrument come together: λ_max alone is measured by ``top``, with λ_min by ``ends``.
        options: Options of the instruments, such as ``rho``.

    Returns:
        The numbers, quantity by quantity, in the order of the solutions.

    Raises:
        ValueError: If nothing measures a quantity, an option is unknown or missing, or the
            networks are those of another study.
    """
    if any(solution.recording is not recording for solution in solutions.values()):
        raise ValueError(
            f"networks of another study cannot be recorded by {recording.name}. Train them here: "
            "study.train(...)"
        )
    wanted = list(dict.fromkeys(quantities))
    chosen = _chosen(wanted, options)
    numbers = Measurements([])
    for name, instrument in chosen.items():
        given = {key: value for key, value in options.items() if key in instrument.options}
        measuring = functools.partial(_Measuring, instrument, options=given)
        requests = solutions.requests(measuring, instrument=name, options=given)
        parts = recording.step("measurements", requests)
        numbers |= labelled_numbers(requests, parts, ", ".join(instrument.quantities))
    return numbers.in_order(wanted)


def _chosen(wanted: list[str], options: Mapping[str, Any]) -> dict[str, Instrument]:
    """Return the fewest instruments, in their order, that measure the wanted quantities."""
    ends = "lambda_min" in wanted or "kappa" in wanted
    chosen = {
        name: instrument
        for name, instrument in INSTRUMENTS.items()
        if set(instrument.quantities) & set(wanted) and name != ("top" if ends else "ends")
    }
    measured = {quantity for instrument in chosen.values() for quantity in instrument.quantities}
    if unknown := [name for name in wanted if name not in measured]:
        known = sorted({q for instrument in INSTRUMENTS.values() for q in instrument.quantities})
        raise ValueError(
            f"nothing measures {unknown[0]!r} at a solution. Ask for {', '.join(known)}."
        )
    taken = {option for instrument in chosen.values() for option in instrument.options}
    if extra := [name for name in options if name not in taken]:
        raise ValueError(
            f"{extra[0]!r} is no option of {', '.join(chosen)}. Pass only "
            f"{', '.join(sorted(taken)) or 'quantities'}."
        )
    required = {option for instrument in chosen.values() for option in instrument.required}
    if lacking := sorted(required - options.keys()):
        raise ValueError(f"{', '.join(chosen)} need {lacking[0]!r}. Pass {lacking[0]}=...")
    return chosen


class _Measuring:
    """Measures one solution by one instrument, or records that there is no network."""

    def __init__(
        self, instrument: Instrument, solution: Solution, options: Mapping[str, Any]
    ) -> None:
        self.instrument, self.solution, self.options = instrument, solution, options

    def __call__(self, recorder: Recorder) -> None:
        if self.solution.missing:
            options = self.instrument.columns.items()
            geometry.record_missing(
                recorder,
                self.instrument.quantities,
                note=self.solution.missing,
                # Policy and options choose rows: a network that is not there must not drop out.
                bn=self.solution.options.get("bn", "frozen"),
                **{column: self.options[name] for name, column in options if name in self.options},
            )
        else:
            self.instrument.measure(recorder, self.solution, **self.options)
