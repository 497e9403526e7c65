"""Several results of one kind in one drawing: a line each, or mean and band over seeds."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from landscape.plots import axes as frames
from landscape.plots import densities, eigenvalues
from landscape.plots.bands import band_over_seeds, draw_band, vertical_limits
from landscape.plots.cuts import draw_line, draw_lines, draw_path
from landscape.plots.history import draw_run
from landscape.plots.panel import Band
from landscape.plots.planes import Quantity
from landscape.plots.result_axes import name_axes, result_axes
from landscape.plots.series import (
    Series,
    choose_scale,
    line_series,
    lines_series,
    path_series,
    run_series,
)
from landscape.plots.single_plane import draw_panels, draw_plane, plane_levels
from landscape.plots.style import series_style
from landscape.plots.ticks import log_ticks

_MOST_MARKERS = 12  # A line of more positions has no markers.


@dataclasses.dataclass(frozen=True)
class _Kind:
    """A kind of results: its name, its attributes, its drawing, and its curve for a mean."""

    name: str
    attributes: tuple[str, ...]
    draw: Callable[..., Axes]
    series: Callable[..., Series] | None = None
    lacks: tuple[str, ...] = ()

    def holds(self, result: Any) -> bool:
        """Whether a result has the attributes of this kind, and none that it lacks."""
        return all(hasattr(result, name) for name in self.attributes) and not any(
            hasattr(result, name) for name in self.lacks
        )


# Kinds are told apart by attributes, not by classes: drawing then imports no module that computes.
_KINDS = (
    _Kind("planes", ("alphas", "betas", "loss", "cosine"), draw_plane),
    _Kind("lines", ("alphas", "loss"), draw_line, line_series, lacks=("betas", "quantiles")),
    _Kind(
        "lines along several directions",
        ("alphas", "loss", "quantiles"),
        draw_lines,
        lines_series,
        lacks=("betas",),
    ),
    _Kind("paths", ("ts", "loss", "barrier"), draw_path, path_series),
    _Kind("densities", ("nodes", "weights", "curve"), densities.draw_density),
    _Kind("spectra", ("pairs", "density"), densities.draw_spectrum),
    _Kind("eigenpairs", ("values", "residuals", "converged"), eigenvalues.draw_eigenpairs),
    _Kind("training runs", ("history", "measured_at"), draw_run, run_series),
)
_WITH_QUANTITY = ("planes", "lines along several directions", "lines", "paths", "training runs")


def compare(
    results: Mapping[str, Any] | Sequence[Any],
    ax: Axes | Sequence[Axes] | None = None,
    *,
    quantity: str | None = None,
) -> Axes | list[Axes]:
    """Draw several results of one kind together.

    A single result is a line, as its own ``plot`` draws it. Several seeds are drawn as their mean,
    its 95% interval by Student's t as a band, and each seed as a thin line. On a logarithmic
    vertical axis, mean and interval are taken of the logarithms. Planes stand side by side on
    shared levels. Eigenpairs stand beside each other, and over seeds their bars are the interval.

    Args:
        results: Name -> a result, or name -> a list of one result a seed; or a list of either,
            which are named 1, 2, ... Lines, paths, densities, spectra, eigenpairs, training runs
            and planes can be compared, of one kind at a time.
        ax: Axes to draw on, in the reader's style; for planes as many axes as planes. None makes a
            figure in the library's style.
        quantity: Quantity of the results to draw, as for their ``plot``: ``loss`` or ``accuracy``,
            or a quantity of a run's history; None takes the default of ``plot``.

    Returns:
        The axes; for planes a list of them.

    Raises:
        ValueError: If there is no result, if kinds are mixed or unknown, if the seeds of a name
            were measured at different positions, if there are several seeds of a plane, or if
            results that share axes get several.

    Example:
        >>> from landscape import Objective, data, models, plots, slices
        >>> digits = data.load("digits")
        >>> model = models.MLP(hidden=(8,)).build(digits.shape, digits.classes, seed=0)
        >>> L = Objective(model, digits.first(100))
        >>> first = slices.random_lines(L, points=5, seed=0, count=2)
        >>> second = slices.random_lines(L, points=5, seed=1, count=2)
        >>> axes = plots.compare({"seed 0": first, "seed 1": second})
        >>> axes.get_xlabel()
        'α (relative to filter norms)'
    """
    named = _named(results)
    kind = _common_kind(named)
    if quantity is not None and kind.name not in _WITH_QUANTITY:
        raise ValueError(f"quantity={quantity!r} has no meaning for {kind.name}. Leave it out.")
    options: dict[str, Any] = {} if quantity is None else {"quantity": quantity}
    if kind.name == "planes":
        return _compare_planes(named, ax, **options)
    if not (ax is None or isinstance(ax, Axes)):
        raise ValueError(f"{kind.name} are drawn on one pair of axes. Pass it as ax.")
    wide = kind.name in ("spectra", "densities")
    with result_axes(ax, width=densities.DENSITY_WIDTH if wide else frames.SINGLE_WIDTH) as axes:
        looks = _looks(named, new_axes=ax is None)
        if wide:
            _compare_densities(axes, named, looks, kind)
        elif kind.series is None:
            _compare_eigenpairs(axes, named, looks, new_axes=ax is None)
        else:
            curve = functools.partial(kind.series, **options)
            _compare_series(axes, named, looks, kind, curve, new_axes=ax is None)
        if ax is None:
            frames.legend(frames.figure_of(axes), [axes], least=1)
        else:
            axes.legend()
    return axes


def _named(results: Mapping[str, Any] | Sequence[Any]) -> dict[str, list[Any]]:
    """Return name -> one result a seed."""
    if not isinstance(results, Mapping):
        results = {str(number): result for number, result in enumerate(results, start=1)}
    named = {
        str(name): list(value) if isinstance(value, list | tuple) else [value]
        for name, value in results.items()
    }
    empty = [name for name, seeds in named.items() if not seeds]
    if not named or empty:
        problem = f"{empty[0]!r} holds no result" if empty else "no result was given"
        raise ValueError(f"{problem}. Pass at least one: name -> result, or name -> list of seeds.")
    return named


def _common_kind(named: Mapping[str, Sequence[Any]]) -> _Kind:
    kinds: dict[str, _Kind] = {}
    for name, seeds in named.items():
        for result in seeds:
            matching = [kind for kind in _KINDS if kind.holds(result)]
            if not matching:
                raise ValueError(
                    f"{name!r} is a {type(result).__name__}, which cannot be compared. Pass "
                    f"{', '.join(kind.name for kind in _KINDS)}."
                )
            kinds.setdefault(matching[0].name, matching[0])
    if len(kinds) > 1:
        raise ValueError(
            f"these results are of several kinds: {' and '.join(kinds)}. Compare one kind at a "
            "time."
        )
    return next(iter(kinds.values()))


def _looks(names: Iterable[str], *, new_axes: bool) -> dict[str, dict[str, Any]]:
    """Return name -> colour and dashes on new axes; on the reader's axes the reader's cycle."""
    looks = {name: series_style(index) for index, name in enumerate(names)}
    return looks if new_axes else {name: {} for name in looks}


def _compare_planes(
    named: Mapping[str, Sequence[Any]],
    ax: Axes | Sequence[Axes] | None,
    *,
    quantity: Quantity = "loss",
) -> list[Axes]:
    for name, seeds in named.items():
        if len(seeds) > 1:
            raise ValueError(
                f"{name!r} holds {len(seeds)} planes, which have no mean: each has its own "
                "directions. Give each a name."
            )
    planes = {name: plane for name, (plane,) in named.items()}
    levels = plane_levels(list(planes.values()), quantity)
    if ax is None:
        return draw_panels(planes, levels, quantity, {})
    axes = [ax] if isinstance(ax, Axes) else list(np.ravel(np.asarray(ax, dtype=object)))
    if len(axes) != len(planes):
        raise ValueError(
            f"{len(planes)} planes do not fit on {len(axes)} axes. Pass as many axes as planes, "
            "such as plt.subplots(1, 3)[1]."
        )
    for axis, (name, plane) in zip(axes, planes.items(), strict=True):
        draw_plane(plane, axis, quantity=quantity, levels=levels, label=name)
    return axes


def _compare_series(
    axes: Axes,
    named: Mapping[str, Sequence[Any]],
    looks: Mapping[str, dict[str, Any]],
    kind: _Kind,
    curve: functools.partial[Series],
    *,
    new_axes: bool,
) -> None:
    series = {name: _aligned(name, kind, list(map(curve, seeds))) for name, seeds in named.items()}
    if new_axes:
        # Before the bands: the scale decides whether means are of the logarithms.
        choose_scale(axes, [row for rows in series.values() for row in rows])
    bands = {
        name: band_over_seeds(rows[0].x, [row.y for row in rows], log=axes.get_yscale() == "log")
        for name, rows in series.items()
    }
    for name, rows in series.items():
        look = _with_markers(looks[name], len(rows[0].x))
        if len(rows) == 1:
            kind.draw(named[name][0], axes, label=name, **curve.keywords, **look)
        else:
            draw_band(axes, bands[name], label=name, style=look)
            name_axes(axes, rows[0].xlabel, rows[0].ylabel)
    if new_axes:
        _fit_limits(axes, list(bands.values()))


def _aligned(name: str, kind: _Kind, rows: Sequence[Series]) -> list[Series]:
    """Return the series of the seeds of a name on one grid.

    A run that diverged has fewer steps than the others: it gets NaN for the rest.
    """
    grid = max((row.x for row in rows), key=len)
    if any(not np.array_equal(row.x, grid[: len(row.x)]) for row in rows):
        raise ValueError(
            f"the {len(rows)} {kind.name} of {name!r} stand at different positions, so they have "
            "no mean. Measure all seeds at the same positions, or give each a name."
        )
    paddings = [np.full(len(grid) - len(row.x), np.nan) for row in rows]
    return [
        dataclasses.replace(row, x=grid, y=np.concatenate([row.y, padding]))
        for row, padding in zip(rows, paddings, strict=True)
    ]


def _fit_limits(axes: Axes, bands: Sequence[Band]) -> None:
    """Keep wide bands from pressing the lines flat, then place the ticks of a logarithmic axis."""
    limits = vertical_limits(bands, axes.get_yscale())
    if limits is not None and any(band.n > 1 for band in bands):
        axes.set_ylim(*limits)
    if axes.get_yscale() == "log":
        log_ticks(axes.yaxis)


def _with_markers(look: Mapping[str, Any], positions: int) -> dict[str, Any]:
    """Return a style, without its marker where a line has many positions."""
    return {
        key: value for key, value in look.items() if key != "marker" or positions <= _MOST_MARKERS
    }


def _compare_densities(
    axes: Axes,
    named: Mapping[str, Sequence[Any]],
    looks: Mapping[str, dict[str, Any]],
    kind: _Kind,
) -> None:
    by_name = {
        name: [result.density if kind.name == "spectra" else result for result in seeds]
        for name, seeds in named.items()
    }
    # One scale for all: the height of a curve is a share per unit of asinh(λ / scale).
    all_densities = [density for seeds in by_name.values() for density in seeds]
    scale = densities.axis_scale(axes, densities.shared_scale(all_densities))
    for name, seeds in by_name.items():
        look = _with_markers(looks[name], _MOST_MARKERS + 1)  # A density has no markers.
        if len(seeds) == 1:
            kind.draw(named[name][0], axes, label=name, scale=scale, **look)
        else:
            densities.draw_mean_density(axes, seeds, scale, label=name, style=look)


def _compare_eigenpairs(
    axes: Axes,
    named: Mapping[str, Sequence[Any]],
    looks: Mapping[str, dict[str, Any]],
    *,
    new_axes: bool,
) -> None:
    for index, (name, seeds) in enumerate(named.items()):
        # Side by side within half a number, so that no bar hides another.
        shift = 0.5 * ((index + 0.5) / len(named) - 0.5)
        look = looks[name] | {"linestyle": ""}
        if len(seeds) == 1:
            eigenvalues.draw_eigenpairs(seeds[0], axes, label=name, shift=shift, **look)
        else:
            eigenvalues.draw_mean_eigenvalues(axes, seeds, label=name, shift=shift, style=look)
    if new_axes:
        values = [pairs.values.numpy() for seeds in named.values() for pairs in seeds]
        eigenvalues.finish_eigenvalues(axes, np.concatenate(values))
