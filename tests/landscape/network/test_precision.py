"""Full precision on every device."""

import pytest
import torch
from landscape.network.precision import full_precision

from tests.sample_networks import small_cnn, small_objective


def settings():
    return torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32


def test_tf32_is_off_inside_and_as_before_outside():
    before = settings()
    with pytest.raises(KeyError), full_precision():
        assert settings() == (False, False)
        raise KeyError
    assert settings() == before


@pytest.mark.parametrize("what", ["loss", "gradient", "hessian", "ggn"])
def test_losses_and_derivatives_are_computed_in_full_precision(what):
    class Watched(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = small_cnn()

        def forward(self, x):
            seen.append(settings())
            return self.inner(x)

    seen, before = [], settings()
    small = small_objective()
    objective = type(small)(Watched(), small._examples)
    found = getattr(objective, what)(objective.theta)
    if what in ("hessian", "ggn"):
        found @ objective.theta
    assert set(seen) == {(False, False)} and settings() == before
