"""The least time that a convolutional network's arithmetic takes on this machine, measured."""

import dataclasses
import statistics
import time
from collections.abc import Callable

import torch
from landscape.network.memory_format import channels_last
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from bench.attempts import Record
from bench.subjects import Subject

NAME = "convolutions alone"
_AT_ONCE = (32, 64, 128)


@dataclasses.dataclass(frozen=True)
class Shape:
    """A convolution of a network, for one example.

    Attributes:
        inputs: Shape (C, H, W) of its input.
        weight: Shape of its kernel.
        options: Stride, padding, dilation and groups.
        count: How often the network has it.
        operations: Multiplications and additions of one forward pass.
    """

    inputs: tuple[int, ...]
    weight: tuple[int, ...]
    options: tuple
    count: int
    operations: float


class _Recorder(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.shapes: dict[tuple, int] = {}
        self.operations: dict[tuple, float] = {}

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func in (functional.conv2d, torch.conv2d):
            x, weight, _, *options = args
            key = (tuple(x.shape[1:]), tuple(weight.shape), tuple(options))
            self.shapes[key] = self.shapes.get(key, 0) + 1
            self.operations[key] = 2.0 * weight.numel() * result.shape[2] * result.shape[3]
        return result


def convolutions(network: nn.Module, inputs: torch.Tensor) -> list[Shape]:
    """Return the convolutions of a network, each shape once.

    Args:
        network: The network.
        inputs: Some examples (N, C, H, W).
    """
    with torch.no_grad(), _Recorder() as recorder:
        network(inputs[:2])
    return [Shape(*key, n, recorder.operations[key]) for key, n in recorder.shapes.items()]


def plane(row: str, subject: Subject, points: int = 625) -> Record:
    """Return the time of the convolutions of a plane: one forward pass at each point."""
    seconds, operations = _total(subject, forward=1, by_inputs=0, by_weights=0)
    return _record(row, subject, points * seconds, points * operations)


def product(row: str, subject: Subject) -> Record:
    """Return the time of the convolutions of a Hessian-vector product whose graph is kept.

    Each convolution y = x * w has the tangent ẋ * w + x * ẇ, and both gradients have two terms
    each: two forward passes, two gradients by inputs and two by weights.
    """
    seconds, operations = _total(subject, forward=2, by_inputs=2, by_weights=2)
    return _record(row, subject, seconds, operations)


def _record(row: str, subject: Subject, seconds: float, operations: float) -> Record:
    note = f"{operations / 1e9:,.0f} G operations at {operations / seconds / 1e9:,.0f} G/s"
    return Record(
        row, subject.name, NAME, "the fastest of 32, 64, 128 at once", (seconds,), note=note
    )


def _total(
    subject: Subject, *, forward: int, by_inputs: int, by_weights: int
) -> tuple[float, float]:
    """Return seconds and operations over all examples; each kind of pass counts so often."""
    examples = len(subject.inputs)
    seconds = operations = 0.0
    for index, shape in enumerate(convolutions(subject.network(), subject.inputs)):
        counts = [forward, by_inputs if index else 0, by_weights]  # Nothing asks for inputs' own.
        trials = [[s / size for s in _seconds(shape, size)] for size in _AT_ONCE]
        pairs = zip(counts, map(min, *trials), strict=True)
        seconds += examples * shape.count * sum(count * time for count, time in pairs)
        operations += examples * shape.count * sum(counts) * shape.operations
    return seconds, operations


def _seconds(shape: Shape, size: int, repeats: int = 15) -> list[float]:
    """Return the median times of a forward pass, of the gradient by inputs, and by weights."""
    x = channels_last(torch.randn(size, *shape.inputs))
    weight = channels_last(torch.randn(shape.weight))
    stride, padding, dilation, groups = (
        *shape.options,
        *((1,), (0,), (1,), 1)[len(shape.options) :],
    )
    pairs = [_pair(option) for option in (stride, padding, dilation)]

    def forward() -> torch.Tensor:
        return functional.conv2d(x, weight, None, *pairs, groups)

    with torch.inference_mode():
        y = channels_last(forward().relu())

        def backward(*mask: bool) -> Callable[[], object]:
            return lambda: torch.ops.aten.convolution_backward(
                y, x, weight, None, *pairs, False, [0, 0], groups, [*mask, False]
            )

        kinds = [forward, backward(True, False), backward(False, True)]
        return [_median(kind, repeats) for kind in kinds]


def _median(function: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        function()
        times.append(time.perf_counter() - begun)
    return statistics.median(times[2:])  # The first ones choose the kernel.


def _pair(value: object) -> list[int]:
    both = [value] if isinstance(value, int) else list(value)  # type: ignore[call-overload]  # numbers
    return both * 2 if len(both) == 1 else both
