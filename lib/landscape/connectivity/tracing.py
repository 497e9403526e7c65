"""Trace hidden units through a network: labels of units follow its operations."""

import contextlib
import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from landscape.connectivity import elementwise
from landscape.connectivity.layer_names import layer_names
from landscape.connectivity.layer_rules import LAYERS
from landscape.connectivity.sources import Source, tie_axis, whole
from landscape.connectivity.ties import EMPTY, FIXED, Ties
from landscape.network.outputs import picked

# By name, because an operation may be called as a function, as a method or in place. They move
# entries and compute nothing, so the same call on the labels gives the result's labels.
_REARRANGING = frozenset(
    "flatten reshape view unflatten squeeze unsqueeze permute transpose movedim chunk split "
    "__getitem__ pad cat concat flip expand expand_as repeat repeat_interleave tile roll narrow "
    "select index_select unbind stack hstack vstack dstack concatenate swapaxes swapdims moveaxis "
    "rot90 fliplr flipud view_as reshape_as gather take_along_dim tensor_split split_with_sizes "
    "hsplit vsplit pixel_shuffle pixel_unshuffle unfold ravel t adjoint diagonal tril triu "
    "__get__".split()
)
# They may also change the type of the entries, or nothing at all.
_KEEPING = frozenset(
    "detach contiguous to float double half bfloat16 type type_as clone dropout dropout1d "
    "dropout2d dropout3d alpha_dropout feature_dropout requires_grad_ checkpoint cpu".split()
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
    fastpath = torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        with layer_names(twin) as current, UnitTracer(twin, ties, current) as tracer:
            tracer.set_labels(inputs, torch.full(inputs.shape, float(FIXED), dtype=torch.float64))
            outputs = twin(inputs)
    finally:
        torch.backends.mha.set_fastpath_enabled(fastpath)
    with contextlib.suppress(TypeError):
        outputs = picked(outputs)
    labels = tracer.labels_of(outputs) if isinstance(outputs, torch.Tensor) else None
    if labels is None:
        raise ValueError(
            f"the network returns a {type(outputs).__name__} that does not come from its input by "
            "known operations. Pass a network whose output is one tensor."
        )
    # Last, since a residual stream ties units of early layers to the outputs.
    ties.fix(labels)
    return ties


class UnitTracer(TorchFunctionMode):
    """Carries labels from the operands of each operation to its result.

    The labels of an activation are a tensor of the same shape. They are float64, which every
    rearranging operation accepts and which is exact for whole numbers up to 2^53. Views of
    parameters carry the places of their entries likewise.

    Args:
        model: The network.
        ties: What is found.
        layers: Names of the running layers, the innermost last.
    """

    def __init__(self, model: nn.Module, ties: Ties, layers: list[str]) -> None:
        super().__init__()
        self.ties, self._layers = ties, layers
        tensors = [*model.named_parameters(), *model.named_buffers()]
        self._names = {id(tensor): name for name, tensor in tensors}
        # id of a tensor -> the tensor and what is known of it. Keeping the tensor keeps its id from
        # being given to a later one, which would then inherit its labels.
        self._labels_by_id: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._sources = {id(x): (x, whole(name, x)) for name, x in model.named_parameters()}
        self._derived: dict[int, torch.Tensor] = {}
        self.called = ""  # Name of the function whose rule is asked.

    def set_labels(self, tensor: torch.Tensor, labels: torch.Tensor) -> None:
        """Set the labels of a tensor, of the same shape."""
        self._labels_by_id[id(tensor)] = (tensor, labels.contiguous())

    def labels_of(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """Return a tensor's labels, or None where it does not depend on the network's input."""
        return self._labels_by_id.get(id(tensor), (tensor, None))[1]

    def units_of(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return a tensor's labels; those of a parameter are new units, a constant is fixed."""
        labels = self.labels_of(tensor)
        if labels is not None:
            return labels
        source = self.source_of(tensor)
        if source is not None:
            return self._lifted(tensor, source)
        if self.is_derived(tensor):
            raise self.refusal("computes with a weight that is no parameter or buffer of its own")
        return torch.where(tensor == 0, float(EMPTY), float(FIXED)).double()

    def source_of(self, tensor: torch.Tensor) -> Source | None:
        """Return where a view of a parameter stands in it; None for other tensors."""
        return self._sources.get(id(tensor), (tensor, None))[1]

    def is_derived(self, tensor: torch.Tensor) -> bool:
        """Return whether a tensor was computed from parameters alone, and is no view of one."""
        return id(tensor) in self._derived

    def name_of(self, tensor: torch.Tensor) -> str:
        """Return the name of the layer whose weight a tensor is."""
        source = self.source_of(tensor)
        return (source.name if source else "").removesuffix(".weight")

    @property
    def layer(self) -> str:
        """Name of the layer that is running."""
        return self._layers[-1]

    def refusal(self, why: str) -> ValueError:
        """Return the error that names the running layer."""
        return ValueError(
            f"layer {self.layer!r} {why}, so it is not known which of its units may "
            "be permuted. Pass a network of linear layers, convolutions, attention, embeddings, "
            "normalisation layers, elementwise operations, pooling, rearrangements and sums."
        )

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        given = list(elementwise.tensors((args, kwargs)))
        operands = [x for x in given if self.labels_of(x) is not None]
        of_parameters = [x for x in given if self.source_of(x) or self.is_derived(x)]
        result = func(*args, **kwargs)
        made = list(elementwise.tensors(result))
        name = getattr(func, "__name__", str(func))
        if not made and (result is not None or name == "__get__"):
            return result  # Numbers and shapes have no labels.
        if not operands:
            if of_parameters and made:
                self._note(name, func, args, kwargs, made)
            return result
        labels = self._result_labels(name, func, operands, of_parameters, result, args, kwargs)
        for tensor, tensor_labels in zip(made, elementwise.tensors(labels), strict=True):
            self.set_labels(tensor, tensor_labels)
        return result

    def _result_labels(self, name, func, operands, of_parameters, result, args, kwargs) -> Any:
        first = args[0] if args else kwargs.get("input", kwargs.get("query"))
        rearranges = name in _REARRANGING and not self._changes_type(first, result)
        every = [self.labels_of(x) for x in operands]
        fixed = all(bool((x == FIXED).all()) for x in every) and not of_parameters  # type: ignore[union-attr]  # operands have labels
        if fixed and not rearranges:
            return self._fixed(result, args)
        if name in _KEEPING and isinstance(result, torch.Tensor):
            return every[0]
        if rearranges:
            return self._rearranged_labels(func, args, kwargs)
        if name in LAYERS:
            self.called = name
            labels = LAYERS[name](self, result, *args, **kwargs)
            if labels is not None:
                return labels
        if elementwise.is_elementwise(func, args, kwargs, result):
            return elementwise.combined(self, func, args, kwargs, result)
        # A weight that depends on the input, a changed entry, an unknown function.
        raise self.refusal(f"calls {name}")

    def _changes_type(self, first: Any, result: Any) -> bool:
        """Return whether a view reads entries as another type, whose labels are other ones."""
        both = isinstance(first, torch.Tensor) and isinstance(result, torch.Tensor)
        return both and first.dtype.itemsize != result.dtype.itemsize

    def _fixed(self, result: Any, args: tuple) -> Any:
        if result is None:  # An assignment into what has no units.
            self.set_labels(args[0], torch.full(args[0].shape, float(FIXED), dtype=torch.float64))
        made = elementwise.tensors(result)
        return [torch.full(x.shape, float(FIXED), dtype=torch.float64) for x in made]

    def _note(self, name: str, func: Callable, args: Any, kwargs: Any, made: list) -> None:
        """Note views of parameters, and what is computed from parameters alone."""
        sources = [x for x in elementwise.tensors((args, kwargs)) if self.source_of(x)]
        single = len(sources) == 1 and not any(
            self.is_derived(x) for x in elementwise.tensors((args, kwargs))
        )
        views: list[torch.Tensor] | None = None
        if single and (name in _REARRANGING or name == "embedding"):
            source = self.source_of(sources[0])
            swap = {id(sources[0]): source.indices}  # type: ignore[union-attr]  # it is a source
            moved = func(*_swapped(args, swap), **_swapped(kwargs, swap))
            views = list(elementwise.tensors(moved))
        elif single and len(made) == 1 and made[0].shape == sources[0].shape:
            if name in _KEEPING or elementwise.is_elementwise(func, args, kwargs, made[0]):
                views = [self.source_of(sources[0]).indices]  # type: ignore[union-attr]  # likewise
        for number, tensor in enumerate(made):
            if views is None:
                self._derived[id(tensor)] = tensor
            else:
                kept = self.source_of(sources[0])._replace(indices=views[number])  # type: ignore[union-attr]  # likewise
                self._sources[id(tensor)] = (tensor, kept)

    def _lifted(self, tensor: torch.Tensor, source: Source) -> torch.Tensor:
        """Return new units of a parameter that stands beside activations, as a class token does."""
        axes = [axis for axis, size in enumerate(source.shape) if size > 1] or [0]
        along = source.along(axes[-1]) if len(source.shape) else source.indices.long()
        count = source.shape[axes[-1]] if len(source.shape) else 1
        units = self.ties.new_units(count, source.name)
        if len(source.shape):
            self.ties.tie(source.name, axes[-1], units)
        return units[along]

    def _rearranged_labels(self, func: Callable, args: tuple, kwargs: dict) -> Any:
        # Padding with another value adds entries that are not EMPTY and whose units are unknown.
        if func.__name__ == "pad" and (kwargs.get("value") or (args[3:] and args[3])):
            raise self.refusal("pads with other values than zero")
        swap = {
            id(x): self.units_of(x)
            for x in elementwise.tensors((args, kwargs))
            if x.is_floating_point() or self._has_units(x)
        }
        # On the labels themselves: the result is labelled without a rule for each operation.
        return func(*_swapped(args, swap), **_swapped(kwargs, swap))

    def _has_units(self, tensor: torch.Tensor) -> bool:
        """Return whether whole numbers are an activation; others say where entries go."""
        labels = self.labels_of(tensor)
        return labels is not None and bool((labels > FIXED).any())

    def units_along(self, tensor: torch.Tensor, axis: int) -> torch.Tensor:
        """Return the unit of each index along an axis, (length,).

        Along the other axes all entries become the same unit, as those of all tokens do; EMPTY
        entries, as at padded borders, count as any.

        Raises:
            ValueError: If different units along the axis would become the same.
        """
        labels = self.units_of(tensor).movedim(axis, 0).flatten(1)
        units = labels.amax(1)  # EMPTY is the smallest label.
        if bool(((labels != units[:, None]) & (labels != EMPTY)).any()):
            before = [set(self.ties.roots(row[row != EMPTY].unique())) for row in labels]
            shared = (
                set.union(*before) if sum(map(len, before)) > len(set.union(*before)) else set()
            )
            if shared - {FIXED}:
                raise self.refusal(f"mixes several units in one entry along axis {axis}")
            self.ties.unite(labels, units[:, None])
        return units

    def tie(self, tensor: torch.Tensor | None, axis: int, labels: torch.Tensor) -> None:
        """Record the unit of each index along an axis of a parameter, buffer or view of one.

        Raises:
            ValueError: If the tensor is none of these, or the units are weights of attention.
        """
        if tensor is None:
            return
        if self.ties.scores.keys() & set(labels.long().tolist()):
            raise self.refusal("takes weights of attention as units")
        source = self.source_of(tensor)
        if source is None and id(tensor) in self._names:
            self.ties.tie(self._names[id(tensor)], axis, labels)
        elif source is None or not tie_axis(self.ties, source, axis % tensor.dim(), labels):
            # As with weight_norm: a weight computed in the forward pass cannot be permuted itself.
            raise self.refusal("computes with a weight that is no parameter or buffer of its own")


def _swapped(tree: Any, swap: dict[int, torch.Tensor]) -> Any:
    """Return nested arguments with other tensors in place of some."""
    if isinstance(tree, torch.Tensor):
        return swap.get(id(tree), tree)
    if isinstance(tree, dict):
        return {key: _swapped(item, swap) for key, item in tree.items()}
    return type(tree)([_swapped(x, swap) for x in tree]) if isinstance(tree, list | tuple) else tree
