"""Results made by hand, with values that a test knows, for drawing."""

import math

import torch
from landscape import rng, spectrum
from landscape.connectivity import Path
from landscape.slices import Line, Lines, Plane, Planes
from landscape.spectrum.survey import FullSpectrum
from landscape.training.config import TrainConfig
from landscape.training.run import Run

from tests.sample_measurements import MEASURED
from tests.sample_operators import diagonal_large

ALPHAS = torch.linspace(-1, 1, 9, dtype=torch.float64)
LOST = (1, 4)  # Where ``spoiled`` has NaN and infinity.


def spoiled(values):
    """A copy with NaN and infinity in the first axis at LOST."""
    values = values.clone()
    values[LOST[0]], values[LOST[1]] = math.nan, math.inf
    return values


def line(scale=1.0, lost=False):
    loss = 0.05 + scale * (ALPHAS - 0.1) ** 2
    return Line(ALPHAS, spoiled(loss) if lost else loss, 1 / (1 + loss), **MEASURED)


def lines(scale=1.0, count=3):
    loss = torch.stack([0.05 + scale * (k + 1) * ALPHAS**2 for k in range(count)])
    return Lines(ALPHAS, loss, 1 / (1 + loss), seed=0, **MEASURED)


def plane(scale=1.0, offset=0.0):
    alphas = torch.linspace(-1, 1, 9, dtype=torch.float64)
    betas = torch.linspace(-0.75, 0.75, 7, dtype=torch.float64)
    loss = offset + scale * (0.05 + alphas[:, None] ** 2 + 3 * betas**2 + 0.5 * alphas[:, None])
    return Plane(alphas, betas, loss + 0.1, 1 / (1 + loss.abs()), 0.0, **MEASURED)


def planes(count=3):
    each = [plane(k + 1.0) for k in range(count)]
    loss, accuracy = (torch.stack([getattr(p, q) for p in each]) for q in ("loss", "accuracy"))
    cosines = torch.zeros(count, dtype=torch.float64)
    return Planes(each[0].alphas, each[0].betas, loss, accuracy, cosines, seed=0, **MEASURED)


def path(height=1.0, lost=False):
    """Ends 0.5 and 0.1, and a hump of a height over their chord at t = 0.5."""
    ts = torch.linspace(0, 1, 9, dtype=torch.float64)
    hump = 4 * ts * (1 - ts)
    loss = 0.5 - 0.4 * ts + height * hump
    accuracy = 0.9 + 0.05 * ts - 0.3 * hump
    barriers = (height, height + 0.1, 0.3, 0.5) if not lost else (math.nan,) * 4
    return Path(ts, spoiled(loss) if lost else loss, accuracy, *barriers, **MEASURED)


def operator(largest=5.0, n=60):
    values = torch.linspace(-0.2, 0.2, n, dtype=torch.float64)
    values[-3:] = torch.tensor([largest / 4, largest / 2, largest], dtype=torch.float64)
    return diagonal_large(values)


def density(largest=5.0, seed=0):
    generator = rng.stream(seed, "density")
    return spectrum.density(operator(largest), probes=2, steps=12, generator=generator)


def eigenpairs(largest=5.0, k=3, which="both ends", max_products=16):
    """Some converged, some not: see ``converged``."""
    generator = rng.stream(0, "pairs")
    options = {"which": which, "max_products": max_products, "generator": generator}
    return spectrum.eigenpairs(operator(largest), k, **options)


def full(largest=5.0, seed=0):
    return FullSpectrum(eigenpairs(largest), density(largest, seed))


def run(rate=1.0, epochs=4, diverged_at=None):
    """Losses that fall by a factor e^rate an epoch; a run that diverged has one value after it."""
    measured_at = torch.arange(epochs + 1, dtype=torch.float64)
    recorded = measured_at if diverged_at is None else measured_at[:3]
    loss = torch.exp(-rate * recorded)
    history = {"train_loss": loss, "test_loss": 2 * loss, "test_accuracy": 1 - loss / 2}
    steps = torch.exp(-rate * torch.linspace(0, epochs, 4 * epochs, dtype=torch.float64))
    empty = {"gradient_norms": {}, "snapshots": {}, "optimizer_states": {}, "weights": {}}
    return Run(
        config=TrainConfig.__new__(TrainConfig),
        data="digits",
        data_sha256="hash",
        shape=(1, 8, 8),
        classes=10,
        measured_at=measured_at,
        history=history,
        step_loss=steps,
        step_gradient_norm=steps,
        diverged_at=diverged_at,
        **empty,
    )
