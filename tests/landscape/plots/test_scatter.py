"""Scatter of networks: looks, what an axis cannot show, scales and ticks."""

import io
import itertools
import math

import matplotlib
import pytest
from landscape import plots
from landscape.plots.axes import WIDTH
from landscape.plots.scatter import Cloud
from landscape.plots.style import LOOKS, STYLES
from matplotlib.colors import to_hex, to_rgb

pytestmark = pytest.mark.slow

NAN, INF = math.nan, math.inf


def cloud(points=None, **changes):
    points = points or {"a": ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]), "b": ([2.0], [1.0])}
    return Cloud(
        **{"title": "title", "x": "x (unit)", "y": "y (unit)", "points": points, **changes}
    )


def many(count):
    return {f"arm {k}": ([1.0 + k, 2.0 + k], [1.0, 1.0 + k]) for k in range(count)}


def axes(*clouds, **options):
    return plots.scatter(list(clouds or [cloud()]), **options).axes


def drawn(axis):
    """Name -> points (x, y) of each arm."""
    return {
        line.get_label(): list(
            zip(line.get_xdata().tolist(), line.get_ydata().tolist(), strict=True)
        )
        for line in axis.get_lines()
    }


def looks(axis):
    return {
        line.get_label(): (
            to_hex(line.get_color()),
            line.get_marker(),
            line.get_markerfacecolor() == "none",
        )
        for line in axis.get_lines()
    }


def remarks(axis):
    """What the panel says of points that it does not show, and (marker, count) of each arm."""
    if axis.get_legend() is None:
        return "", []
    counts = [text.get_text() for text in axis.get_legend().get_texts()]
    markers = [handle.get_marker() for handle in axis.get_legend().get_lines()]
    return axis.get_legend().get_title().get_text(), list(zip(markers, counts, strict=True))


# Points and looks


def test_every_network_is_a_point_of_its_arm():
    (axis,) = axes()
    assert drawn(axis) == {"a": [(1.0, 4.0), (2.0, 5.0), (3.0, 6.0)], "b": [(2.0, 1.0)]}
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("x (unit)", "y (unit)")
    assert axis.get_title(loc="left") == "title" and axis.get_legend() is None
    assert all(line.get_linestyle() == "None" for line in axis.get_lines())


@pytest.mark.parametrize("count", [5, 16, 20])
def test_arms_are_told_apart_without_colour(count):
    found = looks(axes(cloud(many(count)))[0])
    assert len({look[1:] for look in found.values()}) == count
    assert len({look[0] for look in found.values()}) == 5


def test_the_first_arms_look_as_in_curves():
    found = list(looks(axes(cloud(many(5)))[0]).values())
    assert found == [(look["color"], look["marker"], False) for look in LOOKS[:5]]


def test_an_arm_keeps_its_look_in_all_panels():
    first, second = many(7), dict(reversed(many(7).items()))
    one, two = axes(cloud(first), cloud(second))
    assert looks(one) == looks(two)


@pytest.mark.parametrize("count, panels", [(4, 1), (16, 1), (20, 6)])
def test_the_legend_names_every_arm_and_lies_outside_the_axes(count, panels):
    names = {
        f"no skip, norm {k}, rate 0.01": points for k, points in enumerate(many(count).values())
    }
    figure = plots.scatter([cloud(names)] * panels, columns=min(panels, 3))
    with matplotlib.style.context(STYLES):
        figure.draw_without_rendering()
        box = figure.legends[0].get_window_extent()
        heights = [axis.get_window_extent().height / figure.dpi for axis in figure.axes[:panels]]
        boxes = [axis.get_tightbbox() for axis in figure.axes[:panels]]
    told = [f"norm {k}, rate 0.01" for k in range(count)]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == told
    assert figure.bbox.contains(*box.min) and figure.bbox.contains(*box.max)
    assert not any(box.overlaps(other) for other in boxes) and min(heights) > 1.6
    assert figure.get_size_inches()[0] <= WIDTH


def families(*names):
    return {name: ([1.0 + k], [2.0]) for k, name in enumerate(names)}


def test_families_differ_in_colour_and_their_widths_in_shade_with_one_entry_each():
    widths = [f"{net}, width {w}" for net in ("MLP", "CNN") for w in (8, 16, 32, 64)]
    figure = plots.scatter([cloud(families(*widths))])
    entries = [text.get_text() for text in figure.legends[0].get_texts()]
    assert entries == [f"{net}, width 8 (light) to 64" for net in ("MLP", "CNN")]
    found = looks(figure.axes[0])
    assert len({found[name][0] for name in widths}) == 8
    assert {found[name][1] for name in widths[:4]} == {"o"}
    light, dark = (sum(to_rgb(found[widths[k]][0])) for k in (0, 3))
    assert light > dark


def test_members_that_are_words_differ_by_marker_and_are_named_once():
    names = [
        f"{net}, {norm}"
        for net in ("skip", "plain")
        for norm in ("batch", "group", "layer", "none")
    ]
    figure = plots.scatter([cloud(families(*names))])
    entries = [text.get_text() for text in figure.legends[0].get_texts()]
    assert entries == ["skip", "plain", "batch", "group", "layer", "none"]
    found = looks(figure.axes[0])
    assert len({found[name][0] for name in names}) == 2
    assert found["skip, group"][1] == found["plain, group"][1] != found["skip, batch"][1]


# What the axes cannot show


def test_points_that_are_not_finite_are_counted_beside_the_marker_of_their_arm():
    points = {"a": ([1.0, 2.0], [1.0, 2.0]), "b": ([1.0, NAN, 3.0, INF], [NAN, NAN, 3.0, 1.0])}
    (axis,) = axes(cloud({**points, "c": ([-INF], [0.0])}))
    assert remarks(axis) == ("4 not finite:", [("s", "3"), ("^", "1")])
    assert drawn(axis)["b"] == [(3.0, 3.0)]


def test_an_arm_of_which_nothing_is_finite_keeps_its_place_in_the_legend():
    clouds = [cloud({"a": ([1.0], [1.0]), "lost": ([NAN], [1.0])})]
    figure = plots.scatter(clouds)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "lost"]


def test_points_that_a_logarithmic_axis_cannot_hold_are_counted_apart():
    points = {"a": ([1.0, -2.0, 0.0, NAN], [1.0, 1.0, 1.0, -1.0]), "b": ([1.0], [-1.0])}
    found = remarks(axes(cloud(points, x_scale="log"))[0])
    assert found == ("1 not finite and 2 not positive:", [("o", "3")])
    found = remarks(axes(cloud(points, x_scale="log", scale="log"))[0])
    assert found == ("1 not finite and 3 not positive:", [("o", "3"), ("s", "1")])
    assert remarks(axes(cloud({"b": points["b"]}, scale="log"))[0])[0] == "1 not positive:"
    assert remarks(axes(cloud(points, x_scale="symlog"))[0])[0] == "1 not finite:"


def test_a_panel_of_nothing_finite_is_drawn_and_says_so():
    figure = plots.scatter([cloud({"a": ([NAN, NAN], [1.0, 1.0])}, x_scale="symlog")])
    assert remarks(figure.axes[0])[0] == "2 not finite:" and saved(figure)


@pytest.mark.parametrize("columns", [2, 3])
def test_counts_of_many_arms_stay_above_the_axes_and_under_the_title(columns):
    points = {name: (xs, [NAN, 1.0]) for name, (xs, _) in many(16).items()}
    figure = plots.scatter([cloud(points)] * columns, columns=columns)
    with matplotlib.style.context(STYLES):
        figure.draw_without_rendering()
        for axis in figure.axes:
            box, frame = axis.get_legend().get_window_extent(), axis.get_window_extent()
            assert box.y0 >= frame.y1 and box.x1 <= frame.x1
            assert axis._left_title.get_window_extent().y0 >= box.y1 - 1


# Axes


@pytest.mark.parametrize("scale", ["linear", "log", "symlog"])
@pytest.mark.parametrize("x_scale", ["linear", "log", "symlog"])
def test_axes_have_the_scales_of_their_cloud(scale, x_scale):
    (axis,) = axes(cloud(scale=scale, x_scale=x_scale))
    assert (axis.get_xscale(), axis.get_yscale()) == (x_scale, scale)


POSITIVE = [(1, 1.8), (1, 9), (2, 40), (0.4, 300), (1e-4, 1e4), (1e-9, 9)]
SIGNED = [(-90, -1.2), (-9, 9), (-1e4, -1e-6, 3e3), (-1.5, -1.1), (0, 0.003), (-1e9, 1e-9)]


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("scale, ranges", [("log", POSITIVE), ("symlog", SIGNED)])
def test_labels_of_an_axis_stay_apart(columns, scale, ranges):
    clouds = [cloud({"a": (xs, xs)}, x_scale=scale, scale=scale) for xs in ranges]
    figure = plots.scatter(clouds, columns=columns)
    with matplotlib.style.context(STYLES):
        figure.draw_without_rendering()
        for axis in figure.axes:
            check_labels(axis.xaxis, "x0", "x1")
            check_labels(axis.yaxis, "y0", "y1")


def check_labels(line, start, end):
    """An axis has two labels at least, and none runs into the next."""
    low, high = sorted(line.get_view_interval())
    ticks = zip(line.get_majorticklocs(), line.get_majorticklabels(), strict=True)
    boxes = [label.get_window_extent() for tick, label in ticks if low <= tick <= high]
    boxes.sort(key=lambda box: getattr(box, start))
    assert len(boxes) >= 2
    for one, two in itertools.pairwise(boxes):
        assert getattr(one, end) < getattr(two, start)


def test_a_symmetric_axis_is_linear_only_below_the_smallest_values():
    xs = [-5000.0, -0.3, 70.0]
    axis = axes(cloud({"a": (xs, [1, 2, 3])}, x_scale="symlog"))[0]
    transform = axis.xaxis.get_transform()
    assert transform.linthresh == 0.1
    # A hundred million times smaller is zero beside them: at most four decades on either side.
    axis = axes(cloud({"a": ([-5000.0, 1e-5], [1, 2])}, x_scale="symlog"))[0]
    assert axis.xaxis.get_transform().linthresh == pytest.approx(0.1)


def test_a_long_label_of_a_narrow_panel_takes_two_lines():
    named = cloud(x="λ_max at the initialisation (nats per parameter²)")
    one, three = (axes(*[named] * count, columns=count)[0].get_xlabel() for count in (2, 3))
    assert "\n" not in one and three.replace("\n", " ") == one and three.count("\n") == 1


# Figures


def saved(figure):
    file = io.BytesIO()
    figure.savefig(file)
    return file.getvalue()


def test_a_figure_is_the_same_bytes_each_time_and_leaves_matplotlib_as_it_was():
    points = {"a": ([1.0, NAN], [1.0, 2.0]), "b": ([-3.0], [1.0])}
    before = dict(matplotlib.rcParams)
    first, again = (plots.scatter([cloud(points, x_scale="symlog")]) for _ in range(2))
    assert saved(first) == saved(first) == saved(again) and dict(matplotlib.rcParams) == before


def test_a_cloud_refuses_points_without_a_partner():
    with pytest.raises(
        ValueError, match=r"arm 'a' of 'title' has 2 positions along x and 1 along y"
    ):
        cloud({"a": ([1.0, 2.0], [1.0])})


@pytest.mark.parametrize(
    "clouds, counts", [([], "0 panels of 0"), ([cloud(many(21))], "1 panels of 21")]
)
def test_scatter_refuses_no_panel_and_more_arms_than_looks(clouds, counts):
    with pytest.raises(ValueError, match=rf"{counts} arms make no figure.*at most 20 arms"):
        plots.scatter(clouds)


def test_a_border_is_a_line_over_the_whole_height():
    axis = axes(cloud(border=2.5))[0]
    (line,) = [line for line in axis.get_lines() if set(line.get_xdata()) == {2.5}]
    assert list(line.get_ydata()) == [0, 1]  # In shares of the height.
    assert 2.5 not in {x for line in axes(cloud())[0].get_lines() for x in line.get_xdata()}
