"""Which networks are plain chains of linear layers and elementwise activations."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

# Activations without parameters that map each entry by itself. In eval mode dropout is the
# identity, and RReLU has a fixed slope.
_ACTIVATIONS: tuple[type[nn.Module], ...] = (
    nn.CELU,
    nn.ELU,
    nn.GELU,
    nn.Hardshrink,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,
    nn.LeakyReLU,
    nn.LogSigmoid,
    nn.Mish,
    nn.RReLU,
    nn.ReLU,
    nn.ReLU6,
    nn.SELU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Softplus,
    nn.Softshrink,
    nn.Softsign,
    nn.Tanh,
    nn.Tanhshrink,
    nn.Threshold,
)
_NOTHING = (nn.Identity, nn.Dropout)
_KNOWN = (*_ACTIVATIONS, *_NOTHING, nn.Linear, nn.Flatten, nn.Sequential)


def _calls(kind: Any) -> tuple[object, object]:
    return kind.forward, kind.__call__


_FORWARD = {kind: _calls(kind) for kind in _KNOWN}  # As PyTorch defines them.
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_GLOBAL_HOOKS = tuple(name.replace("_", "_global_", 1) for name in _HOOKS)


@dataclasses.dataclass(frozen=True)
class Link:
    """A linear layer and the activations behind it.

    Attributes:
        weight: Name of the weight (O, I).
        bias: Name of the bias (O,), or None.
        activations: Elementwise modules that follow, in order.
    """

    weight: str
    bias: str | None
    activations: tuple[nn.Module, ...]


@dataclasses.dataclass(frozen=True)
class Chain:
    """A network that flattens its inputs and applies links one after the other.

    Attributes:
        before: Elementwise modules in front of the first linear layer.
        links: The linear layers, at least one.
    """

    before: tuple[nn.Module, ...]
    links: tuple[Link, ...]


def chain(module: nn.Module, inputs: torch.Tensor) -> Chain | None:
    """Return a network as a chain; None if it is not certainly one.

    It is one only if every module in it is exactly of a known class (no subclass), without hooks,
    parametrisations, a forward pass of its own or shared parameters, and if nothing intercepts
    operations. So a chain has no buffers and no random numbers.

    Args:
        module: Any module, in eval mode.
        inputs: Inputs (N, ...), as the network takes them.
    """
    if not inputs.is_floating_point() or inputs.dim() < 2 or _intercepted():
        return None
    before: list[nn.Module] = []
    links: list[tuple[str, str | None, list[nn.Module]]] = []
    flat = inputs.dim() == 2
    for name, layer in _layers("", module):
        if layer is None:
            return None
        if type(layer) is nn.Flatten:
            if (layer.start_dim, layer.end_dim) != (1, -1):
                return None
            flat = True
        elif type(layer) is nn.Linear:
            if not flat:
                return None
            prefix = f"{name}." if name else ""
            links.append((f"{prefix}weight", None if layer.bias is None else f"{prefix}bias", []))
        elif type(layer) in _ACTIVATIONS:
            (links[-1][2] if links else before).append(layer)
    if not links or _shares(module, links):
        return None
    return Chain(tuple(before), tuple(Link(w, b, tuple(rest)) for w, b, rest in links))


def _layers(name: str, module: nn.Module) -> Iterator[tuple[str, nn.Module | None]]:
    """Yield the layers in the order of the forward pass, and None for one that is unknown."""
    if not _is_plain(module):
        yield name, None
    elif type(module) is nn.Sequential:
        for key, layer in module._modules.items():
            yield from _layers(f"{name}.{key}" if name else key, layer)
    else:
        yield name, module


def _is_plain(module: nn.Module) -> bool:
    kind = type(module)
    if kind not in _FORWARD or _calls(kind) != _FORWARD[kind]:
        return False
    own = vars(module)
    if "forward" in own or module._compiled_call_impl is not None or module._buffers:
        return False
    if any(getattr(module, hooks) for hooks in _HOOKS) or module.training:
        return False
    parts = [x for x in module._parameters.values() if x is not None]
    names = {"weight", "bias"} if kind is nn.Linear else set()
    return set(module._parameters) <= names and all(type(x) is nn.Parameter for x in parts)


def _intercepted() -> bool:
    """Return whether hooks of all modules, modes or transforms see operations."""
    state = vars(nn.modules.module)
    return (
        any(state[name] for name in _GLOBAL_HOOKS)
        or torch._C._len_torch_function_stack() > 0
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._are_functorch_transforms_active()
    )


def _shares(module: nn.Module, links: list[tuple[str, str | None, list[nn.Module]]]) -> bool:
    """Return whether a layer or a parameter stands at two places of the chain."""
    names = {x for weight, bias, _ in links for x in (weight, bias) if x is not None}
    pairs = list(module.named_parameters(remove_duplicate=False))
    storages = {x.untyped_storage().data_ptr() for _, x in pairs}
    return len(pairs) != len(names) or len(storages) != len(pairs)
