"""Grids in the coordinates of a line or plane, and the losses measured on them."""

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch

from landscape import arguments
from landscape.measurement import Measurement

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Positions = Sequence[float] | torch.Tensor

# The grid of a slice without positions: one unit of the directions to each side, so that along
# filter-normalised ones filters change by up to their own norm, in steps of 1/12.
_REACH, _POINTS = 1.0, 25


@dataclasses.dataclass(frozen=True)
class Line(Measurement):
    """Loss and accuracy along the line θ + α d.

    Attributes:
        alphas: Positions (a,), in units of the direction d.
        loss: Mean loss over the examples at each position, (a,), float64; infinity and NaN are
            kept.
        accuracy: Accuracy at each position, (a,).
    """

    alphas: torch.Tensor
    loss: torch.Tensor
    accuracy: torch.Tensor

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        quantity: Literal["loss", "accuracy"] = "loss",
        label: str | None = None,
        **style: Any,
    ) -> "Axes":
        """Draw loss or accuracy against α.

        On a new figure the vertical axis is logarithmic where the losses are positive and span a
        factor of 10. A value that is not finite is a gap with a cross at the upper edge.

        Args:
            ax: Axes to draw on, in the reader's style; None makes a figure in the library's style,
                which is the axes' ``figure``.
            quantity: What to draw.
            label: Name in the legend.
            style: Further arguments of matplotlib's ``plot``.

        Returns:
            The axes: ``line.plot().figure.savefig("line.png")``.

        Raises:
            ValueError: If the quantity is unknown.
        """
        # Imported here: plots stand above all results, which are used without matplotlib too.
        from landscape.plots.cuts import draw_line

        return draw_line(self, ax, quantity=quantity, label=label, **style)


@dataclasses.dataclass(frozen=True)
class Lines(Measurement):
    """Loss and accuracy along several filter-normalised random directions from one solution.

    Attributes:
        alphas: Positions (a,), in units of the solution's filter norms.
        loss: Mean loss (d, a), one row a direction, float64; infinity and NaN are kept.
        accuracy: Accuracy (d, a).
        seed: Seed of the directions.
    """

    alphas: torch.Tensor
    loss: torch.Tensor
    accuracy: torch.Tensor
    seed: int

    def quantiles(self, shares: Sequence[float]) -> torch.Tensor:
        """Return quantiles of the loss over the directions.

        Args:
            shares: Shares in [0, 1], such as (0.1, 0.5, 0.9), (q,).

        Returns:
            Quantiles (q, a), in units of the loss; see the function ``quantiles``.

        Raises:
            ValueError: If a share is outside [0, 1], or there is none.
        """
        return quantiles(self.loss, shares)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        quantity: Literal["loss", "accuracy"] = "loss",
        label: str | None = None,
        **style: Any,
    ) -> "Axes":
        """Draw loss or accuracy against α: each direction thin, and their mean.

        On a new figure the vertical axis is logarithmic where the losses are positive and span a
        factor of 10. Where a direction's value is not finite, the mean has a gap and the upper edge
        a cross.

        Args:
            ax: Axes to draw on, in the reader's style; None makes a figure in the library's style,
                which is the axes' ``figure``.
            quantity: What to draw.
            label: Name of the mean in the legend.
            style: Further arguments of matplotlib's ``plot`` for the mean.

        Returns:
            The axes.

        Raises:
            ValueError: If the quantity is unknown.
        """
        # Imported here: plots stand above all results, which are used without matplotlib too.
        from landscape.plots.cuts import draw_lines

        return draw_lines(self, ax, quantity=quantity, label=label, **style)


@dataclasses.dataclass(frozen=True)
class Plane(Measurement):
    """Loss and accuracy on the plane θ + α d1 + β d2.

    Entry [i, j] of the losses and accuracies belongs to (alphas[i], betas[j]).

    Attributes:
        alphas: Positions along the first direction, (a,), in units of d1.
        betas: Positions along the second direction, (b,), in units of d2.
        loss: Mean loss over the examples, (a, b), float64; infinity and NaN are kept.
        accuracy: Accuracy (a, b).
        cosine: Cosine of the angle between the directions; with 0 the picture keeps angles.
    """

    alphas: torch.Tensor
    betas: torch.Tensor
    loss: torch.Tensor
    accuracy: torch.Tensor
    cosine: float

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        quantity: Literal["loss", "accuracy"] = "loss",
        levels: Sequence[float] | None = None,
        kind: Literal["contours", "surface"] = "contours",
        label: str | None = None,
        **style: Any,
    ) -> "Axes":
        """Draw the plane as filled contours, or as a surface.

        Points whose value is not finite are hatched in contours, and crosses at the top of a
        surface. The centre has a cross.

        Args:
            ax: Axes to draw on, in the reader's style; the filled contours are then the first of
                their ``collections``, for a colour bar. None makes a figure with a colour bar in
                the library's style, which is the axes' ``figure``.
            quantity: What to draw.
            levels: Increasing levels of the contours; None takes ``plots.levels`` of this plane.
                Pass the same levels to compare planes.
            kind: Contours or a surface.
            label: Title of the axes.
            style: Further arguments of matplotlib's ``contourf``, such as ``cmap``.

        Returns:
            The axes: ``plane.plot().figure.savefig("plane.png")``.

        Raises:
            ValueError: If the quantity or kind is unknown, if a grid or the levels do not increase,
                or if no two finite values of a surface differ.
        """
        # Imported here: plots stand above all results, which are used without matplotlib too.
        from landscape.plots.single_plane import draw_plane

        return draw_plane(
            self, ax, quantity=quantity, levels=levels, kind=kind, label=label, **style
        )


@dataclasses.dataclass(frozen=True)
class Planes(Measurement):
    """Loss and accuracy on several planes through one solution, each along a random pair.

    Attributes:
        alphas: Positions along the first direction of each pair, (a,), in units of the solution's
            filter norms.
        betas: Positions along the second direction, (b,), in the same units.
        loss: Mean loss (p, a, b), one layer a pair, float64; infinity and NaN are kept.
        accuracy: Accuracy (p, a, b).
        cosines: Cosine of the angle between the directions of each pair, (p,).
        seed: Seed of the directions.
    """

    alphas: torch.Tensor
    betas: torch.Tensor
    loss: torch.Tensor
    accuracy: torch.Tensor
    cosines: torch.Tensor
    seed: int

    def quantiles(self, shares: Sequence[float]) -> torch.Tensor:
        """Return quantiles of the loss over the pairs.

        Args:
            shares: Shares in [0, 1], such as (0.1, 0.5, 0.9), (q,).

        Returns:
            Quantiles (q, a, b), in units of the loss; see the function ``quantiles``.

        Raises:
            ValueError: If a share is outside [0, 1], or there is none.
        """
        return quantiles(self.loss, shares)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        quantity: Literal["loss", "accuracy"] = "loss",
        levels: Sequence[float] | None = None,
        label: str | None = None,
        **style: Any,
    ) -> "Axes":
        """Draw the median over pairs of directions at each (α, β) as filled contours.

        Points where a pair's value is NaN, or the median infinite, are hatched.

        Args:
            ax: As for ``Plane.plot``.
            quantity: What to draw.
            levels: Increasing levels of the contours; None takes ``plots.levels`` of the median.
            label: Title of the axes; None says how many planes there are.
            style: Further arguments of matplotlib's ``contourf``.

        Returns:
            The axes.

        Raises:
            ValueError: If the quantity is unknown, or a grid or the levels do not increase.
        """
        # Imported here: plots stand above all results, which are used without matplotlib too.
        from landscape.plots.single_plane import draw_median_plane

        return draw_median_plane(self, ax, quantity=quantity, levels=levels, label=label, **style)


def quantiles(values: torch.Tensor, shares: Sequence[float]) -> torch.Tensor:
    """Return quantiles over the first axis, linear between order statistics.

    Args:
        values: Values (d, ...), float64; infinities are ordered like numbers.
        shares: Shares in [0, 1], such as (0.1, 0.5, 0.9), (q,).

    Returns:
        Quantiles (q, ...), in units of the values; NaN where any of the d values is NaN.

    Raises:
        ValueError: If a share is outside [0, 1], or there is none.
    """
    arguments.check(quantiles, locals())
    if not len(shares) or not all(0 <= share <= 1 for share in shares):
        raise ValueError(
            f"shares={list(shares)} are no quantiles. Pass shares in [0, 1], at least one, such as "
            "(0.1, 0.5, 0.9)."
        )
    ordered = values.sort(dim=0).values
    ranks = [share * (len(values) - 1) for share in shares]
    # A whole rank takes its value unweighted: a neighbour of weight 0 may be infinite, and 0 · inf
    # is NaN.
    interpolated = [
        ordered[int(rank)]
        if rank == int(rank)
        else ordered[int(rank)] * (1 - rank % 1) + ordered[int(rank) + 1] * (rank % 1)
        for rank in ranks
    ]
    has_nan = values.isnan().any(dim=0)
    return torch.stack([quantile.masked_fill(has_nan, math.nan) for quantile in interpolated])


def centred_positions(points: int, reach: float, *, power: float = 2.0) -> torch.Tensor:
    """Return a symmetric grid that holds 0 and is finer near it.

    Positions are ±reach · (k/m)^power for k = 0 ... m, with m = (points - 1)/2. Compared with an
    even grid, steps at the border are about ``power`` times as long, steps near 0 far shorter.

    Args:
        points: Number of positions, odd and at least 3, so that 0 is a position.
        reach: The largest position, > 0.
        power: Exponent of the spacing, at least 1; 1 spaces positions evenly.

    Returns:
        Increasing positions (points,), float64, in the units of ``reach``.

    Raises:
        ValueError: If ``points`` is even or below 3, ``reach`` is not positive and finite, or
            ``power`` is below 1 or infinite.
    """
    arguments.check(centred_positions, locals())
    if points < 3 or points % 2 == 0 or not 0 < reach < math.inf or not 1 <= power < math.inf:
        raise ValueError(
            f"points={points}, reach={reach}, power={power} is no grid around 0. Pass an odd "
            "number of points >= 3, a finite reach > 0 and a finite power >= 1."
        )
    half = points // 2
    side = reach * (torch.arange(1, half + 1, dtype=torch.float64) / half) ** power
    return torch.cat([-side.flip(0), side.new_zeros(1), side])


def checked_positions(name: str, values: Positions) -> torch.Tensor:
    """Return positions as a tensor, once they are known to form a grid.

    Args:
        name: Name of the argument, for the text of the error.
        values: Positions (k,), at least one, all finite.

    Returns:
        The positions (k,) in float64, in their order.

    Raises:
        ValueError: If there is no position, or one is not finite.
    """
    positions = torch.as_tensor(values, dtype=torch.float64)
    if positions.dim() != 1 or len(positions) == 0 or not bool(torch.isfinite(positions).all()):
        raise ValueError(
            f"{name} of shape {tuple(positions.shape)} is no grid. Pass at least one finite "
            "position, such as torch.linspace(-1, 1, 25)."
        )
    return positions


def grid_positions(
    reach: float | None, points: int | None, **positions: Positions | None
) -> list[torch.Tensor]:
    """Return the positions along each axis of a slice: the given ones, or an even grid around 0.

    Args:
        reach: The largest position of the even grid, > 0; None takes 1.
        points: Number of its positions along each axis, odd and at least 3; None takes 25.
        positions: Name of each axis and its positions; None for all of them takes the even grid.

    Returns:
        One vector of positions for each axis, float64.

    Raises:
        ValueError: If only some axes have positions, both positions and ``reach`` or ``points`` are
            given, or they form no grid.
    """
    given = [name for name, values in positions.items() if values is not None]
    if not given:
        grid = centred_positions(
            _POINTS if points is None else points, _REACH if reach is None else reach, power=1.0
        )
        return [grid.clone() for _ in positions]
    if reach is not None or points is not None:
        raise ValueError(
            f"{' and '.join(given)} were given together with reach={reach}, points={points}. Pass "
            "either positions, or reach and points, which make an even grid."
        )
    if len(given) < len(positions):
        raise ValueError(
            f"{' and '.join(given)} were given without the positions of the other axis. Pass "
            f"{' and '.join(positions)}, or reach and points, which make an even grid."
        )
    return [checked_positions(name, values) for name, values in positions.items()]  # type: ignore[arg-type]  # all are given by now


def shared_levels(planes: Sequence[Plane], *, count: int = 13) -> list[float]:
    """Return contour levels for several planes, so that their pictures can be compared.

    The levels increase by a constant factor from the smallest to the largest finite, positive loss
    of all planes.

    Args:
        planes: The planes, at least one.
        count: Number of levels, at least 3.

    Returns:
        The levels, in units of the loss.

    Raises:
        ValueError: If no two finite, positive losses differ, or ``count < 3``.
    """
    arguments.check(shared_levels, locals())
    losses = torch.cat([plane.loss.reshape(-1) for plane in planes])
    losses = losses[torch.isfinite(losses) & (losses > 0)]
    if count < 3 or len(losses) == 0 or not float(losses.min()) < float(losses.max()):
        raise ValueError(
            f"{len(losses)} finite, positive losses give no {count} levels. Pass planes whose "
            "losses differ, and count >= 3."
        )
    ends = [float(losses.min()), float(losses.max())]
    return torch.logspace(*(math.log10(end) for end in ends), count, dtype=torch.float64).tolist()  # type: ignore[call-overload]  # two ends
