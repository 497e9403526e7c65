"""Geometry of neural-network loss landscapes, measured so that the numbers can be trusted.

::

    import landscape
    from landscape import spectrum

    L = landscape.Objective(model, (inputs, targets), loss="cross_entropy")
    top = spectrum.eigenpairs(L.hessian(), k=5)

Rooms stand on floors, and an import never points to a higher one:

1. ``network`` ``progress`` ``rng`` ``theory`` ``_torchvision``
2. ``store``
3. ``models`` ``data`` ``operators``
4. ``objective`` ``training``
5. ``spectrum`` ``evaluator`` ``measurement``
6. ``directions`` ``sharpness`` ``connectivity`` ``dynamics`` ``diagnostics``
7. ``slices``
8. ``plots``
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landscape import (
        connectivity,
        data,
        diagnostics,
        directions,
        dynamics,
        models,
        plots,
        sharpness,
        slices,
        spectrum,
        theory,
        training,
    )
    from landscape.objective import Objective
    from landscape.store.entries import Store

__version__ = "0.1.0"

__all__ = [
    "Objective",
    "Store",
    "connectivity",
    "data",
    "diagnostics",
    "directions",
    "dynamics",
    "models",
    "plots",
    "sharpness",
    "slices",
    "spectrum",
    "theory",
    "training",
]

_CLASSES = {"Objective": "landscape.objective", "Store": "landscape.store.entries"}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: ``import landscape`` alone stays quick."""
    if name in _CLASSES:
        value = getattr(importlib.import_module(_CLASSES[name]), name)
    elif name in __all__:
        value = importlib.import_module(f"landscape.{name}")
    else:
        raise AttributeError(
            f"module 'landscape' has no attribute {name!r}. Public are: {', '.join(__all__)}."
        )
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
