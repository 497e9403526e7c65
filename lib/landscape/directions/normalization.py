"""Scale directions to the norms of the filters or layers of a solution."""

import dataclasses
from typing import Literal

import torch

from landscape import arguments
from landscape.network.parameters import Layout, ParameterBlock

Others = Literal["zero", "match"]


def filter_normalize(
    direction: torch.Tensor, theta: torch.Tensor, layout: Layout, *, others: Others = "zero"
) -> torch.Tensor:
    """Scale each filter of a direction to the norm of the same filter in theta.

    ‖d_f‖ = ‖θ_f‖ for each filter of a convolution and each row of a linear layer; of weights that
    are stored as (inputs, outputs), as GPT-2's, for each column. A slice along the
    result does not change when layers are rescaled without changing the function. Where a filter of
    theta is zero, the result is zero.

    Args:
        direction: Direction (n,).
        theta: The solution (n,).
        layout: ``objective.layout``.
        others: Treatment of biases and normalisation layers: ``zero`` sets them to zero, as Li 2018
            does; ``match`` gives each such tensor the norm that it has in theta.

    Returns:
        A new direction (n,), in units of the filter norms of theta.

    Raises:
        ValueError: If a vector has another length than n, ``others`` is unknown, or a filter is
            zero in the direction but not in theta.

    Reference: Li et al. (2018), Visualizing the Loss Landscape of Neural Nets, section 4.

    Example:
        >>> import torch
        >>> from landscape import Objective, data, directions, models, rng
        >>> digits = data.load("digits")
        >>> model = models.MLP(hidden=(8,)).build(digits.shape, digits.classes, seed=0)
        >>> L = Objective(model, digits.first(100))
        >>> random = directions.random(L.layout, generator=rng.stream(0, "example"))
        >>> direction = directions.filter_normalize(random, L.theta, L.layout)
        >>> first = slice(0, 64)  # The first filter: the 64 weights of one hidden unit.
        >>> bool(torch.isclose(direction[first].norm(), L.theta[first].norm()))
        True
    """
    arguments.check(filter_normalize, locals())
    return _normalized(direction, theta, layout, others, by_filter=True)


def layer_normalize(
    direction: torch.Tensor, theta: torch.Tensor, layout: Layout, *, others: Others = "zero"
) -> torch.Tensor:
    """Scale each weight tensor of a direction to the norm of the same tensor in theta.

    ‖d_l‖ = ‖θ_l‖ for each layer's weights as a whole. Like ``filter_normalize`` it undoes the
    rescaling of layers; unlike it, it does not undo the rescaling of single units.

    Args:
        direction: Direction (n,).
        theta: The solution (n,).
        layout: ``objective.layout``.
        others: Treatment of biases and normalisation layers: ``zero`` sets them to zero; ``match``
            gives each such tensor the norm that it has in theta.

    Returns:
        A new direction (n,), in units of the norms of theta's weight tensors.

    Raises:
        ValueError: If a vector has another length than n, ``others`` is unknown, or a weight tensor
            is zero in the direction but not in theta.

    Reference: Li et al. (2018), Visualizing the Loss Landscape of Neural Nets, appendix, where
        layers and filters are compared.
    """
    arguments.check(layer_normalize, locals())
    return _normalized(direction, theta, layout, others, by_filter=False)


def _normalized(
    direction: torch.Tensor, theta: torch.Tensor, layout: Layout, others: Others, *, by_filter: bool
) -> torch.Tensor:
    layout.check(direction)
    layout.check(theta)
    if others not in ("zero", "match"):
        raise ValueError(f"others={others!r} is not known. Pass 'zero' or 'match'.")
    result = torch.zeros_like(direction)
    for block in layout.blocks:
        if block.kind == "weight" or others == "match":
            block = block if by_filter else dataclasses.replace(block, kind="other")
            result[block.entries] = _scaled(direction, theta, block)
    return result


def _scaled(direction: torch.Tensor, theta: torch.Tensor, block: ParameterBlock) -> torch.Tensor:
    """Return the entries of one block (size,), each of its filters scaled to the norm in theta."""
    filters = block.rows(direction)
    theta_norms = block.rows(theta).norm(dim=1, keepdim=True)
    norms = filters.norm(dim=1, keepdim=True)
    if bool(((norms == 0) & (theta_norms > 0)).any()):
        what, whose = (
            ("a filter of ", "that filter's") if len(filters) > 1 else ("", "that tensor's")
        )
        raise ValueError(
            f"the direction is zero in {what}{block.name!r}, so it cannot be given {whose} "
            "norm. Pass a direction without such zeros, such as directions.random."
        )
    # A filter that is zero in both has no scale: 0/0 would fill it with NaN.
    scale = torch.where(
        theta_norms > 0, theta_norms / norms.clamp_min(torch.finfo(norms.dtype).tiny), 0.0
    )
    return block.flat(filters * scale)
