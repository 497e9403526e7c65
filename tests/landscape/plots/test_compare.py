"""Several results in one drawing: lines, bands, shared levels and scales, and what is refused."""

import itertools

import numpy as np
import pytest
import torch
from landscape import plots
from landscape.plots.bands import band_over_seeds
from matplotlib.figure import Figure

from tests import sample_results as sample

MAKERS = {
    "line": lambda k=1.0: sample.line(k),
    "lines": lambda k=1.0: sample.lines(k),
    "path": lambda k=1.0: sample.path(k),
    "density": lambda k=1.0: sample.density(5 * k),
    "spectrum": lambda k=1.0: sample.full(5 * k),
    "run": lambda k=1.0: sample.run(k),
}


def bands(axes):
    """The filled areas of an axis."""
    return [c for c in axes.collections if hasattr(c, "get_facecolor") and c.get_paths()]


def named(axes):
    return {x.get_label(): x for x in axes.get_lines() if not x.get_label().startswith("_")}


def legend(axes):
    owner = axes.figure.legends[0] if axes.figure.legends else axes.get_legend()
    return [text.get_text() for text in owner.get_texts()]


@pytest.mark.parametrize("name", MAKERS)
def test_one_seed_draws_a_line_without_a_band(name):
    make = MAKERS[name]
    axes = plots.compare({"one": make(1.0), "two": [make(2.0)]})
    assert bands(axes) == [] and list(named(axes)) == ["one", "two"] == legend(axes)
    looks = {(x.get_color(), str(x.get_linestyle())) for x in named(axes).values()}
    assert len(looks) == 2  # Told apart without colour too.


@pytest.mark.parametrize("name", MAKERS)
def test_several_seeds_draw_mean_band_and_each_seed(name):
    make = MAKERS[name]
    axes = plots.compare({"one": [make(1.0), make(1.2), make(1.4)], "two": make(3.0)})
    assert len(bands(axes)) == 1 and legend(axes) == ["one", "two"]
    color = named(axes)["one"].get_color()
    thin = [x for x in axes.get_lines() if x.get_color() == color and x.get_linewidth() < 0.8]
    assert len(thin) == 3


@pytest.mark.parametrize("log", [False, True])
def test_the_mean_and_its_interval_are_students(log):
    made = [sample.line(k if log else 0.01 * k) for k in (1.0, 2.0, 4.0)]
    axes = plots.compare({"a": made})
    assert axes.get_yscale() == ("log" if log else "linear")
    want = band_over_seeds(made[0].alphas.numpy(), [x.loss.numpy() for x in made], log=log)
    np.testing.assert_allclose(named(axes)["a"].get_ydata(), want.mean)
    (area,) = bands(axes)
    corners = area.get_paths()[0].vertices[:, 1]
    assert corners.min() == pytest.approx(want.low.min())
    assert corners.max() == pytest.approx(want.high.max())


def test_lines_of_several_directions_are_averaged_within_a_seed():
    made = [sample.lines(0.01), sample.lines(0.02)]
    axes = plots.compare({"a": made})
    want = torch.stack([x.loss.mean(0) for x in made]).mean(0)
    np.testing.assert_allclose(named(axes)["a"].get_ydata(), want)


def test_a_list_without_names_is_numbered():
    axes = plots.compare([sample.line(), [sample.line(2.0), sample.line(3.0)]])
    assert legend(axes) == ["1", "2"] and len(bands(axes)) == 1


def test_a_quantity_is_passed_on():
    axes = plots.compare({"a": [sample.run(1.0), sample.run(2.0)]}, quantity="test_accuracy")
    assert axes.get_ylabel() == "test accuracy (share correct)"
    want = (sample.run(1.0).history["test_accuracy"] + sample.run(2.0).history["test_accuracy"]) / 2
    np.testing.assert_allclose(named(axes)["a"].get_ydata(), want)


def test_the_mean_of_runs_ends_where_the_first_diverged():
    axes = plots.compare({"a": [sample.run(), sample.run(diverged_at=7)]})
    assert np.isfinite(named(axes)["a"].get_ydata()).tolist() == [True, True, False, False, False]
    short = sample.run()
    object.__setattr__(short, "step_loss", short.step_loss[:5])
    axes = plots.compare({"a": [sample.run(), short]}, quantity="step_loss")
    assert np.isfinite(named(axes)["a"].get_ydata()).tolist() == [True] * 5 + [False] * 11


def test_densities_share_one_scale():
    small, large = sample.density(5.0), sample.density(50.0)
    axes = plots.compare({"small": small, "large": large})
    scale = 10 * large.scale
    assert axes.xaxis.get_transform().linear_width == pytest.approx(scale)
    for name, density in (("small", small), ("large", large)):
        curve = density.curve(width=0.2, scale=scale)
        height = np.log(10) * curve.density
        np.testing.assert_allclose(named(axes)[name].get_ydata(), height)


def test_the_mean_density_integrates_to_one_over_decades():
    axes = plots.compare({"a": [sample.density(5.0, seed) for seed in range(3)]})
    line, scale = named(axes)["a"], axes.xaxis.get_transform().linear_width
    u = np.arcsinh(line.get_xdata() / scale)
    assert np.trapezoid(line.get_ydata(), u / np.log(10)) == pytest.approx(1, abs=1e-3)


def test_eigenpairs_stand_beside_each_other_and_over_seeds_their_bars_are_the_interval():
    one, seeds = sample.eigenpairs(5.0), [sample.eigenpairs(k) for k in (4.0, 5.0, 7.0)]
    axes = plots.compare({"one": one, "seeds": seeds})
    places = {name: line.get_xdata() for name, line in named(axes).items()}
    assert (places["one"] < [1, 2, 3]).all() and (places["seeds"] > [1, 2, 3, 4, 5, 6]).all()
    want = band_over_seeds(np.arange(6), [x.values.numpy() for x in seeds])
    np.testing.assert_allclose(named(axes)["seeds"].get_ydata(), want.mean)
    ends = [c.get_segments() for c in axes.collections if len(c.get_segments()) == 6][-1]
    np.testing.assert_allclose([x[0, 1] for x in ends], want.low)
    np.testing.assert_allclose([x[1, 1] for x in ends], want.high)


def test_planes_stand_side_by_side_on_shared_levels():
    made = {"one": sample.plane(), "two": sample.plane(10.0)}
    axes = plots.compare(made)
    want = plots.levels(list(made.values()))
    assert [axis.get_title(loc="left") for axis in axes] == ["one", "two"]
    for axis in axes:
        levels = [x for x in axis.collections[0].levels if abs(x) < 1e200]
        assert levels == pytest.approx(want)
    assert len(axes[0].figure.axes) == 3  # One colour bar for both.


def test_planes_go_on_as_many_axes_as_there_are_planes():
    given = Figure().subplots(1, 2)
    axes = plots.compare([sample.plane(), sample.plane(2.0)], given)
    assert [a is b for a, b in zip(axes, given, strict=True)] == [True, True]
    assert [axis.get_title() for axis in axes] == ["1", "2"]
    assert plots.compare([sample.plane()], given[0]) == [given[0]]
    with pytest.raises(ValueError, match=r"2 planes do not fit on 1 axes. Pass as many"):
        plots.compare([sample.plane(), sample.plane()], Figure().subplots())


@pytest.mark.parametrize("name", MAKERS)
def test_axes_that_are_given_are_drawn_on_and_get_a_legend(name):
    axes = Figure().subplots()
    make = MAKERS[name]
    assert plots.compare({"a": [make(1.0), make(1.5)], "b": make(2.0)}, axes) is axes
    assert legend(axes) == ["a", "b"] and len(bands(axes)) == 1
    assert axes.get_xlabel() and axes.get_ylabel()


def test_wide_bands_do_not_press_the_lines_flat():
    axes = plots.compare({"a": [sample.path(0.1), sample.path(1.0)]})
    low, high = axes.get_ylim()
    assert 0 >= low > -0.2 and high < 2.2  # The interval of two seeds is ten times as wide.


def test_kinds_that_are_mixed_are_one_clear_error():
    makers = [*MAKERS.values(), sample.plane, sample.eigenpairs]
    for one, two in itertools.combinations(makers, 2):
        with pytest.raises(ValueError, match=r"are of several kinds: .* and .*Compare one kind"):
            plots.compare({"a": one(), "b": two()})
    with pytest.raises(ValueError, match=r"several kinds: lines and paths"):
        plots.compare({"a": [sample.line(), sample.path()]})


def test_what_cannot_be_compared_is_named():
    with pytest.raises(ValueError, match=r"'a' is a int, which cannot be compared. Pass planes, l"):
        plots.compare({"a": 3})
    with pytest.raises(ValueError, match=r"'a' is a Planes, which cannot be compared"):
        plots.compare({"a": sample.planes()})
    with pytest.raises(ValueError, match=r"no result was given"):
        plots.compare({})
    with pytest.raises(ValueError, match=r"'a' holds no result"):
        plots.compare({"a": []})


def test_seeds_without_a_mean_are_refused():
    with pytest.raises(ValueError, match=r"'a' holds 2 planes, which have no mean.*Give each a"):
        plots.compare({"a": [sample.plane(), sample.plane()]})
    other = sample.line()
    object.__setattr__(other, "alphas", other.alphas * 2)
    with pytest.raises(ValueError, match=r"2 lines of 'a' stand at different positions"):
        plots.compare({"a": [sample.line(), other]})
    with pytest.raises(ValueError, match=r"seeds of 'a' have \[6, 2\] eigenvalues"):
        plots.compare({"a": [sample.eigenpairs(), sample.eigenpairs(k=1)]})


def test_a_quantity_that_a_kind_does_not_have_is_refused():
    with pytest.raises(ValueError, match=r"quantity='loss' has no meaning for densities"):
        plots.compare([sample.density()], quantity="loss")
    with pytest.raises(ValueError, match=r"quantity='error' is unknown"):
        plots.compare([sample.plane()], quantity="error")
    with pytest.raises(ValueError, match=r"quantity='error' is in no run's history"):
        plots.compare([sample.run()], quantity="error")


def test_results_that_share_axes_take_one_pair():
    several = list(Figure().subplots(1, 2))
    with pytest.raises(ValueError, match=r"lines are drawn on one pair of axes. Pass it as ax."):
        plots.compare([sample.line()], several)
