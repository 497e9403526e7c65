"""Add a hook to an optimizer: one that records its steps, or keeps them within a subspace."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from landscape.training.optimizers import OptimizerConfig

Hook = Callable[[torch.optim.Optimizer], Any]


@dataclasses.dataclass(frozen=True)
class Hooked(OptimizerConfig):
    """An optimizer with a hook, which the training loop does not see.

    Attributes:
        learning_rate: That of the optimizer.
        optimizer: Config of the optimizer itself.
        hook: Called once with the built optimizer, before the first step; it registers what it
            does, such as ``WithinSpan``.

    Raises:
        ValueError: If the learning rate is not that of the optimizer.

    Example:
        >>> import torch
        >>> from landscape import training
        >>> basis = torch.eye(3, dtype=torch.float64)[:1]
        >>> config = training.hooked(training.SGD(0.5), training.WithinSpan(basis))
        >>> theta = torch.nn.Parameter(torch.ones(3))
        >>> optimizer = config.build([theta])
        >>> (theta**2).sum().backward()
        >>> optimizer.step()
        >>> theta.tolist()
        [0.0, 1.0, 1.0]
    """

    optimizer: OptimizerConfig
    hook: Hook

    def _problems(self) -> list[str]:
        if self.learning_rate != self.optimizer.learning_rate:
            return [
                f"learning_rate={self.learning_rate}, but the optimizer's is "
                f"{self.optimizer.learning_rate}: call training.hooked(optimizer, hook)"
            ]
        return []

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimizer of these parameters, with the hook."""
        built = self.optimizer.build(parameters)
        self.hook(built)
        return built


def hooked(optimizer: OptimizerConfig, hook: Hook) -> Hooked:
    """Return an optimizer's config with a hook.

    Args:
        optimizer: The config.
        hook: Called once with the built optimizer.
    """
    return Hooked(optimizer.learning_rate, optimizer, hook)


@dataclasses.dataclass(frozen=True)
class WithinSpan:
    """A hook that keeps training within the start plus the span of some directions.

    After each step of the optimizer its update is projected onto the span. For gradient descent,
    with or without momentum, that is training by the gradient projected onto the span. An adaptive
    optimizer scales the whole gradient's entries first.

    Attributes:
        basis: Orthonormal directions (k, n), n the number of parameters in their order.

    Raises:
        ValueError: If the directions are not orthonormal, or an optimizer has another number of
            parameters.

    Reference: Li et al. (2023), Low Dimensional Trajectory Hypothesis is True: DNNs Can Be Trained
        in Tiny Subspaces, IEEE Transactions on Pattern Analysis and Machine Intelligence 45(3).
    """

    basis: torch.Tensor

    def __post_init__(self) -> None:
        shape = tuple(self.basis.shape)
        fits = self.basis.dim() == 2 and 0 < shape[0] <= shape[1]
        if fits:
            product = self.basis.double() @ self.basis.double().T
            wrong = (product - torch.eye(shape[0], dtype=torch.float64)).abs().max()
            fits = float(wrong) < 1e-4  # Room for a basis in float32.
        if not fits:
            raise ValueError(
                f"a basis of shape {shape} is not orthonormal. Pass directions (k, n) of length 1 "
                "at right angles, such as dynamics.path_components(trajectory, k=10).directions."
            )

    def __call__(self, optimizer: torch.optim.Optimizer) -> None:
        """Keep the steps of an optimizer within the span from now on."""
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        count = sum(p.numel() for p in parameters)
        if count != self.basis.shape[1]:
            raise ValueError(
                f"the basis has {self.basis.shape[1]} entries a direction, and the optimizer "
                f"{count} parameters. Pass directions of the network that is trained."
            )
        basis = self.basis.to(parameters[0])
        before: list[torch.Tensor] = []

        def keep(*_: Any) -> None:
            before[:] = [_flat(parameters)]

        @torch.no_grad()
        def project(*_: Any) -> None:
            (start,) = before
            moved = start + basis.T @ (basis @ (_flat(parameters) - start))
            sizes = [p.numel() for p in parameters]
            for p, values in zip(parameters, moved.split(sizes), strict=True):
                p.copy_(values.reshape(p.shape))

        optimizer.register_step_pre_hook(keep)
        optimizer.register_step_post_hook(project)


def _flat(parameters: Iterable[torch.Tensor]) -> torch.Tensor:
    return torch.cat([p.detach().reshape(-1) for p in parameters])
