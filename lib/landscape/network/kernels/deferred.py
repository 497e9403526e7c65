"""Tensors whose values are computed at their first use, when it is known what follows."""

from collections.abc import Callable
from typing import Any

import torch

Fold = tuple[torch.Tensor, torch.Tensor]

_EXACT = (torch.float32, torch.float64)  # PyTorch's normalisation computes half precision better.


class Deferred(torch.Tensor):
    """A tensor whose values are computed at their first use.

    Attributes:
        compute: Returns the values in a tensor that nothing else holds.
        scaled: For a layer: fold -> the tensor of the layer with the weight and bias that
            ``fold(weight, bias)`` returns.
        product: For a weight: inputs -> what computes their product with it, or None where it has
            to be computed as usual.
    """

    compute: Callable[[], torch.Tensor]
    scaled: Callable[[Callable[..., Fold]], "Deferred"] | None
    product: Callable[[torch.Tensor], Callable[[], torch.Tensor] | None] | None
    result: torch.Tensor | None

    @classmethod
    def of(cls, compute: Callable[[], torch.Tensor], like: torch.Tensor, shape) -> "Deferred":
        """Return a tensor of a shape, with dtype and device of another one."""
        held = torch.Tensor._make_wrapper_subclass(cls, shape, dtype=like.dtype, device=like.device)
        held.compute, held.scaled, held.product, held.result = compute, None, None, None
        return held

    def settle(self) -> torch.Tensor:
        """Return the values; once computed they stay, so that what is changed in place does."""
        if self.result is None:
            with torch._C.DisableTorchFunction():  # Within the mode it would be held back again.
                self.result = self.compute()
        return self.result

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        """Compute what does not ask the mode, such as a use after the context."""
        return func(*computed(args), **computed(kwargs or {}))


def computed(tree: Any) -> Any:
    """Return arguments or results with the tensors computed that were held back in them."""
    if isinstance(tree, Deferred):
        return tree.settle()
    if type(tree) in (tuple, list):
        return type(tree)(computed(part) for part in tree)
    if type(tree) is dict:
        return {key: computed(part) for key, part in tree.items()}
    return tree


def is_deferred(tensor: Any) -> bool:
    """Whether a tensor is one whose values are not computed yet."""
    return isinstance(tensor, Deferred) and tensor.result is None


def deferred_layer(function: Callable, weight, bias, like: torch.Tensor, shape) -> Deferred:
    """Hold ``function(weight, bias)``, a layer of which normalisation can be made a part."""
    held = Deferred.of(lambda: function(weight, bias), like, shape)
    # Only where features are the second axis, as normalisation takes them.
    if len(shape) == weight.dim() and weight.dtype in _EXACT:
        held.scaled = lambda fold: deferred_layer(function, *fold(weight, bias), like, shape)
    return held


def deferred_affine(product: Callable, bias, like: torch.Tensor, shape, scale=None) -> Deferred:
    """Hold a product with a weight that is known without the weight."""

    def compute() -> torch.Tensor:
        values = product() if scale is None else product().mul_(scale)
        return values if bias is None else values.add_(bias)

    def scaled(fold: Callable[..., Fold]) -> Deferred:
        factor, shift = fold(like.new_ones(shape[1], 1), bias)
        return deferred_affine(product, shift, like, shape, factor[:, 0])

    held = Deferred.of(compute, like, shape)
    if len(shape) == 2 and scale is None and like.dtype in _EXACT:
        held.scaled = scaled
    return held
