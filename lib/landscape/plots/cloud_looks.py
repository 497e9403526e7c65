"""Looks of the arms of a scatter plot: families by colour, their members by shade or marker."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.colors import to_hex, to_rgb

from landscape.plots.style import INK, LOOKS

Look = dict[str, Any]

# The five markers of curves and five more, each filled and open: no two arms look the same.
_FIVE_LOOKS = LOOKS[:5]
_MARKERS = tuple(look["marker"] for look in _FIVE_LOOKS), ("P", "X", "*", "<", ">")
_LOOKS: tuple[Look, ...] = tuple(
    {
        "color": look["color"],
        "marker": marker,
        "markerfacecolor": look["color"] if filled else "none",
        "markersize": 6.5 if marker == "*" else 5,
        "linestyle": "",
        "alpha": 0.85,
    }
    for markers in _MARKERS
    for filled in (True, False)
    for look, marker in zip(_FIVE_LOOKS, markers, strict=True)
)
MOST_ARMS = len(_LOOKS)
_FEW = 6  # Arms that a legend names one by one.
_FAMILY = re.compile(r", | \+ ")  # What parts the family from the member in a name.


def cloud_looks(arms: Sequence[str]) -> tuple[dict[str, Look], dict[str, Look]]:
    """Return the look of each arm, and the entries of the legend.

    Arms are sorted into families by the words before their first comma or plus: families differ in
    colour. Members that differ by a number alone, such as widths, go from light to dark. Of more
    than six arms, others differ by their marker. Arms without two to five such families have a look
    each, which differ in more than colour, and an entry each.

    Args:
        arms: Names, at most ``MOST_ARMS``.

    Returns:
        Arm -> look; and label -> look.
    """
    families: dict[str, list[str]] = {}
    for arm in arms:
        families.setdefault(_FAMILY.split(arm)[0], []).append(arm)
    if 2 <= len(families) <= len(_FIVE_LOOKS) and len(arms) > 2 * len(families) - 1:
        members = {family: [_member(arm) for arm in names] for family, names in families.items()}
        if all(_ordered(names) for names in members.values()):
            return _shaded(families)
        kinds = list(dict.fromkeys(name for names in members.values() for name in names))
        if _FEW < len(arms) and len(kinds) <= 2 * len(_FIVE_LOOKS):
            return _marked(families, kinds)
    looks = dict(zip(arms, _LOOKS, strict=False))
    return looks, looks


def _member(arm: str) -> str:
    return arm[len(_FAMILY.split(arm)[0]) :].lstrip(", +")


def _ordered(members: Sequence[str]) -> bool:
    """Return whether members differ by the number at their end alone."""
    parts = [re.fullmatch(r"(.*?)\d+(?:\.\d+)?", member) for member in members]
    return all(parts) and len({part[1] for part in parts if part}) == 1


def _shaded(families: Mapping[str, Sequence[str]]) -> tuple[dict[str, Look], dict[str, Look]]:
    looks, legend = {}, {}
    for (family, arms), base in zip(families.items(), _LOOKS, strict=False):
        for rank, arm in enumerate(arms):
            share = rank / max(len(arms) - 1, 1)
            color = _mixed(base["color"], 0.55 - 0.8 * share)
            looks[arm] = {**base, "color": color, "markerfacecolor": color, "alpha": 1.0}
        first, last = _member(arms[0]), re.findall(r"[\d.]+$", arms[-1])[0]
        label = f"{family}, {first} (light) to {last}" if len(arms) > 1 else arms[0]
        legend[label] = {**base, "alpha": 1.0}
    return looks, legend


def _mixed(color: str, share: float) -> str:
    """Return a colour mixed with a share of white, or of black where the share is negative."""
    other = 1.0 if share > 0 else 0.0
    red, green, blue = ((1 - abs(share)) * part + abs(share) * other for part in to_rgb(color))
    return to_hex((red, green, blue))


def _marked(
    families: Mapping[str, Sequence[str]], kinds: Sequence[str]
) -> tuple[dict[str, Look], dict[str, Look]]:
    markers = dict(zip(kinds, (*_MARKERS[0], *_MARKERS[1]), strict=False))
    looks: dict[str, Look] = {}
    legend: dict[str, Look] = {}
    for (family, arms), base in zip(families.items(), _LOOKS, strict=False):
        legend[family] = {**base, "marker": "o", "markersize": 7}
        for arm in arms:
            looks[arm] = {**base, "marker": markers[_member(arm)]}
    for kind, marker in markers.items():
        ink = {"color": INK, "markerfacecolor": "none"}
        legend[kind or "otherwise"] = {**_LOOKS[0], **ink, "marker": marker}
    return looks, legend
