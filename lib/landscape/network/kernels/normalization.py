"""Batch normalisation by batch statistics: accurate sums, and second derivatives in few passes."""

from typing import NamedTuple

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from landscape.network.kernels.convolution import (
    custom_functions_allowed,
    needs_gradient,
    refuse_third_derivatives,
)


class BatchNormArguments(NamedTuple):
    """The arguments of ``functional.batch_norm``, in PyTorch's order, with its names and defaults.

    Build it from a call's ``*args, **kwargs``, however the caller passed them.
    """

    input: torch.Tensor
    running_mean: torch.Tensor | None
    running_var: torch.Tensor | None
    weight: torch.Tensor | None = None
    bias: torch.Tensor | None = None
    training: bool = False
    momentum: float = 0.1
    eps: float = 1e-5


class ExactStatistics(TorchFunctionMode):
    """Context in which any network's batch normalisation computes by ``batch_normalize``.

    It concerns layers that normalise by the statistics of the batch alone. In channels-last float32
    their variance is then as accurate as in the default memory format.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Return ``func(*args, **kwargs)``, from ``batch_normalize`` where that applies."""
        kwargs, normalized = kwargs or {}, None
        if func is functional.batch_norm and custom_functions_allowed():
            normalized = batch_normalize(BatchNormArguments(*args, **kwargs))
        return func(*args, **kwargs) if normalized is None else normalized


def batch_normalize(call: BatchNormArguments) -> torch.Tensor | None:
    """Return ``functional.batch_norm`` by batch statistics, or None where PyTorch must compute it.

    PyTorch computes where running statistics are used or updated, where it will raise an error, in
    half precision, and for a bias without a weight.

    Args:
        call: The arguments; inputs have the shape (N, C, ...).

    Returns:
        The normalised inputs, of the inputs' shape and dtype, or None.
    """
    inputs = call.input
    one_value = inputs.dim() < 2 or inputs.numel() <= inputs.shape[1]  # PyTorch raises an error.
    bias_alone = call.weight is None and call.bias is not None
    full_precision = inputs.dtype in (torch.float32, torch.float64)
    if (
        not call.training
        or call.running_mean is not None
        or one_value
        or bias_alone
        or not full_precision
    ):
        return None
    return BatchNorm.apply(inputs, call.weight, call.bias, call.eps)


class BatchNorm(torch.autograd.Function):
    """Batch normalisation by batch statistics whose backward pass can be differentiated cheaply.

    Call ``BatchNorm.apply(inputs, weight, bias, eps)``. The function is that of
    ``functional.batch_norm(inputs, None, None, weight, bias, training=True, eps=eps)``.

    Accuracy: for channels-last inputs PyTorch's kernel sums value by value in float32. Its variance
    is then off by 1e-5, and products with the Hessian of a ResNet-20 by 1e-3. Here all sums are
    those of ``torch.sum``, which adds in a tree.

    Derivatives: PyTorch differentiates the backward pass by a general formula, each step of which
    makes a new tensor. Let x̂ be the normalised inputs, r = 1/σ, γ the weight, ⟨·⟩ the mean of a
    feature, and P z = z − ⟨z⟩ − x̂ ⟨z x̂⟩. The backward pass maps the output's gradient g to γ r P g
    for the inputs, Σ g x̂ for the weight and Σ g for the bias. P is symmetric, so the derivatives of
    all three need again only sums over each feature, and tensors times one number for each feature.

    Args:
        inputs: Inputs (N, C, ...); features are the second axis.
        weight: Scale γ (C,), or None for 1.
        bias: Shift (C,), or None for 0; None where the weight is None.
        eps: Constant that is added to the variance.
    """

    @staticmethod
    def forward(ctx, inputs, weight, bias, eps):
        """Return the normalised inputs, of the inputs' shape.

        As torch.autograd.Function: arguments as for ``apply``, see the class; saves inputs, weight,
        mean and 1/σ.
        """
        mean = _mean(inputs)
        # With 1/σ still unknown, x̂ stands for the centred inputs; the slope then carries 1/σ.
        features = _Features(inputs, mean, torch.ones_like(mean))
        inverse = (features.variance() + eps).rsqrt()
        ctx.biased = bias is not None
        ctx.save_for_backward(inputs, weight, mean, inverse)
        shift = torch.zeros_like(mean) if bias is None else bias
        slope = inverse if weight is None else weight * inverse
        return features.combined(shift, None, None, slope, overwrite=True)

    @staticmethod
    def backward(ctx, grad):
        """Return the gradients of inputs, weight and bias; they can be differentiated once more.

        As torch.autograd.Function: arguments are the context and the output's gradient; uses the
        saved inputs, weight, mean and 1/σ.
        """
        to_inputs, to_weight, to_bias = _Backward.apply(grad, *ctx.saved_tensors)
        return to_inputs, to_weight, to_bias if ctx.biased else None, None


class _Backward(torch.autograd.Function):
    """(gradient of the output, inputs, weight, mean, 1/σ) -> gradients of inputs, weight, bias."""

    @staticmethod
    def forward(ctx, grad, inputs, weight, mean, inverse):
        features = _Features(inputs, mean, inverse)
        average, along = features.moments(grad)  # ⟨g⟩ and ⟨g x̂⟩.
        shift, slope = -inverse * average, -inverse * along
        projected = features.combined(shift, grad, inverse, slope, overwrite=True)  # r P g.
        ctx.save_for_backward(projected, along, inputs, weight, mean, inverse)
        ctx.set_materialize_grads(False)  # None, not zeros, for gradients nothing asked for.
        if weight is None:
            return projected, None, None
        to_inputs = projected * features.broadcast(weight)
        return to_inputs, features.count * along, features.count * average

    @staticmethod
    def backward(ctx, u, p, q):
        # u, p and q weight the gradients of inputs, weight and bias: what follows are the
        # derivatives of Σ u γ r P g + p Σ g x̂ + q Σ g by g, x and γ.
        refuse_third_derivatives("a normalisation by the statistics of the batch")
        projected, along, inputs, weight, mean, inverse = ctx.saved_tensors
        features, zero = _Features(inputs, mean, inverse), torch.zeros_like(mean)
        p, q = (zero if vector is None else vector for vector in (p, q))
        u_mean, u_along = (zero, zero) if u is None else features.moments(u)  # ⟨u⟩ and ⟨u x̂⟩.
        overlap = zero if u is None else _mean(u * projected)  # ⟨u r P g⟩.
        scale = inverse if weight is None else weight * inverse  # γ r.
        # J v asks for the derivative by g alone; the one by x would double the work.
        by_inputs = needs_gradient(ctx, 1)
        shift, slope = q - scale * u_mean, p - scale * u_along
        to_grad = features.combined(shift, u, scale, slope, overwrite=not by_inputs)
        to_inputs, to_weight = None, None
        if by_inputs:
            # x acts through x̂ and through r. Through x̂ the derivative is r P h, where
            # h = p g − γ r (⟨g x̂⟩ u + ⟨u x̂⟩ g) and r P g is saved; through r it is
            # −γ r ⟨u r P g⟩ x̂.
            u_scale = -scale * along * inverse
            shift, slope = -u_scale * u_mean, -u_scale * u_along - scale * overlap
            to_inputs = features.combined(shift, u, u_scale, slope, overwrite=True)
            to_inputs.addcmul_(projected, features.broadcast(p - scale * u_along))
        if weight is not None and needs_gradient(ctx, 2):
            to_weight = features.count * overlap
        return to_grad, to_inputs, to_weight, None, None


class _Features:
    """Sums and combinations for each feature (second axis) of inputs (N, C, ...)."""

    def __init__(self, inputs, mean, inverse):
        self._inverse = inverse
        self._shape = [-1, *[1] * (inputs.dim() - 2)]
        # Centre first: where the mean is many σ, products of uncentred values would cancel.
        self._centred = inputs - self.broadcast(mean)
        self.count = inputs.numel() // inputs.shape[1]

    def broadcast(self, vector: torch.Tensor) -> torch.Tensor:
        """Return one number for each feature (C,) in a shape that broadcasts with the inputs."""
        return vector.view(self._shape)

    def moments(self, tensor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the means (C,) of a tensor and of its product with x̂, for each feature."""
        return _mean(tensor), _mean(tensor * self._centred) * self._inverse

    def variance(self) -> torch.Tensor:
        """Return the variance of each feature (C,), divided by the number of values, not less 1."""
        return _mean(self._centred * self._centred)

    def combined(self, shift, tensor, scale, slope, *, overwrite: bool) -> torch.Tensor:
        """Return shift + scale · tensor + slope · x̂, the factors (C,); tensor None counts as 0.

        ``overwrite`` writes over the centred inputs: new memory costs more than this arithmetic.
        """
        shift, slope = self.broadcast(shift), self.broadcast(slope * self._inverse)
        if overwrite:
            total = self._centred.mul_(slope).add_(shift)
        else:
            total = torch.addcmul(shift, self._centred, slope)
        return total if tensor is None else total.addcmul_(tensor, self.broadcast(scale))


def _mean(tensor: torch.Tensor) -> torch.Tensor:
    # Not `torch.native_batch_norm`'s sums: for channels-last inputs they add value by value.
    return tensor.mean([0, *range(2, tensor.dim())])
