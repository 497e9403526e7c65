"""The table of what was broken, and what came of it."""

from __future__ import annotations

import dataclasses
import statistics


@dataclasses.dataclass
class Row:
    """One kind of fault.

    Attributes:
        fault: What was done.
        moments: How often.
        wrong: How often the record in the end was another one.
        lost: Processor seconds that each cost, beside those of the undisturbed report.
        note: What else was seen, or why it was not tried.
    """

    fault: str
    moments: int = 0
    wrong: int = 0
    lost: list[float] = dataclasses.field(default_factory=list)
    note: str = ""

    def cells(self) -> list[str]:
        """Return the row as texts."""
        lost = "–"
        if self.lost:
            lost = f"{statistics.median(self.lost):.1f} ({max(self.lost):.1f})"
        return [self.fault, str(self.moments), str(self.wrong), lost, self.note]


TABLE = "| Fault | Moments | Wrong results | Lost: median (most) | Seen |\n|-|-:|-:|-:|-|\n"


def table(rows: list[Row]) -> str:
    """Return rows as a table in Markdown."""
    return TABLE + "".join(f"| {' | '.join(row.cells())} |\n" for row in rows)
