"""One way to compute: full float32 precision, no autocast, no layers fused for inference alone."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils import checkpoint


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Compute in the network's dtype and by one path, as a context or a decorator.

    Four settings are switched off and restored afterwards:

    - TF32. By default cuDNN computes float32 convolutions in it, with a mantissa of 10 bits. Its
      rounding error of about 5e-4 exceeds the tolerances of this library.
    - Autocast of the caller, whose bfloat16 would be labelled float32.
    - Transformer layers fused for inference, which run only where no gradients are recorded. They
      give zeros at padded positions, and the ordinary layers do not: loss and gradient would be of
      two functions.
    """
    settings = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [setting.allow_tf32 for setting in settings]
    fused = torch.backends.mha.get_fastpath_enabled()
    try:
        for setting in settings:
            setting.allow_tf32 = False  # type: ignore[union-attr]  # both have it
        torch.backends.mha.set_fastpath_enabled(False)
        with _without_checkpoints(), contextlib.ExitStack() as stack:
            for device in ("cpu", "cuda"):
                if torch.is_autocast_enabled(device):
                    stack.enter_context(torch.autocast(device, enabled=False))
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for setting, value in zip(settings, before, strict=True):  # type: ignore[assignment]  # the same settings
            setting.allow_tf32 = value  # type: ignore[union-attr]  # both have it


class _Direct:
    """Stands in for the reentrant checkpoint: calls the function and keeps its graph."""

    @staticmethod
    def apply(function: Any, _: bool, *args: Any) -> Any:
        return function(*args)


def _nothing(*_: Any, **__: Any) -> Iterator[None]:
    """Stand in for what surrounds a block in the other kind of checkpoint."""
    yield


@contextlib.contextmanager
def _without_checkpoints() -> Iterator[None]:
    # By the names that `checkpoint` looks up when it runs: it may have been imported anywhere.
    direct = {"CheckpointFunction": _Direct, "_checkpoint_without_reentrant_generator": _nothing}
    before = {name: getattr(checkpoint, name) for name in direct}
    try:
        for name, value in direct.items():
            setattr(checkpoint, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(checkpoint, name, value)
