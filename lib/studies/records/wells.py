"""Recorded noisy descent between two wells, and how its odds follow their curvature."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from landscape.theory.two_wells import Noise, Occupancy, TwoWells, occupancy

from studies.measurements import Measurements
from studies.recorder import Recorder
from studies.recording import Recording, Request
from studies.records.numbers import labelled_numbers

NOISES: tuple[Noise, ...] = ("isotropic", "root of H", "H", "examples")


def measure_wells(
    recording: Recording,
    *,
    noises: Sequence[Noise] = NOISES,
    dimensions: Sequence[int],
    half_log_dets: Sequence[float],
    seeds: Sequence[int],
    gap: float,
    temperature: float,
    learning_rates: Sequence[float],
    duration: float,
    chains: int,
) -> Measurements:
    """Measure where noisy descent stays between two wells, and record it.

    Each noise, dimension and seed is an entry. It holds ``log_odds`` for each curvature ratio and
    learning rate; ``odds_slope``, the slope of the log odds against half the log ratio of the
    determinants, which a source says is 1, and ``odds_slope_exact``, that of the exact masses of
    exp(−L/T); ``gap_slope``, the change of the log odds with the depth over its predicted change.
    Slopes are those of log odds extrapolated linearly to learning rate 0. The table ``occupancy``
    holds the shares over time at the largest ratio and the smallest rate.

    Args:
        recording: The record of the study.
        noises: Kinds of noise, see ``theory.occupancy``.
        dimensions: Numbers of dimensions.
        half_log_dets: Half the log ratio of the determinants, >= 0, at least two.
        seeds: Seeds of the chains.
        gap: Depth by which the flat well is raised, at the first ratio, for ``gap_slope``; > 0.
        temperature: T > 0.
        learning_rates: Step sizes, at least two.
        duration: Step size times number of steps.
        chains: Chains for each number, half of them started in each well.

    Returns:
        The numbers; the arms have the factors ``noise`` and ``dimension``.

    Raises:
        ValueError: If there are fewer than two ratios or rates, or the gap is not positive.
    """
    if len(half_log_dets) < 2 or len(learning_rates) < 2 or not gap > 0:
        raise ValueError(
            f"half_log_dets={list(half_log_dets)}, learning_rates={list(learning_rates)}, "
            f"gap={gap}: pass at least two ratios and two rates, and a gap > 0."
        )
    options = {"temperature": temperature, "duration": duration, "chains": chains}
    requests = []
    for noise in noises:
        for dimension in dimensions:
            for seed in seeds:
                measuring = _WellsMeasuring(
                    noise,
                    dimension,
                    seed,
                    tuple(half_log_dets),
                    gap,
                    tuple(learning_rates),
                    options,
                )
                labels = {"arm": f"{noise}, dimension {dimension}", "noise": noise}
                requests.append(
                    Request(
                        identity=measuring.identity,
                        labels={**labels, "dimension": dimension, "seed": seed},
                        compute=measuring,
                    )
                )
    return labelled_numbers(requests, recording.step("wells", requests), "descent between wells")


@dataclasses.dataclass(frozen=True)
class _WellsMeasuring:
    """Measures the odds for one kind of noise, dimension and seed."""

    noise: Noise
    dimension: int
    seed: int
    half_log_dets: tuple[float, ...]
    gap: float
    learning_rates: tuple[float, ...]
    options: dict[str, Any]

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the entry, as plain values."""
        return dataclasses.asdict(self)

    def __call__(self, recorder: Recorder) -> None:
        limits, exact = [], []
        for half in self.half_log_dets:
            wells = self._wells(half)
            counted = [self._counted(recorder, wells, rate) for rate in self.learning_rates]
            limits.append(self._record(recorder, wells, counted))
            exact.append(wells.log_odds(self.options["temperature"]))
        recorder.table("occupancy", _rows(counted[-1]))
        self._record_slope(recorder, "odds_slope", limits)
        self._record_slope(recorder, "odds_slope_exact", exact)
        raised = dataclasses.replace(self._wells(self.half_log_dets[0]), gap=self.gap)
        counted = [self._counted(recorder, raised, rate) for rate in self.learning_rates]
        change = self._record(recorder, raised, counted) - limits[0]
        self._add(recorder, "gap_slope", -change * self.options["temperature"] / self.gap)

    def _wells(self, half: float) -> TwoWells:
        return TwoWells(self.dimension, math.exp(2 * half / self.dimension))

    def _counted(self, recorder: Recorder, wells: TwoWells, rate: float) -> Occupancy:
        options = {"noise": self.noise, "seed": self.seed, **self.options}
        return recorder.store.remember(occupancy, wells, learning_rate=rate, **options)

    def _record(self, recorder: Recorder, wells: TwoWells, counted: Sequence[Occupancy]) -> float:
        """Record the log odds at each rate, and return their limit at rate 0."""
        for rate, one in zip(self.learning_rates, counted, strict=True):
            steps = round(self.options["duration"] / rate) * self.options["chains"]
            left = math.isfinite(one.log_odds)
            recorder.add(
                "log_odds",
                one.log_odds,
                error=one.error,
                error_kind="standard error",
                converged=left,
                note="" if left else "no chain left a well",
                cost=steps,
                cost_unit="steps",
                dtype="float64",
                half_log_det=wells.half_log_det_ratio,
                gap=wells.gap,
                learning_rate=rate,
            )
        odds = [one.log_odds for one in counted]
        if not all(map(math.isfinite, odds)):
            return math.nan
        return float(np.polyfit(self.learning_rates, odds, 1)[1])

    def _record_slope(self, recorder: Recorder, name: str, odds: Sequence[float]) -> None:
        known = all(map(math.isfinite, odds))
        slope = float(np.polyfit(self.half_log_dets, odds, 1)[0]) if known else math.nan
        self._add(recorder, name, slope)

    def _add(self, recorder: Recorder, name: str, value: float) -> None:
        known = math.isfinite(value)
        note = "" if known else "at some ratio no chain left a well"
        recorder.add(name, value, converged=known, note=note, dtype="float64")


def _rows(counted: Occupancy) -> list[dict[str, float]]:
    columns = (counted.times, counted.from_flat, counted.from_sharp)
    return [
        {"t": t, "from_flat": flat, "from_sharp": sharp}
        for t, flat, sharp in zip(*(column.tolist() for column in columns), strict=True)
    ]
