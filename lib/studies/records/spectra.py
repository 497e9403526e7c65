"""Whole spectra of Hessians: extreme eigenvalues and density, both kept so that they are drawn."""

import functools
from collections.abc import Mapping
from typing import Any

import torch
from landscape.objective import Objective
from landscape.spectrum.conditioning import condition_number
from landscape.spectrum.density import Density
from landscape.spectrum.krylov import OperatorError
from landscape.spectrum.survey import FullSpectrum
from landscape.spectrum.survey import full_spectrum as whole_spectrum

from studies.collection import Results
from studies.recorder import Part, Recorder
from studies.recording import Recording
from studies.records.eigenvalues import record_eigenvalue, record_interval
from studies.records.geometry import fault, record_missing
from studies.records.numbers import missing_sentences
from studies.records.outliers import pairs_from, record_pairs
from studies.solutions import Solution, Solutions

# Tells these numbers from those of searches for one eigenvalue, or two.
ESTIMATOR = "whole spectrum"
_MOST_PRODUCTS = 400  # As of ``spectrum.full_spectrum``.
_QUANTITIES = ("lambda_max", "lambda_kth", "lambda_min", "kappa", "negative_mass")


Spectra = Results[FullSpectrum]


def measure_spectra(
    recording: Recording,
    solutions: Solutions,
    *,
    outliers: int,
    probes: int,
    steps: int,
    max_products: int = _MOST_PRODUCTS,
) -> Spectra:
    """Measure the whole spectra of Hessians, and record them.

    Recorded are, in nats per parameter² where nothing else is said, with ``whole spectrum`` in the
    column ``estimator``:

    - ``lambda_max``, ``lambda_kth`` and ``lambda_min``: the largest, the ``outliers``-th largest
      and the smallest eigenvalue. Residuals are at most 1e-4 of the spectral range, 1e-3 under
      batch statistics.
    - ``kappa``: λ_max / |λ_min|.
    - ``negative_mass``: the share of eigenvalues below −δ, with δ a thousandth of the largest
      magnitude.

    The eigenvalues go to the table ``eigenvalues``, the quadrature to ``densities``. The trace is
    a quantity of ``measure``.

    Args:
        recording: The record of the study.
        solutions: (arm, seed) -> network. Where there is none, rows say so. An arm is a kind of
            Hessian: the same networks may stand under several, each with its BN policy.
        outliers: Eigenvalues to compute at each end.
        probes: Random vectors of the density.
        steps: Lanczos steps of each random vector.
        max_products: Most products of the search for the eigenvalues; it holds as many vectors.

    Returns:
        The extreme eigenvalues and the density of each network, without runs that diverged and
        without those whose density the record lacks.
    """
    options = {"outliers": outliers, "probes": probes, "steps": steps}
    if max_products != _MOST_PRODUCTS:  # Entries of earlier records do not name it.
        options["max_products"] = max_products
    parts: dict[str, list[Part | None]] = {}
    # Two entries: a record may have the numbers alone, and lack the curves.
    for kind in ("spectra", "densities"):
        surveying = functools.partial(_Surveying, kind=kind, options=options)
        parts[kind] = recording.step(kind, solutions.requests(surveying, options=options))
    items = {
        key: FullSpectrum(pairs_from(spectrum), _density(density))
        for key, spectrum, density in zip(solutions, *parts.values(), strict=True)
        if spectrum is not None and density is not None and density.tables
    }
    missing = missing_sentences(parts["spectra"], "the eigenvalues")
    return Results(items, missing=missing + missing_sentences(parts["densities"], "the density"))


class _Surveying:
    """Records the numbers of one network's spectrum, or its density."""

    def __init__(self, solution: Solution, kind: str, options: Mapping[str, int]) -> None:
        self.solution, self.kind, self.options = solution, kind, options

    def __call__(self, recorder: Recorder) -> None:
        if self.solution.missing:
            if self.kind == "spectra":
                note = self.solution.missing
                record_missing(recorder, _QUANTITIES, note=note, estimator=ESTIMATOR)
            return
        L = self.solution.objective
        # Derivatives of batch statistics are sums over all examples and their places: in float32
        # their rounding alone is a few 1e-4 of the spectral range.
        try:
            spectrum = recorder.store.remember(
                whole_spectrum,
                L.hessian(L.theta),
                tol=1e-3 if L.bn == "batch" else 1e-4,
                seed=self.solution.config.seed,
                **self.options,
            )
        except OperatorError as error:  # Where all units died, products are rounding.
            if self.kind == "spectra":
                record_missing(recorder, _QUANTITIES, note=fault(error), estimator=ESTIMATOR)
            return
        if self.kind == "spectra":
            _record_numbers(recorder, spectrum, L, self.options["outliers"])
            record_pairs(recorder, spectrum.pairs)
        else:
            _record_density(recorder, spectrum.density)


def _record_numbers(
    recorder: Recorder, spectrum: FullSpectrum, L: Objective, outliers: int
) -> None:
    pairs = spectrum.pairs
    columns: dict[str, Any] = {"estimator": ESTIMATOR}
    for name, index in (("lambda_max", 0), ("lambda_kth", outliers - 1), ("lambda_min", -1)):
        record_eigenvalue(recorder, name, pairs, index, L, **columns)
    kappa = condition_number(pairs)
    record_interval(
        recorder,
        "kappa",
        kappa,
        L,
        cost=pairs.products,
        converged=kappa.converged,
        error_kind="half of interval",
        **columns,
    )
    record_interval(
        recorder,
        "negative_mass",
        spectrum.density.negative,
        L,
        unit="share",
        cost=spectrum.density.products,
        converged=not spectrum.interrupted,
        **columns,
    )


def _record_density(recorder: Recorder, density: Density) -> None:
    """Record the quadrature, and the known eigenvalues that stand beside it."""
    quadrature = zip(density.nodes, density.weights, density.tails, strict=True)
    rows: list[dict[str, Any]] = [
        {"probe": probe, "node": node, "weight": weight, "tail": tail}
        for probe, columns in enumerate(quadrature)
        for node, weight, tail in zip(*(column.tolist() for column in columns), strict=True)
    ]
    known = zip(density.known.tolist(), density.known_residuals.tolist(), strict=True)
    rows += [{"known": value, "known_residual": residual} for value, residual in known]
    recorder.table("densities", rows)
    search = {
        name: getattr(density, name) for name in ("n", "whole", "products", "dtype", "interrupted")
    }
    recorder.table("searches", [search])


def _density(part: Part) -> Density:
    """Return the density that an entry of the record holds."""
    rows, (search,) = part.table("densities"), part.table("searches")
    quadrature = [row for row in rows if "node" in row]
    probes = max((row["probe"] for row in quadrature), default=-1) + 1
    shape = (probes, len(quadrature) // max(probes, 1))
    nodes, weights, tails = (
        torch.tensor([row[name] for row in quadrature], dtype=torch.float64).reshape(shape)
        for name in ("node", "weight", "tail")
    )
    known, residuals = (
        torch.tensor([row[name] for row in rows if name in row], dtype=torch.float64)
        for name in ("known", "known_residual")
    )
    return Density(nodes, weights, tails, known, residuals, **search)
