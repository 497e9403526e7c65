"""Contours of planes on shared levels, with paths, solutions and a model's prediction over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from landscape.plots import axes as frames
from landscape.plots import overlays
from landscape.plots.axes import suggests_log_scale
from landscape.plots.contour_labels import inks, label_levels, level_text
from landscape.plots.overlays import Prediction
from landscape.plots.style import INK, STYLES, keep_style

if TYPE_CHECKING:
    from landscape.slices.grid import Plane, Planes

Quantity = Literal["loss", "accuracy"]
VALUE_LABELS = {"loss": "mean loss", "accuracy": "accuracy (share correct)"}
COLOURS = matplotlib.colormaps["cividis"]  # From dark to light: it reads in grey as well.


def levels(planes: Sequence[Plane], *, quantity: Quantity = "loss", count: int = 13) -> list[float]:
    """Return increasing levels that several planes share.

    Losses that span a factor of 10 or more get levels a constant factor apart, as
    ``slices.shared_levels`` gives them; others, and accuracies, get about ``count`` round numbers.

    Args:
        planes: The planes of one picture.
        quantity: ``loss`` or ``accuracy``.
        count: Number of levels, at least 3.

    Returns:
        The levels, in units of the quantity.

    Raises:
        ValueError: If no two finite values differ, ``count < 3``, or the quantity is unknown.
    """
    values = np.concatenate([values_of(plane, quantity).ravel() for plane in planes])
    values = values[np.isfinite(values)]
    if count < 3 or len(values) == 0 or not values.min() < values.max():
        raise ValueError(
            f"{len(values)} finite values of the {quantity} give no {count} levels. Pass planes "
            "whose values differ, and count >= 3."
        )
    if quantity == "loss" and suggests_log_scale(values):
        # Imported here: the module of planes needs an objective, and drawing needs none.
        from landscape.slices.grid import shared_levels

        return shared_levels(planes, count=count)
    round_numbers = MaxNLocator(count - 1, steps=[1, 2, 2.5, 5, 10])
    return np.asarray(round_numbers.tick_values(values.min(), values.max())).tolist()


def planes(
    named: Mapping[str, Plane],
    *,
    xlabel: str = "α (relative to filter norms)",
    ylabel: str = "β (relative to filter norms)",
    value_label: str | None = None,
    levels: Sequence[float],
    quantity: Quantity = "loss",
    paths: Mapping[str, Mapping[str, Sequence]] | None = None,
    marks: Mapping[str, Mapping[str, Sequence[float]]] | None = None,
    predictions: Mapping[str, Prediction] | None = None,
) -> Figure:
    """Draw planes as contours on shared levels, up to three side by side, with one colour bar.

    Points whose value is not finite are hatched: they are a result, not a gap.

    Args:
        named: Title -> plane.
        xlabel: Meaning of α with unit.
        ylabel: Meaning of β with unit.
        value_label: Name of the quantity with unit, for the colour bar; None takes
            ``VALUE_LABELS``.
        levels: Increasing levels for all planes, such as ``plots.levels`` gives; every second level
            is labelled.
        quantity: ``loss`` or ``accuracy``.
        paths: Title -> name of a path -> its points (k, 2) as (α, β); start and end are marked.
        marks: Title -> name of a solution -> its (α, β). A plane without marks has a cross in the
            centre.
        predictions: Title -> another loss on the plane, such as the quadratic model's, drawn
            dashed on the same levels, with the circle of its radius.

    Returns:
        The figure: the planes' axes in their order, then the colour bar.

    Raises:
        ValueError: If there is no plane, a grid does not increase, the levels do not increase, the
            quantity is unknown, or a path, mark or prediction belongs to no plane of the figure.
    """
    overlaid = {"paths": paths or {}, "marks": marks or {}, "predictions": predictions or {}}
    labels = (xlabel, ylabel, value_label or VALUE_LABELS.get(quantity, ""))
    return draw_planes(named, levels, quantity, labels, overlaid)


def draw_planes(
    named: Mapping[str, Plane],
    levels: Sequence[float],
    quantity: Quantity,
    labels: tuple[str, str, str],
    overlaid: Mapping[str, Mapping[str, Any]],
    *,
    new_figure: Callable[..., Figure] = Figure,
    style: Mapping[str, Any] | None = None,
) -> Figure:
    """Draw planes on a new figure: see ``planes``.

    Args:
        named: Title -> plane.
        levels: Increasing levels for all planes.
        quantity: ``loss`` or ``accuracy``.
        labels: Labels of α, of β and of the colour bar.
        overlaid: Any of ``paths``, ``marks`` and ``predictions``, as in ``planes``.
        new_figure: Makes the figure.
        style: Further arguments of matplotlib's ``contourf``.

    Returns:
        The figure: the planes' axes in their order, then the colour bar.

    Raises:
        ValueError: For the reasons of ``planes``.
    """
    _check(named, levels, overlaid)
    paths, marks, predictions = (
        overlaid.get(name, {}) for name in ("paths", "marks", "predictions")
    )
    with matplotlib.style.context(STYLES):
        figure, axes, side = frames.plane_axes(
            len(named), ratio=_ratio(named), bar=True, new_figure=new_figure
        )
        contours = [
            draw_field(axis, plane, values_of(plane, quantity), levels, style)
            for axis, plane in zip(axes, named.values(), strict=True)
        ]
        mark_names = {}
        path_names = list(_path_names(paths))
        for axis, (title, plane) in zip(axes, named.items(), strict=True):
            overlays.draw_prediction(axis, predictions.get(title), levels)
            overlays.draw_paths(axis, paths.get(title, {}), path_names)
            mark_names[title] = overlays.draw_marks(axis, marks.get(title, {}))
            frames.title(axis, title, side + 0.3)
            frames.include_points(axis, plane.alphas.numpy(), plane.betas.numpy())
        frames.label_outer(axes, *labels[:2])
        _draw_bar(figure, axes, levels, labels[2], (style or {}).get("cmap", COLOURS))
        frames.legend(figure, axes, least=1)
        keep_style(figure.axes)
        frames.fix_layout(figure)  # Labels need the places that the layout gives.
        for axis, lines, names in zip(axes, contours, mark_names.values(), strict=True):
            label_levels(axis, lines, levels, overlays.place_labels(axis, names))
        return figure


def values_of(plane: Plane | Planes, quantity: Quantity) -> np.ndarray:
    """Return a plane's values of one quantity.

    Args:
        plane: One plane, or several on one grid.
        quantity: ``loss`` or ``accuracy``.

    Returns:
        The values (a, b); of several planes (n, a, b).

    Raises:
        ValueError: If the quantity is neither ``loss`` nor ``accuracy``.
    """
    if quantity not in get_args(Quantity):
        raise ValueError(f"quantity={quantity!r} is unknown. Choose 'loss' or 'accuracy'.")
    return np.asarray(getattr(plane, quantity))


def check_grids(named: Mapping[str, Plane]) -> None:
    """Raise ValueError unless there is a plane and every grid has two or more, increasing."""
    if not named:
        raise ValueError("no plane was given. Pass at least one: title -> plane.")
    for title, plane in named.items():
        for name in ("alphas", "betas"):
            grid = getattr(plane, name)
            if len(grid) < 2 or not bool((grid.diff() > 0).all()):
                raise ValueError(
                    f"{name} of plane {title!r} are {grid.tolist()[:4]}...: a picture needs at "
                    "least 2 positions, increasing."
                )


def check_levels(levels: Sequence[float]) -> None:
    """Raise ValueError unless there are at least two levels, and they increase."""
    if len(levels) < 2 or not bool((np.diff(levels) > 0).all()):
        raise ValueError(f"levels={list(levels)} do not increase. Use plots.levels(planes).")


def _check(
    named: Mapping[str, Plane], levels: Sequence[float], overlaid: Mapping[str, Mapping]
) -> None:
    check_grids(named)
    check_levels(levels)
    for kind, by_title in overlaid.items():
        if unknown := sorted(set(by_title) - set(named)):
            raise ValueError(
                f"{kind} are given for {unknown[0]!r}, which is no plane of this figure. "
                f"The planes are: {', '.join(map(repr, named))}."
            )


def _path_names(paths: Mapping[str, Mapping]) -> dict[str, None]:
    return dict.fromkeys(name for named in paths.values() for name in named)


def _ratio(named: Mapping[str, Plane]) -> float:
    """Height over width of the planes' axes; planes longer than 4 to 1 get square axes."""
    ratio = max(
        float(plane.betas.diff().sum() / plane.alphas.diff().sum()) for plane in named.values()
    )
    return min(max(ratio, 0.5), 1.5) if 0.25 <= ratio <= 4 else 1.0


def draw_field(
    axis: Axes,
    plane: Plane,
    values: np.ndarray,
    levels: Sequence[float],
    style: Mapping[str, Any] | None = None,
) -> QuadContourSet:
    """Draw a plane's values as filled contours and lines, hatched where they are not finite.

    Args:
        axis: The axes.
        plane: The plane, for its grid.
        values: Values (a, b).
        levels: Increasing levels.
        style: Further arguments of matplotlib's ``contourf``.

    Returns:
        The lines. The filled contours are the first of the axes' ``collections``.
    """
    grid = (plane.alphas.numpy(), plane.betas.numpy())
    shown = np.ma.masked_invalid(values.T)
    if shown.mask.any():
        # The hatching lies under the whole plane and shows where no contour covers it.
        corner, size = (grid[0][0], grid[1][0]), (np.ptp(grid[0]), np.ptp(grid[1]))
        look: dict[str, Any] = {"hatch": "xxx", "facecolor": "none", "edgecolor": INK, "alpha": 0.4}
        axis.add_patch(matplotlib.patches.Rectangle(corner, *size, **look))
    norm = BoundaryNorm(levels, COLOURS.N, extend="both")
    fill: dict[str, Any] = {"cmap": COLOURS, "norm": norm, "extend": "both"} | dict(style or {})
    axis.contourf(*grid, shown, levels=levels, **fill)
    return axis.contour(*grid, shown, levels=levels, colors=inks(levels), linewidths=0.5)


def _draw_bar(
    figure: Figure, axes: Sequence[Axes], levels: Sequence[float], label: str, cmap: Any
) -> None:
    norm = BoundaryNorm(levels, COLOURS.N, extend="both")
    # Below the planes, so that these may stand one below the other on a narrow screen.
    place: dict[str, Any] = {"location": "bottom", "shrink": 0.6, "aspect": 35, "pad": 0.02}
    bar = figure.colorbar(ScalarMappable(norm, cmap), ax=list(axes), **place)
    spacing = "logarithmic" if _is_logarithmic(norm.boundaries) else "linear"
    bar.set_label(f"{label}, {spacing} levels")
    ticks = norm.boundaries[::2]
    bar.set_ticks(ticks.tolist(), labels=[level_text(level) for level in ticks])


def _is_logarithmic(levels: np.ndarray) -> bool:
    """Whether the steps between levels are more even as factors than as differences."""
    if levels[0] <= 0:
        return False
    factors, steps = np.diff(np.log(levels)), np.diff(levels)
    return bool(np.ptp(factors) / factors.mean() < np.ptp(steps) / steps.mean())
