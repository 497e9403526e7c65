"""Piecewise-linear networks: a check of the autograd graph, and where each parameter acts in it.

The graph shows the operations themselves, so functional calls, containers and in-place modules are
checked by what they compute, whatever the modules are called.
"""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch.autograd.graph import Node

# Operations that are piecewise linear in all operands jointly, as their autograd nodes are called.
_LINEAR = frozenset(
    """
    Abs AdaptiveAvgPool2D AdaptiveAvgPool3D AdaptiveMaxPool2D AdaptiveMaxPool3D Add Alias Amax
    Amin AsStrided AvgPool2D AvgPool3D Cat ChannelShuffle Clamp ClampMax ClampMin Clone
    ConstantPadNd Cumsum Diagonal Expand Flip Gather Hardsigmoid Hardtanh Im2Col Index
    IndexSelect LeakyRelu MaskedFill Max MaxPool2DWithIndices MaxPool3DWithIndices Maximum Mean
    Min Minimum Neg Permute PixelShuffle PixelUnshuffle ReflectionPad1D ReflectionPad2D
    ReflectionPad3D Relu Repeat ReplicationPad1D ReplicationPad2D ReplicationPad3D ReshapeAlias
    Roll Rsub Select Slice Softshrink Sort Split SplitWithSizes Squeeze Stack Sub Sum T
    Threshold ToCopy Topk Transpose Tril Triu Unbind Unfold UnsafeSplit UnsafeView Unsqueeze
    UpsampleBilinear2D UpsampleNearest1D UpsampleNearest2D UpsampleNearest3D View Where
    """.split()
)
# Operations that multiply the two operands at these positions: affine in each parameter if no
# parameter acts in both.
_BILINEAR = {
    "Addmm": (1, 2),
    "Baddbmm": (1, 2),
    "Bmm": (0, 1),
    "Convolution": (0, 1),
    "CudnnBatchNorm": (0, 1),
    "Dot": (0, 1),
    "Mm": (0, 1),
    "Mul": (0, 1),
    "Mv": (0, 1),
    "NativeBatchNorm": (0, 1),
}
# Positions at which a parameter may enter: ``squared_gradients`` has a rule for its gradient there.
_PARAMETER_OPERANDS = {
    "Add": (0, 1),
    "Addmm": (0, 2),
    "Convolution": (1, 2),
    "CudnnBatchNorm": (1, 2),
    "Mm": (1,),
    "Mul": (0, 1),
    "NativeBatchNorm": (1, 2),
    "Sub": (0, 1),
}
_INSTEAD = (
    "Use spectrum.trace(L.hessian(theta)) for the Hessian, or spectrum.trace(L.ggn(theta)) for the "
    "Gauss-Newton matrix: estimates with a standard error."
)


@dataclasses.dataclass(frozen=True)
class Use:
    """One operation that has parameters as operands.

    Attributes:
        node: The operation's node in the graph; gradients are taken of its result.
        kind: Name of the operation, such as ``Convolution``.
        names: Position of an operand -> name of the parameter there.
        transposed: Whether the weight enters as its transpose, as in linear layers.
    """

    node: Any  # A `Node`, whose saved values PyTorch does not declare.
    kind: str
    names: Mapping[int, str]
    transposed: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the operation's result."""
        return _shape(self.node)

    def parameter(self, operand: int) -> torch.Tensor:
        """Return the parameter at the position of an operand that is not transposed."""
        return self.node.next_functions[operand][0].variable


@dataclasses.dataclass(frozen=True)
class Graph:
    """A graph of outputs that are piecewise affine in each single parameter.

    Attributes:
        nodes: Operations and parameters, operands before the operations that use them.
        uses: The operations that have parameters, in the same order.
    """

    nodes: tuple[Node, ...]
    uses: tuple[Use, ...]

    @property
    def sizes(self) -> list[int]:
        """Number of values in the result of each operation, without parameters and transposes."""
        nodes = [node for node in self.nodes if _kind(node) not in ("Leaf", "T")]
        return [math.prod(_shape(node)) for node in nodes] or [1]


def graph_of(outputs: torch.Tensor, parameters: Mapping[str, torch.Tensor]) -> Graph:
    """Return the graph of outputs, checked to be piecewise affine in each single parameter.

    Then ∂²f/∂θᵢ² = 0 almost everywhere. By induction over the graph, a piecewise-linear operation
    keeps the property, and a product keeps it if its factors share no parameter. Mixed derivatives
    need not vanish.

    Args:
        outputs: The network's outputs, with their autograd graph.
        parameters: Names of the parameters -> leaves of the graph.

    Returns:
        The graph, with the operations that have parameters.

    Raises:
        ValueError: If an operation is not known to be piecewise linear; if batch normalisation uses
            the statistics of the examples; if a parameter is used twice or acts in both factors
            of a product; or if it enters where no rule gives its gradient for each example.
    """
    nodes = _ordered(outputs.grad_fn)
    leaves = {id(tensor): name for name, tensor in parameters.items()}
    # Leaves outside ``parameters``, such as untrained ones, have the name None.
    leaf_names = {node: leaves.get(id(node.variable)) for node in nodes if _kind(node) == "Leaf"}
    for node in nodes:
        _check_kind(node)
    uses = _uses(nodes, leaf_names)
    _check_products(nodes, leaf_names)
    return Graph(tuple(nodes), uses)


def _shape(node: Node) -> tuple[int, ...]:
    return tuple(node._input_metadata[0].shape)


def _kind(node: Node) -> str:
    """Return the operation of a node, without ``Backward`` and its version number."""
    name = node.name()
    if name == "torch::autograd::AccumulateGrad":
        return "Leaf"
    # A user's own backward functions end without a number and keep their whole name: called
    # ``ReluBackward`` they must not pass for torch's.
    return re.sub(r"Backward\d+$", "", name)


def _operands(node: Node) -> list[Any]:
    return [operand for operand, _ in node.next_functions]


def _ordered(root: Node | None) -> list[Any]:
    """Return the nodes below a root, operands first."""
    # With a stack: graphs are deeper than Python's recursion limit.
    ordered, seen, stack = [], set(), [(root, False)] if root is not None else []
    while stack:
        node, expanded = stack.pop()
        if expanded:
            ordered.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(operand, False) for operand in _operands(node) if operand is not None]
    return ordered


def _check_kind(node: Any) -> None:
    kind = _kind(node)
    if kind == "torch::autograd::CopySlices":
        raise ValueError(
            "the network changes a view of a tensor in place (CopySlices), so its graph does not "
            "tell what it computes there. Compute it out of place, as nn.ReLU(inplace=False) does. "
            f"{_INSTEAD}"
        )
    if kind not in _LINEAR and kind not in _BILINEAR and kind not in ("Leaf", "Div"):
        raise ValueError(
            f"the network computes {node.name()}, which is not known to be piecewise linear. The "
            "trace is exact from gradients only where second derivatives of the outputs vanish, so "
            "that tr H = tr GGN: linear layers, convolutions, batch normalisation in eval mode, "
            f"ReLU and similar activations, pooling, sums. {_INSTEAD}"
        )
    if kind.endswith("BatchNorm") and node._saved_training:
        raise ValueError(
            "a layer normalises by statistics of its inputs (bn='batch', or instance "
            "normalisation): its outputs are not linear in its inputs, and examples act on each "
            f"other. Pass an objective with bn='frozen' or bn='reestimate'. {_INSTEAD}"
        )


def _check_products(nodes: list[Node], leaf_names: Mapping[Node, str | None]) -> None:
    # The names of the parameters that act on each node.
    reached: dict[Node | None, frozenset[str]] = {None: frozenset()}
    for node in nodes:
        operands = _operands(node)
        if node in leaf_names:
            reached[node] = frozenset([leaf_names[node]]) - {None}  # type: ignore[assignment]  # None is taken away
            continue
        reached[node] = frozenset().union(*(reached[operand] for operand in operands))
        pair = [reached[operands[i]] for i in _BILINEAR.get(_kind(node), ()) if i < len(operands)]
        if len(pair) == 2 and pair[0] & pair[1]:
            raise ValueError(
                f"both factors of a product ({node.name()}) depend on parameter "
                f"{min(pair[0] & pair[1])!r}: it is quadratic there, so tr H is not tr GGN. "
                f"{_INSTEAD}"
            )
        if _kind(node) == "Div" and len(operands) > 1 and reached[operands[1]]:
            raise ValueError(
                f"the network divides by a quantity that depends on parameter "
                f"{min(reached[operands[1]])!r}, which is not piecewise linear. {_INSTEAD}"
            )


def _uses(nodes: list[Node], leaf_names: Mapping[Node, Any]) -> tuple[Use, ...]:
    transposes = {
        node: leaf_names[_operands(node)[0]]
        for node in nodes
        if _kind(node) == "T" and leaf_names.get(_operands(node)[0]) is not None
    }
    uses, users = [], {}  # type: ignore[var-annotated]  # users: dict[str, str]
    for node in nodes:
        if node in transposes:  # Counts where the transpose is used.
            continue
        operands = _operands(node)
        names = {i: leaf_names.get(op) or transposes.get(op) for i, op in enumerate(operands)}
        names = {i: name for i, name in names.items() if name is not None}
        for i, name in names.items():
            transposed = operands[i] in transposes
            _check_rule(node, i, name, transposed)  # type: ignore[arg-type]  # names without None
            if name in users:
                raise ValueError(
                    f"parameter {name!r} is used more than once ({users[name]} and {node.name()}): "
                    "with shared layers or tied weights an output need not be affine in it. "
                    f"{_INSTEAD}"
                )
            users[name] = node.name()
        if names:
            transposed = any(operand in transposes for operand in operands)
            uses.append(Use(node, _kind(node), names, transposed))  # type: ignore[arg-type]  # names without None
    return tuple(uses)


def _check_rule(node: Any, index: int, name: str, transposed: bool) -> None:
    kind = _kind(node)
    known = index in _PARAMETER_OPERANDS.get(kind, ())
    known &= not transposed or (kind, index) in (("Addmm", 2), ("Mm", 1))
    if kind == "Convolution":
        known &= not node._saved_transposed
    if kind == "Addmm":
        known &= node._saved_alpha == 1 and node._saved_beta == 1
    if not known:
        raise ValueError(
            f"parameter {name!r} enters the network through {node.name()}, where its gradient for "
            "each example has no rule. Known are linear layers, convolutions (not transposed), "
            f"batch normalisation, and parameters that are added or multiply. {_INSTEAD}"
        )
