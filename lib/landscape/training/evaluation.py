"""Measure mean loss and accuracy of a network during training."""

from collections.abc import Iterator

import torch
from torch import nn

from landscape.data import Examples

_BATCH_SIZE = 256


@torch.inference_mode()
def mean_loss_and_accuracy(model: nn.Module, examples: Examples) -> tuple[float, float]:
    """Return the mean cross-entropy and the accuracy of a network, in eval mode.

    Args:
        model: The network; it is left in eval mode.
        examples: Inputs (N, ...) and class indices (N,).

    Returns:
        Mean loss over the examples, in nats, and the share of examples classified correctly.
    """
    model.eval()
    loss, correct = 0.0, 0
    for inputs, targets in _batches(examples, _BATCH_SIZE):
        outputs = model(inputs)
        # Sums, divided once by N: a mean over batches would overweight a short last batch.
        loss += float(nn.functional.cross_entropy(outputs, targets, reduction="sum").double())
        correct += int((outputs.argmax(1) == targets).sum())
    return loss / len(examples[1]), correct / len(examples[1])


def _batches(examples: Examples, size: int) -> Iterator[Examples]:
    yield from zip(*(tensor.split(size) for tensor in examples), strict=True)
