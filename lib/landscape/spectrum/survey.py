"""The full spectrum of an operator: eigenvalues at both ends and the density, as one result."""

import dataclasses
from typing import TYPE_CHECKING, Any

import torch

from landscape import arguments, rng
from landscape.operators import SymmetricOperator
from landscape.spectrum.density import Density
from landscape.spectrum.eigenpairs import eigenpairs
from landscape.spectrum.quadrature import density
from landscape.spectrum.results import Eigenpairs

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclasses.dataclass(frozen=True)
class FullSpectrum:
    """Extreme eigenvalues at both ends of a spectrum, and the density of all eigenvalues.

    Attributes:
        pairs: The largest eigenvalues and equally many of the smallest, without vectors.
        density: The density of all eigenvalues, in which the converged pairs count exactly.
    """

    pairs: Eigenpairs
    density: Density

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended a part of the computation early."""
        return self.pairs.interrupted or self.density.interrupted

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        width: float | None = None,
        scale: float | None = None,
        unit: str = "loss per parameter²",
        label: str | None = None,
        **style: Any,
    ) -> "Axes":
        """Draw the density, and the computed eigenvalues as tick marks under it.

        Eigenvalues that did not converge are open circles in place of ticks.

        Args:
            ax: Axes to draw on, in the reader's style; None makes a figure in the library's style,
                which is the axes' ``figure``.
            width: Standard deviation of the smoothing kernel: see ``Density.plot``.
            scale: Where a new axis turns from linear to logarithmic: see ``Density.plot``.
            unit: Unit of the eigenvalues, for the label of the axis.
            label: Name of the density in the legend.
            style: Further arguments of matplotlib's ``plot``.

        Returns:
            The axes.

        Raises:
            ValueError: If ``width`` or ``scale`` is out of range.
        """
        # Imported here: plots stand above all results, which are used without matplotlib too.
        from landscape.plots.densities import draw_spectrum

        return draw_spectrum(self, ax, width=width, scale=scale, unit=unit, label=label, **style)


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
    """Compute extreme eigenvalues at both ends and the density of all eigenvalues.

    The converged pairs are deflated, so the random probes see the bulk alone, and outliers carry no
    sampling error into masses and moments.

    Args:
        op: Symmetric operator of shape (n, n).
        outliers: Number of eigenvalues at each end, at least 1; more than n means n. Networks have
            about as many outliers as classes.
        tol: Wanted residual of the eigenvalues relative to the spectral range, > 0.
        probes: Number of random vectors of the density, at least 1.
        steps: Number of Lanczos steps from each probe, at least 1.
        max_products: Largest number of products for the eigenvalues; the density costs
            probes · steps more.
        seed: Seed of the streams ("survey", "eigenpairs") and ("survey", "density").

    Returns:
        Eigenvalues and density; for a Hessian, in loss per parameter².

    Raises:
        ValueError: If an argument is out of range.
        OperatorError: If a product is not finite, or products contradict symmetry.

    Example:
        >>> from landscape import Objective, data, models, spectrum
        >>> digits = data.load("digits")
        >>> model = models.MLP(hidden=(8,)).build(digits.shape, digits.classes, seed=0)
        >>> L = Objective(model, digits.first(100))
        >>> whole = spectrum.full_spectrum(L.hessian(), outliers=3, probes=1, steps=20)
        >>> len(whole.pairs.values), bool(whole.pairs.converged.all())
        (6, True)
        >>> share = whole.density.negative
        >>> 0 < share.low <= share.value <= share.high < 1
        True
    """
    arguments.check(full_spectrum, locals())
    pairs = eigenpairs(
        op,
        min(outliers, op.n),
        which="both ends",
        tol=tol,
        max_products=max_products,
        vectors=True,
        generator=rng.stream(seed, "survey", "eigenpairs"),
    )
    bulk = density(
        op,
        probes=probes,
        steps=steps,
        known=_converged(pairs),
        generator=rng.stream(seed, "survey", "density"),
    )
    return FullSpectrum(dataclasses.replace(pairs, vectors=None), bulk)


def _converged(pairs: Eigenpairs) -> Eigenpairs | None:
    kept = pairs.converged
    if not bool(kept.any()):
        return None
    return dataclasses.replace(
        pairs,
        values=pairs.values[kept],
        residuals=pairs.residuals[kept],
        converged=torch.ones(int(kept.sum()), dtype=torch.bool),
        vectors=pairs.vectors[:, kept],  # type: ignore[index]  # they were asked for
    )
