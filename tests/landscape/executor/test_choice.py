"""The executor that the environment names."""

import importlib.util

import pytest
from landscape.executor.choice import chosen
from landscape.executor.processes import Processes

NAMES = ("DASK_SCHEDULER_ADDRESS", "LANDSCAPE_PROCESSES")


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_without_names_there_is_none():
    assert chosen() is None


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="needs distributed")
def test_the_environment_chooses_the_cluster_first(monkeypatch):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:1")
    monkeypatch.setenv("LANDSCAPE_PROCESSES", "2")
    assert chosen().address == "tcp://127.0.0.1:1" and chosen() is chosen()
    assert "code of studies" in chosen("studies").wanted
    assert "code of studies" not in chosen().wanted


def test_the_environment_chooses_processes(monkeypatch):
    monkeypatch.setenv("LANDSCAPE_PROCESSES", "3")
    assert isinstance(chosen(), Processes) and chosen() is chosen()


@pytest.mark.parametrize("count", ["0", "two", "-1", "1.5"])
def test_a_number_of_processes_that_is_none_is_refused(monkeypatch, count):
    monkeypatch.setenv("LANDSCAPE_PROCESSES", count)
    with pytest.raises(ValueError, match=f"LANDSCAPE_PROCESSES={count} is no number of processes"):
        chosen()
