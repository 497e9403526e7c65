"""Recorded PAC-Bayes bounds of networks with random weights, beside their errors."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from landscape.objective import Objective
from landscape.sharpness.certificates import certificate, stochastic_error

from studies.measurements import Measurements
from studies.quantities import QUANTITIES
from studies.recorder import Recorder
from studies.recording import Recording, Request
from studies.records.geometry import record_missing
from studies.records.numbers import labelled_numbers
from studies.solutions import Solution, Solutions

QUANTITY_NAMES = (
    "certified_error",
    "stochastic_error",
    "stochastic_test_error",
    "prior_divergence",
    "noise_size",
)


def measure_certificates(
    recording: Recording,
    solutions: Solutions,
    *,
    priors: Solutions | None = None,
    sigmas: Sequence[float],
    draws: int = 100,
    delta: float = 0.05,
) -> Measurements:
    """Bound the error of networks with random weights on new examples, and record the bound.

    Each network is an entry. It holds ``certified_error``, the bound of ``sharpness.certificate``;
    ``stochastic_error``, the share wrong on the examples of the bound, and
    ``stochastic_test_error``, on all test examples; ``prior_divergence`` in nats; ``noise_size``,
    the chosen σ in parameter units.

    Args:
        recording: The record of the study.
        solutions: (arm, seed) -> network at the centre; its examples are those of the bound.
        priors: The networks at the centres of the priors, with the same keys; their training must
            not have seen the examples. None takes the initialisation of each run.
        sigmas: Sizes σ of the noise to choose from, ascending.
        draws: Number of draws of the random weights.
        delta: Probability with which a bound may fail.

    Returns:
        The numbers; the column ``prior`` says where the prior comes from.

    Raises:
        ValueError: If the keys of ``priors`` are others.
    """
    if priors is not None and set(priors) != set(solutions):
        raise ValueError(
            f"the priors are of {len(priors)} networks, the solutions of {len(solutions)}. Pass "
            "priors with the arms and seeds of the solutions."
        )
    requests = []
    for key, solution in solutions.items():
        measuring = _Certifying(
            solution,
            None if priors is None else priors[key],
            {"sigmas": tuple(sigmas), "draws": draws, "delta": delta},
        )
        requests.append(
            Request(
                identity=measuring.identity,
                labels={**solutions.labels(key), "prior": measuring.origin},
                compute=measuring,
                networks=measuring.networks,
                derived=bool(measuring.missing),
            )
        )
    return labelled_numbers(requests, recording.step("certificates", requests), "bounds of errors")


@dataclasses.dataclass(frozen=True, eq=False)
class _Certifying:
    """Bounds and measures the error of one network with random weights."""

    solution: Solution
    prior: Solution | None
    options: dict[str, Any]

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the entry, as plain values."""
        prior = None if self.prior is None else self.prior.identity
        return {"at": self.solution.identity, "prior": prior, **self.options}

    @property
    def origin(self) -> str:
        """Where the prior comes from, in words."""
        return "initialisation" if self.prior is None else "other examples"

    @property
    def missing(self) -> str:
        """Why there is no such network; empty if there is one."""
        return self.solution.missing or (self.prior.missing if self.prior is not None else "")

    @property
    def networks(self) -> list[Any]:
        """The runs whose weights measuring needs."""
        if self.missing:
            return []
        return self.solution.networks + (self.prior.networks if self.prior is not None else [])

    def __call__(self, recorder: Recorder) -> None:
        if self.missing:
            record_missing(recorder, QUANTITY_NAMES, note=self.missing, bn="frozen")
            return
        L, seed = self.solution.objective, self.solution.config.seed
        options = {**self.options, "seed": seed}
        bounded = recorder.store.remember(certificate, L, L.theta, prior=self._centre(L), **options)
        new = L.replace(examples=self.solution.task.test.tensors)
        options = {"sigma": bounded.sigma, "draws": bounded.draws, "seed": seed}
        fresh = recorder.store.remember(stochastic_error, new, L.theta, **options)
        cost = {"cost": bounded.passes, "cost_unit": "passes"}
        note = "" if bounded.converged else "the best noise is the largest or smallest tried"
        for name, value in (
            ("certified_error", bounded.bound),
            ("prior_divergence", bounded.divergence),
            ("noise_size", bounded.sigma),
        ):
            unit = QUANTITIES[name].unit
            recorder.add_measurement(name, value, bounded, unit=unit, note=note, **cost)
        for name, mean, error, source in (
            (
                "stochastic_error",
                bounded.sampled_error,
                bounded.error_bound - bounded.sampled_error,
                bounded,
            ),
            ("stochastic_test_error", fresh.mean, fresh.stderr, fresh),
        ):
            kind = "standard error" if source is fresh else "bound over draws"
            columns = {"error": error, "error_kind": kind, "converged": True}
            passes = {"cost": bounded.draws, "cost_unit": "passes"}
            recorder.add_measurement(name, mean, source, unit="share wrong", **columns, **passes)

    def _centre(self, L: Objective) -> torch.Tensor:
        """Return the parameters (n,) at the centre of the prior."""
        if self.prior is not None:
            return self.prior.objective.theta
        config, task = self.solution.config, self.solution.task
        start = config.model.build(task.shape, task.classes, seed=config.seed)
        return Objective(start.eval(), self.solution.examples.tensors).theta
