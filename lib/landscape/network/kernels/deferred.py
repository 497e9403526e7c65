"""Tensors that compute their values at first use, once the operation that follows is known."""

from collections.abc import Callable
from typing import Any, TypeGuard

import torch

Fold = tuple[torch.Tensor, torch.Tensor]  # A layer's weight and bias with normalisation folded in.

# PyTorch normalises half-precision activations in float32; a folded weight would be rounded.
_EXACT = (torch.float32, torch.float64)


class Deferred(torch.Tensor):
    """A tensor that knows its shape, dtype and device and computes its values at first use.

    It lets a layer wait for the operation that follows: normalisation can then change the layer's
    weight, and ReLU or an addition can overwrite the layer's output. It has no derivatives; use it
    where gradients are disabled. The modes and ``computed`` ask for the values; any other PyTorch
    operation computes them through ``__torch_dispatch__``.

    Attributes:
        compute: Returns the values in a new tensor that nothing else refers to, so that the caller
            may overwrite it.
        scaled: For the output of a layer: a function of ``fold``, where ``fold(weight, bias)``
            returns another weight and bias; it returns the output of the layer with those. None
            where the layer cannot be folded.
        product: For a weight: a function of inputs that returns a function to compute the weight's
            product with them, or None where the product must be computed from the weight itself.
        result: The values once they are computed, else None.
    """

    compute: Callable[[], torch.Tensor]
    scaled: Callable[[Callable[..., Fold]], "Deferred"] | None
    product: Callable[[torch.Tensor], Callable[[], torch.Tensor] | None] | None
    result: torch.Tensor | None

    @classmethod
    def from_function(
        cls, compute: Callable[[], torch.Tensor], like: torch.Tensor, shape
    ) -> "Deferred":
        """Return a deferred tensor whose values a function computes.

        Args:
            compute: Returns the values in a new tensor.
            like: A tensor of the dtype and device of the values.
            shape: Shape of the values.
        """
        # A wrapper has metadata but no storage: deferring takes no memory.
        tensor = torch.Tensor._make_wrapper_subclass(
            cls, shape, dtype=like.dtype, device=like.device
        )
        tensor.compute, tensor.scaled, tensor.product, tensor.result = compute, None, None, None
        return tensor

    def compute_once(self) -> torch.Tensor:
        """Return the values, computed once.

        Every later use gets the same tensor, so that a change in place stays visible.
        """
        if self.result is None:
            # Inside the mode the layer would return another deferred tensor.
            with torch._C.DisableTorchFunction():
                self.result = self.compute()
        return self.result

    # PyTorch's default would turn the result of every operation into a Deferred without `compute`.
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]  # as PyTorch documents

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):  # type: ignore[override]  # arguments are PyTorch's
        """Compute the values for an operation outside any mode, such as one after the context."""
        return func(*computed(args), **computed(kwargs or {}))


def computed(tree: Any) -> Any:
    """Return nested arguments or results with the values of all deferred tensors in them.

    Args:
        tree: Any value; tensors are looked for in tuples, lists and dictionaries.

    Returns:
        The same structure, with ordinary tensors in place of deferred ones.
    """
    if isinstance(tree, Deferred):
        return tree.compute_once()
    # Exact types: a subclass, such as a named tuple, need not be built from an iterable.
    if type(tree) in (tuple, list):
        return type(tree)(computed(part) for part in tree)
    if type(tree) is dict:
        return {key: computed(part) for key, part in tree.items()}
    return tree


def is_deferred(tensor: Any) -> TypeGuard[Deferred]:
    """Return whether a value is a deferred tensor whose values are not computed yet."""
    return isinstance(tensor, Deferred) and tensor.result is None


def deferred_layer(function: Callable, weight, bias, like: torch.Tensor, shape) -> Deferred:
    """Return the deferred output of a layer into which normalisation can be folded.

    Args:
        function: Computes the layer's output from its weight and bias.
        weight: The layer's weight, output features first.
        bias: The layer's bias, or None.
        like: A tensor of the output's dtype and device.
        shape: Shape of the output.
    """
    deferred = Deferred.from_function(lambda: function(weight, bias), like, shape)
    # Normalisation takes the second axis for features. A linear layer on inputs (N, T, C) has them
    # last: such an output has more axes than the weight, and is not folded.
    if len(shape) == weight.dim() and weight.dtype in _EXACT:
        deferred.scaled = lambda fold: deferred_layer(function, *fold(weight, bias), like, shape)
    return deferred


def deferred_affine(product: Callable, bias, like: torch.Tensor, shape, scale=None) -> Deferred:
    """Return the deferred output of a linear layer whose product is known without its weight.

    Args:
        product: Computes the product of inputs and weight (..., O) in a new tensor.
        bias: The layer's bias (O,), or None.
        like: A tensor of the output's dtype and device.
        shape: Shape of the output.
        scale: Factors (O,) of normalisation folded in before; None for 1.
    """

    def compute() -> torch.Tensor:
        values = product() if scale is None else product().mul_(scale)
        return values if bias is None else values.add_(bias)

    def scaled(fold: Callable[..., Fold]) -> Deferred:
        # There is no weight to fold into: a column of ones gets the factor of each feature.
        factor, shift = fold(like.new_ones(shape[1], 1), bias)
        return deferred_affine(product, shift, like, shape, factor[:, 0])

    deferred = Deferred.from_function(compute, like, shape)
    # Folded once at most: a second normalisation would have to multiply two scales.
    if len(shape) == 2 and scale is None and like.dtype in _EXACT:
        deferred.scaled = scaled
    return deferred
