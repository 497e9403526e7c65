"""Examples as readers bring them: copied, checked, and of one length."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from landscape.network.fields import Fields, packed

Examples = tuple[torch.Tensor, torch.Tensor]

# Under these names batches that are dicts hold the targets.
TARGETS = ("labels", "label", "targets", "target", "y")
_WHAT = (
    "Pass a pair (inputs, targets) of tensors with one row for each example, a dict of inputs with "
    "'labels', a DataLoader, a data set, or another iterable of such batches."
)


@dataclasses.dataclass(frozen=True, eq=False)
class ExampleSet:
    """Examples of one length, in memory of their own.

    Attributes:
        inputs: Inputs (N, ...); rows of whole numbers where ``fields`` says what they hold.
        targets: Targets (N, ...).
        fields: Which inputs a row holds, where the network takes several; None for one tensor.
        target: Name under which the batches held the targets; None where they were pairs.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    fields: Fields | None = None
    target: str | None = None

    @property
    def pair(self) -> Examples:
        """Inputs and targets."""
        return self.inputs, self.targets

    def first(self, count: int) -> "ExampleSet":
        """Return the first examples."""
        return dataclasses.replace(self, inputs=self.inputs[:count], targets=self.targets[:count])


def taken(
    examples: Any, *, target: str | None = None, count: int | None = None, where: str = ""
) -> ExampleSet:
    """Return own copies of inputs (N, ...) and targets (N, ...).

    Inputs are one tensor; or a dict, whose items are passed to the forward pass by name; or a
    tuple, passed by position. A loader, a data set or another iterable of batches is read once, in
    the order that it gives, and neither it nor PyTorch's generator moves.

    Args:
        examples: A pair (inputs, targets) of tensors or NumPy arrays; a dict that holds inputs and
            targets, such as a batch of Hugging Face; or an iterable of pairs or dicts.
        target: Key of the targets in dicts; None takes the one of ``TARGETS`` that there is.
        count: Most examples to read; None reads all.
        where: What gives the examples, for messages; empty for the examples themselves.

    Raises:
        TypeError: If they are something else.
        ValueError: If they are no set of examples.
    """
    if isinstance(examples, ExampleSet):
        return examples
    if _is_pair(examples) or isinstance(examples, Mapping):
        try:
            one = _batch(examples, target)
        except (TypeError, ValueError) as error:
            if not where:
                raise
            raise type(error)(f"{where} gives examples in which {error}") from error
    else:
        one = _read(examples, target, count, where)
    return one if count is None else one.first(count)


def _is_pair(examples: Any) -> bool:
    """Return whether examples are inputs and targets, and not two batches."""
    if not isinstance(examples, tuple | list) or len(examples) != 2:
        return False
    return not all(map(_is_batch, examples))


def _is_batch(part: Any) -> bool:
    several = (torch.Tensor, np.ndarray, tuple, list, Mapping)
    is_list = isinstance(part, tuple | list) and any(isinstance(x, several) for x in part)
    return is_list or (isinstance(part, Mapping) and len(part) > 0)


def _batch(batch: Any, target: str | None) -> ExampleSet:
    """Return the examples of a pair or of a dict."""
    held = None
    if isinstance(batch, Mapping):
        held = _target_key(batch, target)
        given, targets = {k: x for k, x in batch.items() if k != held}, batch[held]
    elif target is not None:
        raise ValueError(
            f"the targets are not under {target!r}: the examples are pairs (inputs, targets), and "
            "target= names a key of dicts. Leave target= out."
        )
    else:
        given, targets = batch
    targets, fields = _tensor(targets, "targets"), None
    if isinstance(given, Mapping) or _are_arrays(given):
        inputs, fields = _packed(given)
    else:
        inputs = _tensor(given, "inputs")
    if inputs.dim() == 0 or targets.dim() == 0 or len(inputs) == 0 or len(inputs) != len(targets):
        counts = ["a single number" if x.dim() == 0 else str(len(x)) for x in (inputs, targets)]
        raise ValueError(
            f"{counts[0]} inputs and {counts[1]} targets are no set of examples. "
            "Pass as many targets as inputs, at least one."
        )
    return ExampleSet(inputs, targets, fields, held)


def _are_arrays(parts: Any) -> bool:
    """Return whether inputs are several tensors, as a loader puts them into a list."""
    is_list = isinstance(parts, tuple | list) and len(parts) > 0
    return is_list and all(isinstance(x, torch.Tensor | np.ndarray) for x in parts)


def _target_key(batch: Mapping, target: str | None) -> str:
    names = [target] if target is not None else [name for name in TARGETS if name in batch]
    if len(names) != 1 or names[0] not in batch:
        keys = ", ".join(map(repr, batch)) or "nothing"
        several = f"several that may be the targets ({', '.join(names)})"
        lacks = several if len(names) > 1 else "no targets"
        lacks = lacks if target is None else f"no {target!r}"
        raise ValueError(
            f"the examples are a dict of {keys}, with {lacks}. Name them by target=, or pass a "
            "pair (inputs, targets) whose inputs are a dict."
        )
    return names[0]


def _packed(inputs: Any) -> tuple[torch.Tensor, Fields]:
    parts = dict(inputs) if isinstance(inputs, Mapping) else dict(enumerate(inputs))
    return packed({name: _argument(x, name) for name, x in parts.items()})


def _argument(part: Any, name: str | int) -> Any:
    """Return an input of several: a tensor, or a value that is the same for all examples."""
    if part is None or isinstance(part, bool | int | float | str):
        return part
    return _tensor(part, f"inputs {name!r}")


def _tensor(part: Any, name: str) -> torch.Tensor:
    """Return a copy of a tensor or an array, without a graph."""
    if isinstance(part, np.ma.MaskedArray) and np.ma.is_masked(part):
        raise TypeError(
            f"the {name} are an array of which {np.ma.count_masked(part)} entries are masked, and "
            "a tensor has no mask. Fill them in: array.filled(0), and mark targets by ignore_index."
        )
    if isinstance(part, np.ndarray) and part.dtype.kind in "fiub":
        return torch.from_numpy(np.array(part, dtype=part.dtype.newbyteorder("=")))
    if isinstance(part, torch.Tensor) and part.layout == torch.strided and not part.is_nested:
        with torch.inference_mode(False):
            return part.detach().clone()
    shown = type(part).__name__
    if isinstance(part, torch.Tensor):
        shown = "nested tensor" if part.is_nested else f"{str(part.layout)[6:]} tensor"
    elif isinstance(part, np.ndarray):
        shown = f"array of {part.dtype}"
    hint = ' A tokenizer gives tensors with return_tensors="pt".' if "'" in name else ""
    raise TypeError(
        f"the {name} are a {shown}. Pass {name} as one tensor (N, ...) or NumPy array of numbers, "
        f"a row for each example.{hint}"
    )


def _read(given: Any, target: str | None, count: int | None, where: str) -> ExampleSet:
    batches: list[ExampleSet] = []
    seen = 0
    for batch in _batches(given, where):
        pair = isinstance(batch, tuple | list) and len(batch) == 2
        if not pair and not isinstance(batch, Mapping):
            raise TypeError(
                f"{_giver(given, where)} gives batches that are a {_kind(batch)}. Pass one "
                "that gives pairs (inputs, targets), or dicts with 'labels'; of several inputs "
                "a pair is ((a, b), targets)."
            )
        try:
            batches.append(_batch(batch, target))
        except (TypeError, ValueError) as error:
            raise type(error)(f"{_giver(given, where)} gives batches in which {error}") from error
        seen += len(batches[-1].targets)
        if count is not None and seen >= count:
            break
    if not batches:
        raise ValueError(
            f"{_giver(given, where)} gives no batch. Pass one of at least one example."
        )
    return _joined(batches, _giver(given, where))


def _joined(batches: list[ExampleSet], giver: str) -> ExampleSet:
    first = batches[0]
    unlike = [b for b in batches if b.fields != first.fields or b.target != first.target]
    try:
        if unlike:
            raise RuntimeError(f"{_words(first)} and {_words(unlike[0])}")
        inputs = torch.cat([b.inputs for b in batches])
        targets = torch.cat([b.targets for b in batches])
    except RuntimeError as error:
        raise ValueError(
            f"the batches of {giver} do not fit together: {error}. Pad all examples to one "
            "shape, as by padding='max_length', and give all batches the same keys."
        ) from error
    return dataclasses.replace(first, inputs=inputs, targets=targets)


def _words(batch: ExampleSet) -> str:
    parts = () if batch.fields is None else batch.fields.parts
    held = ", ".join(f"{x.name!r} {x.shape} {str(x.dtype)[6:]}" for x in parts)
    return f"one with {held or 'one tensor'}"


def _giver(given: Any, where: str) -> str:
    return where or f"the {type(given).__name__}"


def _kind(batch: Any) -> str:
    size = f" of {len(batch)}" if isinstance(batch, tuple | list) else ""
    return f"{type(batch).__name__}{size}"


def _batches(given: Any, where: str) -> Iterator[Any]:
    """Yield the batches of a loader, a data set or another iterable, and move no generator."""
    generator = getattr(given, "generator", None)
    state = generator.get_state() if isinstance(generator, torch.Generator) else None
    try:
        with torch.random.fork_rng(devices=[]):
            yield from _iterable(given, where)
    finally:
        if state is not None:
            generator.set_state(state)  # type: ignore[union-attr]  # it has a state


def _iterable(given: Any, where: str) -> Iterable[Any]:
    if isinstance(given, Dataset) or _are_single(given):
        return DataLoader(given, batch_size=64)
    is_data = isinstance(given, Iterable) and not isinstance(
        given, str | bytes | torch.Tensor | np.ndarray | torch.nn.Module
    )
    if isinstance(given, tuple | list):
        is_data = any(isinstance(part, tuple | list | Mapping) for part in given) or not given
    if not is_data:
        begin = f"{where} gives an object of the type" if where else "the examples are a"
        raise TypeError(f"{begin} {_kind(given)}. {_WHAT}")
    return given


def _are_single(given: Any) -> bool:
    """Return whether a list holds examples one by one, and not batches."""
    if not isinstance(given, list) or not given or not isinstance(given[0], tuple | list):
        return False
    target = given[0][-1]
    scalar = isinstance(target, torch.Tensor | np.ndarray | np.generic) and target.ndim == 0
    return len(given[0]) == 2 and (scalar or isinstance(target, int | float))


def packed_like(inputs: Any, fields: Fields | None) -> Any:
    """Return inputs as rows, where the network takes several; else as they are.

    Args:
        inputs: A dict or tuple of inputs, or anything else.
        fields: The inputs that the network takes.

    Raises:
        ValueError: If they are others.
    """
    if fields is None or not (isinstance(inputs, Mapping) or _are_arrays(inputs)):
        return inputs
    rows, taken_fields = _packed(inputs)
    if taken_fields != fields:
        raise ValueError(
            f"inputs {', '.join(map(repr, taken_fields.names))} are not those of the examples, "
            f"{', '.join(map(repr, fields.names))}. Give both the same keys, shapes and types."
        )
    return rows


def in_dtype(targets: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return targets as a network in float64 needs them: floating-point ones in float64 too."""
    widened = targets.is_floating_point() and dtype == torch.float64
    return targets.to(dtype) if widened else targets
