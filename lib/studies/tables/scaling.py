"""Table and sentence on the exponents of power laws in network size."""

from collections.abc import Iterable, Mapping, Sequence

from studies.display import Sentence, Table
from studies.formatting import converged_text, interval_text, list_text, mean_text
from studies.intervals import paired_difference
from studies.measurements import Measurements
from studies.power_laws import Exponent
from studies.predictors import exponent_samples
from studies.quantities import quantity, short_headings


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
    for name, heading in short_headings(quantities).items():
        row = {family: exponents.get((name, family)) for family in families}
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


def exponent_change(
    numbers: Measurements, quantities: Sequence[str], family: str, sizes: Mapping[float, str]
) -> Sentence:
    """Return the sentence on the exponents of two quantities, and their paired difference.

    Args:
        numbers: Where both were recorded, in the same order of seeds.
        quantities: Names of the two quantities; the second exponent is subtracted.
        family: The networks in words.
        sizes: Size -> arm; at least two sizes, positive, and at least 2 seeds.
    """
    titles = [quantity(name).heading for name in quantities]
    if absent := [t for name, t in zip(quantities, titles, strict=True) if name not in numbers]:
        return Sentence(f"The record lacks {list_text(absent)} of {family}.")
    arms, xs = list(sizes.values()), list(sizes)
    samples = [exponent_samples(numbers, name, arms, xs) for name in quantities]
    texts = [f"{t} {mean_text(row)}" for t, row in zip(titles, samples, strict=True)]
    change = paired_difference(*samples)
    return Sentence(
        f"Exponents, {family}: {'; '.join(texts)}. The difference is {interval_text(change)} "
        f"(n = {change.n})."
    )


def _text(exponent: Exponent) -> str:
    if exponent.invalid:
        return f"– ({exponent.n - exponent.invalid} of {exponent.n} finite)"
    if not exponent.converged:
        return "–"
    ends = [f"{end:.2f}".replace("-", "−") for end in (exponent.local_min, exponent.local_max)]
    local = f" ({ends[0]} to {ends[1]})" if exponent.sizes > 2 else ""
    return interval_text(exponent) + local
