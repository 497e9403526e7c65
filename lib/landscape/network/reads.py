"""Which tensors the operations of a forward pass read."""

import inspect

import torch
from torch import nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from landscape.network.copying import copied
from landscape.network.fields import Unpacking, fields_of


class Reads(TorchDispatchMode):
    """Notes the names of given tensors whose memory an operation reads.

    Args:
        watched: Name and tensor of each.

    Attributes:
        names: Names of those that were read so far.
    """

    supports_higher_order_operators = True  # Such as that of flex_attention.

    def __init__(self, watched: list[tuple[str, torch.Tensor]]) -> None:
        super().__init__()
        self._watched = {
            tensor.untyped_storage().data_ptr(): name for name, tensor in watched if tensor.numel()
        }
        self.names: set[str] = set()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # Or PyTorch imports its compiler, which takes seconds.

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Call the operation, and note what it reads."""
        kwargs = kwargs or {}
        for leaf in pytree.tree_leaves((args, kwargs)):
            if isinstance(leaf, torch.Tensor) and leaf.layout == torch.strided:
                try:
                    address = leaf.untyped_storage().data_ptr()
                except RuntimeError:  # It has no memory of its own, as inside torch.func.
                    continue
                if address in self._watched:
                    self.names.add(self._watched[address])
        return func(*args, **kwargs)


def unread_inputs(module: nn.Module, rows: torch.Tensor) -> list[str]:
    """Return the inputs that a forward pass takes by ``**kwargs`` and that no operation reads.

    Nothing else shows that such a name is misspelled.

    Args:
        module: A network in eval mode; it is not changed.
        rows: A few examples, as the network takes them.
    """
    fields, arguments = fields_of(module), inspect.signature(module.forward).parameters
    if fields is None or not any(x.kind == x.VAR_KEYWORD for x in arguments.values()):
        return []
    twin = copied(module)
    for key, hook in list(twin._forward_pre_hooks.items()):
        if isinstance(hook, Unpacking):
            del twin._forward_pre_hooks[key]
            twin._forward_pre_hooks_with_kwargs.pop(key, None)
    first = next(module.parameters())
    args, kwargs = fields.unpacked(rows.to(first.device), first.dtype)
    foreign = [
        (name, x) for name, x in kwargs.items() if torch.is_tensor(x) and name not in arguments
    ]
    with Reads(foreign) as reads:
        try:
            twin(*args, **kwargs)
        except Exception:  # It is raised again, with its cause, where the network computes.
            return []
    return [name for name, x in foreign if x.numel() and name not in reads.names]
