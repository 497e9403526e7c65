"""Table of the exponents of power laws in network size."""

from collections.abc import Iterable, Mapping

from studies.display import Table
from studies.formatting import interval_text
from studies.power_laws import Exponent
from studies.quantities import short_headings
from studies.tables.layout import table_of


def exponent_table(
    exponents: Mapping[tuple[str, str], Exponent],
    quantities: Iterable[str] | Mapping[str, str],
    *,
    label: str,
    caption: str,
    local: bool = True,
    emphasise: str = "",
) -> Table:
    """Return a table of exponents: rows are quantities, columns families.

    Values that did not all converge have no exponent: a dash.

    Args:
        exponents: (quantity, family) -> exponent, from ``power_laws.power_law_exponents``; a
            quantity need not have all families.
        quantities: Names of the quantities to show; or name -> heading.
        label: Such as ``tab-exponents``.
        caption: What to see; how to read a cell is added.
        local: Whether the range of exponents between neighbouring sizes stands beside each
            exponent: where it is wide, there is no power law.
        emphasise: The row or column to print bold, by its heading; empty for none.

    Raises:
        ValueError: If there is no row or column to emphasise.
    """
    families = list(dict.fromkeys(family for _, family in exponents))
    rows = []
    for name, heading in short_headings(quantities).items():
        row = [exponents.get((name, family)) for family in families]
        if any(row):
            cells = [_text(exponent, local=local) if exponent else "" for exponent in row]
            rows.append([heading, *cells])
    ranges = "; in brackets, the range of exponents between neighbouring sizes" if local else ""
    dashes = any(cell.startswith("–") for row in rows for cell in row[1:])
    return table_of(
        ["quantity", *families],
        rows,
        label=label,
        caption=f"{caption} Means over seeds ± half-width of the 95% interval{ranges}."
        + (" A dash stands where values did not converge." if dashes else ""),
        emphasise=emphasise,
        align=["left"] * (len(families) + 1),
    )


def _text(exponent: Exponent, *, local: bool) -> str:
    if exponent.invalid:
        return f"– ({exponent.n - exponent.invalid} of {exponent.n} finite)"
    if not exponent.converged:
        return "–"
    ends = [f"{end:.2f}".replace("-", "−") for end in (exponent.local_min, exponent.local_max)]
    span = f" ({ends[0]} to {ends[1]})" if local and exponent.sizes > 2 else ""
    return interval_text(exponent) + span
