"""Scaling: recorded values against the size of a network, and the exponents of their power laws."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from landscape import predictors
from landscape.bands import asks_for_log, over_seeds
from landscape.display import Table
from landscape.panels import Panel
from landscape.results import Study
from landscape.statistics import Interval, mean_interval, paired_difference, power_law
from landscape.wording import converged_text, interval_text

# Family, such as "MLP" -> size, such as its width -> arm. Families may have different sizes.
Families = Mapping[str, Mapping[float, str]]

_WIDE = 1000.0  # Values that span as much show on a logarithmic axis alone.
_LABELS = 9  # As many fit below a panel of half the width of a page.


@dataclasses.dataclass(frozen=True)
class Exponent(Interval):
    """The exponent b of a power law y = a·x^b, with its confidence interval over seeds.

    Attributes:
        converged: Whether every value behind it converged. With lower bounds among them, such as
            the epochs of runs that never reach a level, it is not the exponent.
        least: The least exponent between two neighbouring sizes, of means over seeds of the
            logarithms; ``b`` wherever the power law holds. NaN without an estimate.
        most: The largest.
        sizes: Number of sizes.
    """

    converged: bool
    least: float
    most: float
    sizes: int


def panels(
    study: Study,
    quantities: Mapping[str, str],
    families: Families,
    *,
    x: str,
    span: float = 1.0,
) -> list[Panel]:
    """Return a panel for each recorded quantity against size, a band over seeds for each family.

    The horizontal axis is logarithmic and labelled with the sizes, as many as it has room for. The
    vertical axis is logarithmic, and so are mean and interval, where all finite values are
    positive: a power law is a straight line. So it is where most are and these span a factor of
    1,000, which a linear axis would not show; the title then counts the others, which have no place
    on it. A size of which a seed's value is not finite, or has no place, is a gap.

    Args:
        study: Where the values were recorded, in the same order of seeds.
        quantities: Recorded name -> heading.
        families: Family -> size, positive -> arm.
        x: What the sizes are, such as ``width``.
        span: Largest over smallest value from which the vertical axis is logarithmic.

    Raises:
        ValueError: If the sizes of a family have different numbers of values.
    """
    ticks = _ticks(sorted({size for sizes in families.values() for size in sizes}))
    made = []
    for quantity, heading in quantities.items():
        curves = {name: _against(study, quantity, name, of) for name, of in families.items()}
        values = np.concatenate([of.ravel() for of in curves.values()])
        scale, lost = _scale(values[np.isfinite(values)], span)
        if lost:
            curves = {name: np.where(of > 0, of, np.nan) for name, of in curves.items()}
        series = {
            name: over_seeds(sorted(families[name]), list(of), scale) for name, of in curves.items()
        }
        unit = study.unit(quantity) or heading
        title = f"{heading} ({lost} of {values.size} ≤ 0)" if lost else heading
        made.append(Panel(title, x, unit, series, scale, "log", ticks=ticks))
    return made


def exponents(
    study: Study, quantities: Sequence[str], families: Families, *, confidence: float = 0.95
) -> dict[tuple[str, str], Exponent]:
    """Return the exponent of each quantity's power law in size, for each family, over seeds.

    Each seed has an exponent of its own, ``statistics.power_law`` through its values at all sizes;
    mean and interval are those over seeds. A seed with a value that is not finite and positive has
    none: it is not left out, so its family has no estimate, and ``invalid`` counts such seeds.

    Args:
        study: Where the values were recorded, in the same order of seeds.
        quantities: Recorded names.
        families: Family -> size, at least two, positive -> arm; of at least 2 seeds.
        confidence: Coverage of the intervals.

    Returns:
        (quantity, family) -> exponent.

    Raises:
        ValueError: If the sizes of a family have different numbers of values, there is one seed, or
            one size.
    """
    found = {}
    for quantity, (name, sizes) in itertools.product(quantities, families.items()):
        rows = _against(study, quantity, name, sizes)
        each = [power_law(sorted(sizes), row) for row in rows]
        least, most = _between(sorted(sizes), rows)
        found[quantity, name] = Exponent(
            **vars(mean_interval(each, confidence=confidence)),
            converged=study.converged(quantity, list(sizes.values())),
            least=least,
            most=most,
            sizes=len(sizes),
        )
    return found


def difference(study: Study, first: str, second: str, sizes: Mapping[float, str]) -> Interval:
    """Return the paired difference of two quantities' exponents over seeds, first less second.

    Args:
        study: Where both were recorded, in the same order of seeds.
        first: A recorded name.
        second: Another.
        sizes: Size, at least two, positive -> arm; of at least 2 seeds.
    """
    each = (
        predictors.exponents(study, name, list(sizes.values()), list(sizes))
        for name in (first, second)
    )
    return paired_difference(*each)


def _between(sizes: Sequence[float], rows: np.ndarray) -> tuple[float, float]:
    """Return the least and the largest exponent between neighbours of values (seeds, sizes)."""
    if not (np.isfinite(rows) & (rows > 0)).all():
        return math.nan, math.nan
    slopes = np.diff(np.log(rows).mean(0)) / np.diff(np.log(sizes))
    return float(slopes.min()), float(slopes.max())


def table(
    found: Mapping[tuple[str, str], Exponent],
    quantities: Mapping[str, str],
    *,
    label: str,
    caption: str,
) -> Table:
    """Return a table of exponents: rows are quantities, columns families.

    Beside each stands the range of exponents between neighbouring sizes: where it is wide, there is
    no power law. Exponents of values that did not all converge are none: a dash.

    Args:
        found: What ``exponents`` returns; a quantity need not have all families.
        quantities: Recorded name -> heading, of the rows to show.
        label: Such as ``tab-exponents``.
        caption: What to see.
    """
    families = list(dict.fromkeys(family for _, family in found))
    rows = []
    for quantity, heading in quantities.items():
        own = {family: found.get((quantity, family)) for family in families}
        known = {family: of for family, of in own.items() if of is not None}
        failed = [family for family, of in known.items() if of.invalid or not of.converged]
        cells = [_text(of) if of else "" for of in own.values()]
        rows.append([heading, *cells, converged_text(failed, len(known))])
    return Table(
        ["quantity", *families, "converged"],
        rows,
        label=label,
        caption=f"{caption} Mean over seeds ± half-width of the 95% interval; in brackets the "
        "least and the largest exponent between neighbouring sizes. A dash where values did not "
        "converge.",
        align=["left"] * (len(families) + 2),
    )


def _text(exponent: Exponent) -> str:
    if exponent.invalid:
        return f"– ({exponent.n - exponent.invalid} of {exponent.n} finite)"
    if not exponent.converged:
        return "–"
    ends = [f"{end:.2f}".replace("-", "−") for end in (exponent.least, exponent.most)]
    local = f" ({ends[0]} to {ends[1]})" if exponent.sizes > 2 else ""
    return interval_text(exponent) + local


def _scale(values: np.ndarray, span: float) -> tuple[Literal["log", "linear"], int]:
    """Return the scale that finite values ask for, and how many have no place on it."""
    if asks_for_log(values, span=span):
        return "log", 0
    positive = values[values > 0]
    if 2 * len(positive) > len(values) and asks_for_log(positive, span=_WIDE):
        return "log", len(values) - len(positive)
    return "linear", 0


def _against(study: Study, quantity: str, family: str, sizes: Mapping[float, str]) -> np.ndarray:
    """Return the values (seeds, sizes) of a family, in increasing order of sizes."""
    rows = [study.values(quantity, sizes[size]) for size in sorted(sizes)]
    if len({len(row) for row in rows}) > 1:
        raise ValueError(
            f"{quantity!r} of {family!r} has {[len(row) for row in rows]} values at the sizes "
            f"{sorted(sizes)}. Record one for each seed at every size, NaN where there is none."
        )
    return np.array(rows).T


def _ticks(sizes: Sequence[float]) -> tuple[float, ...]:
    """Return which sizes, in increasing order, have a label: neighbours must not overlap."""
    least = (sizes[-1] / sizes[0]) ** (1 / _LABELS)
    kept = [sizes[0]]
    for size in sizes[1:]:
        if size >= least * kept[-1]:
            kept.append(size)
    return tuple(kept)
