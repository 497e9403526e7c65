"""What every objective promises: one deterministic function of theta; checked on a few examples."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch

from landscape import rng
from landscape.network.batchnorm import batchnorm_layers
from landscape.network.derivatives import curvature_fault, gradient_fault, jacobian_fault
from landscape.network.examples import Examples, in_dtype
from landscape.network.fields import fields_of
from landscape.network.functional import Network
from landscape.network.losses import PerExample
from landscape.network.outputs import NotATensor
from landscape.network.reads import Reads, unread_inputs
from landscape.network.single_path import single_path

Parted = Callable[[], tuple[torch.Tensor, torch.Tensor]]

FEW = 4  # Examples of the check: it costs some passes over them.
OFF = "Pass check=False to measure in spite of it."


class NotComputed(ValueError):
    """Network or loss raise an error on the examples."""


def checked(
    build: Callable[[torch.dtype], Network],
    losses: Callable[[torch.dtype], PerExample],
    examples: Examples,
    *,
    theta: torch.Tensor,
    given: Mapping[str, torch.Tensor],
    dtype: torch.dtype,
) -> "Contract":
    """Return the contract of a network and a loss, checked in float64 where they compute in it.

    Args:
        build: Returns another copy of the network, which has not computed yet, in a given type.
        losses: Returns the loss in a given type: the function of outputs and targets that gives the
            loss of each example.
        examples: A few inputs and targets, the latter on the network's device.
        theta: The point (n,) of the check.
        given: Parameters of the reader's own module, by name.
        dtype: The network's own type, for networks that cannot compute in float64.

    Raises:
        ValueError: If network and loss are no deterministic function of theta; the text names what
            breaks it.
    """
    exact = torch.float64  # Rounding hides no difference then.
    try:
        return Contract(lambda: build(exact), losses(exact), examples, theta, given)
    except NotComputed:
        if dtype == exact:
            raise
    return Contract(lambda: build(dtype), losses(dtype), examples, theta, given)


@dataclasses.dataclass(frozen=True, eq=False)
class Contract:
    """The promise that network and loss are one deterministic function of theta, and its checks.

    Values are checked at construction, derivatives when they are first asked for: a loss without
    second derivatives still has planes and gradients. Attributes: see ``checked``.

    Attributes:
        build: Returns another copy of the network, which has not computed yet.
        loss: Maps outputs and targets to the loss of each example.
        examples: A few inputs and targets.
        theta: The point (n,) of the check.
        given: Parameters of the reader's own module, by name.
        meeting: What depends on the other examples computed with an example; None where nothing
            does. Normalisation by the batch's statistics does not count: its policy decides.
    """

    build: Callable[[], Network]
    loss: PerExample
    examples: Examples
    theta: torch.Tensor
    given: Mapping[str, torch.Tensor]
    meeting: str | None = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Check the values."""
        with torch.random.fork_rng(devices=[]):  # A network that draws must not move the reader's.
            object.__setattr__(self, "meeting", self._check_values())

    @single_path()
    @torch.inference_mode(False)
    def _check_values(self) -> str | None:
        network = self.build()
        inputs, targets = self.examples
        unread = unread_inputs(network.module, inputs)
        if unread:
            raise ValueError(
                f"forward() takes the inputs {', '.join(map(repr, unread))} by **"
                "kwargs and reads none of them: a name may be misspelled. Rename them, or remove "
                f"them from the batch. {OFF}"
            )
        placed = network.place(inputs), in_dtype(targets, network.dtype)
        trial = _Trial(self.loss, *placed)
        theta = network.cast(self.theta)
        noise = torch.randn(len(theta), generator=rng.stream(0, "contract"), dtype=torch.float64)
        other = theta + 1e-2 * noise.to(theta)
        first = _watched(trial, network, theta, self.given)
        _same(first, trial.losses(network, theta), _RANDOM)
        elsewhere = trial.losses(network, other)
        _same(first, trial.losses(network, theta), _STATE)
        # A copy that has not computed at theta holds nothing that was made there.
        _same(elsewhere, trial.losses(self.build(), other), _STATE)
        _same(first, trial.losses(network, theta.clone().requires_grad_()), _RECORDED)
        return trial.meeting(network, theta)

    def check_batches(self, count: int, parted: Parted) -> None:
        """Raise ValueError if examples meet, and are computed in more than one microbatch.

        Args:
            count: Number of microbatches.
            parted: Returns the losses of a whole microbatch, computed at once and in parts.
        """
        meeting = self._met(parted) if count > 1 else None
        if meeting is not None:
            raise ValueError(
                f"{meeting}, and the examples are computed in {count} microbatches, which "
                "would decide the result. Pass microbatch=len(examples) for a loss over all of "
                "them at once, as for contrastive losses; for a recurrent layer set "
                f"batch_first=True, so that the first axis counts the examples. {OFF}"
            )

    def check_single(self, purpose: str, parted: Parted) -> None:
        """Raise ValueError if examples meet, so that none has a loss of its own.

        Args:
            purpose: What needs such losses, for the error text.
            parted: As for ``check_batches``.
        """
        meeting = self._met(parted)
        if meeting is not None:
            raise ValueError(
                f"{purpose} needs a loss of each single example, but {meeting}. Measure the "
                f"loss over all examples: L.gradient(), L.hessian(). {OFF}"
            )

    def _met(self, parted: Parted) -> str | None:
        """Return what depends on other examples, the first few or those of a whole microbatch."""
        if self.meeting is not None:
            return self.meeting
        whole, parts = parted()
        if _distance(whole, parts) > _tolerance(whole):
            return "the loss of an example depends on how many are computed with it"
        return None

    @functools.cached_property
    def gradient_fault(self) -> str | None:
        """What is wrong with first derivatives, or None."""
        return gradient_fault(self.build(), self.loss, self.examples, self.theta)

    @functools.cached_property
    def curvature_fault(self) -> str | None:
        """What is wrong with second derivatives, or None."""
        return curvature_fault(self.build(), self.loss, self.examples, self.theta)

    @functools.cached_property
    def jacobian_faults(self) -> tuple[str | None, str | None]:
        """What is wrong with products of the outputs' Jacobian: by reverse and by forward mode.

        Forward mode is tried only where reverse mode is wrong.
        """
        faults: list[str | None] = []
        for forward in (False, True):
            arguments = self.build(), self.loss, self.examples, self.theta
            faults.append(jacobian_fault(*arguments, forward=forward))
            if faults[0] is None:
                return None, None
        return faults[0], faults[1]

    def check_gradient(self) -> None:
        """Raise ValueError if the gradient is not that of the loss."""
        if self.gradient_fault is not None:
            raise ValueError(f"{self.gradient_fault} {OFF}")

    def check_curvature(self) -> None:
        """Raise ValueError if first or second derivatives are not those of the loss."""
        self.check_gradient()
        if self.curvature_fault is not None:
            raise ValueError(f"{self.curvature_fault} {OFF}")

    def takes_forward_mode(self) -> bool:
        """Return whether the Gauss-Newton matrix takes forward mode; raise if neither mode works.

        Raises:
            ValueError: If derivatives are not those of the loss.
        """
        self.check_gradient()
        reverse, forward = self.jacobian_faults
        if reverse is not None and forward is not None:
            raise ValueError(f"{reverse} By forward mode: {forward} {OFF}")
        return reverse is not None


@dataclasses.dataclass(frozen=True)
class _Trial:
    """A loss on a few placed examples."""

    loss: PerExample
    inputs: torch.Tensor
    targets: torch.Tensor

    def losses(self, network: Network, theta: torch.Tensor) -> torch.Tensor:
        """Return the loss of each example at a point."""
        return self._loss(self._outputs(network, theta, self.inputs), self.targets).detach()

    def meeting(self, network: Network, theta: torch.Tensor) -> str | None:
        """Return what depends on the other examples computed with an example."""
        if len(self.inputs) < 2 or (network.bn == "batch" and batchnorm_layers(network.module)):
            return None
        joint = self._outputs(network, theta, self.inputs)
        try:
            single = [self._outputs(network, theta, x) for x in self.inputs.split(1)]
            alone = [self._loss(joint[k : k + 1], y) for k, y in enumerate(self.targets.split(1))]
        except NotComputed as error:
            return f"one example alone cannot be computed ({error.__cause__})"
        if _distance(joint, torch.cat(single)) > _tolerance(joint):
            return "an output depends on the other examples computed with it"
        if _distance(self._loss(joint, self.targets), torch.cat(alone)) > _tolerance(joint):
            self._check_shapes(joint)
            return "the loss of an example depends on the outputs of the others"
        return None

    def _check_shapes(self, outputs: torch.Tensor) -> None:
        """Refuse a loss that compares all outputs with all targets, where their shapes differ."""
        if outputs.shape == self.targets.shape or outputs.numel() != self.targets.numel():
            return
        losses, distances = self._loss(outputs, self.targets), []
        for pair in (
            (outputs.reshape(self.targets.shape), self.targets),
            (outputs, self.targets.reshape(outputs.shape)),
        ):
            with contextlib.suppress(ValueError):  # It takes one of the shapes alone.
                distances.append(_distance(losses, self._loss(*pair)))
        if distances and min(distances) > _tolerance(outputs):
            raise ValueError(
                f"outputs {_described(outputs)} and targets {_described(self.targets)} meet by "
                "broadcasting in the loss, which compares every output with every target. Give "
                f"both one shape, as by outputs[:, 0] or targets[:, None]. {OFF}"
            )

    def _outputs(self, network: Network, theta: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        try:
            buffers = network.statistics(theta.detach(), None)
            outputs = network(network.named(theta), buffers, inputs)
        except NotATensor:
            raise
        except Exception as error:
            raise NotComputed(
                f"the model cannot be computed on inputs {_taken(network, inputs)}: "
                f"{_short(error)}. Pass inputs (N, ...) as the model takes them in training."
            ) from error
        if outputs.dim() == 0 or len(outputs) != len(inputs):
            raise ValueError(
                f"the model maps inputs {_taken(network, inputs)} to outputs "
                f"{_described(outputs)}. It must return a row for each example, (N, ...)."
            )
        return outputs

    def _loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        try:
            return self.loss(outputs, targets)
        except ValueError as error:
            if str(error).startswith("Expected"):  # PyTorch's own.
                raise self._refusal(outputs, targets, error) from error
            raise
        except Exception as error:
            raise self._refusal(outputs, targets, error) from error

    @staticmethod
    def _refusal(outputs: torch.Tensor, targets: torch.Tensor, error: Exception) -> NotComputed:
        return NotComputed(
            f"the loss cannot be computed from outputs {_described(outputs)} and targets "
            f"{_described(targets)}: {_short(error)}. Cross-entropy takes outputs (N, K) and "
            "classes (N,), counted from 0, of an integer type, or probabilities (N, K); 'mse' "
            "takes targets of the outputs' shape."
        )


def _watched(
    trial: _Trial, network: Network, theta: torch.Tensor, given: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    """Return the losses; refuse parameters that are read in another way than by theta."""
    trained = {block.name for block in network.layout.blocks}
    copies = {k: x for k, x in network.module.named_parameters() if k in trained}
    with Reads([*copies.items(), *((k, x) for k, x in given.items() if k in trained)]) as reads:
        losses = trial.losses(network, theta)
    if reads.names:
        raise ValueError(
            f"the loss depends on {', '.join(sorted(map(repr, reads.names))[:3])} not only "
            "through theta: forward() or the loss function reads the parameter itself, as by a "
            "closure or a list, where it does not move with theta. Gradient and curvature "
            "would lack this part. Write self.<parameter> in forward(), and let the loss take "
            f"outputs and targets alone: a penalty belongs to the training step. {OFF}"
        )
    return losses


def _same(first: torch.Tensor, second: torch.Tensor, text: str) -> None:
    if _distance(first, second) > _tolerance(first):
        sums = (float(x.double().sum()) for x in (first, second))
        raise ValueError(f"{text.format(*sums)} {OFF}")


def _tolerance(tensor: torch.Tensor) -> float:
    kind = tensor.dtype if tensor.is_floating_point() else torch.float32
    return torch.finfo(kind).eps ** 0.5


_RANDOM = (
    "the network is not deterministic: the same examples gave the losses {:.8g} and {:.8g}, so "
    "products would be of different matrices. Layers are in eval mode already: look for dropout "
    "called with training=True or random numbers in forward()."
)
_STATE = (
    "the loss depends on earlier calls: the same theta gave {:.8g} and {:.8g} after a call at "
    "another theta. Look for what forward() keeps: a table made of parameters, a counter, a buffer."
)
_RECORDED = (
    "the loss is {:.8g} without gradients and {:.8g} where they are recorded: values and "
    "derivatives would be of two functions. Look for branches on torch.is_grad_enabled() or "
    "requires_grad in forward()."
)


def _described(tensor: Any) -> str:
    if not isinstance(tensor, torch.Tensor):
        return type(tensor).__name__
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def _taken(network: Network, inputs: torch.Tensor) -> str:
    fields = fields_of(network.module)
    if fields is None:
        return _described(inputs)
    return ", ".join(f"{part.name!r} {(len(inputs), *part.shape)}" for part in fields.parts)


def _short(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no text'}"


def _distance(first: torch.Tensor, second: torch.Tensor) -> float:
    """Return the largest difference relative to the largest entry; NaN counts as equal to NaN."""
    first, second = first.detach().double(), second.detach().double()
    equal = (first == second) | (first.isnan() & second.isnan())
    gap = torch.where(equal, 0.0, first - second).abs().nan_to_num(nan=torch.inf)
    scale = first[first.isfinite()].abs()
    return float(gap.max() / scale.max().clamp_min(1e-30)) if gap.numel() and scale.numel() else 0.0
