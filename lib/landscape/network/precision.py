"""Full float32 precision on every device: TF32 switched off."""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Switch TF32 off, as a context or a decorator, and restore the settings afterwards.

    By default cuDNN computes float32 convolutions in TF32, with a mantissa of 10 bits. Its rounding
    error of about 5e-4 exceeds the tolerances of this library.
    """
    settings = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [setting.allow_tf32 for setting in settings]
    try:
        for setting in settings:
            setting.allow_tf32 = False  # type: ignore[union-attr]  # both have it
        yield
    finally:
        for setting, value in zip(settings, before, strict=True):  # type: ignore[assignment]  # the same settings
            setting.allow_tf32 = value  # type: ignore[union-attr]  # both have it
