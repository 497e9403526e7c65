"""The loss of each example, and its second derivatives by the outputs."""

import contextlib
import functools
import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

Loss = (
    Literal["cross_entropy", "next_token", "mse", "model"]
    | Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
)
PerExample = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

_ENTROPIES = ("cross_entropy", "next_token")


def per_example(
    loss: Loss,
    label_smoothing: float = 0.0,
    *,
    class_weights: torch.Tensor | None = None,
    ignore_index: int = -100,
    class_axis: int | None = None,
    dtype: torch.dtype | None = None,
) -> PerExample:
    """Return the function that maps outputs (N, ...) and targets (N, ...) to losses (N,).

    Args:
        loss: ``cross_entropy``, in nats, the mean over the targets of an example; ``next_token``,
            cross-entropy of outputs (N, T, K) with the targets (N, T) one place later; ``mse``, the
            mean over its outputs; or a function of outputs and targets that returns one loss for
            each example, (N,).
        label_smoothing: Share of the target that is spread evenly over all classes, in [0, 1); for
            cross-entropies only.
        class_weights: Weight of each class (K,), for cross-entropies only; None weighs all alike.
        ignore_index: Class that has no loss, for cross-entropies.
        class_axis: Axis of the outputs that counts the classes, 1 or -1, for ``cross_entropy`` with
            several targets an example; None takes 1, and refuses outputs that fit both.
        dtype: Type in which a function passed as ``loss`` computes: floating-point tensors that it
            holds are converted. None leaves them as they are.

    Returns:
        The function. It raises ValueError if, for ``mse``, targets do not have the shape of the
        outputs, or if a function passed as ``loss`` does not return the shape (N,).

    Raises:
        ValueError: If the loss is unknown, or an option does not fit it.

    Reference: Szegedy et al. (2016), Rethinking the Inception Architecture for Computer Vision,
        CVPR, section 7 (label smoothing).
    """
    if not callable(loss) and loss not in (*_ENTROPIES, "mse"):
        raise ValueError(
            f"loss={loss!r} is not known. Pass 'cross_entropy', 'mse', or a function of outputs "
            "and targets that returns one loss for each example; 'next_token' for a language model "
            "with classes (N, T), or 'model' for a network that computes its own loss from labels."
        )
    is_share = isinstance(label_smoothing, int | float) and 0 <= label_smoothing < 1
    if not is_share or (label_smoothing and loss not in _ENTROPIES):
        raise ValueError(
            f"label_smoothing={label_smoothing!r} with loss={loss!r} is not possible. Pass a share "
            "in [0, 1), and only with loss='cross_entropy'."
        )
    _check_classes(loss, class_weights, class_axis)
    if loss in _ENTROPIES:
        entropy = _cross_entropy if loss == "cross_entropy" else _next_token
        return functools.partial(entropy, label_smoothing, class_weights, ignore_index, class_axis)
    return functools.partial(_own_loss, loss, dtype) if callable(loss) else _squared_error


def _check_classes(loss: Loss, class_weights: Any, class_axis: int | None) -> None:
    given = class_weights is not None
    if given and not (
        loss in _ENTROPIES
        and isinstance(class_weights, torch.Tensor)
        and class_weights.dim() == 1
        and class_weights.is_floating_point()
        and bool(((class_weights >= 0) & class_weights.isfinite()).all())
    ):
        raise ValueError(
            f"class_weights={class_weights!r:.80} with loss={loss!r:.40} is not possible. Pass a "
            "tensor of finite floats >= 0, one for each class, and only with loss='cross_entropy'."
        )
    if class_axis not in (None, 1, -1) or (class_axis is not None and loss != "cross_entropy"):
        raise ValueError(
            f"class_axis={class_axis!r} with loss={loss!r:.40} is not possible. Pass 1 for outputs "
            "(N, K, ...), -1 for outputs (N, ..., K), and only with loss='cross_entropy'."
        )


def placed_targets(loss: Loss, targets: torch.Tensor) -> torch.Tensor:
    """Return targets as the loss takes them: classes of any integer type as int64.

    Args:
        loss: As for ``per_example``.
        targets: Targets (N, ...).

    Raises:
        ValueError: If they are complex, and the loss is none of the reader's own.
    """
    if callable(loss):
        return targets
    if targets.is_complex():
        raise ValueError(
            f"the targets are {str(targets.dtype).removeprefix('torch.')}, and loss={loss!r} would "
            "drop their imaginary parts. Pass torch.view_as_real(targets), and outputs likewise, "
            "or a loss of your own."
        )
    whole = not targets.is_floating_point() and targets.dtype not in (torch.bool, torch.uint8)
    return targets.long() if whole and loss in _ENTROPIES else targets


def normalizer(
    loss: Loss,
    targets: torch.Tensor,
    class_weights: torch.Tensor | None = None,
    ignore_index: int = -100,
    *,
    empty: float | None = None,
) -> float:
    """Return the factor that makes the mean of all examples' losses PyTorch's own mean.

    PyTorch divides the sum of cross-entropies by the sum of the weights of the targets' classes,
    in which ignored targets do not count; the losses of ``per_example`` divide by the number of
    targets.

    Args:
        loss: As for ``per_example``.
        targets: All targets (N, ...).
        class_weights: As for ``per_example``.
        ignore_index: As for ``per_example``.
        empty: The factor where no target counts; None refuses such targets.

    Returns:
        The number of targets over the sum of their weights; 1 for other losses and for targets that
        are probabilities.

    Raises:
        ValueError: If no target counts.
    """
    if loss not in _ENTROPIES or targets.is_floating_point() or targets.is_complex():
        return 1.0
    if loss == "next_token":
        targets = targets[:, 1:] if targets.dim() > 1 else targets
    counted = targets[targets != ignore_index]
    if class_weights is None:
        total = float(len(counted))
    elif len(counted) and not 0 <= int(counted.min()) <= int(counted.max()) < len(class_weights):
        raise ValueError(
            f"class_weights are {len(class_weights)}, and targets run from {int(counted.min())} to "
            f"{int(counted.max())}. Pass one weight for each class, counted from 0."
        )
    else:
        total = float(class_weights.double().cpu()[counted.cpu().long()].sum())
    if not total > 0 and empty is not None:
        return empty
    if not total > 0:
        raise ValueError(
            f"no target counts: all {targets.numel()} are {ignore_index}, which ignore_index "
            "leaves out, or their classes have weight 0. Pass examples of which some count."
        )
    return targets.numel() / total


def output_factors(
    loss: Loss,
    outputs: torch.Tensor,
    targets: torch.Tensor,
    label_smoothing: float = 0.0,
    class_weights: torch.Tensor | None = None,
    ignore_index: int = -100,
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
        class_weights: As for ``per_example``.
        ignore_index: As for ``per_example``.

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
    weight = _weights(targets, label_smoothing, class_weights, ignore_index).to(p)
    return (factors * weight.sqrt()[:, None, None]).movedim(1, 0)


def scaled_output_factors(
    loss: Loss,
    outputs: torch.Tensor,
    targets: torch.Tensor,
    label_smoothing: float = 0.0,
    class_weights: torch.Tensor | None = None,
    ignore_index: int = -100,
) -> tuple[torch.Tensor, float]:
    """Return the factors of ``output_factors`` without underflow: F and g, with s = exp(g) F.

    Where the softmax is all but certain, p (1 - p) may be far below the smallest float. So the
    factors of cross-entropy are computed from logarithms, and the largest scale is taken out.

    Args:
        loss: As for ``output_factors``.
        outputs: Outputs (N, K).
        targets: Targets, as for ``output_factors``.
        label_smoothing: As for ``per_example``.
        class_weights: As for ``per_example``.
        ignore_index: As for ``per_example``.

    Returns:
        F (C, N, K), in the outputs' dtype, and g, which is 0 for ``mse``.

    Raises:
        ValueError: As ``output_factors``.
    """
    if loss != "cross_entropy" or outputs.dim() != 2:
        options = (label_smoothing, class_weights, ignore_index)
        return output_factors(loss, outputs, targets, *options), 0.0
    log_p = outputs.detach().log_softmax(1)
    log_tails = log_p.flip(1).logcumsumexp(1).flip(1)  # log q_{c-1} = log of the sum from p_c on
    weight = _weights(targets, label_smoothing, class_weights, ignore_index).to(log_p)
    twice = log_p[:, :-1] + log_tails[:, 1:] - log_tails[:, :-1] + weight.log()[:, None]
    scale = float(twice.max()) / 2 if twice.numel() else 0.0
    scale = scale if math.isfinite(scale) else 0.0  # All weights are 0: no example has a loss.
    shares = (log_p[:, None, :] - log_tails[:, 1:, None]).clamp_max(0).exp()
    factors = -shares.triu(1)  # (N, K - 1, K)
    factors.diagonal(dim1=1, dim2=2).fill_(1.0)
    return (factors * (twice / 2 - scale).exp()[:, :, None]).movedim(1, 0), scale


def output_hessian(
    loss: Loss,
    outputs: torch.Tensor,
    targets: torch.Tensor,
    label_smoothing: float = 0.0,
    class_weights: torch.Tensor | None = None,
    ignore_index: int = -100,
    *,
    scale: float = 1.0,
) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """Return the product with the Hessian of the summed losses by the outputs, in closed form.

    Args:
        loss: As for ``per_example``.
        outputs: Outputs (N, K).
        targets: Targets, as for ``output_factors``.
        label_smoothing: As for ``per_example``.
        class_weights: As for ``per_example``.
        ignore_index: As for ``per_example``.
        scale: Factor of the loss of each example.

    Returns:
        A function of tangents (N, k, K) of the outputs; None where no formula is known.
    """
    if loss == "mse":
        return lambda tangents: tangents * (2 * scale / outputs.shape[1])
    if loss != "cross_entropy" or outputs.dim() != 2:
        return None
    p = outputs.detach().double().softmax(1)
    weight = _weights(targets, label_smoothing, class_weights, ignore_index).to(p)
    # w (diag p − p pᵀ): rounded once, from float64.
    p, weighted = p.to(outputs), (p * (weight * scale)[:, None]).to(outputs)

    def multiply(tangents: torch.Tensor) -> torch.Tensor:
        mean = torch.linalg.vecdot(tangents, p[:, None])[..., None]
        return weighted[:, None] * (tangents - mean)

    return multiply


def _weights(
    targets: torch.Tensor,
    label_smoothing: float,
    class_weights: torch.Tensor | None,
    ignore_index: int,
) -> torch.Tensor:
    """Return w (N,), the weighted sum of each target's probabilities."""
    # An ignored class has no loss.
    counts = None if targets.is_floating_point() else targets != ignore_index
    if class_weights is None:
        if counts is not None:
            return counts
        return targets.sum(1) * (1 - label_smoothing) + label_smoothing
    weights = class_weights.to(targets.device).double()
    smooth = label_smoothing * weights.mean()
    if counts is None:
        return (targets.double() @ weights) * (1 - label_smoothing) + smooth
    share = weights[targets.where(counts, targets.new_zeros(()))]
    return (share * (1 - label_smoothing) + smooth) * counts


def _cross_entropy(
    label_smoothing, class_weights, ignore_index, class_axis, outputs, targets
) -> torch.Tensor:
    outputs = _classes_second(outputs, targets, class_axis)
    try:
        losses = functional.cross_entropy(
            outputs,
            targets,
            weight=None if class_weights is None else class_weights.to(outputs),
            ignore_index=ignore_index,
            reduction="none",
            label_smoothing=label_smoothing,
        )
    except IndexError as error:
        raise ValueError(
            f"a target is out of bounds: targets run from {int(targets.min())} to "
            f"{int(targets.max())}, and the outputs have {outputs.shape[1]} classes. Count classes "
            f"from 0, and mark targets without a class by ignore_index, which is {ignore_index}."
        ) from error
    return losses if losses.dim() == 1 else losses.flatten(1).mean(1)


def _next_token(
    label_smoothing, class_weights, ignore_index, class_axis, outputs, targets
) -> torch.Tensor:
    if outputs.dim() != 3 or targets.dim() != 2 or targets.shape[1] < 2:
        raise ValueError(
            f"outputs of shape {tuple(outputs.shape)} and targets of shape {tuple(targets.shape)} "
            "have no next token. Pass outputs (N, T, K) and the tokens (N, T) that they predict, "
            "not shifted, with T >= 2."
        )
    options = label_smoothing, class_weights, ignore_index, -1
    return _cross_entropy(*options, outputs[:, :-1], targets[:, 1:])


def _classes_second(
    outputs: torch.Tensor, targets: torch.Tensor, class_axis: int | None
) -> torch.Tensor:
    """Return outputs (N, K, ...) of outputs whose classes lie in the given axis."""
    if outputs.dim() < 3 or outputs.dim() != targets.dim() + 1:
        return outputs
    last, second = (
        targets.shape[1:] == outputs.shape[1:-1],
        targets.shape[1:] == outputs.shape[2:],
    )
    if class_axis is None and last:
        raise ValueError(
            f"outputs of shape {tuple(outputs.shape)} with targets of shape {tuple(targets.shape)} "
            + (
                "may hold the classes in axis 1 or in the last axis"
                if second
                else "hold the classes in the last axis"
            )
            + ". Pass class_axis=-1 for outputs (N, ..., K)"
            + (", class_axis=1 for outputs (N, K, ...)." if second else ".")
        )
    return outputs.movedim(-1, 1) if class_axis == -1 else outputs


def _squared_error(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    if outputs.shape != targets.shape:
        raise ValueError(
            f"outputs of shape {tuple(outputs.shape)} and targets of shape {tuple(targets.shape)} "
            "have no squared error of each example: broadcasting would compare every pair. "
            "Give the targets the shape of the outputs."
        )
    return (outputs - targets.to(outputs)).square().reshape(len(outputs), -1).mean(1)


def _own_loss(
    loss: Callable, dtype: torch.dtype | None, outputs: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    # A copy of the targets: the loss may write into what it gets.
    with _InDtype(dtype) if dtype is not None else contextlib.nullcontext():
        losses = loss(outputs, targets.clone())
    if not isinstance(losses, torch.Tensor) or tuple(losses.shape) != (len(outputs),):
        shown = tuple(losses.shape) if isinstance(losses, torch.Tensor) else type(losses).__name__
        raise ValueError(
            f"the loss returned {'the shape ' if isinstance(shown, tuple) else 'a '}{shown} for "
            f"{len(outputs)} examples. It must return one loss for each example, (N,), as with "
            "reduction='none': the mean is taken afterwards."
        )
    return losses


class _InDtype(TorchFunctionMode):
    """Converts the floating-point tensors of each operation to one type."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self._dtype = dtype

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if getattr(func, "__name__", "") == "__get__":  # A query of an attribute.
            return func(*args, **(kwargs or {}))
        return func(*self._converted(args), **self._converted(kwargs or {}))

    def _converted(self, tree: Any) -> Any:
        return pytree.tree_map_only(
            torch.Tensor,
            lambda x: x.to(self._dtype) if x.is_floating_point() and x.dtype != self._dtype else x,
            tree,
        )


def correct(
    outputs: torch.Tensor, targets: torch.Tensor, ignore_index: int = -100
) -> tuple[int, int]:
    """Return how many examples have their largest output at the target, and how many count.

    Args:
        outputs: Outputs (N, K); a row with NaN is never right.
        targets: Classes (N,).
        ignore_index: The class of examples that do not count.
    """
    counts = targets != ignore_index
    right = (outputs.argmax(1) == targets) & counts & ~outputs.isnan().any(1)
    return int(right.sum()), int(counts.sum())
