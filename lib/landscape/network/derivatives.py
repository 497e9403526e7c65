"""Derivatives of a network's loss against central differences, on a few examples."""

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator

import torch

from landscape import rng
from landscape.network.examples import in_dtype
from landscape.network.functional import Network
from landscape.network.kernels.twice_differentiable import TwiceDifferentiable
from landscape.network.losses import PerExample
from landscape.network.products import hessian_product, jvp_by_forward, jvp_by_reverse
from landscape.network.single_path import single_path

Pair = tuple[torch.Tensor, Callable[[float], torch.Tensor]]

# Differences in float64 have about 8 digits with this step. A larger one crosses kinks: a ResNet-20
# has a million units.
_STEP = 3e-8
# Wrong derivatives are wrong by more; a kink between the two points of one direction is not: it has
# to lie there in all directions.
_TOLERANCE = 1e-4
_DIRECTIONS = 3


class _Point:
    """Loss and derivatives of a few examples around one point."""

    def __init__(
        self,
        network: Network,
        loss: PerExample,
        examples: tuple[torch.Tensor, torch.Tensor],
        theta: torch.Tensor,
    ) -> None:
        self.network, self._loss = network, loss
        inputs, targets = examples
        self._examples = network.place(inputs), in_dtype(targets, network.dtype)
        self.theta = network.cast(theta)
        # Constants of all derivatives, also where the policy estimates them at theta.
        self._buffers = network.statistics(self.theta, None)

    def outputs(self, theta: torch.Tensor, *, twice: bool = False) -> torch.Tensor:
        inputs, _ = self._examples
        return self.network(self.network.named(theta), self._buffers, inputs, twice=twice)

    def value(self, theta: torch.Tensor, *, twice: bool = False) -> torch.Tensor:
        return self.loss(self.outputs(theta, twice=twice), twice=twice)

    def loss(self, outputs: torch.Tensor, *, twice: bool = False) -> torch.Tensor:
        with TwiceDifferentiable() if twice else contextlib.nullcontext():
            return self._loss(outputs, self._examples[1]).sum()

    def gradient(self, theta: torch.Tensor) -> torch.Tensor:
        leaf = theta.detach().clone().requires_grad_()
        return torch.autograd.grad(self.value(leaf), leaf, materialize_grads=True)[0]

    def product(self, v: torch.Tensor) -> torch.Tensor:
        leaf = self.theta.clone().requires_grad_()
        product = hessian_product(self.value(leaf, twice=True), leaf)(v)
        return torch.zeros_like(v) if product is None else product

    def reverse_product(self, v: torch.Tensor) -> torch.Tensor:
        leaf = self.theta.clone().requires_grad_()
        outputs = self.outputs(leaf, twice=True)
        if not outputs.requires_grad:
            return torch.zeros_like(outputs)
        return jvp_by_reverse(outputs, leaf)(v)

    def forward_product(self, v: torch.Tensor) -> torch.Tensor:
        return jvp_by_forward(self.outputs, self.theta)(v)

    def along(
        self, function: Callable[[torch.Tensor], torch.Tensor], v: torch.Tensor, h: float
    ) -> torch.Tensor:
        return function(self.theta + h * v)

    def directions(self) -> Iterator[torch.Tensor]:
        """Yield directions with the size of the parameters in each block.

        The second one leaves vectors such as biases out: where a unit sees zeros alone, its bias
        decides on which side of a kink it is.
        """
        for index in range(_DIRECTIONS):
            v = torch.randn(len(self.theta), generator=rng.stream(0, "contract", index))
            v = v.to(self.theta)
            for block in self.network.layout.blocks:
                size = self.theta[block.entries].square().mean().sqrt()
                v[block.entries] *= size if float(size) > 0 else 1e-2
            if index == 1:
                matrices = self.network.layout.select(kinds=("weight",)).to(v.device)
                v = v * matrices if bool(matrices.any()) else v
            yield v


@single_path()
@torch.inference_mode(False)
def gradient_fault(
    network: Network,
    loss: PerExample,
    examples: tuple[torch.Tensor, torch.Tensor],
    theta: torch.Tensor,
) -> str | None:
    """Return what is wrong with the gradient of a few examples' loss, or None.

    Args:
        network: The network, in float64; in another type nothing is compared.
        loss: Maps outputs and targets to the loss of each example.
        examples: Inputs and targets, the latter on the network's device.
        theta: The point (n,).
    """
    if network.dtype != torch.float64:
        return None
    point = _Point(network, loss, examples, theta)
    if not point.value(point.theta.clone().requires_grad_()).requires_grad:
        return None if _is_constant(point) else _NOT_RECORDED
    gradient = point.gradient(point.theta)
    if _jumps(point):
        return _JUMP
    error = _mismatch(
        ((gradient @ v).detach(), functools.partial(point.along, point.value, v))
        for v in point.directions()
    )
    if error is None:
        return None
    return (
        f"the gradient is not the derivative of the loss: they differ by {error:.2g} of it. "
        "Look for detach(), rounding, a straight-through estimator, a backward of your own, or "
        "torch.utils.checkpoint with use_reentrant=True (pass use_reentrant=False)."
    )


_NOT_RECORDED = (
    "the loss has no gradient by theta, though it changes with it: no operation that autograd "
    "records leads from the parameters to the loss. Look for detach(), no_grad(), NumPy or item() "
    "in forward() or in the loss."
)
_JUMP = (
    "the loss jumps at this theta: a parameter stands where a value is rounded, compared or cast "
    "to a whole number, so there is no gradient. orthogonal(..., orthogonal_map='householder') "
    "does so with its diagonal: take 'matrix_exp' or 'cayley'."
)


def _is_constant(point: _Point) -> bool:
    """Return whether the loss is the same a little away, along all directions."""
    value = point.value(point.theta)
    return all(bool(point.along(point.value, v, 1e-2) == value) for v in point.directions())


def _jumps(point: _Point) -> bool:
    """Return whether the loss differs between both sides by as much for any step, everywhere."""
    for v in point.directions():
        near, far = (
            float((point.along(point.value, v, h) - point.along(point.value, v, -h)).detach())
            for h in (_STEP, 3 * _STEP)
        )
        # Beyond rounding; a slope would make the second difference three times the first.
        beyond = abs(near) > 1e-6 * abs(float(point.value(point.theta).detach()))
        if not (beyond and abs(far - near) < 0.1 * abs(near)):
            return False
    return True


@single_path()
@torch.inference_mode(False)
def curvature_fault(
    network: Network,
    loss: PerExample,
    examples: tuple[torch.Tensor, torch.Tensor],
    theta: torch.Tensor,
) -> str | None:
    """Return what is wrong with second derivatives of a few examples' loss, or None.

    Arguments as for ``gradient_fault``.
    """
    if network.dtype != torch.float64:
        return None
    point = _Point(network, loss, examples, theta)
    try:
        error = _mismatch(
            (
                (point.product(v), functools.partial(point.along, point.gradient, v))
                for v in point.directions()
            ),
            floor=1e-2 * float(point.gradient(point.theta).norm()),
        )
    except (RuntimeError, NotImplementedError) as missing:
        return _missing(missing)
    if error is None:
        return None
    return (
        "second derivatives are wrong: a Hessian product differs from the change of the gradient "
        f"by {error:.2g} of it. {_suspects(point)}"
    )


@single_path()
@torch.inference_mode(False)
def jacobian_fault(
    network: Network,
    loss: PerExample,
    examples: tuple[torch.Tensor, torch.Tensor],
    theta: torch.Tensor,
    *,
    forward: bool,
) -> str | None:
    """Return what is wrong with products of the outputs' Jacobian with vectors, or None.

    Arguments as for ``gradient_fault``, and:

    Args:
        forward: Whether they are computed by forward mode, or by two reverse passes.
    """
    if network.dtype != torch.float64:
        return None
    point = _Point(network, loss, examples, theta)
    product = point.forward_product if forward else point.reverse_product
    try:
        error = _mismatch(
            (product(v), functools.partial(point.along, point.outputs, v))
            for v in point.directions()
        )
        fault = _loss_fault(point)
    except (RuntimeError, NotImplementedError) as missing:
        return _missing(missing)
    if error is None:
        return fault
    return (
        "a product with the outputs' Jacobian differs from the change of the outputs by "
        f"{error:.2g} of it. {_suspects(point)}"
    )


def _loss_fault(point: _Point) -> str | None:
    """Return what is wrong with second derivatives of the loss by the outputs, or None."""
    outputs = point.outputs(point.theta).detach()

    def slope(z: torch.Tensor, *, again: bool = False) -> torch.Tensor:
        value = point.loss(z, twice=again)
        return torch.autograd.grad(value, z, create_graph=again, materialize_grads=True)[0]

    leaf = outputs.clone().requires_grad_()
    first = slope(leaf, again=True)

    def shifted(w: torch.Tensor, h: float) -> torch.Tensor:
        return slope((outputs + h * w).requires_grad_())

    def pairs() -> Iterator[Pair]:
        for index in range(_DIRECTIONS):
            w = torch.randn(outputs.shape, generator=rng.stream(0, "contract", "outputs", index))
            w, image = w.to(outputs), torch.zeros_like(outputs)
            if first.requires_grad:
                options = {"retain_graph": True, "materialize_grads": True}
                (image,) = torch.autograd.grad(first, leaf, w, **options)
            yield image, functools.partial(shifted, w)

    error = _mismatch(pairs(), floor=1e-2 * float(first.detach().norm()))
    if error is None:
        return None
    return (
        "second derivatives of the loss by the outputs are wrong: they differ from the change of "
        f"its gradient by {error:.2g}. {_suspects(point)}"
    )


def _missing(error: Exception) -> str:
    """Return the text for an operation that PyTorch cannot differentiate as needed."""
    reason = str(error).strip().splitlines()[0].rstrip(".")
    layer = next((remedy for name, remedy in _REMEDIES.items() if name in reason), None)
    return (
        f"PyTorch has no derivative that is needed here: {reason}. "
        + (layer or "Write the operation with others, which autograd differentiates twice.")
        + " docs/curvature_of_layers.md lists which layers have curvature."
    )


# What stands in PyTorch's text -> what to do.
_REMEDIES = {
    "ctc_loss": "CTCLoss has a gradient alone: measure loss, slices and sharpness.sam.",
    "segment_reduce": "Sum segments by index_add in place of segment_reduce.",
    "embedding_bag": "Pass bags as a matrix (N, L) with mode 'sum' or 'mean', not as offsets.",
    "dist_backward": "Distances need a p >= 1 that is finite.",
    "functions with out=": "CrossMapLRN2d is such a layer: take LocalResponseNorm.",
}


def _mismatch(pairs: Iterable[Pair], *, floor: float = 0.0) -> float | None:
    """Return by how much derivatives differ from central differences, or None where they agree.

    They agree if they do along one direction, or if along one the differences with two steps do
    not: then there is a kink, or nothing but rounding.

    Args:
        pairs: A derivative along a direction, and the function h -> f(θ + h v) along it.
        floor: Size below which a derivative counts as zero.
    """
    errors = []
    for image, along in pairs:
        change, again = (
            (along(h).detach() - along(-h).detach()) / (2 * h) for h in (_STEP, 3 * _STEP)
        )
        gap = float((change - image).norm())
        size = max(float(change.norm()), float(image.norm()), floor, 1e-300)
        if not gap > _TOLERANCE * size:  # NaN too: a loss that is not finite says so itself.
            return None
        if not float((change - again).norm()) < 0.1 * gap:
            return None
        errors.append(gap / size)
    return min(errors)


def _suspects(point: _Point) -> str:
    leaf = point.theta.clone().requires_grad_()
    names, stack, seen = set(), [point.value(leaf).grad_fn], set()
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if not type(node).__module__.startswith(("torch.", "builtins")) or hasattr(
            type(node), "_forward_cls"
        ):
            names.add(type(node).__name__.removesuffix("Backward"))
        stack += [following for following, _ in node.next_functions]
    if names:
        return (
            f"The backward of {', '.join(sorted(names))} is not differentiable: write it with "
            "torch operations that autograd records, without detach, NumPy or once_differentiable."
        )
    return (
        "Look for a layer whose backward is not differentiable: an autograd.Function of your own, "
        "detach(), NumPy. docs/failures.md lists torch's own layers."
    )
