"""The parts that identify a network: layers, parameters, buffers, hooks, all other attributes."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from landscape.store import installed
from landscape.store.functions import Part

# Hooks that take keyword arguments, or that also run after an error. PyTorch notes them by keys
# that number all hooks made in this process, so the keys themselves must not count.
_FLAGS = {
    "_forward_hooks": ("_forward_hooks_with_kwargs", "_forward_hooks_always_called"),
    "_forward_pre_hooks": ("_forward_pre_hooks_with_kwargs",),
}
# Attributes that are fed on their own, or with the hooks.
_FED = {"_parameters", "_buffers", "_modules", "training", *sum(_FLAGS.values(), ())}


def network_parts(model: torch.nn.Module, values: bool) -> list[Part]:
    """Return the parts that identify a network.

    Args:
        model: The network.
        values: Whether the values of parameters and buffers count, and the training mode; otherwise
            only shapes and dtypes.
    """
    held = [Part("class", "", type(model), "'s class")]
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
                [hook, *(key in flagged for flagged in flags)] for key, hook in attribute.items()
            ]
        elif name.startswith("_") and name.endswith("_hooks") and isinstance(attribute, Mapping):
            attribute = list(attribute.values())
        # A private attribute without content, such as a table without hooks, computes nothing.
        unused = attribute is None or attribute is False or _is_empty(attribute)
        if not (name.startswith("_") and unused):
            held.append(Part("attribute", name, attribute, f".{name}"))
    return held


def _is_empty(value: Any) -> bool:
    return isinstance(value, list | dict | set) and not value


def _tensor(kind: str, name: str, tensor: torch.Tensor | None, values: bool) -> Iterator[Part]:
    content: Any = tensor
    if tensor is not None:
        yield Part("trained", str(tensor.requires_grad))
        if not values and not torch.nn.parameter.is_lazy(tensor):
            content = tuple(tensor.shape), tensor.dtype
            if tensor.device.type != "cpu":  # Other devices round differently.
                content = *content, tensor.device.type
            yield from tensor_parts(tensor)
    yield Part(kind, name, content, f".{name}", shared=tensor)


def tensor_parts(tensor: torch.Tensor) -> list[Part]:
    """Return the attributes and hooks that were set on a tensor."""
    held = [
        Part("attribute", name, value, f".{name}")
        for name, value in sorted(getattr(tensor, "__dict__", {}).items())
    ]
    for name in ("_backward_hooks", "_post_accumulate_grad_hooks"):
        if hooks := getattr(tensor, name, None):
            held.append(Part("hooks", name, list(hooks.values()), f".{name}"))
    return held


def parts_of_all_networks() -> Iterator[Part]:
    """Yield global hooks and replaced functions of PyTorch, which act on every network alike."""
    module = torch.nn.modules.module
    for name in (
        "_global_forward_hooks",
        "_global_forward_pre_hooks",
        "_global_backward_hooks",
        "_global_backward_pre_hooks",
    ):
        if hooks := getattr(module, name, None):
            yield Part("for all", name, list(hooks.values()), f" (with torch's {name})")
    for place in (torch.nn.functional, torch, torch.Tensor):
        for name, value in installed.patches(place):
            yield Part("for all", name, value, f" (with {place.__name__}.{name})")
