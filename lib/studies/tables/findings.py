"""Sentences that state in numbers what a table or figure shows."""

from collections.abc import Iterable, Mapping, Sequence

from studies.display import Sentence
from studies.formatting import interval_text, list_text
from studies.measurements import Measurements
from studies.power_laws import Exponent
from studies.quantities import quantity as registered
from studies.records.equal_loss import largest_ratio
from studies.tables.paired_ratios import Pair, paired_text, recorded_cells


def ratio_sentence(
    numbers: Measurements,
    rows: Mapping[str, Mapping[str, Pair]],
    *,
    quantity: str,
    reference: str,
    kept: Mapping[str, Sequence[bool]] | None = None,
) -> Sentence:
    """Return the sentence with the paired ratios of some rows of a table of ratios.

    Args:
        numbers: Where the values were recorded, in the same order of seeds in all arms.
        rows: Row -> column -> two arms, first over second, as ``arms.beside`` returns them.
        quantity: Recorded name of the quantity that is compared.
        reference: The second arms in words, such as ``momentum``.
        kept: Arm -> for each seed whether it counts, as ``tables.ratios`` takes it.

    Returns:
        The ratios with their 95% intervals; pairs that the record lacks are left out.
    """
    cells = {
        row: {column: (quantity, pair) for column, pair in pairs.items()}
        for row, pairs in rows.items()
    }
    name = registered(quantity).magnitude
    sentences = []
    for row, known in recorded_cells(numbers, cells).items():
        ratios = [
            f"{paired_text(numbers, *cell, kept or {})} ({column})"
            for column, cell in known.items()
        ]
        if ratios:
            sentences.append(f"{row} has {list_text(ratios)} times the {name} of {reference}.")
    if not sentences:
        return Sentence(f"The record does not hold the {name} of these arms and of {reference}.")
    return Sentence(" ".join(sentences))


def exponent_sentence(
    exponents: Mapping[tuple[str, str], Exponent],
    quantity: str,
    families: Iterable[str],
    *,
    size: str,
) -> Sentence:
    """Return the sentence with the exponents of one quantity, of several families.

    Args:
        exponents: (quantity, family) -> exponent, from ``power_laws.power_law_exponents``.
        quantity: Recorded name of the quantity.
        families: The families; those without an exponent are left out.
        size: The size in words, such as ``batch size``.
    """
    name = registered(quantity).heading
    texts = [
        f"{interval_text(exponents[quantity, family])} ({family})"
        for family in families
        if (quantity, family) in exponents
    ]
    if not texts:
        return Sentence(f"The record does not hold the {name} at several values of the {size}.")
    return Sentence(f"The {name} scales as the {size} to the power {list_text(texts)}.")


def spread_sentence(numbers: Measurements, quantity: str, *, within: str) -> Sentence:
    """Return the sentence on how far apart arms are that should be equal.

    Args:
        numbers: Numbers of the arms, in the same order of seeds.
        quantity: Recorded name of what should be equal, positive, such as ``loss``.
        within: The factor whose levels are compared apart, such as ``network``.

    Raises:
        KeyError: If the numbers have no such factor.
    """
    name = registered(quantity).heading
    if quantity not in numbers:
        return Sentence(f"The record does not hold the {name} of these networks.")
    frame = numbers.where(quantity=quantity).frame
    levels = [level for level in frame[within].unique() if level == level]  # NaN: no level.
    texts = [
        f"{largest_ratio(numbers.where(quantity=quantity, **{within: level}), quantity):.2g} "
        f"({level})"
        for level in levels
    ]
    return Sentence(
        f"Within each seed, the {name} differs between arms by a factor of up to "
        f"{list_text(texts)}."
    )
