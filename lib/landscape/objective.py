"""The objective: a network's loss as a pure function of its flat parameter vector theta."""

import copy
import dataclasses
import functools
from collections.abc import Callable
from typing import Literal

import torch
from torch import nn

from landscape import batchnorm, parameters
from landscape import fingerprint as fingerprints
from landscape.batchnorm import Buffers
from landscape.hessian import HessianProduct
from landscape.operators import SymmetricOperator

Loss = Literal["cross_entropy", "mse"] | Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Loss and accuracy at one point.

    Attributes:
        loss: Mean over the examples; may be infinite or NaN.
        accuracy: Share of examples whose largest output is the target; NaN for targets that are no
            class indices.
        examples: Number of examples.
        bn: Batch-normalisation policy.
    """

    loss: float
    accuracy: float
    examples: int
    bn: str


class Objective:
    """Mean loss of a network over a fixed set of examples, at any theta; it is not touched.

    theta and all vectors that are returned are float64; the network computes in ``dtype`` and sums
    over microbatches are float64. Loss, gradient and Hessian are those of eval mode (no dropout).

    Args:
        model: Any module that maps inputs (N, ...) to outputs (N, ...). It is copied.
        examples: Inputs (N, ...) and targets (N, ...); their order is kept.
        loss: ``cross_entropy``, ``mse`` (mean over outputs), or a function of outputs and targets
            that returns one loss an example, (N,).
        bn: Policy of batch normalisation. ``frozen``: running statistics as given. ``batch``: the
            examples are cut into equal blocks of about ``bn_block``, each normalised by its own
            statistics. ``reestimate``: running statistics are estimated at theta on
            ``bn_examples`` and then held, also in derivatives.
        microbatch: Examples computed at once; bounds memory and changes results by rounding only.
        bn_block: Examples whose statistics are taken together by ``batch`` and ``reestimate``.
        bn_examples: Inputs for ``reestimate``; None takes those of ``examples``.
        dtype: Floating-point type of the network; None keeps the model's own.
        graph_memory: Bytes that a Hessian operator may spend on gradient graphs kept between
            products; beyond them graphs are rebuilt for each product, at about 1.5 times the cost.

    Raises:
        ValueError: If the examples do not fit together, or an option is unknown.

    Attributes:
        theta: The model's own parameters (n,).
        buffers: Its named buffers, such as running statistics.
        layout: What each entry of theta is.
        examples_hash: SHA-256 of inputs and targets.
        fingerprint: Identifies the function in the store: architecture, its code, buffers,
            examples, loss, policy, dtype.
    """

    def __init__(
        self,
        model: nn.Module,
        examples: tuple[torch.Tensor, torch.Tensor],
        *,
        loss: Loss = "cross_entropy",
        bn: batchnorm.Policy = "frozen",
        microbatch: int = 128,
        bn_block: int = 1024,
        bn_examples: torch.Tensor | None = None,
        dtype: torch.dtype | None = None,
        graph_memory: int = 4 * 2**30,
    ) -> None:
        inputs, targets = examples
        _check(inputs, targets, loss, microbatch, bn_block)
        batchnorm.check_policy(bn)
        self.layout = parameters.layout(model)
        self.bn, self.num_examples = bn, len(inputs)
        self.theta = self.layout.flatten(dict(model.named_parameters()))
        self._options = {
            "loss": loss,
            "bn": bn,
            "microbatch": microbatch,
            "bn_block": bn_block,
            "bn_examples": bn_examples,
            "dtype": dtype,
            "graph_memory": graph_memory,
        }
        self._source, self._examples = copy.deepcopy(model), examples
        self._loss = _losses(loss)
        first = next(model.parameters())
        self.dtype, self.device = dtype or first.dtype, first.device
        self._model = copy.deepcopy(model).to(self.dtype).eval().requires_grad_(False)
        if bn == "batch":
            self._model = batchnorm.with_batch_statistics(self._model)
        self._format = (
            torch.channels_last if parameters.has_convolutions(model) else torch.contiguous_format
        )
        sizes = self._sizes(len(inputs), bn_block if bn == "batch" else microbatch)
        self._batches = list(
            zip(self._place(inputs).split(sizes), targets.to(self.device).split(sizes), strict=True)
        )
        self.buffers = {name: buffer.clone() for name, buffer in self._model.named_buffers()}
        self._frozen = {  # Parameters that are not trained.
            name: tensor
            for name, tensor in self._model.named_parameters()
            if name not in {block.name for block in self.layout.blocks}
        }
        self._check_batch_norm()
        self._estimator, self._bn_blocks = None, ()
        if bn == "reestimate":
            chosen = self._place(inputs if bn_examples is None else bn_examples)
            self._estimator = batchnorm.estimator(self._model)
            self._bn_blocks = chosen.split(batchnorm.blocks_of(len(chosen), bn_block))
        self.examples_hash = fingerprints.digest((inputs, targets))

    @functools.cached_property
    def fingerprint(self) -> str:
        """Identifies the objective in the store.

        Raises:
            TypeError: If a custom loss carries a value whose content is unknown.
        """
        loss = self._options["loss"]
        identity = loss if isinstance(loss, str) else fingerprints.callable_identity(loss)
        return fingerprints.digest(
            (
                self.architecture,
                {**self._options, "loss": identity, "dtype": str(self.dtype)},
                self.theta,
                self.buffers,
                self._frozen,
                self.examples_hash,
            )
        )

    @functools.cached_property
    def architecture(self) -> str:
        """Hash of the network's layers, their settings and the code of its forward pass."""
        return fingerprints.digest(fingerprints.module_identity(self._source))

    def differs(self, other: "Objective") -> list[str]:
        """Return in what, besides theta and buffers, two objectives are not of one landscape."""
        pairs = {
            "parameters": (self.layout, other.layout),
            "architecture": (self.architecture, other.architecture),
            "examples": (self.examples_hash, other.examples_hash),
            "dtype": (self.dtype, other.dtype),
            "untrained parameters": tuple(fingerprints.digest(x._frozen) for x in (self, other)),
        }
        for name in ("loss", "bn", "bn_block"):
            pairs[name] = (self._options[name], other._options[name])
        if self.bn == "reestimate":
            pairs["bn_examples"] = tuple(
                fingerprints.digest(list(x._bn_blocks)) for x in (self, other)
            )
        return [name for name, (own, others) in pairs.items() if own != others]

    @property
    def n(self) -> int:
        """Number of parameters."""
        return self.layout.n

    def replace(self, *, examples=None, **options) -> "Objective":
        """Return an objective of the same network with other examples or options."""
        return Objective(self._source, examples or self._examples, **{**self._options, **options})

    def loss(self, theta: torch.Tensor, *, buffers: Buffers | None = None) -> float:
        """Return the mean loss at theta (n,)."""
        return self.evaluate(theta, buffers=buffers).loss

    @torch.inference_mode()
    def evaluate(self, theta: torch.Tensor, *, buffers: Buffers | None = None) -> Evaluation:
        """Return loss and accuracy at theta (n,).

        Args:
            theta: The point.
            buffers: Running statistics to use instead of the model's own.

        Raises:
            ValueError: If theta has another length.
        """
        named, buffers = self._point(self._cast(theta), buffers)
        loss, correct = 0.0, 0
        for inputs, targets in self._batches:
            outputs = torch.func.functional_call(self._model, (named, buffers), (inputs,))
            loss += float(self._loss(outputs, targets).double().sum())
            if _are_classes(targets):
                correct += int((outputs.argmax(1) == targets).sum())
        classes = _are_classes(self._batches[0][1])
        accuracy = correct / self.num_examples if classes else float("nan")
        return Evaluation(loss / self.num_examples, accuracy, self.num_examples, self.bn)

    def gradient(self, theta: torch.Tensor, *, buffers: Buffers | None = None) -> torch.Tensor:
        """Return the gradient (n,) of the mean loss at theta, in loss per parameter."""
        point = self._cast(theta).requires_grad_()
        buffers = self._statistics(point.detach(), buffers)
        total = torch.zeros(self.n, dtype=torch.float64, device=self.device)
        for index in range(len(self._batches)):
            (part,) = torch.autograd.grad(self._batch_loss(point, buffers, index), point)
            total += part.double()
        return total.cpu()

    def hessian(self, theta: torch.Tensor, *, buffers: Buffers | None = None) -> SymmetricOperator:
        """Return the Hessian ∇²L(θ) as an operator of shape (n, n), in loss per parameter².

        Products are exact (Pearlmutter 1994), in the network's dtype, summed over microbatches in
        float64. Under ``reestimate`` the statistics are those of theta and count as constants.
        """
        point = self._cast(theta)
        buffers = self._statistics(point, buffers)
        product = HessianProduct(
            lambda leaf, index: self._batch_loss(leaf, buffers, index),
            point,
            len(self._batches),
            memory=self._options["graph_memory"],
        )
        key = fingerprints.digest(("hessian", self.fingerprint, theta, buffers))
        return SymmetricOperator(self.n, product, fingerprint=key)

    def statistics(self, theta: torch.Tensor) -> Buffers:
        """Return the buffers that the policy uses at theta: under ``reestimate`` fresh ones."""
        return self._statistics(self._cast(theta), None)

    def _check_batch_norm(self) -> None:
        bare = [
            name
            for name in batchnorm.layers(self._source)
            if self._source.get_submodule(name).running_mean is None
        ]
        if bare and self.bn != "batch":
            raise ValueError(
                f"batch normalisation {bare[0]!r} keeps no running statistics "
                f"(track_running_stats=False), so bn={self.bn!r} has nothing to hold. "
                "Pass bn='batch'."
            )

    def _batch_loss(self, leaf: torch.Tensor, buffers: Buffers, index: int) -> torch.Tensor:
        # The part of one microbatch in the mean over all examples: a ragged last one weighs right.
        inputs, targets = self._batches[index]
        outputs = torch.func.functional_call(self._model, (self._named(leaf), buffers), (inputs,))
        return self._loss(outputs, targets).sum() / self.num_examples

    def _point(self, point: torch.Tensor, buffers: Buffers | None):
        return self._named(point), self._statistics(point, buffers)

    def _named(self, point: torch.Tensor) -> Buffers:
        named = {
            name: tensor.contiguous(memory_format=self._format) if tensor.dim() == 4 else tensor
            for name, tensor in self.layout.unflatten(point).items()
        }
        return {**self._frozen, **named}

    def _statistics(self, point: torch.Tensor, buffers: Buffers | None) -> Buffers:
        if self._estimator is not None:
            return batchnorm.reestimate(
                self._estimator, self._named(point), self.buffers, self._bn_blocks
            )
        if buffers is None or self.bn == "batch":
            return self.buffers
        return {name: buffers[name].to(tensor) for name, tensor in self.buffers.items()}

    def _cast(self, theta: torch.Tensor) -> torch.Tensor:
        self.layout.check(theta)
        return theta.detach().to(device=self.device, dtype=self.dtype, copy=True)

    def _place(self, inputs: torch.Tensor) -> torch.Tensor:
        placed = inputs.to(device=self.device, dtype=self.dtype)
        return placed.to(memory_format=self._format) if inputs.dim() == 4 else placed

    def _sizes(self, count: int, size: int) -> list[int]:
        if self.bn == "batch":
            return batchnorm.blocks_of(count, size)
        return [min(size, count - start) for start in range(0, count, size)]


def _check(inputs, targets, loss, microbatch: int, bn_block: int) -> None:
    if len(inputs) == 0 or len(inputs) != len(targets):
        raise ValueError(
            f"{len(inputs)} inputs and {len(targets)} targets are no set of examples. "
            "Pass as many targets as inputs, at least one."
        )
    if microbatch < 1 or bn_block < 2:
        raise ValueError(
            f"microbatch={microbatch}, bn_block={bn_block}: pass microbatch >= 1 and bn_block >= 2 "
            "(one example has no variance)."
        )
    if not callable(loss) and loss not in ("cross_entropy", "mse"):
        raise ValueError(
            f"loss={loss!r} is not known. Pass 'cross_entropy', 'mse', or a function of outputs "
            "and targets that returns one loss an example."
        )


def _losses(loss: Loss) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    if loss == "cross_entropy":
        return lambda outputs, targets: nn.functional.cross_entropy(
            outputs, targets, reduction="none"
        )
    return _squared_error if loss == "mse" else functools.partial(_own_loss, loss)


def _squared_error(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    if outputs.shape != targets.shape:
        raise ValueError(
            f"outputs of shape {tuple(outputs.shape)} and targets of shape {tuple(targets.shape)} "
            "have no squared error of one shape: broadcasting would compare every pair. "
            "Give the targets the shape of the outputs."
        )
    return (outputs - targets.to(outputs)).square().flatten(1).mean(1)


def _own_loss(loss: Callable, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    losses = loss(outputs, targets)
    if tuple(losses.shape) != (len(outputs),):
        raise ValueError(
            f"the loss returned the shape {tuple(losses.shape)} for {len(outputs)} examples. It "
            "must return one loss an example, as with reduction='none'; the mean is taken here."
        )
    return losses


def _are_classes(targets: torch.Tensor) -> bool:
    return targets.dim() == 1 and not targets.is_floating_point()
