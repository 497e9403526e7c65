"""What all tests of the bench share."""

import pytest

from bench import timing


@pytest.fixture(autouse=True)
def _no_collection(monkeypatch):
    # Before each time that is taken; slow in a process that holds a whole test run.
    monkeypatch.setattr(timing.gc, "collect", lambda: 0)
