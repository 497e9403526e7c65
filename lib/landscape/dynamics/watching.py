"""Watch the landscape along a training loop that is not the library's own."""

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from landscape.dynamics.critical import CriticalStep, critical_step
from landscape.dynamics.gradient_noise import gradient_noise
from landscape.dynamics.stability import threshold
from landscape.measurement import Measurement, conditions
from landscape.network.batchnorm import Policy
from landscape.network.examples import taken
from landscape.network.losses import Loss
from landscape.objective import Objective
from landscape.spectrum.eigenpairs import eigenpairs
from landscape.spectrum.krylov import OperatorError
from landscape.training.optimizers import SGD

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEWEST_FOR_NOISE = 3  # Gradients of fewer examples show no scatter.


@dataclasses.dataclass(frozen=True)
class WatchedStep(Measurement):
    """What was measured before one step of the optimizer.

    Attributes:
        step: Steps that were taken before it.
        loss: Mean loss over the examples.
        lambda_max: Largest eigenvalue of the Hessian, in loss per parameter².
        residual: Its residual, which bounds its error.
        converged: Whether the eigenvalue and the critical step converged.
        learning_rate: Of the optimizer's first group.
        threshold: Curvature beyond which full-batch descent with this rate and momentum diverges,
            2 (1 + β)/η; NaN for optimizers that are not ``torch.optim.SGD``.
        critical_sharpness: 2/(c η), c the smallest multiple of the optimizer's own step at which
            the loss rises: above 2/η the step was too long for these examples.
        noise_scale: Trace of the covariance of the examples' gradients over the squared gradient,
            in examples; NaN where it was not measured.
    """

    step: int
    loss: float
    lambda_max: float
    residual: float
    converged: bool
    learning_rate: float
    threshold: float
    critical_sharpness: float
    noise_scale: float


class Watch:
    """Measures the landscape every few steps of an optimizer; made by ``watch``.

    Attributes:
        steps: What was measured, in order.
    """

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, every: int, settings: dict
    ) -> None:
        self.steps: list[WatchedStep] = []
        self._model, self._optimizer, self._every = model, optimizer, every
        self._settings = settings
        self._count = 0
        self._before: Objective | None = None
        self._vector: torch.Tensor | None = None
        self._handles = [
            optimizer.register_step_pre_hook(self._keep),
            optimizer.register_step_post_hook(self._measure),
        ]

    def close(self) -> None:
        """Stop watching; what was measured stays."""
        for handle in self._handles:
            handle.remove()

    def rows(self) -> list[dict[str, Any]]:
        """Return what was measured as column -> value, such as for ``pandas.DataFrame``."""
        return [dataclasses.asdict(step) for step in self.steps]

    def plot(self, ax: "Axes | None" = None, **style: Any) -> "Axes":
        """Draw λ_max, the critical sharpness and the threshold of stability against the steps.

        Args:
            ax: Axes to draw on, in the reader's style; None makes a figure in the library's style.
            style: Further arguments of matplotlib's ``plot``.

        Returns:
            The axes: ``watch.plot().figure.savefig("sharpness.png")``.

        Raises:
            ValueError: If nothing was measured yet.
        """
        # Imported here: plots stand above all results, which are used without matplotlib too.
        from landscape.plots.watched import draw_watched

        return draw_watched(self.steps, ax, **style)

    def _keep(self, *_: Any) -> None:
        """Before a step that is due: keep the network as it is."""
        if self._count % self._every == 0:
            self._before = self._objective()
        self._count += 1

    def _objective(self, *, check: bool = False) -> Objective:
        """Return the objective of the network as it is; it was checked when the watch began."""
        options = {k: v for k, v in self._settings.items() if k not in ("examples", "noise")}
        return Objective(self._model, self._settings["examples"], check=check, **options)

    def _measure(self, *_: Any) -> None:
        """After it: the step is known, and everything is measured where it began."""
        L, self._before = self._before, None
        if L is None:
            return
        update = L.layout.flatten(dict(self._model.named_parameters())) - L.theta
        value, residual, known = self._top(L)
        group = self._optimizer.param_groups[0]
        rate = float(group["lr"])
        critical = _critical(L, update)
        self.steps.append(
            WatchedStep(
                step=self._count - 1,
                loss=L.loss(),
                lambda_max=value,
                residual=residual,
                converged=known and critical is not None and critical.converged,
                learning_rate=rate,
                threshold=_threshold(self._optimizer, group, rate),
                critical_sharpness=math.nan if critical is None else critical.sharpness(rate),
                noise_scale=_noise_scale(L) if self._settings["noise"] else math.nan,
                **conditions(L),
            )
        )

    def _top(self, L: Objective) -> tuple[float, float, bool]:
        """Return λ_max, its residual and whether it converged; NaN where training diverged."""
        try:
            top = eigenpairs(L.hessian(), tol=1e-3, start=self._vector, vectors=True)
        except (OperatorError, ValueError, RuntimeError):
            # A watch must not end the training that it watches.
            return math.nan, math.nan, False
        if top.vectors is not None:
            self._vector = top.vectors[:, 0]  # The next search begins near its end.
        return top.largest, float(top.residuals[0]), bool(top.converged[0])


def watch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    examples: Any,
    *,
    every: int = 100,
    loss: Loss = "cross_entropy",
    bn: Policy = "frozen",
    noise: bool = True,
    **options: Any,
) -> Watch:
    """Watch the landscape while a training loop of your own runs: it needs no change.

    Before every ``every``-th call of ``optimizer.step()`` the network is copied; after it λ_max,
    the critical sharpness of the optimizer's own step, and the noise of the gradient are measured
    at the copy, in eval mode. Neither the network nor any generator of random numbers is touched,
    so the loop trains the same network as without a watch.

    Args:
        model: The network that is trained.
        optimizer: Its optimizer.
        examples: What to measure on, as for ``Objective``: a few hundred, always the same. A loader
            is read once, now.
        every: Steps from one measurement to the next, at least 1.
        loss: As of ``Objective``.
        bn: As of ``Objective``.
        noise: Whether the gradient of each example is computed, for the noise scale.
        options: Further options of ``Objective``, such as ``weight_decay=optimizer``.

    Returns:
        The watch, whose ``steps`` grow; ``plot`` draws them, ``close`` ends it.

    Raises:
        ValueError: If ``every < 1``, or the examples do not fit the network.

    References: Cohen et al. (2021), Gradient Descent on Neural Networks Typically Occurs at the
        Edge of Stability, ICLR; Kalra and Barkeshli (2024), Why Warmup the Learning Rate?, NeurIPS.

    Example:
        >>> import torch
        >>> import landscape
        >>> from landscape import data, models
        >>> digits = data.load("digits")
        >>> model = models.MLP(hidden=(8,)).build(digits.shape, digits.classes, seed=0)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> watched = landscape.watch(model, optimizer, digits.first(64), every=2)
        >>> for _ in range(4):
        ...     inputs, targets = digits.first(64)
        ...     optimizer.zero_grad()
        ...     torch.nn.functional.cross_entropy(model(inputs), targets).backward()
        ...     optimizer.step()
        >>> [step.step for step in watched.steps], watched.steps[0].threshold
        ([0, 2], 20.0)
        >>> watched.steps[0].critical_sharpness < watched.steps[0].lambda_max
        True
    """
    if every < 1:
        raise ValueError(f"every={every}: measure at every step (1) or more rarely.")
    read = taken(examples, target=options.pop("target", None))
    settings = {"examples": read, "loss": loss, "bn": bn, "noise": noise and bn != "batch"}
    settings |= options
    watched = Watch(model, optimizer, every, settings)
    try:
        # What does not fit is said now, not after the first step.
        watched._objective(check=True).loss()
    except BaseException:
        watched.close()
        raise
    return watched


def _threshold(optimizer: torch.optim.Optimizer, group: dict, rate: float) -> float:
    if not isinstance(optimizer, torch.optim.SGD) or rate == 0:
        return math.nan
    options = {name: group[name] for name in ("momentum", "weight_decay", "nesterov")}
    try:
        return threshold(SGD(rate, **options))
    except ValueError:  # No descent is stable with such settings; the training goes on.
        return math.nan


def _critical(L: Objective, update: torch.Tensor) -> CriticalStep | None:
    """Return the critical step; None where the optimizer did not move, or to nowhere."""
    if not bool(update.isfinite().all()) or not float(update.norm()) > 0:
        return None
    return critical_step(L, update)


def _noise_scale(L: Objective) -> float:
    if L.num_examples < _FEWEST_FOR_NOISE or not bool(L.theta.isfinite().all()):
        return math.nan
    return gradient_noise(L).scale
