"""Permutation alignment: the order of one network's units that is closest to another network."""

import dataclasses
from collections.abc import Mapping

import torch
from scipy.optimize import linear_sum_assignment
from torch import nn

from landscape import rng
from landscape.connectivity.units import Axis, Units, permutation_groups, permute_tensors, permuted
from landscape.objective import Objective
from landscape.store import fingerprint

Tensors = dict[str, torch.Tensor]


@dataclasses.dataclass(frozen=True)
class Matching:
    """Permutations of one network's hidden units that bring its weights close to another's.

    Attributes:
        permutations: Name of a group of units -> permutation (m,): unit i of the aligned network is
            unit ``permutation[i]`` of the one given. See ``permuted``.
        similarity_before: Inner product of the two networks' parameters as given.
        similarity: That of the reference's and the aligned network's; it never fell on the way,
            but may be a local maximum. ‖θ₀ - θ₁‖² falls by twice what it rises.
        sweeps: Passes over all groups, the last one without a change where converged.
        assignments: Linear assignment problems solved.
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

    Maximises ⟨θ₀, π(θ₁)⟩ over the trained and fixed parameters, one group of units after the other
    in random order, each exactly with the others held (a linear assignment problem). Where a group
    stands on both axes of one tensor the problem is quadratic; its linear part is solved and taken
    only if the inner product rises. The data do not enter, except that one input shows how the
    network computes. With objectives, ``store.remember(match, start, end)`` keeps the result.

    Args:
        reference: Network that stays.
        other: Network of the same architecture, whose units are to be permuted; it is not changed.
        inputs: Example inputs (N, ...); needed for modules, and not used for objectives.
        seed: Seeds the streams ("matching", sweep).
        tol: A rise below ``tol ‖θ₀‖ ‖θ₁‖`` counts as none.
        max_sweeps: Sweeps at most, at least 1.

    Raises:
        ValueError: If the networks differ in architecture, hold NaN or infinity, or compute what
            ``permutation_groups`` does not understand; if modules come without inputs, or
            ``max_sweeps < 1`` or ``tol`` is negative.

    Reference: Ainsworth, Hayase and Srinivasa (2023), Git Re-Basin, algorithm 1.
    """
    if max_sweeps < 1 or not tol >= 0:
        raise ValueError(
            f"max_sweeps={max_sweeps}, tol={tol}: pass at least one sweep and tol >= 0."
        )
    reference, inputs = _network(reference, inputs)
    other, inputs = _network(other, inputs)
    _check_alike(reference, other)
    groups = permutation_groups(reference, inputs)
    fixed, moving = _parameters(reference), _parameters(other)
    ascent = _Ascent(fixed, moving, tol)
    sweep, converged = 0, False
    while sweep < max_sweeps and not converged:
        sweep += 1
        order = torch.randperm(len(groups), generator=rng.stream(seed, "matching", sweep))
        # A list: each group is visited, also behind one that changed.
        converged = not any([ascent.improve(groups[index]) for index in order.tolist()])
    return Matching(
        permutations=ascent.permutations,
        similarity_before=_inner(fixed, moving),
        similarity=_inner(fixed, ascent.moving),
        sweeps=sweep,
        assignments=sweep * len(groups),
        converged=converged,
        seed=seed,
    )


def aligned(
    reference: nn.Module, other: nn.Module, inputs: torch.Tensor, *, seed: int = 0
) -> nn.Module:
    """Return a copy of a network whose hidden units are in the order of a reference's.

    It is the same function as ``other``, checked on the inputs in float64, and ready for
    ``Objective(aligned, examples)``: ``permuted`` with what ``match`` finds; arguments and errors
    as there.
    """
    found = match(reference, other, inputs=inputs, seed=seed)
    return permuted(other, found.permutations, inputs)


class _Ascent:
    """Two networks' parameters while units of the second change places."""

    def __init__(self, fixed: Tensors, moving: Tensors, tol: float) -> None:
        self._fixed, self.moving = fixed, dict(moving)
        self._least = tol * (_inner(fixed, fixed) * _inner(moving, moving)) ** 0.5
        self.permutations: dict[str, torch.Tensor] = {}

    def improve(self, units: Units) -> bool:
        """Move the units of one group to their best places; return whether that helped."""
        found = self.permutations.setdefault(units.name, torch.arange(units.size))
        axes = [axis for axis in units.axes if axis.tensor in self._fixed]
        gains = sum(map(self._gain, axes))
        best = torch.from_numpy(linear_sum_assignment(gains.numpy(), maximize=True)[1])
        old = {axis.tensor: self.moving[axis.tensor] for axis in axes}
        new = permute_tensors(old, units, best)
        if not _inner(new, self._fixed) - _inner(old, self._fixed) > self._least:
            return False
        self.moving |= new
        self.permutations[units.name] = found[best]
        return True

    def _gain(self, axis: Axis) -> torch.Tensor:
        # [i, j]: the inner product of what unit i of the reference and unit j of the other hold.
        one, other = (
            tensors[axis.tensor]
            .movedim(axis.axis, 0)[axis.entries.flatten()]
            .reshape(len(axis.entries), -1)
            for tensors in (self._fixed, self.moving)
        )
        return one @ other.T


def _network(
    subject: Objective | nn.Module, inputs: torch.Tensor | None
) -> tuple[nn.Module, torch.Tensor]:
    if isinstance(subject, Objective):
        # Under another policy than this one parts() may estimate statistics, at a cost.
        parts = subject.replace(bn="batch").parts(subject.theta)
        return parts.module, parts.batches[0][0]
    if inputs is None:
        raise ValueError(
            "modules alone do not show what they are given. Pass inputs=, some example inputs, or "
            "two objectives."
        )
    return subject, inputs


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
    return {name: x.detach().double().cpu() for name, x in model.named_parameters()}


def _inner(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> float:
    return sum(float(tensor.flatten() @ other[name].flatten()) for name, tensor in one.items())
