"""The store: computed once, checked when it is read, shared by processes."""

import functools
import json
import multiprocessing
import os
import random
import subprocess
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from landscape import rng
from landscape.spectrum import Estimate
from landscape.store import entries as stores
from landscape.store import provenance
from landscape.store.entries import Store
from studies.intervals import Interval

from tests.sample_values import same as same_values


class Calls(list):
    """Arguments of the calls so far; what is counted here is no part of what is computed."""

    fingerprint = "calls"


CALLS = Calls()


@pytest.fixture(autouse=True)
def _forget():
    CALLS.clear()


def square(x, *, power=2):
    CALLS.append(x)
    return {"value": x**power, "numbers": torch.arange(3.0) * x, "list": [1, (2, None)]}


def draw(generator, count):
    CALLS.append(count)
    return torch.randn(count, generator=generator)


def same(a, b):
    return torch.equal(a["numbers"], b["numbers"]) and a["value"] == b["value"]


def entries(store):
    return [
        path.parent for path in store.root.glob("*/*/sha256.json") if "damaged" not in str(path)
    ]


# Remembering


def test_store_computes_once_and_returns_the_same_content(store):
    first, second = store.remember(square, 3), store.remember(square, 3)
    assert CALLS == [3] and same(first, second) and first["value"] == 9


def test_store_remembers_across_objects_of_one_folder(store):
    store.remember(square, 3)
    assert Store(str(store.root)).remember(square, 3)["value"] == 9 and CALLS == [3]


@pytest.mark.parametrize("call", [((4,), {}), ((3,), {"power": 3}), ((3.0,), {})])
def test_store_computes_again_for_other_arguments(store, call):
    store.remember(square, 3)
    store.remember(square, *call[0], **call[1])
    assert len(CALLS) == 2


def test_store_knows_defaults_and_keywords_as_the_same_call(store):
    for call in (((3,), {}), ((3,), {"power": 2}), ((), {"x": 3})):
        store.remember(square, *call[0], **call[1])
    assert CALLS == [3]


def test_store_keys_follow_the_code(store, monkeypatch):
    store.remember(square, 3)
    monkeypatch.setattr(stores, "code_version", lambda code: "changed")
    store.remember(square, 3)
    assert CALLS == [3, 3]


@pytest.mark.parametrize("name", ["torch", "threads", "cpu_capability", "default_dtype"])
def test_store_keys_follow_the_numerical_environment(store, monkeypatch, name):
    store.remember(square, 3)
    changed = {**stores.numerical_environment(), name: "another"}
    monkeypatch.setattr(stores, "numerical_environment", lambda: changed)
    store.remember(square, 3)
    assert CALLS == [3, 3]


def test_store_leaves_a_generator_argument_where_it_was(store):
    generator = rng.stream(0, "store")
    before = generator.get_state()
    first = store.remember(draw, generator, 4)
    assert torch.equal(generator.get_state(), before)
    second = store.remember(draw, generator, 4)
    assert torch.equal(first, second) and CALLS == [4]
    assert torch.equal(first, torch.randn(4, generator=generator))
    store.remember(draw, generator, 4)
    assert CALLS == [4, 4]


def test_store_returns_objects_that_share_nothing(store):
    first = store.remember(square, 3)
    first["numbers"].zero_()
    assert store.remember(square, 3)["numbers"].tolist() == [0.0, 3.0, 6.0]


def returns_none(x):
    CALLS.append(x)


def test_store_remembers_none(store):
    assert store.remember(returns_none, 1) is None and store.remember(returns_none, 1) is None
    assert CALLS == [1]


def fails(x):
    CALLS.append(x)
    raise ArithmeticError("no result")


def test_store_keeps_nothing_of_a_failure(store):
    for _ in range(2):
        with pytest.raises(ArithmeticError, match=r"no result"):
            store.remember(fails, 1)
    assert CALLS == [1, 1] and entries(store) == []


class Scale:
    def __init__(self, factor):
        self.factor = factor

    def times(self, x):
        return self.factor * x


def closure(factor):
    def times(x):
        return factor * x

    return times


def test_store_does_not_confuse_methods_of_different_objects(store):
    # What a method's object holds is no argument: it must be in the key, or the call be refused.
    with pytest.raises(TypeError, match=r"method|Pass a plain function"):
        store.remember(Scale(2).times, 5)
        store.remember(Scale(3).times, 5)


def test_store_does_not_confuse_closures_over_different_values(store):
    with pytest.raises(TypeError, match=r"closure|captures|Pass a plain function"):
        store.remember(closure(2), 5)
        store.remember(closure(3), 5)


def test_store_refuses_an_argument_that_it_cannot_identify(store):
    with pytest.raises(TypeError, match=r"cannot fingerprint a object"):
        store.remember(square, object())
    assert CALLS == []


def returns_set(x):
    return {x}


def test_store_refuses_a_result_that_it_cannot_write(store):
    with pytest.raises(TypeError, match=r"cannot store a set. Return plain values"):
        store.remember(returns_set, 1)
    assert entries(store) == [] and not list(store.root.glob("writing/*"))


def test_store_counts_the_computing_time_also_of_what_it_reads(store, monkeypatch):
    clock = iter([10.0, 17.5])
    monkeypatch.setattr(stores.time, "monotonic", lambda: next(clock))
    threads = torch.get_num_threads()
    monkeypatch.setattr(provenance.os, "cpu_count", lambda: threads)
    store.remember(square, 3)
    assert store.seconds == 7.5
    again = Store(store.root)
    for _ in range(2):  # Used twice, it was computed once.
        again.remember(square, 3)
    assert again.seconds == 7.5


def test_what_a_share_of_the_cores_computed_counts_as_that_share(store, monkeypatch):
    clock = iter([10.0, 17.5])
    monkeypatch.setattr(stores.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(provenance.os, "cpu_count", lambda: 3 * torch.get_num_threads())
    store.remember(square, 3)
    assert store.seconds == 2.5


# Damage


def change_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def delete(path):
    path.unlink()


FILES = ["arrays.npz", "value.json", "origin.json", "sha256.json"]


@pytest.mark.parametrize("harm", [change_byte, delete])
@pytest.mark.parametrize("name", FILES)
def test_store_reports_sets_aside_and_recomputes_a_damaged_entry(
    store, capsys, monkeypatch, name, harm
):
    good = store.remember(square, 3)
    (entry,) = entries(store)
    harm(entry / name)
    monkeypatch.setenv("LANDSCAPE_PROGRESS", "log")
    assert same(store.remember(square, 3), good) and CALLS == [3, 3]
    (aside,) = (store.root / "damaged").iterdir()
    said = capsys.readouterr().out
    assert f"{entry.name[:12]} is damaged" in said and aside.name in said
    assert {path.name for path in aside.iterdir()} >= set(FILES) - {name}
    assert same(store.remember(square, 3), good) and CALLS == [3, 3]


KEPT = {"value": [1.5, None, (2, "a")], "numbers": torch.arange(3.0)}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A store with one entry, and the bytes of its files."""
    store = Store(tmp_path_factory.mktemp("kept"))
    store.put("kind", "key", KEPT, seconds=1.0)
    folder = store.root / "kind" / "key"
    return store, {path.name: path.read_bytes() for path in folder.iterdir()}


def damaged(content, data):
    """Draw other bytes: one changed, some missing at the end, some more, or quite others."""
    place = data.draw(st.integers(0, len(content) - 1))
    changed = content[place] ^ data.draw(st.integers(1, 255))
    one_byte = content[:place] + bytes([changed]) + content[place + 1 :]
    more, others = content + b" ", data.draw(st.binary(max_size=9))
    return data.draw(st.sampled_from([one_byte, content[:place], more, others]))


@given(st.sampled_from(FILES), st.data())
def test_a_changed_byte_of_any_file_is_noticed(kept, name, data):
    store, contents = kept
    folder = store.root / "kind" / "key"
    folder.mkdir(exist_ok=True)
    for file, content in contents.items():
        (folder / file).write_bytes(damaged(content, data) if file == name else content)
    back = store.get("kind", "key")
    # Only a space in the list of checksums may change: what it says is still true of the others.
    assert back is None or (name == "sha256.json" and same_values(back, KEPT))


@pytest.mark.parametrize("text", ["[]", "5", "{}", "null", '{"value.json": "0"}'])
def test_store_sees_through_a_list_of_checksums_of_another_form(store, text):
    store.remember(square, 3)
    (entry,) = entries(store)
    (entry / "sha256.json").write_text(text)
    store.remember(square, 3)
    assert CALLS == [3, 3]


@pytest.mark.slow
def test_store_recomputes_an_entry_whose_class_is_gone(store):
    store.put("kind", "k" * 64, Interval(1.0, 0.0, 2.0, 3, 0.95, 0, "mean"), seconds=0.0)
    folder = store.root / "kind" / ("k" * 64)
    text = (folder / "value.json").read_text().replace("Interval", "Gone")
    (folder / "value.json").write_text(text)
    sums = json.loads((folder / "sha256.json").read_text())
    sums["value.json"] = stores._sha256(folder / "value.json")
    (folder / "sha256.json").write_text(json.dumps(sums))
    assert store.get("kind", "k" * 64) is None
    assert len(list((store.root / "damaged").iterdir())) == 1


def test_store_ignores_what_a_killed_writer_left(store):
    (store.root / "writing" / "half").mkdir(parents=True)
    (store.root / "writing" / "half" / "arrays.npz").write_bytes(b"half")
    assert store.remember(square, 3)["value"] == 9


def test_store_that_cannot_read_back_says_so(store, monkeypatch):
    monkeypatch.setattr(Store, "_get", lambda self, folder: None)
    with pytest.raises(RuntimeError, match=r"cannot be read back after writing. Check the disk"):
        store.remember(square, 3)


# Entries by key


def test_put_get_and_drop_an_entry(store):
    assert store.get("kind", "key") is None
    store.put("kind", "key", [1, 2], seconds=3.0)
    store.put("kind", "key", "another: the first one stays", seconds=3.0)
    assert store.get("kind", "key") == [1, 2] and store.seconds == 0.0
    assert store.drop("kind", "key") is True
    assert store.drop("kind", "key") is False
    assert store.get("kind", "key") is None


def test_forget_removes_what_remember_keeps_and_nothing_else(store):
    store.remember(square, 2)
    store.remember(square, 3)
    assert store.forget(square, x=2, power=2) is True  # The same call, in other words.
    assert store.forget(square, 2) is False
    store.remember(square, 3)
    assert CALLS == [2, 3] and len(entries(store)) == 1
    store.remember(square, 2)
    assert CALLS == [2, 3, 2]


def test_forget_finds_nothing_for_another_call(store):
    store.remember(square, 2)
    assert [store.forget(square, 2, power=3), store.forget(square, 4)] == [False, False]
    # The trap that forget is for: a key of the same words is not the key that remember made.
    assert store.drop("square", store.key(square, 2)) is False
    assert len(entries(store)) == 1


def test_forget_computes_nothing_and_leaves_a_generator_where_it_was(store):
    generator = rng.stream(0, "forget")
    state = generator.get_state()
    assert store.forget(draw, generator, 3) is False and CALLS == []
    store.remember(draw, generator, 3)
    assert store.forget(draw, generator, 3) is True
    assert torch.equal(generator.get_state(), state)


def test_forget_refuses_what_remember_refuses(store):
    with pytest.raises(TypeError, match="Pass a plain function"):
        store.forget(functools.partial(square, power=2), 2)
    with pytest.raises(TypeError, match="x"):
        store.forget(square)


# Processes


def slow(folder):
    with open(f"{folder}/calls", "a", encoding="utf-8") as file:
        file.write("x")
    time.sleep(0.3)
    return os.getpid()


def ask(root, folder, gate, answers):
    gate.wait()
    answers.put(Store(root).remember(slow, folder))


def test_two_processes_at_once_compute_once(store, tmp_path):
    fork = multiprocessing.get_context("fork")
    gate, answers = fork.Barrier(2), fork.Queue()
    arguments = (store.root, str(tmp_path), gate, answers)
    both = [fork.Process(target=ask, args=arguments) for _ in range(2)]
    for process in both:
        process.start()
    found = [answers.get(timeout=30) for _ in both]
    for process in both:
        process.join(30)
    assert (tmp_path / "calls").read_text() == "x" and found[0] == found[1]


def hold_and_die(root, key, ready):
    with Store(root).lock(key):
        ready.set()
        time.sleep(60)


def test_a_killed_process_lets_go_of_its_lock(store):
    fork = multiprocessing.get_context("fork")
    ready = fork.Event()
    process = fork.Process(target=hold_and_die, args=(store.root, "key", ready))
    process.start()
    assert ready.wait(30)
    process.kill()
    process.join(30)
    begun = time.monotonic()
    with store.lock("key"):
        assert time.monotonic() - begun < 20


# Where a study stands


def test_machine_names_versions_and_hardware_but_no_host():
    found = provenance.description()
    assert set(found) == {"versions", "hardware"}
    assert found["versions"]["torch"] == torch.__version__
    assert found["hardware"]["threads"] == torch.get_num_threads()
    assert found["hardware"]["memory_gb"] > 0
    assert os.uname().nodename not in json.dumps(found)


def test_project_path_starts_at_the_projects_root(tmp_path, monkeypatch):
    root = tmp_path / "project"
    (root / "notebooks" / "deep").mkdir(parents=True)
    monkeypatch.chdir(root / "notebooks" / "deep")
    assert provenance.project_path("data") == root / "notebooks" / "deep" / "data"
    (root / "pyproject.toml").write_text("")
    assert provenance.project_path("data") == root / "data"
    assert provenance.project_path(tmp_path / "x") == tmp_path / "x"


def git(folder, *words):
    name = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(folder), *name, *words], check=True, capture_output=True)


def test_commit_tells_whether_tracked_files_differ(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.commit(tmp_path) == ("unknown", True)
    git(tmp_path, "init", "-q")
    assert provenance.commit(tmp_path) == ("unknown", True)
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-q", "-m", "one")
    (tmp_path / "untracked").write_text("1")
    head, dirty = provenance.commit(tmp_path)
    assert len(head) == 40 and not dirty
    (tmp_path / "a").write_text("2")
    assert provenance.commit(tmp_path) == (head, True)


def interrupted_estimate():
    return Estimate(1.0, 0.1, 0.8, 1.2, False, 5, 2, "test", interrupted=True)


@pytest.mark.slow
def test_store_keeps_no_result_that_was_interrupted(tmp_path):
    store = Store(tmp_path)
    for _ in range(2):  # The second time it is computed again, not read back.
        with pytest.raises(KeyboardInterrupt):
            store.remember(interrupted_estimate)
    assert not list(tmp_path.glob("*interrupted_estimate/*"))


# What breaks where it is looked at closely


class Doubling:
    def __call__(self, x):
        return 2 * x


@pytest.mark.parametrize("function", [functools.partial(square, power=2), Doubling(), torch.relu])
def test_store_refuses_what_is_no_plain_function_by_name(store, function):
    with pytest.raises(TypeError, match=r"Pass a (plain )?function"):
        store.remember(function, torch.ones(1))


def number(generator):
    while not hasattr(generator, "random"):
        generator = generator["a"] if isinstance(generator, dict) else generator[0]
    return float(generator.random())


@pytest.mark.parametrize("kind", [np.random.default_rng, random.Random])
@pytest.mark.parametrize("place", [lambda x: x, lambda x: [1, {"a": x}][::-1], lambda x: (x, x)])
def test_every_generator_of_the_caller_stays_cached_or_not(store, kind, place):
    first, second = kind(0), kind(0)
    assert store.remember(number, place(first)) == store.remember(number, place(second))
    assert first.random() == second.random() == kind(0).random()


def draw_from_all(*generators):
    return [torch.rand(1, generator=one) for one in generators]


def test_a_generator_given_twice_is_one_and_stays(store):
    generator = torch.Generator().manual_seed(0)
    one, two = store.remember(draw_from_all, generator, generator)
    assert not torch.equal(one, two)
    assert torch.equal(torch.rand(1, generator=generator), one)


def test_what_is_set_for_all_of_torch_counts_where_it_is_not_the_usual():
    usual = stores.numerical_environment()
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        assert stores.numerical_environment() == {**usual, "matmul": "medium"}
    finally:
        torch.set_float32_matmul_precision(before)
    assert stores.numerical_environment() == usual
    with torch.device("meta"):
        assert stores.numerical_environment() == {**usual, "device": "meta"}
