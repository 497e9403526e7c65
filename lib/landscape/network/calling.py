"""Call a module with other parameters and buffers, and leave it as it was."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn


def call(
    module: nn.Module,
    named: Mapping[str, torch.Tensor],
    buffers: Mapping[str, torch.Tensor],
    inputs: torch.Tensor,
) -> Any:
    """Return what a module returns for inputs, with other parameters and buffers.

    Unlike ``torch.func.functional_call`` it leaves a module as it was that is registered under two
    names: there PyTorch restores the replaced tensor at the second name.

    Args:
        module: Any module.
        named: Parameters by the names of ``module.named_parameters()``; those that are missing
            stay. A tensor replaces its parameter wherever it is registered.
        buffers: Buffers by the names of ``module.named_buffers()``, likewise.
        inputs: The module's argument.
    """
    places = _places(module)
    before = []
    try:
        for tensors, replaced in zip(places, (named, buffers), strict=True):
            for name, tensor in replaced.items():
                for table, key in tensors[name]:
                    before.append((table, key, table[key]))
                    table[key] = tensor
        return module(inputs)
    finally:
        for table, key, tensor in before:
            table[key] = tensor


Place = tuple[dict[str, Any], str]  # A module's table of parameters or buffers, and a key of it.


def _places(module: nn.Module) -> tuple[dict[str, list[Place]], dict[str, list[Place]]]:
    """Return the places of each parameter and of each buffer, by name."""
    by_id: dict[int, list[Place]] = {}
    for part in module.modules():
        for table in (part._parameters, part._buffers):
            for key, tensor in table.items():
                by_id.setdefault(id(tensor), []).append((table, key))
    return (
        {name: by_id[id(tensor)] for name, tensor in module.named_parameters()},
        {name: by_id[id(tensor)] for name, tensor in module.named_buffers()},
    )
