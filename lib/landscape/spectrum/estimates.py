"""Trace and Frobenius norm of a symmetric operator, estimated to a requested standard error."""

import torch

from landscape import arguments, rng
from landscape.operators import SymmetricOperator
from landscape.progress import Progress
from landscape.spectrum.estimate import ErrorTarget, Estimate
from landscape.spectrum.probes import ProbeKind, ProbeSampling
from landscape.spectrum.results import Eigenpairs


def trace(
    op: SymmetricOperator,
    *,
    rtol: float = 0.01,
    atol: float = 0.0,
    max_products: int = 1000,
    max_basis: int = 200,
    probes: int | None = None,
    known: Eigenpairs | None = None,
    generator: torch.Generator | None = None,
) -> Estimate:
    """Estimate the trace of a symmetric operator without bias.

    A Lanczos basis Q of k steps holds the outliers, and tr QᵀAQ is exact. The trace of the
    remainder B = (I − QQᵀ) A (I − QQᵀ) is the mean over N random vectors z, uniform on the sphere
    of the complement, of d ⟨z, B z⟩ with d its dimension (Hutchinson 1989). Its variance,
    2 (‖B‖_F² − (tr B)² / d) / N for large d, is computed from ‖B z‖, with far less noise than from
    the spread of ⟨z, B z⟩. k grows as long as one more step saves more than one probe. N is planned
    from a few pilot probes, which do not enter the mean, so the mean stays unbiased. If N probes
    miss ``rtol``, more are drawn, which biases the mean by a small part of its standard error.

    Memory: at most (min(max_basis, 0.4 max_products) + 8) · n · 8 bytes.

    Args:
        op: Symmetric operator of shape (n, n).
        rtol: Wanted standard error relative to |trace|, ≥ 0. A trace near 0 never reaches it: give
            ``atol``.
        atol: Standard error that suffices whatever the trace, ≥ 0, in the operator's unit.
        max_products: Largest number of products, at least 32. When it is spent, a larger standard
            error returns with ``converged`` false.
        max_basis: Largest number of Lanczos vectors held at once, at least 1.
        probes: Fixed number N of probes, at least 2, with N/2 Lanczos steps, instead of ``rtol``
            and ``max_products``; the mean is then exactly unbiased. None reaches ``rtol``.
        known: Converged eigenpairs of op with vectors, whose part of the trace costs no product;
            None if none are known.
        generator: CPU generator of the probes; None takes a fixed stream.

    Returns:
        The estimate; for a Hessian, in loss per parameter². An operator with at most 32 rows, or
        with no more rows than an estimate would take products, is summed exactly. Ctrl-C returns
        the best estimate so far, with ``interrupted`` true.

    Raises:
        ValueError: If an argument is out of range, or ``known`` belongs to another operator, lacks
            vectors or did not converge.
        OperatorError: If a product is not finite, or products contradict symmetry.

    Reference: Chen and Hallman (2023), Krylov-Aware Stochastic Trace Estimation, SIAM J. Matrix
        Anal. Appl. 44(3), 1218-1244.

    Example:
        >>> import torch
        >>> from landscape import operators, spectrum
        >>> A = operators.from_matrix(torch.diag(torch.tensor([9.0, 4.0, 1.0, -2.0])))
        >>> estimate = spectrum.trace(A)
        >>> round(estimate.value, 6), estimate.converged
        (12.0, True)
    """
    arguments.check(trace, locals())
    error_target = ErrorTarget(rtol, atol, max_products, max_basis, probes)
    return _estimate("trace", op, error_target, known, generator)


def frobenius(
    op: SymmetricOperator,
    *,
    rtol: float = 0.01,
    atol: float = 0.0,
    max_products: int = 1000,
    max_basis: int = 200,
    probes: int | None = None,
    known: Eigenpairs | None = None,
    generator: torch.Generator | None = None,
) -> Estimate:
    """Estimate the Frobenius norm √Σ λᵢ² of a symmetric operator.

    The square is estimated without bias, as in ``trace``: exactly on a Lanczos basis, and on the
    complement of dimension d by E ‖B z‖² = ‖B‖_F² / d. The standard error of the norm is the
    standard error of the square over 2 ‖A‖_F.

    Args:
        op: Symmetric operator of shape (n, n).
        rtol: Wanted standard error relative to the norm, ≥ 0.
        atol: Standard error that suffices whatever the norm, ≥ 0, in the operator's unit.
        max_products: Largest number of products, at least 32. When it is spent, a larger standard
            error returns with ``converged`` false.
        max_basis: Largest number of Lanczos vectors held at once, at least 1.
        probes: Fixed number N of probes, at least 2, with N/2 Lanczos steps, instead of ``rtol``
            and ``max_products``. None reaches ``rtol``.
        known: Converged eigenpairs of op with vectors, whose part of the norm costs no product;
            None if none are known.
        generator: CPU generator of the probes; None takes a fixed stream.

    Returns:
        The estimate; for a Hessian, in loss per parameter². Small operators are summed exactly, as
        in ``trace``. Ctrl-C returns the best estimate so far, with ``interrupted`` true.

    Raises:
        ValueError: If an argument is out of range, or ``known`` belongs to another operator, lacks
            vectors or did not converge.
        OperatorError: If a product is not finite, or products contradict symmetry.

    Example:
        >>> import torch
        >>> from landscape import operators, spectrum
        >>> A = operators.from_matrix(torch.diag(torch.tensor([9.0, 4.0, 1.0, -2.0])))
        >>> round(spectrum.frobenius(A).value, 6)
        10.099505
    """
    arguments.check(frobenius, locals())
    error_target = ErrorTarget(rtol, atol, max_products, max_basis, probes)
    return _estimate("frobenius", op, error_target, known, generator)


def _estimate(
    kind: ProbeKind,
    op: SymmetricOperator,
    error_target: ErrorTarget,
    known: Eigenpairs | None,
    generator: torch.Generator | None,
) -> Estimate:
    interrupted = False
    sampling = ProbeSampling(kind, op, error_target, known, generator or rng.stream(0, kind))
    try:
        with Progress(kind, error_target.max_products) as sampling.bar:
            sampling.run()
    except KeyboardInterrupt:
        if not sampling.usable:
            raise
        interrupted = True
    return sampling.estimate(interrupted=interrupted)
