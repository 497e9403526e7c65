"""Train many networks, one after another, in parallel processes, or on a cluster."""

import contextlib
import dataclasses
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping

import torch

from landscape.data import Dataset
from landscape.executor.processes import Processes
from landscape.executor.units import Executor, Unit, UnitError
from landscape.progress import Progress, say
from landscape.store.entries import Store
from landscape.training.config import TrainConfig
from landscape.training.loop import train


def sweep(
    configs: Mapping[str, TrainConfig] | Iterable[TrainConfig],
    dataset: Dataset,
    store: Store,
    *,
    seeds: Iterable[int] | None = None,
    workers: int = 1,
    each: Callable[[tuple], None] | None = None,
    executor: Executor | None = None,
) -> dict:
    """Train every config with every seed.

    Small networks leave most of a machine idle, so several at a time, each on its share of the
    cores, finish sooner than one after another on all cores. The number of threads decides the last
    bits of a run and is part of its key: another number of workers may change the threads, and then
    trains again. Runs that the store already holds, and the process that trains a run, change no
    result.

    If a worker dies, for example for lack of memory, all workers end, and this process trains the
    missing runs from their checkpoints. An interrupt ends the workers. A run that fails costs
    itself alone: its error is raised when the others are trained. Checkpoints stay.

    Args:
        configs: Name -> config, or a plain sequence of configs, which are named by position.
        dataset: Data to train and measure on.
        store: Holds runs and checkpoints.
        seeds: Seeds that replace the seed of each config; None keeps the configs' seeds.
        workers: Number of parallel processes, each with ``max(1, cores // workers)`` threads;
            1 trains in this process, with its present threads. With more than 1 a script must call
            ``sweep`` below ``if __name__ == "__main__":``, since every worker imports the script; a
            notebook needs no such guard.
        each: Called here with the (name, seed) of a run as soon as a worker has trained it, while
            others train on; None calls nothing.
        executor: Trains the missing runs in place of processes of this machine, such as
            ``executor.Dask(address)``; with as many threads for each as ``workers`` says.

    Returns:
        (name, seed) -> Run, ordered by seed, then by config.

    Raises:
        ValueError: If ``workers < 1``, if workers cannot import the class of a part of a config, or
            for the reasons of ``train``.
        RuntimeError: If the library's files changed after this process had imported them.

    Example:
        >>> import tempfile
        >>> import landscape
        >>> from landscape import data, models, training
        >>> digits = data.load("digits", max_train=200, max_test=100)
        >>> config = training.TrainConfig(models.MLP(hidden=(8,)), training.SGD(0.1), epochs=2)
        >>> store = landscape.Store(tempfile.mkdtemp())
        >>> runs = training.sweep({"SGD": config}, digits, store, seeds=[0, 1])
        >>> list(runs)
        [('SGD', 0), ('SGD', 1)]
    """
    if workers < 1:
        raise ValueError(
            f"workers={workers} train nothing. Pass workers >= 1; 1 trains in this process."
        )
    named = dict(configs) if isinstance(configs, Mapping) else dict(enumerate(configs))
    plan = {
        (name, run_seed): dataclasses.replace(config, seed=run_seed)
        for seed in (list(seeds) if seeds is not None else [None])
        for name, config in named.items()
        for run_seed in [config.seed if seed is None else seed]
    }
    if _emulates_bfloat16() and any(c.precision == "bfloat16" for c in plan.values()):
        say(
            f"training: this processor ({torch.backends.cpu.get_cpu_capability()}) has no bfloat16 "
            "convolutions: steps take about ten times as long as in float32. Unless all runs are "
            "trained already, pass precision='float32' or use a processor with AVX-512"
        )
    with in_threads(threads_each(workers)):
        if executor is not None:
            _check_classes(plan.values())
            _spread(plan, dataset, store, executor, each, least=1)
        elif workers > 1:
            _check_classes(plan.values())
            with contextlib.closing(Processes(workers)) as processes:
                _spread(plan, dataset, store, processes, each, least=2)
        # In the order of the plan, and from the store where a worker has trained it.
        return {key: train(config, dataset, store) for key, config in plan.items()}


def _emulates_bfloat16() -> bool:
    """Return whether bfloat16 convolutions use slow general kernels, as on x86 before AVX-512."""
    is_x86 = platform.machine() in ("x86_64", "AMD64")
    return is_x86 and not torch.backends.cpu.get_cpu_capability().startswith("AVX512")


def threads_each(workers: int) -> int:
    """Return the number of threads that ``sweep`` trains each run with, for a number of workers."""
    return torch.get_num_threads() if workers == 1 else max(1, (os.cpu_count() or 1) // workers)


@contextlib.contextmanager
def in_threads(count: int) -> Iterator[None]:
    """Compute with so many threads, as a context."""
    previous_count = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(previous_count)


def _check_classes(configs: Iterable[TrainConfig]) -> None:
    classes = {type(part) for config in configs for part in vars(config).values()}
    if names := sorted(kind.__name__ for kind in classes if kind.__module__ == "__main__"):
        raise ValueError(
            f"the script or notebook itself defines {', '.join(names)}, and workers cannot import "
            "from it. Move the class to a module of its own, or pass workers=1."
        )


def _spread(
    plan: Mapping[tuple, TrainConfig],
    dataset: Dataset,
    store: Store,
    executor: Executor,
    each: Callable[[tuple], None] | None,
    *,
    least: int,
) -> None:
    """Train the missing runs by an executor, unless they are fewer than ``least``."""
    keyed = {store.key(train, (config, dataset)): name for name, config in plan.items()}
    units = [
        Unit(key, _train, (key, plan[name], dataset), f"training {name[0]}, seed {name[1]}")
        for key, name in keyed.items()
        if store.get("training.run", key) is None
    ]
    if len(units) < least:
        return
    with Progress("training", len(keyed), start=len(keyed) - len(units)) as bar:
        try:
            for unit, _ in executor.map(units, store, threads=torch.get_num_threads()):
                bar.step()
                if each is not None:
                    each(keyed[unit.key])
        except UnitError as error:
            # As training here raises it.
            cause = error.__cause__ or error
            cause.add_note(str(error))
            raise cause from None


def _train(store: Store, key: str, config: TrainConfig, dataset: Dataset) -> None:
    """Train one run into the store of a worker; refuse a run with another key than ``key``."""
    if store.key(train, (config, dataset)) != key:
        raise RuntimeError(
            "the library's files were changed after this process had read them, so its workers, "
            "which read the new files, would train with other code. Start again: trained runs are "
            "kept."
        )
    train(config, dataset, store)
