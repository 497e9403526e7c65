"""This library, as its README uses it, and a plain PyTorch loop for the gradient."""

from collections.abc import Callable

import landscape
import torch
from landscape import rng, spectrum
from torch import nn

from bench.subjects import Subject
from bench.tools import Answer, Rung, Setting, Tool

NAME = "this library"
_TOLERANCES = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4)  # Looser than the default, which comes last.


class Ours(Tool):
    """This library with its defaults."""

    name = NAME
    version = landscape.__version__

    def settings(self, examples: int) -> list[Setting]:
        """Return the library's defaults: nothing is chosen for it."""
        return [Setting(mode="defaults")]

    def product(self, subject: Subject, setting: Setting) -> Callable[[torch.Tensor], torch.Tensor]:
        """Return the product of one Hessian operator, which keeps its graphs."""
        operator = subject.objective.hessian(subject.objective.theta)
        return operator.__matmul__

    def ladders(
        self, subject: Subject, setting: Setting, end: str, count: int, *, seed: int = 0
    ) -> list[list[Rung]]:
        """Return ``eigenpairs`` at falling tolerances, down to the default."""

        def run(**options: float) -> Answer:
            operator = subject.objective.hessian(subject.objective.theta)
            start = rng.stream(seed, "bench", "start")
            found = spectrum.eigenpairs(operator, count, which=end, generator=start, **options)
            return Answer(tuple(found.values.tolist()), found.products)

        loose = [Rung(f"tol {tol:g}", lambda tol=tol: run(tol=tol)) for tol in _TOLERANCES]
        return [[*loose, Rung("default tol", run, default=True)]]

    def traces(self, subject: Subject, setting: Setting, probes: int) -> list[Rung]:
        """Return the exact trace, which needs no probes."""

        def run() -> Answer:
            objective = subject.objective
            return Answer((float(spectrum.exact_trace(objective, objective.theta).value),), 0)

        return [Rung("exact_trace", run, default=True)]

    def densities(self, subject: Subject, setting: Setting, probes: int, steps: int) -> list[Rung]:
        """Return stochastic Lanczos quadrature."""

        def run() -> Answer:
            operator = subject.objective.hessian(subject.objective.theta)
            generator = rng.stream(0, "bench", "density")
            spectrum.density(operator, probes=probes, steps=steps, generator=generator)
            return Answer((), operator.products)

        return [Rung(f"{probes} probes x {steps} steps", run)]


def plain_gradient(subject: Subject, batch: int = 128) -> Callable[[], list[torch.Tensor]]:
    """Return the gradient of the mean loss as a PyTorch user would write it, in channels_last."""
    network = subject.network(channels_last=True)
    batches = subject.batches(batch, channels_last=True)
    parameters = list(network.parameters())

    def run() -> list[torch.Tensor]:
        total = [torch.zeros_like(tensor) for tensor in parameters]
        for inputs, targets in batches:
            loss = nn.functional.cross_entropy(network(inputs), targets, reduction="sum")
            parts = torch.autograd.grad(loss / len(subject.inputs), parameters)
            torch._foreach_add_(total, list(parts))
        return total

    return run
