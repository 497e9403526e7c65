"""Lines and planes through solutions, as their record holds them."""

import dataclasses
import hashlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import torch
from landscape.measurement import Measurement
from landscape.slices.grid import Lines, Plane
from landscape.slices.quadratic import Quadratic

from studies.collection import Collection, Key
from studies.recorder import Part, Rows

# Those of every measurement; a study measures no penalty, which is 0 where nothing is said.
_CONDITIONS = tuple(
    field.name for field in dataclasses.fields(Measurement) if field.default is dataclasses.MISSING
)
_AGREEMENT = ("radius", "disagrees_at", "reach", "rtol", "products", "converged")


@dataclasses.dataclass(frozen=True, eq=False)
class RecordedSlice:
    """Lines or a plane through a solution, with what is derived from them needs to know.

    Attributes:
        cut: The lines or the plane; None where there is no network.
        identity: What decides the slice, as plain values.
        labels: Arm, factors, seed and other columns.
        note: Why there is no network; empty if there is one.
        model: The quadratic model of a plane, or None.
        bn: Policy of batch normalisation, also where there is no network.
    """

    cut: Lines | Plane | None
    identity: Mapping[str, Any]
    labels: Mapping[str, Any]
    note: str = ""
    model: Quadratic | None = None
    bn: str = "frozen"

    @property
    def lines(self) -> Lines:
        """The lines.

        Raises:
            TypeError: If there are none.
        """
        if not isinstance(self.cut, Lines):
            raise TypeError(f"the record holds no lines here, but {type(self.cut).__name__}.")
        return self.cut

    @property
    def plane(self) -> Plane:
        """The plane.

        Raises:
            TypeError: If there is none.
        """
        if not isinstance(self.cut, Plane):
            raise TypeError(f"the record holds no plane here, but {type(self.cut).__name__}.")
        return self.cut

    @property
    def content(self) -> str:
        """A hash of positions and losses: numbers derived from others are others."""
        if self.cut is None:
            return self.note
        axes = [getattr(self.cut, name, torch.empty(0)) for name in ("alphas", "betas")]
        hasher = hashlib.sha256()
        for values in (*axes, self.cut.loss):
            hasher.update(values.numpy().tobytes())
        return hasher.hexdigest()[:16]


class Slices(Collection[Any]):
    """Lines or planes by (arm, seed); networks that do not exist have none.

    Args:
        items: (arm, seed) -> what the record holds.
        missing: Sentences that say what the record lacks.

    Attributes:
        missing: The same.
    """

    def __init__(self, items: Mapping[Key, RecordedSlice], *, missing: Sequence[str] = ()) -> None:
        super().__init__(items)
        self.missing = list(missing)

    def __getitem__(self, key: tuple[str, Any]) -> Any:
        item = super().__getitem__(key)
        if item.cut is None:
            raise KeyError(f"{key!r} has no lines or planes: {item.note}.")
        return item.cut

    def __iter__(self) -> Iterator[Key]:
        return (key for key, item in self._items.items() if item.cut is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def recorded(self) -> dict[Key, RecordedSlice]:
        """(arm, seed) -> what the record holds, also where there is no network."""
        return dict(self._items)

    @property
    def models(self) -> dict[Key, Quadratic]:
        """(arm, seed) -> quadratic model, for the planes that have one."""
        return {key: item.model for key, item in self._items.items() if item.model is not None}

    @property
    def titled(self) -> dict[str, Any]:
        """Title -> lines or plane: the arm, with its seed where there are several seeds."""
        several = len(self.seeds) > 1
        return {
            f"{arm}, seed {seed}" if several else str(arm): self[arm, seed] for arm, seed in self
        }

    def __or__(self, other: Self) -> Self:
        missing = list(dict.fromkeys([*self.missing, *other.missing]))
        return type(self)({**self._items, **other.recorded}, missing=missing)

    def _with(self, items: Mapping[Key, RecordedSlice]) -> Self:
        return type(self)(items, missing=self.missing)


def record_condition(cut: Lines | Plane) -> dict[str, Any]:
    """Return the row of table ``slices``: under which conditions a slice was measured."""
    row = {name: getattr(cut, name) for name in _CONDITIONS}
    return row | ({"cosine": cut.cosine} if isinstance(cut, Plane) else {})


def line_rows(lines: Lines) -> Rows:
    """Return a row for each point of lines: direction, alpha, loss, accuracy."""
    values = zip(lines.loss.tolist(), lines.accuracy.tolist(), strict=True)
    return [
        {"direction": direction, "alpha": alpha, "loss": loss, "accuracy": accuracy}
        for direction, (losses, accuracies) in enumerate(values)
        for alpha, loss, accuracy in zip(lines.alphas.tolist(), losses, accuracies, strict=True)
    ]


def lines_from(part: Part, *, seed: int) -> Lines:
    """Return the lines that an entry of the record describes.

    Args:
        part: The entry.
        seed: Seed of the directions.
    """
    rows = part.table("lines")
    alphas = list(dict.fromkeys(row["alpha"] for row in rows))
    loss, accuracy = _grids(rows, (-1, len(alphas)))
    return Lines(_tensor(alphas), loss, accuracy, seed, **_conditions(part))


def plane_rows(plane: Plane) -> Rows:
    """Return a row for each point of a plane: alpha, beta, loss, accuracy."""
    places = itertools.product(plane.alphas.tolist(), plane.betas.tolist())
    values = (grid.reshape(-1).tolist() for grid in (plane.loss, plane.accuracy))
    return [
        {"alpha": alpha, "beta": beta, "loss": loss, "accuracy": accuracy}
        for (alpha, beta), loss, accuracy in zip(places, *values, strict=True)
    ]


def plane_from(part: Part) -> Plane:
    """Return the plane that an entry of the record describes.

    The cosine of its directions is NaN where an older record lacks it.
    """
    rows = part.table("planes")
    alphas, betas = (list(dict.fromkeys(row[name] for row in rows)) for name in ("alpha", "beta"))
    loss, accuracy = _grids(rows, (len(alphas), len(betas)))
    (row,) = part.table("slices")
    cosine = row.get("cosine", math.nan)
    return Plane(
        _tensor(alphas), _tensor(betas), loss, accuracy, cosine=cosine, **_conditions(part)
    )


def quadratic_row(model: Quadratic) -> dict[str, Any]:
    """Return the coefficients of a quadratic model, and where it holds."""
    first, second = model.slope.tolist()
    (along, across), (_, beyond) = model.curvature.tolist()
    return {
        "value": model.value,
        "slope_1": first,
        "slope_2": second,
        "curvature_11": along,
        "curvature_12": across,
        "curvature_22": beyond,
        **{name: getattr(model, name) for name in _AGREEMENT},
    }


def quadratic_from(part: Part, plane: Plane) -> Quadratic:
    """Return the quadratic model that an entry of the record describes.

    Args:
        part: The entry.
        plane: The plane that the model predicts.
    """
    (row,) = part.table("quadratics")
    slope = _tensor([row["slope_1"], row["slope_2"]])
    across = row["curvature_12"]
    curvature = _tensor([[row["curvature_11"], across], [across, row["curvature_22"]]])
    points = torch.cartesian_prod(plane.alphas, plane.betas)
    rise = points @ slope + ((points @ curvature) * points).sum(dim=1) / 2
    return Quadratic(
        alphas=plane.alphas,
        betas=plane.betas,
        loss=(row["value"] + rise).reshape(plane.loss.shape),
        value=row["value"],
        slope=slope,
        curvature=curvature,
        **{name: row[name] for name in _AGREEMENT},
        **{name: getattr(plane, name) for name in _CONDITIONS},
    )


def _conditions(part: Part) -> dict[str, Any]:
    (row,) = part.table("slices")
    return {name: row[name] for name in _CONDITIONS}


def _grids(rows: Rows, shape: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    loss, accuracy = (
        _tensor([row[name] for row in rows]).reshape(shape) for name in ("loss", "accuracy")
    )
    return loss, accuracy


def _tensor(values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)
