"""PyHessian, called through its public interface."""

import contextlib
import importlib
import importlib.metadata
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from bench.subjects import Subject
from bench.tools import Answer, Rung, Setting, Tool, batch_sizes

KEPT, LOADER = "one batch, graph kept", "data loader"


class PyHessian(Tool):
    """PyHessian 0.1: power iteration with deflation, Hutchinson, Lanczos quadrature.

    Given one batch it builds the gradient's graph once; given a loader, for each product.
    """

    name = "PyHessian"

    def __init__(self) -> None:
        self._module = importlib.import_module("pyhessian.hessian")
        # Said at each backward pass with create_graph=True, which is how it works.
        warnings.filterwarnings("ignore", message="Using backward.. with create_graph=True")
        self.version = importlib.metadata.version("PyHessian")

    def settings(self, examples: int) -> list[Setting]:
        """Return its single-batch mode, and its loader mode with smaller batches."""
        loaders = [Setting(size, mode=LOADER) for size in batch_sizes(examples)[:-1]]
        return [Setting(examples, mode=KEPT), *loaders]

    def _hessian(self, subject: Subject, setting: Setting) -> Any:
        network = subject.network(channels_last=setting.channels_last)
        batches = subject.batches(setting.batch, channels_last=setting.channels_last)
        data = {"data": batches[0]} if setting.mode == KEPT else {"dataloader": batches}
        hessian = self._module.hessian(network, nn.CrossEntropyLoss(), **data, cuda=False)
        network.zero_grad()  # It left gradients with their graphs in .grad: a cycle of references.
        return hessian

    def product(
        self, subject: Subject, setting: Setting
    ) -> Callable[[torch.Tensor], list[torch.Tensor]]:
        """Return its product on lists of tensors."""
        hessian = self._hessian(subject, setting)
        if setting.mode == LOADER:
            return lambda v: hessian.dataloader_hv_product(subject.pieces(v))[1]
        multiply = self._module.hessian_vector_product
        return lambda v: list(multiply(hessian.gradsH, hessian.params, subject.pieces(v)))

    def _run(
        self, subject: Subject, setting: Setting, ask: Callable[[Any], Any], *, seed: int = 0
    ) -> tuple:
        torch.manual_seed(seed)  # It draws from the global generator.
        with self._counted() as products:
            answer = ask(self._hessian(subject, setting))
        return answer, len(products)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[list[None]]:
        products: list[None] = []
        places = [
            (self._module, "hessian_vector_product"),
            (self._module.hessian, "dataloader_hv_product"),
        ]
        originals = [getattr(place, name) for place, name in places]

        def counting(original: Callable) -> Callable:
            return lambda *args: (products.append(None), original(*args))[1]

        for (place, name), original in zip(places, originals, strict=True):
            setattr(place, name, counting(original))
        try:
            yield products
        finally:
            for (place, name), original in zip(places, originals, strict=True):
                setattr(place, name, original)

    def ladders(
        self, subject: Subject, setting: Setting, end: str, count: int, *, seed: int = 0
    ) -> list[list[Rung]]:
        """Return power iteration, which finds the largest magnitudes: no smallest eigenvalue."""
        if end == "smallest":
            return []

        def run(iterations: int, tol: float) -> Answer:
            options = {"maxIter": iterations, "tol": tol, "top_n": count}
            (values, _), products = self._run(
                subject, setting, lambda hessian: hessian.eigenvalues(**options), seed=seed
            )
            return Answer(tuple(values), products)

        rungs = [(100, 1e-3), (300, 1e-4), (1000, 1e-5), (3000, 1e-6)]
        return [
            [
                Rung(f"maxIter {n}, tol {tol:g}", lambda n=n, tol=tol: run(n, tol), n == 100)
                for n, tol in rungs
            ]
        ]

    def traces(self, subject: Subject, setting: Setting, probes: int) -> list[Rung]:
        """Return Hutchinson with all its probes: its own test would stop it at a pause."""

        def run(tol: float) -> Answer:
            samples, products = self._run(
                subject, setting, lambda hessian: hessian.trace(maxIter=probes, tol=tol)
            )
            return Answer((float(np.mean(samples)),), products)

        return [
            Rung(f"Hutchinson, {probes} probes", lambda: run(-np.inf)),
            Rung("Hutchinson, tol 0.001", lambda: run(1e-3), default=True, compared=False),
        ]

    def densities(self, subject: Subject, setting: Setting, probes: int, steps: int) -> list[Rung]:
        """Return its Lanczos quadrature."""

        def run() -> Answer:
            with _torch_eig():
                _, products = self._run(
                    subject, setting, lambda hessian: hessian.density(iter=steps, n_v=probes)
                )
            return Answer((), products)

        return [Rung(f"{probes} probes x {steps} steps", run)]


@contextlib.contextmanager
def _torch_eig() -> Iterator[None]:
    # PyHessian calls torch.eig, which PyTorch removed in 1.9; it is given its successor.
    def eig(matrix: torch.Tensor, eigenvectors: bool) -> tuple[torch.Tensor, torch.Tensor]:
        values, vectors = torch.linalg.eig(matrix)
        return torch.stack([values.real, values.imag], dim=1), vectors.real

    removed = torch.eig
    torch.eig = eig
    try:
        yield
    finally:
        torch.eig = removed
