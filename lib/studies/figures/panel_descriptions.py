"""Alternative texts of figures of curves: what a reader hears who does not see the panels."""

from collections.abc import Sequence

from landscape.plots.panel import Panel

from studies.formatting import list_text

_COUNTS = {1: "One panel", 2: "Two panels", 3: "Three panels", 4: "Four panels"}
_COUNTS |= {5: "Five panels", 6: "Six panels", 7: "Seven panels", 8: "Eight panels"}


def panels_text(panels: Sequence[Panel]) -> str:
    """Return in words how many panels there are, over what, with which curves and titles.

    Args:
        panels: The panels, in reading order, at least one.

    Returns:
        Such as ``Two panels over epoch: training loss and test loss. A curve for each of: SGD,
        Adam.``
    """
    count = _COUNTS.get(len(panels), f"{len(panels)} panels")
    axes = list_text(list(dict.fromkeys(panel.x for panel in panels)))
    titles = list_text(list(dict.fromkeys(panel.title for panel in panels)))
    names = list(dict.fromkeys(str(name) for panel in panels for name in panel.series))
    return f"{count} over {axes}: {titles}. A curve for each of: {'; '.join(names)}."
