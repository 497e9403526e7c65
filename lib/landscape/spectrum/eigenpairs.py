"""Extreme algebraic eigenvalues of a symmetric operator, with residuals."""

from typing import Literal

import torch

from landscape import arguments, rng
from landscape.operators import SymmetricOperator
from landscape.progress import Progress
from landscape.spectrum.krylov import Krylov
from landscape.spectrum.results import Eigenpairs, Which
from landscape.spectrum.search import EigenpairSearch, count_wanted


def eigenpairs(
    op: SymmetricOperator,
    k: int = 1,
    *,
    which: Which = "largest",
    tol: float = 1e-4,
    max_products: int = 400,
    max_basis: int | None = None,
    generator: torch.Generator | None = None,
    start: torch.Tensor | None = None,
    vectors: bool = False,
    verify: bool = False,
) -> Eigenpairs:
    """Compute the k largest or smallest *algebraic* eigenvalues, or both.

    Lanczos with full reorthogonalisation; both ends come from one Krylov space. The search stops
    when the residual bound of every wanted pair is at most ``tol`` times the spectral range. If the
    basis spans an invariant subspace first, a random orthogonal vector extends it, until no
    eigenvalue outside the basis can be among the wanted. So operators that are small or zero, or
    have few distinct eigenvalues, are solved completely.

    Repeated eigenvalues: a Krylov space of one vector holds one copy of each eigenvalue of a large
    operator. Further copies enter through rounding only, after about as many more products, so by
    default a repeated eigenvalue may be counted once. ``verify`` looks for further copies: a random
    vector orthogonal to the basis starts a second Krylov space, which grows until its outermost
    value has settled. If that value is not among the wanted, the search ends; if it is, it joins
    them and a third vector follows.

    Ctrl-C ends the search early and returns the best pairs so far, with ``interrupted`` true.

    Recurrences are float64. The basis is float64 too, or float32 if products are no more precise.
    A residual is the recurrence's residual plus the distance between recurrence and operator, which
    one last product measures.

    Memory: at most max_basis · n · 8 bytes for the basis, which grows with use (4 bytes instead of
    8 for products in float32), the wanted vectors, and about five more vectors (n,).

    Args:
        op: Symmetric operator A of shape (n, n).
        k: Number of eigenvalues wanted at each end, 1 to n.
        which: ``largest``, ``smallest`` or ``both ends``, all algebraic: never by magnitude.
        tol: Wanted residual relative to the spectral range, > 0. Below about 1e-6 products in
            float32 are the limit: the search ends early with ``converged`` false, whatever
            ``max_products``. Take an objective with ``dtype=torch.float64`` then.
        max_products: Largest number of products for the recurrence, at least the number of wanted
            pairs. When it is spent, pairs above ``tol`` return with ``converged`` false.
        max_basis: Largest number of basis vectors held at once. A full basis keeps its best vectors
            and drops the others (thick restart), which costs more products. None sets no limit
            besides ``max_products``.
        generator: CPU generator of the start vector; None takes a fixed stream.
        start: Start vector (n,) instead of a random one, such as an eigenvector of a nearby
            operator. Or a block (n, j), such as the ``vectors`` of earlier pairs, whose columns are
            summed: after j products the Krylov space of the sum holds all of them.
        vectors: Whether to return eigenvectors.
        verify: Whether to look for further copies of repeated eigenvalues.

    Returns:
        The pairs; for a Hessian, values and residuals are in loss per parameter².

    Raises:
        ValueError: If an argument is out of range.
        OperatorError: If a product is not finite, or products contradict symmetry.

    Reference: Parlett (1998), The Symmetric Eigenvalue Problem, chapter 13; Wu and Simon (2000),
        SIAM J. Matrix Anal. Appl. 22(2), 602-616.

    Example:
        >>> import torch
        >>> from landscape import operators, spectrum
        >>> A = operators.from_matrix(torch.diag(torch.tensor([9.0, 4.0, 1.0, -2.0])))
        >>> pairs = spectrum.eigenpairs(A, k=1, which="both ends")
        >>> [round(value, 6) for value in pairs.values.tolist()]
        [9.0, -2.0]
        >>> pairs.converged.tolist(), pairs.negative.tolist()
        ([True, True], [False, True])
    """
    arguments.check(eigenpairs, locals())
    start = start if start is None or start.dim() != 2 else start.double().sum(dim=1)
    _check(op, k, which, tol, max_products, start)
    max_vectors = min(op.n, max_products, op.n if max_basis is None else max_basis)
    _check_basis(op, k, which, max_basis, verify)
    before = op.products
    krylov = Krylov(op, start, generator or rng.stream(0, "eigenpairs"), max_basis=max_vectors)
    search = EigenpairSearch(op, krylov, k, which, tol)
    interrupted = False
    try:
        with Progress("eigenpairs", min(op.n, max_products)) as bar:
            search.run(before + max_products, bar, verify=verify)
    except KeyboardInterrupt:
        if not search.usable:
            raise
        interrupted = True
    pairs = search.finish(before, interrupted=interrupted, vectors=vectors)
    op.record_eigenvalues(pairs.values)
    return pairs


def _check(
    op: SymmetricOperator,
    k: int,
    which: Literal["largest", "smallest", "both ends"],
    tol: float,
    max_products: int,
    start: torch.Tensor | None,
) -> None:
    if which not in ("largest", "smallest", "both ends"):
        raise ValueError(
            f"which={which!r} is not known. Pass 'largest', 'smallest' or 'both ends' (algebraic: "
            "the largest magnitude can hide a negative eigenvalue)."
        )
    if k < 1 or not tol > 0 or max_products < 1:
        raise ValueError(
            f"k={k}, tol={tol}, max_products={max_products}: pass k >= 1, tol > 0 (1e-4 gives four "
            "digits of the spectral range) and max_products >= 1."
        )
    if k > op.n:
        raise ValueError(
            f"k={k} eigenvalues are more than an operator of shape {op.shape} has. "
            f"Pass k <= {op.n}."
        )
    if max_products < count_wanted(op, k, which):
        raise ValueError(
            f"max_products={max_products} cannot give k={k} eigenvalues at {which}. Pass at least "
            f"{count_wanted(op, k, which)}."
        )
    if start is not None and (tuple(start.shape) != (op.n,) or not float(start.norm()) > 0):
        raise ValueError(
            f"start has the shape {tuple(start.shape)} and norm {float(start.norm()):.3g}. "
            f"Pass a vector ({op.n},), or a block ({op.n}, j), whose sum is not zero."
        )


def _check_basis(
    op: SymmetricOperator, k: int, which: Which, max_basis: int | None, verify: bool
) -> None:
    wanted = count_wanted(op, k, which)
    need = min(op.n, (wanted + 3) * (2 if verify else 1))
    if max_basis is not None and max_basis < need:
        raise ValueError(
            f"max_basis={max_basis} leaves no room to search for {wanted} eigenvalues. Pass at "
            f"least {need}; about {4 * wanted + 20} costs few more products than no bound."
        )
