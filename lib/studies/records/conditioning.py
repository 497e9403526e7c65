"""Measure condition numbers: of the Gauss-Newton matrix on its range, and of the layers."""

from typing import Any

import torch
from landscape.objective import Objective
from landscape.spectrum.gauss_newton import GGNSpectrum, RangeSpectrum, ggn_spectrum
from landscape.theory.conditioning import layers_condition

from studies.recorder import Recorder
from studies.solutions import Solution


def on_range(recorder: Recorder, L: Objective) -> None:
    """Record ``kappa_ggn`` and ``kappa_jacobian``, exact condition numbers on the range.

    The first is of the Gauss-Newton matrix, the second of the same matrix without the loss's second
    derivatives, (1/N) Σ JᵀJ. Where eigenvalues cannot be told from 0, the number is what rounding
    allows to say at least, 1 / (r eps) for r eigenvalues; it did not converge, and its note counts
    them.

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
    recorder.add("layers_condition", layers_condition(solution.model()), dtype="float64")


def _record(recorder: Recorder, name: str, of_matrix: RangeSpectrum, source: GGNSpectrum) -> None:
    columns: dict[str, Any] = {"cost": source.passes, "cost_unit": "passes"}
    value, count = of_matrix.condition, len(of_matrix.values)
    if of_matrix.unresolved:
        value = max(value, 1 / (count * torch.finfo(torch.float64).eps))
        columns["note"] = f"{of_matrix.unresolved} of {count} eigenvalues cannot be told from 0"
    else:
        columns |= {"error": of_matrix.error, "error_kind": "rounding"}
    recorder.add_measurement(
        name, value, source, unit="", converged=not of_matrix.unresolved, **columns
    )
