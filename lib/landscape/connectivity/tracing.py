"""Trace hidden units through a network: labels of units follow its operations."""

import contextlib
import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from landscape.connectivity.ties import EMPTY, FIXED, Ties

# By name, because an operation may be called as a function, as a method or in place. Each of these
# maps zero to zero: with sigmoid, say, an entry that was EMPTY would no longer be empty.
_UNITWISE = frozenset(
    "relu relu_ relu6 leaky_relu gelu tanh tanh_ silu elu selu celu hardtanh dropout dropout1d "
    "dropout2d clone detach contiguous to float double".split()
)
# They move entries and compute nothing, so the same call on the labels gives the result's labels.
_REARRANGING = frozenset(
    "flatten reshape view unflatten squeeze unsqueeze permute transpose movedim chunk split "
    "__getitem__ pad cat concat flip".split()
)
_ADDING = frozenset("add add_ __add__ __radd__ __iadd__".split())
_POOLING = frozenset(
    f"{kind}_pool{d}d" for kind in ("max", "avg", "adaptive_max", "adaptive_avg") for d in (1, 2, 3)
)


@torch.no_grad()
def trace_units(model: nn.Module, inputs: torch.Tensor) -> Ties:
    """Run a copy of a network once and record where its hidden units stand.

    See ``permutation_groups``, which makes groups of them.

    Args:
        model: The network; it is not changed.
        inputs: One input (1, ...), of the network's dtype and on its device.

    Returns:
        The units and the tensors that hold them.

    Raises:
        ValueError: If an operation is not understood; the text names the layer and the operation.
    """
    # In eval mode: dropout would draw global random numbers.
    twin, ties = copy.deepcopy(model).eval(), Ties()
    with _layer_names(twin) as current, _UnitTracer(twin, ties, current) as tracer:
        tracer.set_labels(inputs, torch.full(inputs.shape, float(FIXED), dtype=torch.float64))
        outputs = twin(inputs)
    labels = tracer.labels_of(outputs) if isinstance(outputs, torch.Tensor) else None
    if labels is None:
        raise ValueError(
            f"the network returns a {type(outputs).__name__} that does not come from its input by "
            "known operations. Pass a network whose output is one tensor."
        )
    # Last, since a residual stream ties units of early layers to the outputs.
    ties.fix(labels)
    return ties


@contextlib.contextmanager
def _layer_names(model: nn.Module) -> Iterator[list[str]]:
    """Give the names of the modules that are running, the innermost last, for error texts."""
    stack = [type(model).__name__]
    handles = []
    for name, module in model.named_modules():
        if name:
            handles += [
                module.register_forward_pre_hook(lambda *_, name=name: stack.append(name)),
                # None, because any other value of a hook replaces the module's outputs.
                module.register_forward_hook(lambda *_: stack.pop() and None),
            ]
    try:
        yield stack
    finally:
        for handle in handles:
            handle.remove()


class _UnitTracer(TorchFunctionMode):
    """Carries labels from the operands of each operation to its result.

    The labels of an activation are a tensor of the same shape. They are float64, which every
    rearranging operation accepts and which is exact for whole numbers up to 2^53.
    """

    def __init__(self, model: nn.Module, ties: Ties, layers: list[str]) -> None:
        super().__init__()
        self._ties, self._layers = ties, layers
        tensors = [*model.named_parameters(), *model.named_buffers()]
        self._names = {id(tensor): name for name, tensor in tensors}
        # id of an activation -> the activation and its labels. Keeping the activation keeps its id
        # from being given to a later tensor, which would then inherit its labels.
        self._labels_by_id: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def set_labels(self, tensor: torch.Tensor, labels: torch.Tensor) -> None:
        """Set the labels of a tensor, of the same shape."""
        self._labels_by_id[id(tensor)] = (tensor, labels.contiguous())

    def labels_of(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """Return a tensor's labels, or None where it does not depend on the network's input."""
        return self._labels_by_id.get(id(tensor), (tensor, None))[1]

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        operands = [x for x in _tensors((args, kwargs)) if self.labels_of(x) is not None]
        result = func(*args, **kwargs)
        if not operands or (result is not None and not any(True for _ in _tensors(result))):
            # Numbers and shapes have no labels. None passes: an operation that returns nothing, as
            # x[0] = 1, changes an operand, and must be refused below.
            return result
        labels = self._result_labels(func, operands, result, args, kwargs)
        for tensor, tensor_labels in zip(_tensors(result), _tensors(labels), strict=True):
            self.set_labels(tensor, tensor_labels)
        return result

    def _result_labels(
        self, func: Callable, operands: list, result: Any, args: tuple, kwargs: dict
    ):
        name = getattr(func, "__name__", str(func))
        # Several results, as of a pooling with indices, would not all hold units.
        single = isinstance(result, torch.Tensor)
        if name in _UNITWISE and single:
            return self.labels_of(operands[0])
        if name in _REARRANGING:
            return self._rearranged_labels(func, args, kwargs)
        # A summand without labels, such as a parameter, may treat units unequally: refused below.
        if name in _ADDING and len(operands) == len(list(_tensors((args, kwargs)))) == 2:
            return self._ties.unite(*map(self.labels_of, operands))  # type: ignore[arg-type]  # operands have labels
        if name in _POOLING and single:
            return _spread(self._units_along(operands[0], 1), result, 1)
        # Labels of the layer's input count: a weight that depends on the input is refused.
        if name in _LAYERS and self.labels_of(args[0] if args else kwargs["input"]) is not None:
            return _LAYERS[name](self, result, *args, **kwargs)
        raise self._refusal(f"calls {name}")

    def _refusal(self, why: str) -> ValueError:
        return ValueError(
            f"layer {self._layers[-1]!r} {why}, so it is not known which of its units may "
            "be permuted. Pass a network of linear layers, convolutions, normalisation layers, "
            "elementwise activations, pooling, flattening, zero padding and sums."
        )

    def _rearranged_labels(self, func: Callable, args: tuple, kwargs: dict) -> Any:
        # Padding with another value, or joining a parameter, adds entries that are not EMPTY and
        # whose units are unknown.
        if func.__name__ == "pad" and (kwargs.get("value") or (args[3:] and args[3])):
            raise self._refusal("pads with other values than zero")
        if any(
            self.labels_of(x) is None and x.is_floating_point() for x in _tensors((args, kwargs))
        ):
            raise self._refusal(
                f"calls {func.__name__} with a tensor that does not come from the input"
            )
        # On the labels themselves: the result is labelled without a rule for each operation.
        return func(*self._with_labels(args), **self._with_labels(kwargs))

    def _with_labels(self, tree: Any) -> Any:
        """Return arguments with labels in place of the tensors that have them."""
        if isinstance(tree, torch.Tensor):
            labels = self.labels_of(tree)
            return tree if labels is None else labels
        if isinstance(tree, dict):
            return {key: self._with_labels(item) for key, item in tree.items()}
        return type(tree)(map(self._with_labels, tree)) if isinstance(tree, list | tuple) else tree

    def _units_along(self, tensor: torch.Tensor, axis: int) -> torch.Tensor:
        """Return the unit of each index along an axis, (length,).

        Along the other axes all entries must be the same unit, or EMPTY as at padded borders.
        """
        labels = self.labels_of(tensor).movedim(axis, 0).flatten(1)  # type: ignore[union-attr]  # an operand has labels
        units = labels.amax(1)  # EMPTY is the smallest label.
        if bool(((labels != units[:, None]) & (labels != EMPTY)).any()):
            raise self._refusal(f"mixes several units in one entry along axis {axis}")
        return units

    def _mean(self, result, input, dim, keepdim=False, *_, **__) -> torch.Tensor:
        labels = self.labels_of(input)
        units = labels.amax(dim, keepdim=True)  # type: ignore[union-attr]  # an operand has labels
        if bool(((labels != units) & (labels != EMPTY)).any()):  # type: ignore[union-attr]  # an operand has labels
            raise self._refusal(f"averages several units over the axes {dim}")
        return units.view(result.shape)

    def _tie(self, tensor: torch.Tensor | None, axis: int, labels: torch.Tensor) -> None:
        if tensor is None:
            return
        # As with weight_norm: a weight computed in the forward pass cannot be permuted itself.
        if id(tensor) not in self._names:
            raise self._refusal("computes with a weight that is no parameter or buffer of its own")
        self._ties.tie(self._names[id(tensor)], axis, labels)

    def _mixing_layer(self, result, inputs, weight, bias, *, axis: int) -> torch.Tensor:
        """Return the labels of a layer that mixes its input units into new ones."""
        self._tie(weight, 1, self._units_along(inputs, axis))
        name = self._names.get(id(weight), "").removesuffix(".weight")
        units = self._ties.new_units(len(weight), name)
        self._tie(weight, 0, units)
        self._tie(bias, 0, units)
        return _spread(units, result, axis)

    def _linear(self, result, input, weight, bias=None) -> torch.Tensor:
        return self._mixing_layer(result, input, weight, bias, axis=-1)

    def _conv(
        self, result, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1
    ) -> torch.Tensor:
        if groups == 1:
            return self._mixing_layer(result, input, weight, bias, axis=1)
        if groups != input.shape[1] or groups != len(weight):
            raise self._refusal(f"is a convolution in {groups} groups, which are no single units")
        # Depthwise: each unit has its own filter, as it has its own scale in a normalisation.
        return self._unitwise_layer(result, input, weight, bias, axis=1)

    def _unitwise_layer(self, result, input, *tensors, axis: int) -> torch.Tensor:
        """Return the labels of a layer that treats each unit by itself, with its own parameters."""
        units = self._units_along(input, axis)
        # A shift fills an empty channel; its parameters then belong to no unit, and must not move.
        units = units.where(units != EMPTY, float(FIXED))
        for tensor in tensors:
            self._tie(tensor, 0, units)
        return _spread(units, result, axis)

    def _channel_norm(
        self, result, input, running_mean=None, running_var=None, weight=None, bias=None, *_, **__
    ) -> torch.Tensor:
        return self._unitwise_layer(result, input, running_mean, running_var, weight, bias, axis=1)

    def _layer_norm(self, result, input, normalized_shape, weight=None, bias=None, *_, **__):
        axis = input.dim() - len(normalized_shape)
        return self._unitwise_layer(result, input, weight, bias, axis=axis)

    def _group_norm(self, result, input, num_groups, weight=None, bias=None, *_, **__):
        labels = self._unitwise_layer(result, input, weight, bias, axis=1)
        units = self._units_along(input, 1).long().tolist()
        # Units of one group share mean and variance: exchanged with a unit of another group, both
        # groups would be normalised differently. A mark names layer and group.
        size = len(units) // num_groups
        for channel, label in enumerate(units):
            self._ties.marks.append((label, f"{self._layers[-1]} {channel // size}"))
        return labels


# Name of a PyTorch function -> rule, which takes the function's result and then its arguments under
# PyTorch's names, because a module may pass them by name. A new norm needs a rule here.
_LAYERS: dict[str, Callable] = {
    "linear": _UnitTracer._linear,
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _UnitTracer._conv),
    **dict.fromkeys(("batch_norm", "instance_norm"), _UnitTracer._channel_norm),
    "layer_norm": _UnitTracer._layer_norm,
    "group_norm": _UnitTracer._group_norm,
    "mean": _UnitTracer._mean,
}


def _spread(units: torch.Tensor, result: torch.Tensor, axis: int) -> torch.Tensor:
    """Return labels of a result's shape from the unit of each index along an axis."""
    shape = [1] * result.dim()
    shape[axis] = len(units)
    return units.view(shape).expand(result.shape)


def _tensors(tree: Any) -> Iterator[torch.Tensor]:
    """Yield all tensors in nested lists, tuples and dicts."""
    if isinstance(tree, torch.Tensor):
        yield tree
    elif isinstance(tree, list | tuple | dict):
        for item in tree.values() if isinstance(tree, dict) else tree:
            yield from _tensors(item)
