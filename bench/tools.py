"""What the bench asks of a tool: its settings, products, eigenvalues, traces and densities."""

import dataclasses
from collections.abc import Callable

import torch

from bench.subjects import Subject


@dataclasses.dataclass(frozen=True)
class Setting:
    """How a tool is used for products: examples at once, memory format, and a mode of its own.

    A batch of 0 leaves their number to the tool.
    """

    batch: int = 0
    channels_last: bool = False
    mode: str = ""

    def __str__(self) -> str:
        size = f"{self.batch} at once" if self.batch else ""
        parts = [self.mode, size, "channels_last" if self.channels_last else ""]
        return ", ".join(part for part in parts if part)


@dataclasses.dataclass(frozen=True)
class Answer:
    """Numbers that a tool found, and the products that it used where they can be counted."""

    values: tuple[float, ...]
    products: int | None = None


@dataclasses.dataclass(frozen=True)
class Rung:
    """One way to run a tool, from its set-up to its answer.

    Attributes:
        name: Its settings.
        run: Computes the answer from scratch.
        default: Whether these are the tool's own default settings.
        compared: Whether it does the work that is compared.
    """

    name: str
    run: Callable[[], Answer]
    default: bool = False
    compared: bool = True


class Tool:
    """A tool; a list that is empty means that it does not offer the quantity."""

    name = ""
    version = ""

    def settings(self, examples: int) -> list[Setting]:
        """Return the settings among which the fastest is chosen; without channels_last."""
        raise NotImplementedError

    def product(
        self, subject: Subject, setting: Setting
    ) -> Callable[[torch.Tensor], torch.Tensor | list[torch.Tensor]]:
        """Return v (n,) -> H v; the result is flat or in the shapes of the parameters."""
        raise NotImplementedError

    def ladders(
        self, subject: Subject, setting: Setting, end: str, count: int, *, seed: int = 0
    ) -> list[list[Rung]]:
        """Return ladders to the ``largest`` or ``smallest`` values, the loosest rung first.

        ``seed`` is that of the start vector.
        """
        return []

    def traces(self, subject: Subject, setting: Setting, probes: int) -> list[Rung]:
        """Return ways to the trace."""
        return []

    def densities(self, subject: Subject, setting: Setting, probes: int, steps: int) -> list[Rung]:
        """Return ways to the spectral density; their answers hold no values."""
        return []


def batch_sizes(examples: int) -> list[int]:
    """Return the batch sizes that are tried: they divide the examples into equal batches."""
    return [size for size in (128, 256) if size < examples and examples % size == 0] + [examples]


def flat(product: torch.Tensor | list[torch.Tensor]) -> torch.Tensor:
    """Return a product as one vector (n,) in float64."""
    if isinstance(product, torch.Tensor):
        return product.detach().reshape(-1).double()
    return torch.cat([piece.detach().reshape(-1).double() for piece in product])
