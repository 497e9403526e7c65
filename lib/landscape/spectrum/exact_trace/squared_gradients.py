"""Squared gradients of single examples, entry by entry of theta, summed over the examples.

Each class takes gradients with respect to the result of one operation (``add``) and returns, for
the parameters that act there, Σₙ (∂⟨gₙ, fₙ⟩/∂θᵢ)² over all examples n and all gradients g that
were added (``totals``). Products are in the network's dtype, sums over batches of them in float64.
"""

import collections
import math
from typing import NamedTuple, Protocol

import torch
from torch import nn
from torch.autograd.graph import Node

from landscape.spectrum.exact_trace.piecewise_linear import Graph, Use

# Bytes of gradients of single examples formed at once: on a CPU they are squared in its cache.
_PRODUCT_BYTES = {True: 2 * 2**20, False: 64 * 2**20}


class SquaredGradients(Protocol):
    """What adds up squared gradients for the parameters of one operation.

    Attributes:
        kept: Number of values held beside the graph's own.
    """

    kept: int

    def add(self, gradient: torch.Tensor) -> None:
        """Add the squares that belong to one gradient of the operation's result."""

    def totals(self) -> dict[str, torch.Tensor]:
        """Return the sums in float64, with the parameters' shapes; call it once, at the end."""


class SquaredGradientLayer(NamedTuple):
    """Sums of squares, and the operation whose result they take gradients of."""

    node: Node
    squares: list[SquaredGradients]


def squared_gradient_layers(graph: Graph, count: int) -> list[SquaredGradientLayer]:
    """Return what sums the squares for all parameters of a graph of ``count`` examples.

    A convolution and the normalisation right behind it make one layer: both have their gradients
    from that of the normalised result, which spares passes over activations.

    Raises:
        ValueError: If the shape of a result shows that its first axis is not the examples.
    """
    consumers = collections.Counter(op for node in graph.nodes for op, _ in node.next_functions)
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
    joined = {conv.node for conv in pairs.values() if math.prod(conv.shape[2:]) > 1}
    found = []
    for use in graph.uses:
        conv = pairs.get(use.node)
        if conv is not None and conv.node in joined:
            found.append(SquaredGradientLayer(use.node, [_Normalised(conv, use, count)]))
        elif use.node not in joined:
            found.append(SquaredGradientLayer(use.node, squared_gradients(use, count)))
    return found


def _is_known(use: Use) -> bool:
    # Of an untrained bias the graph keeps the shape alone.
    return 1 in use.names and (2 in use.names or not sum(use.node._saved_bias_sym_sizes_opt))


def squared_gradients(use: Use, count: int) -> list[SquaredGradients]:
    """Return what sums the squares for the parameters of one operation.

    Args:
        use: The operation, in the graph of ``count`` examples.
        count: Number of examples.

    Raises:
        ValueError: If the shape of the result shows that its first axis is not the examples.
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
    """Weight and bias of y = W a + b at many places t: an example's gradient is Σₜ gₜ [aₜ, 1]ᵀ.

    One batched matrix product gives the gradients of a few examples, to be squared and summed.
    """

    def __init__(self, use: Use, count: int, places: int, *, bias: bool | None = None) -> None:
        self._use, self._count = use, count
        inputs, width, groups = _inputs(use, count)
        bias = _name(use, "bias") is not None if bias is None else bias
        columns = _new(use, count, groups, places, width + bias)
        if inputs is not None:
            columns[..., :width].view(inputs.shape).copy_(inputs)
        if bias:
            columns[..., width:] = 1
        self.kept = columns.numel()
        self._columns = columns.flatten(0, 1)  # (N · groups, places, entries)
        self._shape = (groups, _outputs(use) // groups, width + bias)
        self._total = torch.zeros(self._shape, dtype=torch.float64, device=columns.device)
        each = math.prod(self._shape) * columns.element_size()
        self._step = groups * max(1, min(count, _PRODUCT_BYTES[columns.is_cpu] // each))
        self._scratch = _new(use, self._step, *self._shape[1:])

    def add(self, gradient: torch.Tensor) -> None:
        if self._use.kind == "Convolution":
            rows = gradient.flatten(2).reshape(len(self._columns), self._shape[1], -1)
        else:
            rows = gradient.reshape(self._count, -1, self._shape[1]).transpose(1, 2)
        pairs = zip(rows.split(self._step), self._columns.split(self._step), strict=True)
        for g, a in pairs:
            products = torch.bmm(g, a, out=self._scratch[: len(g)])
            self._see(products.view(-1, *self._shape))

    def _see(self, gradients: torch.Tensor) -> None:
        self._total += gradients.square_().sum(0)

    def totals(self) -> dict[str, torch.Tensor]:
        if _name(self._use, "bias") is None:
            return _named(self._use, self._total, None)
        return _named(self._use, self._total[..., :-1], self._total[..., -1])


class _Normalised(_Products):
    """A convolution W a + b and the frozen normalisation γ (· − μ) / σ + β right behind it.

    With g the gradient of the normalised result, Σₜ gₜ [aₜ, 1]ᵀ = [P, q] gives all: (γ/σ) P for W,
    (γ/σ) q for b, q for β, and (⟨W, P⟩ + (b − μ) q) / σ for γ.
    """

    def __init__(self, use: Use, norm: Use, count: int) -> None:
        _check_rows(use, count)
        super().__init__(use, count, math.prod(use.shape[2:]), bias=True)
        self._norm, node = norm, norm.node
        each = _inverse_deviation(norm)
        bias = use.parameter(2).detach() if 2 in use.names else 0
        rows = use.node._saved_weight.detach().movedim(1, -1).flatten(1)
        rows = torch.cat([rows, (bias - node._saved_running_mean)[:, None]], dim=1)
        self._rows = (rows * each[:, None]).view(self._shape)
        gamma = node._saved_weight
        self._scale = each if gamma is None else gamma.detach() * each
        self._gamma = torch.zeros(self._shape[:2], dtype=torch.float64, device=each.device)

    def _see(self, gradients: torch.Tensor) -> None:
        # A product for each output: (n, entries) with (entries, 1).
        inner = torch.bmm(
            gradients.flatten(1, 2).transpose(0, 1), self._rows.flatten(0, 1)[..., None]
        )
        self._gamma += inner.square_().sum(1).view(self._shape[:2])
        super()._see(gradients)

    def totals(self) -> dict[str, torch.Tensor]:
        scaled = self._total * self._scale.double().square().view(*self._shape[:2], 1)
        found = _named(self._use, scaled[..., :-1], scaled[..., -1])
        for operand, total in ((1, self._gamma), (2, self._total[..., -1])):
            if operand in self._norm.names:
                found[self._norm.names[operand]] = total.flatten()
        return found


class _Outer:
    """The same with one place: the gradient is g aᵀ, and (g aᵀ)² = g² (a²)ᵀ entry by entry.

    The squares of all g are added first; a single matrix product sums over the examples.
    """

    def __init__(self, use: Use, count: int) -> None:
        self._use, self._count = use, count
        self._inputs, self._width, self._groups = _inputs(use, count)
        self._squares = _new(use, count, self._groups, _outputs(use) // self._groups).zero_()
        self.kept = self._squares.numel() + count * self._groups * self._width

    def add(self, gradient: torch.Tensor) -> None:
        g = gradient.reshape(self._squares.shape)
        self._squares.addcmul_(g, g)

    def totals(self) -> dict[str, torch.Tensor]:
        weight, bias = None, self._squares.double().sum(0)
        if self._inputs is not None:
            a = self._inputs.reshape(self._count, self._groups, self._width).square()
            weight = (self._squares.permute(1, 2, 0) @ a.transpose(0, 1)).double()
        return _named(self._use, weight, bias)


class _Sums:
    """A parameter that is added, or multiplies entry by entry, with broadcasting.

    The gradient of an example is the sum of g, times the other factor if there is one, over the
    axes along which the parameter is repeated.
    """

    def __init__(self, use: Use, operand: int, count: int) -> None:
        self._name, self._parameter = use.names[operand], use.parameter(operand)
        own = list(self._parameter.shape)
        if use.kind.endswith("BatchNorm"):  # Acts on axis 1, not on the last one.
            own += [1] * (len(use.shape) - 2)
        own = [1] * (len(use.shape) - len(own)) + own
        if own[0] != 1:
            raise ValueError(
                f"parameter {self._name!r} of shape {tuple(self._parameter.shape)} has entries for "
                f"each example (result of shape {use.shape}), so that the network fits one set of "
                "examples only. Use parameters that all examples share."
            )
        self._shape = (count, use.shape[0] // count, *use.shape[1:])
        self._axes = [axis for axis, size in enumerate([1, *own]) if size == 1 and axis > 0]
        factor = _factor(use, operand)
        self._factor = factor if isinstance(factor, float) else factor.expand(use.shape)
        self.kept = 0 if isinstance(factor, float) else math.prod(use.shape)
        self._total = self._parameter.new_zeros(self._parameter.shape, dtype=torch.float64)

    def add(self, gradient: torch.Tensor) -> None:
        if not isinstance(self._factor, float) or self._factor != 1:
            gradient = gradient * self._factor
        sums = gradient.reshape(self._shape).sum(self._axes)
        self._total += sums.square().sum(0).view(self._total.shape)

    def totals(self) -> dict[str, torch.Tensor]:
        return {self._name: self._total}


def _factor(use: Use, operand: int) -> torch.Tensor | float:
    node = use.node
    if use.kind == "Mul":
        return (node._saved_other if operand == 0 else node._saved_self).detach()
    if use.kind in ("Add", "Sub"):
        return float(node._saved_alpha) if operand == 1 else 1.0
    if operand == 2:
        return 1.0
    axes = (-1, *[1] * (len(use.shape) - 2))
    scale = _inverse_deviation(use).view(axes)
    return (node._saved_input.detach() - node._saved_running_mean.view(axes)) * scale


def _inverse_deviation(norm: Use) -> torch.Tensor:
    node = norm.node
    eps = node._saved_eps if norm.kind == "NativeBatchNorm" else node._saved_epsilon
    return (node._saved_running_var + eps).rsqrt()


def _inputs(use: Use, count: int) -> tuple[torch.Tensor | None, int, int]:
    """Return a view (N, groups, *places, *entries) of what the weight multiplies; sizes."""
    node = use.node
    if use.kind == "Convolution":
        groups = node._saved_groups
        if _name(use, "weight") is None:
            return None, 0, groups
        weight = use.parameter(1)
        return _windows(node, use.shape[2:], weight.shape[2:]), weight[0].numel(), groups
    if _name(use, "weight") is None:
        return None, 0, 1
    inputs = (node._saved_mat1 if use.kind == "Addmm" else node._saved_self).detach()
    return inputs.reshape(count, 1, -1, inputs.shape[1]), inputs.shape[1], 1


def _windows(node: Node, places: tuple[int, ...], kernel: tuple[int, ...]) -> torch.Tensor:
    """Return a view (N, groups, *places, *kernel, channels of a group) of a convolution's input.

    Channels come last, in memory too.
    """
    sides = [side for size in reversed(node._saved_padding) for side in (size, size)]
    x = nn.functional.pad(node._saved_input.detach(), sides)
    x = x.movedim(1, -1).contiguous().movedim(-1, 1)  # Runs of channels are what is copied.
    example, channel, *axes = x.stride()
    groups, each = node._saved_groups, x.shape[1] // node._saved_groups
    steps = [size * step for size, step in zip(axes, node._saved_stride, strict=True)]
    inner = [size * step for size, step in zip(axes, node._saved_dilation, strict=True)]
    return x.as_strided(
        (len(x), groups, *places, *kernel, each),
        (example, each * channel, *steps, *inner, channel),
    )


def _named(use: Use, weight: torch.Tensor | None, bias: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return sums (groups, outputs of a group, entries) and (groups, outputs) under their names."""
    found = {}
    if (name := _name(use, "bias")) is not None:
        found[name] = bias.flatten()
    if (name := _name(use, "weight")) is not None:
        weight = weight.flatten(0, 1)
        if use.kind == "Convolution":
            weight = weight.unflatten(1, (*use.parameter(1).shape[2:], -1)).movedim(-1, 1)
        found[name] = weight if use.kind == "Convolution" or use.transposed else weight.T
    return found


def _name(use: Use, part: str) -> str | None:
    operands = {"Convolution": (1, 2), "Addmm": (2, 0), "Mm": (1, None)}[use.kind]
    return use.names.get(operands[part == "bias"])


def _outputs(use: Use) -> int:
    return use.shape[1]


def _new(use: Use, *shape: int) -> torch.Tensor:
    like = use.node._input_metadata[0]
    return torch.empty(shape, dtype=like.dtype, device=like.device)
