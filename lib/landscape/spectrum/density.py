"""A measured spectral density: its curve, its mass on intervals, its moments."""

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.optimize
import scipy.stats
import torch

from landscape.spectrum.density_curve import DensityCurve, smooth
from landscape.spectrum.estimate import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RESOLUTION = 1e-3  # Of the largest |eigenvalue|: below it an eigenvalue counts as near zero.
_ROUNDING = 1e-12  # Of the largest |node|: closer nodes cannot be told apart.
_SMALLEST = 1e-290  # Keeps shares above 0, where the beta distribution is not defined.
_Z = 1.959963984540054  # 97.5% quantile of the normal distribution.


@dataclasses.dataclass(frozen=True)
class Mass:
    """The share of eigenvalues in an interval.

    Attributes:
        value: The estimate, 0 to 1.
        low: Lower end of its 95% interval.
        high: Upper end of its 95% interval.
    """

    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Density:
    """Eigenvalue density (1/n) Σᵢ δ(λ − λᵢ): known eigenvalues, and a quadrature of the others.

    Attributes:
        nodes: Ritz values (probes, steps) of the operator without the known pairs, ascending.
        weights: Weights of the nodes (probes, steps), which sum to 1 over each probe. Probes with
            fewer nodes are padded with weights 0.
        tails: Residual norms of the Ritz pairs (probes, steps), with the signs of their first
            components: how strongly each pair is coupled to directions that Lanczos has not
            reached.
        known: Known eigenvalues (d,), each of mass 1/n.
        known_residuals: Residuals of the known eigenvalues (d,).
        n: Number of rows of the operator.
        whole: Whether the nodes are all eigenvalues, so that the density is exact.
        products: Products with the operator used.
        dtype: Floating-point type of the recurrences.
        interrupted: Whether Ctrl-C ended the computation before the last probe.
    """

    nodes: torch.Tensor
    weights: torch.Tensor
    tails: torch.Tensor
    known: torch.Tensor
    known_residuals: torch.Tensor
    n: int
    whole: bool
    products: int
    dtype: str = "float64"
    interrupted: bool = False

    @property
    def scale(self) -> float:
        """The resolution δ = 10⁻³ of the largest |eigenvalue|; 1 for the zero operator."""
        largest = float(torch.cat([self.nodes.flatten(), self.known]).abs().max())
        return _RESOLUTION * largest or 1.0

    @property
    def probes(self) -> int:
        """Number of probes."""
        return len(self.nodes)

    def curve(
        self, *, points: int = 1024, width: float | None = None, scale: float | None = None
    ) -> DensityCurve:
        """Return the density convolved with a Gaussian in the coordinate u = asinh(λ / scale).

        The grid reaches 8 kernel widths beyond all eigenvalues, and a kernel width is at least 2
        grid steps. So the curve integrates to 1 to rounding and misses no peak on a wide range.

        Args:
            points: Number of grid points, at least 64.
            width: Standard deviation of the kernel in units of u, > 0, raised to 2 grid steps if it
                is smaller. None takes 1% of the range in u, but at least 0.05.
            scale: |λ| at which the axis turns from linear to logarithmic, > 0; None takes
                ``self.scale``.

        Returns:
            The curve, per unit of u.

        Raises:
            ValueError: If an argument is out of range.
        """
        scale = self.scale if scale is None else scale
        if points < 64 or not scale > 0 or (width is not None and not width > 0):
            raise ValueError(
                f"points={points}, width={width}, scale={scale}: pass points >= 64, and width and "
                "scale > 0 or None."
            )
        return smooth(self.nodes, self.weights, self.known, self.n, points, width, scale)

    def mass(self, low: float = -math.inf, high: float = math.inf) -> Mass:
        """Return the share of eigenvalues in [low, high] with a 95% interval.

        Two errors enter. Quadrature gives only bounds of a probe's measure of the interval
        (Chebyshev, Markov, Stieltjes); they meet as steps grow, and the value is their midpoint.
        And a probe's measure scatters about the share: since z is uniform on the sphere, it has a
        beta distribution. The 95% interval covers both, and its ends are whole numbers of
        eigenvalues. Quadrature cannot distinguish an eigenvalue of exactly zero from a tiny one:
        ask for |λ| ≤ δ instead.

        Args:
            low: Lower end of [low, high].
            high: Upper end, at least ``low``.

        Returns:
            The share, between 0 and 1.

        Raises:
            ValueError: If ``high < low``.
        """
        if not high >= low:
            raise ValueError(f"the interval [{low}, {high}] is empty. Pass low <= high.")
        rest_share = 1 - len(self.known) / self.n
        surely_inside = (self.known - self.known_residuals >= low) & (
            self.known + self.known_residuals <= high
        )
        possibly_inside = (self.known + self.known_residuals >= low) & (
            self.known - self.known_residuals <= high
        )
        inside = (self.known >= low) & (self.known <= high)
        value, least, most = self._rest_mass(low, high) if self.probes else (0.0, 0.0, 0.0)
        return Mass(
            *(
                float(counted.sum()) / self.n + rest_share * float(share)
                for counted, share in (
                    (inside, value),
                    (surely_inside, least),
                    (possibly_inside, most),
                )
            )
        )

    @property
    def negative(self) -> Mass:
        """Share of eigenvalues below −``scale``."""
        return self.mass(high=-self.scale)

    @property
    def near_zero(self) -> Mass:
        """Share of eigenvalues within ``scale`` of zero."""
        return self.mass(-self.scale, self.scale)

    @property
    def positive(self) -> Mass:
        """Share of eigenvalues above ``scale``."""
        return self.mass(low=self.scale)

    @property
    def trace(self) -> Estimate:
        """Trace n Σ w θ over nodes θ with weights w, with its standard error."""
        moment, stderr = self._moment(1)
        value = float(self.known.sum()) + moment
        return self._estimate(value, stderr, value - _Z * stderr, value + _Z * stderr)

    @property
    def frobenius(self) -> Estimate:
        """Frobenius norm √(n Σ w θ²) over nodes θ with weights w, with its standard error."""
        moment, stderr = self._moment(2)
        square = float(self.known.square().sum())
        value = math.sqrt(square + moment)
        # The interval is symmetric in the logarithm of the unknown part, so it stays positive.
        reach = math.exp(min(_Z * stderr / moment, 700.0)) if moment else 1.0
        ends = (math.sqrt(square + moment / reach), math.sqrt(square + moment * reach))
        return self._estimate(value, stderr / (2 * value) if value else 0.0, *ends)

    def _rest_mass(self, low: float, high: float) -> tuple[float, float, float]:
        """Return the share of the unknown eigenvalues in [low, high], and its interval's ends."""
        size = self.n - len(self.known)
        if self.whole:
            share = float(((self.nodes >= low) & (self.nodes <= high)).sum()) / size
            return share, share, share
        below = np.array([self._bracket(index, low) for index in range(self.probes)])
        above = np.array([self._bracket(index, high) for index in range(self.probes)])
        least = np.clip(above[:, 0] - below[:, 1], 0, 1).mean()
        most = np.clip(above[:, 1] - below[:, 0], 0, 1).mean()
        value = np.clip((above - below).mean(), 0, 1)
        low = 1 - _largest_share(1 - least, size, self.probes)
        high = _largest_share(most, size, self.probes)
        return value, min(low, value), max(high, value)

    def _bracket(self, probe: int, x: float) -> tuple[float, float]:
        """Return a lower bound of a probe's measure of (−∞, x) and an upper bound for (−∞, x].

        The bounds are the total weights below x and up to x in the quadrature that has x as a
        node. The last diagonal entry of the tridiagonal matrix of steps + 1 rows, which Lanczos
        leaves open, is set to make x a node.
        """
        if math.isinf(x):
            return (0.0, 0.0) if x < 0 else (1.0, 1.0)
        nodes, weights, tails = (
            part[probe].numpy() for part in (self.nodes, self.weights, self.tails)
        )
        size = max(np.abs(nodes).max(), abs(x))
        near = _ROUNDING * size
        if not tails.any():  # The probe's measure is known exactly.
            return float(weights[nodes < x - near].sum()), float(weights[nodes <= x + near].sum())
        gaps = nodes - x
        # A node at x would divide by zero.
        gaps = np.where(np.abs(gaps) < near, near, gaps)
        arrow = np.diag(np.append(nodes, x + (tails**2 / gaps).sum()))
        arrow[-1, :-1] = arrow[:-1, -1] = tails
        values, vectors = np.linalg.eigh(arrow)
        masses = (np.sqrt(weights) @ vectors[:-1]) ** 2
        return float(masses[values < x - near].sum()), float(masses[values <= x + near].sum())

    def _moment(self, power: int) -> tuple[float, float]:
        """Return Σ λᵖ over the unknown eigenvalues, and its standard error.

        For z uniform on the sphere in d dimensions, the variance of ⟨z, B z⟩ is the variance of
        the eigenvalues of B times 2 / (d + 2). Quadrature estimates that variance as well.
        """
        size = self.n - len(self.known)
        if not self.probes:
            return 0.0, 0.0
        first = float((self.weights * self.nodes**power).sum(1).mean())
        second = float((self.weights * self.nodes ** (2 * power)).sum(1).mean())
        if self.whole:
            return size * first, 0.0
        variance = 2 * max(second - first**2, 0.0) / (size + 2)
        return size * first, size * math.sqrt(variance / self.probes)

    def _estimate(self, value: float, stderr: float, low: float, high: float) -> Estimate:
        return Estimate(
            value=value,
            stderr=stderr,
            low=low,
            high=high,
            converged=not self.interrupted,  # All probes that were asked for are in it.
            products=self.products,
            probes=self.probes,
            method="stochastic Lanczos quadrature",
            interrupted=self.interrupted,
        )

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
        """Draw the smooth density on a logarithmic axis against λ on a symmetric logarithmic axis.

        The height is the share of eigenvalues per decade of |λ|, where the axis is logarithmic:
        ln 10 times that of ``curve``. Axes that already have such an axis keep it, and the density
        is drawn with its scale.

        Args:
            ax: Axes to draw on, in the reader's style; None makes a figure in the library's style,
                which is the axes' ``figure``.
            width: Standard deviation of the smoothing kernel in units of u: see ``curve``; None
                takes 0.2.
            scale: Where a new axis turns from linear to logarithmic, > 0; None takes ten times
                ``self.scale``: quadrature of some tens of steps resolves nothing finer near 0.
            unit: Unit of the eigenvalues, for the label of the axis.
            label: Name in the legend.
            style: Further arguments of matplotlib's ``plot``.

        Returns:
            The axes: ``density.plot().figure.savefig("density.png")``.

        Raises:
            ValueError: If ``width`` or ``scale`` is out of range.
        """
        # Imported here: plots stand above all results, which are used without matplotlib too.
        from landscape.plots.densities import draw_density

        return draw_density(self, ax, width=width, scale=scale, unit=unit, label=label, **style)


def _largest_share(share: float, size: int, probes: int) -> float:
    """Return the largest share k / size for which a measured share this small has 2.5% probability.

    The mean over probes measures k of ``size`` eigenvalues as a share with the distribution
    Beta(k probes / 2, (size − k) probes / 2), since z is uniform on the sphere.
    """
    share = max(share, _SMALLEST)
    if share >= 1 - _ROUNDING:
        return 1.0

    def excess(k: float) -> float:
        return scipy.stats.beta.cdf(share, k * probes / 2, (size - k) * probes / 2) - 0.025

    k = scipy.optimize.brentq(excess, 1e-6, size * (1 - 1e-12), xtol=1e-6)
    return math.floor(k + 1e-3) / size
