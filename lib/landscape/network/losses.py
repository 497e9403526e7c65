"""The loss of each example, and its second derivatives by the outputs."""

import functools
import math
from collections.abc import Callable
from typing import Literal

import torch
from torch.nn import functional

Loss = Literal["cross_entropy", "mse"] | Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
PerExample = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def per_example(loss: Loss, label_smoothing: float = 0.0) -> PerExample:
    """Return the function that maps outputs (N, ...) and targets (N, ...) to losses (N,).

    Args:
        loss: ``cross_entropy``, in nats, the mean over the targets of an example; ``mse``, the mean
            over its outputs; or a function of outputs and targets that returns one loss for each
            example, (N,).
        label_smoothing: Share of the target that is spread evenly over all classes, in [0, 1); for
            ``cross_entropy`` only.

    Returns:
        The function. It raises ValueError if, for ``mse``, targets do not have the shape of the
        outputs, or if a function passed as ``loss`` does not return the shape (N,).

    Raises:
        ValueError: If the loss is unknown or cannot be smoothed.

    Reference: Szegedy et al. (2016), Rethinking the Inception Architecture for Computer Vision,
        CVPR, section 7 (label smoothing).
    """
    if not callable(loss) and loss not in ("cross_entropy", "mse"):
        raise ValueError(
            f"loss={loss!r} is not known. Pass 'cross_entropy', 'mse', or a function of outputs "
            "and targets that returns one loss for each example."
        )
    if not 0 <= label_smoothing < 1 or (label_smoothing and loss != "cross_entropy"):
        raise ValueError(
            f"label_smoothing={label_smoothing} with loss={loss!r} is not possible. Pass a share "
            "in [0, 1), and only with loss='cross_entropy'."
        )
    if loss == "cross_entropy":
        return functools.partial(_cross_entropy, label_smoothing)
    return _squared_error if loss == "mse" else functools.partial(_own_loss, loss)


def output_factors(
    loss: Loss, outputs: torch.Tensor, targets: torch.Tensor, label_smoothing: float = 0.0
) -> torch.Tensor:
    """Return factors s of each example's Hessian by its outputs: Σ_c s_c s_cᵀ = ∇²ℓ.

    For squared error there are C = K factors, s_c = √(2/K) e_c. For cross-entropy there are
    C = K − 1, the columns of the Cholesky factor of w (diag p − p pᵀ), where p is the softmax of
    the outputs and w the sum of the target's probabilities. Its closed form subtracts no numbers of
    like size: with the tails q_c = Σ_{k>c} p_k,
    s_c = √(p_c / (q_{c−1} q_c)) (q_c e_c − Σ_{k>c} p_k e_k).

    Args:
        loss: ``cross_entropy`` or ``mse``.
        outputs: Outputs (N, K).
        targets: Targets of the examples: classes (N,) or probabilities (N, K) for
            ``cross_entropy``.
        label_smoothing: As for ``per_example``.

    Returns:
        Factors (C, N, K), in the outputs' dtype.

    Raises:
        ValueError: If the loss is a function, whose second derivatives are unknown, or if outputs
            do not have the shape (N, K).

    Reference: Tanabe and Sagae (1992), J. R. Statist. Soc. B 54(1), 211-219, theorem 1.
    """
    if callable(loss):
        raise ValueError(
            f"the loss is a function of the reader's own ({getattr(loss, '__qualname__', loss)}), "
            "and its second derivatives by the outputs are not known. Pass 'cross_entropy' or "
            "'mse'; for a trace, use spectrum.trace(L.hessian(theta))."
        )
    if outputs.dim() != 2:
        raise ValueError(
            f"outputs of shape {tuple(outputs.shape)} do not have one axis for each example. Exact "
            "quantities take outputs (N, K). For a trace, use spectrum.trace(L.hessian(theta))."
        )
    count, size = outputs.shape
    if loss == "mse":
        eye = torch.eye(size, dtype=outputs.dtype, device=outputs.device)
        return (2 / size) ** 0.5 * eye[:, None].expand(size, count, size)
    p = outputs.detach().softmax(1)
    # Where a tail underflows to 0, its factor is then 0 and not 0/0.
    tiny = torch.finfo(p.dtype).tiny
    tails = p.flip(1).cumsum(1).flip(1).clamp_min(tiny)
    ratio, root = (p / tails).sqrt()[:, :-1], tails[:, 1:].sqrt()
    factors = ((-ratio / root)[:, :, None] * p[:, None, :]).triu(1)  # (N, K - 1, K)
    factors.diagonal(dim1=1, dim2=2).copy_(ratio * root)
    weight = _weights(targets, label_smoothing).to(p)
    return (factors * weight.sqrt()[:, None, None]).movedim(1, 0)


def scaled_output_factors(
    loss: Loss, outputs: torch.Tensor, targets: torch.Tensor, label_smoothing: float = 0.0
) -> tuple[torch.Tensor, float]:
    """Return the factors of ``output_factors`` without underflow: F and g, with s = exp(g) F.

    Where the softmax is all but certain, p (1 - p) may be far below the smallest float. So the
    factors of cross-entropy are computed from logarithms, and the largest scale is taken out.

    Args:
        loss: As for ``output_factors``.
        outputs: Outputs (N, K).
        targets: Targets, as for ``output_factors``.
        label_smoothing: As for ``per_example``.

    Returns:
        F (C, N, K), in the outputs' dtype, and g, which is 0 for ``mse``.

    Raises:
        ValueError: As ``output_factors``.
    """
    if loss != "cross_entropy" or outputs.dim() != 2:
        return output_factors(loss, outputs, targets, label_smoothing), 0.0
    log_p = outputs.detach().log_softmax(1)
    log_tails = log_p.flip(1).logcumsumexp(1).flip(1)  # log q_{c-1} = log of the sum from p_c on
    weight = _weights(targets, label_smoothing).to(log_p)
    twice = log_p[:, :-1] + log_tails[:, 1:] - log_tails[:, :-1] + weight.log()[:, None]
    scale = float(twice.max()) / 2 if twice.numel() else 0.0
    scale = scale if math.isfinite(scale) else 0.0  # All weights are 0: no example has a loss.
    shares = (log_p[:, None, :] - log_tails[:, 1:, None]).clamp_max(0).exp()
    factors = -shares.triu(1)  # (N, K - 1, K)
    factors.diagonal(dim1=1, dim2=2).fill_(1.0)
    return (factors * (twice / 2 - scale).exp()[:, :, None]).movedim(1, 0), scale


def _weights(targets: torch.Tensor, label_smoothing: float) -> torch.Tensor:
    """Return w (N,), the sum of each target's probabilities."""
    # -100 is the class that PyTorch's cross-entropy ignores: such an example has no loss.
    if not targets.is_floating_point():
        return targets != -100
    return targets.sum(1) * (1 - label_smoothing) + label_smoothing


def _cross_entropy(label_smoothing, outputs, targets) -> torch.Tensor:
    losses = functional.cross_entropy(
        outputs, targets, reduction="none", label_smoothing=label_smoothing
    )
    return losses if losses.dim() == 1 else losses.flatten(1).mean(1)


def _squared_error(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    if outputs.shape != targets.shape:
        raise ValueError(
            f"outputs of shape {tuple(outputs.shape)} and targets of shape {tuple(targets.shape)} "
            "have no squared error of each example: broadcasting would compare every pair. "
            "Give the targets the shape of the outputs."
        )
    return (outputs - targets.to(outputs)).square().flatten(1).mean(1)


def _own_loss(loss: Callable, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    losses = loss(outputs, targets)
    if tuple(losses.shape) != (len(outputs),):
        raise ValueError(
            f"the loss returned the shape {tuple(losses.shape)} for {len(outputs)} examples. It "
            "must return one loss for each example, as with reduction='none': the mean is taken "
            "afterwards."
        )
    return losses
