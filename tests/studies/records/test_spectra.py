"""A whole spectrum, its record in a study, and its figure."""

import dataclasses
import types

import numpy as np
import pytest
import torch
from landscape.operators import from_matrix
from landscape.spectrum import FullSpectrum, full_spectrum
from landscape.training import SGD
from studies.arms import Arm
from studies.figures import builders, captioned
from studies.recorder import Recorder
from studies.recording import Recording
from studies.records import outliers, spectra

from tests.sample_networks import diagonal_operator, small_objective
from tests.sample_study import config_of, digits_task, study_in

pytestmark = pytest.mark.slow

OUTLIERS = [50.0, 20.0, 10.0]
BULK = np.linspace(-1.0, 1.0, 197).tolist()
LOST = SGD(1e30)
WORDS = {"label": "fig-test", "caption": "See.", "alt": "Lines."}


def spectrum_of(seed=0, **options):
    options = {"outliers": 3, "probes": 1, "steps": 12, "seed": seed, **options}
    return full_spectrum(diagonal_operator([*OUTLIERS, *BULK]), **options)


def test_spectrum_has_both_ends_and_counts_them_exactly_in_the_density():
    found = spectrum_of()
    np.testing.assert_allclose(found.pairs.values[:3].numpy(), OUTLIERS, rtol=1e-6)
    np.testing.assert_allclose(found.pairs.values[3:].numpy(), sorted(BULK)[2::-1], atol=1e-3)
    assert found.pairs.vectors is None and bool(found.pairs.converged.all())
    np.testing.assert_allclose(found.density.known.numpy(), found.pairs.values.numpy())
    assert found.density.mass(low=5).value == pytest.approx(3 / 200, abs=1e-12)
    assert found.density.nodes.abs().max() < 1.01
    exact = sum(OUTLIERS) + sum(BULK)
    assert abs(found.density.trace.value - exact) < 4 * found.density.trace.stderr + 1e-9


def test_spectrum_leaves_pairs_that_did_not_converge_to_the_density():
    found = spectrum_of(max_products=12, tol=1e-9)
    missing = ~found.pairs.converged
    assert 0 < int(missing.sum()) < 6
    assert len(found.density.known) == 6 - int(missing.sum())


def test_spectrum_of_a_tiny_operator_is_complete():
    found = full_spectrum(from_matrix(torch.tensor([[2.0, 1.0], [1.0, 2.0]])), outliers=10)
    np.testing.assert_allclose(found.pairs.values.numpy(), [3.0, 1.0], rtol=1e-12)
    assert found.density.mass(low=2).value == pytest.approx(0.5)


def test_same_seed_gives_the_same_bits_and_another_seed_other_probes():
    first, again, other = spectrum_of(), spectrum_of(), spectrum_of(seed=1)
    assert torch.equal(first.pairs.values, again.pairs.values)
    assert torch.equal(first.density.nodes, again.density.nodes)
    assert not torch.equal(first.density.nodes, other.density.nodes)


def test_spectrum_says_that_it_was_interrupted():
    whole = spectrum_of()
    for part in ("pairs", "density"):
        cut = dataclasses.replace(getattr(whole, part), interrupted=True)
        assert dataclasses.replace(whole, **{part: cut}).interrupted
    assert isinstance(whole, FullSpectrum) and not whole.interrupted


def recorded(store, L, **options):
    """Return the parts of numbers and of density of one objective."""
    solution = types.SimpleNamespace(missing="", objective=L, config=types.SimpleNamespace(seed=3))
    parts = []
    for kind in ("spectra", "densities"):
        recorder = Recorder(store)
        spectra._Surveying(solution, kind, options)(recorder)
        parts.append(recorder.part("o1"))
    return parts


@pytest.mark.parametrize("bn", ["frozen", "batch"])
def test_spectrum_is_recorded_with_its_ends_and_the_mass_below_zero(store, bn):
    L = small_objective(13, bn=bn)
    part, _ = recorded(store, L, outliers=2, probes=1, steps=30)
    rows = {row["quantity"]: row for row in part.measurements}
    exact = torch.linalg.eigvalsh(L.hessian(L.theta).to_dense())
    spread = float(exact[-1] - exact[0])
    for name, want in (
        ("lambda_max", exact[-1]),
        ("lambda_kth", exact[-2]),
        ("lambda_min", exact[0]),
    ):
        assert rows[name]["value"] == pytest.approx(float(want), abs=1e-4 * spread)
    assert rows["kappa"]["value"] == pytest.approx(float(exact[-1] / exact[0].abs()), rel=1e-2)
    share = float((exact < -1e-3 * exact.abs().max()).double().mean())
    mass = rows["negative_mass"]
    # The error is half of an interval that is cut off at 0: the truth may lie a little beyond.
    assert abs(mass["value"] - share) < 2 * mass["error"]
    assert {(row["bn"], row["estimator"]) for row in rows.values()} == {(bn, "whole spectrum")}
    table = part.table("eigenvalues")
    assert [row["index"] for row in table] == [0, 1, 2, 3]
    assert table[0]["eigenvalue"] == pytest.approx(float(exact[-1]), abs=1e-4 * spread)


def test_what_is_drawn_is_rebuilt_from_the_record(store):
    L = small_objective(13)
    options = {"outliers": 2, "probes": 2, "steps": 30}
    numbers, density = recorded(store, L, **options)
    kept = FullSpectrum(outliers.pairs_from(numbers), spectra._density(density))
    want = full_spectrum(L.hessian(L.theta), seed=3, **options)
    torch.testing.assert_close(kept.pairs.values, want.pairs.values, rtol=1e-9, atol=0)
    assert torch.equal(kept.pairs.converged, want.pairs.converged)
    one, other = kept.density.curve(width=0.2), want.density.curve(width=0.2)
    torch.testing.assert_close(one.density, other.density, rtol=1e-7, atol=1e-12)
    torch.testing.assert_close(one.u, other.u, rtol=0, atol=1e-8)
    # A share moves by at most one of the operator's eigenvalues where digits are cut off.
    assert kept.density.negative.value == pytest.approx(want.density.negative.value, abs=1 / L.n)
    assert (kept.density.n, kept.density.probes) == (L.n, 2)


def trained(folder):
    study, task = study_in(folder), digits_task()
    arms = {Arm("a", norm="batch"): config_of(), Arm("b", norm="lost"): config_of(optimizer=LOST)}
    return study, study.train(arms, task, seeds=[0, 1]).solutions(task.first(24), bn_block=12)


def test_spectra_of_a_study_are_measured_once_and_told_by_kind(tmp_path):
    def measured():
        study, end = trained(tmp_path)
        kinds = end.renamed({"eval": "a"}) | end.replace(bn="batch").renamed({"batch": "a"})
        measured_spectra = study.spectra(kinds, outliers=2, probes=1, steps=8)
        return study, measured_spectra

    (_, first), (study, again) = measured(), measured()
    assert list(first.grouped("arm")) == ["eval", "batch"] and not again.missing
    for key, spectrum in first.items():
        assert torch.equal(spectrum.density.nodes, again[key].density.nodes)
        assert torch.equal(spectrum.pairs.values, again[key].pairs.values)
    numbers = study.measurements.where(estimator="whole spectrum", bn="batch")
    assert numbers.arms == ["batch"] and len(numbers) == 5 * 2
    assert set(numbers.frame["norm"]) == {"batch"}


def test_a_run_that_diverged_has_rows_that_say_so_and_no_spectrum(tmp_path):
    study, end = trained(tmp_path)
    kept = study.spectra(end.where(arm="b"), outliers=2, probes=1, steps=8)
    assert len(kept) == 0 and not kept.missing
    numbers = study.measurements.where(estimator="whole spectrum")
    assert len(numbers) == 5 * 2 and numbers.reasons("lambda_max") == []
    assert numbers.frame["value"].isna().all()


def test_a_record_may_lack_densities_and_keep_the_numbers(tmp_path):
    study, end = trained(tmp_path)
    options = {"outliers": 2, "probes": 1, "steps": 8}
    study.spectra(end.where(arm="a"), **options)
    record, folder = study.record, study.record.folder
    record.drop([entry for entry in record.asked() if record.kind(entry) == "densities"])
    record.write()
    reading = Recording("09_tests", source=folder, target=tmp_path / "read", store=None)
    kept = spectra.measure_spectra(reading, end.where(arm="a"), **options)
    assert len(kept) == 0 and kept.missing == ["the density of 2 of 2 networks"]
    assert len(reading.record.rows("measurements")) == 5 * 2


def test_spectra_are_drawn_on_one_axis_with_a_tick_for_each_eigenvalue():
    found = {"one": [spectrum_of(0), spectrum_of(1)], "two": [spectrum_of(2), spectrum_of(3)]}
    made = builders.spectrum_panels(found)
    delta = made[0].unit
    assert delta == pytest.approx(0.5, rel=1e-6)  # One per cent of the largest eigenvalue.
    for panel in made:
        ((_, band),) = panel.series.items()
        decades = np.arcsinh(band.x / delta) / np.log(10)
        assert np.trapezoid(band.mean, decades) == pytest.approx(1, abs=1e-3)
    figure = captioned.spectra(made, **WORDS).figure
    assert len(figure.axes) == 2
    for axis in figure.axes:
        ticks = [line for line in axis.get_lines() if line.get_marker() == "|"]
        assert len(ticks) == 2  # A row for each seed.
        want = list(OUTLIERS)
        np.testing.assert_allclose(ticks[0].get_xdata()[:3], want, rtol=1e-6)
        labels = [text.get_text() for text in axis.get_xticklabels()]
        assert {"0", "1", "−1", "10"} <= set(labels)
        assert axis.get_yscale() == "log"
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
