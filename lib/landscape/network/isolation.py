"""What keeps a network's forward pass from changing what it was given, and its gradient true."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from landscape.network.copying import copied
from landscape.network.outputs import Choice, Picking, picked
from landscape.network.single_path import single_path


class Traits(NamedTuple):
    """What a trial of a forward pass shows.

    Attributes:
        differentiates: Whether it takes derivatives of its own, as by its inputs.
        gathers: Whether it calls embeddings with settings that change gradients alone.
    """

    differentiates: bool
    gathers: bool


@single_path()
@torch.inference_mode(False)
def isolate(module: nn.Module, inputs: torch.Tensor, output: Choice = None) -> Traits:
    """Prepare a copy of a network, so that a forward pass changes neither inputs nor buffers.

    A trial on a few inputs, by another copy, shows whether the pass writes into them; if it does,
    it gets copies from now on. Embeddings lose the settings that change gradients alone, and give
    those of the loss. A network that returns several things returns one tensor from now on.

    Args:
        module: A copy of the reader's network in eval mode; it is changed.
        inputs: A few inputs (N, ...), as the network takes them.
        output: Which tensor it returns, as for ``outputs.picked``.

    Returns:
        What the trial shows of the forward pass.

    Raises:
        ValueError: If an embedding rescales its weights in the forward pass.
        TypeError: If it is not clear which tensor is meant.
    """
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Embedding | nn.EmbeddingBag):
            _settle(name, layer)
    trial, twin = inputs.clone(), copied(module)
    buffers = list(zip(twin.buffers(), module.buffers(), strict=True))
    written = [x._version for x, _ in buffers]
    with torch.random.fork_rng(devices=[]):
        watch = _Watch()
        try:
            with watch:
                outputs = twin(trial)
        except Rescaled:
            raise
        except Exception:  # Raised again, with its cause, where the network computes.
            return Traits(watch.taken, watch.gathers)
    if output is not None or not isinstance(outputs, torch.Tensor):
        picked(outputs, output)
        module.register_forward_hook(Picking(output))
    # A write counts also where it leaves these few as they were, as under a mask.
    changed = written != [x._version for x, _ in buffers] or trial._version > 0
    changed |= not all(_equal(*pair) for pair in [*buffers, (trial, inputs)])
    if changed or trial.requires_grad:
        # The whole network's hooks: all that calls the module is protected.
        module.register_forward_pre_hook(_hand_out_copies)
        module.register_forward_hook(_put_back, always_call=True)
    return Traits(watch.taken, watch.gathers)


@contextlib.contextmanager
def unwritten(inputs: torch.Tensor) -> Iterator[None]:
    """Raise ValueError if inputs are written into inside the context.

    Args:
        inputs: Inputs of a batch, which later passes read again.
    """
    before = _version(inputs)
    yield
    if _version(inputs) != before:
        raise ValueError(
            f"forward() writes into its inputs of shape {tuple(inputs.shape)}, and did not on the "
            "first ones: later passes would see others. Write x = x.clone() first, or x = x - 1 in "
            "place of x -= 1."
        )


def _version(tensor: torch.Tensor) -> int:
    wrapped = torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    return 0 if wrapped or tensor.is_inference() else tensor._version


class Rescaled(ValueError):
    """An embedding rescales its weights in the forward pass."""


class PlainEmbeddings(TorchFunctionMode):
    """Context in which embeddings have the gradient of the loss, whatever their settings.

    ``padding_idx``, ``scale_grad_by_freq`` and ``sparse`` of ``functional.embedding`` change the
    gradient and not the function.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Call the function, of an embedding without these settings."""
        if _gather_settings(func, args, kwargs or {}):
            return func(*args[:2], **{k: x for k, x in (kwargs or {}).items() if k in _GATHERED})
        return func(*args, **(kwargs or {}))


_GATHERED = ("input", "weight")
_SETTINGS = (*_GATHERED, "padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse")


def _gather_settings(func: Any, args: tuple, kwargs: dict[str, Any]) -> bool:
    """Return whether a call is an embedding's with settings beyond the table.

    Raises:
        Rescaled: If it rescales the table.
    """
    if func is not functional.embedding:
        return False
    given = {**dict(zip(_SETTINGS, args, strict=False)), **kwargs}
    if given.get("max_norm") is not None:
        raise Rescaled(
            f"functional.embedding is called with max_norm={given['max_norm']}: the forward pass "
            "rescales the weights in place, so the loss is no function of them. Rescale them once, "
            "and leave max_norm out."
        )
    plain = given.get("padding_idx") is None and not given.get("scale_grad_by_freq")
    return not plain or bool(given.get("sparse"))


class _Watch(TorchFunctionMode):
    """Notes whether derivatives are taken, of a network whose parameters and inputs have none."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = self.gathers = False

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.gathers |= _gather_settings(func, args, kwargs or {})
        result = func(*args, **(kwargs or {}))
        leaves = pytree.tree_leaves((args, result))
        self.taken |= torch._C._are_functorch_transforms_active() or any(
            isinstance(leaf, torch.Tensor) and leaf.requires_grad for leaf in leaves
        )
        return result


def _settle(name: str, layer: nn.Embedding | nn.EmbeddingBag) -> None:
    if layer.max_norm is not None:
        raise ValueError(
            f"the embedding {name!r} has max_norm={layer.max_norm}: its forward pass rescales the "
            "weights in place, so the loss is no function of them. Rescale them once, set "
            "layer.max_norm = None, and pass the model then."
        )
    # These decide the gradient, not the function: the padding row has a derivative like all others.
    layer.scale_grad_by_freq = layer.sparse = False
    if isinstance(layer, nn.Embedding):
        layer.padding_idx = None


def _equal(first: torch.Tensor, second: torch.Tensor) -> bool:
    return torch.equal(first.detach().nan_to_num(), second.detach().nan_to_num())


def _hand_out_copies(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            continue  # It writes its statistics only where they are estimated anew.
        layer.__dict__["_given_buffers"] = dict(layer._buffers)
        for name, buffer in layer._buffers.items():
            layer._buffers[name] = None if buffer is None else buffer.clone()
    return tuple(x.detach().clone() if isinstance(x, torch.Tensor) else x for x in args)


def _put_back(module: nn.Module, args: tuple[Any, ...], outputs: Any) -> None:
    for layer in module.modules():
        layer._buffers.update(layer.__dict__.pop("_given_buffers", {}))
