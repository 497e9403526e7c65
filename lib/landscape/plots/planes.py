"""Contours of planes on shared levels, with paths, solutions and a model's prediction over them."""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox

from landscape.plots import axes as frames
from landscape.plots import overlays
from landscape.plots.axes import suggests_log_scale
from landscape.plots.figure import Figure
from landscape.plots.overlays import Prediction
from landscape.slices.grid import Plane, shared_levels

Quantity = Literal["loss", "accuracy"]
UNITS = {"loss": "loss (nats)", "accuracy": "accuracy (share correct)"}
COLOURS = matplotlib.colormaps["cividis"]  # From dark to light: it reads in grey as well.

_LABEL = 11.0  # Half the side of the square that a contour's label keeps free, in points.


def levels(planes: Sequence[Plane], *, quantity: Quantity = "loss", count: int = 13) -> list[float]:
    """Return increasing levels for several planes: logarithmic where the losses ask for it.

    Losses that span a factor of 10 or more get levels a constant factor apart, as
    ``slices.shared_levels`` gives them; others, and accuracies, about ``count`` round numbers.

    Args:
        planes: The planes of one picture.
        quantity: Which of their values.
        count: Number of levels, at least 3.

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
        return shared_levels(planes, count=count)
    round_numbers = MaxNLocator(count - 1, steps=[1, 2, 2.5, 5, 10])
    return round_numbers.tick_values(values.min(), values.max()).tolist()


def planes(
    named: Mapping[str, Plane],
    *,
    label: str,
    caption: str,
    alt: str,
    xlabel: str = "α (relative to filter norms)",
    ylabel: str = "β (relative to filter norms)",
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
        label: Such as ``fig-plane``.
        caption: What to see.
        alt: What the picture shows.
        xlabel: Meaning of α with unit.
        ylabel: Meaning of β with unit.
        levels: Increasing levels for all planes, such as ``plots.levels`` gives; every second one
            is labelled.
        quantity: Which values of the planes.
        paths: Title -> name of a path -> its points (k, 2) as (α, β); start and end are marked.
        marks: Title -> name of a solution -> its (α, β). A plane without marks has a cross in the
            centre.
        predictions: Title -> another loss on the plane, such as the quadratic model's, drawn
            dashed on the same levels, with the circle of its radius.

    Raises:
        ValueError: If there is no plane or a grid does not increase, if the levels do not
            increase, if the quantity is unknown, or if something is to be drawn on a plane that
            is not there.
    """
    over = {"paths": paths or {}, "marks": marks or {}, "predictions": predictions or {}}
    _check(named, levels, over)
    with matplotlib.style.context(frames.STYLES):
        canvas, axes, side = frames.plane_axes(len(named), ratio=_ratio(named), bar=True)
        norm = BoundaryNorm(levels, COLOURS.N, extend="both")
        lines = [
            _field(axis, plane, values_of(plane, quantity), norm)
            for axis, plane in zip(axes, named.values(), strict=True)
        ]
        named_marks = {}
        for axis, (title, plane) in zip(axes, named.items(), strict=True):
            overlays.draw_prediction(axis, over["predictions"].get(title), levels)
            overlays.draw_paths(axis, over["paths"].get(title, {}), list(_names(over["paths"])))
            named_marks[title] = overlays.draw_marks(axis, over["marks"].get(title, {}))
            frames.title(axis, title, side + 0.3)
            frames.include_points(axis, plane.alphas.numpy(), plane.betas.numpy())
        frames.label_outer(axes, xlabel, ylabel)
        _bar(canvas, axes, norm, quantity)
        frames.legend(canvas, axes, least=1)
        frames.fix_layout(canvas)  # Labels need the places that the layout gives.
        for axis, contour, texts in zip(axes, lines, named_marks.values(), strict=True):
            _label(axis, contour, levels, overlays.place_labels(axis, texts))
        return Figure(canvas, label=label, caption=caption, alt=alt)


def values_of(plane: Plane, quantity: Quantity) -> np.ndarray:
    """Return a plane's values (a, b) of one quantity.

    Raises:
        ValueError: If the quantity is neither ``loss`` nor ``accuracy``.
    """
    if quantity not in get_args(Quantity):
        raise ValueError(f"quantity={quantity!r} is unknown. Choose 'loss' or 'accuracy'.")
    return getattr(plane, quantity).numpy()


def check_grids(named: Mapping[str, Plane]) -> None:
    """Raise ValueError unless there is a plane and every grid has two increasing positions."""
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


def _check(named: Mapping[str, Plane], levels: Sequence[float], over: Mapping[str, Mapping]):
    check_grids(named)
    if len(levels) < 2 or not bool((np.diff(levels) > 0).all()):
        raise ValueError(f"levels={list(levels)} do not increase. Use plots.levels(planes).")
    for what, of in over.items():
        if unknown := sorted(set(of) - set(named)):
            raise ValueError(
                f"{what} are given for {unknown[0]!r}, which is no plane of this figure. "
                f"The planes are: {', '.join(map(repr, named))}."
            )


def _names(paths: Mapping[str, Mapping]) -> dict[str, None]:
    return dict.fromkeys(name for of in paths.values() for name in of)


def _ratio(named: Mapping[str, Plane]) -> float:
    """Height over width of the planes, but no strips."""
    tallest = max(
        float(plane.betas.diff().sum() / plane.alphas.diff().sum()) for plane in named.values()
    )
    return min(max(tallest, 0.5), 1.5) if 0.25 <= tallest <= 4 else 1.0


def _field(axis: Axes, plane: Plane, values: np.ndarray, norm: BoundaryNorm) -> QuadContourSet:
    grid = (plane.alphas.numpy(), plane.betas.numpy())
    shown = np.ma.masked_invalid(values.T)
    corner = (grid[0][0], grid[1][0])
    size = (np.ptp(grid[0]), np.ptp(grid[1]))
    axis.add_patch(
        matplotlib.patches.Rectangle(
            corner, *size, hatch="xxx", facecolor="none", edgecolor="#24292f", alpha=0.4
        )
    )
    levels = norm.boundaries
    axis.contourf(*grid, shown, levels=levels, norm=norm, cmap=COLOURS, extend="both")
    return axis.contour(*grid, shown, levels=levels, colors=_inks(levels), linewidths=0.5)


def _inks(levels: Sequence[float]) -> list[str]:
    """White lines and labels on the darker half, dark ones on the lighter."""
    return [
        overlays.LIGHT if place < len(levels) / 2 else overlays.DARK for place in range(len(levels))
    ]


def _bar(canvas: Canvas, axes: Sequence[Axes], norm: BoundaryNorm, quantity: Quantity) -> None:
    levels = norm.boundaries
    bar = canvas.colorbar(ScalarMappable(norm, COLOURS), ax=list(axes), shrink=0.85, pad=0.02)
    even = "logarithmic" if _logarithmic(levels) else "linear"
    line = ", " if canvas.get_size_inches()[1] > 2.8 else ",\n"
    bar.set_label(f"{UNITS[quantity]}{line}{even} levels")
    bar.set_ticks(levels[::2], labels=[f"{level:.3g}".replace("-", "−") for level in levels[::2]])


def _logarithmic(levels: np.ndarray) -> bool:
    """Whether the steps between levels are more even as factors than as differences."""
    if levels[0] <= 0:
        return False
    factors, steps = np.diff(np.log(levels)), np.diff(levels)
    return bool(np.ptp(factors) / factors.mean() < np.ptp(steps) / steps.mean())


def _label(axis: Axes, lines: QuadContourSet, levels: Sequence[float], taken: list[Bbox]) -> None:
    """Write every second level on its line: where the line is level and nothing else stands."""
    points = axis.figure.dpi / 72
    inks = _inks(levels)
    for place in range(0, len(levels), 2):
        spot = _free_spot(axis, lines.get_paths()[place], taken, _LABEL * points)
        if spot is not None:
            texts = axis.clabel(
                lines,
                levels=[levels[place]],
                manual=[tuple(axis.transData.inverted().transform(spot))],
                fmt=lambda level: f"{level:.3g}".replace("-", "−"),
                fontsize=6.5,
                colors=[inks[place]],
            )
            texts[-1].set(path_effects=[overlays.outline(inks[place])], zorder=5)


def _free_spot(axis: Axes, path, taken: list[Bbox], half: float) -> np.ndarray | None:
    """Return a free point of a line in pixels, where it is most level, and take its square."""
    if len(path.vertices) < 4:
        return None
    ends = axis.transData.transform(path.vertices)
    joined = path.codes[1:] == path.LINETO
    steps, middles = np.diff(ends, axis=0)[joined], ((ends[1:] + ends[:-1]) / 2)[joined]
    slope = np.abs(np.arctan(np.abs(steps[:, 1]) / np.maximum(np.abs(steps[:, 0]), 1e-9)))
    inside = axis.get_window_extent().padded(-half)
    for spot in middles[np.argsort(slope.round(1), kind="stable")]:
        box = Bbox.from_extents(*(spot - half), *(spot + half))
        if inside.contains(*spot) and not any(box.overlaps(other) for other in taken):
            taken.append(box)
            return spot
    return None
