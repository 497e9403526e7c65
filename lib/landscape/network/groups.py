"""Named groups of parameters: the entries of theta that belong to given layers or tensors."""

import dataclasses
import difflib
from collections.abc import Sequence

import torch

from landscape.network.parameters import Layout


@dataclasses.dataclass(frozen=True)
class Group:
    """Some of the named tensors of a layout, in the layout's order.

    Attributes:
        layout: Layout of the group's tensors in a vector (m,) of its own.
        entries: Indices in theta of the group's entries, (m,) int64, ascending.
    """

    layout: Layout
    entries: torch.Tensor

    @property
    def m(self) -> int:
        """Number of entries of the group."""
        return self.layout.n

    def embed(self, v: torch.Tensor, n: int) -> torch.Tensor:
        """Return a displacement of the group as one of theta, zero outside the group.

        Args:
            v: Displacement (m, ...) of the group's entries.
            n: Length of theta.

        Returns:
            Displacement (n, ...), in v's dtype on v's device.
        """
        whole = v.new_zeros((n, *v.shape[1:]))
        whole[self.entries.to(v.device)] = v
        return whole


def group(layout: Layout, names: str | Sequence[str] | None) -> Group:
    """Return the group of all tensors with the given names.

    Args:
        layout: The layout of theta.
        names: Name of a tensor (``"0.weight"``) or of a module with all that is in it
            (``"layer1.0"``), or several of either; None takes all tensors.

    Raises:
        ValueError: If a name is neither a parameter's nor a module's with parameters, or if there
            are no names.
    """
    wanted = [""] if names is None else [names] if isinstance(names, str) else list(names)
    known = [block.name for block in layout.blocks]
    for name in wanted:
        if not any(_fits(parameter, name) for parameter in known):
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.3) or known[:3]
            raise ValueError(
                f"no parameter is named {name!r} and none lies in a module of that name. Pass the "
                f"name of a parameter, such as {', '.join(map(repr, near))}, or of a module: a "
                "parameter's name without its last part."
            )
    blocks, entries, start = [], [], 0
    for block in layout.blocks:
        if any(_fits(block.name, name) for name in wanted):
            blocks.append(dataclasses.replace(block, start=start))
            entries.append(torch.arange(block.start, block.start + block.size))
            start += block.size
    if not blocks:
        raise ValueError("an empty group has no curvature. Name at least one parameter or module.")
    return Group(Layout(tuple(blocks)), torch.cat(entries))


def _fits(parameter: str, name: str) -> bool:
    return name in ("", parameter) or parameter.startswith(f"{name}.")
