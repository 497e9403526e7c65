"""Planes measured on workers: each block of rows is a work unit."""

import dataclasses
from typing import Any

import torch

from landscape import arguments
from landscape.executor.units import Executor, Unit
from landscape.network.examples import ExampleSet
from landscape.objective import Objective
from landscape.progress import Progress
from landscape.slices.grid import Plane, Positions, grid_positions
from landscape.slices.plane import checked_cosine, plane, plane_rows
from landscape.store.entries import Store

_POINTS = 256  # Of a block, as ``plane`` keeps them.


def spread_plane(
    objective: Objective,
    theta: torch.Tensor | None,
    d1: torch.Tensor,
    d2: torch.Tensor,
    *,
    alphas: Positions | None = None,
    betas: Positions | None = None,
    reach: float | None = None,
    points: int | None = None,
    store: Store,
    executor: Executor,
    rows: int | None = None,
) -> Plane:
    """Measure a plane on the workers of an executor: ``plane``, with the same bits.

    Each block of rows is a work unit; those that the store holds are not sent, and a lost worker
    costs its block alone.

    Args:
        objective: The objective to measure. Workers of other processes must be able to import the
            class of its network, and its loss.
        theta: The centre θ (n,); None takes the objective's own theta.
        d1: First direction (n,).
        d2: Second direction (n,), not parallel to the first.
        alphas: As for ``plane``.
        betas: As for ``plane``.
        reach: As for ``plane``.
        points: As for ``plane``.
        store: Receives the blocks.
        executor: Computes them, with the threads of this process.
        rows: Rows in a block, at least 1; None takes as many as hold about 256 points.

    Returns:
        The plane; losses (a, b) in units of the objective's loss.

    Raises:
        ValueError: For the reasons of ``plane``.
        UnitError: If blocks failed; the others are kept.

    Example:
        >>> import tempfile
        >>> import torch
        >>> from landscape import Objective, Store, executor, slices
        >>> inputs = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> L = Objective(model, (inputs, torch.zeros(2, 1)), loss="mse")
        >>> first, second = torch.eye(2, dtype=torch.float64)
        >>> place = {"store": Store(tempfile.mkdtemp()), "executor": executor.Serial()}
        >>> cut = slices.spread_plane(L, torch.zeros(2).double(), first, second, points=3, **place)
        >>> cut.loss
        tensor([[2.5000, 0.5000, 2.5000],
                [2.0000, 0.0000, 2.0000],
                [2.5000, 0.5000, 2.5000]], dtype=torch.float64)
    """
    arguments.check(spread_plane, locals())
    theta = objective.theta if theta is None else theta
    alphas, betas = grid_positions(reach, points, alphas=alphas, betas=betas)
    rows = max(1, _POINTS // len(betas)) if rows is None else rows
    if rows >= 1:  # Else ``plane`` says what is wrong, as of the directions.
        checked_cosine(objective, theta, d1, d2)
        sent = _Sent.of(objective)
        blocks = [(theta, d1, d2, part.clone(), betas) for part in alphas.split(rows)]
        units = [
            Unit(f"plane-{key}", _block, (key, sent, *block), f"block {i + 1} of {len(blocks)}")
            for i, block in enumerate(blocks)
            for kind, key in [store.address(plane_rows, objective, *block)]
            if store.get(kind, key) is None
        ]
        with Progress("blocks of a plane", len(blocks), start=len(blocks) - len(units)) as bar:
            for _ in executor.map(units, store, threads=torch.get_num_threads()):
                bar.step()
    return plane(objective, theta, d1, d2, alphas=alphas, betas=betas, store=store, rows=rows)


@dataclasses.dataclass(frozen=True)
class _Sent:
    """An objective as what makes it: it holds references that no other process can have."""

    model: torch.nn.Module
    examples: tuple[Any, Any]
    options: dict[str, Any]

    @classmethod
    def of(cls, objective: Objective) -> "_Sent":
        parts = vars(objective)
        return cls(parts["_model"], parts["_examples"], parts["_options"])

    def made(self) -> Objective:
        return Objective(self.model, ExampleSet(*self.examples), **self.options, check=False)


def _block(store: Store, key: str, sent: _Sent, *block: Any) -> None:
    """Measure one block into the store of a worker; refuse one with another key."""
    objective = sent.made()
    if store.address(plane_rows, objective, *block)[1] != key:
        raise RuntimeError(
            "a worker would measure this block by other code, or on another network, than this "
            "process: its files were changed. Start again: measured blocks are kept."
        )
    store.remember(plane_rows, objective, *block)
