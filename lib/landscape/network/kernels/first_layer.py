"""The first linear layer at many points: a combination of products that are computed once."""

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from landscape.network.kernels.deferred import Deferred
from landscape.network.precision import full_precision

Combine = Callable[[Sequence[torch.Tensor], Sequence[float]], torch.Tensor]
Places = list[tuple[nn.Module, str]]

# Below this many features a layer's product is as cheap as the sum that would replace it.
_FEATURES = 32


class Workspace:
    """Bytes that are left."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, size: int) -> bool:
        """Whether there is room for so many bytes; they are then taken."""
        fits = size <= self._left
        self._left -= size if fits else 0
        return fits


class FirstWeight:
    """A weight of a linear layer on the examples themselves, and its products with them."""

    def __init__(
        self,
        basis: Sequence[torch.Tensor],
        combine: Combine,
        inputs: Sequence[torch.Tensor],
        dtype: torch.dtype,
        room: Workspace,
    ) -> None:
        self._basis, self._combine, self._dtype, self._room = basis, combine, dtype, room
        self._inputs = {tensor.data_ptr(): tensor for tensor in inputs}
        self._products: dict[tuple, list[torch.Tensor] | None] = {}

    def at(self, coefficients: Sequence[float]) -> Deferred:
        """Return the weight at a point; it is computed only where it has another use."""
        weight = Deferred.of(
            lambda: self._combine(self._basis, coefficients).to(self._dtype),
            self._basis[0].new_empty(0, dtype=self._dtype),
            self._basis[0].shape,
        )

        def product(inputs: torch.Tensor) -> Callable[[], torch.Tensor] | None:
            products = self._known(inputs)
            return products and (lambda: self._combine(products, coefficients))

        # A coefficient that the products' dtype cannot hold makes weights infinite, not products.
        if max(map(abs, coefficients), default=0.0) <= torch.finfo(self._dtype).max:
            weight.product = product
        return weight

    def _known(self, inputs: torch.Tensor) -> list[torch.Tensor] | None:
        source = self._inputs.get(inputs.data_ptr())
        if source is None or not _is_view(inputs, source):
            return None
        # A view of all entries in order: its shape says what it is.
        key = (inputs.data_ptr(), tuple(inputs.shape))
        if key not in self._products:
            size = inputs.shape[:-1].numel() * len(self._basis[0]) * inputs.element_size()
            fits = self._room.take(size * len(self._basis))
            self._products[key] = self._computed(inputs) if fits else None
        return self._products[key]

    def _computed(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        # In float64, so that their sum is rounded as little as the sum of the weights.
        exact = inputs.double()
        return [functional.linear(exact, part).to(self._dtype) for part in self._basis]


class _Recorder(TorchFunctionMode):
    """Notes the weights of linear layers that take the examples themselves."""

    def __init__(self, inputs: torch.Tensor) -> None:
        super().__init__()
        self._inputs, self.found = inputs, set()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is functional.linear and len(args) > 1 and _is_view(args[0], self._inputs):
            self.found.add(id(args[1]))
        return func(*args, **(kwargs or {}))


@full_precision()
@torch.inference_mode()
def first_layers(module: nn.Module, inputs: torch.Tensor) -> set[str]:
    """Return the names of weights whose products with the examples are worth keeping."""
    with _Recorder(inputs) as recorder:
        module(inputs)
    return {
        name
        for name, tensor in module.named_parameters()
        if id(tensor) in recorder.found and tensor.dim() == 2 and tensor.shape[1] >= _FEATURES
    }


def parameter_uses(module: nn.Module, parameter: nn.Parameter) -> Places:
    """Return where in a module a parameter stands; one that is shared stands at several."""
    return [
        (part, name)
        for part in module.modules()
        for name, tensor in part.named_parameters(recurse=False)
        if tensor is parameter
    ]


def _is_view(tensor: torch.Tensor, whole: torch.Tensor) -> bool:
    """Whether a tensor holds all entries of another one in the same order, in the same place."""
    return (
        tensor.data_ptr() == whole.data_ptr()
        and tensor.numel() == whole.numel()
        and tensor.dtype == whole.dtype
        and tensor.is_contiguous()
        and whole.is_contiguous()
    )
