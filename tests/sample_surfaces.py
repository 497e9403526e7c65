"""Planes for surfaces: one without a symmetry, and one whose corners are not finite."""

import dataclasses
import math

import torch
from landscape.slices import Plane

from tests.sample_measurements import MEASURED


def loss_at(alpha, beta):
    """No symmetry that a transposed picture could hide behind."""
    return 0.25 + alpha**2 + 3 * beta**2 + 0.5 * alpha


def plane(a=9, b=7, scale=1.0, offset=0.0):
    alphas = torch.linspace(-1, 1, a, dtype=torch.float64)
    betas = torch.linspace(-0.75, 0.75, b, dtype=torch.float64)
    loss = offset + scale * loss_at(alphas[:, None], betas[None, :])
    return Plane(alphas, betas, loss, 1 / (1 + loss), 0.0, **MEASURED)


def spoiled():
    loss = plane().loss.clone()
    loss[0, 0], loss[4, 3], loss[8, 6] = math.nan, math.inf, -math.inf
    return dataclasses.replace(plane(), loss=loss)
