"""Measure condition numbers: of the Gauss-Newton matrix on its range, and of the layers."""

from typing import Any

from landscape.objective import Objective
from landscape.spectrum.gauss_newton import GGNSpectrum, RangeSpectrum, ggn_spectrum
from landscape.theory.conditioning import layers_condition

from studies.recorder import Recorder
from studies.solutions import Solution

MAX_RELATIVE_ERROR = 0.05


def on_range(recorder: Recorder, L: Objective) -> None:
    """Record ``kappa_ggn`` and ``kappa_jacobian``, exact condition numbers on the range.

    The first is of the Gauss-Newton matrix, the second of the same matrix without the loss's second
    derivatives, (1/N) Σ JᵀJ. Where rounding hides the smallest eigenvalue by more than 5%, the
    number is a lower bound, about 1 / (2 r eps) for r eigenvalues: it did not converge, and its
    note says so.

    Args:
        recorder: Where to record.
        L: The objective, measured at its own theta.
    """
    spectrum = recorder.store.remember(ggn_spectrum, L, L.theta)
    _record(recorder, "kappa_ggn", spectrum, spectrum)
    _record(recorder, "kappa_jacobian", spectrum.jacobian, spectrum)


def of_layers(recorder: Recorder, solution: Solution) -> None:
    """Record ``layers_condition``, a source's lower bound of the condition number.

    Args:
        recorder: Where to record.
        solution: The network.
    """
    product = recorder.store.remember(layers_condition, solution.model())
    recorder.add("layers_condition", product, dtype="float64")


def _record(recorder: Recorder, name: str, of_matrix: RangeSpectrum, source: GGNSpectrum) -> None:
    columns: dict[str, Any] = {"cost": source.passes, "cost_unit": "passes"}
    count, unresolved = len(of_matrix.values), of_matrix.unresolved
    known = not unresolved and of_matrix.error <= MAX_RELATIVE_ERROR * of_matrix.condition
    if known:
        columns |= {"error": of_matrix.error, "error_kind": "rounding"}
    else:
        hidden = f"{unresolved} of {count} eigenvalues" if unresolved else "the smallest eigenvalue"
        columns["note"] = f"a lower bound: rounding hides {hidden}"
    value = of_matrix.condition if known else of_matrix.at_least
    recorder.add_measurement(name, value, source, unit="", converged=known, **columns)
