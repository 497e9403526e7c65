"""Records of signal propagation: how gradients decay from layer to layer."""

from collections.abc import Mapping

import torch
from landscape.diagnostics.signal_propagation import signal_propagation
from landscape.objective import Objective

from studies.records.solutions import record_missing
from studies.study import Study


def record_signals(
    study: Study, objectives: Mapping[tuple[str, int], Objective | None], *, prefix: str
) -> dict[tuple[str, int], torch.Tensor]:
    """Measure, through the store, the gradients that layers receive, and record how they decay.

    ``signal_decay`` is the factor by which the norms change from a layer to the one before it:
    below 1 gradients vanish towards the input. The norms go to ``signals.csv``.

    Args:
        study: Where to record.
        objectives: (arm, seed) -> objective, measured at its own theta; None where there is no such
            network, which gets a row that says so.
        prefix: Goes before ``signal_decay``.

    Returns:
        (arm, seed) -> norms (layers,), from the input on, in nats per unit of output; without the
        networks that do not exist.
    """
    norms = {}
    for (arm, seed), L in objectives.items():
        labels = {"arm": arm, "seed": seed}
        if L is None:
            record_missing(study, [f"{prefix}signal_decay"], **labels)
            continue
        signals = study.store.remember(signal_propagation, L, L.theta)
        study.add_measurement(
            f"{prefix}signal_decay",
            signals.decay,
            signals,
            cost=signals.passes,
            cost_unit="passes",
            unit="a layer",
            **labels,
        )
        norms[arm, seed] = signals.norms
        rows = [
            {**labels, "layer": layer, "signal_norm": norm}
            for layer, norm in enumerate(signals.norms.tolist(), start=1)
        ]
        study.table("signals", rows)
    return norms
