"""Choose a fixed part of the examples for the curves of training, and know what that leaves out."""

import dataclasses
import math

import torch

from landscape import rng
from landscape.store.configuration import Configuration

_PER_CLASS = 2  # With fewer examples of a class its variance is unknown.


@dataclasses.dataclass(frozen=True)
class CurveExamples(Configuration):
    """How many examples the curves of a training run are measured on between its start and its end.

    The first measurement, the last one and that of a step which diverges always cover all examples.
    The part of a split is chosen once, by a random stream of its own: it is the same for all runs
    on the data, and no other random number changes. Each class has its share of it, and at least
    two examples. A split that has no more examples than asked for is always measured in full.

    Attributes:
        train: Number of training examples; with ``TrainConfig.measured`` among those.
        test: Number of test examples.

    Raises:
        ValueError: If a number is no whole number >= 2.
    """

    train: int = 2000
    test: int = 2000

    def __post_init__(self) -> None:
        for name, count in vars(self).items():
            if isinstance(count, bool) or not isinstance(count, int) or count < _PER_CLASS:
                raise ValueError(
                    f"CurveExamples({name}={count!r}): pass a whole number >= {_PER_CLASS}; "
                    "TrainConfig(curve_examples=None) measures all examples."
                )


@dataclasses.dataclass(frozen=True)
class CurveSubset:
    """The part of a split that curves were measured on.

    Attributes:
        size: Number of its examples.
        of: Number of examples that a measurement in full covers.
        sha256: Hash of its inputs and targets, as ``Objective.examples_hash``.
    """

    size: int
    of: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Sample:
    """A random sample of some examples, class by class.

    Attributes:
        indices: The sample's positions among the examples, (n,), in increasing order.
        labels: The classes of the sample, (n,).
        sizes: Class -> number of all its examples.
    """

    indices: torch.Tensor
    labels: torch.Tensor
    sizes: dict[int, int]

    def mean(self, values: torch.Tensor) -> tuple[float, float]:
        """Return the mean over all examples as the sample tells it, and its standard error.

        Each class counts by its number of all examples. The error is that of a stratified sample
        drawn without replacement.

        Args:
            values: The values of the sample, (n,), float64.

        Reference: Cochran (1977), Sampling Techniques, section 5.3.
        """
        total, mean, variance = sum(self.sizes.values()), 0.0, 0.0
        for label, size in self.sizes.items():
            sampled = values[self.labels == label]
            count, share = len(sampled), size / total
            mean += share * float(sampled.mean())
            if count < size:
                variance += share**2 * (1 - count / size) * float(sampled.var()) / count
        return mean, math.sqrt(variance)


def sample(targets: torch.Tensor, count: int, *, split: str) -> Sample | None:
    """Choose examples at random, class by class; the same ones in every call.

    Args:
        targets: Classes of all examples, (N,).
        count: Number of examples to choose.
        split: Name of the split, which names the random stream.

    Returns:
        The sample; None where there are no more examples than asked for.

    Raises:
        ValueError: If ``count`` is less than two examples of each class.
    """
    if count >= len(targets):
        return None
    labels, sizes = (values.tolist() for values in targets.unique(return_counts=True))
    shares = _shares(sizes, count, split)
    generator = rng.stream(0, "curve examples", split)
    chosen = []
    for label, share in zip(labels, shares, strict=True):
        members = (targets == label).nonzero()[:, 0]
        chosen.append(members[torch.randperm(len(members), generator=generator)[:share]])
    indices = torch.cat(chosen).sort().values
    return Sample(indices, targets[indices], dict(zip(labels, sizes, strict=True)))


def _shares(sizes: list[int], count: int, split: str) -> list[int]:
    """Return how many examples of each class are chosen: two, and its share of the rest."""
    least = [min(size, _PER_CLASS) for size in sizes]
    rest, remaining = count - sum(least), sum(sizes) - sum(least)
    if rest < 0:
        raise ValueError(
            f"CurveExamples({split}={count}) is less than {_PER_CLASS} examples of each of the "
            f"{len(sizes)} classes. Pass {sum(least)} or more."
        )
    # Whole numbers throughout: shares must not depend on how a machine rounds.
    parts = [rest * (size - low) for size, low in zip(sizes, least, strict=True)]
    shares = [low + part // remaining for part, low in zip(parts, least, strict=True)]
    by_remainder = sorted(range(len(sizes)), key=lambda i: -(parts[i] % remaining))
    for index in by_remainder[: count - sum(shares)]:
        shares[index] += 1
    return shares
