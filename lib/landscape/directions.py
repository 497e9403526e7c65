"""Directions in parameter space: displacements (n,) along which a landscape is cut."""

from typing import Literal

import torch

from landscape.parameters import Layout

Others = Literal["zero", "match"]


def random(layout: Layout, *, generator: torch.Generator) -> torch.Tensor:
    """Return a standard Gaussian direction (n,), float64.

    Gaussian, so that all orientations are equally likely; uniform numbers in [0, 1) would all point
    along the vector of ones.

    Args:
        layout: ``objective.layout``.
        generator: CPU generator.
    """
    return torch.randn(layout.n, dtype=torch.float64, generator=generator)


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
    layout.check(direction)
    layout.check(theta)
    if others not in ("zero", "match"):
        raise ValueError(f"others={others!r} is not known. Pass 'zero' or 'match'.")
    result = torch.zeros_like(direction)
    for block in layout.blocks:
        if block.kind != "weight" and others == "zero":
            continue
        filters = direction[block.entries].view(block.filters, -1)
        want = theta[block.entries].view(block.filters, -1).norm(dim=1, keepdim=True)
        have = filters.norm(dim=1, keepdim=True)
        if bool(((have == 0) & (want > 0)).any()):
            raise ValueError(
                f"the direction is zero in a filter of {block.name!r}, so it cannot be given that "
                "filter's norm. Pass a direction without zero filters, such as directions.random."
            )
        scale = torch.where(want > 0, want / have.clamp_min(torch.finfo(have.dtype).tiny), 0.0)
        result[block.entries] = (filters * scale).reshape(-1)
    return result


def between(theta0: torch.Tensor, theta1: torch.Tensor) -> torch.Tensor:
    """Return the direction (n,) that leads from one solution to another: theta0 + 1·d = theta1.

    Raises:
        ValueError: If the two have different shapes or are the same point.
    """
    if theta0.shape != theta1.shape:
        raise ValueError(
            f"solutions of shapes {tuple(theta0.shape)} and {tuple(theta1.shape)} belong to "
            "different models. Pass two solutions of one architecture."
        )
    if torch.equal(theta0, theta1):
        raise ValueError("both solutions are the same point: there is no direction between them.")
    return theta1 - theta0
