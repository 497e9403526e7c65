"""Figures of recorded planes: with the prediction where there is one, and what they say if not."""

import dataclasses

import pytest
from studies.figures import slices

from tests.sample_solutions import trained

WORDS = {"unit": "filter norms", "label": "fig-planes", "caption": "Planes.", "alt": "Contours."}


@pytest.fixture
def planes(study):
    runs = trained(study, rates=(0.05, 0.1))
    return study.random_planes(runs.solutions(runs["rate 0.1", 0].task.first(13)), points=5)


def without_models(planes, *arms):
    items = {
        key: dataclasses.replace(item, model=None) if key[0] in arms else item
        for key, item in planes.recorded.items()
    }
    return type(planes)(items)


@pytest.mark.slow
def test_planes_are_drawn_with_the_distances_at_which_their_models_part(planes):
    figure = slices.predicted_planes(planes, **WORDS)
    assert [ax.get_title(loc="left") for ax in figure.figure.axes[:2]] == ["rate 0.05", "rate 0.1"]
    assert "Dashed lines are contours of the quadratic model" in figure.caption
    assert "It departs from the loss between" in figure.caption and "rate 0.05" in figure.caption
    assert "lacks" not in figure.caption


@pytest.mark.slow
def test_planes_without_models_are_drawn_and_say_so(planes):
    figure = slices.predicted_planes(without_models(planes, "rate 0.05", "rate 0.1"), **WORDS)
    assert figure.caption == (
        "Planes. The record lacks the quadratic models, so no prediction is drawn."
    )
    some = slices.predicted_planes(without_models(planes, "rate 0.1"), **WORDS)
    assert some.caption.endswith("The record lacks the model of 1 of 2 planes.")


def test_no_planes_are_a_sentence(planes):
    assert slices.predicted_planes(type(planes)({}), **WORDS).label == "fig-planes"


@pytest.mark.slow
def test_titles_are_arms_with_seeds_where_there_are_several(planes):
    assert set(planes.where(seed=0).titled) == {"rate 0.05", "rate 0.1"}
    first = next(iter(planes))
    assert planes.where(seed=0).titled[str(first[0])] is planes[first[0], 0]
    again = type(planes)({(arm, seed + 1): item for (arm, seed), item in planes.recorded.items()})
    assert "rate 0.1, seed 1" in (planes | again).titled


@pytest.mark.slow
def test_planes_without_alternative_text_are_named(planes):
    words = {name: text for name, text in WORDS.items() if name != "alt"}
    alt = slices.predicted_planes(planes, **words).alt
    assert alt == "Contours show the loss on planes through rate 0.05 and rate 0.1."
