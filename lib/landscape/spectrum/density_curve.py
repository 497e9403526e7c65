"""A smooth spectral density over a symmetric logarithmic axis."""

import dataclasses
import math

import torch


@dataclasses.dataclass(frozen=True)
class DensityCurve:
    """A smooth density over a symmetric logarithmic axis.

    Attributes:
        u: Evenly spaced grid (m,) of the coordinate u = asinh(λ / scale), which is linear for
            |λ| below ``scale`` and logarithmic beyond.
        density: Mean over probes (m,), per unit of u; its trapezoidal sum over u is 1.
        low: Smallest density over the probes (m,), per unit of u.
        high: Largest density over the probes (m,), per unit of u.
        scale: |λ| at which the axis turns from linear to logarithmic.
        width: Standard deviation of the Gaussian kernel, in units of u.
    """

    u: torch.Tensor
    density: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor
    scale: float
    width: float

    @property
    def eigenvalues(self) -> torch.Tensor:
        """Eigenvalues λ = scale · sinh u of the grid points (m,)."""
        return self.scale * self.u.sinh()

    @property
    def per_eigenvalue(self) -> torch.Tensor:
        """Density per unit of λ (m,), for a linear axis."""
        return self.density / (self.scale * self.u.cosh())


def smooth(
    nodes: torch.Tensor,
    weights: torch.Tensor,
    known: torch.Tensor,
    n: int,
    points: int,
    width: float | None,
    scale: float,
) -> DensityCurve:
    """Return a density as a curve; see ``Density.curve``.

    Args:
        nodes: Ritz values (probes, steps).
        weights: Their weights (probes, steps), which sum to 1 over each probe.
        known: Known eigenvalues (d,), each of mass 1/n.
        n: Number of rows of the operator.
        points: Number of grid points m, at least 64.
        width: Standard deviation of the Gaussian kernel in units of u; None takes 1% of the range,
            but at least 0.05.
        scale: |λ| at which the axis turns from linear to logarithmic, > 0.

    Returns:
        The curve, per unit of u.
    """
    nodes, known = (nodes / scale).asinh(), (known / scale).asinh()
    ends = torch.cat([nodes.flatten(), known])
    low, high = float(ends.min()), float(ends.max())
    width = max(0.01 * (high - low), 0.05) if width is None else width
    # A kernel narrower than 2 grid steps h could fall between grid points. This is the least width
    # w with w ≥ 2 h, where h = (high − low + 16 w) / (points − 1).
    width = max(width, 2 * (high - low) / (points - 33))
    u = torch.linspace(low - 8 * width, high + 8 * width, points, dtype=torch.float64)
    fixed = _kernel(u, known, width).sum(dim=0) / n
    share = 1 - len(known) / n
    densities = [
        fixed + share * (masses[:, None] * _kernel(u, centres, width)).sum(dim=0)
        for centres, masses in zip(nodes, weights, strict=True)
    ]
    densities = torch.stack(densities or [fixed])  # type: ignore[assignment]  # the list is needed no more
    return DensityCurve(u, densities.mean(0), densities.amin(0), densities.amax(0), scale, width)  # type: ignore[attr-defined]  # a tensor


def _kernel(u: torch.Tensor, centres: torch.Tensor, width: float) -> torch.Tensor:
    """Return Gaussians (len(centres), len(u)) of unit area, one around each of the centres."""
    z = (u[None, :] - centres[:, None]) / width
    return torch.exp(-0.5 * z**2) / (width * math.sqrt(2 * math.pi))
