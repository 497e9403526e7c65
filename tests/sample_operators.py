"""Operators with a known spectrum, for thousands of rows, and one that is interrupted."""

import numpy as np
import torch
from landscape import rng
from landscape.operators import SymmetricOperator


def diagonal_large(values):
    """A diagonal operator that multiplies entry by entry, for thousands of rows."""
    values = torch.as_tensor(np.asarray(values), dtype=torch.float64)
    return SymmetricOperator(len(values), lambda v: values * v)


def normal(count, name="normal", scale=1.0, shift=0.0):
    draws = torch.randn(count, dtype=torch.float64, generator=rng.stream(0, name))
    return (scale * draws + shift).numpy()


class Interrupting:
    """The product of a diagonal matrix; Ctrl-C comes in its place after some products."""

    def __init__(self, values, after):
        self.values, self.left = torch.as_tensor(values, dtype=torch.float64), after

    def __call__(self, v):
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return self.values * v
