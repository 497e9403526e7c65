"""Planes whose blocks are computed elsewhere: the same bits, and nothing twice."""

import pickle

import pytest
import torch
from landscape import Objective, executor, models, slices
from landscape.slices.plane import plane_rows
from landscape.slices.spread import _Sent
from landscape.store.entries import Store

from tests.sample_networks import SMALL, digits


@pytest.fixture(scope="module")
def L():
    data = digits()
    return Objective(models.CNN(**SMALL).build(data.shape, data.classes, seed=0), data.first(30))


def directions(L):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, L.n, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("kind", ["here", pytest.param("processes", marks=pytest.mark.slow)])
def test_a_plane_of_units_has_the_bits_of_a_plane(L, store, kind):
    first, second = directions(L)
    chosen = executor.Serial() if kind == "here" else executor.Processes(2)
    options = {"points": 5, "store": store, "executor": chosen, "rows": 2}
    cut = slices.spread_plane(L, None, first, second, **options)
    chosen.close()
    want = slices.plane(L, None, first, second, points=5)
    assert torch.equal(cut.loss, want.loss) and torch.equal(cut.accuracy, want.accuracy)
    assert cut.examples_hash == want.examples_hash and cut.cosine == want.cosine
    assert len(list(store.root.glob("plane_rows/*"))) == 3


def test_blocks_that_the_store_holds_are_not_sent(L, store):
    class Counting(executor.Serial):
        def map(self, units, store, *, threads):
            self.count = len(units)
            return super().map(units, store, threads=threads)

    first, second = directions(L)
    alphas = torch.linspace(-1, 1, 5, dtype=torch.float64)
    store.remember(plane_rows, L, L.theta, first, second, alphas[2:4].clone(), alphas)
    counting = Counting()
    options = {"points": 5, "store": store, "executor": counting, "rows": 2}
    slices.spread_plane(L, None, first, second, **options)
    assert counting.count == 2


def test_an_objective_that_was_sent_is_the_same(L):
    weighted = L.replace(weight_decay=5e-4, label_smoothing=0.1, bn="batch", dtype=torch.float64)
    for objective in (L, weighted):
        other = pickle.loads(pickle.dumps(_Sent.of(objective))).made()
        assert str(other.fingerprint) == str(objective.fingerprint)
        assert other.evaluate() == objective.evaluate()


def test_a_worker_with_another_network_refuses_the_block(L, tmp_path):
    class Changing(executor.Serial):
        def map(self, units, store, *, threads):
            changed = [type(x)(x.key, x.function, ("other", *x.arguments[1:])) for x in units]
            return super().map(changed, Store(tmp_path), threads=threads)

    first, second = directions(L)
    options = {"points": 3, "store": Store(tmp_path), "executor": Changing()}
    with pytest.raises(executor.UnitError, match="by other code, or on another network"):
        slices.spread_plane(L, None, first, second, **options)


def test_wrong_arguments_are_refused_as_by_a_plane(L, store):
    first, _ = directions(L)
    options = {"points": 3, "store": store, "executor": executor.Serial()}
    with pytest.raises(ValueError, match="they are parallel"):
        slices.spread_plane(L, None, first, 2 * first, **options)
    with pytest.raises(ValueError, match="rows=0 make no block"):
        slices.spread_plane(L, None, *directions(L), rows=0, **options)
