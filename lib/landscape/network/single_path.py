"""One path of computation for values and derivatives."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils import checkpoint

from landscape.network.precision import full_precision


@contextlib.contextmanager
def single_path() -> Iterator[None]:
    """Compute in the network's dtype and by one path, as a context or a decorator.

    These are switched off and restored afterwards:

    - TF32: see ``full_precision``.
    - Autocast, of the caller and in ``forward()``, whose bfloat16 would be labelled float32.
    - Checkpoints, which compute a block again.
    - Transformer layers fused for inference, which run only where no gradients are recorded. They
      give zeros at padded positions, and the ordinary layers do not: loss and gradient would be of
      two functions.
    """
    fused = torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        with (
            full_precision(),
            _without_checkpoints(),
            _without_autocast(),
            contextlib.ExitStack() as stack,
        ):
            for device in ("cpu", "cuda"):
                if torch.is_autocast_enabled(device):
                    stack.enter_context(torch.autocast(device, enabled=False))
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


@contextlib.contextmanager
def _without_autocast() -> Iterator[None]:
    """Let autocast change nothing where it is entered, as by a decorator of ``forward()``."""
    enter = torch.autocast.__enter__

    def enter_disabled(self: Any) -> Any:
        enabled, self._enabled = self._enabled, False
        try:
            return enter(self)
        finally:
            self._enabled = enabled

    try:
        torch.autocast.__enter__ = enter_disabled  # type: ignore[method-assign]  # for a while
        yield
    finally:
        torch.autocast.__enter__ = enter  # type: ignore[method-assign]  # as it was


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
