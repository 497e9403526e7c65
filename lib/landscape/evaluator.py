"""Sweeps: loss and accuracy of one objective at many points of a line, plane or path."""

import copy
from array import array
from collections.abc import Iterable, Sequence

import torch

from landscape.network.batchnorm import Buffers
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
from landscape.network.precision import full_precision
from landscape.objective import Evaluation, Objective, names_classes
from landscape.progress import Progress

# Losses are small and quick to compute, but not one by one.
_LOSSES_AT_ONCE = 2048


class Evaluator:
    """Loss and accuracy at points θ = θ₀ + Σ cᵢ dᵢ, at the cost of the forward pass.

    A point gives what ``objective.evaluate`` gives there, up to rounding, and does not depend on
    the points before it: each is built from the centre. Under the policy ``frozen`` the network
    is evaluated fast: normalisation is folded into the layers in front of it (``FusedInference``),
    and a linear layer that takes the examples themselves is a combination of products with θ₀ and
    the directions, which are computed once. The other policies go through ``objective.evaluate``.

    Args:
        objective: Where to measure.
        centre: θ₀ (n,).
        directions: Directions (n,), any number.
        memory: Bytes for products of a first linear layer; examples that do not fit are computed
            as usual. Memory does not grow with the number of points.

    Raises:
        ValueError: If the centre or a direction has another length than n.
    """

    def __init__(
        self,
        objective: Objective,
        centre: torch.Tensor,
        *directions: torch.Tensor,
        memory: int = 2**28,
    ) -> None:
        self._prepare(objective, (centre, *directions), _sum, memory)

    @classmethod
    def between(cls, start: Objective, end: Objective, *, memory: int = 2**28) -> "Evaluator":
        """Return the sweep of points (1 - t) θ₀ + t θ₁ between two objectives' solutions.

        Buffers, such as frozen running statistics, are interpolated like the weights; t = 0 and
        t = 1 are the solutions bit for bit. Examples and options are those of ``start``.

        Args:
            start: Objective of the first solution.
            end: Objective of the second, of the same architecture.
            memory: As for ``Sweep``.

        Raises:
            ValueError: If the two have different parameters.
        """
        if start.layout != end.layout:
            raise ValueError(
                f"the two solutions have different parameters (n = {start.n} and {end.n}). "
                "Pass objectives of one architecture."
            )
        sweep = cls.__new__(cls)
        sweep._prepare(start, (start.theta, end.theta), _interpolated, memory, end.buffers)
        return sweep

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
        self._other_buffers = other_buffers
        if objective.bn != "frozen":
            return
        parts = objective.parts(self._basis[0])
        self._module = copy.deepcopy(parts.module)  # Its parameters are written for each point.
        self._groups = self._grouped(parts.batches)
        first = first_layers(self._module, self._groups[0][0][0])
        bypass_module_checks(self._module)  # After a forward pass with all its checks.
        self._split(first, memory)

    def _grouped(self, batches) -> list[tuple[list[torch.Tensor], torch.Tensor]]:
        """Return pairs of what is computed at once, in a list, and the targets of all of it."""
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
        """Part the vectors of the basis: weights of first layers, and the blocks that are left."""
        module, objective = self._module, self._objective
        inputs = [batch for batches, _ in self._groups for batch in batches]
        blocks, room = objective.layout.blocks, MemoryBudget(memory)
        self._mapped: list[tuple[ParameterUses, FirstLayerWeight]] = []
        for block in blocks:
            parameter = module.get_parameter(block.name)
            if block.name in first:
                parts = [vector[block.entries].view(block.shape) for vector in self._basis]
                parts = [part.to(objective.device) for part in parts]
                weight = FirstLayerWeight(parts, self._combine, inputs, objective.dtype, room)
                self._mapped.append((parameter_uses(module, parameter), weight))
            else:
                parameter.data = self._formatted(parameter.data)
        self._blocks = [block for block in blocks if block.name not in first]
        self._rest = self._basis
        if first:
            self._rest = [_joined(vector, self._blocks) for vector in self._basis]

    def evaluate(self, *coefficients: float) -> Evaluation:
        """Return loss and accuracy at the point of some coefficients.

        Args:
            coefficients: One for each direction; for a sweep between two solutions, t.

        Raises:
            ValueError: If their number is another one.
        """
        if len(coefficients) != len(self._basis) - 1:
            raise ValueError(
                f"{len(coefficients)} coefficients for {len(self._basis) - 1} directions give no "
                "point. Pass one for each."
            )
        if self._objective.bn == "frozen":
            return self._fast(coefficients)
        theta = self._combine(self._basis, coefficients)
        return self._objective.evaluate(theta)

    def measure(
        self, points: Iterable[Sequence[float]], *, bar: Progress | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return losses (p,) and accuracies (p,) at points given by their coefficients.

        Args:
            points: Coefficients of each, as for ``evaluate``.
            bar: Makes a step a point.

        Raises:
            ValueError: As ``evaluate``.
        """
        losses, accuracies = array("d"), array("d")  # As small as the result, for large grids.
        for coefficients in points:
            found = self.evaluate(*coefficients)
            losses.append(found.loss)
            accuracies.append(found.accuracy)
            if bar is not None:
                bar.step()
        return tuple(torch.tensor(x, dtype=torch.float64) for x in (losses, accuracies))

    @full_precision()
    @torch.inference_mode()
    def _fast(self, coefficients: Sequence[float]) -> Evaluation:
        self._go_to(coefficients)
        mode = FusedInference([*self._module.parameters(), *self._module.buffers()])
        per_example = self._objective.per_example_loss
        loss, correct, classes = 0.0, 0, False
        for batches, targets in self._groups:
            outputs = []
            for inputs in batches:
                with mode:
                    found = self._module(inputs)
                outputs.append(computed(found))
            outputs = torch.cat(outputs)
            loss += float(per_example(outputs, targets).double().sum())
            classes = names_classes(outputs, targets)
            correct += int((outputs.argmax(1) == targets).sum()) if classes else 0
        count = self._objective.num_examples
        accuracy = correct / count if classes else float("nan")
        return Evaluation(loss / count, accuracy, count, self._objective.bn)

    def _go_to(self, coefficients: Sequence[float]) -> None:
        """Write the parameters and buffers of a point into the module."""
        pieces = self._combine(self._rest, coefficients).split([b.size for b in self._blocks])
        for block, piece in zip(self._blocks, pieces, strict=True):
            self._module.get_parameter(block.name).copy_(piece.view(block.shape))
        for where, weight in self._mapped:
            value = weight.at(coefficients)
            for module, name in where:
                module._parameters[name] = value
        if self._other_buffers is not None:
            for name, buffer in self._module.named_buffers():
                ends = self._objective.buffers[name], self._other_buffers[name]
                if buffer.is_floating_point():
                    buffer.copy_(self._combine(ends, coefficients))


def _joined(vector: torch.Tensor, blocks: Sequence[ParameterBlock]) -> torch.Tensor:
    return torch.cat([vector[:0], *(vector[block.entries] for block in blocks)])


def _sum(parts: Sequence[torch.Tensor], coefficients: Sequence[float]) -> torch.Tensor:
    point = None
    for part, coefficient in zip(parts[1:], coefficients, strict=True):
        if coefficient and point is None:
            point = torch.add(parts[0], part, alpha=coefficient)
        elif coefficient:
            point.add_(part, alpha=coefficient)
    return parts[0].clone() if point is None else point


def _interpolated(parts: Sequence[torch.Tensor], coefficients: Sequence[float]) -> torch.Tensor:
    return torch.lerp(*parts, *coefficients)
