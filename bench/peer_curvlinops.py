"""curvlinops with SciPy's eigsh, called through their public interfaces."""

import importlib
import importlib.metadata
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse.linalg
import torch
from torch import nn

from bench.subjects import Subject
from bench.tools import Answer, Rung, Setting, Tool, batch_sizes


class Curvlinops(Tool):
    """curvlinops 3.0 with SciPy's ``eigsh`` (ARPACK, restarted Lanczos)."""

    name = "curvlinops"

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Of torch.jit, in what it imports.
            self._module = importlib.import_module("curvlinops")
        self.version = importlib.metadata.version("curvlinops-for-pytorch")

    def settings(self, examples: int) -> list[Setting]:
        """Return its batch sizes."""
        return [Setting(size) for size in batch_sizes(examples)]

    def _operator(self, subject: Subject, setting: Setting) -> Any:
        network = subject.network(channels_last=setting.channels_last)
        return self._module.HessianLinearOperator(
            network,
            nn.CrossEntropyLoss(),
            list(network.parameters()),
            subject.batches(setting.batch, channels_last=setting.channels_last),
            check_deterministic=False,  # Its check costs two gradients and two products.
            num_data=len(subject.inputs),
        )

    def product(self, subject: Subject, setting: Setting) -> Callable[[torch.Tensor], torch.Tensor]:
        """Return its product on flat vectors."""
        return self._operator(subject, setting).__matmul__

    def ladders(
        self, subject: Subject, setting: Setting, end: str, count: int, *, seed: int = 0
    ) -> list[list[Rung]]:
        """Return ``eigsh`` at falling tolerances, with several sizes of ARPACK's basis."""

        def run(ncv: int | None, dtype: type, tol: float) -> Answer:
            operator = self._operator(subject, setting).to_scipy(dtype=dtype)
            products: list[None] = []

            def matvec(v: np.ndarray) -> np.ndarray:
                products.append(None)
                return operator.matvec(v)

            counted = scipy.sparse.linalg.LinearOperator(operator.shape, matvec, dtype=dtype)
            start = np.random.default_rng(seed).standard_normal(operator.shape[0]).astype(dtype)
            which = "LA" if end == "largest" else "SA"
            found = scipy.sparse.linalg.eigsh(
                counted, k=count, which=which, tol=tol, ncv=ncv, v0=start, return_eigenvectors=False
            )
            return Answer(tuple(found.tolist()), len(products))

        n = subject.objective.n
        bases = [(None, np.float64), *((ncv, np.float32) for ncv in (None, 28, 40, 56, 80))]
        return [
            [
                Rung(
                    f"eigsh {dtype.__name__}, ncv {ncv or 'default'}, tol {tol:g}",
                    lambda ncv=ncv, dtype=dtype, tol=tol: run(ncv, dtype, tol),
                )
                for tol in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
            ]
            for ncv, dtype in bases
            if ncv is None or ncv < n
        ]

    def traces(self, subject: Subject, setting: Setting, probes: int) -> list[Rung]:
        """Return Hutchinson, its probes one by one or ten at once."""

        def run(together: int) -> Answer:
            torch.manual_seed(0)  # It draws from the global generator.
            operator = self._operator(subject, setting)
            parts = [
                float(self._module.hutchinson_trace(operator, together))
                for _ in range(probes // together)
            ]
            return Answer((float(np.mean(parts)),), probes)

        return [
            Rung(f"Hutchinson, {probes} probes, {size} at once", lambda size=size: run(size))
            for size in (1, 10)
            if probes % size == 0
        ]

    def densities(self, subject: Subject, setting: Setting, probes: int, steps: int) -> list[Rung]:
        """Return its Lanczos quadrature, without orthogonalisation, with its own boundaries."""

        def run() -> Answer:
            torch.manual_seed(0)
            operator = self._operator(subject, setting)
            self._module.lanczos_approximate_spectrum(operator, steps, num_repeats=probes)
            return Answer((), None)

        return [Rung(f"{probes} probes x {steps} steps, and the boundaries by eigsh", run)]
