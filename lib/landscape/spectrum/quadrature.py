"""Spectral density of a symmetric operator by stochastic Lanczos quadrature."""

from collections.abc import Sequence

import numpy as np
import torch

from landscape import arguments, rng
from landscape.operators import SymmetricOperator
from landscape.progress import Progress
from landscape.spectrum.deflation import Deflation
from landscape.spectrum.density import Density
from landscape.spectrum.krylov import Krylov
from landscape.spectrum.results import Eigenpairs


def density(
    op: SymmetricOperator,
    *,
    probes: int = 2,
    steps: int = 80,
    known: Eigenpairs | None = None,
    generator: torch.Generator | None = None,
) -> Density:
    """Estimate the density (1/n) Σᵢ δ(λ − λᵢ) of a symmetric operator's eigenvalues.

    Stochastic Lanczos quadrature: from each probe z, uniform on the unit sphere, Lanczos with full
    reorthogonalisation computes the Gauss quadrature of the spectral measure
    Σᵢ ⟨z, vᵢ⟩² δ(λ − λᵢ). The moments 0 to 2 steps − 1 of this measure are exact, and its mean over
    z is the density. A probe whose Krylov space is invariant gives its measure exactly, with fewer
    nodes. If the nodes are all n distinct eigenvalues, the density is exact: one probe is used, and
    all weights are 1/n.

    Known eigenpairs contribute exactly 1/n each; probes and products are projected onto their
    complement. So outliers are exact, while a probe alone would give them weights with errors as
    large as the weights.

    Memory: (steps + 8) · n · 8 bytes, one basis at a time; for products in float32, 4 bytes instead
    of 8 for each of the ``steps`` vectors.

    Args:
        op: Symmetric operator of shape (n, n).
        probes: Number of random vectors, at least 1; each costs ``steps`` products.
        steps: Number of Lanczos steps from each probe, at least 1.
        known: Converged eigenpairs of op with vectors, such as both ends; None if none are known.
        generator: CPU generator of the probes; None takes a fixed stream.

    Returns:
        Nodes and weights, which give smooth curves, masses and moments. Ctrl-C after the first
        probe returns the finished probes, with ``interrupted`` true.

    Raises:
        ValueError: If a count is below 1, or ``known`` belongs to another operator, lacks vectors
            or did not converge.
        OperatorError: If a product is not finite, or products contradict symmetry.

    Reference: Golub and Meurant (2010), Matrices, Moments and Quadrature; Ghorbani, Krishnan and
        Xiao (2019), An Investigation into Neural Net Optimization via Hessian Eigenvalue Density.

    Example:
        >>> import torch
        >>> from landscape import operators, spectrum
        >>> A = operators.from_matrix(torch.diag(torch.tensor([9.0, 4.0, 1.0, -2.0])))
        >>> density = spectrum.density(A)
        >>> density.whole, density.negative.value
        (True, 0.25)
        >>> [round(value, 6) for value in density.nodes[0].tolist()]
        [-2.0, 1.0, 4.0, 9.0]
    """
    arguments.check(density, locals())
    if probes < 1 or steps < 1:
        raise ValueError(
            f"probes={probes}, steps={steps} give no density. Pass probes >= 1 and steps >= 1; "
            "2 probes of 80 steps show the spectrum of a network."
        )
    complement = Deflation(op, known)
    generator = generator or rng.stream(0, "density")
    before, interrupted = op.products, False
    rules: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    whole = complement.size == 0
    try:
        with Progress("density", probes * min(steps, complement.size)) as bar:
            while len(rules) < probes and not whole:
                rules.append(_rule(complement, min(steps, complement.size), generator, bar))
                whole = len(rules[-1][0]) == complement.size
    except KeyboardInterrupt:
        if not rules:
            raise
        interrupted = True
    if whole and complement.size:
        # All eigenvalues are known, each once: the probe's own weights would only add noise.
        nodes, weights, tails = rules[-1]
        rules = [(nodes, np.full_like(weights, 1 / complement.size), np.zeros_like(tails))]
    nodes, weights, tails = _stack(rules)  # type: ignore[assignment]  # tensors from here on
    return Density(
        nodes=nodes,  # type: ignore[arg-type]  # a tensor
        weights=weights,  # type: ignore[arg-type]  # a tensor
        tails=tails,  # type: ignore[arg-type]  # a tensor
        known=complement.values,
        known_residuals=complement.residuals,
        n=op.n,
        whole=whole,
        products=op.products - before,
        interrupted=interrupted,
    )


def _rule(
    complement: Deflation, steps: int, generator: torch.Generator, bar: Progress
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return nodes, weights and tails of one probe's quadrature."""
    krylov = Krylov(complement.operator, complement.draw(generator), generator, max_basis=steps)
    while krylov.steps < steps and not krylov.exhausted:
        krylov.extend()
        bar.step()
    nodes, vectors, _ = krylov.ritz()
    krylov.check(float(np.abs(nodes).max()))
    # The sign of an eigenvector is arbitrary; a first component ≥ 0 fixes the signs of the tails.
    vectors = vectors * np.where(vectors[0] < 0, -1.0, 1.0)
    tails = np.zeros(len(nodes)) if krylov.exhausted else krylov.coupling[0] @ vectors
    return nodes, vectors[0] ** 2, tails


def _stack(rules: Sequence[tuple[np.ndarray, ...]]) -> tuple[torch.Tensor, ...]:
    """Return nodes, weights and tails as (probes, steps), padded with weights 0."""
    if not rules:
        return tuple(torch.zeros((0, 0), dtype=torch.float64) for _ in range(3))
    longest = max(len(nodes) for nodes, _, _ in rules)
    padded = [
        (
            np.pad(nodes, (0, longest - len(nodes)), mode="edge"),
            np.pad(weights, (0, longest - len(nodes))),
            np.pad(tails, (0, longest - len(nodes))),
        )
        for nodes, weights, tails in rules
    ]
    return tuple(torch.from_numpy(np.stack(part)) for part in zip(*padded, strict=True))
