"""Training paths as the record holds them, and the random walk they are compared with."""

import pytest
import torch
from landscape import directions
from studies.training_paths import random_walk_share


def test_a_random_walk_has_the_shares_that_are_named(generator):
    steps = torch.randn(300, 2000, dtype=torch.float64, generator=generator)
    walk = steps.cumsum(0)
    found = directions.pca(walk, centre=walk[-1]).explained
    # Sampling error: a finite walk in a finite number of dimensions.
    assert float(found[0]) == pytest.approx(random_walk_share(1), abs=0.02)
    assert float(found.sum()) == pytest.approx(random_walk_share(2), abs=0.02)
    assert random_walk_share(2) == pytest.approx(0.9006, abs=1e-4)
