"""The figure of test accuracy over epochs: what has a curve, and what the caption says."""

import math

import numpy as np
from studies.display import Missing
from studies.figures import accuracy

from tests.sample_study import recorded_run, runs_of

WORDS = {"label": "fig-starts", "caption": "What to see."}


def run(values, *, diverged_at=None):
    return recorded_run({"test_accuracy": values}, plan=[0, 1, 2], diverged_at=diverged_at)


def test_a_run_that_diverged_counts_up_to_its_last_measurement_before(monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        accuracy.captioned, "curves", lambda panels, **words: drawn.update(words, panels=panels)
    )
    runs = {("a", 0): run([0.1, 0.5, 0.9]), ("a", 1): run([0.1, 0.3, 0.7])}
    runs |= {("b", 0): run([0.1, 0.2, 0.1], diverged_at=5)}
    runs |= {("c", 0): run([0.1, 0.1], diverged_at=2)}
    accuracy.learning({"network": runs_of(runs)}, **WORDS)
    (panel,) = drawn["panels"]
    assert list(panel.series) == ["a", "b"] and panel.limits == (0, 100)
    np.testing.assert_allclose(panel.series["a"].mean, [10.0, 40.0, 80.0])
    np.testing.assert_allclose(panel.series["b"].mean, [10.0, 20.0, math.nan])
    assert drawn["caption"] == (
        "What to see. Runs diverge before a second measurement in c (network)."
    )


def test_without_any_curve_a_sentence_stands_in_place_of_the_figure():
    runs = runs_of({("c", 0): run([0.1, 0.1], diverged_at=2)})
    assert isinstance(accuracy.learning({"network": runs}, **WORDS), Missing)
