"""Arms: variants of a config by name, and their factors."""

import dataclasses
import itertools
import pickle

import numpy as np
import pytest
from landscape import models, training
from pandas._libs.parsers import STR_NA_VALUES as pandas_missing
from studies import arms

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
    assert arms.alike(made) == [["batch", "depth 8"], ["none"]]


# Arms that know their factors


def test_an_arm_is_its_name_and_knows_its_factors():
    arm = arms.Arm("MLP, width 8", network="MLP", width=8)
    assert arm == "MLP, width 8" and {arm: 1}["MLP, width 8"] == 1
    assert arm.factors == {"network": "MLP", "width": 8}
    again = pickle.loads(pickle.dumps(arm))
    assert again == arm and again.factors == arm.factors
    assert arms.named({"network": "MLP", "batch_size": 32}) == "MLP, batch size 32"
    assert arms.named({"a": "x", "b": "y", "rate": 0.01}, ["rate", "a"]) == "rate 0.01, x"


@pytest.mark.parametrize("level", [True, None, [1], ("a",), "", " ", float("nan")])
def test_a_level_that_is_no_text_or_number_is_refused(level):
    with pytest.raises(ValueError, match=r"arm 'a' has skip=.*A level is a text or a number"):
        arms.Arm("a", skip=level)


def test_levels_are_those_that_a_record_keeps():
    arm = arms.Arm("a", width=np.int64(32), rate=0.1 + 0.2, factor=1.0, norm="no, BN")
    assert arm.factors == {"width": 32, "rate": 0.3, "factor": 1, "norm": "no, BN"}
    assert type(arm.factors["width"]) is int
    with pytest.raises(ValueError, match=r"arm 'a': column 'depth' got the text '8'"):
        arms.Arm("a", depth="8")


@pytest.mark.parametrize("level", sorted(pandas_missing - {"", "nan"}))
def test_a_level_that_pandas_reads_as_missing_is_refused(level):
    with pytest.raises(ValueError, match=r"pandas reads as a missing cell. Choose another word"):
        arms.Arm("a", norm=level)


def test_a_grid_has_an_arm_for_each_combination_of_levels():
    grid = arms.factorial(
        BASE, norm={"BN": {"norm": "batch"}, "no BN": {"norm": "none"}}, depth=[8, 14]
    )
    assert list(grid) == ["BN, depth 8", "BN, depth 14", "no BN, depth 8", "no BN, depth 14"]
    arm = list(grid)[2]
    assert arm.factors == {"norm": "no BN", "depth": 8}
    assert grid[arm].model == models.ResNet(depth=8, width=0.25, norm="none")


def test_a_grid_with_one_name_for_two_arms_is_refused():
    levels = {0.1000001: {"learning_rate": 0.1}, 0.1: {"learning_rate": 0.2}}
    with pytest.raises(ValueError, match=r"two arms are called 'rate 0.1'. Give each level its"):
        arms.factorial(BASE, rate=levels)


def test_families_hold_the_arms_by_size():
    grid = arms.factorial(BASE, norm=["batch", "none"], width=[0.25, 0.5])
    other = arms.Arm("other", norm="none")
    assert arms.families([*grid, other], family="norm", size="width") == {
        "batch": {0.25: "batch, width 0.25", 0.5: "batch, width 0.5"},
        "none": {0.25: "none, width 0.25", 0.5: "none, width 0.5"},
    }
    grid = arms.factorial(BASE, norm=["batch"], width=[0.25], depth=[8, 14])
    with pytest.raises(ValueError, match=r"have one norm and one width. Choose arms"):
        arms.families(grid, family="norm", size="width")


def test_arms_stand_beside_those_of_a_reference_level():
    levels = {"network": ["MLP", "CNN"], "optimizer": ["SGD", "Adam"], "rate": ["shared"]}
    grid = [
        arms.named(dict(zip(levels, x, strict=True))) for x in itertools.product(*levels.values())
    ]
    alone = arms.named({"network": "MLP", "optimizer": "Adam", "rate": "default"})
    options = {"factor": "optimizer", "reference": "SGD", "column": "rate"}
    without = arms.beside([*grid, alone, arms.Arm("other")], **options)
    assert without == {
        "MLP, Adam": {"shared": ("MLP, Adam, shared", "MLP, SGD, shared")},
        "CNN, Adam": {"shared": ("CNN, Adam, shared", "CNN, SGD, shared")},
    }
    rows = arms.beside([*grid, alone], **options, instead={"default": "shared"})
    assert rows["MLP, Adam"]["default"] == ("MLP, Adam, default", "MLP, SGD, shared")


def test_arms_of_one_size_stand_beside_the_nearest_that_is_near():
    sizes = {"a": 100, "b": 1000, "small": 90, "middle": 120, "large": 3000}
    pairs = arms.of_one_size(sizes, ["a", "b"], ["small", "middle", "large"], within=1.25)
    assert pairs == [["a", "small"]]
    assert arms.of_one_size(sizes, ["b"], ["large"], within=3.5) == [["b", "large"]]


def test_each_pair_has_a_row_with_the_same_columns():
    rows = arms.pair_rows({"one width": [["a", "b"]], "one size": [["a", "c"]]}, {"λ": "lambda"})
    assert rows == {
        "one width: a / b": {"λ": ("lambda", ["a", "b"])},
        "one size: a / c": {"λ": ("lambda", ["a", "c"])},
    }


def test_rows_of_a_plot_are_named_by_levels_and_coloured_by_relation():
    cnn, mlp = (arms.Arm(f"{name}, width 32", network=name, width=32) for name in ("CNN", "MLP"))
    assert arms.related_rows({"one width": [(cnn, mlp)], "one size": [(cnn, mlp), ("a", mlp)]}) == {
        "CNN 32 / MLP 32": {"one width": (cnn, mlp), "one size": (cnn, mlp)},
        "a / MLP 32": {"one size": ("a", mlp)},
    }
