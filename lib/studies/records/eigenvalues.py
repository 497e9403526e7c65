"""Records of single eigenvalues and of values with an interval."""

from collections.abc import Mapping
from typing import Any

from landscape.objective import Objective
from landscape.spectrum.results import Eigenpairs

from studies.quantities import PER_PARAMETER
from studies.recorder import Recorder

# An eigenvalue counts as known if its residual is at most 5% of it. Convergence is judged against
# the spectral range, and one end of the spectrum may be a thousand times the other, as early in
# training: the small end may then have converged without a single known digit.
MAX_RELATIVE_RESIDUAL = 0.05


def record_eigenvalue(
    recorder: Recorder,
    quantity: str,
    pairs: Eigenpairs,
    index: int,
    objective: Objective,
    *,
    max_relative_residual: float = 1.0,
    **labels: Any,
) -> None:
    """Record one eigenvalue with its residual and the products that its computation used.

    An eigenvalue smaller than its residual has no known sign and is recorded as not converged. It
    occurs where the other end of the spectrum is much larger, since convergence is judged against
    the spectral range.

    Args:
        recorder: Where to record.
        quantity: Name to record under.
        pairs: The eigenpairs.
        index: Position of the eigenvalue among them.
        objective: Where it was measured: gives policy, examples and dtype.
        max_relative_residual: Largest residual relative to the eigenvalue itself; above it the
            eigenvalue is recorded as not converged.
        labels: Columns such as ``arm`` and ``seed``; ``unit`` is nats per parameter² unless given.
    """
    value, residual = float(pairs.values[index]), float(pairs.residuals[index])
    has_sign = abs(value) > residual or residual == 0
    known = has_sign and residual_is_small(pairs, index, limit=max_relative_residual)
    reason = "" if known else "known too roughly" if has_sign else "not told from 0"
    labels["note"] = joined_note(labels, reason)
    recorder.add_measurement(
        quantity,
        value,
        objective,
        error=residual,
        error_kind="residual",
        converged=known and bool(pairs.converged[index]),
        cost=pairs.products,
        cost_unit="products",
        **{"unit": PER_PARAMETER, **labels},
    )


def joined_note(labels: Mapping[str, Any], reason: str) -> str:
    """Return the note among the labels, if there is one, followed by a reason.

    Args:
        labels: Columns to record; only ``note`` is read.
        reason: What to add; empty adds nothing.
    """
    return "; ".join(filter(None, [labels.get("note", ""), reason]))


def record_interval(
    recorder: Recorder, quantity: str, interval: Any, objective: Objective, **labels: Any
) -> None:
    """Record a value with an interval; the recorded error is half of the interval's width.

    Args:
        recorder: Where to record.
        quantity: Name to record under.
        interval: A result with the attributes ``value``, ``low`` and ``high``.
        objective: Where it was measured: gives policy, examples and dtype.
        labels: Columns such as ``arm``, ``seed`` and ``cost``; ``error_kind`` is a 95% interval and
            ``cost_unit`` is products unless given.
    """
    half = (interval.high - interval.low) / 2
    defaults = {"error": half, "error_kind": "half of 95% interval", "cost_unit": "products"}
    recorder.add_measurement(quantity, interval.value, objective, **{**defaults, **labels})


def residual_is_small(
    pairs: Eigenpairs, *indices: int, limit: float = MAX_RELATIVE_RESIDUAL
) -> bool:
    """Whether the residuals of some eigenvalues are at most a share of the eigenvalues themselves.

    Args:
        pairs: The eigenpairs.
        indices: Positions among them.
        limit: The share, 5% by default.
    """
    return all(float(pairs.residuals[i]) <= limit * abs(float(pairs.values[i])) for i in indices)
