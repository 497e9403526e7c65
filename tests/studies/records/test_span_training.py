"""Training within spans in the record: whose directions, how many, and how it ended."""

import pytest
from studies.records.span_training import SPANS, span_training

from tests.sample_solutions import again, trained

pytestmark = pytest.mark.slow


def confined_of(study, components=(2, 4)):
    runs = trained(study, rates=(0.05, 1e30), seeds=(0, 1), epochs=3)
    return runs, span_training(study, runs, components=components, even=7)


def test_each_span_and_number_has_an_end_beside_that_of_the_run(study):
    runs, confined = confined_of(study)
    frame = confined.where(quantity="span_accuracy", seed=1).frame
    found = set(zip(frame["span"], frame["components"], strict=True))
    assert found == {(span, k) for span in SPANS for k in (2, 4)}
    assert set(frame["cost"]) == {6} and set(frame["arm"]) == {"rate 0.05"}
    changes = confined.where(quantity="span_change", seed=1).frame["value"]
    full = runs["rate 0.05", 1].final("test_accuracy")
    assert (frame["value"].to_numpy() - full).tolist() == pytest.approx(changes.tolist(), abs=1e-9)


def test_within_its_own_path_a_network_gets_further_than_along_random_directions(study):
    runs, confined = confined_of(study, components=(4,))
    losses = {
        span: confined.where(quantity="span_loss", span=span).frame["value"].mean()
        for span in SPANS
    }
    assert losses["own path"] < losses["random walk"]
    assert losses["other order"] < losses["random walk"]
    assert losses["own path"] == pytest.approx(
        sum(runs["rate 0.05", seed].final("train_loss") for seed in (0, 1)) / 2, rel=0.3
    )


def test_the_record_gives_the_same_again(study, tmp_path):
    _, confined = confined_of(study)
    reader = again(study, tmp_path)
    assert confined_of(reader)[1].rows == confined.rows
    assert confined_of(reader, components=(3,))[1].missing == ["span training of 6 of 6 networks"]
