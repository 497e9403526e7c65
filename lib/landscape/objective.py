"""The loss of a network as a pure function of its flat parameter vector theta."""

import dataclasses
import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from landscape import rng
from landscape.network import batchnorm, decay, groups, losses, own_loss
from landscape.network.batchnorm import Buffers
from landscape.network.contract import FEW, Contract, checked
from landscape.network.copying import copied, kept_loss, unwrapped
from landscape.network.examples import ExampleSet, in_dtype, packed_like, taken
from landscape.network.fields import fields_of, taking
from landscape.network.functional import Network, fastest_microbatch
from landscape.network.kernels.chain_product import ChainProduct
from landscape.network.kernels.elementwise_chain import Chain, chain
from landscape.network.kernels.twice_differentiable import TwiceDifferentiable
from landscape.network.losses import Loss
from landscape.network.outputs import Choice
from landscape.network.products import (
    Product,
    SumOfProducts,
    ggn_product,
    hessian_product,
    jvp_by_forward,
)
from landscape.network.single_path import single_path
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

    Network and examples are copied; what is given is never changed, and a later change of it
    changes nothing here. theta and all returned vectors are float64; the network computes in
    ``dtype``, and sums over microbatches are float64. Loss, gradient and curvature are computed in
    eval mode (no dropout). Methods that take a point use
    the model's own parameters where none is given: ``L.hessian()`` is the Hessian at the solution.

    Args:
        model: Any module that maps inputs (N, ...) to outputs (N, ...). Wrappers for several
            devices, averaging and compilation are taken off.
        examples: Inputs (N, ...) and targets (N, ...), two tensors or NumPy arrays; their order is
            kept. Several inputs are a dict, passed by name, or a tuple, passed by position. A dict
            that holds ``labels`` beside the inputs, such as a batch of Hugging Face, is split. Or
            a ``DataLoader``, a data set or another iterable of such batches, which is read once.
        loss: ``cross_entropy`` (mean over the places of an example, where it has several targets;
            aligned as the network does that computes its own of ``labels``), ``next_token``,
            ``mse`` (mean over outputs), ``model`` (the one of these, or binary cross-entropy, that
            the network computes itself), or a function of outputs and targets that returns one
            loss an example, (N,).
        label_smoothing: Share of each target that cross-entropy spreads over all classes.
        class_weights: Weights (K,) of the classes in cross-entropy, whose mean is then PyTorch's:
            divided by the sum of the weights of all targets.
        ignore_index: Target that has no part in cross-entropy, its mean and the accuracy.
        class_axis: Axis of the outputs that counts the classes, 1 or -1, where an example has
            several targets; None takes 1, and refuses outputs that fit both.
        weight_decay: Coefficients c of the penalty Σ c_i θ_i² / 2, as PyTorch's optimizers define
            them: a number for all parameters; names of parameters or modules -> number, where ""
            stands for all and the longest name counts; the optimizer itself, or its
            ``param_groups``. The penalty is a part of loss, gradient and curvature.
        target: Key of the targets in batches that are dicts; None takes ``labels``, ``label``,
            ``targets``, ``target`` or ``y``.
        output: Key, attribute or position of the outputs where the network returns several things;
            None takes ``logits``, or the only tensor.
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
        check: Whether to check, on a few examples, that network and loss are one deterministic
            function of theta: the same in every call, with and without gradients, and in any number
            of microbatches. Derivatives are compared with differences when they are first asked
            for. See ``network.contract``.

    Raises:
        TypeError: If model or examples are of another kind.
        ValueError: If the examples do not fit together, an option is unknown, or network and loss
            are no function of theta; the text says what breaks it.

    Attributes:
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
        examples: Any,
        *,
        loss: Loss = "cross_entropy",
        label_smoothing: float = 0.0,
        class_weights: torch.Tensor | None = None,
        ignore_index: int = -100,
        class_axis: int | None = None,
        weight_decay: decay.WeightDecay = 0.0,
        target: str | None = None,
        output: Choice = None,
        bn: batchnorm.Policy = "frozen",
        microbatch: int | None = None,
        bn_block: int = 1024,
        bn_examples: torch.Tensor | None = None,
        dtype: torch.dtype | None = None,
        graph_memory: int = 4 * 2**30,
        check: bool = True,
    ) -> None:
        model = unwrapped(model)
        microbatch = fastest_microbatch(model) if microbatch is None else microbatch
        read = taken(examples, target=target)
        self._model = taking(copied(model), read.fields)
        loss, class_axis = own_loss.settled(loss, class_axis, self._model, read, output)
        self._examples = read.inputs, losses.placed_targets(loss, read.targets)
        self._given_loss = loss  # Two objectives of one loss object have one loss.
        self._options: dict[str, Any] = {
            "loss": kept_loss(loss, model),
            "label_smoothing": label_smoothing,
            "class_weights": _own(class_weights),
            "ignore_index": ignore_index,
            "class_axis": class_axis,
            "weight_decay": decay.coefficients(weight_decay, model),
            "output": output,
            "bn": bn,
            "microbatch": microbatch,
            "bn_block": bn_block,
            "bn_examples": _own(packed_like(bn_examples, fields_of(self._model))),
            "dtype": dtype,
            "graph_memory": graph_memory,
        }
        self._given = weakref.ref(model)
        _check(self._options, check)
        self._prepare()
        self._contract: Contract | None = None
        if check:
            self._contract = self._contracted()
            self._contract.check_batches(len(self._batches), self._parted)

    def _prepare(self) -> None:
        """Place network and examples, and hash the examples."""
        inputs, targets = self._examples
        asked = self._options
        chosen = asked["bn_examples"]
        self._network = self._built(asked["dtype"], inputs if chosen is None else chosen)
        self.layout = self._network.layout
        self.dtype, self.device = self._network.dtype, self._network.device
        self.channels_last = self._network.channels_last
        self.bn, self.num_examples = asked["bn"], len(inputs)
        self._theta = self.layout.flatten(dict(self._model.named_parameters()))
        self._decay = decay.vector(asked["weight_decay"], self.layout)
        self._loss = self._losses(self.dtype)
        self._scale = losses.normalizer(
            asked["loss"], targets, asked["class_weights"], asked["ignore_index"]
        )
        sizes = self._sizes(
            len(inputs), asked["bn_block"] if self.bn == "batch" else asked["microbatch"]
        )
        if self.bn != "frozen":
            batchnorm.check_blocks(len(inputs if chosen is None else chosen), asked["bn_block"])
        placed = self._network.place(inputs), in_dtype(targets.to(self.device), self.dtype)
        self._batches = list(zip(*(part.split(sizes) for part in placed), strict=True))
        self.examples_hash = fingerprints.digest((inputs, targets))

    def _built(self, dtype: torch.dtype | None, bn_inputs: torch.Tensor) -> Network:
        """Return another copy of the network, which computes in the given type."""
        options = {name: self._options[name] for name in ("bn", "bn_block", "output")}
        return Network(self._model, dtype=dtype, bn_inputs=bn_inputs, **options)

    def _losses(self, dtype: torch.dtype) -> losses.PerExample:
        asked = self._options
        # Only in float64: in the model's own type, a loss computes in whatever it was written for.
        widened = dtype if dtype == torch.float64 else None
        names = ("class_weights", "ignore_index", "class_axis")
        return losses.per_example(
            asked["loss"],
            asked["label_smoothing"],
            **{name: asked[name] for name in names},
            dtype=widened,
        )

    def _contracted(self) -> Contract:
        """Return the contract, checked on a few examples."""
        given = self._given()
        few = 4 * FEW if self.bn == "batch" else FEW
        inputs, targets = self._examples
        return checked(
            lambda dtype: self._built(dtype, inputs[: 8 * FEW]),
            self._losses,
            (inputs[:few], targets[:few].to(self.device)),
            theta=self._theta,
            given={} if given is None else dict(given.named_parameters()),
            dtype=self.dtype,
        )

    @property
    def theta(self) -> torch.Tensor:
        """The model's own parameters (n,), in float64: a copy each time."""
        return self._theta.clone()

    @property
    def buffers(self) -> Buffers:
        """The model's named buffers, such as running statistics: copies each time."""
        return {name: buffer.clone() for name, buffer in self._network.buffers.items()}

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
                **{k: x for k, x in self._options.items() if k not in _LATER or x != _LATER[k]},
                "dtype": self.dtype,
                "theta": self._theta,
                "buffers": self._network.buffers,
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
        pairs["loss"] = (self._given_loss, other._given_loss)
        options = "label_smoothing ignore_index class_axis weight_decay output bn bn_block"
        for name in options.split():
            pairs[name] = (self._options[name], other._options[name])
        pairs["class_weights"] = tuple(
            fingerprints.digest(x._options["class_weights"]) for x in (self, other)
        )
        if self.bn == "reestimate":
            pairs["bn_examples"] = tuple(
                fingerprints.digest(list(x._network.bn_blocks)) for x in (self, other)
            )
        different = [name for name, (mine, others) in pairs.items() if mine != others]
        # A name, a history or another attribute may differ, and the function be the same.
        if "architecture" in different and self._computes_as(other, different):
            different.remove("architecture")
        return different

    @single_path()
    @torch.inference_mode(False)
    def _computes_as(self, other: "Objective", different: list[str]) -> bool:
        """Return whether another network computes the same outputs at the same parameters."""
        if {"parameters", "examples", "dtype", "untrained parameters"} & set(different):
            return False
        inputs = self._batches[0][0][:FEW]
        noise = torch.randn(self.n, generator=rng.stream(0, "contract"), dtype=torch.float64)
        for theta in (self._theta, self._theta + 1e-2 * noise):
            point = self._network.cast(theta)
            try:
                outputs = [
                    x._network(
                        x._network.named(point), self._network.statistics(point, None), inputs
                    )
                    for x in (self, other)
                ]
            except Exception:  # It does not take these buffers, or these inputs.
                return False
            if not torch.equal(*outputs):
                return False
        return True

    @property
    def differentiates(self) -> bool:
        """Whether the forward pass takes derivatives of its own, as by its inputs."""
        return self._network.differentiates

    @property
    def n(self) -> int:
        """Number of parameters."""
        return self.layout.n

    def replace(self, *, examples: Any = None, **options: Any) -> "Objective":
        """Return an objective of the same network with other examples or options.

        It is checked again where an option changes the function.

        Args:
            examples: As for ``Objective``; None keeps them.
            options: Any keyword argument of ``Objective``.
        """
        check = options.pop("check", self._contract is not None)
        other = Objective(
            self._model,
            ExampleSet(*self._examples) if examples is None else examples,
            **{**self._options, **options},
            check=False,
        )
        other._given = self._given
        if "loss" not in options:
            other._given_loss = self._given_loss
        if check:
            known = self._contract if set(options) <= _SAME_FUNCTION else None
            other._contract = known or other._contracted()
            other._contract.check_batches(len(other._batches), other._parted)
        return other

    def loss(self, theta: torch.Tensor | None = None, *, buffers: Buffers | None = None) -> float:
        """Return the mean loss, in nats for cross-entropy. Arguments and errors: ``evaluate``."""
        return self.evaluate(theta, buffers=buffers).loss

    def per_example_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the loss of each example (N,).

        Their mean over all examples is the loss: where targets are ignored or weighted, they carry
        the factor that makes it PyTorch's mean.

        Args:
            outputs: The network's outputs (N, ...).
            targets: The examples' targets (N, ...).
        """
        values = self._loss(outputs, targets)
        return values if self._scale == 1.0 else values * self._scale

    def batch_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return PyTorch's mean loss of a mini-batch, without the penalty; 0 if no target counts.

        Arguments as for ``per_example_loss``.
        """
        names = ("class_weights", "ignore_index")
        options = {name: self._options[name] for name in names}
        scale = losses.normalizer(self._options["loss"], targets, **options, empty=0.0)
        return self._loss(outputs, targets).mean() * scale

    def penalty(self, theta: torch.Tensor) -> float:
        """Return the part of the loss that weight decay adds at theta (n,); 0 without any."""
        if self._decay is None:
            return 0.0
        point = self._network.cast(theta).double().cpu()
        return float(self._decay @ point.square()) / 2

    def penalty_of(self, named: Buffers) -> torch.Tensor | float:
        """Return the same of parameters by name, as a part of a graph."""
        trained = {block.name: named[block.name] for block in self.layout.blocks}
        return 0.0 if self._decay is None else decay.penalty(self.weight_decay, trained)

    @property
    def penalty_curvature(self) -> torch.Tensor:
        """Second derivative of the penalty by each entry of theta (n,)."""
        return torch.zeros(self.n, dtype=torch.float64) if self._decay is None else self._decay

    @property
    def weight_decay(self) -> float | dict[str, float]:
        """Coefficient of the penalty: of all parameters, or by name where they differ."""
        return self._options["weight_decay"]

    @property
    def weight_decay_text(self) -> str:
        """The coefficients in a few words, such as ``0.0005``; ``0`` without a penalty."""
        return decay.text(self.weight_decay)

    def correct(self, outputs: torch.Tensor, targets: torch.Tensor) -> tuple[int, int]:
        """Return how many examples are classified rightly, and how many count.

        Arguments as for ``per_example_loss``; (0, 0) where targets name no classes.
        """
        if not names_classes(outputs, targets):
            return 0, 0
        return losses.correct(outputs, targets, self._options["ignore_index"])

    @single_path()
    @torch.inference_mode(
        False
    )  # As for derivatives; nothing is recorded, for nothing asks for it.
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
        loss, right, counted = 0.0, 0, 0
        for inputs, targets in parts.batches:
            outputs = self._network(parts.named, parts.buffers, inputs)
            new = self.correct(outputs, targets)
            right, counted = right + new[0], counted + new[1]
            loss += float(self.per_example_loss(outputs, targets).detach().double().sum())
        accuracy = right / counted if counted else float("nan")
        mean = loss / self.num_examples + self.penalty(self._point(theta))
        return Evaluation(mean, accuracy, self.num_examples, self.bn)

    @single_path()
    @torch.inference_mode(False)  # Differentiates, also where the caller does not.
    def gradient(
        self, theta: torch.Tensor | None = None, *, buffers: Buffers | None = None
    ) -> torch.Tensor:
        """Return the gradient (n,) of the mean loss, in loss per parameter.

        Arguments as for ``evaluate``.

        Raises:
            ValueError: If theta has another length, or derivatives are not those of the loss.
        """
        if self._contract is not None:
            self._contract.check_gradient()
        leaf = self._network.cast(self._point(theta)).requires_grad_()
        buffers = self._network.statistics(leaf.detach(), buffers)
        total = torch.zeros(self.n, dtype=torch.float64, device=self.device)
        for inputs, targets in self._batches:
            outputs = self._network(self._network.named(leaf), buffers, inputs)
            part = self._mean_part(outputs, targets)
            if part.requires_grad or self._contract is None:  # Else theta has no part in it.
                total += torch.autograd.grad(part, leaf, materialize_grads=True)[0]
        if self._decay is not None:
            total += self._decay.to(total) * leaf.detach()
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
            ValueError: If theta has another length or holds NaN or infinity, a name is unknown, or
                second derivatives are not those of the loss.
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
        if self._contract is not None:
            self._contract.check_curvature()
        return self._curvature(
            "hessian",
            lambda outputs, loss, leaf, _: hessian_product(loss(outputs), leaf),
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
        and squared error, and differs from the Hessian by the curvature of the outputs. Weight
        decay adds its coefficients to the diagonal. Arguments and errors as for ``hessian``.

        Reference: Schraudolph (2002), Fast Curvature Matrix-Vector Products, Neural Computation
            14(7).
        """
        forward = self._contract is not None and self._contract.takes_forward_mode()

        def product(outputs, loss, leaf, call):
            return ggn_product(outputs, loss, leaf, jvp_by_forward(call, leaf) if forward else None)

        return self._curvature("ggn", product, theta, within, buffers)

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
        names = ("label_smoothing", "class_weights", "ignore_index")
        options = {name: self._options[name] for name in names}
        factors = losses.output_factors(self._options["loss"], outputs, targets, **options)
        return factors if self._scale == 1.0 else factors * self._scale**0.5

    def parts(self, theta: torch.Tensor | None = None, *, buffers: Buffers | None = None) -> Parts:
        """Return module, named parameters and buffers, and microbatches of examples.

        ``torch.func.functional_call(module, (named, buffers), (inputs,))`` gives the outputs of a
        microbatch. Arguments and errors as for ``evaluate``.
        """
        point = self._network.cast(self._point(theta))
        named, buffers = self._network.named(point), self._network.statistics(point, buffers)
        return Parts(self._network.module, named, buffers, self._batches)

    def check_single(self, purpose: str) -> None:
        """Raise ValueError if examples act on each other, so that none has a loss of its own.

        Args:
            purpose: What needs such losses, for the error text.
        """
        if self._contract is not None:
            self._contract.check_single(purpose, self._parted)

    @single_path()
    @torch.inference_mode(False)
    def _parted(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the losses of up to two microbatches, computed at once and one by one."""
        if self.bn == "batch" or self.num_examples < 2:  # The policy decides which examples meet.
            return torch.zeros(0), torch.zeros(0)
        parts = self.parts()
        pairs = parts.batches[:2]
        inputs, targets = (torch.cat(x) for x in zip(*pairs, strict=True))
        if len(pairs) == 1:
            first = len(inputs) // 3 or 1
            sizes = [first, len(inputs) - first]
            pairs = list(zip(inputs.split(sizes), targets.split(sizes), strict=True))

        def losses(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return self._loss(self._network(parts.named, parts.buffers, inputs), targets).detach()

        return losses(inputs, targets), torch.cat([losses(*pair) for pair in pairs])

    def _point(self, theta: torch.Tensor | None) -> torch.Tensor:
        return self._theta if theta is None else theta

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

        plain = chain(self._network.module, self._batches[0][0])
        if group.m < self.n or self._network.untrained:
            plain = None  # The derivatives that are written out are those by all parameters.
        checked = False

        def build(index: int) -> Product | ChainProduct:
            nonlocal checked
            inputs, targets = self._batches[index]
            if plain is not None:
                written = self._chain_product(plain, constant, index, kind == "ggn")
                if not checked:
                    again = self._network(constant, buffers, inputs)
                    self._check_same(
                        self._loss(written.outputs, targets), self._loss(again, targets)
                    )
                    checked = True
                return written

            def call(leaf: torch.Tensor, *, twice: bool = False) -> torch.Tensor:
                named = {**constant, **self._network.named(leaf, group.layout)}
                return self._network(named, buffers, inputs, twice=twice)

            outputs = call(leaf, twice=True)
            if not checked:
                again = self._network(constant, buffers, inputs)
                self._check_same(self._loss(outputs, targets), self._loss(again, targets))
                checked = True
            with TwiceDifferentiable():
                return product(
                    outputs, lambda outputs: self._mean_part(outputs, targets), leaf, call
                )

        total: Callable[[torch.Tensor], torch.Tensor] = SumOfProducts(
            build,
            n=group.m,
            batches=len(self._batches),
            memory=self._options["graph_memory"],
            like=leaf.detach(),
        )
        if self._decay is not None:
            total = decay.Shifted(total, self._decay[group.entries])
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

    def _chain_product(
        self, plain: Chain, named: Buffers, index: int, gauss_newton: bool
    ) -> ChainProduct:
        inputs, targets = self._batches[index]
        names = ("loss", "label_smoothing", "class_weights", "ignore_index")
        with TwiceDifferentiable():
            return ChainProduct(
                plain,
                named,
                {block.name: block.entries for block in self.layout.blocks},
                inputs,
                lambda outputs: self._mean_part(outputs, targets),
                output_hessian=functools.partial(
                    losses.output_hessian,
                    targets=targets,
                    scale=self._scale / self.num_examples,
                    **{name: self._options[name] for name in names},
                ),
                gauss_newton=gauss_newton,
            )

    def _mean_part(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        # A microbatch's share of the mean over all examples, so that a short last one weighs right.
        return self.per_example_loss(outputs, targets).sum() / self.num_examples

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


# Options that leave the loss of an example and its derivatives as they are.
# Options that are not in the key of an objective without them.
_LATER: dict[str, Any] = {"weight_decay": 0.0, "output": None}
_SAME_FUNCTION = {"weight_decay", "microbatch", "graph_memory", "dtype", "bn_examples", "bn_block"}


def _own(value: Any) -> Any:
    """Return a copy of a tensor; anything else as it is."""
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def _check(options: dict[str, Any], check: bool) -> None:
    if not isinstance(check, bool):
        raise TypeError(f"check={check!r} is neither True nor False.")
    whole = {name: options[name] for name in ("microbatch", "bn_block", "graph_memory")}
    least = {"microbatch": 1, "bn_block": 2, "graph_memory": 0}
    if any(type(x) is not int or x < least[name] for name, x in whole.items()):
        given = ", ".join(f"{name}={value!r}" for name, value in whole.items())
        raise ValueError(
            f"{given}: pass microbatch >= 1 and bn_block >= 2 (one example has no variance), and "
            "graph_memory >= 0 in bytes, all of them whole numbers."
        )
    index, dtype, chosen = (options[name] for name in ("ignore_index", "dtype", "bn_examples"))
    if type(index) is not int:
        raise TypeError(f"ignore_index={index!r} is no class. Pass a whole number, such as -100.")
    if dtype is not None and not isinstance(dtype, torch.dtype):
        raise TypeError(f"dtype={dtype!r} is no type. Pass torch.float32 or torch.float64.")
    if chosen is not None and (not isinstance(chosen, torch.Tensor) or not chosen.numel()):
        shown = f"of shape {tuple(chosen.shape)}" if isinstance(chosen, torch.Tensor) else chosen
        raise ValueError(
            f"bn_examples {shown!r:.80} give no statistics. Pass a tensor of inputs (M, ...), at "
            "least one, or None for those of the examples."
        )


def names_classes(outputs: torch.Tensor, targets: torch.Tensor) -> bool:
    """Return whether targets name classes, so that there is an accuracy.

    Args:
        outputs: Outputs (N, K) of a classifier with K > 1 classes, or of any other shape.
        targets: Indices of classes (N,), or targets of any other kind.
    """
    several = outputs.dim() == 2 and outputs.shape[1] > 1
    return several and targets.dim() == 1 and not targets.is_floating_point()
