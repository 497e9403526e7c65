"""Fast evaluation of loss and accuracy at many points of a line, plane or path."""

from array import array
from collections.abc import Iterable, Sequence

import torch

from landscape.network.batchnorm import Buffers
from landscape.network.copying import copied
from landscape.network.kernels.deferred import computed
from landscape.network.kernels.first_layer import (
    Combine,
    FirstLayerWeight,
    MemoryBudget,
    ParameterUses,
    first_layers,
    parameter_uses,
)
from landscape.network.kernels.fused_inference import FusedInference, bypass_module_checks
from landscape.network.memory_format import channels_last
from landscape.network.parameters import ParameterBlock
from landscape.network.single_path import single_path
from landscape.objective import Evaluation, Objective
from landscape.progress import Progress

# Outputs of so many examples are joined before their losses are computed: losses are cheap, and a
# call for each microbatch would cost more than they do.
_LOSSES_AT_ONCE = 2048

# Images computed at once: as many as a core's second cache holds with a layer's outputs. More make
# ReLU and additions wait for memory, fewer make calls cost more than the convolutions.
_IMAGES_AT_ONCE = 64


class Evaluator:
    """Loss and accuracy at points θ = θ₀ + Σ cᵢ dᵢ, at the cost of the forward pass.

    The values agree with ``objective.evaluate`` up to rounding. A point does not depend on the
    points before it: each is built from the centre. Under the policy ``frozen`` batch normalisation
    is folded into the layers in front of it (``FusedInference``), and the output of a linear layer
    on the examples is combined from its products with θ₀ and the directions, which are computed
    once (``FirstLayerWeight``). The other policies go through ``objective.evaluate``.

    Args:
        objective: The loss and the examples.
        centre: θ₀ (n,).
        directions: Directions dᵢ (n,), any number.
        memory: Bytes for the products of first linear layers, 256 MiB by default; products that do
            not fit are computed at each point. Memory does not grow with the number of points.

    Raises:
        ValueError: If the centre or a direction does not have the shape (n,).
    """

    def __init__(
        self,
        objective: Objective,
        centre: torch.Tensor,
        *directions: torch.Tensor,
        memory: int = 2**28,
    ) -> None:
        self._prepare(objective, (centre, *directions), _Sums(), memory)

    @classmethod
    def between(cls, start: Objective, end: Objective, *, memory: int = 2**28) -> "Evaluator":
        """Return an evaluator of points (1 - t) θ₀ + t θ₁ between the solutions of two objectives.

        Its one coefficient is t. Buffers, such as frozen running statistics, are interpolated like
        the weights. The points t = 0 and t = 1 are the two solutions bit for bit.

        Args:
            start: Objective of the first solution; its examples and options are used.
            end: Objective of the second solution, of the same architecture.
            memory: As for ``Evaluator``.

        Raises:
            ValueError: If the two objectives have different parameters.
        """
        if start.layout != end.layout:
            raise ValueError(
                f"the two solutions have different parameters (n = {start.n} and {end.n}). "
                "Pass objectives of one architecture."
            )
        evaluator = cls.__new__(cls)  # Its basis is two points, not a centre and directions.
        evaluator._prepare(start, (start.theta, end.theta), _interpolated, memory, end.buffers)
        return evaluator

    def _prepare(
        self,
        objective: Objective,
        basis: tuple[torch.Tensor, ...],
        combine: Combine,
        memory: int,
        other_buffers: Buffers | None = None,
    ) -> None:
        for vector in basis:
            objective.layout.check(vector)
        self._objective, self._combine = objective, combine
        self._basis = [vector.detach().double() for vector in basis]
        self._buffers, self._other_buffers = objective.buffers, other_buffers
        # Without gradients a forward pass that takes derivatives of its own would have none.
        self._fused = objective.bn == "frozen" and not objective.differentiates
        if not self._fused:
            return
        parts = objective.parts(self._basis[0])
        self._module = copied(parts.module)  # Parameters are written into it at each point.
        self._groups = self._grouped(self._pieces(parts.batches))
        first = first_layers(self._module, self._groups[0][0][0])
        # Only now: the forward pass in `first_layers` has made the checks that this leaves out.
        bypass_module_checks(self._module)
        self._split(first, memory)

    def _pieces(self, batches):
        """Return microbatches of images in smaller ones; those of other inputs as they are."""
        # One microbatch stays whole: its examples might act on each other, those of several do not.
        images = any(isinstance(layer, torch.nn.Conv2d) for layer in self._module.modules())
        if len(batches) == 1 or not images:
            return batches
        return [
            piece
            for batch in batches
            for piece in zip(*(part.split(_IMAGES_AT_ONCE) for part in batch), strict=True)
        ]

    def _grouped(self, batches) -> list[tuple[list[torch.Tensor], torch.Tensor]]:
        """Return groups of microbatches (their inputs, all their targets), each with one loss call.

        A group is full at ``_LOSSES_AT_ONCE`` examples.
        """
        groups: list[tuple[list[torch.Tensor], list[torch.Tensor]]] = []
        for inputs, targets in batches:
            if not groups or sum(map(len, groups[-1][1])) >= _LOSSES_AT_ONCE:
                groups.append(([], []))
            groups[-1][0].append(self._formatted(inputs))
            groups[-1][1].append(targets)
        return [(inputs, torch.cat(targets)) for inputs, targets in groups]

    def _formatted(self, tensor: torch.Tensor) -> torch.Tensor:
        return channels_last(tensor) if self._objective.channels_last else tensor

    def _split(self, first: set[str], memory: int) -> None:
        """Separate the weights of first layers, named in ``first``, from all other parameters."""
        module, objective = self._module, self._objective
        inputs = [batch for batches, _ in self._groups for batch in batches]
        blocks, budget = objective.layout.blocks, MemoryBudget(memory)
        self._first_layers: list[tuple[ParameterUses, FirstLayerWeight]] = []
        for block in blocks:
            parameter = module.get_parameter(block.name)
            if block.name in first:
                parts = [vector[block.entries].view(block.shape) for vector in self._basis]
                parts = [part.to(objective.device) for part in parts]
                weight = FirstLayerWeight(parts, self._combine, inputs, objective.dtype, budget)
                self._first_layers.append((parameter_uses(module, parameter), weight))
            else:
                parameter.data = self._formatted(parameter.data)
        self._blocks = [block for block in blocks if block.name not in first]
        self._rest_basis = self._basis
        if first:
            self._rest_basis = [_joined(vector, self._blocks) for vector in self._basis]

    def evaluate(self, *coefficients: float) -> Evaluation:
        """Return loss and accuracy at one point.

        Args:
            coefficients: One for each direction; t for an evaluator between two solutions.

        Returns:
            The mean loss over the examples and the share of correct ones, as from
            ``objective.evaluate``.

        Raises:
            ValueError: If there is not one coefficient for each direction.
        """
        if len(coefficients) != len(self._basis) - 1:
            raise ValueError(
                f"{len(coefficients)} coefficients for {len(self._basis) - 1} directions give no "
                "point. Pass one coefficient for each direction."
            )
        if self._fused:
            return self._fast(coefficients)
        theta = self._combine(self._basis, coefficients)
        if self._other_buffers is None or self._objective.bn != "frozen":
            return self._objective.evaluate(theta)
        return self._objective.evaluate(theta, buffers=self._buffers_at(coefficients))

    def measure(
        self, points: Iterable[Sequence[float]], *, bar: Progress | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return loss and accuracy at each of p points.

        Args:
            points: The coefficients of each point, as for ``evaluate``.
            bar: A progress bar that advances one step for each point.

        Returns:
            Losses (p,) and accuracies (p,), in float64.

        Raises:
            ValueError: If a point has not one coefficient for each direction.
        """
        losses, accuracies = array("d"), array("d")  # Large grids: 8 bytes a value, no objects.
        for coefficients in points:
            evaluation = self.evaluate(*coefficients)
            losses.append(evaluation.loss)
            accuracies.append(evaluation.accuracy)
            if bar is not None:
                bar.step()
        return tuple(torch.tensor(x, dtype=torch.float64) for x in (losses, accuracies))  # type: ignore[return-value]  # one each

    @single_path()
    @torch.inference_mode(False)
    @torch.no_grad()
    def _fast(self, coefficients: Sequence[float]) -> Evaluation:
        self._go_to(coefficients)
        # A new mode for each point: it keeps the folded weights of this point's parameters.
        mode = FusedInference([*self._module.parameters(), *self._module.buffers()])
        per_example = self._objective.per_example_loss
        loss, right, counted = 0.0, 0, 0
        for batches, targets in self._groups:
            outputs = []
            for inputs in batches:
                with mode:
                    deferred = self._module(inputs)
                outputs.append(computed(deferred))
            outputs = torch.cat(outputs)  # type: ignore[assignment]  # the list is needed no more
            new = self._objective.correct(outputs, targets)  # type: ignore[arg-type]  # a tensor by now
            right, counted = right + new[0], counted + new[1]
            loss += float(per_example(outputs, targets).double().sum())  # type: ignore[arg-type]  # a tensor by now
        count = self._objective.num_examples
        accuracy = right / counted if counted else float("nan")
        mean = loss / count
        if self._objective.weight_decay:
            mean += self._objective.penalty(self._combine(self._basis, coefficients))
        return Evaluation(mean, accuracy, count, self._objective.bn)

    def _go_to(self, coefficients: Sequence[float]) -> None:
        """Write the parameters and buffers of a point into the module."""
        pieces = self._combine(self._rest_basis, coefficients).split([b.size for b in self._blocks])
        for block, piece in zip(self._blocks, pieces, strict=True):
            self._module.get_parameter(block.name).copy_(piece.view(block.shape))
        for uses, weight in self._first_layers:
            value = weight.at_point(coefficients)
            for module, name in uses:
                # Assignment to the attribute would refuse a tensor that is no `nn.Parameter`.
                module._parameters[name] = value  # type: ignore[assignment]  # a tensor acts as one
        if self._other_buffers is not None:
            between = self._buffers_at(coefficients)
            for name, buffer in self._module.named_buffers():
                buffer.copy_(between[name])

    def _buffers_at(self, coefficients: Sequence[float]) -> Buffers:
        """Return the buffers of a point between two solutions; whole numbers are the first's."""
        first, other = self._buffers, self._other_buffers
        return {
            name: self._combine((buffer, other[name]), coefficients)  # type: ignore[index]  # asked only where there are two
            if buffer.is_floating_point()
            else buffer
            for name, buffer in first.items()
        }


def _joined(vector: torch.Tensor, blocks: Sequence[ParameterBlock]) -> torch.Tensor:
    # The empty piece is for networks of first layers alone, which leave no block.
    return torch.cat([vector[:0], *(vector[block.entries] for block in blocks)])


class _Sums:
    """Returns the first part plus each other part times its coefficient, in a new tensor.

    Along a row of a plane only the last coefficient changes: the sum of all other terms is kept, so
    that a point costs one pass over memory. The bits do not depend on what is kept.
    """

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Sequence[torch.Tensor], list[float], torch.Tensor]] = {}

    def __call__(
        self, parts: Sequence[torch.Tensor], coefficients: Sequence[float]
    ) -> torch.Tensor:
        *before, last = coefficients or (0.0,)
        # With the parts themselves: the id of a sequence is its own only while it lives.
        kept = self._kept.get(id(parts))
        if kept is None or kept[0] is not parts or kept[1] != before:
            total = parts[0]
            # A coefficient of 0 is skipped: that saves a pass, and 0 · ∞ would be NaN.
            for part, coefficient in zip(parts[1:-1], before, strict=True):
                total = torch.add(total, part, alpha=coefficient) if coefficient else total
            if not last:
                return total.clone() if total is parts[0] else total
            kept = self._kept[id(parts)] = (parts, before, total)
        return torch.add(kept[2], parts[-1], alpha=last) if last else kept[2].clone()


def _interpolated(parts: Sequence[torch.Tensor], coefficients: Sequence[float]) -> torch.Tensor:
    """Return the point between two ends; unlike a + t (b - a), ``lerp`` is exact at t = 1."""
    return torch.lerp(*parts, *coefficients)
