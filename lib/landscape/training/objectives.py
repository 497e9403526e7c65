"""The loss that a run is trained on, with its parameters."""

import dataclasses
from collections.abc import Callable

import torch
from torch.nn import functional

from landscape.store.configuration import Configuration

_FUNCTION = "function "  # Begins the name of a function in a file.
Function = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclasses.dataclass(frozen=True)
class TrainingLoss(Configuration):
    """The loss whose mean over a batch a run descends, and that its history records.

    Attributes:
        kind: ``cross_entropy``; ``mse``, the mean over the outputs of the squared differences to
            the targets, where classes stand for vectors of zeros with a one; or a function of
            outputs and targets that returns one loss an example, (N,).
        label_smoothing: Share of each class that cross-entropy spreads over all, in [0, 1).
        class_weights: Weight of each class in cross-entropy, whose mean is then divided by the sum
            of the weights; None weighs all alike.

    Raises:
        ValueError: If the loss is unknown, or a parameter does not fit it.
    """

    kind: str | Function = "cross_entropy"
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.class_weights is not None:
            weights = tuple(float(x) for x in self.class_weights)
            object.__setattr__(self, "class_weights", weights)
        is_share = isinstance(self.label_smoothing, int | float) and 0 <= self.label_smoothing < 1
        if not (callable(self.kind) or _is_name(self.kind)):
            raise ValueError(
                f"loss={self.kind!r} trains nothing. Pass 'cross_entropy', 'mse', a function of "
                "outputs and targets that returns one loss an example, or training.TrainingLoss."
            )
        if not is_share or any(not x >= 0 for x in self.class_weights or ()):
            raise ValueError(
                f"label_smoothing={self.label_smoothing!r}, class_weights={self.class_weights!r}: "
                "pass a share in [0, 1) and weights >= 0."
            )
        if self.kind != "cross_entropy" and (self.label_smoothing or self.class_weights):
            raise ValueError(
                f"label_smoothing and class_weights belong to 'cross_entropy', not to {self.kind!r}"
                ". Leave them out."
            )

    def recorded(self) -> "TrainingLoss":
        """Return what a file keeps: a function by its name, which computes nothing any more."""
        if not callable(self.kind):
            return self
        name = getattr(self.kind, "__qualname__", type(self.kind).__qualname__)
        return TrainingLoss(f"{_FUNCTION}{name}")

    def mean(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the mean loss of a batch, as a part of a graph.

        Args:
            outputs: Outputs (N, ...).
            targets: Class indices (N,), or numbers of the outputs' shape.
        """
        if self.kind == "cross_entropy":
            return self._entropy(outputs, targets, "mean")
        return self.per_example(outputs, targets).mean()

    def total(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the sum of the losses of all examples; arguments as for ``mean``."""
        if self.kind == "cross_entropy":
            return self._entropy(outputs, targets, "sum")
        return self.per_example(outputs, targets).sum()

    def per_example(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the loss of each example (N,); arguments as for ``mean``."""
        if self.kind == "cross_entropy":
            return self._entropy(outputs, targets, "none")
        if self.kind == "mse":
            return _squares(outputs, targets)
        losses = self.kind(outputs, targets)  # type: ignore[operator]  # a function by now
        if tuple(losses.shape) != (len(outputs),):
            raise ValueError(
                f"the loss returned the shape {tuple(losses.shape)} for {len(outputs)} examples. "
                "It must return one loss an example, (N,): the mean is taken afterwards."
            )
        return losses

    def weight(self, targets: torch.Tensor) -> float:
        """Return the number by which the sum of the losses is divided: examples, or weights."""
        weights = self._weights(targets)
        return float(len(targets) if weights is None else weights.double()[targets].sum())

    def _entropy(
        self, outputs: torch.Tensor, targets: torch.Tensor, reduction: str
    ) -> torch.Tensor:
        return functional.cross_entropy(
            outputs,
            targets,
            weight=self._weights(outputs),
            label_smoothing=self.label_smoothing,
            reduction=reduction,
        )

    def _weights(self, like: torch.Tensor) -> torch.Tensor | None:
        if self.class_weights is None:
            return None
        dtype = like.dtype if like.is_floating_point() else torch.float32
        return torch.tensor(self.class_weights, dtype=dtype, device=like.device)


def _is_name(kind: object) -> bool:
    known = kind in ("cross_entropy", "mse")
    return isinstance(kind, str) and (known or kind.startswith(_FUNCTION))


def _squares(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    if not targets.is_floating_point() and targets.dim() == 1 and outputs.dim() == 2:
        targets = functional.one_hot(targets, outputs.shape[1])
    if targets.shape != outputs.shape:
        raise ValueError(
            f"outputs of shape {tuple(outputs.shape)} and targets of shape {tuple(targets.shape)} "
            "have no squared error of each example. Pass class indices, or targets of the outputs' "
            "shape."
        )
    return (outputs - targets.to(outputs)).square().flatten(1).mean(1)


def training_loss(given: "str | Function | TrainingLoss") -> TrainingLoss:
    """Return a loss with its parameters for a name, a function, or such a loss itself."""
    return given if isinstance(given, TrainingLoss) else TrainingLoss(given)
