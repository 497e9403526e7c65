"""hessian-eigenthings, called through its public interface."""

import importlib
import importlib.metadata
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from bench.subjects import Subject
from bench.tools import Answer, Rung, Setting, Tool, batch_sizes

EXACT, DIFFERENCES = "autograd", "finite differences"


class HessianEigenthings(Tool):
    """hessian-eigenthings 1.0: Lanczos of a fixed number of steps; the graph is built each time."""

    name = "hessian-eigenthings"

    def __init__(self) -> None:
        self._module = importlib.import_module("hessian_eigenthings")
        self.version = importlib.metadata.version("hessian_eigenthings")

    def settings(self, examples: int) -> list[Setting]:
        """Return its exact products and its finite differences, each over data loader batches."""
        return [
            Setting(size, mode=mode)
            for mode in (EXACT, DIFFERENCES)
            for size in batch_sizes(examples)
        ]

    def _operator(self, subject: Subject, setting: Setting) -> Any:
        return self._module.HessianOperator(
            subject.network(channels_last=setting.channels_last),
            subject.batches(setting.batch, channels_last=setting.channels_last),
            self._module.supervised_loss(nn.CrossEntropyLoss()),
            method="autograd" if setting.mode == EXACT else "finite_difference",
        )

    def product(self, subject: Subject, setting: Setting) -> Callable[[torch.Tensor], torch.Tensor]:
        """Return its product on flat vectors."""
        return self._operator(subject, setting).matvec

    def ladders(
        self, subject: Subject, setting: Setting, end: str, count: int, *, seed: int = 0
    ) -> list[list[Rung]]:
        """Return Lanczos of ever more steps: it runs them all, its ``tol`` is only a label."""

        def run(steps: int | None) -> Answer:
            options = {} if steps is None else {"max_iter": steps, "reorthogonalize": True}
            which = "LA" if end == "largest" else "SA"
            operator = self._operator(subject, setting)
            found = self._module.lanczos(operator, k=count, which=which, seed=seed, **options)
            return Answer(tuple(found.eigenvalues.tolist()), found.iterations)

        n = subject.objective.n
        # Each an eighth more than the one before: a coarser ladder makes it pay for too many steps.
        counts = dict.fromkeys(round(10 * 2 ** (i / 6)) for i in range(34))
        steps = [count_ for count_ in counts if 2 * count < count_ < n]
        rungs = [Rung(f"{m} steps", lambda m=m: run(m)) for m in steps]
        return [[Rung(f"{2 * count} steps", lambda: run(None), default=True), *rungs]]

    def traces(self, subject: Subject, setting: Setting, probes: int) -> list[Rung]:
        """Return Hutchinson and Hutch++ with as many products."""

        def run(method: str) -> Answer:
            operator = self._operator(subject, setting)
            found = self._module.trace(operator, num_matvecs=probes, method=method, seed=0)
            return Answer((found.estimate,), probes if method == "hutchinson" else probes // 3 * 3)

        return [
            Rung(f"Hutchinson, {probes} probes", lambda: run("hutchinson")),
            Rung(f"Hutch++, {probes} products", lambda: run("hutch++"), default=probes == 100),
        ]

    def densities(self, subject: Subject, setting: Setting, probes: int, steps: int) -> list[Rung]:
        """Return its Lanczos quadrature, which orthogonalises fully."""

        def run() -> Answer:
            operator = self._operator(subject, setting)
            options = {"num_runs": probes, "lanczos_steps": steps, "seed": 0}
            self._module.spectral_density(operator, **options)
            return Answer((), probes * steps)

        return [Rung(f"{probes} probes x {steps} steps", run)]
