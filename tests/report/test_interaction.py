"""Figures that answer the reader, in a browser: surfaces turn, sliders move, curves tell values."""

import shutil

import nbformat.v4 as v4
import numpy as np
import pytest
import torch
from landscape.plots import Panel
from landscape.plots.bands import band_over_seeds
from studies.arms import Arm
from studies.collection import Results
from studies.figures import captioned, training_paths
from studies.training_paths import TrainingPath

from report.html import build_html
from tests import sample_report as sample
from tests.sample_surfaces import plane

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        BROWSER is None, reason="no chromium, chromium-browser or google-chrome is installed"
    ),
]
WORDS = {"caption": "It falls.", "alt": "Two panels."}


def paths():
    """The paths of two arms over two epochs; no network was trained."""
    losses = torch.tensor([3.0, 2.0, 1.0]).double()
    path = TrainingPath(
        steps=[0, 5, 10],
        epochs=[0.0, 1.0, 2.0],
        coordinates=torch.tensor([[-0.8, 0.1], [-0.4, 0.3], [0.0, 0.0]]).double(),
        distance=torch.tensor([0.25, 0.125, 0.0]).double(),
        loss=losses,
        projected_loss=losses + torch.tensor([0.5, 0.25, 0.0]).double(),
        explained=torch.tensor([0.9, 0.05]).double(),
        lambda_max={0: 4.0, 10: 60.0},
        plane=plane(),
        surroundings={0: plane(), 10: plane(scale=3)},
    )
    return Results({(Arm(name), 0): path for name in ("BN", "no BN")})


def curves():
    epochs = np.arange(5.0)
    band = band_over_seeds(epochs, [2.0 - 0.25 * epochs, 2.5 - 0.25 * epochs])
    panels = [Panel(title, "epoch", "nats", {"BN": band}) for title in ("train loss", "test loss")]
    return captioned.curves(panels, label="fig-curves", **WORDS)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = sample.write_sample(tmp_path_factory.mktemp("build") / "quick")
    shown = [
        training_paths.training_path(paths(), label="fig-path", **WORDS),
        training_paths.surroundings(paths(), label="fig-surroundings", **WORDS),
        curves(),
    ]
    outputs = []
    for figure in shown:
        data, metadata = figure._repr_mimebundle_()
        outputs.append(v4.new_output("display_data", data, metadata=metadata))
    cells = [
        v4.new_markdown_cell("# Where did training go?\n**Question.** Downhill?"),
        v4.new_code_cell("show()", outputs=outputs),
    ]
    notebook = v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})
    sample.write_study(folder, sample.STUDIES[0], notebook)
    return build_html(folder, (sample.STUDIES[0],), folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, address):
    contexts = []

    def opened(width=1280, **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **options))
        page = contexts[-1].new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()


def figure_of(page, label):
    return page.locator(f"figure[id$={label}]")


def pixels(figure):
    """The picture on the canvas, drawn anew after whatever asked for it."""
    figure.page.wait_for_timeout(100)
    return figure.locator("canvas").evaluate("canvas => canvas.toDataURL()")


def facts(figure):
    return figure.locator(".stops tbody tr").all_inner_texts()


def test_the_slider_moves_along_the_path_by_keys_and_tells_what_was_measured_there(open_page):
    page = open_page()
    figure = figure_of(page, "fig-path")
    slider, before = figure.locator("input[type=range]"), pixels(figure)
    assert slider.get_attribute("aria-valuetext") == "epoch 2"
    assert facts(figure)[0].split("\t") == ["BN", "1", "1", "0"]
    slider.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext") == "epoch 1"
    assert figure.locator("output").inner_text() == "epoch 1"
    assert facts(figure)[1].split("\t") == ["no BN", "2", "2.25", "0.125"]
    assert pixels(figure) != before
    assert page.complaints == []


def test_the_slider_changes_the_surface_around_the_network(open_page):
    figure = figure_of(open_page(), "fig-surroundings")
    before = pixels(figure)
    canvas = figure.locator("canvas")
    canvas.press("Shift+ArrowRight")  # The value in the middle of the first surface.
    last = figure.locator(".readout").inner_text()
    figure.locator("input[type=range]").press("Home")
    first = figure.locator(".readout").inner_text()
    value = [float(text.rsplit("= ", 1)[1].replace("−", "-")) for text in (first, last)]
    middle = [float(plane(scale=scale).loss[4, 3]) for scale in (1, 3)]
    assert value == pytest.approx(middle, rel=1e-3) and value[0] != value[1]
    assert pixels(figure) != before
    assert facts(figure)[0].split("\t")[2] == "4"


def test_surfaces_turn_by_keys_and_come_back(open_page):
    figure = figure_of(open_page(), "fig-surroundings")
    canvas, before = figure.locator("canvas"), pixels(figure)
    canvas.press("ArrowRight")
    turned = pixels(figure)
    canvas.press("0")
    assert turned != before and pixels(figure) == before


def test_curves_tell_their_values_under_the_pointer(open_page):
    page = open_page()
    figure = figure_of(page, "fig-curves")
    figure.scroll_into_view_if_needed()
    box = figure.locator("svg.panel").nth(1).bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    values = figure.locator(".values")
    assert values.locator("caption").inner_text() == "test loss: epoch 2"
    assert values.locator("td").first.inner_text() == "1.75"
    assert figure.locator(".guide").count() == 1
    page.mouse.move(1, 1)
    assert not values.is_visible() and figure.locator(".guide").count() == 0


def test_curves_tell_their_values_by_keys_and_to_screen_readers(open_page):
    figure = figure_of(open_page(), "fig-curves")
    canvas, spoken = figure.locator(".canvas"), figure.locator("[aria-live]")
    canvas.press("ArrowRight")
    assert spoken.inner_text().startswith("train loss, epoch 2: BN 1.75 [")
    canvas.press("ArrowRight")
    canvas.press("PageDown")
    assert spoken.inner_text().startswith("test loss, epoch 3: BN 1.5 [")
    canvas.press("Escape")
    assert not figure.locator(".values").is_visible()


def test_a_finger_reads_values_on_a_phone_and_nothing_is_wider_than_it(open_page):
    page = open_page(400, has_touch=True, is_mobile=True)
    figure = figure_of(page, "fig-curves")
    figure.locator("svg.panel").first.tap()
    assert figure.locator(".values").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 400


def test_scripts_of_figures_are_left_out_where_no_figure_needs_them(tmp_path):
    folder = sample.write_sample(tmp_path / "quick")
    page = build_html(folder, sample.STUDIES, folder / "report.html").read_text(encoding="utf-8")
    assert "surfaceView" not in page and "script.curves" not in page
