"""Matrix products without derivatives, by whichever of PyTorch's two libraries is the faster."""

import functools

import torch
from torch.nn import functional

# Below so many multiplications a call costs more than the product.
_SMALLEST = 2**16


def linear(
    inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """Return ``functional.linear(inputs, weight, bias)``, up to rounding, without derivatives.

    PyTorch multiplies float32 matrices by MKL, which uses half the width of AVX-512 on processors
    of AMD: oneDNN, which computes PyTorch's convolutions, is 2.2 times as fast there.

    Args:
        inputs: Inputs (N, I), of any strides.
        weight: Weight (O, I), of any strides: a transposed view costs nothing more.
        bias: Bias (O,), or None.

    Returns:
        The outputs (N, O). NaN and infinity come out as from PyTorch.
    """
    if not _by_onednn(inputs, weight):
        return functional.linear(inputs, weight, bias)
    return torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")


def product(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the product of matrices (N, I) and (I, O), as ``linear`` computes it."""
    return linear(first, second.T)


def _by_onednn(inputs: torch.Tensor, weight: torch.Tensor) -> bool:
    return (
        inputs.dtype == weight.dtype == torch.float32
        and inputs.device.type == weight.device.type == "cpu"
        and inputs.dim() == weight.dim() == 2
        and inputs.shape[0] * weight.numel() >= _SMALLEST
        and type(inputs) in _PLAIN
        and type(weight) in _PLAIN
        # The operation has no derivative.
        and not (torch.is_grad_enabled() and (inputs.requires_grad or weight.requires_grad))
        and _wide_onednn()
    )


_PLAIN = (torch.Tensor, torch.nn.Parameter)


@functools.cache
def _wide_onednn() -> bool:
    """Return whether oneDNN is there and the processor has AVX-512."""
    return (
        torch.backends.mkldnn.is_available()
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )
