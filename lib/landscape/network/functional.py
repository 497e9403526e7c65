"""A network as a function of its parameters and buffers, without changing the module."""

import contextlib

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from landscape.network import batchnorm, parameters
from landscape.network.batchnorm import Buffers
from landscape.network.calling import call
from landscape.network.copying import converted, copied
from landscape.network.isolation import PlainEmbeddings, isolate, unwritten
from landscape.network.kernels.double_backward import FastConvolutions, convolved
from landscape.network.kernels.normalization import ExactStatistics
from landscape.network.kernels.twice_differentiable import TwiceDifferentiable
from landscape.network.memory_format import (
    calls_group_norm,
    channels_last,
    takes_channels_last,
)
from landscape.network.outputs import Choice, picked


class Network:
    """A copy of a module in eval mode and in one dtype that takes its parameters as arguments.

    Args:
        module: Any module; it is copied and not changed.
        dtype: Floating-point type to compute in, float32 or float64; None keeps the module's own.
        bn: Policy of batch normalisation, as for ``Objective``.
        bn_inputs: Inputs (N, ...). The policy ``reestimate`` estimates running statistics on them;
            under every policy the first two serve to find the memory format.
        bn_block: Number of inputs that ``reestimate`` normalises together.
        output: Which of several things that the module returns is taken, as for
            ``outputs.picked``.

    Raises:
        ValueError: If the policy is unknown, if the module keeps no running statistics and the
            policy needs them, or if the network would compute in half precision.

    Attributes:
        bn: Policy of batch normalisation.
        layout: Name, shape and position in theta of each trainable parameter.
        dtype: Floating-point type that the network computes in.
        device: Device of the parameters.
        module: The copy that computes.
        channels_last: Whether the network runs channels-last, where convolutions are fast.
        buffers: Named buffers, such as running statistics.
        bn_blocks: Inputs of ``reestimate``, cut into blocks; empty under the other policies.
        untrained: Parameters with ``requires_grad=False``, by name.
        differentiates: Whether the forward pass takes derivatives of its own, as by its inputs.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        dtype: torch.dtype | None,
        bn: batchnorm.Policy,
        bn_inputs: torch.Tensor,
        bn_block: int,
        output: Choice = None,
    ) -> None:
        batchnorm.check_policy(bn)
        _check_running_statistics(module, bn)
        self.bn, self.layout = bn, parameters.layout(module)
        first = next(module.parameters())
        self.dtype, self.device = dtype or first.dtype, first.device
        _check_precision(module, self.dtype)
        self.module = converted(copied(module), self.dtype).eval().requires_grad_(False)
        if bn == "batch":
            self.module = batchnorm.with_batch_statistics(self.module)
        # `place` is used for the trial and must not change the format before its outcome is known.
        self._format = torch.contiguous_format
        with torch.random.fork_rng(devices=[]):  # It may draw, and must not move the reader's.
            trial = self.place(bn_inputs[:2])
            grouped = calls_group_norm(self.module, trial)
            self.channels_last = not grouped and takes_channels_last(self.module, trial)
        if self.channels_last and _has_channels(module):
            self._format = torch.channels_last
        self.buffers: Buffers = {
            name: buffer.clone() for name, buffer in self.module.named_buffers()
        }
        self.differentiates, self._gathers = isolate(self.module, self.place(bn_inputs[:2]), output)
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
        """Return the outputs (N, ...) for inputs (N, ...).

        Args:
            named: Parameters by name, as ``named`` returns them.
            buffers: Buffers by name, as ``statistics`` returns them.
            inputs: Inputs (N, ...), as ``place`` returns them.
            twice: Whether the outputs will be differentiated twice. Convolutions then have fast
                second derivatives, and attention is computed by its definition, since its fused
                kernels have no second derivative.

        Raises:
            TypeError: If it is not clear which tensor is meant.
        """
        if self.channels_last and not twice:
            # Here inputs with one channel are converted as well. Second derivatives keep them as
            # they are: they would leave the format and convert back and forth (`_has_channels`).
            named = {name: channels_last(tensor) for name, tensor in named.items()}
            inputs = channels_last(inputs)
        with contextlib.ExitStack() as stack:
            if twice:
                stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            if twice or self.differentiates:
                stack.enter_context(TwiceDifferentiable())
            if twice and not self.differentiates:  # It includes what ExactStatistics does.
                stack.enter_context(FastConvolutions())
            elif self.bn == "batch":
                stack.enter_context(ExactStatistics())
            if self._gathers:
                stack.enter_context(PlainEmbeddings())
            # Another tensor of the same memory: forward() may ask for gradients by its inputs.
            with unwritten(inputs):
                outputs = call(self.module, named, buffers, inputs.detach())
        outputs = picked(outputs)
        return convolved(outputs) if twice else outputs

    def named(self, point: torch.Tensor, layout: parameters.Layout | None = None) -> Buffers:
        """Return all parameters by name, the trained ones as differentiable views of a point.

        Args:
            point: Entries (m,) of the parameters in ``layout``, as ``cast`` returns theta.
            layout: The parameters to take from ``point``; None takes all trained ones.

        Returns:
            Every parameter of the module that is in the layout or not trained.

        Raises:
            ValueError: If the point has another length than the layout.
        """
        tensors = (layout or self.layout).unflatten(point)
        return {**self.untrained, **{name: self._formatted(x) for name, x in tensors.items()}}

    def statistics(self, point: torch.Tensor, buffers: Buffers | None) -> Buffers:
        """Return the buffers that the policy uses at a point.

        Args:
            point: Theta (n,), as ``cast`` returns it.
            buffers: Buffers by name that replace the module's own under the policy ``frozen``; None
                takes the module's own.

        Returns:
            Buffers by name. Under ``reestimate`` the running statistics are estimated at the point.
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
                    f"{block.name!r}. The loss has no curvature at such a point, as after a run "
                    "that diverged. Pass a finite theta."
                )

    def cast(self, theta: torch.Tensor) -> torch.Tensor:
        """Return a copy of theta (n,) in the network's dtype, on its device.

        Raises:
            ValueError: If theta does not have the shape (n,).
        """
        self.layout.check(theta)
        return theta.detach().to(device=self.device, dtype=self.dtype, copy=True)

    def place(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return inputs (N, ...) in the network's dtype and memory format, on its device.

        Integers of 32 and 64 bits keep their type: an embedding takes only these.

        Raises:
            ValueError: If the inputs are complex.
        """
        if inputs.is_complex():
            raise ValueError(
                f"the inputs are {str(inputs.dtype).removeprefix('torch.')}, and a conversion to "
                "real numbers would drop their imaginary parts. Pass torch.view_as_real(inputs), "
                "and call torch.view_as_complex in forward()."
            )
        indices = inputs.dtype in (torch.int32, torch.int64)
        return self._formatted(inputs.to(self.device, inputs.dtype if indices else self.dtype))

    def _formatted(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.contiguous(memory_format=self._format) if tensor.dim() == 4 else tensor


def _has_channels(module: nn.Module) -> bool:
    """Return whether all 2-d convolutions of a module take more than one input channel."""
    # A tensor of one channel fits both memory formats, and PyTorch takes it for the default one:
    # second derivatives would convert back and forth between the two.
    channels = [layer.in_channels for layer in module.modules() if isinstance(layer, nn.Conv2d)]
    return bool(channels) and min(channels) > 1


def _check_precision(module: nn.Module, dtype: torch.dtype) -> None:
    for name, parameter in module.named_parameters():
        if parameter.is_complex():
            raise ValueError(
                f"the parameter {name!r} is complex, and theta is a vector of real numbers. Hold "
                "its real and imaginary parts as one real parameter with a last axis of 2, and "
                "call torch.view_as_complex on it in forward()."
            )
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"the network would compute in {str(dtype).removeprefix('torch.')}, whose rounding "
            "hides small steps and their curvature. Pass dtype=torch.float32 or torch.float64: "
            "the network's weights are then converted exactly."
        )


def fastest_microbatch(module: nn.Module) -> int:
    """Return the number of examples to compute at once for the highest speed on a CPU.

    It is 1,024 for a network whose only layers with parameters are linear, and 128 for any other:
    the activations of so many examples stay in the processor's cache.
    """
    layers = [layer for layer in module.modules() if any(True for _ in layer.parameters(False))]
    return 1024 if all(isinstance(layer, nn.Linear) for layer in layers) else 128


def _check_running_statistics(module: nn.Module, bn: batchnorm.Policy) -> None:
    for name in batchnorm.batchnorm_layers(module):
        if module.get_submodule(name).running_mean is None and bn != "batch":
            raise ValueError(
                f"batch normalisation {name!r} keeps no running statistics "
                f"(track_running_stats=False), which bn={bn!r} needs. Pass bn='batch'."
            )
