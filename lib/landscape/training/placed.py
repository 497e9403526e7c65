"""Train a network on a GPU or another device: the steps of ``train``, with their tensors there."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from landscape import arguments
from landscape.data import Dataset
from landscape.store.entries import Store
from landscape.training.config import TrainConfig
from landscape.training.evaluation import Evaluation
from landscape.training.loop import _Training
from landscape.training.run import Run

_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"  # cuBLAS is deterministic only with one of these settings.
_SETTINGS = (":4096:8", ":16:8")


def checked_device(device: str | torch.device) -> torch.device:
    """Return a device of this machine.

    Args:
        device: Its name, such as ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises:
        ValueError: If PyTorch knows no such device, or this machine has none.
    """
    try:
        named = torch.device(device)
    except RuntimeError:
        raise ValueError(
            f"device={device!r} is none that PyTorch knows. Pass 'cpu', 'cuda', 'cuda:1' or 'mps'."
        ) from None
    here = torch.accelerator.current_accelerator(check_available=True)
    present = {"cpu": 1}
    if here is not None:
        present[here.type] = torch.accelerator.device_count()
    if (named.index or 0) >= present.get(named.type, 0):
        there = ", ".join(f"{count} {kind}" for kind, count in present.items())
        raise ValueError(
            f"device={str(named)!r} is not there: this PyTorch ({torch.__version__}) finds "
            f"{there}. Pass one of these, or install PyTorch for the device."
        )
    return named


@contextlib.contextmanager
def deterministic_algorithms(on: bool = True) -> Iterator[None]:
    """Let PyTorch choose algorithms whose results repeat, as a context.

    Args:
        on: False leaves the choice as it is.

    Raises:
        RuntimeError: By an operation inside that has no such algorithm.
    """
    before = torch.are_deterministic_algorithms_enabled()
    if on and os.environ.get(_WORKSPACE) not in _SETTINGS:
        os.environ[_WORKSPACE] = _SETTINGS[0]  # Read when cuBLAS is first used.
    torch.use_deterministic_algorithms(on or before)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def train_on(
    device: str | torch.device,
    config: TrainConfig,
    dataset: Dataset,
    store: Store,
    *,
    deterministic: bool = True,
) -> Run:
    """Train one network on a device, or read the run back from the store.

    Batches are drawn and augmented on the CPU, from the same streams as by ``train``, and sent from
    pinned memory while the device computes. ``config.precision="bfloat16"`` computes the forward
    pass by autocast, and stands in the record with the other settings. Sums are rounded otherwise
    than on a CPU, so the key of the run names the kind of device; on ``cpu`` the run is that of
    ``train``, bit for bit. Checkpoints as by ``train``.

    Args:
        device: Where to train, such as ``cuda``.
        config: Settings of the run.
        dataset: The network is trained on the training set; the test set is only measured.
        store: Holds runs and checkpoints.
        deterministic: Whether to use only algorithms whose results repeat. Others may be faster,
            and two runs then differ by rounding.

    Returns:
        The run, with its weights on the CPU.

    Raises:
        ValueError: If there is no such device, or for the reasons of ``train``.

    Example:
        >>> import tempfile
        >>> import landscape
        >>> from landscape import data, models, training
        >>> digits = data.load("digits", max_train=200, max_test=100)
        >>> config = training.TrainConfig(models.MLP(hidden=(8,)), training.SGD(0.1), epochs=2)
        >>> run = training.train_on("cpu", config, digits, landscape.Store(tempfile.mkdtemp()))
        >>> run.steps
        4
    """
    arguments.check(train_on, locals())
    place = checked_device(device)
    with deterministic_algorithms(deterministic):
        key = store.key(train_on, (config, dataset, place.type))
        started: list[PlacedTraining] = []

        def work() -> Run:
            started.append(PlacedTraining(place, config, dataset, store, key))
            return started[0].run()

        return store.compute("training.run", key, work, earlier=lambda: started[0].earlier_seconds)


class PlacedTraining(_Training):
    """The state of one run while it is trained on a device.

    Args:
        device: The device.
        config: Settings of the run.
        dataset: The data.
        store: Holds checkpoints.
        key: Key of the run.
    """

    def __init__(
        self, device: torch.device, config: TrainConfig, dataset: Dataset, store: Store, key: str
    ) -> None:
        super().__init__(config, dataset, store, key)
        self._device = device
        # In place: the optimizer keeps the parameters that it was given.
        self._model.to(device)
        self._evaluation = _Carried(self._evaluation, device)  # type: ignore[assignment]  # the same two methods

    def _step(self, inputs: torch.Tensor, targets: torch.Tensor) -> None:
        super()._step(sent(inputs, self._device), sent(targets, self._device))

    def _record_gradient(self, loss: float, norm: float) -> None:
        gradients = [p.grad for p in self._parameters.values()]
        zero = torch.zeros((), device=self._device)
        norms = torch.stack([zero if g is None else g.norm() for g in gradients])
        # One transfer for all; not every device has float64.
        self._record_norms(loss, norm, norms.cpu().double())

    def _record_norms(self, loss: float, norm: float, norms: torch.Tensor) -> None:
        self._step_loss.append(loss)
        self._step_gradient_norm.append(norm)
        self._squared_norms += norms.square()
        self._gradient_count += 1
        if len(self._step_loss) == 1:
            self._tensor_norms.append(norms)


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a tensor of the CPU on a device; the transfer goes on while the device computes.

    Args:
        tensor: The tensor.
        device: The device.
    """
    if device.type == "cpu":
        return tensor
    pinned = tensor.pin_memory() if device.type != "mps" else tensor
    return pinned.to(device, non_blocking=True)


class _Carried:
    """An evaluation whose network computes on a device, and whose losses are summed on the CPU."""

    def __init__(self, evaluation: Evaluation, device: torch.device) -> None:
        self._evaluation, self._device = evaluation, device

    def measure(self, model: nn.Module, *, in_full: bool) -> Any:
        """Measure a network; see ``Evaluation.measure``."""
        return self._evaluation.measure(_CarriedModel(model, self._device), in_full=in_full)

    def subsets(self) -> Any:
        """Return the subsets; see ``Evaluation.subsets``."""
        return self._evaluation.subsets()


class _CarriedModel(nn.Module):
    def __init__(self, model: nn.Module, device: torch.device) -> None:
        super().__init__()
        self._inner, self._device = model, device

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self._inner(sent(inputs, self._device)).cpu()
