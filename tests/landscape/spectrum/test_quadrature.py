"""Spectral density by stochastic Lanczos quadrature, against known spectra."""

import math

import numpy as np
import pytest
import torch
from landscape import rng
from landscape.operators import SymmetricOperator, from_matrix
from landscape.spectrum import Mass, density, eigenpairs
from landscape.store import codec

from tests.sample_networks import diagonal_operator, random_symmetric, small_objective
from tests.sample_operators import diagonal_large, normal

SPECTRA = {
    "normal": normal(400),
    "uniform": np.linspace(-1, 2, 300),
    "negative": -np.abs(normal(200)) - 0.1,
    "outliers": np.r_[100.0, 50, 20, 10, normal(300, scale=0.1), -3],
    "mostly zero": np.r_[np.zeros(300), np.abs(normal(60))],
    "wide": np.r_[10.0 ** np.linspace(-8, 6, 150), -(10.0 ** np.linspace(-8, 2, 60))],
    "two values": np.r_[np.full(50, 2.0), np.full(150, -1.0)],
    "identity": np.ones(40),
    "zero": np.zeros(40),
    "1 x 1": np.array([-2.5]),
    "1 x 1 zero": np.array([0.0]),
    "2 x 2": np.array([1.0, 3.0]),
}


def share(values, low=-math.inf, high=math.inf):
    return float(((values >= low) & (values <= high)).mean())


@pytest.mark.parametrize("name", SPECTRA)
def test_density_integrates_to_one(name):
    found = density(diagonal_large(SPECTRA[name]), steps=40)
    for points, width, scale in ((1024, None, None), (64, 1e-6, None), (300, 0.5, 1e-9)):
        curve = found.curve(points=points, width=width, scale=scale)
        for part in (curve.density, curve.low, curve.high)[: 1 if found.probes > 1 else 3]:
            assert float(torch.trapezoid(part, curve.u)) == pytest.approx(1, abs=1e-10)
        step = float(curve.u[1] - curve.u[0])
        assert curve.width >= 2 * step * (1 - 1e-12)
        assert bool((curve.low <= curve.density * (1 + 1e-12)).all())
        assert bool((curve.density <= curve.high * (1 + 1e-12)).all())


def test_density_never_undersamples_a_range_of_fourteen_decades():
    values = 10.0 ** np.linspace(-8, 6, 15)
    curve = density(diagonal_large(values)).curve(points=600, scale=1e-9)
    at = np.interp(np.arcsinh(values / 1e-9), curve.u, curve.density)
    # Every eigenvalue is a peak of its own, of the height that its mass asks for.
    peak = 1 / 15 / (curve.width * math.sqrt(2 * math.pi))
    np.testing.assert_allclose(at, peak, rtol=0.1)


def test_density_per_eigenvalue_is_that_of_a_linear_axis():
    curve = density(diagonal_large(normal(400))).curve(points=4000)
    area = torch.trapezoid(curve.per_eigenvalue, curve.eigenvalues)
    assert float(area) == pytest.approx(1, abs=1e-4)
    middle = (curve.eigenvalues > 0.9) & (curve.eigenvalues < 1.1)
    assert 0.1 < float(curve.per_eigenvalue[middle].mean()) < 0.4  # The normal density: 0.24.


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECTRA)
def test_masses_lie_in_their_intervals(name):
    values = SPECTRA[name]
    found = density(diagonal_large(values), probes=4, steps=40)
    cuts = [-math.inf, -1.5, -found.scale, 0.05, found.scale, 1.5, 30.0, math.inf]
    for low in cuts:
        for high in cuts:
            if low < high:
                mass = found.mass(low, high)
                true = share(values, low, high)
                assert 0 <= mass.low <= true + 1e-12
                assert true - 1e-12 <= mass.high <= 1 + 1e-12
                assert mass.low <= mass.value <= mass.high
    assert found.mass() == Mass(*(pytest.approx(1.0, abs=1e-12),) * 3)


def test_masses_are_close_and_their_intervals_narrow():
    values = np.r_[normal(1500, scale=0.1), np.full(500, -2.0), np.full(200, 3.0)]
    found = density(diagonal_large(values), probes=4)
    for low, high, want in ((-2.5, -1, 500 / 2200), (2, 4, 200 / 2200), (-1, 4, 1700 / 2200)):
        mass = found.mass(low, high)
        assert mass.value == pytest.approx(want, abs=0.02)
        assert mass.high - mass.low < 0.06
    assert found.positive.low < share(values, low=found.scale) < found.positive.high
    assert found.negative.low < share(values, high=-found.scale) < found.negative.high
    near = share(values, -found.scale, found.scale)
    assert found.near_zero.low <= near <= found.near_zero.high


@pytest.mark.slow
def test_masses_cover_the_truth_in_most_repetitions():
    # Outliers and bulk, few rows: what is random is the probe, not the quadrature.
    values = np.r_[5.0, 4.0, -3.0, normal(27)]
    hits = []
    for seed in range(200):
        found = density(diagonal_large(values), steps=25, generator=rng.stream(seed, "cover"))
        mass = found.mass(-0.5, 0.5)
        hits.append(mass.low <= share(values, -0.5, 0.5) <= mass.high)
    assert 0.92 <= np.mean(hits) <= 1.0


def test_each_probe_has_the_exact_moments_of_its_measure():
    matrix = random_symmetric(60, rng.stream(0, "moments"))
    found = density(from_matrix(matrix), probes=1, steps=5, generator=rng.stream(1, "probe"))
    z = torch.randn(60, dtype=torch.float64, generator=rng.stream(1, "probe"))
    z, power = z / z.norm(), z / z.norm()
    for k in range(10):
        moment = float((found.weights[0] * found.nodes[0] ** k).sum())
        assert moment == pytest.approx(float(z @ power), rel=1e-11, abs=1e-10)
        power = matrix @ power
    assert abs(float((found.weights[0] * found.nodes[0] ** 10).sum()) - float(z @ power)) > 1e-3


@pytest.mark.parametrize("name", ["normal", "outliers", "negative", "mostly zero", "two values"])
def test_moments_match_trace_and_frobenius_norm(name):
    values = SPECTRA[name]
    found = density(diagonal_large(values), probes=8, steps=40)
    assert abs(found.trace.value - values.sum()) < 4 * found.trace.stderr
    norm = np.linalg.norm(values)
    assert abs(found.frobenius.value - norm) < 4 * found.frobenius.stderr
    assert found.trace.low < found.trace.value < found.trace.high
    assert found.frobenius.low < found.frobenius.value < found.frobenius.high


def test_the_standard_error_is_the_scatter_of_the_probes():
    # Few eigenvalues, where the variance 2 / (n + 2) of a point on the sphere is far from 2 / n.
    values = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    generator = rng.stream(0, "scatter")
    found = density(from_matrix(torch.diag(values)), probes=400, steps=2, generator=generator)
    traces = 3 * (found.weights * found.nodes).sum(1)
    assert found.trace.stderr == pytest.approx(float(traces.std()) / 20, rel=0.1)
    exact = 3 * (2 * float(values.var(correction=0)) / 5 / 400) ** 0.5
    assert found.trace.stderr == pytest.approx(exact, rel=0.05)


def test_known_pairs_count_exactly():
    values = SPECTRA["outliers"]
    op = diagonal_large(values)
    known = eigenpairs(op, 4, which="both ends", tol=1e-9, vectors=True)
    before = op.products
    found = density(op, known=known, steps=30)
    assert found.products == op.products - before == 60
    assert found.known.tolist() == pytest.approx([100, 50, 20, 10, *np.sort(values)[3::-1]])
    assert found.mass(5, 200) == Mass(*(pytest.approx(4 / 305, abs=1e-12),) * 3)
    plain = density(op, steps=30)
    assert found.trace.stderr < 0.1 * plain.trace.stderr
    assert abs(found.trace.value - values.sum()) < 4 * found.trace.stderr
    assert float(found.nodes.max()) < 1  # Outliers are gone from what the probes see.
    curve = found.curve()
    assert float(torch.trapezoid(curve.density, curve.u)) == pytest.approx(1, abs=1e-10)


def test_known_pairs_that_are_all_leave_nothing_to_probe():
    op = diagonal_operator([3.0, -1.0, 2.0])
    found = density(op, known=eigenpairs(op, 3, tol=1e-9, vectors=True))
    assert (found.products, found.probes) == (0, 0)
    assert found.mass(0, 5).value == pytest.approx(2 / 3) == found.mass(0, 5).low
    assert (found.trace.value, found.trace.stderr) == (pytest.approx(4.0), 0.0)
    curve = found.curve()
    assert float(torch.trapezoid(curve.density, curve.u)) == pytest.approx(1, abs=1e-10)


def test_a_known_value_at_the_edge_of_an_interval_widens_it():
    op = diagonal_large(np.r_[5.0, normal(100, scale=0.1)])
    known = eigenpairs(op, vectors=True)
    assert float(known.residuals[0]) > 0
    mass = density(op, known=known, steps=20).mass(low=float(known.values[0]))
    assert mass.low == pytest.approx(0, abs=1e-12) and mass.high >= 1 / 101


def test_known_pairs_without_vectors_or_convergence_are_refused():
    op = diagonal_large(normal(50))
    with pytest.raises(ValueError, match=r"no vectors.*vectors=True"):
        density(op, known=eigenpairs(op))
    rough = eigenpairs(op, 2, max_products=3, vectors=True)
    with pytest.raises(ValueError, match=r"only 0 of 2 known eigenpairs converged.*max_products"):
        density(op, known=rough)
    other = eigenpairs(diagonal_large(normal(20)), vectors=True)
    with pytest.raises(ValueError, match=r"have 20 entries.*shape \(50, 50\)"):
        density(op, known=other)


def test_a_spectrum_found_whole_is_exact():
    values = np.linspace(-1, 2, 25)
    found = density(diagonal_large(values), probes=3, steps=80)
    assert found.whole and (found.probes, found.products) == (1, 25)
    np.testing.assert_allclose(found.nodes[0].numpy(), values, atol=1e-12)
    mass = found.mass(high=0.0)
    assert mass == Mass(share(values, high=0.0), mass.value, mass.value)
    assert found.trace.value == pytest.approx(values.sum()) and found.trace.stderr == 0
    assert found.frobenius.value == pytest.approx(np.linalg.norm(values))


def test_an_invariant_space_ends_a_probe_early():
    found = density(diagonal_large(SPECTRA["two values"]), probes=3, steps=20)
    assert found.products == 6 and found.nodes.shape == (3, 2) and not found.whole
    for mass, want in ((found.mass(-2, 3), 1.0), (found.mass(3, 9), 0.0)):
        assert mass == Mass(*(pytest.approx(want, abs=1e-12),) * 3)


def test_density_spends_probes_times_steps_products():
    op = diagonal_large(normal(200))
    found = density(op, probes=3, steps=11)
    assert found.products == op.products == 33
    assert found.nodes.shape == found.weights.shape == (3, 11)
    np.testing.assert_allclose(found.weights.sum(1).numpy(), 1, atol=1e-13)


def test_density_of_one_generator_is_the_same_bits():
    op = diagonal_large(normal(200))
    one, two, other = (density(op, steps=10, generator=rng.stream(s, "z")) for s in (1, 1, 2))
    assert torch.equal(one.nodes, two.nodes) and torch.equal(one.weights, two.weights)
    assert not torch.equal(one.nodes, other.nodes)


@pytest.mark.slow
def test_density_of_a_networks_hessian_matches_the_dense_spectrum():
    objective = small_objective(13)
    op = objective.hessian(objective.theta)
    values = np.linalg.eigvalsh(op.to_dense().numpy())
    found = density(op, probes=2, steps=60)
    mass = found.mass(high=-1e-6)
    assert mass.low <= share(values, high=-1e-6) <= mass.high
    assert abs(found.trace.value - values.sum()) < 4 * found.trace.stderr


def test_an_interrupted_density_keeps_the_probes_that_are_done():
    values, left = torch.from_numpy(normal(100)), [25]

    def product(v):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return values * v

    found = density(SymmetricOperator(100, product), probes=4, steps=10)
    assert found.interrupted and found.probes == 2
    assert not found.trace.converged and not found.frobenius.converged
    with pytest.raises(KeyboardInterrupt):
        density(SymmetricOperator(100, product), probes=4, steps=10)


def test_a_density_survives_the_store():
    found = density(diagonal_large(normal(50)), steps=10)
    read = codec.decode(*codec.encode(found))
    assert torch.equal(read.nodes, found.nodes) and read.negative == found.negative


@pytest.mark.parametrize("counts", [{"probes": 0}, {"steps": 0}])
def test_counts_of_nothing_are_refused(counts):
    with pytest.raises(ValueError, match=r"give no density. Pass probes >= 1 and steps >= 1"):
        density(diagonal_operator([1.0]), **counts)


def test_arguments_of_curves_and_masses_out_of_range_are_refused():
    found = density(diagonal_operator([1.0, 2.0]))
    for wrong in ({"points": 63}, {"width": 0.0}, {"scale": 0.0}):
        with pytest.raises(ValueError, match=r"pass points >= 64, and width and scale > 0"):
            found.curve(**wrong)
    with pytest.raises(ValueError, match=r"interval \[2, 1\] is empty. Pass low <= high"):
        found.mass(2, 1)


def test_a_matrix_that_is_not_symmetric_has_no_density():
    matrix = torch.randn(40, 40, dtype=torch.float64, generator=rng.stream(0, "asymmetric"))
    with pytest.raises(RuntimeError, match=r"the operator is not symmetric"):
        density(SymmetricOperator(40, lambda v: matrix @ v))
