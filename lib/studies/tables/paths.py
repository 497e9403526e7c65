"""Tables of barriers on paths between solutions."""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from landscape.connectivity.path import Path

from studies.display import Missing, Sentence, Table
from studies.formatting import list_text, mean_text, number_text
from studies.tables.layout import count_range, statistics_text, table_of

_COINCIDE = 0.01  # Curves closer than this share of the drawn range lie on each other.
_POLICY_NAMES = {"reestimate": "re-estimated"}
_KIND_NAMES = {"bezier": "trained Bézier curve"}
_BARRIERS = ["loss barrier (nats)", "error barrier (points)", "position t"]


def barrier_table(
    paths: Mapping[tuple[str, str], Sequence[Path]], *, label: str, emphasise: str = ""
) -> Table | Sentence:
    """Return a table of barriers for each split and policy, with intervals over pairs of solutions.

    Args:
        paths: (split, policy) -> one path for each pair of solutions.
        label: Such as ``tab-barriers``.
        emphasise: The column to print bold, by its heading; empty for none.
    """
    known = {key: pair_paths for key, pair_paths in paths.items() if pair_paths}
    if not known:
        return Missing(label)
    named = {statistics_text(bn, split): pair_paths for (split, bn), pair_paths in known.items()}
    return table_of(
        ["statistics", "examples", *_BARRIERS],
        [
            [_POLICY_NAMES.get(bn, bn), split, *_barrier_cells(pair_paths)]
            for (split, bn), pair_paths in known.items()
        ],
        label=label,
        caption=_caption(named),
        emphasise=emphasise,
        align=["left", "left", "decimal", "decimal", "left"],
    )


def path_kind_table(
    paths: Mapping[str, Sequence[Path]], *, label: str, emphasise: str = ""
) -> Table | Sentence:
    """Return a table of barriers for each kind of path, with intervals over pairs of solutions.

    Args:
        paths: Kind, such as ``straight`` or ``aligned`` -> one path for each pair, all under one BN
            policy.
        label: Such as ``tab-routes``.
        emphasise: The row or column to print bold, by its heading; empty for none.
    """
    known = {kind: pair_paths for kind, pair_paths in paths.items() if pair_paths}
    if not known:
        return Missing(label)
    counts = {kind: len(pair_paths) for kind, pair_paths in known.items()}
    differ = len(set(counts.values())) > 1
    policies = list(dict.fromkeys(pair_paths[0].bn for pair_paths in known.values()))
    return table_of(
        ["path", *(["pairs"] if differ else []), *_BARRIERS],
        [
            [
                _KIND_NAMES.get(kind, kind),
                *([str(counts[kind])] if differ else []),
                *_barrier_cells(pair_paths),
            ]
            for kind, pair_paths in known.items()
        ],
        label=label,
        caption=_caption(
            {
                f"the {_KIND_NAMES.get(kind, f'{kind} path')}": pair_paths
                for kind, pair_paths in known.items()
            }
        )
        + f" BN statistics: {', '.join(_POLICY_NAMES.get(bn, bn) for bn in policies)}.",
        emphasise=emphasise,
        align=["left", *(["decimal"] if differ else []), "decimal", "decimal", "left"],
    )


def coincidence(paths: Mapping[tuple[str, str], Sequence[Path]]) -> str:
    """Return which policies have loss curves that lie on each other, as a sentence.

    Two curves coincide if their means over pairs differ nowhere by more than 1% of the range of all
    curves of the split.

    Args:
        paths: (split, policy) -> one path for each pair of solutions, at the same positions.

    Returns:
        The sentence; empty where no curves coincide.
    """
    curves: dict[str, dict[str, np.ndarray]] = {}
    for (split, bn), pair_paths in paths.items():
        if pair_paths:
            losses = np.mean([np.asarray(path.loss) for path in pair_paths], axis=0)
            curves.setdefault(split, {})[_POLICY_NAMES.get(bn, bn)] = losses
    hidden: dict[str, None] = {}
    for means in curves.values():
        drawn = np.concatenate(list(means.values()))
        for (name, one), (other, two) in itertools.combinations(means.items(), 2):
            if one.shape == two.shape and np.abs(one - two).max() <= _COINCIDE * np.ptp(drawn):
                hidden[f"{name} and {other} statistics"] = None
    return f"The curves of {list_text(list(hidden))} coincide." if hidden else ""


def _barrier_cells(paths: Sequence[Path]) -> list[str]:
    cells = [
        mean_text([factor * getattr(path, name) for path in paths])
        for name, factor in (("barrier", 1), ("error_barrier", 100))
    ]
    positions = [path.position for path in paths if math.isfinite(path.position)]
    ends = [f"{extreme(positions):.2f}" for extreme in (min, max)] if positions else ["–"]
    return [*cells, " to ".join(dict.fromkeys(ends))]


def _caption(paths: Mapping[str, Sequence[Path]]) -> str:
    """Return the caption: where barriers are highest and lowest, and how they are measured."""
    means = {
        name: sum(path.barrier for path in pair_paths) / len(pair_paths)
        for name, pair_paths in paths.items()
    }
    finite = {name: mean for name, mean in means.items() if math.isfinite(mean)}
    seen = "The loss barriers between solutions. "
    if len(finite) > 1:
        low, high = (extreme(finite, key=finite.__getitem__) for extreme in (min, max))
        seen = (
            f"The loss barrier is highest for {high} ({number_text(finite[high])} nats) and lowest "
            f"for {low} ({number_text(finite[low])} nats). "
        )
    changes = [
        abs(path.barrier - path.barrier_above_mean)
        for pair_paths in paths.values()
        for path in pair_paths
        if math.isfinite(path.barrier)
    ]
    change = ""
    if max(changes, default=0.0) > 0.01 * max(map(abs, finite.values()), default=0.0):
        change = (
            " Measured from the mean of the end losses, barriers change by at most "
            f"{number_text(max(changes))} nats."
        )
    pairs = count_range(len(pair_paths) for pair_paths in paths.values())
    over = "of a single pair" if pairs == "1" else f"mean over {pairs} pairs with its 95% interval"
    return (
        f"{seen}A barrier is the largest height above the line between the end values "
        f"({over}); t is the position of the loss barrier.{change}"
    )
