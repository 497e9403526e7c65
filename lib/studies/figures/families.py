"""One quantity against several sizes, a panel for each group of families."""

import dataclasses
from collections.abc import Mapping

from studies.display import Figure, Missing, Sentence
from studies.figures import captioned
from studies.figures.scaling import scaling_panels
from studies.measurements import Measurements
from studies.power_laws import Families, known_quantities


@dataclasses.dataclass(frozen=True)
class FamilyPanel:
    """Families that share a panel.

    Attributes:
        x: Meaning of the sizes.
        families: Family -> size, positive -> arm.
        reference: Value that gets a horizontal line; None draws none.
        ticks: Sizes that get a label; None chooses them.
    """

    x: str
    families: Families
    reference: float | None = None
    ticks: tuple[float, ...] | None = None


def groups_against_size(
    numbers: Measurements,
    quantity: str,
    groups: Mapping[str, FamilyPanel],
    *,
    label: str,
    caption: str,
    alt: str = "",
    columns: int = 3,
) -> Figure | Sentence:
    """Return a panel for each group: the quantity against size, a band over seeds for each family.

    Args:
        numbers: Where the values were recorded, in the same order of seeds.
        quantity: Its name.
        groups: Title -> group. A group with numbers that the record lacks is left out.
        label: Such as ``fig-steps``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text; empty names panels and curves.
        columns: Panels in a row.
    """
    panels = [
        dataclasses.replace(panel, reference=group.reference, ticks=group.ticks or panel.ticks)
        for title, group in groups.items()
        if known_quantities(numbers, [quantity], group.families)
        for panel in scaling_panels(numbers, {quantity: title}, group.families, x=group.x, span=10)
    ]
    if not panels:
        return Missing(label)
    return captioned.curves(panels, label=label, caption=caption, alt=alt, columns=columns)
