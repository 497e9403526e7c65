"""Measure the share of each layer in the trace of the Hessian, and record it."""

from typing import Any

import torch
from landscape.spectrum.layers import LayerTraces, trace_by_layer

from studies.collection import Results
from studies.quantities import PER_PARAMETER
from studies.recorder import Part, Recorder
from studies.recording import Recording
from studies.records.numbers import missing_sentences
from studies.solutions import Solution, Solutions

LAYER = "layer "  # A name such as 0 would be read back as a number.


def measure_layer_traces(
    recording: Recording, solutions: Solutions, *, probes: int
) -> Results[LayerTraces]:
    """Measure the trace of the Hessian's block of each layer, and record it.

    ``trace`` has a row for each layer, in nats per parameter², with the layer in the column
    ``layer``; see ``spectrum.trace_by_layer``. The table ``layers`` holds their sizes.

    Args:
        recording: The record of the study.
        solutions: (arm, seed) -> network.
        probes: Random vectors where a trace is not exact.

    Returns:
        (arm, seed) -> the traces.
    """
    requests = solutions.requests(lambda solution: _Measuring(solution, probes), probes=probes)
    parts = recording.step("layer traces", requests)
    traces = {
        key: _from_part(part)
        for key, part in zip(solutions, parts, strict=True)
        if part is not None and part.table("layers")
    }
    return Results(traces, missing=missing_sentences(parts, "the traces of the layers"))


class _Measuring:
    """Records the traces of the layers of one network."""

    def __init__(self, solution: Solution, probes: int) -> None:
        self.solution, self.probes = solution, probes

    def __call__(self, recorder: Recorder) -> None:
        L = self.solution.objective
        traces = recorder.store.remember(
            trace_by_layer, L, L.theta, probes=self.probes, seed=self.solution.config.seed
        )
        columns: dict[str, Any] = {
            "unit": PER_PARAMETER,
            "error_kind": "rounding" if traces.exact else "standard error",
            "cost": traces.cost,
            "cost_unit": "passes" if traces.exact else "products",
            "note": ""
            if traces.converged
            else "its standard error is above a tenth of the largest",
        }
        names = [f"{LAYER}{name}" for name in traces.layers]
        for layer, value, error in zip(
            names, traces.values.tolist(), traces.stderr.tolist(), strict=True
        ):
            recorder.add_measurement("trace", value, traces, error=error, layer=layer, **columns)
        rows = zip(names, traces.parameters, strict=True)
        recorder.table("layers", [{"layer": layer, "parameters": size} for layer, size in rows])


def _from_part(part: Part) -> LayerTraces:
    rows, sizes = part.measurements, part.table("layers")
    values, errors = (
        torch.tensor([row[name] for row in rows], dtype=torch.float64)
        for name in ("value", "error")
    )
    first = rows[0]
    return LayerTraces(
        layers=tuple(row["layer"].removeprefix(LAYER) for row in sizes),
        parameters=tuple(int(row["parameters"]) for row in sizes),
        values=values,
        stderr=errors,
        exact=first["error_kind"] == "rounding",
        converged=all(row["converged"] for row in rows),
        cost=int(first["cost"]),
        **{name: first[name] for name in ("bn", "examples", "examples_hash", "dtype")},
    )
