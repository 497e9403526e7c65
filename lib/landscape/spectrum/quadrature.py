"""Spectral density of a symmetric operator by stochastic Lanczos quadrature."""

import numpy as np
import torch

from landscape import rng
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
    """Return the density (1/n) Σᵢ δ(λ − λᵢ) of a symmetric operator's eigenvalues.

    Each probe z, uniform on the unit sphere, gives by Lanczos with full reorthogonalisation the
    Gauss quadrature of its spectral measure Σᵢ ⟨z, vᵢ⟩² δ(λ − λᵢ): its moments 0 to 2 steps − 1
    are exact, and its mean over z is the density. A probe whose Krylov space is invariant gives its
    measure whole, with fewer nodes. If the nodes are all n distinct eigenvalues, the density is
    known: one probe is used, with weights 1/n.

    Known eigenpairs are taken out and contribute exactly 1/n each; probes and products are
    projected onto their complement. So outliers, of which a probe alone gets the weight wrong by
    its own size, are exact.

    Memory: (steps + 8) · n · 8 bytes, one basis at a time; 4 · steps for products in float32.

    Args:
        op: Symmetric operator of shape (n, n).
        probes: Random vectors, at least 1; each costs ``steps`` products.
        steps: Lanczos steps, at least 1.
        known: Converged eigenpairs of op with vectors, such as both ends.
        generator: CPU generator of the probes; None takes a fixed stream.

    Returns:
        Nodes and weights, with smooth densities, masses and moments. Ctrl-C after the first probe
        returns the probes that are done, ``interrupted`` true.

    Raises:
        ValueError: If a count is below 1, or ``known`` lacks vectors or did not converge.
        OperatorError: If a product is not finite, or products contradict symmetry.

    Reference: Golub and Meurant (2010), Matrices, Moments and Quadrature; Ghorbani, Krishnan and
        Xiao (2019), An Investigation into Neural Net Optimization via Hessian Eigenvalue Density.
    """
    if probes < 1 or steps < 1:
        raise ValueError(
            f"probes={probes}, steps={steps} give no density. Pass probes >= 1 and steps >= 1; "
            "2 probes of 80 steps show the spectrum of a network."
        )
    rest = Deflation(op, known)
    generator = generator or rng.stream(0, "density")
    before, interrupted = op.products, False
    rules: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    whole = rest.size == 0
    try:
        with Progress("density", probes * min(steps, rest.size)) as bar:
            while len(rules) < probes and not whole:
                rules.append(_rule(rest, min(steps, rest.size), generator, bar))
                whole = len(rules[-1][0]) == rest.size
    except KeyboardInterrupt:
        if not rules:
            raise
        interrupted = True
    if whole and rest.size:
        nodes, weights, tails = rules[-1]
        rules = [(nodes, np.full_like(weights, 1 / rest.size), np.zeros_like(tails))]
    nodes, weights, tails = _stack(rules)
    return Density(
        nodes=nodes,
        weights=weights,
        tails=tails,
        known=rest.values,
        known_residuals=rest.residuals,
        n=op.n,
        whole=whole,
        products=op.products - before,
        interrupted=interrupted,
    )


def _rule(
    rest: Deflation, steps: int, generator: torch.Generator, bar: Progress
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return nodes, weights and tails of one probe's quadrature."""
    krylov = Krylov(rest.operator, rest.draw(generator), generator, most=steps)
    while krylov.steps < steps and not krylov.exhausted:
        krylov.extend()
        bar.step()
    nodes, vectors, _ = krylov.ritz()
    krylov.check(float(np.abs(nodes).max()))
    vectors = vectors * np.where(vectors[0] < 0, -1.0, 1.0)
    tails = np.zeros(len(nodes)) if krylov.exhausted else krylov.coupling[0] @ vectors
    return nodes, vectors[0] ** 2, tails


def _stack(rules: list[tuple[np.ndarray, ...]]) -> tuple[torch.Tensor, ...]:
    """Return nodes, weights and tails as (probes, steps), short ones with weight 0 at the end."""
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
