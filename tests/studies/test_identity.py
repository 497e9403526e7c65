"""Identity of entries: what decides a result is in it, and what does not is not."""

import dataclasses
import importlib
import pkgutil

import landscape
import numpy as np
import pytest
import torch
from landscape import models
from landscape.training import SGD, Augmentation, Cosine, CurveExamples
from landscape.training.batches import Branch
from landscape.training.config import TrainConfig
from studies.arms import Arm
from studies.identity import entry_id, plain, run_id, run_identity

from tests.sample_study import config_of, digits_task


def test_settings_identify_by_what_differs_from_defaults():
    named = plain(config_of())["TrainConfig"]
    assert named.keys() == {"model", "optimizer", "epochs", "batch_size"}
    assert entry_id("runs", {"a": 1, "b": 2}) == entry_id("runs", {"b": 2, "a": 1})
    assert entry_id("runs", {"a": 1}) != entry_id("lines", {"a": 1})
    assert plain((1, 2.5, None, {"k": "v"})) == [1, 2.5, None, {"k": "v"}]


@dataclasses.dataclass(frozen=True)
class MLP:
    """A config of another package, called as one of the library."""

    width: int = 3
    layers: list = dataclasses.field(default_factory=list)


def test_a_default_that_is_made_anew_is_a_default():
    (fields,) = plain(MLP()).values()
    assert fields == {}
    (fields,) = plain(MLP(layers=[1])).values()
    assert fields == {"layers": [1]}


def test_two_classes_of_one_name_are_told_apart():
    assert list(plain(MLP())) == [f"{__name__}.MLP"]
    assert list(plain(models.MLP())) == ["MLP"]


def test_no_two_configs_of_the_library_have_one_name():
    for module in pkgutil.walk_packages(landscape.__path__, "landscape."):
        importlib.import_module(module.name)
    parts = (models.MLP, SGD, Cosine, Augmentation)
    bases = {base for part in parts for base in part.__mro__ if base is not object}
    classes, waiting = set(), list(bases)
    while waiting:
        kind = waiting.pop()
        classes.add(kind)
        waiting += kind.__subclasses__()
    names = [kind.__name__ for kind in classes if kind.__module__.startswith("landscape.")]
    assert len(names) == len(set(names)) and {"SAM", "ViT", "Cosine"} <= set(names)


@pytest.mark.parametrize(
    "same",
    [
        (1, 1.0, np.int64(1), np.float32(1.0)),
        (0.1, 0.10, np.float64(0.1)),
        ((1, 2), [1, 2], (1.0, 2)),
        ("a", np.str_("a"), Arm("a", width=1)),
        (True, np.bool_(True)),
        (torch.float64, "float64"),
        (-0.0, 0),
    ],
)
def test_values_that_are_one_setting_have_one_id(same):
    assert len({entry_id("k", {"x": value}) for value in same}) == 1


def test_values_that_are_several_settings_have_several_ids():
    values = [1, True, "1", 1.5, 0.1, 0.1 + 1e-18, 0.1 + 1e-16, None, [], [1], [[1]], {}, {"1": 1}]
    values += [float("nan"), float("inf"), "nan", "", 10**20, 1e20 + 2e4]
    ids = [entry_id("k", {"x": value}) for value in values]
    assert len(set(ids)) == len(values) - 1  # 0.1 + 1e-18 is 0.1.


@pytest.mark.parametrize(
    "value", [object(), torch.zeros(10**6), np.zeros(3), {1, 2}, len, 1j, b"x", SGD]
)
def test_what_cannot_identify_is_refused_in_few_words(value):
    with pytest.raises(
        TypeError, match=r"cannot identify a recorded entry. Pass numbers"
    ) as caught:
        entry_id("k", {"x": [value]})
    assert len(str(caught.value)) < 250


CHANGES = {
    "model": models.MLP(),
    "optimizer": SGD(0.06, momentum=0.9),
    "seed": 1,
    "epochs": 3,
    "batch_size": 21,
    "schedule": Cosine(),
    "clip_norm": 1.0,
    "augmentation": Augmentation(),
    "precision": "bfloat16",
    "measured": 10,
    "measure_every": 0.5,
    "branch": Branch(at=0.5, seed=1),
    "loss": "mse",
}


def test_every_setting_of_a_run_decides_it_except_its_snapshots_and_curve_examples():
    task, config = digits_task(), config_of()
    fields = {field.name for field in dataclasses.fields(TrainConfig)}
    assert fields == CHANGES.keys() | {
        "snapshots",
        "curve_examples",
    }  # A new setting has to be sorted here.
    configs = [config, *(dataclasses.replace(config, **{k: v}) for k, v in CHANGES.items())]
    identities = [entry_id("runs", run_identity(each, task)) for each in configs]
    assert len(set(identities)) == len(configs)
    kept = dataclasses.replace(config, snapshots=(1,))
    part = dataclasses.replace(config, curve_examples=CurveExamples())
    for same in (kept, part):
        assert run_identity(same, task) == run_identity(config, task)
        assert run_id(same, task) != run_id(config, task)  # Another run in the store.


def test_data_count_by_content_and_not_by_name():
    task, config = digits_task(), config_of()
    renamed = dataclasses.replace(task, name="other")
    changed = dataclasses.replace(task, sha256="0")
    assert run_identity(config, renamed) == run_identity(config, task)
    assert run_identity(config, changed) != run_identity(config, task)


def test_what_decides_an_objective_is_in_the_identity_of_a_solution(study):
    task = digits_task()
    runs = study.train({Arm("a"): config_of(snapshots=(1, 2))}, task, seeds=[0])
    plain_end = runs.solutions(task.first(20))
    others = [
        runs.solutions(task.first(21)),
        runs.solutions(task.first(20, split="test")),
        runs.solutions(task.first(20), step=1),
        runs.solutions(task.first(20), step=2),
        plain_end.replace(bn="batch"),
        plain_end.replace(bn="batch", bn_block=10),
        plain_end.replace(dtype=torch.float64),
        plain_end.replace(microbatch=5),
        plain_end.replace(label_smoothing=0.1),
        plain_end.rescaled("0", 2.0),
        plain_end.rescaled("0", 4.0),
    ]
    ids = [entry_id("k", each["a", 0].identity) for each in (plain_end, *others)]
    assert len(set(ids)) == len(ids)
    # Labels, the name of a moment and the memory of graphs decide nothing.
    for same in (
        plain_end.labelled(subset="all"),
        plain_end.replace(at="last"),
        plain_end.replace(graph_memory=2**20),
    ):
        assert entry_id("k", same["a", 0].identity) == ids[0]
