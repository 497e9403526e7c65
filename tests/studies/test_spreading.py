"""Entries measured on workers: the bytes of the record are those of this process alone."""

import importlib.util
import os
import socket
import threading

import pytest
from landscape import executor
from landscape.executor import transfer
from studies.arms import Arm
from studies.recording import Request

from tests.sample_cluster import Cluster
from tests.sample_study import config_of, digits_task, rows_of, study_in

pytestmark = pytest.mark.slow
needs_dask = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None,
    reason="Dask's distributed is not installed: pip install 'distributed>=2026.8'",
)


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), port)
    cluster.start_scheduler()
    for _ in range(2):
        cluster.start_worker()
    client = executor.Dask(cluster.address, patience=60.0, packages=("landscape", "studies"))
    yield client
    client.close()
    cluster.close()


def studied(folder, chosen):
    """Train two networks; measure numbers, a plane and a path; return the study."""
    study = study_in(folder)
    study.executor = chosen
    runs = study.train({Arm("a"): config_of()}, digits_task(), seeds=[0, 1])
    solutions = runs.solutions(digits_task().first(60))
    study.measure(solutions, ["lambda_max", "trace", "sam"], rho=0.05)
    study.random_planes(solutions, points=5)
    study.top_planes(solutions, points=5, reach=1.0)
    study.paths(solutions, points=5, kinds=("straight", "aligned"), policies=("frozen",))
    study.close("Tests")
    return study


def record(folder):
    """Name of each file of the record -> content; times are of the machine and no result."""
    root = folder / "build" / "paper" / "record"
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != "times.csv" and path.suffix != ".lock"
    }


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The folder of a study that this process measured."""
    folder = tmp_path_factory.mktemp("here")
    studied(folder, None)
    return folder


class Recorded:
    """An executor that notes the labels of what another computes."""

    def __init__(self, executor):
        self.executor, self.labels, self.sent = executor, [], []

    def map(self, units, store, *, threads):
        units = list(units)
        self.labels += [unit.label.split()[0] for unit in units]
        self.sent += units
        return self.executor.map(units, store, threads=threads)


def check(folder, here, chosen):
    watched = Recorded(chosen)
    study = studied(folder, watched)
    assert record(folder) == record(here)
    kinds = {"training", "measurements", "planes", "quadratics", "paths"}
    assert kinds == set(watched.labels), watched.labels
    assert sum(label == "paths" for label in watched.labels) > 1  # A unit for each pair and kind.
    # What workers wrote is in the store of the study: another study computes none of it.
    entries = {kind for kind, _ in transfer.entries(study.store)}
    assert {"training.run", "eigenpairs", "sam", "plane_rows", "quadratic"} <= entries
    return watched


def test_units_in_this_process_give_the_same_record(tmp_path, here):
    check(tmp_path, here, executor.Serial())


def test_units_in_processes_give_the_same_record(tmp_path, here):
    processes = executor.Processes(2)
    try:
        check(tmp_path, here, processes)
    finally:
        processes.close()


@needs_dask
def test_units_on_a_cluster_give_the_same_record(tmp_path, here, dask):
    watched = check(tmp_path, here, dask)
    # The model of a plane is measured with the eigenvectors that another unit found.
    kinds = [{kind for kind, _ in unit.entries} for unit in watched.sent if "quadr" in unit.label]
    assert kinds and all({"training.run", "eigenpairs"} <= entries for entries in kinds)


def test_a_record_measured_on_workers_is_not_measured_again(tmp_path, here):
    class Refusing:
        def map(self, *_, **__):
            raise AssertionError("nothing is missing")

    before = record(here)
    studied(here, Refusing())
    assert record(here) == before


class Failing:
    """A measurement that fails for one of its networks."""

    def __init__(self, number):
        self.number = number

    def __call__(self, recorder):
        if self.number == 1:
            raise ValueError("no number 1")
        recorder.add("q", self.number)


def test_a_measurement_that_fails_costs_itself_alone_and_is_named(tmp_path):
    study = study_in(tmp_path)
    study.executor = executor.Serial()
    requests = [Request({"x": i}, {"arm": "a", "seed": i}, Failing(i)) for i in range(4)]
    with pytest.raises(ValueError, match="no number 1") as raised:
        study.step("kind", requests)
    (note,) = raised.value.__notes__
    assert note.startswith("1 of 4 units failed, the others are kept. It is kind of 09_tests (e")
    study.close("Tests")
    assert [row["value"] for row in rows_of(tmp_path)] == ["0", "2", "3"]


def test_what_no_worker_can_have_is_measured_here(tmp_path):
    study = study_in(tmp_path)
    processes = executor.Processes(1)
    study.executor = processes
    lock = threading.Lock()  # No other process can have it.

    def compute(recorder):
        with lock:
            recorder.add("q", os.getpid())

    (part,) = study.step("kind", [Request({"x": 1}, {"arm": "a", "seed": 0}, compute)])
    processes.close()
    assert part.measurements[0]["value"] == os.getpid()
