"""What every test shares: one thread, silence, a generator, a store of its own."""

import hypothesis
import pytest
import torch
from landscape import rng
from landscape.store.entries import Store
from studies.study import search_less_for_garbage

import report  # noqa: F401  (before nbformat is imported: it leaves out what takes a second)
from tests.sample_study import Numbers, study_in

# One thread: sums have one order, and forked or killed processes have the same keys in a store.
torch.set_num_threads(1)

# The same examples in each run and no file of past ones: a failure is one for everybody.
hypothesis.settings.register_profile(
    "repository", derandomize=True, deadline=None, database=None, max_examples=60
)
hypothesis.settings.load_profile("repository")


def pytest_collection_modifyitems(items):
    """Mark as fast what is not slow: a new test is in `make fast` unless it says otherwise."""
    for item in items:
        if item.get_closest_marker("slow") is None:
            item.add_marker(pytest.mark.fast)


def pytest_collection_finish():
    """Search for garbage as rarely as a study does: collected tests make each search a long one."""
    search_less_for_garbage()


@pytest.fixture(autouse=True)
def _silence(monkeypatch):
    monkeypatch.setenv("LANDSCAPE_PROGRESS", "off")


@pytest.fixture
def generator():
    return rng.stream(0, "tests")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def study(tmp_path):
    return study_in(tmp_path)


@pytest.fixture
def numbers():
    return Numbers()
