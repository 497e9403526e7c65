"""Weights of files: a checkpoint of torch or safetensors, put into a copy of a network."""

import copy
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

# Where training loops keep the weights beside epoch and optimizer.
_NESTED = ("state_dict", "model_state_dict", "model", "net", "network", "weights")
_SHOWN = 3  # Names that a message lists.

State = dict[str, torch.Tensor]


def load(model: nn.Module, path: str | Path) -> nn.Module:
    """Return a copy of a network with the weights of a file.

    The file holds a state dict, as ``torch.save(model.state_dict(), path)`` writes it, alone or
    under ``state_dict``, ``model_state_dict``, ``model``, ``net``, ``network`` or ``weights``; or
    it is a safetensors file. A prefix that all names share, as wrappers leave it (``module.``,
    ``_orig_mod.``, ``model.``), is taken off where the rest are the network's names. Nothing is
    unpickled but tensors and plain values.

    Args:
        model: The network that the weights belong to; it is not changed.
        path: The file; ``.safetensors`` needs the package safetensors.

    Returns:
        The copy, on the devices and in the dtypes of the model's own tensors.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint, or its weights are not those of the network.
        ImportError: If a safetensors file is given and the package is not installed.

    Example:
        >>> import os
        >>> import tempfile
        >>> import torch
        >>> import landscape
        >>> model = torch.nn.Linear(2, 1)
        >>> path = os.path.join(tempfile.mkdtemp(), "weights.pt")
        >>> torch.save({"epoch": 3, "state_dict": model.state_dict()}, path)
        >>> loaded = landscape.load(torch.nn.Linear(2, 1), path)
        >>> bool((loaded.weight == model.weight).all())
        True
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}. Give the path of a file.")
    content = _safetensors(path) if path.suffix == ".safetensors" else _torch(path)
    state = _fitting(_state(content, path), model.state_dict(), path)
    loaded = copy.deepcopy(model)
    loaded.load_state_dict(state)
    return loaded


def _safetensors(path: Path) -> Any:
    try:
        from safetensors.torch import load_file
    except ImportError:
        raise ImportError(
            f"{path.name} is a safetensors file, and the package safetensors is not installed. "
            "Install it (pip install safetensors), or save the weights by torch.save."
        ) from None
    try:
        return load_file(path)
    except Exception as error:  # The package has no public class for a damaged file.
        raise ValueError(f"{path} is no readable safetensors file: {error}.") from error


def _torch(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(
            f"{path} holds more than tensors and plain values, or is no checkpoint. It is not "
            "read, since reading it could run code. Write the weights alone: "
            "torch.save(model.state_dict(), path)"
        ) from None
    except (EOFError, RuntimeError, OSError) as error:
        first = str(error).strip().partition("\n")[0]
        raise ValueError(f"{path} is no readable checkpoint of torch: {first}") from error


def _state(content: Any, path: Path) -> State:
    """Return the state dict that a checkpoint is or holds."""
    places = [content]
    if isinstance(content, Mapping):
        places += [content[name] for name in _NESTED if name in content]
    for place in places:
        if isinstance(place, Mapping) and place and all(map(torch.is_tensor, place.values())):
            return dict(place)
    held = ", ".join(map(str, list(content)[:8])) if isinstance(content, Mapping) else "no names"
    raise ValueError(
        f"{path} holds no state dict, but a {type(content).__name__} ({held}). Write it by "
        "torch.save(model.state_dict(), path), or under one of the names " + ", ".join(_NESTED)
    )


def _fitting(state: State, expected: Mapping[str, torch.Tensor], path: Path) -> State:
    """Return the state under the network's names, without a prefix of wrappers.

    Raises:
        ValueError: If names or shapes are not those of the network.
    """
    while state.keys() != expected.keys():
        prefix = next(iter(state)).partition(".")[0] + "."
        if not all(name.startswith(prefix) for name in state):
            break
        shorter = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
        if len(shorter.keys() & expected.keys()) < len(state.keys() & expected.keys()):
            break
        state = shorter
    absent = [name for name in expected if name not in state]
    foreign = [name for name in state if name not in expected]
    shapes = [
        f"{name} {tuple(state[name].shape)} for {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in state and state[name].shape != tensor.shape
    ]
    said = [
        f"{words}: {', '.join(names[:_SHOWN])}" + (", ..." if len(names) > _SHOWN else "")
        for words, names in (
            (f"{len(absent)} of the network's {len(expected)} tensors are not in the file", absent),
            (f"{len(foreign)} tensors of the file are not in the network", foreign),
            (f"{len(shapes)} have another shape", shapes),
        )
        if names
    ]
    if said:
        raise ValueError(
            f"{path} holds the weights of another network. {'; '.join(said)}. Build the network "
            "with the settings that it was trained with."
        )
    return state
