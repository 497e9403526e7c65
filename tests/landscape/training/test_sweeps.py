"""Sweeps side by side: the same runs as in this process, whatever happens to a worker."""

import dataclasses
import multiprocessing
import os
import signal
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import pytest
import torch
from landscape import models, training
from landscape.executor import packing, processes
from landscape.store.entries import Store
from landscape.store.fingerprint import digest
from landscape.training import sweeps

from tests.sample_networks import digits

pytestmark = pytest.mark.slow

MLP = models.MLP(hidden=(4,))
CONFIG = training.TrainConfig(MLP, training.SGD(0.05), epochs=1, batch_size=20)
ADAM = dataclasses.replace(CONFIG, optimizer=training.Adam(0.01))
CONFIGS = {"Adam": ADAM, "SGD": CONFIG}
LATE = dataclasses.replace(CONFIG, snapshots=(99,))
SHARE = max(1, (os.cpu_count() or 1) // 2)


@pytest.fixture(autouse=True)
def _threads_are_put_back():
    before = torch.get_num_threads()
    yield
    assert torch.get_num_threads() == before


def entries(store):
    folder = store.root / "training.run"
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def here(configs, store, threads=SHARE, **options):
    """The same sweep in this process, with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return training.sweep(configs, digits(), store, **options)
    finally:
        torch.set_num_threads(before)


def test_without_seeds_every_config_keeps_its_own(store):
    configs = {name: dataclasses.replace(CONFIG, seed=seed) for name, seed in (("a", 5), ("b", 2))}
    found = training.sweep(configs, digits(), store)
    assert {key: run.config.seed for key, run in found.items()} == {("a", 5): 5, ("b", 2): 2}


@pytest.mark.parametrize(
    ("capability", "precision", "said"),
    [
        ("AVX2", "bfloat16", True),
        ("AVX512", "bfloat16", False),
        ("AVX512_BF16", "bfloat16", False),
        ("AVX2", "float32", False),
    ],
)
def test_slow_bfloat16_is_said_before_it_is_waited_for(
    store, monkeypatch, capsys, capability, precision, said
):
    monkeypatch.setenv("LANDSCAPE_PROGRESS", "log")
    monkeypatch.setattr(sweeps.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    training.sweep([dataclasses.replace(CONFIG, precision=precision)], digits(), store)
    out = capsys.readouterr().out
    assert said == ("(AVX2) has no bfloat16 convolutions" in out and "precision='float32'" in out)


# With workers


@dataclasses.dataclass(frozen=True)
class Deadly(models.MLP):
    """A network that kills a worker that builds it."""

    def build(self, *arguments, **options):
        if multiprocessing.parent_process() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().build(*arguments, **options)


def test_workers_train_the_same_runs(store, tmp_path, capfd):
    want = here(CONFIGS, Store(tmp_path / "here"), seeds=[3, 1])
    # One is there already, trained in this process.
    here({"SGD": CONFIG}, store, seeds=[3])
    found = training.sweep(CONFIGS, digits(), store, seeds=[3, 1], workers=2)
    assert list(found) == [("Adam", 3), ("SGD", 3), ("Adam", 1), ("SGD", 1)] == list(want)
    assert digest(found) == digest(want)
    assert len(entries(store)) == 4 and entries(store) == entries(Store(tmp_path / "here"))
    assert capfd.readouterr() == ("", "")


def test_a_killed_worker_costs_no_run(store, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LANDSCAPE_PROGRESS", "log")
    configs = {"deadly": dataclasses.replace(CONFIG, model=Deadly(hidden=(4,))), **CONFIGS}
    found = training.sweep(configs, digits(), store, workers=2)
    assert "a worker died; this process computes the missing units" in (capsys.readouterr().out)
    assert digest(found) == digest(here(configs, Store(tmp_path / "here")))


def test_an_error_costs_its_own_run_alone_and_reaches_the_caller(store):
    with pytest.raises(ValueError, match=r"snapshots at steps \[99\] lie after the last") as raised:
        training.sweep({"late": LATE, **CONFIGS}, digits(), store, seeds=[0, 1], workers=2)
    (note,) = raised.value.__notes__
    assert note.startswith("2 of 6 units failed, the others are kept. First training late, seed ")
    assert not multiprocessing.active_children()
    assert len(entries(store)) == 4


# Without: this process stands in for a worker


class Executor:
    """Does in this process what it is given, at once; without beginning a worker."""

    made: list = []  # noqa: RUF012

    def __init__(self, workers, context, *, initializer, initargs):
        self.workers, (self.lifeline,) = workers, initargs
        self.tasks, self.threads, self.let_go = [], set(), None
        assert (context.get_start_method(), initializer) == ("spawn", processes._begin)
        Executor.made.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.let_go = self.lifeline.poll(0)  # Readable: the other end is closed.

    def submit(self, function, *arguments):
        unit, folder, _, threads = arguments
        _, (_, config, _) = packing.unpacked(
            unit, lambda reference: processes._load(processes._path(folder, reference))
        )
        self.tasks.append(config)
        self.threads.add(threads)
        future = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.fixture
def made(monkeypatch):
    monkeypatch.setattr(processes, "ProcessPoolExecutor", Executor)
    monkeypatch.setattr(Executor, "made", [])
    return Executor.made


def test_only_what_is_missing_is_sent_and_once(store, made):
    here([CONFIG], store)
    other = dataclasses.replace(CONFIG, batch_size=7)
    configs = {"there": CONFIG, "one": ADAM, "same": ADAM, "other": other}
    found = training.sweep(configs, digits(), store, workers=2)
    assert [executor.tasks for executor in made] == [[ADAM, other]]
    assert [run.config for run in found.values()] == list(configs.values())
    assert digest(found) == digest(here(configs, store)) and len(entries(store)) == 3


def test_a_worker_that_reads_other_code_than_the_sweep_stops_it(store, made, monkeypatch):
    real, keys = Store.key, iter(range(99))
    monkeypatch.setattr(Store, "key", lambda *arguments: f"{next(keys)}{real(*arguments)}")
    with pytest.raises(RuntimeError, match=r"files were changed after this process had read them"):
        training.sweep(CONFIGS, digits(), store, workers=2)
    assert not entries(store)


@pytest.mark.parametrize("missing", [0, 1])
def test_nothing_is_started_for_less_than_two_runs(store, made, tmp_path, missing):
    here(list(CONFIGS.values())[missing:], store)
    found = training.sweep(CONFIGS, digits(), store, workers=2)
    assert not made
    assert digest(found) == digest(here(CONFIGS, Store(tmp_path / "here")))
    assert len(entries(store)) == 2  # Of the workers' number of threads, all of them.


@pytest.mark.parametrize(
    ("cores", "workers", "share"), [(8, 3, 2), (2, 2, 1), (2, 5, 1), (None, 2, 1)]
)
def test_workers_share_the_cores(store, made, monkeypatch, cores, workers, share):
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    training.sweep(CONFIGS, digits(), store, seeds=[0, 1], workers=workers)
    assert [(executor.workers, executor.threads) for executor in made] == [(workers, {share})]
    here(CONFIGS, store, threads=share, seeds=[0, 1])
    assert len(entries(store)) == 4


def test_one_worker_is_this_process_with_the_threads_that_it_has(store, made, monkeypatch):
    seen, real = [], training.loop._Training.run

    def run(self):
        seen.append(torch.get_num_threads())
        return real(self)

    monkeypatch.setattr(training.loop._Training, "run", run)
    for threads in (1, 2):
        here(CONFIGS, store, threads=threads)
    assert seen == [1, 1, 2, 2] and not made and len(entries(store)) == 4


def test_progress_counts_every_run(store, made, monkeypatch):
    here([CONFIG], store)
    shown = []

    class Shown(sweeps.Progress):
        def __init__(self, label, total, *, start=0):
            shown.append((label, total, start))
            super().__init__(label, total, start=start)

        def step(self, *arguments, **options):
            shown.append("step")
            super().step(*arguments, **options)

    monkeypatch.setattr(sweeps, "Progress", Shown)
    training.sweep(CONFIGS, digits(), store, seeds=[0, 1], workers=2)
    assert shown == [("training", 4, 1), "step", "step", "step"]


def test_a_pool_that_breaks_at_once_leaves_all_to_this_process(store, made, monkeypatch):
    def submit(self, *_):
        raise BrokenProcessPool

    monkeypatch.setattr(Executor, "submit", submit)
    assert list(training.sweep(CONFIGS, digits(), store, workers=2)) == [("Adam", 0), ("SGD", 0)]
    assert made[0].let_go


def test_an_interrupt_lets_go_of_the_workers(store, made, monkeypatch):
    def interrupted(futures):
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "as_completed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        training.sweep(CONFIGS, digits(), store, workers=2)
    assert made[0].let_go


def test_an_error_in_a_worker_reaches_the_caller_as_it_is(store, made, monkeypatch):
    def submit(self, *_):
        future = Future()
        future.set_exception(OSError("no space left"))
        return future

    monkeypatch.setattr(Executor, "submit", submit)
    with pytest.raises(OSError, match="no space left") as raised:
        training.sweep(CONFIGS, digits(), store, workers=2)
    assert str(raised.value) == "no space left" and not entries(store)
    assert "2 of 2 units failed" in raised.value.__notes__[0]


def test_an_error_of_a_config_is_the_same_in_every_process(store, made):
    for configs, workers in (([LATE], 1), ([LATE], 2), ([CONFIG, LATE], 2)):
        with pytest.raises(ValueError, match=r"lie after the last step, 3. Name steps within"):
            training.sweep(configs, digits(), store, workers=workers)


def test_a_class_that_a_worker_cannot_know_is_refused(store, made, monkeypatch):
    monkeypatch.setattr(Deadly, "__module__", "__main__")
    configs = [CONFIG, dataclasses.replace(CONFIG, model=Deadly(hidden=(4,)))]
    with pytest.raises(ValueError, match=r"itself defines Deadly, .* Move the class to a module"):
        training.sweep(configs, digits(), store, workers=2)
    assert not made


@pytest.mark.parametrize("workers", [0, -1])
def test_no_worker_is_refused(store, workers):
    with pytest.raises(ValueError, match=f"workers={workers} train nothing. Pass workers >= 1"):
        training.sweep(CONFIGS, digits(), store, workers=workers)
