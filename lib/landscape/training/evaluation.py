"""Measure mean loss and accuracy of a network during training: on all examples, or on a part."""

import math
from collections.abc import Iterator, Mapping

import torch
from torch import nn

from landscape.data import Examples
from landscape.store import fingerprint as fingerprints
from landscape.training.curves import CurveExamples, CurveSubset, Sample, sample
from landscape.training.objectives import TrainingLoss

_CROSS_ENTROPY = TrainingLoss()
_BATCH_SIZE = 256
# Numbers for each example need no sums that depend on the batches. Layers of few examples stay in
# the processor's cache: a ResNet-20 is a third faster than with 256.
_SMALL_BATCH_SIZE = 32


class Evaluation:
    """Measures a network on splits of the data, in full or on subsets.

    Args:
        splits: ``train`` and ``test`` -> all examples that a measurement in full covers.
        chosen: How many examples the subsets have; None for no subsets.
        loss: The loss that is measured.

    Raises:
        ValueError: If a subset has less than two examples of each class.
    """

    def __init__(
        self,
        splits: Mapping[str, Examples],
        chosen: CurveExamples | None,
        loss: TrainingLoss = _CROSS_ENTROPY,
    ) -> None:
        self._splits, self._loss = splits, loss
        samples = {
            split: sample(targets, getattr(chosen, split), split=split)
            for split, (_, targets) in (splits.items() if chosen is not None else ())
        }
        self._samples: dict[str, Sample] = {
            split: part for split, part in samples.items() if part is not None
        }
        self._parts: dict[str, Examples] = {
            split: (splits[split][0][part.indices], part.labels)
            for split, part in self._samples.items()
        }

    def measure(
        self, model: nn.Module, *, in_full: bool
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Return losses and accuracies in eval mode, and the errors of those that have a subset.

        Args:
            model: The network; it is left in eval mode.
            in_full: Whether all examples are measured, and not the subsets.

        Returns:
            Values and standard errors by name, such as ``train_loss``.
        """
        values: dict[str, float] = {}
        errors: dict[str, float] = {}
        for split, examples in self._splits.items():
            names = f"{split}_loss", f"{split}_accuracy"
            if in_full or split not in self._samples:
                results = [
                    (mean, 0.0) for mean in mean_loss_and_accuracy(model, examples, self._loss)
                ]
            else:
                by_example = losses_and_hits(model, self._parts[split], self._loss)
                results = [self._samples[split].mean(part) for part in by_example]
            for name, (mean, error) in zip(names, results, strict=True):
                values[name] = mean
                if split in self._samples:
                    errors[name] = error
        return values, errors

    def subsets(self) -> dict[str, CurveSubset]:
        """Return the splits that have a subset, and which it is."""
        return {
            split: CurveSubset(
                size=len(part.labels),
                of=len(self._splits[split][1]),
                sha256=fingerprints.digest(self._parts[split]),
            )
            for split, part in self._samples.items()
        }


@torch.inference_mode()
def mean_loss_and_accuracy(
    model: nn.Module, examples: Examples, loss: TrainingLoss = _CROSS_ENTROPY
) -> tuple[float, float]:
    """Return the mean loss and the accuracy of a network, in eval mode.

    Args:
        model: The network; it is left in eval mode.
        examples: Inputs (N, ...), and class indices (N,) or numbers.
        loss: The loss; cross-entropy is in nats.

    Returns:
        Mean loss over the examples, and the share of examples classified correctly; NaN where the
        targets are no classes.
    """
    model.eval()
    total, correct = 0.0, 0
    for inputs, targets in _batches(examples, _BATCH_SIZE):
        outputs = model(inputs)
        # Sums, divided once by N: a mean over batches would overweight a short last batch.
        total += float(loss.total(outputs, targets).double())
        correct += int(_hits(outputs, targets).sum())
    accuracy = correct / len(examples[1]) if _name_classes(examples[1]) else math.nan
    return total / loss.weight(examples[1]), accuracy


@torch.inference_mode()
def losses_and_hits(
    model: nn.Module, examples: Examples, loss: TrainingLoss = _CROSS_ENTROPY
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss of each example, and whether it is classified correctly.

    Args:
        model: The network; it is left in eval mode.
        examples: Inputs (N, ...) and class indices (N,).
        loss: The loss; cross-entropy is in nats.

    Returns:
        Losses (N,), and 1 for each correct example, 0 for the others, (N,); float64.
    """
    model.eval()
    losses, hits = [], []
    for inputs, targets in _batches(examples, _SMALL_BATCH_SIZE):
        outputs = model(inputs)
        losses.append(loss.per_example(outputs, targets))
        hits.append(_hits(outputs, targets))
    return torch.cat(losses).double(), torch.cat(hits).double()


def _batches(examples: Examples, size: int) -> Iterator[Examples]:
    yield from zip(*(tensor.split(size) for tensor in examples), strict=True)


def _name_classes(targets: torch.Tensor) -> bool:
    return targets.dim() == 1 and not targets.is_floating_point()


def _hits(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    if not _name_classes(targets):
        return torch.zeros(len(targets), dtype=torch.bool)
    return outputs.argmax(1) == targets
