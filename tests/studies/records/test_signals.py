"""Gradients that layers receive: what a study keeps of them, and shows again from its record."""

import itertools
import math
import types

import pytest
import torch
from landscape.diagnostics import signal_propagation
from landscape.objective import Objective
from studies.recorder import Recorder
from studies.records import signals
from torch import nn

from tests.sample_networks import filled
from tests.sample_solutions import again, trained
from tests.sample_study import rows_of


def halves(outputs, targets):
    return 0.5 * (outputs - targets).square().sum(1)


def linear(sizes=(3, 4, 5, 2), rows=5, *, cut=False):
    """A linear network, its objective and inputs; cut, nothing passes its second layer."""
    pairs = itertools.pairwise(sizes)
    network = filled(nn.Sequential(*(nn.Linear(a, b) for a, b in pairs)), "signals")
    if cut:
        nn.init.zeros_(network[1].weight)
    inputs = torch.linspace(-1, 1, rows * sizes[0], dtype=torch.float64).view(rows, -1)
    targets = torch.ones(rows, sizes[-1], dtype=torch.float64)
    return network, Objective(network, (inputs, targets), loss=halves), inputs


def test_of_a_linear_network_the_record_holds_products_of_its_matrices(store):
    network, L, inputs = linear()
    recorder = Recorder(store)
    signals._Propagation(types.SimpleNamespace(missing="", objective=L))(recorder)
    with torch.no_grad():
        last = (network(inputs) - 1) / 5
        second = last @ network[2].weight
        first = second @ network[1].weight
    want = torch.stack([first.norm(), second.norm(), last.norm()])
    part = recorder.part("o1")
    torch.testing.assert_close(signals.norms_from(part), want, rtol=1e-9, atol=0)
    (row,) = part.measurements
    assert row["quantity"] == "signal_decay" and row["converged"]
    assert row["value"] == pytest.approx(float(want[0] / want[1]), rel=1e-9)
    assert (row["unit"], row["cost"], row["cost_unit"]) == ("per layer", 2, "passes")
    assert (row["bn"], row["examples"], row["dtype"]) == ("frozen", 5, "float64")


def test_a_signal_of_zero_has_no_decay_and_is_kept(store):
    _, L, _ = linear(cut=True)
    recorder = Recorder(store)
    signals._Propagation(types.SimpleNamespace(missing="", objective=L))(recorder)
    (row,) = recorder.measurements
    assert math.isnan(row["value"]) and not row["converged"]
    assert signals.norms_from(recorder.part("o1"))[0] == 0


@pytest.mark.slow
def test_norms_of_each_network_come_from_the_record(study, tmp_path):
    runs = trained(study, rates=(0.05, 1e30), seeds=(0, 1), snapshots=(0,))
    examples = study.load("digits", max_train=48, max_test=24).first(20)
    solutions = runs.solutions(examples, step=0, bn="batch")
    norms = study.signals(solutions)
    L = solutions["rate 0.05", 1].objective
    want = signal_propagation(L, L.theta)
    torch.testing.assert_close(norms["rate 0.05", 1], want.norms, rtol=1e-9, atol=0)
    known = study.measurements.where(quantity="signal_decay", rate=0.05, at="start", bn="batch")
    assert known.values("signal_decay", "rate 0.05")[1] == pytest.approx(want.decay, rel=1e-9)
    # Before its first step a run that diverges has a network.
    assert len(norms) == 4 and norms.missing == []
    rows = rows_of(tmp_path, "signals.csv")
    assert [row["layer"] for row in rows] == [str(layer) for layer in range(1, 5)] * 4


def test_a_run_that_diverged_has_no_norms_and_a_row_that_says_so(study):
    runs = trained(study, rates=(0.05, 1e30))
    norms = study.signals(runs.solutions(runs["rate 0.05", 0].task.first(20), bn="batch"))
    assert list(norms) == [("rate 0.05", 0)] and norms.missing == []
    lost = study.measurements.where(quantity="signal_decay", rate=1e30)
    (row,) = lost.frame.to_dict("records")
    assert math.isnan(row["value"]) and row["note"] == "the run diverged" and row["bn"] == "batch"
    assert not lost.converged("signal_decay")


def signals_of(study, **options):
    runs = trained(study, seeds=(0, 1))
    return study.signals(runs.solutions(runs["rate 0.05", 0].task.first(20), **options))


def test_the_same_study_has_the_same_norms_from_its_record_alone(study, tmp_path):
    norms = signals_of(study)
    from_record = signals_of(again(study, tmp_path))
    assert list(from_record) == list(norms) and from_record.missing == []
    assert all(torch.equal(from_record[key], norms[key]) for key in norms)


def test_norms_that_the_record_lacks_are_named_and_left_out(study, tmp_path):
    signals_of(study)
    lacking = signals_of(again(study, tmp_path), bn="batch")
    assert len(lacking) == 0
    assert lacking.missing == ["the gradients that layers receive of 2 of 2 networks"]
    assert lacking.renamed({"one": "rate 0.05"}).arms == []
