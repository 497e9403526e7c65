"""Where the report puts what a cell shows."""

from typing import Self

# Where the report puts what a cell shows: ``body``, in its place; ``detail``, folded in the page
# and left out of the PDF; ``appendix``, at the end of both.
PLACES = ("body", "detail", "appendix")


class Placed:
    """What a cell shows, and where the report puts it."""

    place = "body"

    def at(self, place: str) -> Self:
        """Return the same thing for another place of the report.

        Args:
            place: ``body``; ``detail``: folded in the page, left out of the PDF, which refers to
                the page; ``appendix``: at the end of both.

        Raises:
            ValueError: If there is no such place.
        """
        if place not in PLACES:
            raise ValueError(f"there is no place {place!r}. Use {', '.join(map(repr, PLACES))}.")
        self.place = place
        return self
