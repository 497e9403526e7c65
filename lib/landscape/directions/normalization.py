"""Directions scaled to the sizes that filters or layers have in a solution."""

from typing import Literal

import torch

from landscape.network.parameters import Layout, ParameterBlock

Others = Literal["zero", "match"]


def filter_normalize(
    direction: torch.Tensor, theta: torch.Tensor, layout: Layout, *, others: Others = "zero"
) -> torch.Tensor:
    """Scale each filter of a direction to the norm of the same filter in theta.

    ‖d_f‖ = ‖θ_f‖ for each filter of a convolution and each row of a linear layer, so that a slice
    does not change when a layer is rescaled without changing the function. A filter of zeros in
    theta gets zeros.

    Args:
        direction: Direction (n,).
        theta: The solution (n,).
        layout: ``objective.layout``.
        others: What becomes of biases and normalisation layers: ``zero`` leaves them out as Li 2018
            does; ``match`` gives each such tensor the norm that it has in theta.

    Returns:
        A new direction (n,).

    Raises:
        ValueError: If a shape is wrong, ``others`` is unknown, or a filter of the direction is
            zero.

    Reference: Li et al. (2018), Visualizing the Loss Landscape of Neural Nets, section 4.
    """
    return _matched(direction, theta, layout, others, by_filter=True)


def layer_normalize(
    direction: torch.Tensor, theta: torch.Tensor, layout: Layout, *, others: Others = "zero"
) -> torch.Tensor:
    """Scale each weight tensor of a direction to the norm of the same tensor in theta.

    ‖d_l‖ = ‖θ_l‖ for each layer's weights as a whole. It undoes the rescaling of layers as
    ``filter_normalize`` does, but not that of single units. Arguments and errors as there.

    Returns:
        A new direction (n,).

    Reference: Li et al. (2018), Visualizing the Loss Landscape of Neural Nets, appendix, where
        layers and filters are compared.
    """
    return _matched(direction, theta, layout, others, by_filter=False)


def _matched(
    direction: torch.Tensor, theta: torch.Tensor, layout: Layout, others: Others, *, by_filter: bool
) -> torch.Tensor:
    layout.check(direction)
    layout.check(theta)
    if others not in ("zero", "match"):
        raise ValueError(f"others={others!r} is not known. Pass 'zero' or 'match'.")
    result = torch.zeros_like(direction)
    for block in layout.blocks:
        if block.kind == "weight" or others == "match":
            rows = block.filters if by_filter else 1
            result[block.entries] = _rows(direction, theta, block, rows)
    return result


def _rows(
    direction: torch.Tensor, theta: torch.Tensor, block: ParameterBlock, rows: int
) -> torch.Tensor:
    parts = direction[block.entries].view(rows, -1)
    want = theta[block.entries].view(rows, -1).norm(dim=1, keepdim=True)
    have = parts.norm(dim=1, keepdim=True)
    if bool(((have == 0) & (want > 0)).any()):
        what, whose = ("a filter of ", "that filter's") if rows > 1 else ("", "that tensor's")
        raise ValueError(
            f"the direction is zero in {what}{block.name!r}, so it cannot be given {whose} "
            "norm. Pass a direction without such zeros, such as directions.random."
        )
    scale = torch.where(want > 0, want / have.clamp_min(torch.finfo(have.dtype).tiny), 0.0)
    return (parts * scale).reshape(-1)
