"""Build residual networks for small images, with or without skip connections, with any norm."""

import dataclasses
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

import torch
from torch import nn

from landscape.models.family import ModelConfig
from landscape.models.initialization import he_normal, initialize, torch_uniform, zero

Norm = Literal["batch", "group", "layer", "instance", "none"]

# Norm -> its layer for a number of channels (and of groups, for a norm that has groups); None is no
# layer, and leaves the convolution a bias. Each norm has an entry, and only these can be built: a
# norm that fell through to a default would be trained and measured under a false name.
#
# A new norm has to be known in these places; the first two are part of this file:
# - ``Norm`` above, and two checks of ``ResNet``: ``__post_init__`` refuses options that the norm
#   does not allow, and ``_module`` images too small for the norm to have a variance;
# - ``ResNet``'s docstring, which says what the norm averages over;
# - ``landscape.network.parameters.NORM_LAYERS``, unless its class derives from one listed there:
#   its scale and shift count as ``norm`` in θ, so directions leave them out, it starts as the
#   identity by ``reset_parameters``, and REPAIR finds it;
# - ``landscape.connectivity.tracing._LAYERS``: a rule for the PyTorch function that it calls, or
#   networks with it cannot be aligned;
# - ``landscape.connectivity.repair``: ``_axes`` takes the second axis for its units, and a norm
#   without a trained scale and shift is refused;
# - with running statistics: ``landscape.network.batchnorm`` (the policies for them) and
#   ``landscape.theory.reparametrization``, which know batch normalisation alone;
# - to be fast: ``landscape.network.kernels`` (``normalization``, ``double_backward``,
#   ``fused_inference``), which replace batch normalisation and leave other norms to PyTorch;
# - for the exact trace: ``landscape.spectrum.exact_trace.piecewise_linear``, which refuses norms
#   that use statistics of their inputs.
# A change of ``NORM_LAYERS`` or ``ResNet`` makes stored results of all that use them invalid; the
# test of code versions lists which (``tests/landscape/store/test_code_versions.py``).
_NORMS: dict[str, Callable[[int, int], nn.Module] | None] = {
    "batch": lambda channels, groups: nn.BatchNorm2d(channels),
    "group": lambda channels, groups: nn.GroupNorm(groups, channels),
    "layer": lambda channels, groups: nn.GroupNorm(1, channels),
    "instance": lambda channels, groups: nn.InstanceNorm2d(channels, affine=True),
    "none": None,
}
_STAGES = 3
_RULES = {"he": he_normal, "torch": torch_uniform}


@dataclasses.dataclass(frozen=True)
class ResNet(ModelConfig):
    """The residual network of He et al. (2016, section 4.2) for CIFAR, of depth 6n + 2.

    It consists of a 3x3 convolution, three stages of n blocks with two 3x3 convolutions each,
    global average pooling and a linear layer. The first block of the second and third stage halves
    the image and doubles the channels. Normalisation and ReLU follow the convolutions as in He et
    al. (post-activation); the second ReLU of a block follows the addition.

    Convolutions have a bias only where no norm follows, as in He et al.: a norm's shift replaces
    the bias. ResNet-20 with batch normalisation, option A, 3 channels and 10 classes has 269,722
    parameters. Weights are He normal and biases zero by default. Networks with one seed share the
    weights of all layers that they have in common, whatever their ``norm``, ``skip`` and
    ``shortcut``.

    Attributes:
        depth: Number 6n + 2 of layers with weights, such as 8, 20, 32, 56 or 110.
        width: Factor on the 16, 32 and 64 channels of the three stages.
        norm: ``batch``; ``group`` with ``groups`` groups; ``layer``, which for images normalises
            over channels and positions together, a group norm with one group; ``instance``, which
            normalises each channel of each image by itself, with scale and shift; or ``none``.
        skip: Whether the input of a block is added to its output; without skip connections the same
            convolutions form a plain network.
        shortcut: How the input is added where a block changes the shape. Option ``A`` takes every
            second pixel and zeros for the new channels, without parameters; option ``B`` is a 1x1
            convolution with norm. It has no effect without ``skip``.
        groups: Number of groups of the ``group`` norm; it has no effect on other norms.
        init: Initial weights. ``he`` draws them from N(0, 2/fan_in) with zero biases, which keeps
            the variance from layer to layer. ``torch`` draws from PyTorch's default distribution,
            uniform within ±1/√fan_in, with which the variance falls by a factor of 6 in each layer
            with ReLU.
        skipinit: Whether each residual branch ends in a learnable factor that starts at 0, so that
            the network starts as its shortcuts; a way to train without norms.

    Raises:
        ValueError: If a setting lies outside its range, or two settings exclude each other.

    Reference: He et al. (2016), Deep Residual Learning for Image Recognition, CVPR; De and Smith
        (2020), Batch Normalization Biases Residual Blocks Towards the Identity Function in Deep
        Networks, NeurIPS (``skipinit``).
    """

    depth: int = 20
    width: float = 1.0
    norm: Norm = "batch"
    skip: bool = True
    shortcut: Literal["A", "B"] = "A"
    groups: int = 8
    init: Literal["he", "torch"] = "he"
    skipinit: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", float(self.width))
        if self.depth < 8 or (self.depth - 2) % 6:
            raise ValueError(
                f"depth={self.depth} is not 6n + 2 with n >= 1, so it does not fill three stages "
                "of blocks of two convolutions. Pass 8, 14, 20, 26, 32, 44, 56, 110 or the like."
            )
        if not 16 * self.width >= 1 or not (16 * self.width).is_integer():
            raise ValueError(
                f"width={self.width} makes {16 * self.width:g} channels of 16. "
                "Pass a factor that gives a whole number >= 1, such as 0.25, 0.5, 1, 2 or 4."
            )
        if self.norm not in _NORMS:
            raise ValueError(
                f"norm={self.norm!r} is not known to ResNet. "
                f"Pass one of {', '.join(map(repr, _NORMS))}; or add the norm to _NORMS in "
                "landscape.models.resnet, where all other places are listed that must know it."
            )
        if self.shortcut not in ("A", "B"):
            raise ValueError(
                f"shortcut={self.shortcut!r} is not known to ResNet. Pass 'A' (no parameters) or "
                "'B' (1x1 convolution)."
            )
        if self.init not in _RULES:
            raise ValueError(
                f"init={self.init!r} is not known to ResNet. Pass 'he' (N(0, 2/fan_in)) or 'torch' "
                "(PyTorch's default)."
            )
        if self.skipinit and not self.skip:
            raise ValueError(
                "skipinit=True without skip connections: factors of 0 would leave no signal. "
                "Pass skip=True, or skipinit=False."
            )
        if self.norm == "group" and (self.groups < 1 or self.channels[0] % self.groups):
            raise ValueError(
                f"groups={self.groups} do not divide {self.channels[0]} channels (16 x width). "
                "Pass a divisor, or norm='layer' for one group."
            )

    @property
    def channels(self) -> tuple[int, ...]:
        """Number of channels of each of the three stages."""
        return tuple(int(16 * self.width) * 2**stage for stage in range(_STAGES))

    def build(self, shape: tuple[int, int, int], classes: int, *, seed: int) -> nn.Module:
        """Return an initialised network: weights by ``init``, norms as the identity.

        Args:
            shape: (channels, height, width) of an input.
            classes: Number of outputs.
            seed: Seed; each layer draws from the stream ``(seed, "initialization", name)``.

        Returns:
            The network, in train mode, float32, on the CPU.

        Raises:
            ValueError: If the images are too small for three stages.
        """
        draw = _RULES[self.init]
        rules = {nn.Conv2d: draw, nn.Linear: draw, Factor: zero}
        return initialize(lambda: self._module(shape, classes), rules, seed=seed)

    def _module(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        inputs, height, width = shape
        # Two halvings leave one of 4 x 4 pixels, over which an instance norm has no variance.
        least = 5 if self.norm == "instance" else 4
        if min(height, width) < least:
            raise ValueError(
                f"images of {height} x {width} pixels are too small for a ResNet with "
                f"norm={self.norm!r}, which halves them twice. "
                f"Use images of at least {least} x {least} pixels."
            )
        layers = self._convolution(inputs, self.channels[0], suffix="")
        layers["relu"] = nn.ReLU()
        inputs = self.channels[0]
        for stage, outputs in enumerate(self.channels, start=1):
            blocks = []
            for _ in range((self.depth - 2) // 6):
                blocks.append(self._block(inputs, outputs))
                inputs = outputs
            layers[f"stage{stage}"] = nn.Sequential(*blocks)
        layers["pool"] = nn.AdaptiveAvgPool2d(1)
        layers["flatten"] = nn.Flatten()
        layers["linear"] = nn.Linear(inputs, classes)
        return nn.Sequential(layers)

    def _block(self, inputs: int, outputs: int) -> "ResidualBlock":
        stride = 1 if inputs == outputs else 2
        residual = self._convolution(inputs, outputs, stride=stride, suffix="1")
        residual["relu1"] = nn.ReLU()
        residual |= self._convolution(outputs, outputs, suffix="2")
        if self.skipinit:
            residual["factor"] = Factor()
        shortcut = self._shortcut(inputs, outputs) if self.skip else None
        return ResidualBlock(nn.Sequential(residual), shortcut)

    def _shortcut(self, inputs: int, outputs: int) -> nn.Module:
        if inputs == outputs:
            return nn.Identity()
        if self.shortcut == "A":
            return Subsample(outputs - inputs)
        return nn.Sequential(self._convolution(inputs, outputs, size=1, stride=2, suffix=""))

    def _convolution(
        self, inputs: int, outputs: int, *, suffix: str, size: int = 3, stride: int = 1
    ) -> "OrderedDict[str, nn.Module]":
        # Named, not numbered: a layer's name, and so its random stream, is the same for all norms.
        norm_layer = _NORMS[self.norm]
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers[f"conv{suffix}"] = nn.Conv2d(
            inputs, outputs, size, stride=stride, padding=size // 2, bias=norm_layer is None
        )
        if norm_layer is not None:
            layers[f"norm{suffix}"] = norm_layer(outputs, self.groups)
        return layers


class ResidualBlock(nn.Module):
    """Apply a ReLU to the sum of a residual branch and an optional shortcut of the input.

    Args:
        residual: The residual branch.
        shortcut: Maps the block's input to the shape of the branch's output; None adds nothing.
    """

    def __init__(self, residual: nn.Module, shortcut: nn.Module | None) -> None:
        super().__init__()
        self.residual, self.shortcut = residual, shortcut
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's output for images (N, C, H, W)."""
        y = self.residual(x)
        return self.relu(y if self.shortcut is None else y + self.shortcut(x))


class Factor(nn.Module):
    """Multiply the input by a learnable number, the SkipInit of De and Smith (2020)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the input times the factor."""
        return self.weight * x


class Subsample(nn.Module):
    """Take every second pixel and append channels of zeros: option A of He et al. (2016).

    Args:
        new_channels: Number of channels of zeros.
    """

    def __init__(self, new_channels: int) -> None:
        super().__init__()
        self.new_channels = new_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (N, C + new_channels, ⌈H/2⌉, ⌈W/2⌉) for images (N, C, H, W)."""
        return nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.new_channels))

    def extra_repr(self) -> str:
        """Return the number of new channels, for the printed network."""
        return f"new_channels={self.new_channels}"
