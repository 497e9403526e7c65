"""Derivatives of a network's loss against central differences, on a few examples."""

import contextlib
from collections.abc import Iterator

import torch

from landscape import rng
from landscape.network.examples import in_dtype
from landscape.network.functional import Network
from landscape.network.kernels.twice_differentiable import TwiceDifferentiable
from landscape.network.losses import PerExample
from landscape.network.precision import full_precision
from landscape.network.products import hessian_product, jvp_by_forward, jvp_by_reverse

# Differences of values and of gradients in float64 have about 8 and 7 digits with these steps. Larger
# ones cross kinks: a ResNet-20 has a million units.
_VALUE_STEP, _GRADIENT_STEP = 1e-7, 1e-8
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
        outputs = self.outputs(theta, twice=twice)
        with TwiceDifferentiable() if twice else contextlib.nullcontext():
            return self._loss(outputs, self._examples[1]).sum()

    def gradient(self, theta: torch.Tensor) -> torch.Tensor:
        leaf = theta.detach().clone().requires_grad_()
        return torch.autograd.grad(self.value(leaf), leaf, materialize_grads=True)[0]

    def product(self, v: torch.Tensor) -> torch.Tensor:
        leaf = self.theta.clone().requires_grad_()
        product = hessian_product(self.value(leaf, twice=True), leaf)(v)
        return torch.zeros_like(v) if product is None else product

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


@full_precision()
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
    gradient, level = point.gradient(point.theta), float(point.value(point.theta).detach().abs())
    errors = []
    for v in point.directions():
        ends = [point.value(point.theta + h * v).detach() for h in (_VALUE_STEP, -_VALUE_STEP)]
        change, slope = float(ends[0] - ends[1]) / (2 * _VALUE_STEP), float(gradient @ v)
        rounding = 1e-14 * level / _VALUE_STEP
        errors.append(_error(change, slope, abs(change - slope), rounding / _TOLERANCE))
        if not errors[-1] > _TOLERANCE:  # NaN too: a loss that is not finite says so itself.
            return None
    return (
        f"the gradient is not the derivative of the loss: they differ by {min(errors):.2g} of it. "
        "Look for detach(), rounding, a straight-through estimator, a backward of your own, or "
        "torch.utils.checkpoint with use_reentrant=True (pass use_reentrant=False)."
    )


@full_precision()
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
    size = float(point.gradient(point.theta).norm())
    errors = []
    for v in point.directions():
        try:
            product = point.product(v)
        except (RuntimeError, NotImplementedError) as error:
            return _missing(error)
        ends = [point.gradient(point.theta + h * v) for h in (_GRADIENT_STEP, -_GRADIENT_STEP)]
        change = (ends[0] - ends[1]) / (2 * _GRADIENT_STEP)
        norms = float(change.norm()), float(product.norm())
        errors.append(_error(*norms, float((change - product).norm()), 1e-2 * size))
        if not errors[-1] > _TOLERANCE:
            return None
    return (
        "second derivatives are wrong: a Hessian product differs from the change of the gradient "
        f"by {min(errors):.2g} of it. {_suspects(point)}"
    )


@full_precision()
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
    errors = []
    for v in point.directions():
        leaf = point.theta.clone().requires_grad_()
        try:
            if forward:
                image = jvp_by_forward(point.outputs, leaf)(v)
            else:
                outputs = point.outputs(leaf, twice=True)
                if not outputs.requires_grad:
                    return None
                image = jvp_by_reverse(outputs, leaf)(v)
        except (RuntimeError, NotImplementedError) as error:
            return _missing(error)
        ends = [point.outputs(point.theta + h * v).detach() for h in (_VALUE_STEP, -_VALUE_STEP)]
        change = (ends[0] - ends[1]) / (2 * _VALUE_STEP)
        norms = float(change.norm()), float(image.norm())
        rounding = 1e-14 * float(ends[0].norm()) / _VALUE_STEP / _TOLERANCE
        errors.append(_error(*norms, float((change - image).norm()), rounding))
        if not errors[-1] > _TOLERANCE:
            return None
    return (
        "a product with the outputs' Jacobian differs from the change of the outputs by "
        f"{min(errors):.2g} of it. {_suspects(point)}"
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
    "cdist": "Write distances of p other than 1 and 2 by subtraction and powers.",
    "multilabel_margin": "Write MultiLabelMarginLoss by gather and relu.",
    "rnn": "Compute the recurrent layer on the CPU.",
}


def _error(first: float, second: float, gap: float, floor: float) -> float:
    return gap / max(abs(first), abs(second), floor, 1e-300)


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
