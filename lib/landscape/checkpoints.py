"""Weights of files of torch, safetensors or NumPy, put into a copy of a network."""

import argparse
import pickle
import types
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from landscape.network.copying import copied, unwrapped

# Where training loops keep the weights beside epoch and optimizer; averaged ones last.
_NESTED = tuple(
    "state_dict model_state_dict model net network weights checkpoint ema model_ema "
    "ema_state_dict".split()
)
# What checkpoints hold beside weights, which runs no code when it is read.
_PLAIN: list[Any] = [argparse.Namespace, types.SimpleNamespace, np.ndarray, np.dtype]
_PLAIN += [np.float64(0).__reduce__()[0], np.zeros(1).__reduce__()[0]]  # NumPy's makers of both.
_PLAIN += [kind for kind in vars(np.dtypes).values() if isinstance(kind, type)]
# Names that wrappers of layers leave in those of their weights.
_WRAPPERS = ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
_SHOWN = 3  # Names that a message lists.

State = dict[str, torch.Tensor]


def load(model: nn.Module, path: str | Path) -> nn.Module:
    """Return a copy of a network with the weights of a file.

    The file holds a state dict, as ``torch.save(model.state_dict(), path)`` writes it, alone or
    under ``state_dict``, ``model_state_dict``, ``model``, ``net``, ``network``, ``weights`` or
    ``checkpoint``, or averaged under ``ema``; or it is a safetensors file, or arrays of NumPy by
    name (``.npz``). A prefix, as wrappers leave it (``module.``, ``_orig_mod.``, ``model.``), is
    taken off where the rest are the network's names, and so are wrappers of single layers. A tensor
    that the network has under two names may stand under one. Nothing is unpickled but tensors,
    arrays and plain values.

    Args:
        model: The network that the weights belong to; it is not changed.
        path: The file; ``.safetensors`` needs the package safetensors.

    Returns:
        The copy, on the devices and in the dtypes of the model's own tensors; wrappers for several
        devices and compilation are taken off.

    Raises:
        TypeError: If there is no network or no path.
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
    if not isinstance(path, str | Path):
        raise TypeError(f"path={path!r:.60} is no path. Give the name of a file as a text.")
    path, loaded = Path(path), copied(unwrapped(model))
    if not path.is_file():
        what = ", which is a folder" if path.is_dir() else ""
        raise FileNotFoundError(f"there is no checkpoint {path}{what}. Give the path of a file.")
    readers = {".safetensors": _safetensors, ".npz": _numpy}
    content = readers.get(path.suffix, _torch)(path)
    state = _fitting(_state(content, path), loaded.state_dict(), path)
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


def _numpy(path: Path) -> Any:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(np.array(arrays[name])) for name in arrays.files}
    except (ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise ValueError(f"{path} is no readable file of NumPy arrays: {error}.") from error


def _torch(path: Path) -> Any:
    if not path.stat().st_size:
        raise ValueError(f"{path} is empty. Copy it again, or save the weights again.")
    try:
        with torch.serialization.safe_globals(_PLAIN):
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
    for place in places:  # It grows by what lies inside.
        if not isinstance(place, Mapping):
            continue
        if place and all(isinstance(x, torch.Tensor | np.ndarray) for x in place.values()):
            return {name: torch.as_tensor(value) for name, value in place.items()}
        places += [place[name] for name in _NESTED if name in place]
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
    state = _under_prefix(_renamed(state, expected), expected, path)
    state = _unwrapped(_completed(state, expected), expected)
    while state.keys() != expected.keys():
        prefix = next(iter(state)).partition(".")[0] + "."
        if not all(name.startswith(prefix) for name in state):
            break
        shorter = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
        if len(shorter.keys() & expected.keys()) < len(state.keys() & expected.keys()):
            break
        state = shorter
    state = _completed(state, expected)
    absent = [name for name in expected if name not in state]
    foreign = [name for name in state if name not in expected]
    _check_kinds(state, expected, path)
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
    if absent and not foreign and not shapes:
        raise ValueError(
            f"{path} holds a part of the network's weights alone: {'; '.join(said)}. Give the file "
            "that holds all of them; one of several shards is not enough."
        )
    if said:
        raise ValueError(
            f"{path} holds the weights of another network. {'; '.join(said)}. Build the network "
            "with the settings that it was trained with."
        )
    return state


def _under_prefix(state: State, expected: Mapping[str, torch.Tensor], path: Path) -> State:
    """Return the part of a state under the only prefix that holds all of the network's names.

    Raises:
        ValueError: If several prefixes do, as those of a student and a teacher.
    """
    if not expected or expected.keys() <= state.keys():
        return state
    first = next(iter(expected))
    prefixes = [name.removesuffix(first) for name in state if name.endswith(f".{first}")]
    prefixes = [p for p in prefixes if all(f"{p}{name}" in state for name in expected)]
    if len(prefixes) > 1:
        raise ValueError(
            f"{path} holds the weights of {len(prefixes)} networks that fit, under "
            f"{', '.join(map(repr, prefixes))}. Save the one that you mean alone."
        )
    if not prefixes:
        return state
    return {name: state[f"{prefixes[0]}{name}"] for name in expected}


def _renamed(state: State, expected: Mapping[str, torch.Tensor]) -> State:
    """Return a state of the older weight_norm under the names of the newer, where it is taken."""
    renamed = {}
    for name, tensor in state.items():
        place, _, last = name.rpartition("weight_")
        new = f"{place}parametrizations.weight.original{'gv'.find(last)}"
        fits = last in ("g", "v") and any(key.endswith(new.rpartition(".")[2]) for key in expected)
        renamed[new if fits and name not in expected else name] = tensor
    return renamed


def _check_kinds(state: State, expected: Mapping[str, torch.Tensor], path: Path) -> None:
    """Raise ValueError if a conversion would change a tensor, or two names of one disagree."""
    for name, tensor in expected.items():
        if name not in state or state[name].shape != tensor.shape:
            continue
        given = state[name]
        lossy = given.is_complex() and not tensor.is_complex()
        lossy |= tensor.is_floating_point() and not (given.is_floating_point() or lossy)
        if lossy:
            raise ValueError(
                f"{path} holds {name!r} as {str(given.dtype).removeprefix('torch.')}, and the "
                f"network as {str(tensor.dtype).removeprefix('torch.')}: quantised weights stand "
                "for others by a scale. Save them as floating-point numbers."
            )
        twins = [key for key, other in expected.items() if other.data_ptr() == tensor.data_ptr()]
        for twin in twins if tensor.numel() else ():
            same = twin not in state or state[twin].shape != given.shape
            if not same and not torch.equal(state[twin].nan_to_num(), given.nan_to_num()):
                raise ValueError(
                    f"{path} holds {name!r} and {twin!r} with other values, and both are one "
                    "tensor of the network. Build it with two, or save it as it was trained."
                )


def _completed(state: State, expected: Mapping[str, torch.Tensor]) -> State:
    """Return the state with tensors that the network has twice, and counters of batches."""
    by_memory: dict[tuple, list[str]] = {}
    for name, tensor in expected.items():
        place = tensor.data_ptr(), tensor.storage_offset(), tuple(tensor.shape)
        by_memory.setdefault(place if tensor.numel() else (name,), []).append(name)
    added: State = {}
    for names in by_memory.values():
        present = [name for name in names if name in state]
        added |= {name: state[present[0]] for name in names if present and name not in state}
    for name, tensor in expected.items():
        # No network reads it, unless it averages statistics without a momentum; old files lack it.
        if name.endswith("num_batches_tracked") and name not in state and _has_norm(state, name):
            added[name] = tensor
    return {**state, **added}


def _has_norm(state: State, counter: str) -> bool:
    return f"{counter.removesuffix('num_batches_tracked')}running_mean" in state


def _unwrapped(state: State, expected: Mapping[str, torch.Tensor]) -> State:
    """Return the state without wrappers of layers in its names, where that makes them fit."""
    foreign = {name for name in state if name not in expected}
    shorter = {name: ".".join(x for x in name.split(".") if x not in _WRAPPERS) for name in foreign}
    renamed = {shorter.get(name, name): tensor for name, tensor in state.items()}
    if "n_averaged" not in expected:
        renamed.pop("n_averaged", None)  # Of torch.optim.swa_utils.AveragedModel.
    fits = len(renamed.keys() & expected.keys()) > len(state.keys() & expected.keys())
    return _completed(renamed, expected) if fits else state
