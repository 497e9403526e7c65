"""Statistics of batch normalisation: frozen, of the examples, or estimated again at each point."""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

import torch
from torch import nn

from landscape.network.calling import call
from landscape.network.copying import copied

Policy = Literal["frozen", "batch", "reestimate"]
Buffers = dict[str, torch.Tensor]

_BATCH_NORM = nn.modules.batchnorm._BatchNorm


def check_policy(policy: str) -> None:
    """Check that a policy of batch normalisation exists.

    Args:
        policy: ``frozen``, ``batch`` or ``reestimate``.

    Raises:
        ValueError: If it is none of them.
    """
    if policy not in get_args(Policy):
        raise ValueError(
            f"bn={policy!r} is no batch-normalisation policy. Pass 'frozen' (running statistics of "
            "the solution), 'batch' (statistics of the examples) or 'reestimate' (running "
            "statistics estimated again at each point)."
        )


def batchnorm_layers(model: nn.Module) -> list[str]:
    """Return the names of the batch-normalisation layers, in the model's order."""
    return [name for name, module in model.named_modules() if isinstance(module, _BATCH_NORM)]


def with_batch_statistics(model: nn.Module) -> nn.Module:
    """Return a copy in eval mode whose batch normalisation uses the statistics of its inputs."""
    twin = copied(model).eval()
    for name in batchnorm_layers(twin):
        module = twin.get_submodule(name)
        # In eval mode PyTorch uses batch statistics only where there are no running ones.
        module.track_running_stats = False  # type: ignore[assignment]  # a plain attribute
        module.running_mean = module.running_var = module.num_batches_tracked = None  # type: ignore[assignment]  # as a layer without statistics
    return twin


def statistics_estimator(model: nn.Module) -> nn.Module:
    """Return a copy for ``reestimate``: its running statistics are averages over forward passes.

    Batch normalisation is in training mode with a cumulative average; all other layers are in eval
    mode.
    """
    twin = copied(model).eval()
    for name in batchnorm_layers(twin):
        module = twin.get_submodule(name)
        module.train()
        # A cumulative average: all blocks count the same.
        module.momentum = None  # type: ignore[assignment]  # a plain attribute
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
        twin: A network from ``statistics_estimator``.
        parameters: Parameters of the point, by name.
        buffers: Buffers by name; they are not changed.
        blocks: Inputs (N, ...), in blocks of nearly equal size, since each counts the same.

    Returns:
        Buffers by name: new running statistics, and the given buffers of all other layers.

    Reference: Izmailov et al. (2018), Averaging Weights Leads to Wider Optima and Better
        Generalization, UAI, section 3.2.
    """
    fresh = dict(buffers)
    for name in batchnorm_layers(twin):
        for part in ("running_mean", "running_var", "num_batches_tracked"):
            fresh[f"{name}.{part}"] = torch.zeros_like(buffers[f"{name}.{part}"])
    for block in blocks:
        # The forward pass writes the new statistics into `fresh` in place; its outputs are unused.
        call(twin, parameters, fresh, block)
    return fresh


def check_blocks(count: int, size: int) -> None:
    """Raise ValueError if cutting examples into blocks leaves one alone, which has no variance.

    Args:
        count: Number of examples.
        size: Largest size of a block.
    """
    sizes = block_sizes(count, size)
    if len(sizes) > 1 and min(sizes) == 1:
        raise ValueError(
            f"bn_block={size} cuts {count} examples into {len(sizes)} blocks, of which one is a "
            f"single example without a variance. Pass bn_block >= {size + 1}, or an even number of "
            "examples."
        )


def block_sizes(count: int, size: int) -> list[int]:
    """Return the sizes of ceil(count / size) blocks that differ by at most one.

    Blocks are equal, in place of full ones and a short last one: the batch statistics of three
    examples would be noise.

    Args:
        count: Number of examples.
        size: Largest size of a block.
    """
    number = max(1, -(-count // size))
    return [count // number + (index < count % number) for index in range(number)]
