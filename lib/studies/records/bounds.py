"""Records of bounds that sources state, beside the measured values."""

import functools
import math

from landscape.theory.bounds import trace_bound

from studies.arms import Runs, grouped
from studies.study import Study


def record_bounds(study: Study, runs: Runs) -> None:
    """Record ``trace_bound``: what a source says the trace of the Hessian is at most.

    The bound is ``theory.trace_bound`` with the training loss at the initialisation, 0 as the least
    loss, and the ``noise_trace`` recorded at the end (``flatness.record_flatness``). The source
    names no constant C before the noise: ``trace_constant`` is the C with which the bound equals
    the recorded ``trace``, negative where the bound holds without the noise. With momentum β the
    learning rate is η / (1 − β), the effective rate in the long run. Both are NaN for a run that
    diverged before its first step, or whose loss was not finite from the start.

    The source writes a bound of squared gradients beside a trace. So the unit of the bound is that
    of the gradient, squared, and C has the unit that is left of the trace.

    Args:
        study: Where ``trace`` and ``noise_trace`` were recorded, in the order of ``runs``, and
            where to record.
        runs: (arm, seed) -> run.

    Reference: study S2, theorem 1.
    """
    for arm, arm_runs in grouped(runs).items():
        measured = (study.values(name, arm) for name in ("noise_trace", "trace"))
        for noise, trace, run in zip(*measured, arm_runs, strict=True):
            bound = constant = math.nan
            if run.steps and math.isfinite(start := float(run.history["train_loss"][0])):
                config = run.config
                momentum = getattr(config.optimizer, "momentum", 0.0)
                bound_of = functools.partial(
                    trace_bound,
                    start,
                    learning_rate=config.optimizer.learning_rate / (1 - momentum),
                    steps=run.steps,
                    batch_size=config.batch_size,
                )
                bound = bound_of(noise=noise)
                rest = trace - bound_of(noise=0.0)
                constant = rest * config.batch_size / noise if noise else math.nan
            labels = {"arm": arm, "seed": run.config.seed}
            study.add("trace_bound", bound, unit="(nats per parameter)²", **labels)
            study.add("trace_constant", constant, unit="1 per nat", **labels)
