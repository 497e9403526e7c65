"""Figures of the shape of paths: what is left by components, lines, and spectra along training."""

import dataclasses

import numpy as np
import pytest
from studies.collection import Results
from studies.display import Missing
from studies.figures import path_shapes

WORDS = {"label": "fig-shape", "caption": "Shape.", "alt": "Curves."}


def components(seeds=(0, 1)):
    return [
        {"arm": "MLP, SGD", "seed": seed, "centre": centre, "source": source, "component": k}
        | {"share": 0.5**k}
        for seed in seeds
        for centre in ("mean", "end")
        for source in ("the run", "random walk")
        for k in range(1, 8)
    ]


@pytest.mark.parametrize("seeds", [(0, 1), (0,)])
def test_what_the_first_components_leave_falls(seeds):
    figure = path_shapes.component_shares(components(seeds), **WORDS)
    (panel,) = figure.panels
    assert panel.title == "MLP, SGD" and list(panel.series) == ["the run", "random walk"]
    # The shares 1/2, 1/4, ... leave as much as the last of them.
    np.testing.assert_allclose(panel.series["the run"].mean, 0.5 ** np.arange(1, 8))
    assert panel.series["the run"].n == len(seeds)


def test_lines_have_a_panel_for_each_network_and_window():
    rows = [
        {"seed": seed, "network": "MLP", "optimizer": optimizer, "window": window}
        | {"alpha": a, "loss": a * a}
        for seed in (0, 1)
        for optimizer in ("SGD", "Adam")
        for window in ("path", "last epoch")
        for a in (-1.0, 0.0, 1.0)
    ]
    figure = path_shapes.path_lines(rows, seed=0, **WORDS)
    assert [panel.title for panel in figure.panels] == ["MLP, whole path", "MLP, last epoch"]
    assert figure.panels[0].series["Adam"].mean.tolist() == [1, 0, 1]


def test_what_is_not_recorded_is_said():
    assert isinstance(path_shapes.component_shares([], **WORDS), Missing)
    assert isinstance(path_shapes.path_lines([], seed=0, **WORDS), Missing)
    assert isinstance(path_shapes.path_spectra(Results({}), **WORDS), Missing)


@dataclasses.dataclass
class Path:
    spectra: dict

    def epoch(self, step):
        return step / 10


def test_spectra_have_a_curve_for_each_rank():
    paths = Results({("CNN", 0): Path({0: [3.0, 1.0], 10: [30.0, 2.0], 20: [60.0, 4.0]})})
    (panel,) = path_shapes.path_spectra(paths, **WORDS).panels
    assert list(panel.series) == ["λ1", "λ2"] and panel.scale == "log"
    assert panel.series["λ2"].mean.tolist() == [1, 2, 4]
    assert panel.series["λ1"].x.tolist() == [0, 1, 2]
