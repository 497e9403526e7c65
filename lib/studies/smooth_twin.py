"""Networks without kinks: a network's twin with smooth activations and, if wanted, mean pooling."""

import dataclasses
from typing import Literal

from landscape.models.family import ModelConfig
from torch import nn

_ACTIVATIONS: dict[str, type[nn.Module]] = {"silu": nn.SiLU, "tanh": nn.Tanh}


@dataclasses.dataclass(frozen=True)
class SmoothTwin(ModelConfig):
    """A network whose ReLUs are replaced by a smooth activation, and maxima by means.

    A ReLU has a kink where its input changes sign. The maximum of a pooling has one where its
    largest entry changes, so that smooth activations alone leave these kinks. Both networks of one
    seed have the same initial weights.

    Attributes:
        network: The network with ``nn.ReLU`` and ``nn.MaxPool2d`` modules.
        activation: ``silu`` or ``tanh``.
        pooling: ``mean``, or ``max``, which keeps the maxima.

    Raises:
        ValueError: If the activation or the pooling is unknown; from ``build`` also if the network
            has no ReLU.

    Example:
        >>> from landscape import models
        >>> from studies.smooth_twin import SmoothTwin
        >>> SmoothTwin(models.MLP(hidden=(4,))).build((1, 2, 2), 2, seed=0)
        Sequential(
          (0): Flatten(start_dim=1, end_dim=-1)
          (1): Linear(in_features=4, out_features=4, bias=True)
          (2): SiLU()
          (3): Linear(in_features=4, out_features=2, bias=True)
        )
    """

    network: ModelConfig
    activation: Literal["silu", "tanh"] = "silu"
    pooling: Literal["mean", "max"] = "mean"

    def __post_init__(self) -> None:
        if self.activation not in _ACTIVATIONS or self.pooling not in ("mean", "max"):
            raise ValueError(
                f"activation={self.activation!r}, pooling={self.pooling!r} make no smooth twin. "
                "Pass activation='silu' or 'tanh', and pooling='mean' or 'max'."
            )

    def build(self, shape: tuple[int, int, int], classes: int, *, seed: int) -> nn.Module:
        """Return the twin, with the initial weights of the network.

        Args:
            shape: (channels, height, width) of an input.
            classes: Number of outputs.
            seed: Seed of the network's initialisation.

        Returns:
            The twin, in train mode, float32, on the CPU.

        Raises:
            ValueError: If the network has no ReLU module.
        """
        model = self.network.build(shape, classes, seed=seed)
        named = dict(model.named_modules())
        rectifiers = [name for name, module in named.items() if isinstance(module, nn.ReLU)]
        if not rectifiers:
            raise ValueError(
                f"{self.network} has no nn.ReLU module to replace. Give a network whose ReLUs are "
                "modules, such as models.MLP or models.CNN."
            )
        for name in rectifiers:
            model.set_submodule(name, _ACTIVATIONS[self.activation]())
        for name, module in named.items():
            if self.pooling == "mean" and isinstance(module, nn.MaxPool2d):
                size, stride, padding = module.kernel_size, module.stride, module.padding
                model.set_submodule(name, nn.AvgPool2d(size, stride, padding))
        return model
