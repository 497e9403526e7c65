"""A table of the exponents of power laws in size."""

from collections.abc import Mapping

from studies.display import Table
from studies.formatting import converged_text, interval_text
from studies.power_laws import Exponent


def exponent_table(
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
    ends = [f"{end:.2f}".replace("-", "−") for end in (exponent.local_min, exponent.local_max)]
    local = f" ({ends[0]} to {ends[1]})" if exponent.sizes > 2 else ""
    return interval_text(exponent) + local
