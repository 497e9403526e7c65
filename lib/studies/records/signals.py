"""Records of signal propagation: how the gradients that layers receive decay."""

import torch
from landscape.diagnostics.signal_propagation import signal_propagation

from studies.collection import Results
from studies.quantities import QUANTITIES
from studies.recorder import Part, Recorder
from studies.recording import Recording
from studies.records.geometry import record_missing
from studies.records.numbers import missing_sentences
from studies.solutions import Solution, Solutions


def measure_signals(recording: Recording, solutions: Solutions) -> Results[torch.Tensor]:
    """Measure the gradients that layers receive, and record how they decay towards the input.

    ``signal_decay`` is the factor by which the norms change from a layer to the one before it:
    below 1 gradients vanish towards the input. The norms are kept in the table ``signals``.

    Args:
        recording: The record of the study.
        solutions: (arm, seed) -> network. Where there is none, a row says so.

    Returns:
        Norms of the gradients by the outputs of each layer with weights, from the input on,
        (layers,), in nats per unit of output; without runs that diverged.
    """
    parts = recording.step("signals", solutions.requests(_Propagation))
    norms = {
        key: norms_from(part)
        for key, part in zip(solutions, parts, strict=True)
        if part is not None and part.table("signals")
    }
    return Results(norms, missing=missing_sentences(parts, "the gradients that layers receive"))


class _Propagation:
    """Records the gradients that the layers of one network receive, and their decay."""

    def __init__(self, solution: Solution) -> None:
        self.solution = solution

    def __call__(self, recorder: Recorder) -> None:
        if self.solution.missing:
            bn = self.solution.options.get("bn", "frozen")
            record_missing(recorder, ["signal_decay"], note=self.solution.missing, bn=bn)
            return
        L = self.solution.objective
        signals = recorder.store.remember(signal_propagation, L, L.theta)
        recorder.add_measurement(
            "signal_decay",
            signals.decay,
            signals,
            unit=QUANTITIES["signal_decay"].unit,
            cost=signals.passes,
            cost_unit="passes",
        )
        rows = enumerate(signals.norms.tolist(), start=1)
        recorder.table("signals", [{"layer": i, "signal_norm": norm} for i, norm in rows])


def norms_from(part: Part) -> torch.Tensor:
    """Return the norms that an entry of the record holds, from the input on (layers,), float64."""
    norms = [row["signal_norm"] for row in part.table("signals")]
    return torch.tensor(norms, dtype=torch.float64)
