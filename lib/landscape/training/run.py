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
        measured_at: Where the run was to be measured, in epochs from 0, the initialisation, to the
            end: with ``TrainConfig.measure_every`` of 1 after each epoch; (measurements,), float64.
        history: A value for each of these: ``train_loss``, ``train_accuracy``, ``test_loss``,
            ``test_accuracy`` (eval mode, mean over all examples) and ``gradient_norm`` (root mean
            square of the l2 norms of the mini-batch gradients since the one before; NaN at 0); each
            (measurements,), float64. Of a run that diverged there are fewer, the last being where
            it stopped, before the position it stands for. With ``TrainConfig.measured`` the
            training set's are those of its first examples.
        gradient_norms: The same root mean square for each trained tensor by itself, by name, each
            (measurements,), float64; 0 is the first mini-batch's gradient, at the initialisation.
        step_loss: Mini-batch loss in train mode before each step, (steps,), float64.
        step_gradient_norm: Its gradient's l2 norm, before clipping, (steps,), float64.
        snapshots: Step -> state dict.
        optimizer_states: What the optimizer carries, at each snapshot and where training stopped:
            step -> slot, as PyTorch calls it, such as ``momentum_buffer`` or ``exp_avg_sq`` -> name
            of the trained tensor -> value.
        diverged_at: The step whose loss or gradient was not finite, counted from 0; None if none
            was.
    """

    config: TrainConfig
    data: str
    data_sha256: str
    shape: tuple[int, int, int]
    classes: int
    weights: State
    measured_at: torch.Tensor
    history: dict[str, torch.Tensor]
    gradient_norms: dict[str, torch.Tensor]
    step_loss: torch.Tensor
    step_gradient_norm: torch.Tensor
    snapshots: dict[int, State]
    optimizer_states: dict[int, dict[str, State]]
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
