"""Identity of recorded entries: hashes of the inputs that decide their content."""

import dataclasses
import hashlib
import json
import math
import reprlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from landscape.training.config import TrainConfig

from studies.tasks import Task


def entry_id(kind: str, identity: Mapping[str, Any]) -> str:
    """Return the id of an entry: a hash of its kind and of the inputs that decide it.

    Args:
        kind: Its kind, such as ``runs``.
        identity: What decides its content, as ``plain`` takes it.

    Raises:
        TypeError: As ``plain``.
    """
    return f"e{digest([kind, plain(identity)])[:11]}"


def run_id(config: TrainConfig, task: Task) -> str:
    """Return a hash of all settings of a training run and its data, but not of its code."""
    return digest({"config": plain(config), "data": task.sha256})


def run_identity(config: TrainConfig, task: Task) -> dict[str, Any]:
    """Return what decides the results of a training run, as plain values.

    Which snapshots are kept decides none: a study may ask for more of them later. Nor do the
    examples of its curves, which change no weight.
    """
    config = dataclasses.replace(config, snapshots=(), curve_examples=None)
    return {"config": plain(config), "data": task.sha256}


def plain(value: Any) -> Any:
    """Return settings as plain values: of a dataclass its name and what differs from defaults.

    A new setting with a default thus leaves the identity of earlier runs as it is. Tuples and lists
    are the same, and so are 1 and 1.0, numbers of Python and of numpy; 1 and True are not.
    Dataclasses of other packages than the library count with their module.

    Raises:
        TypeError: If a value is neither a dataclass nor plain.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            field.name: plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if not _is_default(field, getattr(value, field.name))
        }
        return {_name(type(value)): fields}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"{reprlib.repr(value)} cannot identify a recorded entry. Pass numbers, texts, lists, "
        "mappings and dataclasses of them."
    )


def digest(value: Any) -> str:
    """Return the SHA-256 of plain values."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _is_default(field: dataclasses.Field, value: Any) -> bool:
    if field.default_factory is not dataclasses.MISSING:
        return bool(value == field.default_factory())
    return field.default is not dataclasses.MISSING and bool(value == field.default)


def _name(kind: type) -> str:
    known = kind.__module__.partition(".")[0] == "landscape"
    return kind.__name__ if known else f"{kind.__module__}.{kind.__qualname__}"
