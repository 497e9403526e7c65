"""Copies of networks that share nothing with the original, and what a wrapper wraps."""

import copy
import types
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

# Wrappers that compute the function of the module inside, which they hold under this name. By name,
# since the import of PyTorch's compiler takes seconds.
_WRAPPERS = {
    "torch.nn.parallel.data_parallel.DataParallel": "module",
    "torch.nn.parallel.distributed.DistributedDataParallel": "module",
    "torch.optim.swa_utils.AveragedModel": "module",
    "torch._dynamo.eval_frame.OptimizedModule": "_orig_mod",
}


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the module inside wrappers for several devices, weight averaging and compilation.

    Args:
        model: Any module.

    Returns:
        The module inside, which computes the same function; the model itself where it is none of
        these wrappers.

    Raises:
        TypeError: If the model is no ``torch.nn.Module``.
        ValueError: If it was scripted or traced, so that its parameters cannot be replaced.
    """
    if not isinstance(model, nn.Module):
        given = f"the class {model.__name__}" if isinstance(model, type) else f"{model!r:.80}"
        raise TypeError(
            f"the model is {given}, no torch.nn.Module. Pass a module that maps inputs (N, ...) to "
            "outputs (N, ...), such as torch.nn.Linear(5, 3)."
        )
    while inner := _WRAPPERS.get(f"{type(model).__module__}.{type(model).__qualname__}"):
        model = getattr(model, inner)
    _check_values(model)
    scripted = [name for name, x in model.named_modules() if isinstance(x, torch.jit.ScriptModule)]
    if scripted:
        raise ValueError(
            f"the module {scripted[0] or 'itself'!r} was compiled by torch.jit, whose parameters "
            "cannot be replaced by those of another point. Pass the module as it was before "
            "torch.jit.script or torch.jit.trace."
        )
    return model


def converted(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Convert the parameters and buffers of a module, in place, and return it.

    ``Module.to`` would drop the imaginary parts of complex buffers: they become complex numbers of
    the same precision.

    Args:
        module: Any module.
        dtype: Floating-point type.
    """
    complex_type = torch.complex128 if dtype == torch.float64 else torch.complex64

    def convert(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.is_complex():
            return tensor.to(complex_type)
        return tensor.to(dtype) if tensor.is_floating_point() else tensor

    return module._apply(convert)


def copied(model: nn.Module) -> nn.Module:
    """Return a deep copy of a module; it is eager, and holds no graph of an earlier forward pass.

    Tensors that an earlier pass left behind, such as kept activations, are copied without their
    graphs, which PyTorch does not copy.

    Args:
        model: Any module; it is not changed.

    Raises:
        ValueError: If an attribute cannot be copied, such as a lock or an open file. The text names
            it.
    """
    memo: dict[int, Any] = {}
    for module in model.modules():
        for name, value in vars(module).items():
            if name not in ("_parameters", "_modules"):
                memo |= {
                    id(x): x.detach().clone() for x in _tensors(value) if x.grad_fn is not None
                }
    try:
        twin = copy.deepcopy(model, dict(memo))  # Which notes what it has begun to copy.
    except Exception as error:
        raise ValueError(_obstacle(model, memo, error)) from error
    for module in twin.modules():
        module._compiled_call_impl = None  # Of `module.compile()`.
    return twin


def kept_loss(loss: Any, model: nn.Module) -> Any:
    """Return a copy of an object that computes a loss, which no later change of it changes.

    Functions and classes are returned as they are. So is the model that the object may hold, with
    its parameters: whether the loss reads them is found out by their memory.

    Args:
        loss: A function, an object that is called, or the name of a loss.
        model: The reader's network.
    """
    plain = str, type, types.FunctionType, types.BuiltinFunctionType, types.MethodType
    if isinstance(loss, plain) or not callable(loss):
        return loss
    held = [*model.modules(), *model.parameters(), *model.buffers()]
    try:
        return copy.deepcopy(loss, {id(x): x for x in held})
    except Exception:  # It holds a logger or a file: then it is used as it is.
        return loss


def _check_values(model: nn.Module) -> None:
    """Raise ValueError if a parameter has no values yet."""
    for name, parameter in model.named_parameters():
        lazy = nn.parameter.is_lazy(parameter)
        if lazy or parameter.is_meta:
            remedy = (
                "Call the model once on a batch of inputs, which gives lazy layers their shapes."
                if lazy
                else "Build the model on a device that holds values, and load its weights."
            )
            kind = "not initialised yet" if lazy else "on the device meta"
            raise ValueError(f"the parameter {name!r} is {kind} and has no values. {remedy}")


def _tensors(value: Any, depth: int = 3) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif depth and not isinstance(value, nn.Module | type):
        items = value.values() if isinstance(value, dict) else value
        if not isinstance(value, list | tuple | set | dict):  # An object that a forward pass fills.
            items = getattr(value, "__dict__", {}).values()
        for item in items:
            yield from _tensors(item, depth - 1)


def _obstacle(model: nn.Module, memo: dict[int, Any], error: Exception) -> str:
    """Return an error text that names the attribute that cannot be copied."""
    for prefix, module in model.named_modules():
        for name, value in vars(module).items():
            if name in ("_modules", "_parameters", "_buffers"):
                continue
            try:
                copy.deepcopy(value, {**memo, **{id(x): x for x in model.modules()}})
            except Exception:
                place = f"{prefix}.{name}" if prefix else name
                return (
                    f"the model cannot be copied: its attribute {place!r} is a "
                    f"{type(value).__qualname__}, which Python cannot copy ({error}). An objective "
                    f"computes with a copy, so that your model stays as it is. Remove the "
                    "attribute before, or give its class a __deepcopy__."
                )
    return (
        f"the model cannot be copied ({error}). An objective computes with a copy, so that your "
        "model stays as it is. Give its class a __deepcopy__ that works."
    )
