"""A run: what a training run left, and how it ended."""

import dataclasses

import torch
from torch import nn

from landscape.training.config import TrainConfig

State = dict[str, torch.Tensor]


@dataclasses.dataclass(frozen=True)
class Run:
    """What a training run left.

    Attributes:
        config: What was run.
        data: Name of the data set.
        data_sha256: Hash of its content.
        shape: (channels, height, width) of an input.
        classes: Number of classes.
        weights: The state dict where training stopped.
        history: A value for each epoch in 0..epochs, 0 being the initialisation: ``train_loss``,
            ``train_accuracy``, ``test_loss``, ``test_accuracy`` (eval mode, mean over all examples)
            and ``gradient_norm`` (root mean square of the l2 norms of the epoch's mini-batch
            gradients; NaN at 0); each (epochs + 1,), float64, shorter where the run diverged. With
            ``TrainConfig.measured`` the training set's are those of its first examples.
        gradient_norms: The same root mean square for each trained tensor by itself, by name, each
            (epochs + 1,), float64; 0 is the first mini-batch's gradient, at the initialisation.
        step_loss: Mini-batch loss in train mode before each step, (steps,), float64.
        step_gradient_norm: Its gradient's l2 norm, before clipping, (steps,), float64.
        snapshots: Step -> state dict.
        diverged_at: The step whose loss or gradient was not finite, counted from 0; None if none
            was.
    """

    config: TrainConfig
    data: str
    data_sha256: str
    shape: tuple[int, int, int]
    classes: int
    weights: State
    history: dict[str, torch.Tensor]
    gradient_norms: dict[str, torch.Tensor]
    step_loss: torch.Tensor
    step_gradient_norm: torch.Tensor
    snapshots: dict[int, State]
    diverged_at: int | None

    @property
    def steps(self) -> int:
        """Steps taken."""
        return len(self.step_loss) - (self.diverged_at is not None)

    def model(self, *, step: int | None = None) -> nn.Module:
        """Return the network in eval mode, where training stopped or at a snapshot.

        Raises:
            ValueError: If there is no snapshot at ``step``.
        """
        if step is not None and step not in self.snapshots:
            raise ValueError(
                f"no snapshot at step {step}: this run kept {sorted(self.snapshots) or 'none'}. "
                "Name the step in TrainConfig.snapshots."
            )
        model = self.config.model.build(self.shape, self.classes, seed=self.config.seed)
        model.load_state_dict(self.weights if step is None else self.snapshots[step])
        return model.eval()
