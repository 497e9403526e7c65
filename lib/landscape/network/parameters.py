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
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@dataclasses.dataclass(frozen=True)
class ParameterBlock:
    """One named tensor inside theta.

    Attributes:
        name: Name in ``model.named_parameters()``.
        shape: Shape of the tensor.
        start: Index of the first entry in theta.
        kind: ``weight`` (tensor of two or more axes outside normalisation layers, as in convolution
            and linear layers), ``bias``, ``norm`` (scale or shift of a normalisation layer) or
            ``other``.
        axis: For ``kind="weight"`` the axis that counts the filters: a convolution's output
            channels, a linear layer's rows; the second axis where a layer stores its weight as
            (inputs, outputs), as transposed convolutions and those of GPT-2 do.
    """

    name: str
    shape: tuple[int, ...]
    start: int
    kind: ParameterKind
    axis: int = 0

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
        """Number of filters of a weight, 1 for any other kind."""
        return self.shape[self.axis] if self.kind == "weight" else 1

    def rows(self, vector: torch.Tensor) -> torch.Tensor:
        """Return the block's entries of a vector (n,), a row for each filter (filters, size)."""
        tensor = vector[self.entries].view(self.shape)
        if self.kind != "weight":
            return tensor.reshape(1, -1)
        return tensor.movedim(self.axis, 0).reshape(self.filters, -1)

    def flat(self, rows: torch.Tensor) -> torch.Tensor:
        """Return rows, as ``rows`` gives them, in the order in which they stand in theta."""
        if self.kind != "weight" or self.axis == 0:
            return rows.reshape(-1)
        rest = [size for axis, size in enumerate(self.shape) if axis != self.axis]
        return rows.reshape(self.filters, *rest).movedim(0, self.axis).reshape(-1)


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
                filters = block.rows(theta)
                norms[block.entries] = block.flat(
                    filters.norm(dim=1, keepdim=True).expand_as(filters)
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
        owner, own_name = owners[name]
        kind = _kind(owner, own_name, tensor)
        axis = filter_axis(owner, own_name, tensor) if kind == "weight" else 0
        block = ParameterBlock(name, tuple(tensor.shape), start, kind, axis)
        blocks.append(block)
        start += block.size
    if not blocks:
        raise ValueError(
            f"{type(model).__name__} has no parameter with requires_grad=True, so its loss has no "
            "landscape. Pass a model with trainable parameters."
        )
    return Layout(tuple(blocks))


def filter_axis(module: nn.Module, name: str, tensor: torch.Tensor) -> int:
    """Return the axis of a weight that counts its filters.

    Args:
        module: The layer that holds the weight. A layer of one's own that stores its weight as
            (inputs, outputs) says so by an attribute ``filter_axis = 1``, or a dict of it by the
            name of the weight.
        name: Name of the weight in the layer.
        tensor: The weight.

    Raises:
        ValueError: If the layer names an axis that the weight does not have.
    """
    given = getattr(module, "filter_axis", None)
    axis = given.get(name, 0) if isinstance(given, Mapping) else given
    if axis is None:
        turned = isinstance(module, _TRANSPOSED) or _is_turned(module, name, tensor)
        return int(turned and name == "weight")
    if type(axis) is not int or not 0 <= axis < tensor.dim():
        raise ValueError(
            f"filter_axis={given!r} of {type(module).__name__} is no axis of its {name!r} of shape "
            f"{tuple(tensor.shape)}. Give 0 for (outputs, inputs), 1 for (inputs, outputs)."
        )
    return axis


def _is_turned(module: nn.Module, name: str, tensor: torch.Tensor) -> bool:
    """Return whether a layer of the kind of GPT-2's says that its weight is (inputs, outputs).

    Such a layer is no ``nn.Linear``; it has a bias or a number of outputs (``nf``) that fits the
    second axis of its weight and not the first.
    """
    if name != "weight" or tensor.dim() != 2 or isinstance(module, nn.Linear | nn.Embedding):
        return False
    outputs = {getattr(module, key, None) for key in ("nf", "out_features", "out_dim")}
    bias = getattr(module, "bias", None)
    outputs |= {len(bias)} if isinstance(bias, torch.Tensor) and bias.dim() == 1 else set()
    named = type(module).__name__ == "Conv1D"  # Of Hugging Face: square weights as well.
    return tensor.shape[1] in outputs and (named or tensor.shape[0] not in outputs)


def _kind(module: nn.Module, name: str, tensor: torch.Tensor) -> ParameterKind:
    if isinstance(module, NORM_LAYERS):
        return "norm"
    if tensor.dim() <= 1:
        return "bias" if "bias" in name else "other"
    return "weight"
