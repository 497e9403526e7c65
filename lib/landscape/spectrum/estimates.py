"""Trace and Frobenius norm of a symmetric operator, to a requested standard error."""

import torch

from landscape import rng
from landscape.operators import SymmetricOperator
from landscape.progress import Progress
from landscape.spectrum.estimate import Estimate
from landscape.spectrum.probes import ErrorTarget, ProbeKind, ProbeSampling
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
    """Return the trace of a symmetric operator, estimated without bias.

    A Lanczos basis Q of k steps holds the outliers: tr QᵀAQ is exact. What is left,
    B = (I − QQᵀ) A (I − QQᵀ), is estimated by N random vectors z, uniform on the sphere of the
    complement (Hutchinson 1989), and ‖B z‖ gives the variance 2 (‖B‖_F² − (tr B)² / d) / N with far
    less noise than the spread of ⟨z, B z⟩. k grows as long as a step saves more than one probe; N
    is planned from a few probes that are not in the mean, so that it stays unbiased. If N fall
    short of ``rtol``, more are drawn, which biases by a small part of the standard error.

    Memory: (min(max_basis, 0.4 max_products) + 8) · n · 8 bytes at most.

    Args:
        op: Symmetric operator of shape (n, n).
        rtol: Standard error wanted, relative to |trace|. A trace near 0 never reaches one: give
            ``atol``.
        atol: Standard error that is enough in any case.
        max_products: Products to spend; what is reached then has ``converged`` false.
        max_basis: Lanczos vectors held at most.
        probes: N, at least 2, with N/2 Lanczos steps, instead of ``rtol`` and ``max_products``:
            exactly unbiased.
        known: Converged eigenpairs of op with vectors, taken out at no cost.
        generator: CPU generator; None takes a fixed stream.

    Returns:
        The estimate; for a Hessian, in loss per parameter². An operator with at most 32 rows, or
        no more than the products it would take, is summed exactly. Ctrl-C returns the best so far,
        ``interrupted`` true.

    Raises:
        ValueError: If an argument is out of range, or ``known`` lacks vectors or did not converge.
        OperatorError: If a product is not finite, or products contradict symmetry.

    Reference: Chen and Hallman (2023), Krylov-Aware Stochastic Trace Estimation, SIAM J. Matrix
        Anal. Appl. 44(3), 1218-1244.
    """
    wish = ErrorTarget(rtol, atol, max_products, max_basis, probes)
    return _estimate("trace", op, wish, known, generator)


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
    """Return the Frobenius norm √Σ λᵢ² of a symmetric operator.

    Its square is estimated without bias, as ``trace`` is: exactly on a Lanczos basis, and on the
    complement by E ‖B z‖² = ‖B‖_F² / d; the standard error is that of the square over 2 ‖A‖_F.

    Args and Raises: as for ``trace``.

    Returns:
        The estimate; for a Hessian, in loss per parameter².
    """
    wish = ErrorTarget(rtol, atol, max_products, max_basis, probes)
    return _estimate("frobenius", op, wish, known, generator)


def _estimate(
    kind: ProbeKind,
    op: SymmetricOperator,
    wish: ErrorTarget,
    known: Eigenpairs | None,
    generator: torch.Generator | None,
) -> Estimate:
    interrupted = False
    sampling = ProbeSampling(kind, op, wish, known, generator or rng.stream(0, kind))
    try:
        with Progress(kind, wish.max_products) as sampling.bar:
            sampling.run()
    except KeyboardInterrupt:
        if not sampling.usable:
            raise
        interrupted = True
    return sampling.estimate(interrupted=interrupted)
