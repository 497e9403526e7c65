"""Recorded traces of layers: the library's numbers, read back the same."""

import torch
from landscape.spectrum.layers import trace_by_layer
from studies.arms import Arm
from studies.own import solutions
from studies.records.layers import measure_layer_traces
from torch import nn

from tests.sample_study import digits_task


def network(activation):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 4), activation, nn.Linear(4, 10))


def test_recorded_traces_are_those_of_the_library_and_are_read_back(study):
    networks = {Arm("ReLU"): network(nn.ReLU()), Arm("tanh"): network(nn.Tanh())}
    examples = digits_task().first(20)
    chosen = solutions(study, networks, examples, seed=5, loss="cross_entropy", bn="frozen")
    measured = measure_layer_traces(study, chosen, probes=4)
    for arm in networks:
        expected = trace_by_layer(chosen[arm, 5].objective, probes=4, seed=5)
        traces = measured[arm, 5]
        assert traces.layers == expected.layers == ("1", "3")
        assert traces.parameters == expected.parameters
        # A record keeps ten digits.
        torch.testing.assert_close(traces.values, expected.values, rtol=1e-9, atol=0)
        assert (traces.exact, traces.converged) == (expected.exact, expected.converged)
    assert measured["ReLU", 5].exact and not measured["tanh", 5].exact
    rows = study.measurements.where(quantity="trace").rows
    assert {row["layer"] for row in rows} == {"layer 1", "layer 3"}
    kinds = {row["arm"]: (row["error_kind"], row["cost_unit"]) for row in rows}
    assert kinds == {"ReLU": ("rounding", "passes"), "tanh": ("standard error", "products")}


def test_a_second_call_computes_nothing(study):
    examples = digits_task().first(20)
    networks = {Arm("ReLU"): network(nn.ReLU())}
    chosen = solutions(study, networks, examples, seed=0, loss="cross_entropy", bn="frozen")
    first = measure_layer_traces(study, chosen, probes=4)["ReLU", 0]
    before = study.store.seconds
    again = measure_layer_traces(study, chosen, probes=4)["ReLU", 0]
    assert study.store.seconds == before and torch.equal(first.values, again.values)
