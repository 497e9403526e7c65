"""A survey: outliers, lower end and density of one operator, as one result that can be stored."""

import dataclasses

import torch

from landscape import rng
from landscape.operators import SymmetricOperator
from landscape.spectrum.density import Density
from landscape.spectrum.eigenpairs import eigenpairs
from landscape.spectrum.quadrature import density
from landscape.spectrum.results import Eigenpairs


@dataclasses.dataclass(frozen=True)
class FullSpectrum:
    """What a spectrum looks like.

    Attributes:
        pairs: The largest eigenvalues and as many of the smallest, without vectors.
        density: The density of all eigenvalues; the converged pairs count exactly in it.
    """

    pairs: Eigenpairs
    density: Density

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended it early."""
        return self.pairs.interrupted or self.density.interrupted


def full_spectrum(
    op: SymmetricOperator,
    *,
    outliers: int = 10,
    tol: float = 1e-4,
    probes: int = 2,
    steps: int = 80,
    max_products: int = 400,
    seed: int = 0,
) -> FullSpectrum:
    """Return extreme eigenvalues at both ends and the density of all eigenvalues.

    The pairs that converged are taken out of the density, so that the random probes see the bulk
    alone and neither outliers nor moments depend on their luck.

    Args:
        op: Symmetric operator of shape (n, n).
        outliers: Eigenvalues at each end, at most n of them; networks have about as many outliers
            as classes.
        tol: Residual of the eigenvalues relative to the spectral range.
        probes: Random vectors of the density.
        steps: Lanczos steps of each.
        max_products: Products to spend on the eigenvalues.
        seed: Seed of start vector and probes.
    """
    found = eigenpairs(
        op,
        min(outliers, op.n),
        which="both ends",
        tol=tol,
        max_products=max_products,
        vectors=True,
        generator=rng.stream(seed, "survey", "eigenpairs"),
    )
    spread = density(
        op,
        probes=probes,
        steps=steps,
        known=_converged(found),
        generator=rng.stream(seed, "survey", "density"),
    )
    return FullSpectrum(dataclasses.replace(found, vectors=None), spread)


def _converged(pairs: Eigenpairs) -> Eigenpairs | None:
    kept = pairs.converged
    if not bool(kept.any()):
        return None
    return dataclasses.replace(
        pairs,
        values=pairs.values[kept],
        residuals=pairs.residuals[kept],
        converged=torch.ones(int(kept.sum()), dtype=torch.bool),
        vectors=pairs.vectors[:, kept],
    )
