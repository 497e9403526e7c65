"""Units on a real Dask cluster of loopback: the same results, and faults that cost one unit."""

import dataclasses
import importlib.util
import os
import signal
import socket
import subprocess
import threading
import time

import pytest
import torch
from landscape import executor, models, training
from landscape.executor import units
from landscape.store.entries import Store
from landscape.store.fingerprint import digest

from tests.sample_cluster import Cluster, failing, lines, number, numbers, wait_for
from tests.sample_networks import digits

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("distributed") is None,
        reason="Dask's distributed is not installed: pip install 'distributed>=2026.8'",
    ),
]
long = pytest.mark.skipif(
    os.environ.get("LANDSCAPE_FAULTS") != "all",
    reason="a fault of half a minute; LANDSCAPE_FAULTS=all runs them",
)

CONFIG = training.TrainConfig(models.MLP(hidden=(4,)), training.SGD(0.05), epochs=1, batch_size=20)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
def log_style(monkeypatch):
    monkeypatch.setenv("LANDSCAPE_PROGRESS", "log")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A scheduler and two workers without data, for tests that break neither."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), free_port())
    cluster.start_scheduler()
    for _ in range(2):
        cluster.start_worker()
    yield cluster
    cluster.close()


@pytest.fixture
def breakable(tmp_path):
    """A scheduler alone, and whatever a test starts and kills."""
    cluster = Cluster(tmp_path, free_port())
    cluster.start_scheduler()
    yield cluster
    cluster.close()


@pytest.fixture
def at(request):
    """Connect to a cluster; leave it at the end."""
    connected = []

    def connect(cluster, **options):
        connected.append(executor.Dask(cluster.address, **{"patience": 60.0, **options}))
        return connected[-1]

    yield connect
    for one in connected:
        one.close()


# The same results wherever they are computed


def test_runs_are_the_same_bytes_here_in_processes_and_on_a_cluster(
    two, at, store, tmp_path, capsys, log_style
):
    configs = {"a": CONFIG, "b": dataclasses.replace(CONFIG, batch_size=7)}
    strange = dataclasses.replace(digits(), name="strange")  # No worker has it.
    stores = {"here": store, "processes": Store(tmp_path / "p"), "dask": Store(tmp_path / "d")}
    executors = {"here": executor.Serial(), "processes": executor.Processes(2), "dask": at(two)}
    results = {
        name: training.sweep(configs, strange, stores[name], seeds=[0, 1], executor=executors[name])
        for name in stores
    }
    executors["processes"].close()
    assert {digest(runs) for runs in results.values()} == {digest(results["here"])}
    for name in ("processes", "dask"):
        for path in store.root.glob("training.run/*/*"):
            if path.name in ("arrays.npz", "value.json"):
                other = stores[name].root / path.relative_to(store.root)
                assert other.read_bytes() == path.read_bytes()
    # Sent once, though four units on two workers need it.
    assert capsys.readouterr().out.count("cluster: sending strange (") == 1


def test_what_the_store_holds_is_not_sent(two, at, store):
    runs = training.sweep([CONFIG], digits(), store)

    class Refusing:
        def map(self, *_, **__):
            raise AssertionError("nothing is missing")

    again = training.sweep([CONFIG], digits(), store, executor=Refusing())
    assert digest(runs) == digest(again)


def test_one_unit_that_raises_costs_itself_alone(two, at, store, tmp_path):
    work = numbers(199, tmp_path / "log")
    work.insert(100, units.Unit("number-bad", failing, ("number-bad",), "the bad one"))
    done = []
    with pytest.raises(executor.UnitError) as raised:
        for unit, threads in at(two).map(work, store, threads=1):
            done.append(unit.key)
            assert threads == 1
    assert str(raised.value) == (
        "1 of 200 units failed, the others are kept. It is the bad one (number-bad): "
        "ValueError: number-bad has no number"
    )
    assert raised.value.unit.key == "number-bad"
    assert sorted(done) == sorted(unit.key for unit in work if unit.key != "number-bad")
    assert len(list(store.root.glob("test.number/*"))) == 199
    assert len(lines(tmp_path / "log")) == 199


def test_threads_are_those_of_the_unit_whatever_the_nanny_preset(two, at, store, tmp_path):
    (unit,) = numbers(1, tmp_path / "log")
    assert list(at(two).map([unit], store, threads=2)) == [(unit, 2)]


def test_an_interrupted_map_leaves_the_cluster_usable(two, at, store, tmp_path):
    cluster = at(two)
    mapping = cluster.map(numbers(20, tmp_path / "log", seconds=0.05), store, threads=1)
    next(mapping)
    mapping.close()
    (unit,) = [units.Unit("other-5", number, ("other-5", 0.0, str(tmp_path / "log")))]
    assert [x for x, _ in cluster.map([unit], store, threads=1)] == [unit]


# Faults


def test_a_killed_worker_costs_the_units_that_it_computed(
    breakable, at, store, tmp_path, capsys, log_style
):
    doomed = breakable.start_worker()
    log = tmp_path / "log"
    work, done = numbers(6, log, seconds=1.0), []

    def kill():
        wait_for(lambda: len(lines(log)) == 3)
        breakable.start_worker()
        breakable.kill(doomed)

    killer = threading.Thread(target=kill)
    killer.start()
    for unit, _ in at(breakable).map(work, store, threads=1):
        done.append(unit.key)
    killer.join()
    begun = [key for key, _ in lines(log)]
    assert sorted(done) == sorted(set(begun)) == sorted(unit.key for unit in work)
    # Again: the one in work, and the one before it where its result had not come back.
    assert 7 <= len(begun) <= 8


def test_a_worker_of_another_torch_is_refused_by_name(
    breakable, at, store, tmp_path, capsys, log_style
):
    pretended = '{"torch": "2.12.0"}'
    breakable.start_worker(LANDSCAPE_PRETENDED_VERSIONS=pretended)
    work = numbers(2, tmp_path / "log")
    with pytest.raises(units.ClusterError, match=r"torch is 2\.12\.0, here ") as raised:
        list(at(breakable, patience=10.0).map(work, store, threads=1))
    assert "every worker at tcp://127.0.0.1:" in str(raised.value)
    assert "2 units are missing, the others are kept. Start workers" in str(raised.value)
    told = [x for x in capsys.readouterr().out.splitlines() if "is refused" in x]
    assert len(told) == 1 and told[0].startswith("cluster: worker w0 at tcp://127.0.0.1:")
    assert f"is refused: torch is 2.12.0, here {torch.__version__}" in told[0]
    assert not lines(tmp_path / "log")


def test_without_a_scheduler_it_says_which_after_a_while(store, tmp_path, capsys, log_style):
    address = f"tcp://127.0.0.1:{free_port()}"
    cluster = executor.Dask(address, patience=0.5)
    with pytest.raises(units.ClusterError, match=f"no Dask scheduler answers at {address}"):
        list(cluster.map(numbers(1, tmp_path / "log"), store, threads=1))
    assert f"no scheduler answers at {address}; waiting for it" in capsys.readouterr().out


def follow(cluster, work, store):
    """Map units in a thread; return what they become, and the thread."""
    done = []
    thread = threading.Thread(
        target=lambda: done.extend(unit.key for unit, _ in cluster.map(work, store, threads=1))
    )
    thread.start()
    return done, thread


@long
def test_all_workers_killed_and_restarted(breakable, at, store, tmp_path):
    log = tmp_path / "log"
    first = [breakable.start_worker() for _ in range(2)]
    done, thread = follow(at(breakable), numbers(12, log, seconds=1.0), store)
    wait_for(lambda: len(done) >= 3)
    for process in first:
        breakable.kill(process)
    before = len(lines(log))
    for _ in range(2):
        breakable.start_worker()
    thread.join(timeout=120)
    assert len(done) == 12 and len(set(done)) == 12
    assert len(lines(log)) <= 12 + 2 and before >= 3


@long
def test_the_scheduler_killed_and_restarted(breakable, at, store, tmp_path):
    log = tmp_path / "log"
    breakable.start_worker()
    done, thread = follow(at(breakable), numbers(12, log, seconds=1.0), store)
    wait_for(lambda: len(done) >= 3)
    breakable.kill(breakable.scheduler)
    breakable.kill(breakable.workers[0])
    time.sleep(3)
    breakable.start_scheduler()
    breakable.start_worker()
    thread.join(timeout=180)
    assert len(done) == 12 and len(set(done)) == 12
    # Dask's client may connect anew by itself; either way the units that were sent are sent again.
    assert 12 < len(lines(log)) <= 12 + 2


@long
def test_a_worker_that_stands_still_for_half_a_minute(breakable, at, store, tmp_path):
    log = tmp_path / "log"
    worker = breakable.start_worker()
    done, thread = follow(at(breakable), numbers(6, log, seconds=1.0), store)
    wait_for(lambda: len(done) >= 2)
    os.killpg(worker.pid, signal.SIGSTOP)
    time.sleep(30)
    os.killpg(worker.pid, signal.SIGCONT)
    thread.join(timeout=180)
    assert len(done) == 6 and len(set(done)) == 6


NAMESPACE = "landscape-test"


def ip(*words):
    return subprocess.run(["ip", *words], capture_output=True, text=True)


@pytest.fixture
def far(tmp_path):
    """A scheduler here and a network of its own for a worker, which can be cut off."""
    if os.geteuid() != 0 or ip("netns", "add", NAMESPACE).returncode:
        pytest.skip("a network namespace needs root, and a kernel that has them")
    ip("link", "add", "landscape0", "type", "veth", "peer", "name", "landscape1")
    ip("link", "set", "landscape1", "netns", NAMESPACE)
    ip("addr", "add", "10.213.7.1/24", "dev", "landscape0")
    ip("link", "set", "landscape0", "up")
    inside = ("netns", "exec", NAMESPACE, "ip")
    ip(*inside, "addr", "add", "10.213.7.2/24", "dev", "landscape1")
    ip(*inside, "link", "set", "landscape1", "up")
    ip(*inside, "link", "set", "lo", "up")
    cluster = Cluster(tmp_path, free_port(), host="10.213.7.1")
    cluster.start_scheduler()
    yield cluster
    cluster.close()
    ip("netns", "del", NAMESPACE)
    ip("link", "del", "landscape0")


@long
def test_a_network_that_is_gone_for_half_a_minute(far, at, store, tmp_path):
    log = tmp_path / "log"
    far.start_worker(before=("ip", "netns", "exec", NAMESPACE))
    done, thread = follow(at(far), numbers(6, log, seconds=1.0), store)
    wait_for(lambda: len(done) >= 2)
    ip("link", "set", "landscape0", "down")
    time.sleep(30)
    ip("link", "set", "landscape0", "up")
    wait_for(lambda: far.workers[0].poll() is not None or len(done) == 6, seconds=90)
    if len(done) < 6:  # Dask ends a worker that lost its scheduler; a nanny would start another.
        far.start_worker(before=("ip", "netns", "exec", NAMESPACE))
    thread.join(timeout=180)
    assert len(done) == 6 and len(set(done)) == 6
