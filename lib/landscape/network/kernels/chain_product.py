"""Products of the Hessian or Gauss-Newton matrix of a chain with vectors, written out."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from landscape.network.kernels.elementwise_chain import Chain, Link
from landscape.network.kernels.matrix_product import linear, product

Scalar = Callable[[torch.Tensor], torch.Tensor]
OutputHessian = Callable[[torch.Tensor], torch.Tensor]

# Entries of a layer's tangents that are computed at once: beyond them they leave the cache.
_ENTRIES = 2**21
# Columns that are the same in all examples are merged if they are at least this share.
_WORTH = 0.05


@dataclasses.dataclass(frozen=True)
class _Layer:
    """A layer at the point: what all products share.

    Attributes:
        inputs: Activations that enter it (N, I).
        weight: The weight (O, I).
        delta: Gradient of the loss by the linear layer's output (N, O); None for Gauss-Newton.
        slope: σ' of the activations behind it (N, O); None where there are none.
        bend: σ'' times the gradient by the activations' output (N, O); None where it is zero.
        places: Slices of theta that hold weight and bias; None for no bias.
    """

    inputs: torch.Tensor
    weight: torch.Tensor
    delta: torch.Tensor | None
    slope: torch.Tensor | None
    bend: torch.Tensor | None
    places: tuple[slice, slice | None]


class ChainProduct:
    """The function V -> A V for the Hessian or Gauss-Newton matrix A of a chain's loss.

    The forward and backward pass at the point are computed once. A product is the derivative of
    both along a direction (Pearlmutter's R-operator); several directions go through one matrix
    product for each layer. Inputs that are the same in all examples enter the first layer as one
    column: their weights act through one sum.

    Args:
        chain: The network.
        named: Parameters by name, at the point.
        places: Slices of theta by name of the parameter.
        inputs: Inputs (N, ...).
        loss: Maps outputs (N, K) to a scalar that can be differentiated twice.
        output_hessian: Maps outputs (N, K), passed by name, to the function that multiplies
            tangents (N, k, K) of them with the loss's Hessian by the outputs; or to None, for
            automatic differentiation.
        gauss_newton: Whether A is the Gauss-Newton matrix.

    Attributes:
        outputs: Outputs (N, K) at the point.
        nbytes: Bytes that are held between products.

    Reference: Pearlmutter (1994), Fast Exact Multiplication by the Hessian, Neural Computation
        6(1), 147-160.
    """

    def __init__(
        self,
        chain: Chain,
        named: Mapping[str, torch.Tensor],
        places: Mapping[str, slice],
        inputs: torch.Tensor,
        loss: Scalar,
        *,
        output_hessian: Callable[..., OutputHessian | None],
        gauss_newton: bool,
    ) -> None:
        x = _values(chain.before, inputs.detach().flatten(1))
        before: list[tuple[torch.Tensor, torch.Tensor]] = []  # Inputs and linear outputs.
        for link in chain.links:
            bias = None if link.bias is None else named[link.bias]
            z = linear(x, named[link.weight], bias)
            before.append((x, z))
            x = _values(link.activations, z)
        self.outputs = x
        leaf = x.detach().requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(loss(leaf), leaf, create_graph=True)
        closed_form = output_hessian(outputs=self.outputs)
        self._output_hessian = closed_form or _by_autograd(gradient, leaf)
        self._layers = _backward(
            chain.links, before, named, places, gradient.detach(), gauss_newton
        )
        self._first = _FirstInputs(self._layers[0].inputs)
        tensors = [x for layer in self._layers for x in vars(layer).values()]
        tensors = [self._first.matrix, *(x for x in tensors if isinstance(x, torch.Tensor))]
        self.nbytes = sum(x.numel() * x.element_size() for x in tensors)
        widest = max(layer.weight.shape[0] for layer in self._layers)
        self._at_once = max(1, _ENTRIES // (len(inputs) * widest))

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the products (k, n) with vectors (k, n)."""
        with torch.no_grad():
            total = torch.empty_like(rows)
            for part, image in zip(
                rows.split(self._at_once), total.split(self._at_once), strict=True
            ):
                self._multiply(part, image)
        return total

    def _multiply(self, rows: torch.Tensor, image: torch.Tensor) -> None:
        """Write the products with a few vectors (k, n) into ``image``."""
        count, size = len(rows), len(self.outputs)
        shape = (size, count, -1)
        moves: list[torch.Tensor] = []  # Tangents (N, k, O) of the linear layers' outputs.
        entering: list[torch.Tensor | None] = []  # Tangents (N, k, I) of the layers' inputs.
        x: torch.Tensor | None = None
        for layer in self._layers:
            weight, bias = _pieces(rows, layer)
            if x is None:
                z = self._first.tangent(weight, bias).view(shape)
            else:
                flat = bias.reshape(-1) if bias is not None else None
                z = linear(layer.inputs, weight.reshape(-1, weight.shape[2]), flat).view(shape)
                z += linear(x.flatten(0, 1), layer.weight).view(shape)
            moves.append(z)
            entering.append(x)
            x = z if layer.slope is None else _times(z, layer.slope, keep=layer.bend is not None)
        u = self._output_hessian(x)  # type: ignore[arg-type]  # there is a layer
        for index in reversed(range(len(self._layers))):
            layer = self._layers[index]
            delta = u if layer.slope is None else _times(u, layer.slope)
            if layer.bend is not None:
                delta.addcmul_(moves[index], layer.bend[:, None])
            self._gradients(layer, delta, entering[index], image)
            if index:
                u = product(delta.flatten(0, 1), layer.weight).view(shape)
                if layer.delta is not None:
                    weight, _ = _pieces(rows, layer)
                    wide = weight.transpose(0, 1).reshape(weight.shape[1], -1)
                    u += product(layer.delta, wide).view(shape)

    def _gradients(
        self,
        layer: _Layer,
        delta: torch.Tensor,
        entering: torch.Tensor | None,
        image: torch.Tensor,
    ) -> None:
        """Write the derivatives of a layer's gradient into ``image`` (k, n)."""
        count, outputs = delta.shape[1:]
        weight, bias = _pieces(image, layer)
        flat = delta.flatten(1)
        if entering is None:
            self._first.gradients(flat, weight, bias)
            return
        part = product(flat.T, layer.inputs).view(count, outputs, -1)
        if layer.delta is not None:
            other = product(layer.delta.T, entering.flatten(1))
            part += other.view(outputs, count, -1).transpose(0, 1)
        weight.copy_(part)
        if bias is not None:
            torch.sum(delta, 0, out=bias)


class _FirstInputs:
    """Inputs (N, I) of the first layer, without the columns that are the same in all examples.

    Args:
        inputs: The inputs.

    Attributes:
        matrix: The inputs; or the columns that change.
    """

    def __init__(self, inputs: torch.Tensor) -> None:
        constant = (inputs == inputs[:1]).all(0)
        self.matrix, self._merged = inputs, bool(constant.sum() >= _WORTH * len(constant))
        if self._merged:
            self._varying = torch.nonzero(~constant)[:, 0]
            # The value of a column that is constant, 0 for the others.
            self._values = inputs[0].where(constant, 0.0)
            self.matrix = inputs[:, self._varying].contiguous()

    def tangent(self, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """Return (N, k O), the outputs' tangents along weights (k, O, I) and biases (k, O)."""
        flat = weight.reshape(-1, weight.shape[2])
        shift = None if bias is None else bias.reshape(-1)
        if not self._merged:
            return linear(self.matrix, flat, shift)
        merged = flat @ self._values  # The weights of constant inputs act as a bias.
        shift = merged if shift is None else merged.add_(shift)
        return linear(self.matrix, flat.index_select(1, self._varying), shift)

    def gradients(
        self, delta: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> None:
        """Write the gradients of weights (k, O, I) and biases (k, O) for deltas (N, k O)."""
        part = product(delta.T, self.matrix).view(*weight.shape[:2], -1)
        total = delta.sum(0).view(weight.shape[:2])
        if self._merged:
            torch.mul(total[..., None], self._values, out=weight)
            weight.scatter_(2, self._varying.expand_as(part), part)
        else:
            weight.copy_(part)
        if bias is not None:
            bias.copy_(total)


def _times(x: torch.Tensor, slope: torch.Tensor, *, keep: bool = False) -> torch.Tensor:
    """Return x (N, k, O) times slopes (N, O), in the memory of x unless it is kept."""
    return x * slope[:, None] if keep else x.mul_(slope[:, None])


def _pieces(rows: torch.Tensor, layer: _Layer) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return the entries of vectors (k, n) for weight (k, O, I) and bias (k, O), as views."""
    weight, bias = layer.places
    part = rows[:, weight].unflatten(1, tuple(layer.weight.shape))
    return part, None if bias is None else rows[:, bias]


def _values(activations: Sequence[nn.Module], z: torch.Tensor) -> torch.Tensor:
    x = z.clone() if activations else z  # An activation may work in place.
    for activation in activations:
        x = activation(x)
    return x


def _backward(
    links: Sequence[Link],
    before: Sequence[tuple[torch.Tensor, torch.Tensor]],
    named: Mapping[str, torch.Tensor],
    places: Mapping[str, slice],
    gradient: torch.Tensor,
    gauss_newton: bool,
) -> list[_Layer]:
    """Return the layers at the point, by a backward pass from the outputs' gradient (N, K)."""
    layers: list[_Layer] = []
    for link, (inputs, z) in zip(reversed(links), reversed(before), strict=True):
        slope, second = _slopes(link.activations, z)
        bend = None if second is None or gauss_newton else second * gradient
        delta = gradient if slope is None else gradient * slope
        where = places[link.weight], None if link.bias is None else places[link.bias]
        weight = named[link.weight]
        kept = None if gauss_newton else delta
        layers.insert(0, _Layer(inputs, weight, kept, slope, bend, where))
        gradient = product(delta, weight)
    return layers


def _slopes(
    activations: Sequence[nn.Module], z: torch.Tensor
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Return first and second derivatives of activations; None where they are none, or zero."""
    if not activations:
        return None, None
    leaf = z.detach().requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(_values(activations, leaf).sum(), leaf, create_graph=True)
        second = None
        if slope.requires_grad:
            (second,) = torch.autograd.grad(slope.sum(), leaf, allow_unused=True)
    curved = second is not None and bool(second.any())
    return slope.detach(), second if curved else None


def _by_autograd(gradient: torch.Tensor, outputs: torch.Tensor) -> OutputHessian:
    """Return the product of the loss's Hessian by the outputs, from the gradient's graph."""
    if not gradient.requires_grad:  # The loss is linear in the outputs.
        return torch.zeros_like

    def multiply(tangents: torch.Tensor) -> torch.Tensor:
        parts = [
            torch.autograd.grad(gradient, outputs, part, retain_graph=True, materialize_grads=True)[
                0
            ]
            for part in tangents.unbind(1)
        ]
        return torch.stack(parts, dim=1)

    return multiply
