"""Ready figures of a study: from runs, numbers, slices, spectra and paths to the drawn page.

Each takes label, caption and alternative text (see ``display.Figure``). Where the record lacks
what a figure shows, a sentence that says so stands in its place.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from landscape.connectivity.path import Path
from landscape.plots.curves import MOST
from landscape.plots.panel import Panel
from landscape.plots.planes import levels
from landscape.slices.grid import Lines
from landscape.spectrum.survey import FullSpectrum

from studies.display import Figure, Missing, Sentence
from studies.figures import builders, captioned
from studies.figures.panel_descriptions import divergence_remark
from studies.figures.scaling import scaling_panels
from studies.figures.subsets import subset_remark
from studies.intervals import mean_intervals
from studies.measurements import Measurements
from studies.power_laws import Families, known_quantities
from studies.quantities import short_headings
from studies.runs import Runs

Quantities = Iterable[str] | Mapping[str, str]
Shown = Figure | Sentence


def training(
    runs: Runs,
    shown: Sequence[str] | None = None,
    *,
    label: str,
    caption: str,
    alt: str = "",
) -> Shown:
    """Return the training curves: losses, test error, norm of the mini-batch gradients.

    The caption goes on with the arms whose runs diverged, and with the part of the examples that
    curves come from where it is not all.

    Args:
        runs: (arm, seed) -> run.
        shown: Names of panels, of ``builders.TRAINING``; None shows all, or training loss and test
            error alone where more than six arms need two panels for each.
        label: Such as ``fig-training``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text; empty names panels and curves.

    Raises:
        ValueError: If there is no panel of a name.
    """
    if not runs:
        return Missing(label)
    many = len(runs.arms) > MOST
    names = shown or (("training loss", "test error") if many else tuple(builders.TRAINING))
    panels = builders.training_panels(runs, names)
    drawn = [builders.TRAINING[name][1] for name in names]
    remarks = (
        divergence_remark({arm: runs.diverged(arm) for arm in runs.arms}, panels),
        subset_remark(runs.values(), drawn),
    )
    return _curves(panels, label, " ".join(filter(None, [caption, *remarks])), alt)


def pairs(
    numbers: Measurements,
    quantities: Quantities,
    arms: Sequence[str] | None = None,
    *,
    label: str,
    caption: str,
    alt: str,
) -> Shown:
    """Return a panel for each quantity: one point a seed in each arm, and means with intervals.

    Args:
        numbers: Where the quantities were recorded, in the same order of seeds in all arms.
        quantities: Names of quantities; or name -> heading.
        arms: The arms; None for all.
        label: Such as ``fig-sharpness``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text.
    """
    known = {name: title for name, title in short_headings(quantities).items() if name in numbers}
    if not known:
        return Missing(label)
    chosen = numbers.arms if arms is None else arms
    values = {t: {arm: numbers.values(q, arm) for arm in chosen} for q, t in known.items()}
    units = {title: numbers.unit(name) for name, title in known.items()}
    return captioned.pairs(
        values, mean_intervals(values), units=units, label=label, caption=caption, alt=alt
    )


def against(
    numbers: Measurements,
    quantities: Quantities,
    column: str,
    *,
    x: str,
    label: str,
    caption: str,
    alt: str = "",
) -> Shown:
    """Return a panel for each quantity against a column, one curve an arm, on logarithmic axes.

    Args:
        numbers: One number of each arm at each position.
        quantities: Names of quantities; or name -> heading.
        column: The column that holds the positions, such as ``examples``: all positive.
        x: Meaning of the positions.
        label: Such as ``fig-examples``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text; empty names panels and curves.
    """
    known = {name: title for name, title in short_headings(quantities).items() if name in numbers}
    panels = builders.column_panels(numbers, known, column, x) if known else []
    return _curves(panels, label, caption, alt)


def lines(
    measured: Mapping[tuple[str, Any], Lines],
    *,
    label: str,
    caption: str,
    alt: str = "",
    network: str = "",
) -> Shown:
    """Return loss and accuracy along lines through solutions, as bands over seeds.

    Args:
        measured: (arm, seed) -> lines.
        label: Such as ``fig-lines``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text; empty names panels and curves.
        network: Kind of network that begins the titles; empty for none.
    """
    panels = builders.line_panels(measured, network=network) if measured else []
    return _curves(panels, label, caption, alt)


def line_spread(measured: Mapping[str, Lines], *, label: str, caption: str, alt: str = "") -> Shown:
    """Return loss and accuracy along the lines of single solutions: median and middle 80%.

    Args:
        measured: Arm -> the lines through one solution.
        label: Such as ``fig-spread``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text; empty names panels and curves.
    """
    panels = builders.line_spread_panels(measured) if measured else []
    return _curves(panels, label, caption, alt)


def spectra(
    measured: Mapping[str, Sequence[FullSpectrum]], *, label: str, caption: str, alt: str
) -> Shown:
    """Return the spectral densities of several kinds of Hessians, one below the other.

    Args:
        measured: Title -> one spectrum for each seed.
        label: Such as ``fig-spectra``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text.
    """
    if not any(measured.values()):
        return Missing(label)
    panels = builders.spectrum_panels({title: kept for title, kept in measured.items() if kept})
    return captioned.spectra(panels, label=label, caption=caption, alt=alt)


def planes(
    named: Mapping[str, Any], *, label: str, caption: str, alt: str, **options: Any
) -> Shown:
    """Return planes as contours.

    Args:
        named: Title -> plane; None, of a plane that the record lacks, is left out.
        label: Such as ``fig-planes``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text.
        options: Those of ``landscape.plots.planes``; without ``levels`` the planes share those
            that suit them.
    """
    known = {title: plane for title, plane in named.items() if plane is not None}
    if not known:
        return Missing(label)
    options = {"levels": levels(list(known.values())), **options}
    return captioned.planes(known, label=label, caption=caption, alt=alt, **options)


def surface(
    named: Mapping[str, Any], *, label: str, caption: str, alt: str, **options: Any
) -> Shown:
    """Return planes as surfaces, which the HTML report turns.

    Args:
        named: Title -> plane; None, of a plane that the record lacks, is left out.
        label: Such as ``fig-surface``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text.
        options: Those of ``landscape.plots.surface``.
    """
    known = {title: plane for title, plane in named.items() if plane is not None}
    if not known:
        return Missing(label)
    return captioned.surface(known, label=label, caption=caption, alt=alt, **options)


def paths(
    measured: Mapping[tuple[str, str], Sequence[Path]], *, label: str, caption: str, alt: str = ""
) -> Shown:
    """Return loss and accuracy along paths for each split, by policy of batch normalisation.

    Args:
        measured: (split, policy) -> one path for each pair of solutions.
        label: Such as ``fig-paths``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text; empty names panels and curves.
    """
    known = {key: pairs for key, pairs in measured.items() if pairs}
    return _curves(builders.path_panels(known) if known else [], label, caption, alt)


def path_kinds(
    measured: Mapping[str, Sequence[Path]], *, label: str, caption: str, alt: str = ""
) -> Shown:
    """Return loss and accuracy along several kinds of paths between solutions.

    Args:
        measured: Kind -> one path for each pair of solutions.
        label: Such as ``fig-routes``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text; empty names panels and curves.
    """
    known = {kind: pairs for kind, pairs in measured.items() if pairs}
    return _curves(builders.path_kind_panels(known) if known else [], label, caption, alt)


def against_size(
    numbers: Measurements,
    quantities: Quantities,
    families: Families,
    *,
    x: str,
    label: str,
    caption: str,
    alt: str = "",
    span: float = 1.0,
    columns: int | None = None,
) -> Shown:
    """Return a panel for each quantity against size, a band over seeds for each family.

    Args:
        numbers: Where the values were recorded, in the same order of seeds.
        quantities: Names of quantities; or name -> heading. Those that the record lacks, of all
            networks or of some, are left out.
        families: Family -> size, positive -> arm.
        x: Meaning of the sizes, such as ``width``.
        label: Such as ``fig-scaling``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text; empty names panels and curves.
        span: See ``scaling.scaling_panels``.
        columns: Panels in a row; None chooses.
    """
    named = short_headings(quantities)
    known = {name: named[name] for name in known_quantities(numbers, named, families)}
    panels = scaling_panels(numbers, known, families, x=x, span=span) if known else []
    options = {} if columns is None else {"columns": columns}
    return _curves(panels, label, caption, alt, **options)


def _curves(panels: Sequence[Panel], label: str, caption: str, alt: str, **options: Any) -> Shown:
    if not panels:
        return Missing(label)
    return captioned.curves(panels, label=label, caption=caption, alt=alt, **options)
