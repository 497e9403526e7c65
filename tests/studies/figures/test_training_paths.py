"""Figures of training paths: what is printed, and what the page's slider moves through."""

import dataclasses
import json

import pytest
from studies.collection import Results
from studies.display import Missing
from studies.figures import training_paths

from tests.sample_solutions import trained

pytestmark = pytest.mark.slow

WORDS = {"label": "fig-path", "caption": "The path.", "alt": "Two planes."}


@pytest.fixture
def paths(study):
    runs = trained(study, rates=(0.05, 0.1), epochs=4)
    examples = next(iter(runs.values())).task.first(24)
    sizes = {"snapshots": 5, "stops": 3, "points": 5, "surrounding_points": 3}
    return study.training_path(runs, examples, **sizes)


def test_a_path_has_a_stop_for_each_snapshot_and_lies_on_its_surface(paths):
    figure = training_paths.training_path(paths, **WORDS)
    data = json.loads(json.dumps(figure.data, allow_nan=False))
    assert data["slider"]["stops"] == [f"epoch {epoch}" for epoch in range(5)]
    assert [panel["title"] for panel in data["panels"]] == ["rate 0.05", "rate 0.1"]
    path = paths["rate 0.1", 0]
    for place, (alpha, beta, loss) in enumerate(data["panels"][1]["path"]):
        assert [alpha, beta] == pytest.approx(path.coordinates[place].tolist(), rel=1e-3)
        assert loss == pytest.approx(float(path.projected_loss[place]), rel=1e-3)
    assert data["panels"][1]["facts"][0][4] == f"{float(path.loss[4]):.3g}"
    assert len(data["slider"]["facts"]) == len(data["panels"][0]["facts"]) == 3


def test_a_path_is_printed_on_contours_that_both_arms_share(paths):
    figure = training_paths.training_path(paths, **WORDS).figure
    assert [axis.get_title(loc="left") for axis in figure.axes[:2]] == ["rate 0.05", "rate 0.1"]
    assert "training (from ○)" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_surroundings_have_a_plane_for_each_stop_on_one_scale(paths):
    figure = training_paths.surroundings(paths, **WORDS)
    data = json.loads(json.dumps(figure.data, allow_nan=False))
    assert data["slider"]["stops"] == ["epoch 0", "epoch 1", "epoch 4"]
    everything = [plane.loss for path in paths.values() for plane in path.surroundings.values()]
    assert data["scale"]["low"] == min(float(loss.min()) for loss in everything)
    assert data["scale"]["high"] == max(float(loss.max()) for loss in everything)
    (first, second) = data["panels"]
    assert first["title"] == "rate 0.05" and len(first["frames"]) == 3
    want = paths["rate 0.1", 0].surroundings[2].loss[0].tolist()
    assert second["frames"][1][0] == pytest.approx(want, rel=1e-3)
    want = paths["rate 0.1", 0].lambda_max[2]
    assert float(second["facts"][1][1].replace("−", "-")) == pytest.approx(want, rel=0.01)


def test_surroundings_are_printed_arm_by_moment(paths):
    axes = training_paths.surroundings(paths, **WORDS).figure.axes
    assert [axis.get_title() for axis in axes[:3]] == ["epoch 0", "epoch 1", "epoch 4"]
    assert axes[0].get_ylabel().startswith("rate 0.05") and len(axes) == 7  # and the colour bar


def test_paths_that_the_record_lacks_are_a_sentence(paths):
    nothing = Results({}, missing=["training paths of 2 of 2 runs"])
    assert isinstance(training_paths.training_path(nothing, **WORDS), Missing)
    assert isinstance(training_paths.surroundings(nothing, **WORDS), Missing)
    bare = Results({key: dataclasses.replace(p, surroundings={}) for key, p in paths.items()})
    assert isinstance(training_paths.surroundings(bare, **WORDS), Missing)


def test_paths_of_different_lengths_are_refused(paths):
    first, second = paths
    shorter = dataclasses.replace(paths[second], steps=[0, 1, 2, 3, 4])
    with pytest.raises(ValueError, match=r"snapshots at different steps.*same length"):
        training_paths.training_path(Results({first: paths[first], second: shorter}), **WORDS)


def test_moments_have_path_and_surroundings_of_each_arm_under_one_slider(study):
    runs = trained(study, rates=(0.05, 0.1), epochs=4)
    examples = next(iter(runs.values())).task.first(24)
    sizes = {"snapshots": 5, "stops": 3, "points": 5, "surrounding_points": 3, "eigenvalues": 2}
    paths = study.training_path(runs, examples, **sizes)
    path = paths["rate 0.1", 0]
    assert list(path.spectra) == [0, 2, 8]
    assert path.spectra[2][0] == pytest.approx(path.lambda_max[2])
    assert path.spectra[2][0] > path.spectra[2][1]
    figure = training_paths.moments(paths, **WORDS)
    data = json.loads(json.dumps(figure.data, allow_nan=False))
    titles = [panel["title"] for panel in data["panels"]]
    assert titles == ["rate 0.05, path", "rate 0.05, around", "rate 0.1, path", "rate 0.1, around"]
    assert data["slider"]["stops"] == ["epoch 0", "epoch 1", "epoch 4"]
    for panel in data["panels"]:
        assert len(panel["facts"]) == len(data["slider"]["facts"]) == 3
        assert all(len(fact) == 3 for fact in panel["facts"])
    _, _, drawn, around = data["panels"]
    assert len(drawn["path"]) == 3 and len(around["frames"]) == 3
    assert drawn["path"][1][:2] == pytest.approx(path.coordinates[1].tolist(), rel=1e-3)
    assert drawn["facts"][2] == around["facts"][0] == [""] * 3
    first, second = around["facts"][2][1].split(", ")
    assert float(first) == pytest.approx(path.spectra[2][0], rel=0.01)
    assert float(second.replace("−", "-")) == pytest.approx(path.spectra[2][1], rel=0.01)
    nothing = Results({}, missing=["training paths of 2 of 2 runs"])
    assert isinstance(training_paths.moments(nothing, **WORDS), Missing)
