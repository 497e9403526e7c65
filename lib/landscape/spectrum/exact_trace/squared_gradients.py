"""Squares of each example's gradient, entry by entry of theta, summed over the examples.

Each class takes gradients g with respect to the result f of one operation (``add``) and returns,
for the parameters of that operation, Σₙ (∂⟨gₙ, fₙ⟩/∂θᵢ)² over all examples n and all added g
(``totals``). Products are computed in the network's dtype and summed up in float64.
"""

import collections
import math
from typing import NamedTuple, Protocol

import torch
from torch.autograd.graph import Node

from landscape.spectrum.exact_trace.operands import (
    empty_like_result,
    inverse_deviation,
    layer_inputs,
    named_totals,
    num_outputs,
    operand_name,
    other_factor,
)
from landscape.spectrum.exact_trace.piecewise_linear import Graph, Use

# Bytes of single examples' gradients formed at once, on a CPU (True) and elsewhere. On a CPU they
# must fit its cache, where they are squared; a GPU needs large products to be busy.
_PRODUCT_BYTES = {True: 2 * 2**20, False: 64 * 2**20}


class SquaredGradients(Protocol):
    """A sum of squared gradients for the parameters of one operation.

    Attributes:
        num_values: Number of values held in memory beside those of the graph.
    """

    num_values: int

    def add(self, gradient: torch.Tensor) -> None:
        """Add the squares for one gradient, which has the shape of the operation's result."""

    def totals(self) -> dict[str, torch.Tensor]:
        """Return the sums in float64 by parameter name, in the parameters' shapes.

        To be called once, after the last ``add``.
        """


class SquaredGradientLayer(NamedTuple):
    """Sums of squares, and the operation whose result they take gradients of."""

    node: Node  # The operation.
    squares: list[SquaredGradients]


def squared_gradient_layers(graph: Graph, count: int) -> list[SquaredGradientLayer]:
    """Return the sums of squares for all parameters of a graph.

    A convolution and the batch normalisation right behind it make one layer: the gradient of the
    normalised result determines the gradients of both, which spares passes over activations.

    Args:
        graph: The graph of the network's outputs for ``count`` examples.
        count: Number of examples.

    Returns:
        The layers, in the graph's order.

    Raises:
        ValueError: If the shape of a result shows that its first axis does not hold the examples.
    """
    consumers = collections.Counter(op for node in graph.nodes for op, _ in node.next_functions)
    # If anything else uses a convolution's result, its gradient is more than the norm passes back.
    convolutions = {
        use.node: use
        for use in graph.uses
        if use.kind == "Convolution" and consumers[use.node] == 1 and _is_known(use)
    }
    pairs = {
        use.node: convolutions.pop(use.node.next_functions[0][0])
        for use in graph.uses
        if use.kind.endswith("BatchNorm") and use.node.next_functions[0][0] in convolutions
    }
    # At a single place the square of an outer product is cheaper: see ``_Outer``.
    joined = {conv.node for conv in pairs.values() if math.prod(conv.shape[2:]) > 1}
    layers = []
    for use in graph.uses:
        conv = pairs.get(use.node)
        if conv is not None and conv.node in joined:
            layers.append(SquaredGradientLayer(use.node, [_Normalised(conv, use, count)]))
        elif use.node not in joined:
            layers.append(SquaredGradientLayer(use.node, squared_gradients(use, count)))
    return layers


def _is_known(use: Use) -> bool:
    """Whether the graph holds the values of a convolution's weight and bias."""
    # The graph keeps only the shape of an untrained bias.
    return 1 in use.names and (2 in use.names or not sum(use.node._saved_bias_sym_sizes_opt))


def squared_gradients(use: Use, count: int) -> list[SquaredGradients]:
    """Return the sums of squares for the parameters of one operation.

    Args:
        use: The operation, in the graph of ``count`` examples.
        count: Number of examples.

    Returns:
        One sum for weight and bias of a layer together; else one for each parameter.

    Raises:
        ValueError: If the shape of the result shows that its first axis does not hold the examples.
    """
    rows = _check_rows(use, count)
    if use.kind not in ("Convolution", "Addmm", "Mm"):
        return [_Sums(use, operand, count) for operand in use.names]
    places = math.prod(use.shape[2:]) if use.kind == "Convolution" else rows // count
    return [_Outer(use, count) if places == 1 else _Products(use, count, places)]


def _check_rows(use: Use, count: int) -> int:
    rows = use.shape[0] if use.shape else 0
    if rows == 0 or rows % count or (use.kind == "Convolution" and rows != count):
        raise ValueError(
            f"{use.node.name()} with {', '.join(map(repr, use.names.values()))} has a result of "
            f"shape {use.shape} for {count} examples, so their gradients cannot be told apart. "
            "Use layers that keep the examples in the first axis (batch_first=True)."
        )
    return rows


class _Products:
    """Weight and bias of y = W a + b at many places t.

    An example's gradient is Σₜ gₜ [aₜ, 1]ᵀ. It must be summed over t before it is squared, so it is
    formed: one batched matrix product gives the gradients of a few examples.
    """

    def __init__(self, use: Use, count: int, places: int, *, bias: bool | None = None) -> None:
        self._use, self._count = use, count
        inputs, width, groups = layer_inputs(use, count)
        bias = operand_name(use, "bias") is not None if bias is None else bias
        # [aₜ, 1]: the column of ones gives the bias's gradient from the same product.
        columns = empty_like_result(use, count, groups, places, width + bias)
        if inputs is not None:
            columns[..., :width].view(inputs.shape).copy_(inputs)
        if bias:
            columns[..., width:] = 1
        self.num_values = columns.numel()
        self._columns = columns.flatten(0, 1)  # (N · groups, places, entries): a batch for ``bmm``.
        self._shape = (groups, num_outputs(use) // groups, width + bias)
        self._total = torch.zeros(self._shape, dtype=torch.float64, device=columns.device)
        example_bytes = math.prod(self._shape) * columns.element_size()
        # Whole examples, so that all groups of an example are in one product.
        self._step = groups * max(1, min(count, _PRODUCT_BYTES[columns.is_cpu] // example_bytes))
        # Reused by all products, so that it stays in the cache.
        self._scratch = empty_like_result(use, self._step, *self._shape[1:])

    def add(self, gradient: torch.Tensor) -> None:
        if self._use.kind == "Convolution":
            rows = gradient.flatten(2).reshape(len(self._columns), self._shape[1], -1)
        else:
            rows = gradient.reshape(self._count, -1, self._shape[1]).transpose(1, 2)
        pairs = zip(rows.split(self._step), self._columns.split(self._step), strict=True)
        for g, a in pairs:
            products = torch.bmm(g, a, out=self._scratch[: len(g)])
            self._add_squares(products.view(-1, *self._shape))

    def _add_squares(self, gradients: torch.Tensor) -> None:
        # In place: the products are not needed again, and the cache holds them already.
        self._total += gradients.square_().sum(0)

    def totals(self) -> dict[str, torch.Tensor]:
        if operand_name(self._use, "bias") is None:
            return named_totals(self._use, self._total, None)
        return named_totals(self._use, self._total[..., :-1], self._total[..., -1])


class _Normalised(_Products):
    """A convolution W a + b and the frozen batch normalisation γ (· − μ) / σ + β right behind it.

    With g the gradient of the normalised result, [P, q] = Σₜ gₜ [aₜ, 1]ᵀ gives all four gradients:
    (γ/σ) P for W, (γ/σ) q for b, q for β, and (⟨W, P⟩ + (b − μ) q) / σ for γ.
    """

    def __init__(self, use: Use, norm: Use, count: int) -> None:
        _check_rows(use, count)
        # With the column of ones even if the convolution has no bias: β and γ need q.
        super().__init__(use, count, math.prod(use.shape[2:]), bias=True)
        self._norm, node = norm, norm.node
        inverse_sigma = inverse_deviation(norm)
        bias = use.parameter(2).detach() if 2 in use.names else 0
        # [W, b − μ] / σ for each output, entries in the order of the columns: (*kernel, channels).
        rows = use.node._saved_weight.detach().movedim(1, -1).flatten(1)
        rows = torch.cat([rows, (bias - node._saved_running_mean)[:, None]], dim=1)
        self._rows = (rows * inverse_sigma[:, None]).view(self._shape)
        gamma = node._saved_weight
        self._scale = inverse_sigma if gamma is None else gamma.detach() * inverse_sigma
        self._gamma = torch.zeros(self._shape[:2], dtype=torch.float64, device=inverse_sigma.device)

    def _add_squares(self, gradients: torch.Tensor) -> None:
        # γ first, since the squares of the base class overwrite the gradients. One product for each
        # output: (n, entries) with (entries, 1).
        inner = torch.bmm(
            gradients.flatten(1, 2).transpose(0, 1), self._rows.flatten(0, 1)[..., None]
        )
        self._gamma += inner.square_().sum(1).view(self._shape[:2])
        super()._add_squares(gradients)

    def totals(self) -> dict[str, torch.Tensor]:
        # γ/σ is one factor for each output, so it is applied to the sums of squares, squared.
        scaled = self._total * self._scale.double().square().view(*self._shape[:2], 1)
        totals = named_totals(self._use, scaled[..., :-1], scaled[..., -1])
        for operand, total in ((1, self._gamma), (2, self._total[..., -1])):
            if operand in self._norm.names:
                totals[self._norm.names[operand]] = total.flatten()
        return totals


class _Outer:
    """Weight and bias of y = W a + b at a single place.

    An example's gradient is g aᵀ, and (g aᵀ)² = g² (a²)ᵀ entry by entry, so no gradient is formed:
    the squares of all g are added first, and one matrix product at the end sums over the examples.
    """

    def __init__(self, use: Use, count: int) -> None:
        self._use, self._count = use, count
        self._inputs, self._width, self._groups = layer_inputs(use, count)
        self._squares = empty_like_result(
            use, count, self._groups, num_outputs(use) // self._groups
        ).zero_()
        self.num_values = self._squares.numel() + count * self._groups * self._width

    def add(self, gradient: torch.Tensor) -> None:
        g = gradient.reshape(self._squares.shape)
        self._squares.addcmul_(g, g)

    def totals(self) -> dict[str, torch.Tensor]:
        weight, bias = None, self._squares.double().sum(0)
        if self._inputs is not None:
            a = self._inputs.reshape(self._count, self._groups, self._width).square()
            weight = (self._squares.permute(1, 2, 0) @ a.transpose(0, 1)).double()
        return named_totals(self._use, weight, bias)


class _Sums:
    """A parameter that is added, or multiplies entry by entry, with broadcasting.

    An example's gradient is the sum of g, times the other factor if there is one, over the axes
    along which the parameter is repeated.
    """

    def __init__(self, use: Use, operand: int, count: int) -> None:
        self._name, self._parameter = use.names[operand], use.parameter(operand)
        # The parameter's shape, with ones for the axes of the result that it is repeated along.
        shape = list(self._parameter.shape)
        if use.kind.endswith("BatchNorm"):  # Acts on axis 1, not on the last one.
            shape += [1] * (len(use.shape) - 2)
        shape = [1] * (len(use.shape) - len(shape)) + shape
        if shape[0] != 1:
            raise ValueError(
                f"parameter {self._name!r} of shape {tuple(self._parameter.shape)} has entries for "
                f"each example (result of shape {use.shape}), so the network fits this number of "
                "examples only. Use parameters that all examples share."
            )
        # The first axis of a result may hold several rows of each example, as after a flatten.
        self._shape = (count, use.shape[0] // count, *use.shape[1:])
        self._axes = [axis for axis, size in enumerate([1, *shape]) if size == 1 and axis > 0]
        factor = other_factor(use, operand)
        self._factor = factor if isinstance(factor, float) else factor.expand(use.shape)
        self.num_values = 0 if isinstance(factor, float) else math.prod(use.shape)
        self._total = self._parameter.new_zeros(self._parameter.shape, dtype=torch.float64)

    def add(self, gradient: torch.Tensor) -> None:
        if not isinstance(self._factor, float) or self._factor != 1:
            gradient = gradient * self._factor
        sums = gradient.reshape(self._shape).sum(self._axes)
        self._total += sums.square().sum(0).view(self._total.shape)

    def totals(self) -> dict[str, torch.Tensor]:
        return {self._name: self._total}
