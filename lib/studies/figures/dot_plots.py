"""Ready dot plots: means or ratios with their intervals, in place of wide tables."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from landscape.plots.axes import suggests_log_scale
from landscape.plots.bands import band_over_seeds
from landscape.plots.dots import Dot, DotPanel, cuts_interval
from landscape.plots.dots import dots as draw_dots

from studies.display import Figure, Missing
from studies.formatting import list_text
from studies.intervals import paired_ratio
from studies.measurements import Measurements
from studies.quantities import quantity as quantity_named
from studies.quantities import short_headings

# Row -> colour -> an arm, whose mean is drawn; or a pair of arms, whose ratio is drawn.
Rows = Mapping[str, Mapping[str, str | Sequence[str]]]


def measures(
    numbers: Measurements,
    quantities: Iterable[str] | Mapping[str, str],
    rows: Rows | str | None = None,
    colours: str | None = None,
    *,
    reference: str | None = None,
    instead: Mapping[str, str] | None = None,
    kept: Mapping[str, Sequence[bool]] | None = None,
    label: str,
    caption: str,
    alt: str = "",
    columns: int = 3,
) -> Figure | Missing:
    """Return a panel for each quantity: a point with its 95% interval for each row and colour.

    Without a reference the points are means over seeds: geometric on a logarithmic axis, which a
    positive quantity has where its values span a factor of 3. With a reference they are paired
    ratios on a logarithmic axis with a line at 1. The caption goes on with how to read the picture,
    with the seeds that are left out, and with what has no number.

    Args:
        numbers: Where the quantities were recorded, in the same order of seeds in all arms.
        quantities: Names of quantities; or name -> heading. Those that the record lacks are left
            out.
        rows: Row -> colour -> an arm, or an arm and the one it is divided by, as ``arms.beside``
            gives them. Or the factor whose levels are the rows, such as ``optimizer``. None makes
            each arm a row.
        colours: Where ``rows`` is a factor: the factor whose levels are the colours, such as
            ``rate``. None draws one colour.
        reference: Where ``rows`` is a factor or None: the row that all others of its colour are
            divided by. None draws means.
        instead: Colour -> the colour whose reference it is divided by, for colours in which the
            reference was not measured.
        kept: Arm -> for each seed whether it counts; arms that are not listed keep all seeds.
        label: Such as ``fig-measures``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text; empty names panels, rows and colours.
        columns: Panels side by side.

    Raises:
        ValueError: If arms share a row and a colour, or no row has the name of the reference.
    """
    known = {name: title for name, title in short_headings(quantities).items() if name in numbers}
    if not known:
        return Missing(label)
    if not isinstance(rows, Mapping):
        rows = _rows_of_factors(numbers, rows, colours)
        if reference is not None:
            rows = _beside(rows, reference, instead or {})
    seeds = _Seeds(numbers, kept or {})
    panels = [_panel(seeds, name, title, rows) for name, title in known.items()]
    if not any(_has_number(panel) for panel in panels):
        return Missing(label)
    return Figure(
        draw_dots(panels, columns=min(columns, len(panels))),
        label=label,
        caption=f"{caption} {_reading(rows)}{_cut(panels)}{seeds.remarks()}",
        alt=alt or _alt(panels),
    )


@dataclasses.dataclass
class _Seeds:
    """Values of arms without the seeds that do not count, and a note of what was left out."""

    numbers: Measurements
    kept: Mapping[str, Sequence[bool]]
    dropped: dict[str, str] = dataclasses.field(default_factory=dict)
    absent: dict[str, None] = dataclasses.field(default_factory=dict)

    def values(self, name: str, arms: Sequence[str], where: str) -> np.ndarray:
        """Return the values of some arms at the seeds that count in all, (arms, seeds)."""
        sign = quantity_named(name).sign
        frame = self.numbers.where(quantity=name).frame
        recorded = set(frame["arm"])
        if not all(str(arm) in recorded for arm in arms):
            return np.empty((len(arms), 0))
        values = np.array([self.numbers.values(name, arm) for arm in arms])
        if len(arms) > 1:
            values = sign * values
        counts = [self.kept.get(str(arm), [True] * values.shape[1]) for arm in arms]
        chosen = np.all(counts, axis=0)
        if not chosen.all():
            self.dropped[where] = f"{int(chosen.sum())} of {len(chosen)}"
        return values[:, chosen]

    def remarks(self) -> str:
        """Return what the caption says on seeds that are left out and on points that are not."""
        texts = ""
        if self.dropped:
            counts = "; ".join(f"{where}, {count}" for where, count in self.dropped.items())
            texts += f" Only seeds that learned count: {counts}."
        if self.absent:
            texts += f" No value exists for {'; '.join(self.absent)}."
        return texts


def _panel(seeds: _Seeds, name: str, title: str, rows: Rows) -> DotPanel:
    """Return the panel of one quantity; its axis suits the values."""
    samples: dict[str, dict[str, np.ndarray]] = {}
    for row, cells in rows.items():
        for colour, cell in cells.items():
            where = f"{row} ({colour})" if colour else row
            arms = [cell] if isinstance(cell, str) else list(cell)
            samples.setdefault(colour, {})[row] = seeds.values(name, arms, where)
    every = [values for column in samples.values() for values in column.values() if values.size]
    ratios = any(len(values) == 2 for values in every)
    finite = np.concatenate([values[np.isfinite(values)] for values in every] or [np.empty(0)])
    log = ratios or suggests_log_scale(finite, span=3.0)
    drawn = {
        colour: {row: _dot(values, log=log) for row, values in column.items()}
        for colour, column in samples.items()
    }
    for colour, column in drawn.items():
        for row, dot in column.items():
            if math.isnan(dot[0]):
                seeds.absent[f"{title} of {row} ({colour})" if colour else f"{title} of {row}"] = (
                    None
                )
    unit = "ratio" if ratios else seeds.numbers.unit(name) or title
    return DotPanel(title, unit, drawn, "log" if log else "linear", 1.0 if ratios else None)


def _dot(values: np.ndarray, *, log: bool) -> Dot:
    """Return mean or paired ratio with its interval; of one seed the value alone."""
    if values.shape[1] == 0:
        return (math.nan, math.nan, math.nan)
    if len(values) == 2:
        if values.shape[1] == 1:
            first, second = values[:, 0]
            return (first / second if first > 0 and second > 0 else math.nan, math.nan, math.nan)
        ratio = paired_ratio(*values)
        return (ratio.estimate, ratio.low, ratio.high)
    band = band_over_seeds(np.zeros(1), list(values[0][:, None]), log=log)
    return (float(band.mean[0]), float(band.low[0]), float(band.high[0]))


def _rows_of_factors(
    numbers: Measurements, factor: str | None, colours: str | None
) -> dict[str, dict[str, str]]:
    """Return row -> colour -> arm from the factors of the recorded numbers."""
    columns = {name: numbers.frame[name] for name in (factor or "arm", colours) if name}
    rows: dict[str, dict[str, str]] = {}
    for arm, *levels in dict.fromkeys(zip(numbers.frame["arm"], *columns.values(), strict=True)):
        row, colour = (*map(_level, levels), "")[:2]
        if rows.setdefault(row, {}).setdefault(colour, arm) != arm:
            raise ValueError(
                f"the arms {rows[row][colour]!r} and {arm!r} both stand in row {row!r}, colour "
                f"{colour!r}. Choose numbers with where() first, or name another factor."
            )
    return rows


def _level(level: Any) -> str:
    return level if isinstance(level, str) else f"{level:g}"


def _beside(
    rows: Mapping[str, Mapping[str, str]], reference: str, instead: Mapping[str, str]
) -> dict[str, dict[str, tuple[str, str]]]:
    """Return each arm with the reference of its colour; rows without any are left out."""
    if reference not in rows:
        raise ValueError(f"reference={reference!r} is no row. Rows are {', '.join(rows)}.")
    basis = rows[reference]
    pairs = {
        row: {
            colour: (arm, basis[instead.get(colour, colour)])
            for colour, arm in cells.items()
            if instead.get(colour, colour) in basis
        }
        for row, cells in rows.items()
        if row != reference
    }
    return {row: cells for row, cells in pairs.items() if cells}


def _has_number(panel: DotPanel) -> bool:
    return any(math.isfinite(dot[0]) for rows in panel.dots.values() for dot in rows.values())


def _reading(rows: Rows) -> str:
    cells = [cell for row in rows.values() for cell in row.values()]
    if all(isinstance(cell, str) for cell in cells):
        return "Points are means over seeds (geometric on logarithmic axes), bars 95% intervals."
    return (
        "Points are geometric mean ratios over paired seeds, bars their 95% intervals; the line "
        "marks 1, no difference."
    )


def _cut(panels: Sequence[DotPanel]) -> str:
    """Return what the caption says on arrows, where an interval is longer than its axis."""
    cut = any(cuts_interval(panel) for panel in panels)
    return " An arrow marks an interval that goes beyond the axis." if cut else ""


def _alt(panels: Sequence[DotPanel]) -> str:
    titles = list_text([panel.title for panel in panels])
    groups = list(dict.fromkeys(group for panel in panels for group in panel.dots if group))
    rows = dict.fromkeys(row for panel in panels for dots in panel.dots.values() for row in dots)
    shown = "ratios" if panels[0].reference is not None else "means"
    colours = f" Colours distinguish {list_text(groups)}." if len(groups) > 1 else ""
    return (
        f"A dot plot shows {shown} with 95% intervals of {titles}. Its rows are "
        f"{list_text(list(rows))}.{colours}"
    )
