"""Condition numbers of a spectrum, each with its definition."""

import dataclasses
import math
from typing import Literal

from landscape import arguments
from landscape.spectrum.results import ROUNDING, Eigenpairs

Over = Literal["lambda_min", "kth"]


@dataclasses.dataclass(frozen=True)
class ConditionNumber:
    """A ratio of two eigenvalues.

    Attributes:
        value: The ratio; infinite if the denominator is zero within its residual, NaN if the
            numerator is zero too.
        low: Lower end of the interval that the residuals of both eigenvalues allow.
        high: Upper end of that interval.
        definition: Numerator and denominator, such as "λ_max / |λ_min|".
        converged: Whether both eigenvalues converged.
    """

    value: float
    low: float
    high: float
    definition: str
    converged: bool


def condition_number(pairs: Eigenpairs, over: Over = "lambda_min") -> ConditionNumber:
    """Return a condition number from eigenpairs, with an interval from their residuals.

    ``lambda_min`` is λ_max / |λ_min| with the algebraic ends. For a positive definite operator this
    is the usual condition number. For an indefinite one it is the ratio of the strongest positive
    to the strongest negative curvature and says nothing about eigenvalues near 0. ``kth`` is
    λ_max / |λ_k|, the spread of the k largest eigenvalues.

    A Gauss-Newton matrix with more rows than examples times outputs has λ_min = 0 up to rounding,
    and so has the Hessian at a minimum of a network with continuous symmetries: take ``kth`` there.

    The interval assumes that the pairs are the extreme ones, as ``eigenpairs`` computes them.

    Args:
        pairs: Eigenpairs of both ends for ``lambda_min``; at least two of the largest for ``kth``.
        over: The denominator, ``lambda_min`` or ``kth``.

    Returns:
        The ratio, without unit.

    Raises:
        ValueError: If the definition is unknown, or the pairs do not hold its eigenvalues.

    Example:
        >>> import torch
        >>> from landscape import operators, spectrum
        >>> A = operators.from_matrix(torch.diag(torch.tensor([8.0, 4.0, 2.0])))
        >>> pairs = spectrum.eigenpairs(A, k=1, which="both ends")
        >>> round(spectrum.condition_number(pairs).value, 6)
        4.0
    """
    arguments.check(condition_number, locals())
    if over not in ("lambda_min", "kth"):
        raise ValueError(
            f"over={over!r} is not known. Pass 'lambda_min' (λ_max over |λ_min|) or 'kth' (λ_max "
            "over the k-th largest)."
        )
    if over == "lambda_min" and pairs.which != "both ends":
        raise ValueError(
            f"λ_max over |λ_min| needs both ends of the spectrum, and these are the {pairs.which}. "
            "Compute the eigenpairs with which='both ends'."
        )
    if over == "kth" and (pairs.which == "smallest" or pairs.k < 2):
        raise ValueError(
            f"λ_max over the k-th largest needs k >= 2 of the largest, and these are "
            f"k={pairs.k}, {pairs.which}. Compute the eigenpairs with k >= 2, which='largest'."
        )
    index = len(pairs) - 1 if over == "lambda_min" else pairs.k - 1
    top, bottom = (float(pairs.values[i]) for i in (0, index))
    # A measured residual can be below rounding; an eigenvalue of zero must still count as zero.
    rounding = ROUNDING * pairs.n**0.5 * float(pairs.values.abs().max())
    top_error, bottom_error = (max(float(pairs.residuals[i]), rounding) for i in (0, index))
    definition = "λ_max / |λ_min|" if over == "lambda_min" else f"λ_max / |λ_{pairs.k}|"
    converged = bool(pairs.converged[0] and pairs.converged[index])
    least, most = abs(bottom) - bottom_error, abs(bottom) + bottom_error
    if least > 0:
        ends = [(top + sign * top_error) / part for sign in (-1, 1) for part in (least, most)]
        return ConditionNumber(top / abs(bottom), min(ends), max(ends), definition, converged)
    if abs(top) <= top_error:
        return ConditionNumber(math.nan, -math.inf, math.inf, definition, converged)
    sign = math.copysign(1.0, top)
    nearest = (abs(top) - top_error) / most if most else math.inf
    low, high = sorted((sign * nearest, sign * math.inf))
    return ConditionNumber(sign * math.inf, low, high, definition, converged)
