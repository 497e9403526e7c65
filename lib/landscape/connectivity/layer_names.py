"""Names of the modules of a network that are running."""

import contextlib
from collections.abc import Iterator

from torch import nn


@contextlib.contextmanager
def layer_names(model: nn.Module) -> Iterator[list[str]]:
    """Give the names of the modules that are running, the innermost last, for error texts."""
    stack = [type(model).__name__]
    handles = []
    for name, module in model.named_modules():
        if name:
            handles += [
                module.register_forward_pre_hook(lambda *_, name=name: stack.append(name)),
                # None, because any other value of a hook replaces the module's outputs.
                module.register_forward_hook(lambda *_: stack.pop() and None),
            ]
    try:
        yield stack
    finally:
        for handle in handles:
            handle.remove()
