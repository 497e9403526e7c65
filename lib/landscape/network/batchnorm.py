"""Batch-normalisation statistics: frozen, of the examples themselves, or estimated again."""

import copy
from collections.abc import Iterable, Mapping
from typing import Literal, get_args

import torch
from torch import nn

Policy = Literal["frozen", "batch", "reestimate"]
Buffers = dict[str, torch.Tensor]

_BATCH_NORM = nn.modules.batchnorm._BatchNorm


def check_policy(policy: str) -> None:
    """Raise ValueError unless ``policy`` is one of the three."""
    if policy not in get_args(Policy):
        raise ValueError(
            f"bn={policy!r} is no batch-normalisation policy. Pass 'frozen' (running statistics of "
            "the solution), 'batch' (statistics of the examples) or 'reestimate' (running "
            "statistics recomputed at each point)."
        )


def batchnorm_layers(model: nn.Module) -> list[str]:
    """Return the names of the batch-normalisation layers, in the model's order."""
    return [name for name, module in model.named_modules() if isinstance(module, _BATCH_NORM)]


def with_batch_statistics(model: nn.Module) -> nn.Module:
    """Return a copy in eval mode whose normalisation uses the statistics of what it is given."""
    twin = copy.deepcopy(model).eval()
    for name in batchnorm_layers(twin):
        module = twin.get_submodule(name)
        module.track_running_stats = False
        module.running_mean = module.running_var = module.num_batches_tracked = None
    return twin


def statistics_estimator(model: nn.Module) -> nn.Module:
    """Return a copy that averages the statistics of its blocks; all else is in eval mode."""
    twin = copy.deepcopy(model).eval()
    for name in batchnorm_layers(twin):
        module = twin.get_submodule(name)
        module.train()
        module.momentum = None  # A cumulative average, so that all blocks count the same.
    return twin


@torch.no_grad()
def reestimate(
    twin: nn.Module,
    parameters: Mapping[str, torch.Tensor],
    buffers: Mapping[str, torch.Tensor],
    blocks: Iterable[torch.Tensor],
) -> Buffers:
    """Return buffers whose running statistics are averages over blocks of inputs.

    Args:
        twin: What ``estimator`` returned.
        parameters: Named parameters of the point.
        buffers: Named buffers; not changed, those of other layers are kept.
        blocks: Inputs, in blocks of (nearly) equal size.

    Reference: Izmailov et al. (2018), Averaging Weights Leads to Wider Optima, section 3.2.
    """
    fresh = dict(buffers)
    for name in batchnorm_layers(twin):
        for part in ("running_mean", "running_var", "num_batches_tracked"):
            fresh[f"{name}.{part}"] = torch.zeros_like(buffers[f"{name}.{part}"])
    for block in blocks:
        torch.func.functional_call(twin, (dict(parameters), fresh), (block,))
    return fresh


def block_sizes(count: int, size: int) -> list[int]:
    """Return the sizes of ceil(count / size) blocks that differ by at most one.

    Equal blocks, not full ones and a rest: the statistics of a rest of three examples would be
    noise.
    """
    number = max(1, -(-count // size))
    return [count // number + (index < count % number) for index in range(number)]
