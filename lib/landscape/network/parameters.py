"""A network's trainable parameters as one flat vector theta (n,), and the layout of its entries."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

import torch
from torch import nn

ParameterKind = Literal["weight", "bias", "norm", "other"]

NORM_LAYERS = (
    nn.modules.batchnorm._BatchNorm,
    nn.GroupNorm,
    nn.LayerNorm,
    nn.modules.instancenorm._InstanceNorm,
)


@dataclasses.dataclass(frozen=True)
class ParameterBlock:
    """One named tensor inside theta.

    Attributes:
        name: Name in ``model.named_parameters()``.
        shape: Shape of the tensor. For ``kind="weight"`` the first axis counts the filters: a
            convolution's output channels, a linear layer's rows.
        start: Index of the first entry in theta.
        kind: ``weight`` (tensor of two or more axes outside normalisation layers, as in convolution
            and linear layers), ``bias``, ``norm`` (scale or shift of a normalisation layer) or
            ``other``.
    """

    name: str
    shape: tuple[int, ...]
    start: int
    kind: ParameterKind

    @property
    def size(self) -> int:
        """Number of entries of the tensor."""
        return torch.Size(self.shape).numel()

    @property
    def entries(self) -> slice:
        """Slice of theta that holds the tensor."""
        return slice(self.start, self.start + self.size)

    @property
    def filters(self) -> int:
        """Number of filters: the first axis of a weight, 1 for any other kind."""
        return self.shape[0] if self.kind == "weight" else 1


@dataclasses.dataclass(frozen=True)
class Layout:
    """The order of named tensors in theta: trainable parameters, in the model's order.

    Attributes:
        blocks: The tensors, in order and without gaps.
    """

    blocks: tuple[ParameterBlock, ...]

    @property
    def n(self) -> int:
        """Length of theta."""
        return sum(block.size for block in self.blocks)

    def flatten(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return theta (n,) in float64 on the CPU.

        Args:
            tensors: Named tensors; those that the layout does not name are ignored.
        """
        parts = [tensors[block.name].detach().reshape(-1).double() for block in self.blocks]
        return torch.cat(parts).cpu()

    def unflatten(self, theta: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the named tensors as differentiable views of theta (n,).

        Raises:
            ValueError: If theta does not have the shape (n,).
        """
        self.check(theta)
        # One `split`: its backward pass is a single concatenation. A `narrow` for each block would
        # add a vector (n,) for each.
        parts = theta.split([block.size for block in self.blocks])
        return {
            block.name: part.view(block.shape)
            for block, part in zip(self.blocks, parts, strict=True)
        }

    def check(self, theta: torch.Tensor) -> None:
        """Raise ValueError unless theta has the shape (n,), TypeError unless it holds numbers."""
        if not isinstance(theta, torch.Tensor) or not theta.is_floating_point():
            shown = theta.dtype if isinstance(theta, torch.Tensor) else type(theta).__name__
            raise TypeError(
                f"theta is a {shown}. Pass a floating-point tensor of shape ({self.n},), such as "
                "objective.theta; torch.from_numpy makes one of an array."
            )
        if tuple(theta.shape) != (self.n,):
            raise ValueError(
                f"theta has the shape {tuple(theta.shape)}, but this model has n = {self.n} "
                f"parameters. Pass a flat vector of shape ({self.n},), such as objective.theta."
            )

    def select(self, *, kinds: tuple[ParameterKind, ...]) -> torch.Tensor:
        """Return a boolean mask (n,) of the entries of the given kinds.

        Args:
            kinds: Kinds of blocks, such as ``("weight", "bias")``.
        """
        mask = torch.zeros(self.n, dtype=torch.bool)
        for block in self.blocks:
            if block.kind in kinds:
                mask[block.entries] = True
        return mask

    def filter_norms(self, theta: torch.Tensor) -> torch.Tensor:
        """Return, for each entry of a weight, the l2 norm of its filter; 0 for all other entries.

        Args:
            theta: Parameters (n,).

        Returns:
            Norms (n,), in theta's dtype.

        Raises:
            ValueError: If theta does not have the shape (n,).
        """
        self.check(theta)
        norms = torch.zeros_like(theta)
        for block in self.blocks:
            if block.kind == "weight":
                filters = theta[block.entries].view(block.filters, -1)
                norms[block.entries] = (
                    filters.norm(dim=1, keepdim=True).expand_as(filters).reshape(-1)
                )
        return norms


def layout(model: nn.Module) -> Layout:
    """Return the layout of a model's trainable parameters in theta.

    Args:
        model: Any module; a parameter counts if its ``requires_grad`` is True.

    Raises:
        ValueError: If the model has no trainable parameter.
    """
    owners = {
        f"{prefix}.{name}" if prefix else name: (module, name)
        for prefix, module in model.named_modules()
        for name, _ in module.named_parameters(recurse=False)
    }
    blocks, start = [], 0
    for name, tensor in model.named_parameters():
        if not tensor.requires_grad:
            continue
        block = ParameterBlock(name, tuple(tensor.shape), start, _kind(*owners[name], tensor))
        blocks.append(block)
        start += block.size
    if not blocks:
        raise ValueError(
            f"{type(model).__name__} has no parameter with requires_grad=True, so its loss has no "
            "landscape. Pass a model with trainable parameters."
        )
    return Layout(tuple(blocks))


def _kind(module: nn.Module, name: str, tensor: torch.Tensor) -> ParameterKind:
    if isinstance(module, NORM_LAYERS):
        return "norm"
    if tensor.dim() <= 1:
        return "bias" if "bias" in name else "other"
    return "weight"
