"""The loss of a network as a pure function of its flat parameter vector theta."""

import copy
import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from landscape.network import batchnorm, groups, losses
from landscape.network.batchnorm import Buffers
from landscape.network.functional import Network, fastest_microbatch
from landscape.network.losses import Loss
from landscape.network.precision import full_precision
from landscape.network.products import Product, SumOfProducts, ggn_product, hessian_product
from landscape.operators import SymmetricOperator
from landscape.store import fingerprint as fingerprints


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Loss and accuracy at one point.

    Attributes:
        loss: Mean over the examples; may be infinite or NaN.
        accuracy: Share of examples whose largest output is the target; NaN for targets that are no
            class indices, and for a single output.
        examples: Number of examples.
        bn: Batch-normalisation policy.
    """

    loss: float
    accuracy: float
    examples: int
    bn: str


class Parts(NamedTuple):
    """What an objective computes with at one point: see ``Objective.parts``.

    Attributes:
        module: The network's module.
        named: Name -> parameter at the point.
        buffers: Name -> buffer at the point.
        batches: Microbatches of inputs and targets.
    """

    module: nn.Module
    named: Buffers
    buffers: Buffers
    batches: list[tuple[torch.Tensor, torch.Tensor]]


class Objective:
    """The mean loss of a network over a fixed set of examples, at any theta.

    The network is copied; the original is never changed. theta and all returned vectors are
    float64; the network computes in ``dtype``, and sums over microbatches are float64. Loss,
    gradient and curvature are computed in eval mode (no dropout). Methods that take a point use
    the model's own parameters where none is given: ``L.hessian()`` is the Hessian at the solution.

    Args:
        model: Any module that maps inputs (N, ...) to outputs (N, ...).
        examples: Inputs (N, ...) and targets (N, ...), two tensors; their order is kept. Collect
            the batches of a loader in one pass, since a second one may have another order.
        loss: ``cross_entropy`` (mean over the places of an example, where it has several targets),
            ``mse`` (mean over outputs), or a function of outputs and targets that returns one loss
            an example, (N,).
        label_smoothing: Share of each target that cross-entropy spreads over all classes.
        bn: Policy of batch normalisation. ``frozen``: running statistics as given. ``batch``: the
            examples are cut into blocks of at most ``bn_block``, each normalised by its own
            statistics. ``reestimate``: running statistics are estimated at theta on
            ``bn_examples``; derivatives hold them, so they are not those of ``loss``.
        microbatch: Examples computed at once; bounds memory and changes results by rounding only.
            None takes the fastest: 128, or 1,024 for a network of linear layers alone.
        bn_block: Most examples whose statistics are taken together by ``batch`` and
            ``reestimate``. There are as few blocks as possible, and their sizes differ by one at
            most: 100 examples and 33 give four blocks of 25.
        bn_examples: Inputs for ``reestimate``; None takes those of ``examples``.
        dtype: Floating-point type of the network, float32 or float64; None keeps the model's own.
        graph_memory: Bytes that a curvature operator may spend on graphs kept between products
            (ResNet-20 takes about 2 MB an example); beyond them graphs are rebuilt for each
            product, at about 1.4 times the cost. Peak memory is this, one microbatch's graph, and
            a few vectors (n,).

    Raises:
        ValueError: If the examples do not fit together, or an option is unknown.

    Attributes:
        theta: The model's own parameters (n,).
        buffers: Its named buffers, such as running statistics.
        layout: Which parameter each entry of theta belongs to.
        dtype: Floating-point type in which the network computes.
        device: Device on which it computes.
        bn: Policy of batch normalisation.
        num_examples: Number of examples, N.
        channels_last: Whether the network works in the memory format in which convolutions are
            fast.
        examples_hash: SHA-256 of inputs and targets.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> import landscape
        >>> inputs, targets = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.zeros(2, 1)
        >>> model = nn.Linear(2, 1, bias=False)
        >>> L = landscape.Objective(model, (inputs, targets), loss="mse")
        >>> theta = torch.tensor([1.0, 1.0], dtype=torch.float64)
        >>> L.loss(theta), L.gradient(theta)
        (2.5, tensor([1., 4.], dtype=torch.float64))
        >>> L.replace(loss=lambda outputs, targets: outputs.abs().sum(1)).loss(theta)
        1.5
    """

    def __init__(
        self,
        model: nn.Module,
        examples: tuple[torch.Tensor, torch.Tensor],
        *,
        loss: Loss = "cross_entropy",
        label_smoothing: float = 0.0,
        bn: batchnorm.Policy = "frozen",
        microbatch: int | None = None,
        bn_block: int = 1024,
        bn_examples: torch.Tensor | None = None,
        dtype: torch.dtype | None = None,
        graph_memory: int = 4 * 2**30,
    ) -> None:
        inputs, targets = examples
        microbatch = fastest_microbatch(model) if microbatch is None else microbatch
        _check(inputs, targets, microbatch, bn_block)
        self._loss = losses.per_example(loss, label_smoothing)
        self._network = Network(
            model,
            dtype=dtype,
            bn=bn,
            bn_inputs=inputs if bn_examples is None else bn_examples,
            bn_block=bn_block,
        )
        self.layout, self.buffers = self._network.layout, self._network.buffers
        self.dtype, self.device = self._network.dtype, self._network.device
        self.channels_last = self._network.channels_last
        self.bn, self.num_examples = bn, len(inputs)
        self.theta = self.layout.flatten(dict(model.named_parameters()))
        self._options = {
            "loss": loss,
            "label_smoothing": label_smoothing,
            "bn": bn,
            "microbatch": microbatch,
            "bn_block": bn_block,
            "bn_examples": bn_examples,
            "dtype": dtype,
            "graph_memory": graph_memory,
        }
        self._model, self._examples = copy.deepcopy(model), examples
        sizes = self._sizes(len(inputs), bn_block if bn == "batch" else microbatch)
        placed = self._network.place(inputs), targets.to(self.device)
        self._batches = list(zip(*(part.split(sizes) for part in placed), strict=True))
        self.examples_hash = fingerprints.digest((inputs, targets))

    @functools.cached_property
    def fingerprint(self) -> fingerprints.Fingerprint:
        """Hash that identifies the objective in the store.

        It covers the network's architecture and code, the code of this class, theta, buffers,
        examples, loss, policy and dtype.

        Raises:
            TypeError: If the network or a custom loss carries something whose content cannot be
                read.
        """
        return fingerprints.fingerprint(
            {
                "objective": type(self),
                "network": fingerprints.architecture(self._model),
                **self._options,
                "dtype": self.dtype,
                "theta": self.theta,
                "buffers": self.buffers,
                "untrained": self._network.untrained,
                "examples": self.examples_hash,
            }
        )

    @functools.cached_property
    def architecture(self) -> str:
        """Hash of the network's layers, their settings and the code of its forward pass."""
        return fingerprints.structure(self._model)

    def differs(self, other: "Objective") -> list[str]:
        """Return the properties, besides theta and buffers, in which two objectives differ.

        Objectives that differ in none are points of one landscape.

        Args:
            other: The objective to compare with.

        Returns:
            Names such as ``architecture``, ``examples`` or ``dtype``; empty where nothing differs.
        """
        pairs = {
            "parameters": (self.layout, other.layout),
            "architecture": (self.architecture, other.architecture),
            "examples": (self.examples_hash, other.examples_hash),
            "dtype": (self.dtype, other.dtype),
            "untrained parameters": tuple(
                fingerprints.digest(x._network.untrained) for x in (self, other)
            ),
        }
        for name in ("loss", "label_smoothing", "bn", "bn_block"):
            pairs[name] = (self._options[name], other._options[name])
        if self.bn == "reestimate":
            pairs["bn_examples"] = tuple(
                fingerprints.digest(list(x._network.bn_blocks)) for x in (self, other)
            )
        return [name for name, (mine, others) in pairs.items() if mine != others]

    @property
    def n(self) -> int:
        """Number of parameters."""
        return self.layout.n

    def replace(
        self, *, examples: tuple[torch.Tensor, torch.Tensor] | None = None, **options: Any
    ) -> "Objective":
        """Return an objective of the same network with other examples or options.

        Args:
            examples: Inputs and targets; None keeps them.
            options: Any keyword argument of ``Objective``.
        """
        return Objective(self._model, examples or self._examples, **{**self._options, **options})

    def loss(self, theta: torch.Tensor | None = None, *, buffers: Buffers | None = None) -> float:
        """Return the mean loss, in nats for cross-entropy. Arguments and errors: ``evaluate``."""
        return self.evaluate(theta, buffers=buffers).loss

    def per_example_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the loss of each example (N,).

        Args:
            outputs: The network's outputs (N, ...).
            targets: The examples' targets (N, ...).
        """
        return self._loss(outputs, targets)

    @full_precision()
    @torch.inference_mode()
    def evaluate(
        self, theta: torch.Tensor | None = None, *, buffers: Buffers | None = None
    ) -> Evaluation:
        """Return loss and accuracy.

        Args:
            theta: The point (n,); None takes the model's own parameters.
            buffers: Running statistics to use instead of the model's own.

        Raises:
            ValueError: If theta has another length.
        """
        parts = self.parts(theta, buffers=buffers)
        loss, correct, classes = 0.0, 0, False
        for inputs, targets in parts.batches:
            outputs = self._network(parts.named, parts.buffers, inputs)
            loss += float(self._loss(outputs, targets).double().sum())
            classes = names_classes(outputs, targets)
            correct += int((outputs.argmax(1) == targets).sum()) if classes else 0
        accuracy = correct / self.num_examples if classes else float("nan")
        return Evaluation(loss / self.num_examples, accuracy, self.num_examples, self.bn)

    @full_precision()
    @torch.inference_mode(False)  # Differentiates, also where the caller does not.
    def gradient(
        self, theta: torch.Tensor | None = None, *, buffers: Buffers | None = None
    ) -> torch.Tensor:
        """Return the gradient (n,) of the mean loss, in loss per parameter.

        Arguments and errors as for ``evaluate``.
        """
        leaf = self._network.cast(self._point(theta)).requires_grad_()
        buffers = self._network.statistics(leaf.detach(), buffers)
        total = torch.zeros(self.n, dtype=torch.float64, device=self.device)
        for inputs, targets in self._batches:
            outputs = self._network(self._network.named(leaf), buffers, inputs)
            total += torch.autograd.grad(self._mean_part(outputs, targets), leaf)[0]
        return total.cpu()

    def hessian(
        self,
        theta: torch.Tensor | None = None,
        *,
        within: str | Sequence[str] | None = None,
        buffers: Buffers | None = None,
    ) -> SymmetricOperator:
        """Return the Hessian ∇²L(θ) as an operator of shape (n, n), in loss per parameter².

        Products have no error but rounding (Pearlmutter 1994), where every layer is twice
        differentiable. They are in the network's dtype, summed over microbatches in float64. Under
        ``batch`` the statistics are differentiated too. Under ``reestimate`` they are estimated at
        theta and count as constants: the matrix is then not the second derivative of ``loss``,
        whose statistics move with theta.

        Args:
            theta: The point (n,); None takes the model's own parameters.
            within: Names of parameters or modules: the block of the Hessian that belongs to them,
                of shape (m, m); see ``groups.group`` for its entries. None takes all.
            buffers: Running statistics to use instead of the model's own.

        Raises:
            ValueError: If theta has another length or holds NaN or infinity, or a name is unknown.
            RuntimeError: By a product, if the same examples give different losses.

        Reference: Pearlmutter (1994), Fast Exact Multiplication by the Hessian, Neural Computation
            6(1).

        Example:
            >>> import torch
            >>> from landscape import Objective
            >>> points = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
            >>> model = torch.nn.Linear(2, 1, bias=False)
            >>> L = Objective(model, (points, torch.zeros(2, 1)), loss="mse")
            >>> H = L.hessian()
            >>> H.to_dense()
            tensor([[1., 0.],
                    [0., 4.]], dtype=torch.float64)
            >>> H @ torch.tensor([1.0, 1.0]), H.products
            (tensor([1., 4.], dtype=torch.float64), 3)
        """
        return self._curvature(
            "hessian",
            lambda outputs, loss, leaf: hessian_product(loss(outputs), leaf),
            theta,
            within,
            buffers,
        )

    def ggn(
        self,
        theta: torch.Tensor | None = None,
        *,
        within: str | Sequence[str] | None = None,
        buffers: Buffers | None = None,
    ) -> SymmetricOperator:
        """Return the generalised Gauss-Newton matrix (1/N) Σ Jᵀ (∇²ℓ) J, of shape (n, n).

        J is the Jacobian of an example's outputs by theta, ∇²ℓ the Hessian of its loss by the
        outputs. It is positive semidefinite for losses convex in the outputs, such as cross-entropy
        and squared error, and differs from the Hessian by the curvature of the outputs. Arguments
        and errors as for ``hessian``.

        Reference: Schraudolph (2002), Fast Curvature Matrix-Vector Products, Neural Computation
            14(7).
        """
        return self._curvature("ggn", ggn_product, theta, within, buffers)

    def statistics(self, theta: torch.Tensor | None = None) -> Buffers:
        """Return the buffers that the policy uses at theta (n,): under ``reestimate`` fresh ones.

        Args:
            theta: The point; None takes the model's own parameters.
        """
        return self._network.statistics(self._network.cast(self._point(theta)), None)

    def output_factors(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return factors of the second derivatives of the loss by the outputs.

        Arguments and result as for ``losses.output_factors``.
        """
        loss, smoothing = self._options["loss"], self._options["label_smoothing"]
        return losses.output_factors(loss, outputs, targets, smoothing)  # type: ignore[arg-type]  # its own options

    def parts(self, theta: torch.Tensor | None = None, *, buffers: Buffers | None = None) -> Parts:
        """Return module, named parameters and buffers, and microbatches of examples.

        ``torch.func.functional_call(module, (named, buffers), (inputs,))`` gives the outputs of a
        microbatch. Arguments and errors as for ``evaluate``.
        """
        point = self._network.cast(self._point(theta))
        named, buffers = self._network.named(point), self._network.statistics(point, buffers)
        return Parts(self._network.module, named, buffers, self._batches)

    def _point(self, theta: torch.Tensor | None) -> torch.Tensor:
        return self.theta if theta is None else theta

    @torch.inference_mode(False)
    def _curvature(
        self,
        kind: str,
        product: Callable[..., Product],
        theta: torch.Tensor | None,
        within: str | Sequence[str] | None,
        buffers: Buffers | None,
    ) -> SymmetricOperator:
        theta = self._point(theta)
        point = self._network.cast(theta)
        self._network.check_finite(theta)
        group = groups.group(self.layout, within)
        buffers = self._network.statistics(point, buffers)
        constant = self._network.named(point)
        leaf = point[group.entries.to(self.device)].requires_grad_()

        checked = False

        def build(index: int) -> Product:
            nonlocal checked
            inputs, targets = self._batches[index]
            named = {**constant, **self._network.named(leaf, group.layout)}
            outputs = self._network(named, buffers, inputs, twice=True)
            if not checked:
                again = self._network(constant, buffers, inputs)
                self._check_same(self._loss(outputs, targets), self._loss(again, targets))
                checked = True
            return product(outputs, lambda outputs: self._mean_part(outputs, targets), leaf)

        total = SumOfProducts(
            build,
            n=group.m,
            batches=len(self._batches),
            memory=self._options["graph_memory"],  # type: ignore[arg-type]  # its own option
            like=leaf.detach(),
        )
        # The key is made when the store asks, of the point as it is now.
        key_theta = theta.detach().clone()
        return SymmetricOperator(
            group.m,
            total,
            single=False,
            fingerprint=lambda: fingerprints.fingerprint(
                (kind, self, key_theta, buffers, group.entries)
            ),
            device=self.device,
            dtype=self.dtype,
        )

    def _mean_part(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        # A microbatch's share of the mean over all examples, so that a short last one weighs right.
        return self._loss(outputs, targets).sum() / self.num_examples

    def _sizes(self, count: int, size: int) -> list[int]:
        if self.bn == "batch":
            return batchnorm.block_sizes(count, size)
        return [min(size, count - start) for start in range(0, count, size)]

    def _check_same(self, *losses: torch.Tensor) -> None:
        first, second = (float(loss.detach().double().sum()) for loss in losses)
        if abs(first - second) > torch.finfo(self.dtype).eps ** 0.5 * abs(first):
            raise RuntimeError(
                f"the network is not deterministic: the same examples gave the losses {first:.8g} "
                f"and {second:.8g}, so products would be of different matrices. Layers are in eval "
                "mode already: look for dropout called with training=True or random numbers in "
                "forward()."
            )


def _check(inputs: torch.Tensor, targets: torch.Tensor, microbatch: int, bn_block: int) -> None:
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


def names_classes(outputs: torch.Tensor, targets: torch.Tensor) -> bool:
    """Return whether targets name classes, so that there is an accuracy.

    Args:
        outputs: Outputs (N, K) of a classifier with K > 1 classes, or of any other shape.
        targets: Indices of classes (N,), or targets of any other kind.
    """
    several = outputs.dim() == 2 and outputs.shape[1] > 1
    return several and targets.dim() == 1 and not targets.is_floating_point()
