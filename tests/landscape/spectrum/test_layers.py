"""The trace layer by layer: against the dense Hessian, exact and estimated."""

import pytest
import torch
from landscape import spectrum
from landscape.objective import Objective
from landscape.spectrum.layers import trace_by_layer
from torch import nn

GENERATOR_SEED = 3


def network(activation):
    torch.manual_seed(GENERATOR_SEED)
    return nn.Sequential(nn.Linear(4, 5), activation, nn.Linear(5, 3)).double()


def objective(activation, count=23):
    generator = torch.Generator().manual_seed(GENERATOR_SEED)
    inputs = torch.randn(count, 4, generator=generator, dtype=torch.float64)
    targets = torch.randint(3, (count,), generator=generator)
    return Objective(network(activation), (inputs, targets), microbatch=10)


def dense_traces(L):
    diagonal = L.hessian().to_dense().diagonal()
    first = sum(block.size for block in L.layout.blocks[:2])
    return torch.stack([diagonal[:first].sum(), diagonal[first:].sum()])


def test_a_piecewise_linear_network_has_exact_traces_of_its_layers():
    L = objective(nn.ReLU())
    traces = trace_by_layer(L)
    assert traces.exact and traces.converged
    assert traces.layers == ("0", "2") and traces.parameters == (25, 18)
    torch.testing.assert_close(traces.values, dense_traces(L), rtol=1e-12, atol=0)
    assert bool((traces.stderr < 1e-12 * traces.values.abs() + 1e-13).all())
    assert traces.total == pytest.approx(spectrum.exact_trace(L).value, rel=1e-13)


def test_estimates_cover_the_dense_traces_as_often_as_their_errors_say():
    L = objective(nn.Tanh())
    truth = dense_traces(L)
    inside = [
        (trace_by_layer(L, probes=30, seed=seed).values - truth).abs()
        <= 2.05 * trace_by_layer(L, probes=30, seed=seed).stderr
        for seed in range(40)
    ]
    shares = torch.stack(inside).double().mean(0)
    assert bool((shares >= 0.85).all()), shares


def test_the_same_seed_gives_the_same_estimate_and_another_another():
    L = objective(nn.Tanh())
    first, again, other = (trace_by_layer(L, probes=4, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.values, again.values)
    assert not torch.equal(first.values, other.values)
    assert not first.exact and first.cost == 4


def test_an_estimate_says_whether_it_is_as_good_as_asked():
    L = objective(nn.Tanh())
    assert not trace_by_layer(L, probes=3, rtol=1e-6).converged
    assert trace_by_layer(L, probes=3, rtol=10.0).converged


def test_wrong_settings_are_refused():
    L = objective(nn.Tanh(), count=5)
    with pytest.raises(ValueError, match="at least 2 probes"):
        trace_by_layer(L, probes=1)
    with pytest.raises(ValueError, match="a relative standard error > 0"):
        trace_by_layer(L, rtol=0.0)
