"""What a figure's own code says of it: alternative texts, and what its caption must mention."""

from collections.abc import Mapping, Sequence

import numpy as np
from landscape.plots.panel import Panel

from studies.formatting import list_text

_COUNTS = {1: "One panel", 2: "Two panels", 3: "Three panels", 4: "Four panels"}
_COUNTS |= {5: "Five panels", 6: "Six panels", 7: "Seven panels", 8: "Eight panels"}


def panels_text(panels: Sequence[Panel]) -> str:
    """Return in a sentence what the panels show, over what, with which curves.

    Args:
        panels: The panels, in reading order, at least one.

    Returns:
        Such as ``Two panels show training loss and test loss over epoch, with curves for SGD and
        Adam.``
    """
    count = _COUNTS.get(len(panels), f"{len(panels)} panels")
    verb = "shows" if len(panels) == 1 else "show"
    axes = list_text(list(dict.fromkeys(panel.x for panel in panels)))
    titles = list_text(list(dict.fromkeys(panel.title for panel in panels)))
    drawn = dict.fromkeys(
        str(name)
        for panel in panels
        for name, band in panel.series.items()
        if np.isfinite(band.samples).any()
    )
    names = list_text([name.replace(", ", " ") for name in drawn] or ["no arm"])
    curves = "a curve for" if len(drawn) == 1 else "curves for"
    return f"{count} {verb} {titles} over {axes}, with {curves} {names}."


def divergence_remark(counts: Mapping[str, tuple[int, int]], panels: Sequence[Panel]) -> str:
    """Return the sentences of a caption on the arms whose runs diverged; empty if none did.

    Args:
        counts: Arm -> how many of its runs diverged, and how many it has.
        panels: The panels of its curves.
    """
    diverged = {arm: count for arm, count in counts.items() if count[0]}
    drawn = {
        name
        for panel in panels
        for name, band in panel.series.items()
        if np.isfinite(band.samples).any()
    }
    texts = {arm: f"{arm} ({count} of {runs} runs)" for arm, (count, runs) in diverged.items()}
    ended = [text for arm, text in texts.items() if arm in drawn]
    absent = [text for arm, text in texts.items() if arm not in drawn]
    said = []
    if ended:
        said.append(f"A cross ends a mean where the first run diverges: {list_text(ended)}.")
    if absent:
        said.append(f"Arms without a curve diverged at once: {list_text(absent)}.")
    return " ".join(said)
