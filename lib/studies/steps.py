"""The steps of a study: each is recorded, and either computed or read from the record."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from landscape.models.family import ModelConfig
from landscape.spectrum.layers import LayerTraces
from landscape.spectrum.results import Eigenpairs
from landscape.training.config import TrainConfig

from studies import untrained
from studies.arms import Arm
from studies.collection import Results
from studies.durations import Duration
from studies.measurements import Measurements
from studies.recorder import Rows
from studies.recording import Recording
from studies.records import (
    along_training,
    basins,
    bounds,
    certificates,
    dynamics,
    equal_loss,
    instruments,
    layers,
    outliers,
    path_shapes,
    paths,
    prediction,
    shapes,
    signals,
    slices,
    span_training,
    spectra,
    times,
    training,
    training_path,
    wells,
)
from studies.records import snapshots as snapshots_of_runs
from studies.runs import Runs
from studies.slices import Slices
from studies.solutions import Solutions
from studies.tasks import Examples, Task
from studies.training_paths import TrainingPath
from studies.trajectories import CurvatureTrajectory


class Steps(Recording):
    """A recording with a method for each step, each described by the function that it calls."""

    def train(
        self,
        configs: Mapping[str, TrainConfig],
        task: Task,
        *,
        seeds: Sequence[int],
        workers: int = 1,
    ) -> Runs:
        """Train every config with every seed: see ``records.training.train``."""
        return training.train(self, configs, task, seeds=seeds, workers=workers)

    def untrained(
        self, models: Mapping[Arm, ModelConfig], examples: Examples, **options: Any
    ) -> Solutions:
        """Return networks at their initialisation: see ``untrained.untrained``."""
        return untrained.untrained(self, models, examples, **options)

    def measure(
        self, solutions: Solutions, quantities: Iterable[str], **options: Any
    ) -> Measurements:
        """Measure quantities at solutions: see ``records.instruments.measure``."""
        return instruments.measure(self, solutions, quantities, **options)

    def snapshot_means(
        self, snapshots: Sequence[Solutions], quantities: Iterable[str], **options: Any
    ) -> Measurements:
        """Measure means over snapshots of runs: see ``records.snapshots.snapshot_means``."""
        return snapshots_of_runs.snapshot_means(self, snapshots, quantities, **options)

    def along_training(
        self, snapshots: Sequence[Solutions], quantities: Iterable[str], **options: Any
    ) -> Measurements:
        """Compare arms at equal loss along training: see ``records.along_training``."""
        return along_training.along_training(self, snapshots, quantities, **options)

    def lines(self, solutions: Solutions, **options: Any) -> Slices:
        """Measure lines through solutions: see ``records.slices.lines``."""
        return slices.lines(self, solutions, **options)

    def random_planes(self, solutions: Solutions, **options: Any) -> Slices:
        """Measure planes along random directions: see ``records.slices.random_planes``."""
        return slices.random_planes(self, solutions, **options)

    def top_planes(self, solutions: Solutions, **options: Any) -> Slices:
        """Measure planes along the sharpest eigenvectors: see ``records.slices.top_planes``."""
        return slices.top_planes(self, solutions, **options)

    def quadratic_radii(self, planes: Slices) -> Measurements:
        """Record where quadratic models hold: see ``records.shapes.quadratic_radii``."""
        return shapes.quadratic_radii(self, planes)

    def shapes(self, planes: Slices) -> Measurements:
        """Record range and roughness of planes: see ``records.shapes.shapes``."""
        return shapes.shapes(self, planes)

    def rises(self, lines: Slices, distances: Sequence[float]) -> Measurements:
        """Record rises of the loss along lines: see ``records.shapes.rises``."""
        return shapes.rises(self, lines, distances)

    def basins(self, planes: Slices, *, level: float) -> Measurements:
        """Record width and anisotropy of basins: see ``records.basins.basins``."""
        return basins.basins(self, planes, level=level)

    def line_widths(self, lines: Slices, *, level: float) -> Measurements:
        """Record widths of basins along lines: see ``records.basins.line_widths``."""
        return basins.line_widths(self, lines, level=level)

    def at_equal_loss(self, runs: Runs, examples: Examples, **options: Any) -> Solutions:
        """Return networks at one training loss: see ``records.equal_loss.equal_loss_solutions``."""
        return equal_loss.equal_loss_solutions(runs, examples, **options)

    def step_noise(self, runs: Runs) -> Measurements:
        """Measure step noise at equal loss: see ``records.equal_loss.measure_step_noise``."""
        return equal_loss.measure_step_noise(self, runs)

    def spectra(self, solutions: Solutions, **options: Any) -> spectra.Spectra:
        """Measure whole spectra: see ``records.spectra.measure_spectra``."""
        return spectra.measure_spectra(self, solutions, **options)

    def layer_traces(self, solutions: Solutions, *, probes: int) -> Results[LayerTraces]:
        """Measure the trace layer by layer: see ``records.layers.measure_layer_traces``."""
        return layers.measure_layer_traces(self, solutions, probes=probes)

    def outliers(self, solutions: Solutions, *, k: int) -> Results[Eigenpairs]:
        """Count outliers of the spectrum: see ``records.outliers.measure_outliers``."""
        return outliers.measure_outliers(self, solutions, k=k)

    def signals(self, solutions: Solutions) -> Results[torch.Tensor]:
        """Measure the gradients that layers receive: see ``records.signals.measure_signals``."""
        return signals.measure_signals(self, solutions)

    def bounds(self, runs: Runs, flatness: Measurements) -> Measurements:
        """Compute a source's bound on the trace: see ``records.bounds.measure_bounds``."""
        return bounds.measure_bounds(self, runs, flatness)

    def certificates(self, solutions: Solutions, **options: Any) -> Measurements:
        """Bound the error of random weights: see ``records.certificates.measure_certificates``."""
        return certificates.measure_certificates(self, solutions, **options)

    def trajectories(
        self, runs: Runs, examples: Examples, *, steps: Sequence[int], **options: Any
    ) -> Results[CurvatureTrajectory]:
        """Measure curvature along training: see ``records.dynamics.trajectories``."""
        return dynamics.trajectories(self, runs, examples, steps=steps, **options)

    def training_path(
        self, runs: Runs, examples: Examples, **options: Any
    ) -> Results[TrainingPath]:
        """Measure where training went: see ``records.training_path.training_path``."""
        return training_path.training_path(self, runs, examples, **options)

    def path_shapes(self, runs: Runs, examples: Examples, **options: Any) -> Measurements:
        """Measure shapes of training paths: see ``records.path_shapes.path_shapes``."""
        return path_shapes.path_shapes(self, runs, examples, **options)

    def span_training(
        self, runs: Runs, *, components: Sequence[int], **options: Any
    ) -> Measurements:
        """Train within spans of paths: see ``records.span_training.span_training``."""
        return span_training.span_training(self, runs, components=components, **options)

    def paths(self, solutions: Solutions, **options: Any) -> paths.Paths:
        """Measure paths between pairs of solutions: see ``records.paths.paths``."""
        return paths.paths(self, solutions, **options)

    def wells(self, **options: Any) -> Measurements:
        """Follow noisy descent between two wells: see ``records.wells.measure_wells``."""
        return wells.measure_wells(self, **options)

    def networks(self, *, published: str) -> Rows:
        """Gather all networks of other studies: see ``records.prediction.gather_networks``."""
        return prediction.gather_networks(self, published=published)

    def times(
        self, runs: Runs, targets: Mapping[str, times.Target], *, beginnings: Runs | None = None
    ) -> dict[str, dict[str, list[Duration]]]:
        """Record the epochs that runs take to reach targets: see ``records.times``."""
        return times.measure_times(self, runs, targets, beginnings=beginnings)
