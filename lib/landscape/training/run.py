"""Hold the result of a training run: weights, history, and how it ended."""

import dataclasses
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from landscape.training.config import TrainConfig
from landscape.training.curves import CurveSubset

if TYPE_CHECKING:
    from matplotlib.axes import Axes

State = dict[str, torch.Tensor]


@dataclasses.dataclass(frozen=True)
class Run:
    """The result of a training run.

    Attributes:
        config: Settings of the run.
        data: Name of the data set.
        data_sha256: Hash of the data set's content.
        shape: (channels, height, width) of an input.
        classes: Number of classes.
        weights: State dict at the end of training.
        measured_at: Planned positions of the measurements, in epochs from 0 (the initialisation) to
            the end, (measurements,), float64. With ``TrainConfig.measure_every=1`` they follow each
            epoch.
        history: Name of a quantity -> its values at ``measured_at``, (measurements,), float64. The
            quantities are ``train_loss``, ``train_accuracy``, ``test_loss``, ``test_accuracy``
            (eval mode, mean over examples) and ``gradient_norm`` (root mean square of the l2 norms
            of the mini-batch gradients since the previous measurement; NaN at 0). A run that
            diverged has fewer values; the last one was measured where the run stopped, before its
            planned position. With ``TrainConfig.measured`` training loss and accuracy cover the
            first training examples only. With ``TrainConfig.curve_examples`` values between the
            first and the last come from ``curve_subsets``; the first, the last, and that of a run
            which diverged cover all examples.
        gradient_norms: Name of a trained tensor -> the same root mean square for this tensor alone,
            (measurements,), float64. The value at 0 is the norm of the first mini-batch's gradient,
            at the initialisation.
        step_loss: Mini-batch loss in train mode before each step, (steps,), float64.
        step_gradient_norm: l2 norm of this loss's gradient before clipping, (steps,), float64.
        snapshots: Step -> state dict.
        optimizer_states: State of the optimizer at each snapshot and at the end of training: step
            -> PyTorch's name of the slot, such as ``momentum_buffer`` or ``exp_avg_sq`` -> name of
            the trained tensor -> value.
        diverged_at: Step whose loss or gradient was not finite, counted from 0; None where all were
            finite.
        history_errors: Name of a loss or accuracy -> standard errors of its values, in their unit,
            (measurements,), float64: what the examples outside of the subset may change. 0 where
            all were measured, and where values are the same for all measured examples of a class.
            A split without a subset has none.
        curve_subsets: ``train`` or ``test`` -> the examples that its values between the first and
            the last come from; a split of which all values cover all examples is not in it.
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
    history_errors: dict[str, torch.Tensor] = dataclasses.field(default_factory=dict)
    curve_subsets: dict[str, CurveSubset] = dataclasses.field(default_factory=dict)

    @property
    def steps(self) -> int:
        """Number of steps taken; the step that diverged is not counted."""
        return len(self.step_loss) - (self.diverged_at is not None)

    def model(self, *, step: int | None = None) -> nn.Module:
        """Return the network in eval mode, at the end of training or at a snapshot.

        Args:
            step: Step of the snapshot; None takes the end of training.

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

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        quantity: str = "train_loss",
        label: str | None = None,
        **style: Any,
    ) -> "Axes":
        """Draw a quantity of the history against epochs, or against steps.

        A run that diverged is drawn up to the last measurement before, with crosses at the upper
        edge where measurements are missing. On a new figure the vertical axis is logarithmic where
        the values are positive and span a factor of 10; for accuracies it is linear.

        Args:
            ax: Axes to draw on, in the reader's style; None makes a figure in the library's style,
                which is the axes' ``figure``.
            quantity: A name in ``history``, over epochs; or ``step_loss`` or
                ``step_gradient_norm``, over steps.
            label: Name in the legend.
            style: Further arguments of matplotlib's ``plot``.

        Returns:
            The axes: ``run.plot(quantity="test_accuracy").figure.savefig("training.png")``.

        Raises:
            ValueError: If the run has no such quantity.
        """
        # Imported here: plots stand above all results, which are used without matplotlib too.
        from landscape.plots.history import draw_run

        return draw_run(self, ax, quantity=quantity, label=label, **style)
