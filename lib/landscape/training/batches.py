"""Order the examples of an epoch into batches, and let a run leave another on the way."""

import dataclasses
import math
from collections.abc import Iterator

import torch

from landscape import rng


@dataclasses.dataclass(frozen=True)
class Branch:
    """The moment from which a run sees other batches than the run with its seed.

    Until then both runs are the same, bit for bit; they start from the same weights. From then on
    the order of the examples, and random changes of images, come from other streams. Two runs that
    part at some moment show how far the rest of training decides where they end.

    Attributes:
        at: Epochs from the start to the moment, >= 0; fractions are rounded to a step.
        seed: Seed of the streams ("batches", branch, epoch) and ("augmentation", branch, epoch)
            from then on, together with the run's own seed.

    Raises:
        ValueError: If ``at`` is negative or not finite.

    Reference: Frankle et al. (2020), Linear Mode Connectivity and the Lottery Ticket Hypothesis,
        ICML: instability analysis.
    """

    at: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", float(self.at))
        if not 0 <= self.at < math.inf:
            raise ValueError(
                f"Branch(at={self.at}): a run cannot leave another before its start. Pass the "
                "epochs from the start, finite and >= 0."
            )


def epoch_batches(
    count: int, *, batch_size: int, epoch: int, seed: int, branch: Branch | None = None
) -> Iterator[tuple[torch.Tensor, torch.Generator]]:
    """Yield the batches of an epoch: indices of examples, and the stream of their augmentation.

    Each epoch has streams of its own: a resumed run draws the same batches without replaying the
    past.

    Args:
        count: Number of examples.
        batch_size: Examples in a batch; the last one may be smaller.
        epoch: Number of the epoch, counted from 1.
        seed: Seed of the run.
        branch: The moment from which the run sees other batches; None is never.
    """
    order = torch.randperm(count, generator=rng.stream(seed, "batches", epoch))
    augmentation = rng.stream(seed, "augmentation", epoch)
    if branch is None:
        yield from ((indices, augmentation) for indices in order.split(batch_size))
        return
    steps = math.ceil(count / batch_size)
    shared = round(branch.at * steps) - (epoch - 1) * steps  # Batches of this epoch.
    kept = order[: max(shared, 0) * batch_size]
    yield from ((indices, augmentation) for indices in kept.split(batch_size) if len(indices))
    rest = order[len(kept) :]
    other = rng.stream(seed, "batches", "branch", branch.seed, epoch)
    rest = rest[torch.randperm(len(rest), generator=other)]
    changed = rng.stream(seed, "augmentation", "branch", branch.seed, epoch)
    yield from ((indices, changed) for indices in rest.split(batch_size) if len(indices))
