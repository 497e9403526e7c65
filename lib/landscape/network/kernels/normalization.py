"""Normalisation by the statistics of the batch: exact, and twice differentiable in few passes."""

from typing import NamedTuple

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from landscape.network.kernels.convolution import (
    needs_gradient,
    refuse_third_derivatives,
    replaceable,
)


class Call(NamedTuple):
    """The arguments of ``functional.batch_norm``, by place or by name as PyTorch takes them."""

    input: torch.Tensor
    running_mean: torch.Tensor | None
    running_var: torch.Tensor | None
    weight: torch.Tensor | None = None
    bias: torch.Tensor | None = None
    training: bool = False
    momentum: float = 0.1
    eps: float = 1e-5


class ExactStatistics(TorchFunctionMode):
    """Context in which networks normalise by the statistics of the batch as ``of_batch`` does."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Compute ``func``."""
        kwargs, found = kwargs or {}, None
        if func is functional.batch_norm and replaceable():
            found = batch_normalize(Call(*args, **kwargs))
        return func(*args, **kwargs) if found is None else found


def batch_normalize(call: Call) -> torch.Tensor | None:
    """Return ``functional.batch_norm`` by statistics of the batch; None where PyTorch has to.

    That is where running statistics are used or updated, where it has an error to raise, and in
    half precision.
    """
    inputs = call.input
    alone = inputs.dim() < 2 or inputs.numel() <= inputs.shape[1]
    shifted = call.weight is None and call.bias is not None
    exact = inputs.dtype in (torch.float32, torch.float64)
    if not call.training or call.running_mean is not None or alone or shifted or not exact:
        return None
    return BatchNorm.apply(inputs, call.weight, call.bias, call.eps)


class BatchNorm(torch.autograd.Function):
    """(inputs, weight, bias, eps) -> inputs normalised by the mean and variance of each feature.

    Features are the second axis; bias, or weight and bias, may be None. Where channels are last,
    PyTorch sums value by value in float32: its variance is off by 1e-5, and products with the
    Hessian of a ResNet-20 by 1e-3. Here sums are those of ``torch.sum``, in a tree.

    PyTorch differentiates the backward pass by a general formula, each step of which makes a new
    tensor. With x̂ the normalised inputs, r = 1/σ, γ the weight and P z = z − ⟨z⟩ − x̂ ⟨z x̂⟩,
    where ⟨·⟩ is the mean of a feature, the backward pass is g -> γ r P g for the inputs, Σ g x̂ for
    the weight and Σ g for the bias. P is symmetric: derivatives of all three are once more sums of
    a feature, and tensors times numbers of a feature.
    """

    @staticmethod
    def forward(ctx, inputs, weight, bias, eps):
        """Compute it."""
        mean = _mean(inputs)
        features = _Features(inputs, mean, torch.ones_like(mean))
        inverse = (features.variance() + eps).rsqrt()
        ctx.biased = bias is not None
        ctx.save_for_backward(inputs, weight, mean, inverse)
        shift = torch.zeros_like(mean) if bias is None else bias
        slope = inverse if weight is None else weight * inverse
        return features.combined(shift, None, None, slope, last=True)

    @staticmethod
    def backward(ctx, grad):
        """Return gradients that can be differentiated once more."""
        to_inputs, to_weight, to_bias = _Backward.apply(grad, *ctx.saved_tensors)
        return to_inputs, to_weight, to_bias if ctx.biased else None, None


class _Backward(torch.autograd.Function):
    """(gradient of the output, inputs, weight, mean, 1/σ) -> gradients of inputs, weight, bias."""

    @staticmethod
    def forward(ctx, grad, inputs, weight, mean, inverse):
        features = _Features(inputs, mean, inverse)
        average, along = features.moments(grad)
        how = {"slope": -inverse * along, "last": True}
        projected = features.combined(-inverse * average, grad, inverse, **how)
        ctx.save_for_backward(projected, along, inputs, weight, mean, inverse)
        ctx.set_materialize_grads(False)
        if weight is None:
            return projected, None, None
        return projected * features.of(weight), features.count * along, features.count * average

    @staticmethod
    def backward(ctx, u, p, q):
        # Derivatives of Σ u γ r P g + p Σ g x̂ + q Σ g by g, x and γ.
        refuse_third_derivatives("a normalisation by the statistics of the batch")
        projected, along, inputs, weight, mean, inverse = ctx.saved_tensors
        features, zero = _Features(inputs, mean, inverse), torch.zeros_like(mean)
        p, q = (zero if of is None else of for of in (p, q))
        average, share = (zero, zero) if u is None else features.moments(u)
        overlap = zero if u is None else _mean(u * projected)  # ⟨u r P g⟩
        steep = inverse if weight is None else weight * inverse
        both = needs_gradient(ctx, 1)
        how = {"slope": p - steep * share, "last": not both}
        through = features.combined(q - steep * average, u, steep, **how)
        back, to_weight = None, None
        if both:
            # Through x̂ acts r P h, with h = p g − γ r (⟨g x̂⟩ u + ⟨u x̂⟩ g), of which r P g is
            # known; through r itself −γ r ⟨u r P g⟩ x̂.
            slant = -steep * along * inverse
            how = {"slope": -slant * share - steep * overlap, "last": True}
            back = features.combined(-slant * average, u, slant, **how)
            back.addcmul_(projected, features.of(p - steep * share))
        if weight is not None and needs_gradient(ctx, 2):
            to_weight = features.count * overlap
        return through, back, to_weight, None, None


class _Features:
    """What is computed for each feature of inputs (N, C, ...)."""

    def __init__(self, inputs, mean, inverse):
        self._inverse = inverse
        self._shape = [-1, *[1] * (inputs.dim() - 2)]
        self._centred = inputs - self.of(mean)  # Before products: the mean may be many σ.
        self.count = inputs.numel() // inputs.shape[1]

    def of(self, vector: torch.Tensor) -> torch.Tensor:
        """Return a number of each feature (C,), to be multiplied with inputs."""
        return vector.view(self._shape)

    def moments(self, tensor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean of each feature and of its product with x̂."""
        return _mean(tensor), _mean(tensor * self._centred) * self._inverse

    def variance(self) -> torch.Tensor:
        """Return the variance of each feature, over all values and not one less."""
        return _mean(self._centred * self._centred)

    def combined(self, shift, tensor, scale, slope, *, last: bool) -> torch.Tensor:
        """Return shift + scale · tensor + slope · x̂, of numbers (C,); tensor None counts as 0.

        The last one takes the memory of what is held here: new memory costs more than arithmetic.
        """
        shift, slope = self.of(shift), self.of(slope * self._inverse)
        if last:
            found = self._centred.mul_(slope).add_(shift)
        else:
            found = torch.addcmul(shift, self._centred, slope)
        return found if tensor is None else found.addcmul_(tensor, self.of(scale))


def _mean(tensor: torch.Tensor) -> torch.Tensor:
    # Sums of PyTorch's kernels of normalisation go value by value where channels are last.
    return tensor.mean([0, *range(2, tensor.dim())])
