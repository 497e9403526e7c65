"""What identifies a network: layers, parameters, buffers, hooks and all other attributes."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from landscape.store import installed
from landscape.store.functions import Part

# Which hooks take keyword arguments, or run after an error too: by keys that count all hooks that
# were ever made in this process.
_FLAGS = {
    "_forward_hooks": ("_forward_hooks_with_kwargs", "_forward_hooks_always_called"),
    "_forward_pre_hooks": ("_forward_pre_hooks_with_kwargs",),
}
_FED = {"_parameters", "_buffers", "_modules", "training", *sum(_FLAGS.values(), ())}


def network_parts(model: torch.nn.Module, values: bool) -> list[Part]:
    """Return what identifies a network.

    Args:
        model: The network.
        values: Whether values of parameters and buffers count, and whether it is set to train; or
            only the shapes.
    """
    held = [Part("class", "", type(model), "'s class"), *_for_all_networks()]
    if values and not model.training:
        held.append(Part("training", str(model.training)))
    for kind, tensors in (("parameter", model._parameters), ("buffer", model._buffers)):
        for name, tensor in tensors.items():
            held += _tensor(kind, name, tensor, values)
    held += [Part("layer", name, child, f".{name}") for name, child in model._modules.items()]
    for name, attribute in sorted(vars(model).items()):
        if name in _FED:
            continue
        if name in _FLAGS:
            flags = [vars(model).get(flag, {}) for flag in _FLAGS[name]]
            attribute = [
                [hook, *(key in flag for flag in flags)] for key, hook in attribute.items()
            ]
        elif name.startswith("_") and name.endswith("_hooks") and isinstance(attribute, Mapping):
            attribute = list(attribute.values())
        unused = attribute is None or attribute is False or _is_empty(attribute)
        if not (name.startswith("_") and unused):
            held.append(Part("attribute", name, attribute, f".{name}"))
    return held


def _is_empty(value: Any) -> bool:
    return isinstance(value, list | dict | set) and not value


def _tensor(kind: str, name: str, tensor: torch.Tensor | None, values: bool) -> Iterator[Part]:
    content = tensor
    if tensor is not None:
        yield Part("trained", str(tensor.requires_grad))
        if not values and not torch.nn.parameter.is_lazy(tensor):
            content = tuple(tensor.shape), tensor.dtype
            if tensor.device.type != "cpu":  # It computes other last bits.
                content = *content, tensor.device.type
            yield from tensor_parts(tensor)
    yield Part(kind, name, content, f".{name}", shared=tensor)


def tensor_parts(tensor: torch.Tensor) -> list[Part]:
    """Return what a tensor carries besides its numbers: attributes that were set, and hooks."""
    held = [
        Part("attribute", name, value, f".{name}")
        for name, value in sorted(getattr(tensor, "__dict__", {}).items())
    ]
    for name in ("_backward_hooks", "_post_accumulate_grad_hooks"):
        if hooks := getattr(tensor, name, None):
            held.append(Part("hooks", name, list(hooks.values()), f".{name}"))
    return held


def _for_all_networks() -> Iterator[Part]:
    """Yield what was set for all networks of the process: hooks, and functions put into PyTorch."""
    module = torch.nn.modules.module
    for name in (
        "_global_forward_hooks",
        "_global_forward_pre_hooks",
        "_global_backward_hooks",
        "_global_backward_pre_hooks",
    ):
        if hooks := getattr(module, name, None):
            yield Part("for all", name, list(hooks.values()), f" (with torch's {name})")
    for name, value in installed.patches(vars(torch.nn.functional)):
        yield Part("for all", name, value, f" (with torch.nn.functional.{name})")
