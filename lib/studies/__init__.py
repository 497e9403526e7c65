"""The machinery of this report: what studies record, how claims are judged, how it is told.

::

    from studies import Study, figures, tables

    study = Study("01_bn_ablation", vars())
    runs = study.train(configs, study.load("digits"), seeds=[0, 1])
    figures.training(runs, label="fig-training", caption="...", alt="...")

Modules stand on floors and import only downwards or beside them:

1. ``intervals`` ``rank_correlation`` ``sign_agreement`` ``formatting`` ``display`` ``pictures``
   ``frames`` ``cells`` ``files`` ``quantities`` ``record_files`` ``durations`` ``placed``: numbers,
   and how they are shown and kept
   ``references`` ``example``: what a parameter names in Python code, and an example of it
   ``garbage_collection``: a pause of it
   ``budget``: what fits into a time
2. ``arms`` ``tasks`` ``recorder``: what is compared, on which data
   ``away`` ``spreading``: what workers measure
   ``judging``: relations, rules, verdicts, and the sentences about them
3. ``collection`` ``identity`` ``origins`` ``staleness`` ``published_estimators``
   ``finite_differences`` ``smooth_twin`` ``span_training``
   ``record_content`` ``record_reading`` ``record_writing`` ``record_entries`` ``record_folder``
   ``record_merge``: the record of a study as files
4. ``measurements`` ``recording``: numbers of a study, and the steps that record them
5. ``solutions``
6. ``runs`` ``slices`` ``untrained`` ``own``
7. ``tuning`` ``sweeps`` ``trajectories`` ``training_paths`` ``time_to_target`` ``predictors``
   ``power_laws`` ``error_laws`` ``sorting`` ``path_findings`` ``loss_curves`` ``loss_pairs``
   ``loss_families`` ``barriers`` ``hyperparameters`` ``network_table`` ``prediction``: what many
   runs say together
8. ``records``: one module a kind of measurement
9. ``steps`` ``study`` ``verdicts``: a study, and the claims judged from all of them
10. ``figures`` ``tables``
"""

import importlib
from pathlib import Path
from typing import Any

from landscape.store.library import read_code

# What of this package computes results is known by its content, as the library is.
read_code(Path(__file__).parent)

__all__ = ["Arm", "Study", "arms", "display", "factorial", "figures", "formatting", "tables"]

_NAMES = {
    "Arm": "studies.arms",
    "Study": "studies.study",
    "factorial": "studies.arms",
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: ``import studies`` alone stays quick."""
    if name in _NAMES:
        value = getattr(importlib.import_module(_NAMES[name]), name)
    elif not name.startswith("_"):
        try:
            value = importlib.import_module(f"studies.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"studies.{name}":
                raise
            raise AttributeError(f"module 'studies' has no attribute {name!r}") from None
    else:
        raise AttributeError(f"module 'studies' has no attribute {name!r}")
    globals()[name] = value
    return value
