"""Align two networks: permute the units of one so that its weights are close to the other's."""

import dataclasses
from collections.abc import Mapping, Sequence

import torch
from scipy.optimize import linear_sum_assignment
from torch import nn

from landscape import arguments, rng
from landscape.connectivity.axes import Axis, Units, along, permute_tensors
from landscape.connectivity.units import as_inputs, permutation_groups, permuted
from landscape.objective import Objective
from landscape.store import fingerprint

Tensors = dict[str, torch.Tensor]


@dataclasses.dataclass(frozen=True)
class Matching:
    """Permutations of a network's hidden units that bring its weights close to a reference's.

    Attributes:
        permutations: Name of a group of units -> permutation (m,): unit i of the aligned network is
            unit ``permutation[i]`` of the original. Of heads with units of their own, these are
            permuted first. See ``permuted``.
        similarity_before: Inner product of the parameters of the reference and the original.
        similarity: Inner product of the parameters of the reference and the aligned network, at
            least ``similarity_before``; it may be a local maximum. When it rises by s, ‖θ₀ - θ₁‖²
            falls by 2s.
        sweeps: Number of passes over all groups; where converged, the last one changed nothing.
        assignments: Number of linear assignment problems solved.
        converged: Whether a whole sweep changed nothing.
        seed: Seed of the order in which groups are visited.
    """

    permutations: dict[str, torch.Tensor]
    similarity_before: float
    similarity: float
    sweeps: int
    assignments: int
    converged: bool
    seed: int


def match(
    reference: Objective | nn.Module,
    other: Objective | nn.Module,
    *,
    inputs: torch.Tensor | None = None,
    seed: int = 0,
    tol: float = 1e-10,
    max_sweeps: int = 100,
) -> Matching:
    """Find permutations of a network's hidden units that bring its weights close to a reference.

    The inner product ⟨θ₀, π(θ₁)⟩ over all parameters, trained or not, is maximised over one group
    of units after the other, in random order. With the other groups held, each step is a linear
    assignment problem, which is solved exactly. Where a group stands on both axes of a tensor the
    problem is quadratic; then its linear part is solved, and the solution is taken only if the
    inner product rises. The data are not used, except for one input with which the computation is
    traced. With objectives, ``store.remember(match, start, end)`` keeps the result.

    Args:
        reference: Network that stays as it is.
        other: Network of the same architecture whose units are to be permuted; it is not changed.
        inputs: Example inputs (N, ...); required with modules, ignored with objectives.
        seed: Seed of the streams ("matching", sweep).
        tol: A rise of at most ``tol ‖θ₀‖ ‖θ₁‖`` counts as none, >= 0.
        max_sweeps: Largest number of sweeps, at least 1.

    Returns:
        The permutations, and how far they raise the inner product.

    Raises:
        ValueError: If the networks differ in architecture, hold NaN or infinity, or have a layer
            that ``permutation_groups`` does not understand; if modules come without inputs; if
            ``max_sweeps < 1`` or ``tol`` is negative.

    Reference: Ainsworth, Hayase and Srinivasa (2023), Git Re-Basin: Merging Models modulo
        Permutation Symmetries, ICLR, algorithm 1.
    """
    arguments.check(match, locals())
    if max_sweeps < 1 or not tol >= 0:
        raise ValueError(
            f"max_sweeps={max_sweeps}, tol={tol}: pass at least one sweep and tol >= 0."
        )
    reference, inputs = _network(reference, inputs)
    other, inputs = _network(other, inputs)
    _check_alike(reference, other)
    groups = permutation_groups(reference, inputs)
    fixed, moving = _parameters(reference), _parameters(other)
    ascent = _Ascent(fixed, moving, tol, groups)
    sweep, converged = 0, False
    while sweep < max_sweeps and not converged:
        sweep += 1
        order = torch.randperm(len(groups), generator=rng.stream(seed, "matching", sweep))
        # A list, not a generator: any() would skip the groups behind the first that changed.
        converged = not any([ascent.improve(groups[index]) for index in order.tolist()])
    return Matching(
        permutations=ascent.permutations,
        similarity_before=_inner(fixed, moving),
        similarity=_inner(fixed, ascent.moving),
        sweeps=sweep,
        assignments=ascent.assignments,
        converged=converged,
        seed=seed,
    )


def aligned(
    reference: nn.Module, other: nn.Module, inputs: torch.Tensor, *, seed: int = 0
) -> nn.Module:
    """Return a copy of a network with its hidden units permuted towards a reference.

    ``match`` finds the permutations, ``permuted`` applies them. The copy computes the same function
    as ``other``, which is checked on the inputs in float64.

    Args:
        reference: Network that stays as it is.
        other: Network of the same architecture; it is not changed.
        inputs: Example inputs (N, ...).
        seed: Seed of the order in which groups of units are visited.

    Raises:
        ValueError: For the reasons of ``match`` and ``permuted``.
        RuntimeError: If the copy's outputs differ by more than rounding.

    Reference: Ainsworth, Hayase and Srinivasa (2023), Git Re-Basin: Merging Models modulo
        Permutation Symmetries, ICLR.

    Example:
        >>> from landscape import connectivity, data, models
        >>> digits = data.load("digits")
        >>> family = models.MLP(hidden=(8,))
        >>> first = family.build(digits.shape, digits.classes, seed=0)
        >>> second = family.build(digits.shape, digits.classes, seed=1)
        >>> inputs = digits.first(8)[0]
        >>> twin = connectivity.aligned(first, second, inputs)
        >>> twin(inputs).allclose(second(inputs), atol=1e-5)  # The same function at another point.
        True
    """
    arguments.check(aligned, locals())
    matching = match(reference, other, inputs=inputs, seed=seed)
    return permuted(other, matching.permutations, inputs)


class _Ascent:
    """Two networks' parameters while the units of the second are permuted."""

    def __init__(
        self, fixed: Tensors, moving: Tensors, tol: float, groups: Sequence[Units]
    ) -> None:
        self._fixed, self.moving = fixed, dict(moving)
        # The least rise that counts, relative to the largest inner product there can be: below it,
        # exchanges of equal units would go on for ever by rounding.
        self._least_rise = tol * (_inner(fixed, fixed) * _inner(moving, moving)) ** 0.5
        self.permutations: dict[str, torch.Tensor] = {}
        self.assignments = 0
        self._groups = {units.name: units for units in groups}
        # Name of a group within a head -> the heads, the number of its head, its place there.
        self._places = {
            name: (units, head, kind)
            for units in groups
            for head, names in enumerate(units.inner)
            for kind, name in enumerate(names)
        }

    def improve(self, units: Units) -> bool:
        """Permute the units of one group as well as possible; return whether that helped."""
        if units.inner:
            return self._improve_heads(units)
        # Buffers are left out: the inner product is that of the parameters.
        axes = [axis for axis in units.axes if axis.tensor in self._fixed]
        # The inner product is a sum over axes, so one assignment problem takes all of them.
        best = self._assigned(sum(self._gain(axis, axis) for axis in axes))  # type: ignore[arg-type]  # a unit has an axis
        return self._taken([(units, best)])

    def _improve_heads(self, heads: Units) -> bool:
        """Permute heads, each with the best order of its own units for its new place."""
        axes = [axis for axis in heads.axes if axis.tensor in self._fixed]
        gains = sum(self._gain(axis, axis) for axis in axes)
        orders: dict[tuple[int, int, int], torch.Tensor] = {}
        for place, names in enumerate(heads.inner):
            for head, others in enumerate(heads.inner):
                for kind, pair in enumerate(zip(names, others, strict=True)):
                    both = zip(*(self._groups[name].axes for name in pair), strict=True)
                    gain = sum(self._gain(*x) for x in both if x[0].tensor in self._fixed)
                    order = orders[place, head, kind] = self._assigned(gain)  # type: ignore[arg-type]  # likewise
                    rise = gain[torch.arange(len(order)), order].sum() - gain.diagonal().sum()  # type: ignore[index,union-attr]  # likewise
                    gains[place, head] += rise  # type: ignore[index]  # likewise
        best = self._assigned(gains)  # type: ignore[arg-type]  # likewise
        within = [
            (self._groups[name], orders[place, head, kind])
            for place, head in enumerate(best.tolist())
            for kind, name in enumerate(heads.inner[place])
        ]
        return self._taken([(heads, best), *within])

    def _assigned(self, gains: torch.Tensor) -> torch.Tensor:
        self.assignments += 1
        return torch.from_numpy(linear_sum_assignment(gains.numpy(), maximize=True)[1])

    def _taken(self, changes: Sequence[tuple[Units, torch.Tensor]]) -> bool:
        """Make changes of order if the inner product rises by them; return whether it does."""
        names = {a.tensor for units, _ in changes for a in units.axes if a.tensor in self._fixed}
        old = {name: self.moving[name] for name in names}
        new = dict(old)
        for units, order in changes:
            new = permute_tensors(new, units, order)
        # Measured, not taken from the assignment: where a group stands on both axes of a tensor,
        # the assignment's gain is only the linear part of the change.
        rises = _inner(new, self._fixed) - _inner(old, self._fixed) > self._least_rise
        for units, order in changes:
            name = self._first_name(units)
            before = self.permutations.setdefault(name, torch.arange(units.size))
            if rises:
                self.permutations[name] = before[order]
        if rises:
            self.moving |= new
        return rises

    def _first_name(self, units: Units) -> str:
        """Return the group's name in the network as given: its head may have moved."""
        if units.name not in self._places:
            return units.name
        heads, place, kind = self._places[units.name]
        moved = self.permutations.get(heads.name)
        return heads.inner[place if moved is None else int(moved[place])][kind]

    def _gain(self, axis: Axis, other: Axis) -> torch.Tensor:
        """Return the inner products of unit i of the reference and unit j of the other, (m, m)."""
        reference_rows, other_rows = (
            along(tensors[place.tensor], place.axis)[place.entries.flatten()].reshape(
                len(place.entries), -1
            )
            for tensors, place in ((self._fixed, axis), (self.moving, other))
        )
        return reference_rows @ other_rows.T


def _network(
    subject: Objective | nn.Module, inputs: torch.Tensor | None
) -> tuple[nn.Module, torch.Tensor]:
    if isinstance(subject, Objective):
        # ``reestimate`` would cost a pass over the examples, and ``batch`` takes statistics of the
        # single input on which units are traced: flat features have none.
        parts = subject.replace(bn="frozen").parts(subject.theta)
        return parts.module, parts.batches[0][0]
    if inputs is None:
        raise ValueError(
            "modules alone do not show the shape of their inputs. Pass inputs=, some example "
            "inputs, or two objectives."
        )
    return subject, as_inputs(subject, inputs)


def _check_alike(reference: nn.Module, other: nn.Module) -> None:
    shapes = [
        {name: tuple(tensor.shape) for name, tensor in model.named_parameters()}
        for model in (reference, other)
    ]
    kinds = [fingerprint.structure(model) for model in (reference, other)]
    if shapes[0] != shapes[1] or kinds[0] != kinds[1]:
        counts = [sum(x.numel() for x in model.parameters()) for model in (reference, other)]
        raise ValueError(
            f"the two networks are not of one architecture ({counts[0]} and {counts[1]} "
            "parameters). Pass two networks built alike, so that each unit has a counterpart."
        )
    for model, role in ((reference, "reference"), (other, "other network")):
        for name, tensor in model.named_parameters():
            if not bool(tensor.isfinite().all()):
                raise ValueError(
                    f"{name!r} of the {role} holds NaN or infinity, so no order of its units is "
                    "the closest. Pass networks whose training did not diverge."
                )


def _parameters(model: nn.Module) -> Tensors:
    # In float64: differences of inner products decide, and float32 would round them away.
    return {name: x.detach().double().cpu() for name, x in model.named_parameters()}


def _inner(first: Mapping[str, torch.Tensor], second: Mapping[str, torch.Tensor]) -> float:
    return sum(float(tensor.flatten() @ second[name].flatten()) for name, tensor in first.items())
