"""New axes and the reader's: style, settings, pyplot, saving, and showing in a notebook."""

import io
import subprocess
import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import nbformat
import pytest
from landscape import plots
from landscape.plots.result_axes import result_axes
from landscape.plots.style import INK
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from nbclient import NotebookClient

from tests import sample_results as sample

ROOT = Path(__file__).parents[3]

RESULTS = {
    "line": sample.line,
    "lines": sample.lines,
    "path": sample.path,
    "plane": sample.plane,
    "planes": sample.planes,
    "density": sample.density,
    "spectrum": sample.full,
    "eigenpairs": sample.eigenpairs,
    "run": sample.run,
}
ALONE = {name: lambda make=make: make().plot() for name, make in RESULTS.items()}
MEANS = ("line", "lines", "path", "density", "spectrum", "eigenpairs", "run")
COMPARED = {
    f"{name}, compared": lambda make=RESULTS[name]: plots.compare({"a": [make(), make()]})
    for name in MEANS
} | {"planes, compared": lambda: plots.compare([sample.plane(), sample.plane(2.0)])[0]}
DRAWINGS = ALONE | COMPARED


def saved(figure, form="png"):
    file = io.BytesIO()
    figure.savefig(file, format=form)
    return file.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWINGS)
def test_settings_and_pyplot_are_left_as_they_were(name):
    before, numbers = dict(matplotlib.rcParams), plt.get_fignums()
    axes = DRAWINGS[name]()
    assert saved(axes.figure).startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == before and plt.get_fignums() == numbers == []


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWINGS)
def test_a_new_figure_does_not_depend_on_the_readers_settings_even_when_it_is_saved(name):
    want = saved(DRAWINGS[name]().figure, "rgba")
    settings = {"font.size": 20, "xtick.color": "red", "ytick.labelsize": 17, "grid.color": "red"}
    with matplotlib.rc_context(settings):
        assert saved(DRAWINGS[name]().figure, "rgba") == want


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWINGS)
def test_a_new_figure_is_dark_ink_on_white_and_cuts_no_text_off(name):
    axes = DRAWINGS[name]()
    figure = axes.figure
    assert to_hex(figure.get_facecolor()) == "#ffffff"
    figure.draw_without_rendering()
    for text in shown_texts(figure):
        box = text.get_window_extent()
        assert to_hex(text.get_color()) == INK
        assert figure.bbox.padded(1).contains(*box.min), text.get_text()
        assert figure.bbox.padded(1).contains(*box.max), text.get_text()


def shown_texts(figure):
    """Titles, labels, ticks and legends that a drawn figure shows."""
    legends = [*figure.legends, *(axis.get_legend() for axis in figure.axes)]
    texts = [text for legend in legends if legend for text in legend.get_texts()]
    for axis in figure.axes:
        texts += [axis._left_title] if axis.axison else []
        for line in (axis.xaxis, axis.yaxis) if axis.axison else ():
            low, high = sorted(line.get_view_interval())
            ticks = zip(line.get_majorticklocs(), line.get_majorticklabels(), strict=True)
            texts += [line.label, *(label for tick, label in ticks if low <= tick <= high)]
    return [text for text in texts if text.get_text()]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in RESULTS if name != "planes"])
def test_axes_that_are_given_are_returned_in_the_readers_style(name):
    with matplotlib.rc_context({"axes.prop_cycle": matplotlib.cycler(color=["#ff0000"])}):
        figure, axes = plt.subplots()
        made = RESULTS[name]().plot(axes, label="mine")
        plt.close(figure)
    assert made is axes and axes.figure is figure and len(figure.axes) == 1
    assert axes.get_xlabel() and axes.get_ylabel()
    if name != "plane":
        assert to_hex(axes.get_lines()[0].get_color()) == "#ff0000"
        axes.legend()
        assert "mine" in [text.get_text() for text in axes.get_legend().get_texts()]
    else:
        assert axes.get_title() == "mine"


@pytest.mark.parametrize("name", [name for name in RESULTS if name != "planes"])
def test_labels_of_the_reader_stay(name):
    axes = Figure().subplots()
    axes.set(xlabel="x", ylabel="y")
    RESULTS[name]().plot(axes)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "y")


def test_a_label_alone_gives_a_new_figure_a_legend():
    assert sample.line().plot().get_legend() is None
    (text,) = sample.line().plot(label="SGD").get_legend().get_texts()
    assert text.get_text() == "SGD"


def test_the_style_of_a_line_is_passed_on():
    line = sample.run().plot(color="#123456", linewidth=3).get_lines()[0]
    assert line.get_color() == "#123456" and line.get_linewidth() == 3


def test_a_figure_that_could_not_be_drawn_is_not_left_with_pyplot(monkeypatch):
    # As where a window or notebook shows figures.
    backend = "module://matplotlib.backends.backend_agg"
    monkeypatch.setattr(matplotlib, "get_backend", lambda **_: backend)
    with pytest.raises(AttributeError, match="no_such_option"):
        sample.line().plot(no_such_option=1)
    assert plt.get_fignums() == []
    sample.line().plot()
    assert len(plt.get_fignums()) == 1
    plt.close("all")


def test_axes_without_data_are_laid_out_for_two():
    with result_axes(None) as axes:
        axes.plot([1, 2], [3, 4])
    assert axes.figure.get_size_inches()[0] == pytest.approx(0.6 * 7.2)


def output(code):
    """What a fresh interpreter prints."""
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return run.stdout.strip()


@pytest.mark.slow
def test_drawing_in_a_script_needs_neither_a_screen_nor_pyplot(tmp_path):
    code = (
        "import sys; from tests import sample_results as sample\n"
        f"sample.line().plot().figure.savefig({str(tmp_path / 'x.png')!r})\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    assert output(code) == "False" and (tmp_path / "x.png").stat().st_size > 5000


@pytest.mark.slow
def test_importing_plots_loads_nothing_that_computes():
    code = "import sys, landscape.plots; print(*sys.modules)"
    loaded = set(output(code).split())
    assert "landscape.plots.compare" in loaded
    assert not {"torch", "landscape.objective", "landscape.slices", "landscape.spectrum"} & loaded


@pytest.mark.slow
def test_a_notebook_shows_each_picture_below_its_cell():
    cells = [
        "from tests import sample_results as sample",
        "axes = sample.line().plot()",
        "axes = sample.line().plot()",
        "import matplotlib.pyplot as plt\nplt.get_fignums()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(x) for x in cells])
    place = {"metadata": {"path": str(ROOT)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=place).execute()
    for cell in notebook.cells[1:3]:
        (shown,) = cell.outputs
        assert "image/png" in shown["data"]
    assert notebook.cells[3].outputs[0]["data"]["text/plain"] == "[]"  # Nothing is left open.
