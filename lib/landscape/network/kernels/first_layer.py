"""Outputs of a first linear layer at many points, combined from products computed once."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from landscape.network.kernels.deferred import Deferred
from landscape.network.single_path import single_path

Combine = Callable[[Sequence[torch.Tensor], Sequence[float]], torch.Tensor]
ParameterUses = list[tuple[nn.Module, str]]  # Modules that hold a parameter, and its name there.

# With fewer input features the layer's product is as cheap as the sum that would replace it.
_FEATURES = 32


class MemoryBudget:
    """A number of bytes from which parts are taken.

    Args:
        size: Bytes to spend.
    """

    def __init__(self, size: int) -> None:
        self._bytes_left = size

    def take(self, size: int) -> bool:
        """Take ``size`` bytes if as many are left; return whether they were."""
        fits = size <= self._bytes_left
        self._bytes_left -= size if fits else 0
        return fits


class FirstLayerWeight:
    """The weight of a linear layer on the examples at points of a line, plane or path.

    The weight W(c) at coefficients c is a combination of basis weights, and the product of the
    examples with W(c) is the same combination of their products with the basis. Those are computed
    once, so that a point costs a sum in place of a matrix product.

    Args:
        basis: Weights (O, I) of the centre and of each direction, in float64.
        combine: Combines tensors, one for each of the basis, with the coefficients of a point.
        inputs: The microbatches of examples that the layer is applied to.
        dtype: Type in which the network computes.
        budget: Bytes for the products, shared by all first layers; examples whose products do not
            fit are multiplied with the weight as usual.
    """

    def __init__(
        self,
        basis: Sequence[torch.Tensor],
        combine: Combine,
        inputs: Sequence[torch.Tensor],
        dtype: torch.dtype,
        budget: MemoryBudget,
    ) -> None:
        self._basis, self._combine, self._dtype, self._budget = basis, combine, dtype, budget
        self._inputs = {tensor.data_ptr(): tensor for tensor in inputs}
        self._products: dict[tuple, list[torch.Tensor] | None] = {}

    def at_point(self, coefficients: Sequence[float]) -> Deferred:
        """Return the deferred weight (O, I) at a point.

        Its ``product`` gives the products with the examples. The weight itself is computed only if
        something else uses it.

        Args:
            coefficients: Coefficients of the point.
        """
        weight = Deferred.from_function(
            lambda: self._combine(self._basis, coefficients).to(self._dtype),
            self._basis[0].new_empty(0, dtype=self._dtype),  # Carries dtype and device.
            self._basis[0].shape,
        )

        def product(inputs: torch.Tensor) -> Callable[[], torch.Tensor] | None:
            products = self._basis_products(inputs)
            return products and (lambda: self._combine(products, coefficients))

        # The weight combines in float64 and is then rounded: with a coefficient beyond its dtype's
        # range it is infinite. Products combine in that dtype, which cannot take the coefficient.
        if max(map(abs, coefficients), default=0.0) <= torch.finfo(self._dtype).max:
            weight.product = product
        return weight

    def _basis_products(self, inputs: torch.Tensor) -> Any:
        """Return the products of inputs with each basis weight; None if they cannot be kept."""
        # The address finds the microbatch; `_is_view` excludes a part of it, or other values.
        source = self._inputs.get(inputs.data_ptr())
        if source is None or not _is_view(inputs, source):
            return None
        # A view holds all entries in order, so that its shape is all that tells it from another.
        key = (inputs.data_ptr(), tuple(inputs.shape))
        if key not in self._products:
            size = inputs.shape[:-1].numel() * len(self._basis[0]) * inputs.element_size()
            # One more than the basis: `Combine` may keep a sum of them.
            fits = self._budget.take(size * (len(self._basis) + 1))
            # None is kept too: a later point must not ask for memory again.
            self._products[key] = self._computed(inputs) if fits else None
        return self._products[key]

    def _computed(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        # In float64: products of opposite sign may cancel in the sum, which then shows the
        # rounding of each; the sum of the weights is taken in float64 as well.
        exact = inputs.double()
        return [functional.linear(exact, part).to(self._dtype) for part in self._basis]


class _Recorder(TorchFunctionMode):
    """Records the weights of linear layers whose input is the examples themselves."""

    def __init__(self, inputs: torch.Tensor) -> None:
        super().__init__()
        self._inputs, self.weight_ids = inputs, set()  # type: ignore[var-annotated]  # a set of ids

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is functional.linear and len(args) > 1 and _is_view(args[0], self._inputs):
            self.weight_ids.add(id(args[1]))
        return func(*args, **(kwargs or {}))


@single_path()
@torch.inference_mode(False)
@torch.no_grad()
def first_layers(module: nn.Module, inputs: torch.Tensor) -> set[str]:
    """Return the names of the weights for which ``FirstLayerWeight`` saves time.

    These are weights of linear layers of at least 32 input features whose input is the examples,
    or a view of all of them such as ``inputs.flatten(1)``.

    Args:
        module: Any module; it makes one forward pass.
        inputs: A microbatch (N, ...) in its dtype, on its device.
    """
    with _Recorder(inputs) as recorder:
        module(inputs)
    return {
        name
        for name, tensor in module.named_parameters()
        if id(tensor) in recorder.weight_ids and tensor.dim() == 2 and tensor.shape[1] >= _FEATURES
    }


def parameter_uses(module: nn.Module, parameter: nn.Parameter) -> ParameterUses:
    """Return the modules that hold a parameter, and its name in each; several if it is shared.

    Args:
        module: The module to search, with all that is in it.
        parameter: A parameter of it.
    """
    return [
        (part, name)
        for part in module.modules()
        for name, tensor in part.named_parameters(recurse=False)
        if tensor is parameter
    ]


def _is_view(tensor: torch.Tensor, whole: torch.Tensor) -> bool:
    """Return whether a tensor holds all entries of another in the same order and memory."""
    return (
        tensor.data_ptr() == whole.data_ptr()
        and tensor.numel() == whole.numel()
        and tensor.dtype == whole.dtype
        and tensor.is_contiguous()
        and whole.is_contiguous()
    )
