"""Measure how flat the surroundings of a solution are: trace, average rise, gradient noise."""

import dataclasses

from landscape.dynamics.gradient_noise import gradient_noise
from landscape.dynamics.stability import is_adaptive, preconditioner
from landscape.objective import Objective
from landscape.sharpness.average import average_case
from landscape.spectrum import estimates
from landscape.spectrum.eigenpairs import eigenpairs
from landscape.spectrum.exact_trace.exact import exact_trace
from landscape.spectrum.krylov import OperatorError

from studies.quantities import PER_PARAMETER
from studies.recorder import Recorder
from studies.records.eigenvalues import record_eigenvalue
from studies.records.geometry import fault, record_missing
from studies.solutions import Solution


def trace(recorder: Recorder, L: Objective, *, trace_rtol: float = 0.02) -> None:
    """Record ``trace`` and ``mean_eigenvalue`` of the Hessian, in nats per parameter².

    The trace is exact where the network is piecewise linear in each parameter and the statistics of
    normalisation are fixed (``spectrum.exact_trace``); elsewhere it is estimated, with its standard
    error. The mean eigenvalue is the trace over the number of parameters.

    Args:
        recorder: Where to record.
        L: The objective, measured at its own theta.
        trace_rtol: Relative standard error of the trace where it is estimated.
    """
    try:
        result = recorder.store.remember(exact_trace, L, L.theta)
        error, kind = result.error, "rounding"
        cost, cost_unit = result.passes, "passes"
    except ValueError:  # The network, or its BN policy, has no exact trace.
        result = recorder.store.remember(estimates.trace, L.hessian(L.theta), rtol=trace_rtol)
        error, kind = result.stderr, "standard error"
        cost, cost_unit = result.products, "products"
    for name, count in (("trace", 1), ("mean_eigenvalue", L.n)):
        recorder.add_measurement(
            name,
            result.value / count,
            L,
            unit=PER_PARAMETER,
            error=error / count,
            error_kind=kind,
            converged=result.converged,
            cost=cost,
            cost_unit=cost_unit,
        )


def average_rise(
    recorder: Recorder, solution: Solution, *, rho: float, rise_rtol: float = 0.05
) -> None:
    """Record ``average_rise``: the mean rise of the loss over random perturbations, in nats.

    Args:
        recorder: Where to record.
        solution: The network; its run's seed also seeds the perturbations.
        rho: Length of the perturbations, in parameter units, > 0.
        rise_rtol: Relative standard error of the mean.
    """
    L, seed = solution.objective, solution.config.seed
    rise = recorder.store.remember(average_case, L, L.theta, rho=rho, rtol=rise_rtol, seed=seed)
    recorder.add_measurement(
        "average_rise",
        rise.value,
        rise,
        error=rise.stderr,
        error_kind="standard error",
        cost=rise.passes,
        cost_unit="passes",
        unit="nats",
        rho=rho,
    )


def noise(recorder: Recorder, L: Objective) -> None:
    """Record ``noise_trace`` and ``noise_scale`` of the gradient.

    The first is the trace of the covariance of the examples' gradients; the second is that trace
    over the squared gradient, in examples. See ``gradient_noise.gradient_noise``.

    Args:
        recorder: Where to record.
        L: The objective, measured at its own theta.

    Raises:
        ValueError: If the objective has the policy ``batch``, under which single examples have no
            gradients.
    """
    result = recorder.store.remember(gradient_noise, L, L.theta)
    shared = {"error_kind": "standard error", "cost": result.passes, "cost_unit": "passes"}
    # Nothing in the trace is iterated or divided: it holds wherever it is finite. `converged` of
    # the result is about the scale, whose denominator may be lost in the noise.
    recorder.add_measurement(
        "noise_trace",
        result.trace,
        result,
        error=result.trace_stderr,
        unit="(nats per parameter)²",
        converged=True,
        **shared,
    )
    recorder.add_measurement(
        "noise_scale",
        result.scale,
        result,
        error=result.scale_stderr,
        unit="examples",
        note="" if result.converged else "the gradient is lost in its noise",
        **shared,
    )


def preconditioned_top(recorder: Recorder, solution: Solution) -> None:
    """Record ``lambda_max_preconditioned``: the largest eigenvalue of P⁻¹H, P as Adam divides by.

    Args:
        recorder: Where to record.
        solution: The network of an adaptive optimizer's run.

    Raises:
        ValueError: If the optimizer divides by no scale of each parameter, or none is known.
    """
    optimizer = solution.config.optimizer
    if not is_adaptive(optimizer):
        raise ValueError(
            f"{type(optimizer).__name__} does not divide its steps by a scale of each parameter, "
            "so its lambda_max_preconditioned is lambda_max. Choose the runs of adaptive "
            "optimizers with where() first."
        )
    L, run = solution.objective, solution.recording.run(solution.config, solution.task)
    scaled = L.hessian(L.theta).scaled(preconditioner(run, step=solution.step))
    name = "lambda_max_preconditioned"
    try:
        pairs = recorder.store.remember(eigenpairs, scaled)
    except OperatorError as error:  # Where all units died, products are rounding.
        record_missing(recorder, [name], note=fault(error), bn=L.bn)
        return
    record_eigenvalue(recorder, name, pairs, 0, L, unit="1 per parameter")


def loss_change(recorder: Recorder, solution: Solution) -> None:
    """Record ``loss_change``: what rounding changes in the loss of a reparametrized twin, in nats.

    A twin computes the function of the network that it was made from, so the two losses differ by
    rounding alone.

    Args:
        recorder: Where to record.
        solution: A twin, as ``Solutions.rescaled`` returns it.

    Raises:
        ValueError: If the network is no twin.

    Reference: Dinh et al. (2017), Sharp Minima Can Generalize For Deep Nets, ICML.
    """
    if solution.twin is None:
        raise ValueError(
            "the network is no reparametrized twin, so there is no loss to compare with. Measure "
            "loss_change on solutions.rescaled(layer, factor)."
        )
    twin, original = solution.objective, dataclasses.replace(solution, twin=None).objective
    change = abs(twin.loss(twin.theta) - original.loss(original.theta))
    recorder.add_measurement("loss_change", change, twin, unit="nats", cost=2, cost_unit="passes")
