"""Table of the exponents of power laws in network size."""

from collections.abc import Iterable, Mapping

from studies.display import Table
from studies.formatting import converged_text, interval_text
from studies.power_laws import Exponent
from studies.quantities import short_headings


def exponent_table(
    exponents: Mapping[tuple[str, str], Exponent],
    quantities: Iterable[str] | Mapping[str, str],
    *,
    label: str,
    caption: str,
) -> Table:
    """Return a table of exponents: rows are quantities, columns families.

    Beside each exponent stands the range of exponents between neighbouring sizes: where it is wide,
    there is no power law. Values that did not all converge have no exponent: a dash.

    Args:
        exponents: (quantity, family) -> exponent, from ``power_laws.power_law_exponents``; a
            quantity need not have all families.
        quantities: Names of the quantities to show; or name -> heading.
        label: Such as ``tab-exponents``.
        caption: What to see; how to read a cell is added.
    """
    families = list(dict.fromkeys(family for _, family in exponents))
    rows = []
    for quantity, heading in short_headings(quantities).items():
        row = {family: exponents.get((quantity, family)) for family in families}
        known = {family: exponent for family, exponent in row.items() if exponent is not None}
        failed = [
            family
            for family, exponent in known.items()
            if exponent.invalid or not exponent.converged
        ]
        if not known:
            continue
        cells = [_text(exponent) if exponent else "" for exponent in row.values()]
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
    ends = [f"{end:.2f}".replace("-", "−") for end in (exponent.local_min, exponent.local_max)]
    local = f" ({ends[0]} to {ends[1]})" if exponent.sizes > 2 else ""
    return interval_text(exponent) + local
