"""Collections by arm and seed: chosen by factors, named by factors."""

import pytest
from studies.arms import Arm
from studies.collection import Collection, Results


@pytest.fixture
def some():
    arms = [
        Arm("CNN, SGD", network="CNN", optimizer="SGD"),
        Arm("CNN, Adam", network="CNN", optimizer="Adam"),
        Arm("MLP, SGD, width 8", network="MLP", optimizer="SGD", width=8),
    ]
    return Collection({(arm, seed): f"{arm} {seed}" for arm in arms for seed in (0, 1)})


def test_things_are_chosen_by_their_factors(some):
    assert some.where(network="CNN").arms == ["CNN, SGD", "CNN, Adam"]
    assert some.where(width=8, seed=1).arms == ["MLP, SGD, width 8"]
    assert len(some.where(optimizer=["SGD", "Adam"], seed=0)) == 3
    assert some.where(arm="CNN, Adam").seeds == [0, 1]


def test_arms_are_named_by_some_factors(some):
    assert some.where(network="CNN").by("optimizer").arms == ["SGD", "Adam"]
    assert some.where(width=8).by("width", "network").arms == ["width 8, MLP"]
    assert some.by("network", "optimizer")["MLP, SGD", 1] == "MLP, SGD, width 8 1"


def test_arms_are_renamed_in_the_order_given(some):
    renamed = some.renamed({"b": "CNN, Adam", "a": "CNN, SGD"})
    assert renamed.arms == ["b", "a"] and renamed["a", 0] == "CNN, SGD 0"
    assert renamed.arms[0].factors == {"network": "CNN", "optimizer": "Adam"}


def test_collections_are_joined(some):
    joined = some.where(optimizer="Adam") | some.where(network="MLP")
    assert joined.arms == ["CNN, Adam", "MLP, SGD, width 8"]


def test_what_is_not_there_is_refused(some):
    with pytest.raises(KeyError, match=r"there is no .'ViT', 0.*. The arms are CNN, SGD"):
        some["ViT", 0]
    with pytest.raises(ValueError, match=r"there is no 'depth' to choose by. Choose by"):
        some.where(depth=3)
    with pytest.raises(ValueError, match=r"nothing has .'network': 'ViT'.. The arms are"):
        some.where(network="ViT")
    with pytest.raises(ValueError, match=r"two arms have one name. Name more factors"):
        some.by("network")
    with pytest.raises(ValueError, match=r"'CNN, SGD' has no 'width': it has network"):
        some.by("width")
    with pytest.raises(ValueError, match=r"there is no arm 'ViT', only CNN, SGD"):
        some.renamed({"a": "ViT"})


def test_results_keep_what_is_missing_through_every_choice(some):
    results = Results(some, missing=["The plane of MLP.", "The plane of MLP."])
    assert results.missing == ["The plane of MLP."]
    for part in (
        results.where(network="CNN"),
        results.where(network="CNN").by("optimizer"),
        results.renamed({"a": "CNN, SGD"}),
        results | Results({}),
        Results({}) | results,
    ):
        assert part.missing == ["The plane of MLP."] and part.arms
    assert (results | Results({}, missing=["x"])).missing == ["The plane of MLP.", "x"]


def test_nothing_is_left_of_results_only_where_some_are_missing(some):
    assert dict(Results(some, missing=["x"]).where(network="ViT")) == {}
    assert dict(Results({}, missing=["x"]).where(bn="batch")) == {}
    with pytest.raises(ValueError, match=r"nothing has .'network': 'ViT'"):
        Results(some).where(network="ViT")


def test_results_are_grouped_by_factors_in_their_order(some):
    results = Results(some)
    groups = results.where(network="CNN").grouped("optimizer")
    assert list(groups) == ["SGD", "Adam"]
    assert groups["SGD"] == [results["CNN, SGD", seed] for seed in results.seeds]
    pairs = results.where(network="CNN").grouped("arm", "network")
    assert list(pairs) == [("CNN, SGD", "CNN"), ("CNN, Adam", "CNN")]
    assert Results({}).grouped("optimizer") == {}
    with pytest.raises(KeyError, match="width"):
        results.grouped("width")


def test_results_that_are_missing_leave_out_the_names_of_their_arms(some):
    known = dict(some.where(network="CNN").items())
    names = {"a": "CNN, SGD", "b": "MLP, SGD, width 8"}
    assert Results(known, missing=["lines of 2 of 6 networks"]).renamed(names).arms == ["a"]
    with pytest.raises(ValueError, match=r"there is no arm 'MLP, SGD, width 8', only CNN, SGD"):
        Results(known).renamed(names)
