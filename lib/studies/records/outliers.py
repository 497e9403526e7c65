"""Count the outliers at the top of a Hessian's spectrum, and record the eigenvalues."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from landscape.spectrum.eigenpairs import eigenpairs
from landscape.spectrum.krylov import OperatorError
from landscape.spectrum.results import Eigenpairs

from studies.collection import Results
from studies.recorder import Part, Recorder
from studies.recording import Recording
from studies.records.geometry import fault, record_missing
from studies.records.numbers import missing_sentences
from studies.solutions import Solution, Solutions

# Neighbours within the bulk differ by up to this factor: a smaller one is no gap.
_MIN_GAP_FACTOR = 1.5


@dataclasses.dataclass(frozen=True)
class SpectralGap:
    """The largest gap between neighbours among the largest eigenvalues, by their ratio.

    Attributes:
        outliers: Number of eigenvalues above the gap; 0 where no eigenvalue is positive.
        factor: The eigenvalue above the gap over the one below; NaN where none is positive.
        converged: Whether all eigenvalues converged, and the gap is a factor of at least 1.5 and
            not the last of those seen: a larger gap may follow beyond the last eigenvalue.
    """

    outliers: int
    factor: float
    converged: bool


def largest_gap(pairs: Eigenpairs) -> SpectralGap:
    """Return the largest gap among the k largest eigenvalues, in their logarithms.

    A Hessian of a network trained on C classes has about C eigenvalues that stand out from a bulk.
    The gap between outliers and bulk is where neighbours differ by the largest factor. An
    eigenvalue below its residual is replaced by the residual: a value that cannot be told from 0
    makes no gap.

    Args:
        pairs: The largest eigenvalues, at least 3, such as twice the number of classes; of both
            ends the upper one counts.

    Returns:
        The gap.

    Raises:
        ValueError: If there are fewer than 3 of the largest.

    References: Sagun et al. (2017), Empirical Analysis of the Hessian of Over-Parametrized Neural
        Networks; Papyan (2018), The Full Spectrum of Deepnet Hessians at Scale.
    """
    if pairs.k < 3 or pairs.which == "smallest":
        raise ValueError(
            f"the {pairs.k} {pairs.which} eigenvalues show no gap behind the outliers. Pass at "
            "least 3 of the largest, such as twice the number of classes."
        )
    values, residuals = pairs.values[: pairs.k], pairs.residuals[: pairs.k]
    if not float(values[0]) > 0:
        return SpectralGap(0, float("nan"), False)
    # Also an exact 0 needs a positive stand-in, or its ratio to the neighbour is infinite.
    floor = torch.finfo(values.dtype).eps * values[0]
    positive = torch.maximum(values, residuals.clamp_min(floor))
    factors = positive[:-1] / positive[1:]
    index = int(factors.argmax())
    factor = float(factors[index])
    clear = factor >= _MIN_GAP_FACTOR and index + 1 < len(factors)
    return SpectralGap(index + 1, factor, clear and bool(pairs.converged[: pairs.k].all()))


def measure_outliers(recording: Recording, solutions: Solutions, *, k: int) -> Results[Eigenpairs]:
    """Count the outliers at the top of the Hessian's spectrum, and record them.

    ``outliers`` is the position of the largest gap among the k largest eigenvalues; its note gives
    the factor. See ``largest_gap``. The eigenvalues are kept in the table ``eigenvalues``.

    Args:
        recording: The record of the study.
        solutions: (arm, seed) -> network. Where there is none, a row says so.
        k: Eigenvalues to compute, at least 3: twice the number of classes, or more.

    Returns:
        The k largest eigenvalues of each network, without runs that diverged.

    Raises:
        ValueError: If k < 3.
    """
    requests = solutions.requests(lambda solution: _Counting(solution, k), k=k)
    parts = recording.step("outliers", requests)
    tops = {
        key: pairs_from(part)
        for key, part in zip(solutions, parts, strict=True)
        if part is not None and part.table("eigenvalues")
    }
    return Results(tops, missing=missing_sentences(parts, "the largest eigenvalues"))


class _Counting:
    """Records the largest eigenvalues of one network, and how many of them stand out."""

    def __init__(self, solution: Solution, k: int) -> None:
        self.solution, self.k = solution, k

    def __call__(self, recorder: Recorder) -> None:
        if self.solution.missing:
            record_missing(recorder, ["outliers"], note=self.solution.missing)
            return
        L = self.solution.objective
        try:
            pairs = recorder.store.remember(eigenpairs, L.hessian(L.theta), self.k)
        except OperatorError as error:  # Where all units died, products are rounding.
            record_missing(recorder, ["outliers"], note=fault(error), bn=L.bn)
            return
        gap = largest_gap(pairs)
        recorder.add_measurement(
            "outliers",
            gap.outliers,
            L,
            unit="eigenvalues",
            cost=pairs.products,
            cost_unit="products",
            converged=gap.converged,
            note=f"a factor of {gap.factor:.3g} to the next, among the {self.k} largest",
        )
        record_pairs(recorder, pairs)


def record_pairs(recorder: Recorder, pairs: Eigenpairs) -> None:
    """Record eigenvalues with residuals, and how they were computed, but no vectors.

    Args:
        recorder: Where to record.
        pairs: The eigenpairs.
    """
    columns = (pairs.values.tolist(), pairs.residuals.tolist(), pairs.converged.tolist())
    rows: Sequence[dict[str, Any]] = [
        {"index": index, "eigenvalue": value, "residual": residual, "converged": converged}
        for index, (value, residual, converged) in enumerate(zip(*columns, strict=True))
    ]
    recorder.table("eigenvalues", rows)
    search = {
        name: getattr(pairs, name)
        for name in ("which", "k", "tol", "spectral_range", "products", "dtype", "interrupted", "n")
    }
    recorder.table("searches", [search])


def pairs_from(part: Part) -> Eigenpairs:
    """Return the eigenpairs that ``record_pairs`` recorded, without vectors.

    Args:
        part: The entry of the record.
    """
    rows, (search,) = part.table("eigenvalues"), part.table("searches")
    values, residuals = (
        torch.tensor([row[name] for row in rows], dtype=torch.float64)
        for name in ("eigenvalue", "residual")
    )
    return Eigenpairs(
        values=values,
        residuals=residuals,
        converged=torch.tensor([row["converged"] for row in rows], dtype=torch.bool),
        **search,
    )
