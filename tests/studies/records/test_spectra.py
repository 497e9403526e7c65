"""A whole spectrum, its record in a study, and its figure."""

import csv
import dataclasses
import math

import numpy as np
import pytest
import torch
from landscape.operators import from_matrix
from landscape.spectrum import FullSpectrum, full_spectrum
from studies.figures import builders, captioned
from studies.records import spectra
from studies.study import Study

from tests.sample_networks import diagonal_operator, small_objective

OUTLIERS = [50.0, 20.0, 10.0]
BULK = np.linspace(-1.0, 1.0, 197).tolist()
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


@pytest.mark.parametrize("bn", ["frozen", "batch"])
def test_spectrum_is_recorded_with_trace_condition_and_mass(tmp_path, bn):
    folders = {"data_dir": str(tmp_path / "data"), "build_dir": str(tmp_path / "build")}
    study = Study("09_tests", {"profile": "paper", **folders})
    at = small_objective(13, bn=bn)
    how = {"outliers": 2, "probes": 1, "steps": 30}
    spectra.record_spectrum(study, at, arm="a", seed=3, trace_rtol=0.05, **how)
    exact = torch.linalg.eigvalsh(at.hessian(at.theta).to_dense())
    spread = float(exact[-1] - exact[0])
    for name, want in (
        ("survey_lambda_max", exact[-1]),
        ("survey_lambda_kth", exact[-2]),
        ("survey_lambda_min", exact[0]),
    ):
        assert study.values(name, "a") == pytest.approx([float(want)], abs=1e-4 * spread)
    kappa = float(exact[-1] / exact[0].abs())
    assert study.values("condition", "a") == pytest.approx([kappa], rel=1e-2)
    trace = float(exact.sum())
    exactness = 1e-9 if bn == "frozen" else 0.25
    assert study.values("trace", "a") == pytest.approx([trace], rel=exactness)
    share = float((exact < -1e-3 * exact.abs().max()).double().mean())
    study.write("title", [], [])
    folder = tmp_path / "build" / "paper" / "results" / "09_tests"
    rows = {row["quantity"]: row for row in csv.DictReader((folder / "measurements.csv").open())}
    mass = rows["negative_mass"]
    # The error is half of an interval that is cut off at 0: the truth may lie a little beyond.
    assert abs(float(mass["value"]) - share) < 2 * float(mass["error"])
    assert rows["trace"]["error_kind"] == ("rounding" if bn == "frozen" else "standard error")
    assert {row["bn"] for row in rows.values()} == {bn}
    table = list(csv.DictReader((folder / "eigenvalues.csv").open()))
    assert [row["index"] for row in table] == ["0", "1", "2", "3"]
    assert float(table[0]["eigenvalue"]) == pytest.approx(float(exact[-1]), abs=1e-4 * spread)


def test_spectra_of_seeds_that_were_not_trained_are_refused(study):
    at = {("a", seed): small_objective() for seed in (0, 1)}
    how = {"outliers": 1, "probes": 1, "steps": 2}
    said = r"no solution of \[\('a', 2\)\] to measure .*Train these, or pass seeds among \[0, 1\]"
    with pytest.raises(ValueError, match=said):
        spectra.record_spectra(study, at, {"own": ("a", "frozen")}, seeds=[0, 2], **how)


def test_spectra_are_drawn_on_one_axis_with_a_tick_for_each_eigenvalue():
    found = {"one": [spectrum_of(0), spectrum_of(1)], "two": [spectrum_of(2), spectrum_of(3)]}
    made = builders.spectrum_panels(found)
    delta = made[0].unit
    assert delta == pytest.approx(0.5, rel=1e-6)  # One per cent of the largest eigenvalue.
    for panel in made:
        ((_, band),) = panel.series.items()
        assert np.trapezoid(band.mean, band.x) == pytest.approx(1, abs=1e-3)
    figure = captioned.spectra(made, **WORDS).figure
    assert len(figure.axes) == 2
    for axis in figure.axes:
        ticks = [line for line in axis.get_lines() if line.get_marker() == "|"]
        assert len(ticks) == 2  # A row for each seed.
        want = [math.asinh(value / delta) for value in OUTLIERS]
        np.testing.assert_allclose(ticks[0].get_xdata()[:3], want, rtol=1e-6)
        labels = [text.get_text() for text in axis.get_xticklabels()]
        assert {"0", "1", "−1", "10"} <= set(labels)
        assert axis.get_yscale() == "log"
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
