"""A full disk: one sentence that says which, what is missing and what is kept."""

import errno
import os

import numpy as np
import pytest
import torch
from landscape.store import disk
from landscape.store.entries import Store


def ones(count):
    return torch.ones(count, dtype=torch.float64)


@pytest.fixture
def full(monkeypatch):
    """A disk that takes half of the first array."""

    def savez(file, **arrays):
        file.write(b"0" * 100)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez", savez)


def usage(monkeypatch, free):
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: type("Usage", (), {"free": free}))


def test_the_store_says_what_is_missing_and_keeps_what_it_has(store, monkeypatch, full):
    usage(monkeypatch, 1_000_000)
    with pytest.raises(OSError, match="is full") as raised:
        store.remember(ones, 250_000)
    assert raised.value.errno == errno.ENOSPC
    said = raised.value.strerror
    assert said.startswith(f"the disk at {disk.mount(store.root)} is full: 2.0 MB were to be")
    assert f"into {store.root}, 1.0 MB are free, 1.0 MB are missing. All that was" in said
    assert "\n" not in said and raised.value.__suppress_context__
    # Half a file takes room that the next result needs.
    assert list((store.root / "writing").iterdir()) == []


def test_with_room_again_the_same_result_is_computed(store, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(np, "savez", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(OSError, match="the disk at"):
            store.remember(ones, 3)
    assert torch.equal(store.remember(ones, 3), ones(3))
    assert torch.equal(Store(store.root).remember(ones, 3), ones(3))


def test_room_on_the_disk_and_none_for_the_account_is_a_quota(tmp_path, monkeypatch):
    usage(monkeypatch, 10**9)
    assert "the account has no more" in disk.sentence(tmp_path / "missing", 5)


def test_other_errors_pass_as_they_are(tmp_path):
    with (
        pytest.raises(PermissionError, match=r"^\[Errno 13\] not yours$"),
        disk.described(tmp_path, lambda: 0),
    ):
        raise PermissionError(errno.EACCES, "not yours")
