"""The report's figures: ``figures.training(runs, label=..., caption=..., alt=...)`` and others."""

import importlib
from typing import Any

_READY = (
    "against",
    "against_size",
    "line_spread",
    "lines",
    "pairs",
    "path_kinds",
    "paths",
    "planes",
    "spectra",
    "surface",
    "training",
)
_FROM = {
    **dict.fromkeys(_READY, "ready"),
    "curves": "captioned",
    "scatter": "clouds",
    "against_target": "clouds",
}
_FROM |= {"learning": "accuracy", "gradients": "depth", "stability": "edge_of_stability"}
_FROM |= {"claim_forests": "judged", "overview_forests": "judged"}
_FROM |= {"measures": "dot_plots", "predicted_planes": "slices"}
_FROM |= {"FamilyPanel": "families", "groups_against_size": "families"}
_FROM |= dict.fromkeys(
    ("single_lines", "single_paths", "single_planes", "single_spectra"), "single"
)
_FROM |= {"training_path": "training_paths", "surroundings": "training_paths"}
_FROM |= {"moments": "training_paths", "path_spectra": "path_shapes"}
_FROM |= {"component_shares": "path_shapes", "path_lines": "path_shapes"}

_FROM |= {"by_loss": "against_loss", "sign_agreements": "pair_agreement"}

__all__ = sorted(_FROM)


def __getattr__(name: str) -> Any:
    """Import a figure at its first use."""
    if name not in _FROM:
        raise AttributeError(f"there is no figure {name!r}. There are {', '.join(__all__)}.")
    return getattr(importlib.import_module(f"studies.figures.{_FROM[name]}"), name)
