"""Tables of single networks: numbers with errors, eigenvalues with residuals, layers, paths."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from landscape.connectivity.path import Path
from landscape.spectrum.layers import LayerTraces
from landscape.spectrum.survey import FullSpectrum

from studies.display import NotMeasured, Sentence, Table
from studies.formatting import count_text, number_text, path_text
from studies.measurements import Measurements
from studies.quantities import quantity
from studies.records.layers import LAYER
from studies.tables.layout import marked, table_of

Shown = Table | Sentence

_MOST_LAYERS = 20


def single_numbers(
    numbers: Measurements, names: Iterable[str], *, label: str, caption: str
) -> Shown:
    """Return a table of single numbers with their errors: a row a quantity, a column a network.

    Args:
        numbers: Where the quantities were recorded, once for each arm.
        names: Names of quantities; those that the record lacks are left out.
        label: Such as ``tab-numbers``.
        caption: What to see; what the errors are is added.
    """
    known = [name for name in names if name in numbers]
    if not known:
        return NotMeasured()
    arms, rows = numbers.arms, []
    for name in known:
        frame = numbers.where(quantity=name).frame
        of_arm = {row["arm"]: row for row in frame.to_dict("records")}
        cells = [_cell(of_arm[arm]) if arm in of_arm else "–" for arm in arms]
        rows.append([quantity(name).heading, *cells, _text(next(iter(of_arm.values())), "unit")])
    columns = list(arms) if len(arms) > 1 else ["value"]
    return table_of(
        ["quantity", *columns, "unit"],
        rows,
        label=label,
        caption=f"{caption} Errors are of the computation on these examples: residuals of "
        "eigenvalues, standard errors of random probes.",
        align=["left"] * (len(columns) + 2),
    )


def eigenvalues(
    spectra: Mapping[str, Sequence[FullSpectrum]], *, label: str, caption: str
) -> Shown:
    """Return a table of the eigenvalues at both ends of spectra, with their residuals.

    Args:
        spectra: Arm -> its spectra, of which the first is shown.
        label: Such as ``tab-eigenvalues``.
        caption: What to see.
    """
    known = {arm: kept[0].pairs for arm, kept in spectra.items() if kept}
    if not known:
        return NotMeasured()
    length = max(len(pairs.values) for pairs in known.values())
    rows = []
    for index in range(length):
        cells = []
        for pairs in known.values():
            there = index < len(pairs.values)
            value = float(pairs.values[index]) if there else math.nan
            text = marked(number_text(value), there and bool(pairs.converged[index]))
            cells += [text, number_text(float(pairs.residuals[index])) if there else "–"]
        rows.append([str(index + 1) if index < length // 2 else f"−{length - index}", *cells])
    headings = [
        f"{name}{', ' + arm if len(known) > 1 else ''}"
        for arm in known
        for name in ("λ", "residual")
    ]
    return table_of(
        ["number", *headings],
        rows,
        label=label,
        caption=f"{caption} −1 is the smallest eigenvalue.",
    )


def layer_traces(traces: Mapping[str, LayerTraces], *, label: str, caption: str) -> Shown:
    """Return a table of the traces of layers: of many layers those with the largest share.

    Args:
        traces: Arm -> traces; the layers are those of the first.
        label: Such as ``tab-layers``.
        caption: What to see.
    """
    if not traces:
        return NotMeasured()
    first = next(iter(traces.values()))
    order = sorted(range(len(first.layers)), key=lambda i: -abs(float(first.values[i])))
    shown = sorted(order[:_MOST_LAYERS])
    rows = []
    for i in shown:
        cells = []
        for one in traces.values():
            value, error = float(one.values[i]), float(one.stderr[i])
            share = value / one.total if one.total else math.nan
            text = (
                number_text(value) if one.exact else f"{number_text(value)} ± {number_text(error)}"
            )
            cells += [text, f"{100 * share:.1f}"]
        name = first.layers[i].removeprefix(LAYER)
        rows.append([name, count_text(first.parameters[i]), *cells])
    if hidden := len(order) - len(shown):
        caption += f" The {hidden} layers with the smallest traces are left out."
    headings = [
        f"{name}{', ' + arm if len(traces) > 1 else ''}"
        for arm in traces
        for name in ("trace", "share (%)")
    ]
    return table_of(
        ["layer", "parameters", *headings],
        rows,
        label=label,
        caption=caption,
        align=["left", "decimal", *["left", "decimal"] * len(traces)],
    )


def single_paths(paths: Mapping[str, Path], *, label: str, caption: str) -> Shown:
    """Return a table of barriers of single paths between two networks.

    Args:
        paths: Kind of path -> path.
        label: Such as ``tab-paths``.
        caption: What to see.
    """
    if not paths:
        return NotMeasured()
    return table_of(
        ["path", "loss barrier", "error barrier (points)", "at t"],
        [
            [
                path_text(kind),
                number_text(path.barrier),
                number_text(100 * path.error_barrier),
                f"{path.position:.2f}" if math.isfinite(path.position) else "–",
            ]
            for kind, path in paths.items()
        ],
        label=label,
        caption=caption,
    )


def _cell(row: Mapping[Any, Any]) -> str:
    """Return a number with its error, marked where it did not converge."""
    error = row.get("error")
    text = number_text(row["value"])
    if isinstance(error, float) and math.isfinite(error) and math.isfinite(row["value"]):
        text += f" ± {number_text(error)}"
    failed = row.get("converged")
    return marked(text, bool(pd.isna(failed)) or bool(failed))


def _text(row: Mapping[Any, Any], column: str) -> str:
    value = row.get(column)
    return "" if value is None or pd.isna(value) else str(value)
