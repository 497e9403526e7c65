"""Precision: float32 means float32, on every device."""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Compute without TF32, whose 10-bit mantissa cuDNN's convolutions take for float32 by default.

    Its rounding, about 5e-4, would be larger than the tolerances of this library. Works as a
    decorator too; the setting is put back.
    """
    settings = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [setting.allow_tf32 for setting in settings]
    try:
        for setting in settings:
            setting.allow_tf32 = False
        yield
    finally:
        for setting, value in zip(settings, before, strict=True):
            setting.allow_tf32 = value
