"""A network as a pure function of named tensors; the module it came from is not touched."""

import contextlib
import copy

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from landscape.network import batchnorm, parameters
from landscape.network.batchnorm import Buffers
from landscape.network.kernels.double_backward import FastConvolutions, convolved
from landscape.network.kernels.normalization import ExactStatistics
from landscape.network.memory_format import channels_last, takes_channels_last


class Network:
    """A copy of a module in eval mode, in one dtype, whose parameters are arguments.

    Args:
        module: Any module.
        dtype: Floating-point type to compute in; None keeps the module's own.
        bn: Policy of batch normalisation, as for ``Objective``.
        bn_inputs: Inputs (N, ...) whose statistics ``reestimate`` takes; any others do to find the
            memory format.
        bn_block: How many of them are taken together.

    Raises:
        ValueError: If the policy is unknown or the module has nothing for it to hold, or if it
            would compute in half precision.

    Attributes:
        layout: What each entry of theta is.
        buffers: Named buffers, such as running statistics.
        channels_last: Whether the network bears the format in which convolutions are fast.
        untrained: Parameters that are not trained, by name.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        dtype: torch.dtype | None,
        bn: batchnorm.Policy,
        bn_inputs: torch.Tensor,
        bn_block: int,
    ) -> None:
        batchnorm.check_policy(bn)
        _check_running_statistics(module, bn)
        self.bn, self.layout = bn, parameters.layout(module)
        first = next(module.parameters())
        self.dtype, self.device = dtype or first.dtype, first.device
        _check_precision(self.dtype)
        self.module = copy.deepcopy(module).to(self.dtype).eval().requires_grad_(False)
        if bn == "batch":
            self.module = batchnorm.with_batch_statistics(self.module)
        self._format = torch.contiguous_format
        self.channels_last = takes_channels_last(self.module, self.place(bn_inputs[:2]))
        if self.channels_last and _has_channels(module):
            self._format = torch.channels_last
        self.buffers: Buffers = {
            name: buffer.clone() for name, buffer in self.module.named_buffers()
        }
        self.bn_blocks: tuple[torch.Tensor, ...] = ()
        if bn == "reestimate":
            self._estimator = batchnorm.statistics_estimator(self.module)
            sizes = batchnorm.block_sizes(len(bn_inputs), bn_block)
            self.bn_blocks = self.place(bn_inputs).split(sizes)
        trained = {block.name for block in self.layout.blocks}
        self.untrained = {
            name: tensor for name, tensor in self.module.named_parameters() if name not in trained
        }

    def __call__(
        self, named: Buffers, buffers: Buffers, inputs: torch.Tensor, *, twice: bool = False
    ) -> torch.Tensor:
        """Return the outputs for inputs (N, ...).

        Args:
            named: Parameters by name, as ``named`` returns them.
            buffers: Buffers by name.
            inputs: As ``place`` returns them.
            twice: Whether the outputs will be differentiated twice: convolutions that do so fast,
                and attention by its definition, since fused kernels have no second derivative.

        Raises:
            TypeError: If the module returns something else than one tensor.
        """
        if self.channels_last and not twice:
            # Also with one channel, where derivatives of derivatives leave the format.
            named = {name: channels_last(tensor) for name, tensor in named.items()}
            inputs = channels_last(inputs)
        with contextlib.ExitStack() as stack:
            if twice:
                stack.enter_context(sdpa_kernel(SDPBackend.MATH))
                stack.enter_context(FastConvolutions())
            elif self.bn == "batch":
                stack.enter_context(ExactStatistics())
            outputs = torch.func.functional_call(self.module, (named, buffers), (inputs,))
        if not isinstance(outputs, torch.Tensor):
            raise TypeError(
                f"the model returned {type(outputs).__name__}, and the loss takes one tensor. Wrap "
                "the model in a module whose forward returns its logits alone."
            )
        return convolved(outputs) if twice else outputs

    def named(self, point: torch.Tensor, layout: parameters.Layout | None = None) -> Buffers:
        """Return all parameters by name, those of a layout as views of point; differentiable."""
        tensors = (layout or self.layout).unflatten(point)
        return {**self.untrained, **{name: self._formatted(x) for name, x in tensors.items()}}

    def statistics(self, point: torch.Tensor, buffers: Buffers | None) -> Buffers:
        """Return the buffers that the policy uses at a point (n,).

        Args:
            point: As ``cast`` returns it.
            buffers: Used instead of the module's own where the policy is ``frozen``.
        """
        if self.bn == "reestimate":
            return batchnorm.reestimate(
                self._estimator, self.named(point), self.buffers, self.bn_blocks
            )
        if buffers is None or self.bn == "batch":
            return self.buffers
        return {name: buffers[name].to(tensor) for name, tensor in self.buffers.items()}

    def check_finite(self, theta: torch.Tensor) -> None:
        """Raise ValueError if theta (n,) holds NaN or infinity."""
        for block in self.layout.blocks:
            bad = int((~theta[block.entries].isfinite()).sum())
            if bad:
                raise ValueError(
                    f"theta holds NaN or infinity: {bad} of the {block.size} entries of "
                    f"{block.name!r}. There is no curvature at such a point; a diverged run has "
                    "none to report. Pass a finite theta."
                )

    def cast(self, theta: torch.Tensor) -> torch.Tensor:
        """Return a copy of theta (n,) in the network's dtype, on its device.

        Raises:
            ValueError: If theta has another length.
        """
        self.layout.check(theta)
        return theta.detach().to(device=self.device, dtype=self.dtype, copy=True)

    def place(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return inputs (N, ...) in the network's dtype and memory format, on its device.

        Integers of 32 and 64 bits stay what they are: an embedding takes nothing else.
        """
        indices = inputs.dtype in (torch.int32, torch.int64)
        return self._formatted(inputs.to(self.device, inputs.dtype if indices else self.dtype))

    def _formatted(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.contiguous(memory_format=self._format) if tensor.dim() == 4 else tensor


def _has_channels(module: nn.Module) -> bool:
    # One channel fits both formats, and PyTorch takes it for the other one: second derivatives
    # would convert back and forth.
    channels = [layer.in_channels for layer in module.modules() if isinstance(layer, nn.Conv2d)]
    return bool(channels) and min(channels) > 1


def _check_precision(dtype: torch.dtype) -> None:
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"the network would compute in {str(dtype).removeprefix('torch.')}, in whose rounding "
            "small steps and their curvature are lost. Pass dtype=torch.float32 or torch.float64; "
            "the weights that it has are then taken exactly."
        )


def fastest_microbatch(module: nn.Module) -> int:
    """Return how many examples are best computed at once: what stays in a processor's cache."""
    own = [layer for layer in module.modules() if any(True for _ in layer.parameters(False))]
    return 1024 if all(isinstance(layer, nn.Linear) for layer in own) else 128


def _check_running_statistics(module: nn.Module, bn: batchnorm.Policy) -> None:
    for name in batchnorm.batchnorm_layers(module):
        if module.get_submodule(name).running_mean is None and bn != "batch":
            raise ValueError(
                f"batch normalisation {name!r} keeps no running statistics "
                f"(track_running_stats=False), so bn={bn!r} has nothing to hold. Pass bn='batch'."
            )
