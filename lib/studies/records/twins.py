"""Records of reparametrized twins: networks of one function with different curvature."""

import itertools
from collections.abc import Mapping, Sequence

import torch
from landscape.objective import Objective
from landscape.theory.reparametrization import reparametrized_twin
from torch import nn

from studies.records.solutions import record_geometry
from studies.study import Study


def record_twins(
    study: Study,
    models: Mapping[str, nn.Module],
    examples: tuple[torch.Tensor, torch.Tensor],
    *,
    layer: str,
    factors: Sequence[float],
    seed: int,
    **radii: float,
) -> None:
    """Measure and record the sharpness of reparametrized twins: one function, one layer rescaled.

    The geometry of each twin is recorded with the prefix ``twin_``, in the order of the factors.
    ``twin_loss_change`` is the difference that rounding makes to the loss of the same function.

    Args:
        study: Where to record.
        models: Arm -> network.
        examples: Inputs and targets.
        layer: Name of the layer to rescale; see ``theory.reparametrized_twin``.
        factors: Factors of that layer's weights.
        seed: Seed of the networks.
        radii: ``rho`` and ``rho_adaptive`` of ``record_geometry``.

    Reference: Dinh et al. (2017), Sharp Minima Can Generalize For Deep Nets, ICML.
    """
    for (arm, model), factor in itertools.product(models.items(), factors):
        original = Objective(model, examples)
        twin = Objective(reparametrized_twin(model, layer=layer, factor=factor), examples)
        labels = {"arm": arm, "note": f"a = {factor}"}
        record_geometry(study, twin, which="largest", prefix="twin_", seed=seed, **radii, **labels)
        change = abs(twin.loss(twin.theta) - original.loss(original.theta))
        study.add_measurement("twin_loss_change", change, twin, unit="nats", **labels)
