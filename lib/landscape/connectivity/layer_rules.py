"""Rules of layers: which units their inputs, weights and outputs hold."""

from collections.abc import Callable
from typing import Any

import torch

from landscape.connectivity import attention
from landscape.connectivity.grouped import grouped
from landscape.connectivity.ties import EMPTY, FIXED

Labels = Any  # Labels of the result; None where the rule does not apply.


def _spread(units: torch.Tensor, result: torch.Tensor, axis: int) -> torch.Tensor:
    """Return labels of a result's shape from the unit of each index along an axis."""
    shape = [1] * result.dim()
    shape[axis] = len(units)
    return units.view(shape).expand(result.shape)


def _mix(tracer, result, inputs, weight, bias, *, axis: int, into: int, out: int) -> Labels:
    """Return the labels of a layer that mixes its input units into new ones.

    Args:
        tracer: The trace.
        result: The layer's result.
        inputs: Its inputs.
        weight: Its weight.
        bias: Its bias.
        axis: Axis of the inputs' units.
        into: Axis of the weight for inputs.
        out: Axis of the weight for outputs.
    """
    labels = tracer.units_of(inputs).movedim(axis, 0)
    if len(labels) > 1 and bool((labels == labels[:1]).all()) and bool((labels > FIXED).all()):
        # It mixes places, not units, as a layer over tokens or pixels does.
        for place in (into, out):
            size = weight.shape[place]
            tracer.tie(weight, place, torch.full((size,), float(FIXED), dtype=torch.float64))
        if bias is not None:
            tracer.tie(bias, 0, torch.full((len(bias),), float(FIXED), dtype=torch.float64))
        return labels[:1].movedim(0, axis).expand(result.shape)
    tracer.tie(weight, into, tracer.units_along(inputs, axis))
    units = tracer.ties.new_units(weight.shape[out], tracer.name_of(weight))
    tracer.tie(weight, out, units)
    tracer.tie(bias, 0, units)
    return _spread(units, result, axis)


def _linear(tracer, result, input, weight, bias=None) -> Labels:
    _check_weight(tracer, "linear", weight)
    return _mix(tracer, result, input, weight, bias, axis=-1, into=1, out=0)


def _matmul(tracer, result, input, other, *_, **__) -> Labels:
    if tracer.labels_of(other) is not None and tracer.labels_of(input) is not None:
        return attention.product(tracer, result, input, other)
    if tracer.source_of(other) is not None and other.dim() == 2:
        return _mix(tracer, result, input, other, None, axis=-1, into=0, out=1)
    constant = other if tracer.labels_of(other) is None else input
    if tracer.source_of(constant) is None and not tracer.is_derived(constant):
        return attention.product(tracer, result, input, other)
    return None


def _addmm(tracer, result, input, mat1, mat2, *, beta=1, alpha=1) -> Labels:
    if tracer.source_of(mat2) is None or beta != 1 or alpha != 1:
        return None
    return _mix(tracer, result, mat1, mat2, input, axis=-1, into=0, out=1)


def _check_weight(tracer, name: str, weight: torch.Tensor) -> None:
    if tracer.labels_of(weight) is not None:
        raise tracer.refusal(f"calls {name} with a weight that depends on the input")


def _conv(
    tracer, result, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1
) -> Labels:
    _check_weight(tracer, "a convolution", weight)
    if groups == 1:
        return _mix(tracer, result, input, weight, bias, axis=1, into=1, out=0)
    if groups != input.shape[1] or groups != len(weight):
        return grouped(tracer, result, input, weight, bias, groups)
    # Depthwise: each unit has its own filter, as it has its own scale in a normalisation.
    return _unitwise(tracer, result, input, weight, bias, axis=1)


def _conv_transposed(
    tracer, result, input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, *_
) -> Labels:
    _check_weight(tracer, "a convolution", weight)
    if groups != 1:
        raise tracer.refusal(f"is a convolution in {groups} groups, which are no single units")
    return _mix(tracer, result, input, weight, bias, axis=1, into=0, out=1)


def _unitwise(tracer, result, input, *tensors, axis: int) -> Labels:
    """Return the labels of a layer that treats each unit by itself, with its own parameters."""
    units = tracer.units_along(input, axis)
    # A shift fills an empty channel; its parameters then belong to no unit, and must not move.
    units = units.where(units != EMPTY, float(FIXED))
    for tensor in tensors:
        tracer.tie(tensor, 0, units)
    return _spread(units, result, axis)


def _channel_norm(
    tracer, result, input, running_mean=None, running_var=None, weight=None, bias=None, *_, **__
) -> Labels:
    return _unitwise(tracer, result, input, running_mean, running_var, weight, bias, axis=1)


def _layer_norm(tracer, result, input, normalized_shape, weight=None, bias=None, *_, **__):
    axis = input.dim() - len(normalized_shape)
    labels = tracer.units_of(input)
    over = tuple(range(axis, input.dim()))
    lines = labels.flatten(axis)
    if lines.shape[-1] > 1 and bool((lines == lines[..., :1]).all()):
        # Each unit is normalised by itself, over places that all units share.
        sizes = {x: float(FIXED) for x in (weight, bias) if x is not None}
        for tensor, value in sizes.items():
            tracer.tie(tensor, 0, torch.full((len(tensor),), value, dtype=torch.float64))
        return labels.where(labels != EMPTY, float(FIXED))
    spread = _unitwise(tracer, result, input, weight, bias, axis=axis)
    _symmetric(tracer, spread, over)
    return spread


def _rms_norm(tracer, result, input, normalized_shape, weight=None, eps=None) -> Labels:
    return _layer_norm(tracer, result, input, normalized_shape, weight)


def _group_norm(tracer, result, input, num_groups, weight=None, bias=None, *_, **__) -> Labels:
    labels = _unitwise(tracer, result, input, weight, bias, axis=1)
    units = tracer.units_along(input, 1).long().tolist()
    # Units of one group share mean and variance: exchanged with a unit of another group, both
    # groups would be normalised differently. A mark names layer and group.
    size = len(units) // num_groups
    for channel, label in enumerate(units):
        tracer.ties.marks.append((label, f"{tracer.layer} {channel // size}"))
    return labels


def _prelu(tracer, result, input, weight) -> Labels:
    if weight.numel() == 1:
        return tracer.units_of(input)
    return _unitwise(tracer, result, input, weight, axis=1 if input.dim() > 1 else 0)


def _glu(tracer, result, input, dim=-1) -> Labels:
    return tracer.ties.unite(*tracer.units_of(input).chunk(2, dim))


def _pool(tracer, result, input, *_, **__) -> Labels:
    # Several results, as of a pooling with indices, would not all hold units.
    if not isinstance(result, torch.Tensor):
        return None
    return _spread(tracer.units_along(input, 1), result, 1)


def _embedding(tracer, result, input, weight, *_, **__) -> Labels:
    units = tracer.ties.new_units(weight.shape[1], tracer.name_of(weight))
    tracer.tie(weight, 1, units)
    tracer.tie(weight, 0, torch.full((len(weight),), float(FIXED), dtype=torch.float64))
    return units.expand(result.shape)


def _reduced(tracer, result, *args, **kwargs) -> Labels:
    """Rule of sums, means and other symmetric functions over axes."""
    input = args[0] if args else kwargs["input"]
    place = 2 if tracer.called in ("norm", "linalg_vector_norm") else 1
    dim = kwargs.get("dim", kwargs.get("axis", args[place] if len(args) > place else None))
    if not isinstance(result, torch.Tensor) or isinstance(dim, torch.Tensor):
        return None
    dims = range(input.dim()) if dim is None else [dim] if isinstance(dim, int) else dim
    over = tuple(sorted(axis % input.dim() for axis in dims))
    labels = tracer.units_of(input)
    units = labels.amax(over, keepdim=True)
    if bool(((labels != units) & (labels != EMPTY)).any()):
        _symmetric(tracer, labels, over)
        return torch.full(result.shape, float(FIXED), dtype=torch.float64)
    return units.reshape(result.shape)


def _normalized(tracer, result, *args, **kwargs) -> Labels:
    """Rule of softmax and other functions that treat all entries along an axis alike."""
    input = args[0] if args else kwargs["input"]
    place = 2 if tracer.called == "normalize" else 1
    dim = kwargs.get("dim", args[place] if len(args) > place else 1)
    labels = tracer.units_of(input)
    if not isinstance(dim, int):
        return None
    lines = labels.movedim(dim, -1)
    if bool((lines != lines[..., :1]).any()):
        labels = labels.where(labels != EMPTY, float(FIXED))
        _symmetric(tracer, labels, (dim % input.dim(),))
    return labels


def _cumulated(tracer, result, input, dim, *_, **__) -> Labels:
    """Rule of functions along an axis that no two units share, such as the axis of tokens."""
    lines = tracer.units_of(input).movedim(dim, 0)
    alike = isinstance(result, torch.Tensor) and bool((lines == lines[:1]).all())
    return tracer.units_of(input) if alike else None


def _symmetric(tracer, labels: torch.Tensor, over: tuple[int, ...]) -> None:
    """Note that units are taken together: they may change places among themselves alone."""
    rest = [axis for axis in range(labels.dim()) if axis not in over]
    rows = labels.permute(*rest, *over).flatten(len(rest)) if rest else labels.flatten()[None]
    rows = rows.reshape(-1, rows.shape[-1]).sort(dim=1).values.unique(dim=0)
    number = len(tracer.ties.marks)
    for index, row in enumerate(rows):
        values, counts = row.unique(return_counts=True)
        for label, count in zip(values.long().tolist(), counts.tolist(), strict=True):
            tracer.ties.marks.append((label, f"together {number} {index} {count}"))


# Name of a PyTorch function -> rule, which takes the function's result and then its arguments under
# PyTorch's names, because a module may pass them by name. A new norm needs a rule here.
LAYERS: dict[str, Callable] = {
    "linear": _linear,
    **dict.fromkeys(("matmul", "__matmul__", "bmm", "mm"), _matmul),
    "addmm": _addmm,
    "einsum": attention.summed,
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _conv),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _conv_transposed),
    **dict.fromkeys(("batch_norm", "instance_norm"), _channel_norm),
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    "prelu": _prelu,
    "glu": _glu,
    "embedding": _embedding,
    "scaled_dot_product_attention": attention.fused,
    "multi_head_attention_forward": attention.packed,
    **dict.fromkeys(
        "mean sum nansum var std amax amin norm linalg_vector_norm logsumexp prod".split(), _reduced
    ),
    **dict.fromkeys(("softmax", "log_softmax", "softmin", "normalize"), _normalized),
    **dict.fromkeys("cumsum cumprod logcumsumexp".split(), _cumulated),
    **dict.fromkeys(
        [
            f"{kind}_pool{d}d"
            for kind in ("max", "avg", "adaptive_max", "adaptive_avg", "lp")
            for d in (1, 2, 3)
        ]
        + ["interpolate", "upsample"],
        _pool,
    ),
}
