"""Samples with flags: which values converged, and which belong to networks that learned."""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Samples:
    """Values of independent cases, such as one a seed, with two flags each.

    ``converged`` is about the number: an eigenvalue whose residual is small. ``learned`` is about
    the network behind it: one that diverged or stayed at chance did not learn, and its curvature
    says nothing of the landscape where networks learn.

    Attributes:
        values: The values; not finite where there is none.
        converged: Whether each value converged.
        learned: Whether each value's network learned.

    Raises:
        ValueError: If there is not one flag for each value.
    """

    values: tuple[float, ...]
    converged: tuple[bool, ...] = ()
    learned: tuple[bool, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "values", tuple(map(float, self.values)))
        for name in ("converged", "learned"):
            flags = tuple(map(bool, getattr(self, name))) or (True,) * len(self.values)
            if len(flags) != len(self.values):
                raise ValueError(
                    f"{len(flags)} flags `{name}` do not fit {len(self.values)} values. "
                    "Pass one flag for each value, or none where all are true."
                )
            object.__setattr__(self, name, flags)


Values = Sequence[float] | Samples


@dataclasses.dataclass(frozen=True)
class Cases:
    """The values of several columns, case by case, without the cases that are left out.

    Attributes:
        columns: One array for each column, all of one length.
        kept: Indices of the cases that are kept.
        left_out: Cases left out because a network in them did not learn.
        unconverged: Kept cases with a value that did not converge.
    """

    columns: tuple[np.ndarray, ...]
    kept: np.ndarray
    left_out: int
    unconverged: int


def cases(*columns: Values, leave_out_unlearned: bool) -> Cases:
    """Return columns of values case by case, such as two arms of the same seeds.

    Args:
        columns: The values of each column, in the same order of cases.
        leave_out_unlearned: Whether a case is left out where a network of any column did not learn.

    Raises:
        ValueError: If the columns have different lengths.
    """
    samples = [c if isinstance(c, Samples) else Samples(tuple(c)) for c in columns]
    lengths = [len(column.values) for column in samples]
    if len(set(lengths)) > 1:
        raise ValueError(
            f"{' and '.join(map(str, lengths))} values are no pairs. Pass one value of each arm "
            "for the same seeds, in the same order; NaN where there is none."
        )
    learned, converged = (
        np.asarray(np.array(flags, dtype=bool).all(axis=0))
        for flags in (
            [column.learned for column in samples],
            [column.converged for column in samples],
        )
    )
    keep = learned if leave_out_unlearned else np.ones_like(learned)
    return Cases(
        columns=tuple(np.array(column.values)[keep] for column in samples),
        kept=np.flatnonzero(keep),
        left_out=int((~keep).sum()),
        unconverged=int((~converged & keep).sum()),
    )
