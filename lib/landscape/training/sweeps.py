"""Sweeps: many runs, one after another or several at a time."""

import dataclasses
from collections.abc import Iterable, Mapping

from landscape.data import Dataset
from landscape.store import Store
from landscape.training.config import TrainConfig
from landscape.training.loop import train


def sweep(
    configs: Mapping[str, TrainConfig] | Iterable[TrainConfig],
    dataset: Dataset,
    store: Store,
    *,
    seeds: Iterable[int] | None = None,
) -> dict:
    """Train every config, for every seed.

    Args:
        configs: Named configs, or a plain sequence (named by position).
        dataset: The data.
        store: Where runs live.
        seeds: Replaces each config's own seed; None keeps it.

    Returns:
        (name, seed) -> Run, in the order seed by seed.
    """
    named = dict(configs) if isinstance(configs, Mapping) else dict(enumerate(configs))
    plan = {
        (name, seed): dataclasses.replace(config, seed=seed)
        for seed in (list(seeds) if seeds is not None else [None])
        for name, config in named.items()
        for seed in [config.seed if seed is None else seed]
    }
    return {key: train(config, dataset, store) for key, config in plan.items()}
