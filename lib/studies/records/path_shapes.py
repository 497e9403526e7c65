"""Recorded shapes of training paths: components beside null models, and the loss along them."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import torch
from landscape.dynamics import parabola, path_nulls
from landscape.dynamics.path_components import Centre, PathComponents, lissajous, path_components
from landscape.dynamics.path_nulls import NullShares
from landscape.dynamics.recorded_training import train_trajectory
from landscape.dynamics.snapshots import Trajectory, snapshot_steps
from landscape.objective import Objective
from landscape.slices.line import line
from landscape.store.entries import Store

from studies.measurements import Measurements
from studies.recorder import Recorder
from studies.recording import Recording, Request
from studies.records.numbers import labelled_numbers
from studies.runs import RecordedRun, Runs
from studies.tasks import Examples

OWN = "the run"
_LARGEST = 40  # Components of the table of shares.
_LISSAJOUS = 5  # Components that are compared with cosines.
_KEPT = "float16"  # Type of the displacements in the store.


def path_shapes(
    recording: Recording,
    runs: Runs,
    examples: Examples,
    *,
    even: int = 101,
    draws: int = 200,
    points: int = 41,
) -> Measurements:
    """Measure how low-dimensional paths of training are, and the loss along them.

    ``path_share`` is the share of the squared distances from the mean (``centre="mean"``) or from
    the last iterate (``centre="end"``) along the first 1 and 2 principal components, of evenly
    spaced snapshots. Its column ``source`` names the run or a null model on the run's own steps,
    for which it is the median over the draws, and ``path_share_high`` their 97.5% quantile.
    ``lissajous`` is the correlation of a component with a cosine.

    ``parabola_residual`` is what a polynomial leaves of the loss on the line through the last
    iterate along the first component, over the extent of the whole path or of its last epoch, and
    ``line_range`` the range of the loss there; ``parabola_window`` is the largest share of the
    path's extent over which a quadratic leaves less than 5%.

    For networks with batch normalisation losses are in eval mode, with the running statistics of
    the last iterate.

    Tables: ``path_components`` holds the share of each component, ``path_lines`` the loss along the
    first.

    Args:
        recording: The record of the study.
        runs: (arm, seed) -> run; one that diverged has no path.
        examples: Where losses are measured.
        even: Number of evenly spaced snapshots, at least 3.
        draws: Draws of each null model.
        points: Positions along a line, at least 6.
    """
    requests = [
        Request(
            identity={
                "run": run.identity,
                "examples": examples.identity,
                "even": even,
                "draws": draws,
                "points": points,
            },
            labels={"arm": str(arm), **arm.factors, "seed": seed},
            compute=_PathShape(run, examples, even, draws, points),
            networks=[(run.config, run.task)],
        )
        for (arm, seed), run in runs.items()
        if not run.diverged
    ]
    return labelled_numbers(requests, recording.step("path shapes", requests), "shapes of paths")


def recorded_path(store: Store, run: RecordedRun, dataset: Any, *, even: int) -> Trajectory:
    """Return the evenly spaced snapshots of a run's path, trained or from the store.

    Args:
        store: The store.
        run: The run.
        dataset: Its data, or the same in another order.
        even: Number of snapshots.
    """
    config = run.config
    last = config.epochs * math.ceil(len(dataset.y_train) / config.batch_size)
    steps = snapshot_steps(last, even=min(even, last + 1), early=0)
    # Curves and snapshots of the run itself change no weight; without them training is faster.
    bare = dataclasses.replace(
        config, snapshots=(), measure_every=float(config.epochs), curve_examples=None
    )
    return store.remember(train_trajectory, bare, dataset, steps=steps, dtype=_KEPT)


@dataclasses.dataclass(frozen=True)
class _PathShape:
    """Measures the shape of one run's path."""

    run: RecordedRun
    examples: Examples
    even: int
    draws: int
    points: int

    def __call__(self, recorder: Recorder) -> None:
        path = recorded_path(recorder.store, self.run, self.run.task.dataset, even=self.even)
        components = path_components(path, k=min(_LISSAJOUS, len(path.steps) - 2))
        self._shares(recorder, path)
        for place, value in enumerate(lissajous(components.coordinates).tolist(), start=1):
            recorder.add("lissajous", value, component=place)
        self._losses(recorder, path, components)

    def _shares(self, recorder: Recorder, path: Trajectory) -> None:
        gram, options = path.gram(), {"draws": self.draws, "seed": self.run.config.seed}
        rows: list[dict[str, Any]] = []
        centres: tuple[Centre, ...] = ("mean", "end")
        for centre in centres:
            explained = path_components(path, k=1, centre=centre).explained
            near: dict[str, Any] = {**options, "centre": centre}
            sized = {**near, "dimensions": path.n}
            nulls = [
                path_nulls.walk_shares(len(gram), **sized),
                path_nulls.correlated_walk_shares(gram, **sized),
                path_nulls.shuffled_shares(gram, **near),
                path_nulls.straight_shares(gram, **sized),
            ]
            for k in (1, 2):
                where = {"components": k, "centre": centre}
                _add_share(recorder, float(explained[:k].sum()), **where)
                for null in nulls:
                    _add_null(recorder, null, **where)
            medians = {null.name: null.shares.median(dim=0).values for null in nulls}
            for source, values in {OWN: explained, **medians}.items():
                kept = enumerate(values[:_LARGEST].tolist(), start=1)
                rows += [
                    {"centre": centre, "source": source, "component": k, "share": share}
                    for k, share in kept
                ]
        recorder.table("path_components", rows)

    def _losses(self, recorder: Recorder, path: Trajectory, components: PathComponents) -> None:
        # The network of the end: all losses are one function of the parameters.
        L = Objective(self.run.model(), self.examples.tensors)
        end, direction = path.point(path.steps[-1]), components.directions[0]
        places = components.coordinates[:, 0] - components.coordinates[-1, 0]
        if float(places[0]) > 0:  # The path leads from the left to the end at 0.
            direction, places = -direction, -places
        for window, low, high in _extents(places, self.run.config.epochs):
            positions = torch.linspace(low, high, self.points, dtype=torch.float64)
            losses = line(L, end, direction, alphas=positions).loss
            for degree in (2, 4):
                residual = parabola.polynomial_residual(positions, losses, degree=degree)
                recorder.add_measurement(
                    "parabola_residual", residual, L, degree=degree, window=window
                )
            spread = float(losses.max() - losses.min())
            recorder.add_measurement("line_range", spread, L, unit="nats", window=window)
            points = zip(positions.tolist(), losses.tolist(), strict=True)
            recorder.table(
                "path_lines", [{"window": window, "alpha": a, "loss": y} for a, y in points]
            )
        whole = _extents(places, self.run.config.epochs)[0]
        widest = parabola.parabola_window(L, end, direction, low=whole[1], high=whole[2])
        recorder.add_measurement(
            "parabola_window", widest.widest, widest, cost=widest.passes, cost_unit="losses"
        )


def _extents(places: torch.Tensor, epochs: int) -> list[tuple[str, float, float]]:
    """Return the extent of the whole path along a direction, and that of its last epoch."""
    count = max(2, (len(places) - 1) // epochs + 1)
    extents = []
    for window, part in (("path", places), ("last epoch", places[-count:])):
        low, high = min(float(part.min()), 0.0), max(float(part.max()), 0.0)
        extents.append((window, low, high))
    return extents


def _add_share(recorder: Recorder, share: float, **where: Any) -> None:
    recorder.add("path_share", share, unit="share", source=OWN, **where)


def _add_null(recorder: Recorder, null: NullShares, **where: Any) -> None:
    k = where["components"]
    columns: Mapping[str, Any] = {"unit": "share", "source": null.name, **where}
    recorder.add("path_share", null.quantile(k, 0.5), **columns)
    recorder.add("path_share_high", null.quantile(k, 0.975), **columns)
