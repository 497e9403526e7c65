"""Geometry of neural-network loss landscapes, measured so that the numbers can be trusted.

::

    import landscape
    from landscape import spectrum

    L = landscape.Objective(model, (inputs, targets), loss="cross_entropy")
    top = spectrum.eigenpairs(L.hessian(), k=5)

Rooms stand on floors, and an import never points to a higher one:

1. ``network``: a network as a function of its parameters; losses, batch normalisation, kernels
   ``theory``: formulas of the literature in a form that can be tested
   ``progress``: bars and log lines
   ``rng``: named streams of random numbers
   ``arguments``: whether a function got arguments of the types that it takes
   ``_torchvision``: its data sets, also where its compiled operators do not load
   ``command``: the console command, which starts the report's programs
2. ``store``: results computed once, under a hash of everything that determines them
3. ``models``: families of networks, built from frozen configs
   ``data``: image classification data
   ``checkpoints``: weights of files
   ``operators``: symmetric matrices known by their products with vectors
   ``executor``: work units here, over processes, or on a Dask cluster
4. ``objective``: the loss of a network on fixed examples: value, gradient, Hessian, Gauss-Newton
   ``training``: a frozen config in, a resumable run out
5. ``spectrum``: eigenpairs, trace, density and condition number of an operator
   ``evaluator``: the loss at many points of a line, plane or path
   ``measurement``: what every result says of policy, examples and dtype
6. ``directions``: random, principal and normalised directions
   ``sharpness``: how much the loss rises near a solution, on average and at worst
   ``connectivity``: paths between solutions, alignment and repair
   ``dynamics``: gradient noise, and the curvature that an optimizer can bear
   ``diagnostics``: rounding, and signals through the layers
7. ``slices``: the loss on lines and planes, and their shape as numbers
8. ``plots``: results drawn on matplotlib axes
"""

import importlib
import time
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
    from landscape.checkpoints import load
    from landscape.dynamics.watching import watch
    from landscape.objective import Objective
    from landscape.store.entries import Store

__version__ = "0.1.0"

BEGUN = time.time_ns()  # Before any module is imported: see ``store.version_table``.

__all__ = [
    "Objective",
    "Store",
    "connectivity",
    "data",
    "diagnostics",
    "directions",
    "dynamics",
    "load",
    "models",
    "plots",
    "sharpness",
    "slices",
    "spectrum",
    "theory",
    "training",
    "watch",
]

_DEFINED = {
    "Objective": "landscape.objective",
    "Store": "landscape.store.entries",
    "load": "landscape.checkpoints",
    "watch": "landscape.dynamics.watching",
}


if not TYPE_CHECKING:  # For a type checker every name would exist, misspelt ones too.

    def __getattr__(name: str) -> Any:
        """Import a public name at its first use: ``import landscape`` alone stays quick."""
        if name in _DEFINED:
            value = getattr(importlib.import_module(_DEFINED[name]), name)
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
