"""Sweeps: many runs, one after another or side by side."""

import contextlib
import dataclasses
import functools
import multiprocessing
import os
import platform
import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from landscape.data import Dataset
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
) -> dict:
    """Train every config, for every seed.

    Small networks leave most of a machine idle: several at a time, each on its share of the cores,
    are done sooner than one after another on all of them. The number of threads decides last bits
    and is part of a run's key, so another number of workers may mean other threads and trains
    again. Which runs are there already, and which process trains one, changes nothing.

    A worker that dies, for want of memory for example, takes the others with it; what is missing
    then goes on in this process, from its checkpoints. An error or an interrupt ends the workers
    and goes up; checkpoints stay.

    Args:
        configs: Named configs, or a plain sequence (named by position).
        dataset: The data.
        store: Where runs live.
        seeds: Replaces each config's own seed; None keeps it.
        workers: Processes that train side by side, each with ``max(1, cores // workers)`` threads;
            1 trains in this process, with the threads that it has. With more, a script has to
            sweep below ``if __name__ == "__main__":``, since every worker imports it; a notebook
            needs nothing of the kind.

    Returns:
        (name, seed) -> Run, in the order seed by seed.

    Raises:
        ValueError: If ``workers < 1``, if a part of a config is of a class that workers cannot
            import, or as ``train`` does.
    """
    if workers < 1:
        raise ValueError(
            f"workers={workers} train nothing. Pass workers >= 1; 1 trains in this process."
        )
    named = dict(configs) if isinstance(configs, Mapping) else dict(enumerate(configs))
    plan = {
        (name, own): dataclasses.replace(config, seed=own)
        for seed in (list(seeds) if seeds is not None else [None])
        for name, config in named.items()
        for own in [config.seed if seed is None else seed]
    }
    if _emulates_bfloat16() and any(c.precision == "bfloat16" for c in plan.values()):
        say(
            f"training: this processor ({torch.backends.cpu.get_cpu_capability()}) has no bfloat16 "
            "convolutions, and steps in it take some ten times as long as in float32. Unless all "
            "is trained already: pass precision='float32', or use a processor with AVX-512"
        )
    threads = torch.get_num_threads() if workers == 1 else max(1, (os.cpu_count() or 1) // workers)
    with _threads(threads):
        if workers > 1:
            _check_classes(plan.values())
            _side_by_side(plan.values(), dataset, store, workers)
        return {key: train(config, dataset, store) for key, config in plan.items()}


def _emulates_bfloat16() -> bool:
    """Whether convolutions in bfloat16 fall back to general kernels: on x86 before AVX-512."""
    known = platform.machine() in ("x86_64", "AMD64")
    return known and not torch.backends.cpu.get_cpu_capability().startswith("AVX512")


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _check_classes(configs: Iterable[TrainConfig]) -> None:
    kinds = {type(part) for config in configs for part in vars(config).values()}
    if own := sorted(kind.__name__ for kind in kinds if kind.__module__ == "__main__"):
        raise ValueError(
            f"the script or notebook itself defines {', '.join(own)}, and a worker knows it by "
            "another name. Move it to a module of its own, or pass workers=1."
        )


def _side_by_side(
    configs: Iterable[TrainConfig], dataset: Dataset, store: Store, workers: int
) -> None:
    """Train in workers what the store lacks; after the death of a worker some may still lack."""
    keyed = {store.key(train, (config, dataset)): config for config in configs}
    missing = {key: c for key, c in keyed.items() if store.get("training.run", key) is None}
    if len(missing) < 2:
        return
    with Progress("training", len(keyed), start=len(keyed) - len(missing)) as bar:
        try:
            _in_workers(missing, dataset, store, min(workers, len(missing)), bar)
        except BrokenProcessPool:
            say("training: a worker died; what is missing is trained in this process")


def _in_workers(
    missing: Mapping[str, TrainConfig], dataset: Dataset, store: Store, workers: int, bar: Progress
) -> None:
    spawn = multiprocessing.get_context("spawn")
    reading, lifeline = spawn.Pipe(duplex=False)
    with tempfile.TemporaryDirectory() as folder, reading:
        # As a file, whose pages all workers share.
        path = Path(folder) / "dataset.pt"
        torch.save({f.name: getattr(dataset, f.name) for f in dataclasses.fields(dataset)}, path)
        how = {"initializer": _begin, "initargs": (reading, torch.get_num_threads())}
        # The lifeline is let go of first, whatever happens: nobody waits for half a run.
        with ProcessPoolExecutor(workers, spawn, **how) as executor, lifeline:
            futures = [executor.submit(_train, *one, path, store.root) for one in missing.items()]
            for future in as_completed(futures):
                future.result()
                bar.step()


def _begin(lifeline: Connection, threads: int) -> None:
    """Make a worker: silent, with its share of threads, gone as soon as the parent lets go."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent's to answer.
    os.environ["LANDSCAPE_PROGRESS"] = "off"
    torch.set_num_threads(threads)
    threading.Thread(target=_follow, args=(lifeline,), daemon=True).start()


def _follow(lifeline: Connection) -> None:
    """End this process when the other end is closed, by the parent or by its death."""
    lifeline.poll(None)
    os._exit(1)


def _train(key: str, config: TrainConfig, dataset: Path, store: Path) -> None:
    """Train one run into the store, in a worker, unless it would not be the parent's ``key``."""
    own = Store(store)
    if own.key(train, (config, _load(dataset))) != key:
        raise RuntimeError(
            "the library's files were changed after this process had read them, and its workers, "
            "which read them now, would train something else. Start again: what is trained is kept."
        )
    train(config, _load(dataset), own)


@functools.cache
def _load(path: Path) -> Dataset:
    return Dataset(**torch.load(path, weights_only=True, mmap=True))
