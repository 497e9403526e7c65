"""Bounds that sources state, beside the measured values."""

import functools
import math

from landscape.theory.bounds import trace_bound

from studies.measurements import Measurements
from studies.recorder import Recorder
from studies.recording import Recording, Request
from studies.records.numbers import labelled_numbers
from studies.runs import RecordedRun, Runs


def measure_bounds(recording: Recording, runs: Runs, flatness: Measurements) -> Measurements:
    """Record ``trace_bound``: what a source says the trace of the Hessian is at most.

    The bound is ``theory.trace_bound`` with the training loss at the initialisation, 0 as the least
    loss, and the ``noise_trace`` measured at the end. The source names no constant C before the
    noise: ``trace_constant`` is the C with which the bound equals the measured ``trace``, negative
    where the bound holds without the noise. With momentum β the learning rate is η / (1 − β), the
    effective rate in the long run. Both are NaN for a run that diverged before its first step, or
    whose loss was not finite from the start.

    The source writes a bound of squared gradients beside a trace. So the unit of the bound is that
    of the gradient, squared, and C has the unit that is left of the trace.

    Args:
        recording: The record of the study.
        runs: (arm, seed) -> run.
        flatness: ``trace`` and ``noise_trace`` of the runs; a run without both has no bound.

    Returns:
        The numbers.

    Reference: study S2, theorem 1.
    """
    requests = []
    for (arm, seed), run in runs.items():
        noise, trace = (_number(flatness, name, arm, seed) for name in ("noise_trace", "trace"))
        if noise is None or trace is None:
            continue
        requests.append(
            Request(
                identity={"run": run.identity, "noise_trace": noise, "trace": trace},
                labels={"arm": str(arm), **arm.factors, "seed": seed, "at": "end"},
                compute=_Bounding(run, noise, trace),
                derived=True,
            )
        )
    numbers = labelled_numbers(requests, recording.step("bounds", requests), "bounds")
    absent = len(runs) - len(requests)
    numbers.missing += [f"trace or noise of {absent} of {len(runs)} networks"] if absent else []
    return numbers


class _Bounding:
    """Records the bound on the trace of one run."""

    def __init__(self, run: RecordedRun, noise: float, trace: float) -> None:
        self.run, self.noise, self.trace = run, noise, trace

    def __call__(self, recorder: Recorder) -> None:
        bound, constant = self._values()
        recorder.add("trace_bound", bound, unit="(nats per parameter)²")
        recorder.add("trace_constant", constant, unit="1 per nat")

    def _values(self) -> tuple[float, float]:
        run, config = self.run, self.run.config
        start = float(run.history["train_loss"][0])
        if not run.steps or not math.isfinite(start):
            return math.nan, math.nan
        momentum = getattr(config.optimizer, "momentum", 0.0)
        bound_of = functools.partial(
            trace_bound,
            start,
            learning_rate=config.optimizer.learning_rate / (1 - momentum),
            steps=run.steps,
            batch_size=config.batch_size,
        )
        rest = self.trace - bound_of(noise=0.0)
        constant = rest * config.batch_size / self.noise if self.noise else math.nan
        return bound_of(noise=self.noise), constant


def _number(numbers: Measurements, quantity: str, arm: str, seed: object) -> float | None:
    """Return the one number of a quantity, arm and seed; None if there is none."""
    rows = numbers.frame
    chosen = (rows["quantity"] == quantity) & (rows["arm"] == str(arm)) & (rows["seed"] == seed)
    values = rows.loc[chosen, "value"].tolist()
    return values[0] if values else None
