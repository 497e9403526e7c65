"""Named groups of parameters: the entries of theta that a layer, or a choice of tensors, holds."""

import dataclasses
import difflib
from collections.abc import Sequence

import torch

from landscape.network.parameters import Layout


@dataclasses.dataclass(frozen=True)
class Group:
    """Some of the named tensors of a layout, in its order.

    Attributes:
        layout: Where each tensor lies in the group's own vector (m,).
        entries: Where the group's entries lie in theta, (m,) int64, ascending.
    """

    layout: Layout
    entries: torch.Tensor

    @property
    def m(self) -> int:
        """Number of entries."""
        return self.layout.n

    def embed(self, v: torch.Tensor, n: int) -> torch.Tensor:
        """Return v (m, ...) as a displacement of theta (n, ...), zero outside the group."""
        whole = v.new_zeros((n, *v.shape[1:]))
        whole[self.entries.to(v.device)] = v
        return whole


def group(layout: Layout, names: str | Sequence[str] | None) -> Group:
    """Return the group of all tensors that ``names`` names.

    Args:
        layout: The layout of theta.
        names: A tensor (``"0.weight"``), a module with all that is in it (``"layer1.0"``), or
            several of either; None takes all.

    Raises:
        ValueError: If a name fits nothing.
    """
    wanted = [""] if names is None else [names] if isinstance(names, str) else list(names)
    known = [block.name for block in layout.blocks]
    for name in wanted:
        if not any(_fits(other, name) for other in known):
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.3) or known[:3]
            raise ValueError(
                f"no parameter is named {name!r} and none lies in a module of that name. Pass the "
                f"name of a parameter, such as {', '.join(map(repr, near))}, or of a module in "
                "front of the last dot."
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


def _fits(block: str, name: str) -> bool:
    return name in ("", block) or block.startswith(f"{name}.")
