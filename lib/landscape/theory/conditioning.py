"""A published bound of the Hessian's condition number by the weights of the layers."""

import math

import torch
from torch import nn

from landscape.network.parameters import layout


def layers_condition(model: nn.Module) -> float:
    """Return Π κ(W) · Π ‖W‖² over the layers' weights, which a source calls a bound of κ(H).

    κ(W) is the ratio of the largest singular value to the smallest one, ‖W‖ the largest: any other
    usual norm is larger, and so would be the bound. A weight with more than two axes is the matrix
    with a row for each filter. The product of the norms has the unit of the weights to the power
    2L, and the condition number has none.

    Args:
        model: Any module.

    Returns:
        The product, in float64; infinite where a weight is singular.

    Raises:
        ValueError: If the module has no weights of two or more axes.

    Reference: study S2, proposition 1.

    Example:
        >>> import torch
        >>> from landscape import theory
        >>> model = torch.nn.Linear(2, 2, bias=False)
        >>> model.weight.data = torch.tensor([[4.0, 0.0], [0.0, 2.0]])
        >>> theory.layers_condition(model)
        32.0
    """
    named = dict(model.named_parameters())
    names = [block.name for block in layout(model).blocks if block.kind == "weight"]
    if not names:
        raise ValueError(
            f"{type(model).__name__} has no weights of two or more axes, so that no layer has a "
            "condition number. Pass a network with linear layers or convolutions."
        )
    product = 1.0
    for name in names:
        values = torch.linalg.svdvals(named[name].detach().double().flatten(1))
        top, least = float(values[0]), float(values[-1])
        product *= top**3 / least if least else math.inf
    return product
