"""A smooth spectral density over a symmetric logarithmic axis."""

import dataclasses
import math

import torch


@dataclasses.dataclass(frozen=True)
class DensityCurve:
    """A smooth density over a symmetric logarithmic axis.

    Attributes:
        u: Even grid (m,) of the coordinate u = asinh(λ / scale): linear below ``scale`` in
            magnitude, logarithmic beyond.
        density: Mean over probes (m,), per unit of u; its trapezoidal sum over u is 1.
        low: Smallest over probes (m,).
        high: Largest over probes (m,).
        scale: Where the axis turns from linear to logarithmic.
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
        """λ = scale · sinh u (m,)."""
        return self.scale * self.u.sinh()

    @property
    def per_eigenvalue(self) -> torch.Tensor:
        """The density per unit of λ (m,), for a linear axis."""
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
    """Return the density of ``Density.curve``: nodes and weights (probes, steps), known (d,)."""
    nodes, known = (nodes / scale).asinh(), (known / scale).asinh()
    ends = torch.cat([nodes.flatten(), known])
    low, high = float(ends.min()), float(ends.max())
    width = max(0.01 * (high - low), 0.05) if width is None else width
    # The least width w with w ≥ 2 h, where h = (high − low + 16 w) / (points − 1).
    width = max(width, 2 * (high - low) / (points - 33))
    u = torch.linspace(low - 8 * width, high + 8 * width, points, dtype=torch.float64)
    fixed = _kernel(u, known, width).sum(dim=0) / n
    share = 1 - len(known) / n
    each = [
        fixed + share * (masses[:, None] * _kernel(u, at, width)).sum(dim=0)
        for at, masses in zip(nodes, weights, strict=True)
    ]
    each = torch.stack(each or [fixed])
    return DensityCurve(u, each.mean(0), each.amin(0), each.amax(0), scale, width)


def _kernel(u: torch.Tensor, at: torch.Tensor, width: float) -> torch.Tensor:
    """Return Gaussians (len(at), len(u)) of unit area."""
    z = (u[None, :] - at[:, None]) / width
    return torch.exp(-0.5 * z**2) / (width * math.sqrt(2 * math.pi))
