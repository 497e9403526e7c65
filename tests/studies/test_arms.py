"""Arms: variants of a config by name, objectives of their runs, and those that diverged."""

import dataclasses
import math

import pytest
from landscape import models, training
from landscape.store.entries import Store
from landscape.store.fingerprint import digest
from studies import arms

from tests.sample_networks import digits

BASE = training.TrainConfig(
    models.ResNet(depth=8, width=0.25), training.SGD(0.1, momentum=0.9), epochs=1, batch_size=24
)


def test_a_setting_is_changed_where_it_belongs():
    made = arms.variants(
        BASE,
        {
            "same": {},
            "all": {"skip": False, "learning_rate": 0.01, "clip_norm": 1.0, "norm": "none"},
            "model": {"model": models.MLP(), "weight_decay": 0.5},
        },
    )
    assert made["same"] == BASE
    assert made["all"] == dataclasses.replace(
        BASE,
        model=models.ResNet(depth=8, width=0.25, skip=False, norm="none"),
        optimizer=training.SGD(0.01, momentum=0.9),
        clip_norm=1.0,
    )
    assert made["model"].model == models.MLP() and made["model"].optimizer.weight_decay == 0.5


def test_a_setting_beside_a_new_part_is_that_of_the_new_part():
    nesterov = training.SGD(0.5, momentum=0.9, nesterov=True)
    (found,) = arms.variants(
        BASE, {"a": {"optimizer": nesterov, "learning_rate": 0.25, "model": models.MLP()}}
    ).values()
    assert found.optimizer == dataclasses.replace(nesterov, learning_rate=0.25)
    assert found.model == models.MLP() and BASE.optimizer.learning_rate != 0.25


def test_a_setting_that_nothing_has_is_refused():
    with pytest.raises(ValueError, match=r"no part of the config has a setting 'skips'. Pass one "):
        arms.variants(BASE, {"a": {"skips": True}})


def test_arms_of_one_config_count_once():
    made = arms.variants(
        BASE, {"batch": {"norm": "batch"}, "none": {"norm": "none"}, "depth 8": {"depth": 8}}
    )
    assert arms.distinct(made) == ["batch", "none"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    from landscape.store.entries import Store

    configs = arms.variants(
        dataclasses.replace(BASE, snapshots=(0,)),
        {"calm": {"learning_rate": 0.01}, "wild": {"learning_rate": 1e30}},
    )
    return training.sweep(configs, digits(), Store(tmp_path_factory.mktemp("s")), seeds=[0, 1])


def test_objectives_are_those_of_the_runs_networks_and_none_where_a_run_diverged(runs):
    found = arms.arm_objectives(runs, digits().train, bn="batch")
    assert list(found) == list(runs)
    assert found["wild", 0] is None and found["wild", 1] is None
    for seed in (0, 1):
        at = found["calm", seed]
        assert at.bn == "batch" and at.num_examples == 48
        named = dict(runs["calm", seed].model().named_parameters())
        assert digest(at.theta) == digest(at.layout.flatten(named))


def test_a_snapshot_before_the_divergence_is_there(runs):
    found = arms.arm_objectives(runs, digits().train, step=0)
    assert digest(found["wild", 0].theta) == digest(found["calm", 0].theta)


def test_arms_of_which_a_run_diverged_are_known(runs):
    assert arms.trained(runs) == ["calm"]
    assert arms.grouped(runs)["calm"] == [runs["calm", 0], runs["calm", 1]]
    assert arms.diverged(runs, "wild") == (2, 2) and arms.diverged(runs, "calm") == (0, 2)
    mixed = {**runs, ("calm", 2): runs["wild", 1]}
    assert arms.trained(mixed) == [] and arms.diverged(mixed, "calm") == (1, 3)


def test_a_run_that_diverged_in_its_last_step_is_one_that_diverged(runs):
    calm = runs["calm", 0]
    ends = {**calm.history, "train_loss": calm.history["train_loss"].clone()}
    ends["train_loss"][-1] = math.nan
    late = dataclasses.replace(calm, history=ends)
    assert late.diverged_at is None and arms.has_diverged(late) and not arms.has_diverged(calm)
    found = {("calm", 0): calm, ("calm", 1): late}
    assert arms.arm_objectives(found, digits().train)["calm", 1] is None
    assert arms.trained(found) == [] and arms.diverged(found, "calm") == (1, 2)


def test_arms_of_one_family_go_by_their_names_alone():
    things = {("MLP, SGD", 0): 1, ("MLP, SGD, own rate", 0): 2, ("CNN, SGD", 0): 3, ("MLP", 0): 4}
    assert arms.select_family(things, "MLP") == {("SGD", 0): 1, ("SGD, own rate", 0): 2}
    assert arms.select_family(things, "ViT") == {}


def test_arms_go_by_other_names():
    things = {("a", 0): 1, ("a", 1): 2, ("b", 0): 3, ("c", 0): 4}
    found = arms.renamed_arms(things, {"new": "b", "old": "a"})
    assert found == {("new", 0): 3, ("old", 0): 1, ("old", 1): 2}


def test_architectures_are_the_arms_that_differ_in_their_model_alone():
    changes = {"a": {}, "deep": {"depth": 14}, "slow": {"learning_rate": 0.01}}
    changes |= {"same": {}, "clipped": {"clip_norm": 1.0}, "torch": {"init": "torch"}}
    configs = arms.variants(BASE, changes)
    assert arms.architectures(configs, BASE) == ["a", "deep", "torch"]


def test_sizes_count_the_parameters_of_each_arm(tmp_path):
    models_ = {"wide": models.MLP(hidden=(8,)), "narrow": models.MLP(hidden=(2,))}
    configs = {arm: dataclasses.replace(BASE, model=model) for arm, model in models_.items()}
    runs = training.sweep(configs, digits(), Store(tmp_path), seeds=[0, 1])
    assert arms.sizes(runs) == {"wide": 65 * 8 + 9 * 10, "narrow": 65 * 2 + 3 * 10}
