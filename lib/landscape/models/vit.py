"""Build small vision transformers."""

import dataclasses
from typing import Literal

import torch
from torch import nn

from landscape.models.family import ModelConfig
from landscape.models.initialization import initialize, torch_uniform


@dataclasses.dataclass(frozen=True)
class ViT(ModelConfig):
    """Patches, learned positions, pre-norm transformer blocks, norm, pooling and a linear layer.

    There is no dropout. Linear layers start uniform within ±1/√fan_in as in the other families;
    positions and class token start from N(0, 0.02²). The bias of the keys has no effect, since the
    softmax ignores a term that all keys share; so the Hessian has at least ``dim`` zero eigenvalues
    for each block.

    Attributes:
        patch: Side of a patch in pixels; it must divide height and width.
        dim: Length of a token.
        depth: Number of blocks.
        heads: Number of attention heads; it must divide ``dim``.
        mlp_ratio: Ratio of the hidden units of a block's perceptron to ``dim``.
        pool: Input of the output layer: ``class``, the last value of an extra token, or ``mean``,
            the mean over patches.

    Raises:
        ValueError: If a size is not positive, ``heads`` does not divide ``dim``, ``mlp_ratio``
            gives no whole number of units, or ``pool`` is unknown.

    Reference: Dosovitskiy et al. (2021), An Image is Worth 16x16 Words, ICLR.
    """

    patch: int = 4
    dim: int = 64
    depth: int = 4
    heads: int = 4
    mlp_ratio: float = 2.0
    pool: Literal["class", "mean"] = "class"

    def __post_init__(self) -> None:
        object.__setattr__(self, "mlp_ratio", float(self.mlp_ratio))
        sizes = (self.patch, self.dim, self.depth, self.heads)
        if min(sizes) < 1 or self.dim % self.heads:
            raise ValueError(
                f"ViT(patch={self.patch}, dim={self.dim}, depth={self.depth}, heads={self.heads}) "
                "cannot be built. All must be >= 1, and heads must divide dim."
            )
        hidden = self.dim * self.mlp_ratio
        if not hidden >= 1 or not hidden.is_integer():
            raise ValueError(
                f"mlp_ratio={self.mlp_ratio} makes {hidden:g} hidden units of dim={self.dim}. "
                "Pass a ratio that gives a whole number >= 1, such as 2 or 4."
            )
        if self.pool not in ("class", "mean"):
            raise ValueError(f"pool={self.pool!r} is not known to ViT. Pass 'class' or 'mean'.")

    def build(self, shape: tuple[int, int, int], classes: int, *, seed: int) -> nn.Module:
        """Return an initialised network.

        Args:
            shape: (channels, height, width) of an input.
            classes: Number of outputs.
            seed: Seed; each layer draws from the stream ``(seed, "initialization", name)``.

        Returns:
            The network, in train mode, float32, on the CPU.

        Raises:
            ValueError: If the patches do not tile the image.
        """
        rules = {nn.Linear: torch_uniform, Tokens: Tokens.draw}
        return initialize(lambda: self._module(shape, classes), rules, seed=seed)  # type: ignore[arg-type]  # Tokens have their own rule

    def _module(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        channels, height, width = shape
        if height % self.patch or width % self.patch:
            raise ValueError(
                f"patches of {self.patch} x {self.patch} do not tile images of {height} x {width} "
                "pixels. Pass a patch that divides both."
            )
        patches = (height // self.patch) * (width // self.patch)
        hidden = int(self.dim * self.mlp_ratio)
        return nn.Sequential(
            Patches(self.patch),
            nn.Linear(channels * self.patch**2, self.dim),
            Tokens(patches, self.dim, class_token=self.pool == "class"),
            *(TransformerBlock(self.dim, self.heads, hidden) for _ in range(self.depth)),
            nn.LayerNorm(self.dim),
            Pool(self.pool),
            nn.Linear(self.dim, classes),
        )


class Patches(nn.Module):
    """Cut images (N, C, H, W) into flattened square patches (N, patches, C side²), row by row.

    Args:
        side: Side of a patch in pixels.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the patches (N, patches, C side²) of images (N, C, H, W)."""
        tiles = images.unflatten(3, (-1, self.side)).unflatten(2, (-1, self.side))
        return tiles.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)

    def extra_repr(self) -> str:
        """Return the side, for the printed network."""
        return str(self.side)


class Tokens(nn.Module):
    """Add learned positions to tokens (N, tokens, dim), and an optional class token before them.

    Both are flat vectors: a matrix would count as a layer's weight with one filter per position.

    Args:
        patches: Number of patches of an image.
        dim: Length of a token.
        class_token: Whether there is a class token.
    """

    def __init__(self, patches: int, dim: int, *, class_token: bool) -> None:
        super().__init__()
        self.patches, self.dim = patches, dim
        self.class_token = nn.Parameter(torch.empty(dim)) if class_token else None
        self.positions = nn.Parameter(torch.empty((patches + class_token) * dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the tokens with their positions, the class token first."""
        if self.class_token is not None:
            x = torch.cat([self.class_token.expand(len(x), 1, -1), x], dim=1)
        return x + self.positions.view(-1, self.dim)

    def draw(self, generator: torch.Generator) -> None:
        """Draw positions and class token from N(0, 0.02²), in place."""
        for tensor in self.parameters(recurse=False):
            nn.init.normal_(tensor, std=0.02, generator=generator)

    def extra_repr(self) -> str:
        """Return the sizes, for the printed network."""
        return f"{self.patches}, {self.dim}, class_token={self.class_token is not None}"


class TransformerBlock(nn.Module):
    """Apply attention, then a perceptron, each after a layer norm and added to its input.

    Args:
        dim: Length of a token.
        heads: Number of attention heads.
        hidden: Number of hidden units of the perceptron.
    """

    def __init__(self, dim: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(dim), Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's output for tokens (N, tokens, dim)."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Attention(nn.Module):
    """Apply self-attention with several heads; every token sees every token.

    Args:
        dim: Length of a token.
        heads: Number of heads; it must divide ``dim``.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.projection = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the values that each token gathers from all tokens, (N, tokens, dim)."""
        # (3, N, heads, tokens, dim / heads): queries, keys and values, split by head.
        parts = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        gathered = nn.functional.scaled_dot_product_attention(*parts.unbind(0))
        return self.projection(gathered.transpose(1, 2).flatten(2))

    def extra_repr(self) -> str:
        """Return the number of heads, for the printed network.

        Without it networks with 2 and with 4 heads would print alike and share a fingerprint.
        """
        return f"heads={self.heads}"


class Pool(nn.Module):
    """Reduce the tokens of an image (N, tokens, dim) to a vector (N, dim): the first, or the mean.

    Args:
        kind: ``class`` takes the first token, ``mean`` the mean of all.
    """

    def __init__(self, kind: Literal["class", "mean"]) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the pooled vectors (N, dim)."""
        return x[:, 0] if self.kind == "class" else x.mean(dim=1)

    def extra_repr(self) -> str:
        """Return the kind, for the printed network."""
        return repr(self.kind)
