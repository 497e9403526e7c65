"""Surfaces in the report: bundle, page, PDF, and turning one in a browser."""

import json
import re
import shutil

import numpy as np
import pytest
from landscape import plots
from nbformat import v4
from studies.figures import captioned

from report.document import read_report
from report.figures import standalone_svg
from report.html import build_html
from report.pdf import build_pdf, render_typst
from tests import sample_report as sample
from tests.sample_surfaces import loss_at, plane, spoiled

pytestmark = pytest.mark.slow

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
STUDY = "01_bn_ablation"
WORDS = {"caption": "See $x$.", "alt": 'A "bowl" & a ridge.'}


def surface(named=None, label="fig-surface", **options):
    return captioned.surface(named or {"one": plane()}, label=label, **WORDS, **options)


# The bundle


def test_large_planes_become_pixels_and_small_ones_stay_lines():
    assert "<image" not in surface().svg()
    large = surface({"one": plane(41, 31)}).svg()
    assert "<image" in large and len(large) < 300_000


def test_surfaces_are_figures_with_their_data_beside_them():
    made = surface()
    data, metadata = made._repr_mimebundle_()
    assert set(data) == {"image/svg+xml", "text/plain"}
    assert metadata["landscape"]["kind"] == "figure" and metadata["landscape"]["alt"] == made.alt
    assert metadata["landscape"]["surface"] == made.data


def test_surfaces_are_the_same_bytes_each_time():
    assert surface().svg() == surface().svg()
    assert surface({"one": plane(41, 31)}).svg() == surface({"one": plane(41, 31)}).svg()


# The report


def written(folder, *things):
    outputs = []
    for thing in things:
        data, metadata = thing._repr_mimebundle_()
        outputs.append(v4.new_output("display_data", data, metadata=metadata))
    shown = v4.new_code_cell("show()", outputs=outputs)
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell("# A study"), shown])
    sample.write_study(folder, STUDY, notebook)
    return folder


def page_of(folder):
    return build_html(folder, [STUDY], folder / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def things():
    planes = {"first </script>": spoiled(), "second": plane(scale=3)}
    return surface(planes), surface({"one": plane(scale=50)}, label="fig-other")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, things):
    return written(tmp_path_factory.mktemp("build") / "quick", *things)


@pytest.fixture(scope="module")
def page(folder):
    return page_of(folder)


def test_the_page_holds_the_data_and_the_picture_of_every_surface(page, things):
    found = re.findall(r'<script type="application/json">(.*?)</script>', page)
    assert [json.loads(text) for text in found] == [
        json.loads(json.dumps(thing.data)) for thing in things
    ]
    assert page.count('<figure class="figure surface"') == 2
    assert page.count('aria-label="A &quot;bowl&quot; &amp; a ridge."') == 2


def test_the_page_holds_the_script_once_and_only_where_a_surface_is(page, tmp_path):
    assert page.count("Surfaces that the reader turns") == 1
    levels = plots.levels([plane()])
    plain = captioned.planes({"one": plane()}, levels=levels, label="fig-plane", **WORDS)
    assert "Surfaces that the reader turns" not in page_of(written(tmp_path, plain))


def test_the_page_is_the_same_bytes_each_time(page, folder, tmp_path):
    again = build_html(folder, [STUDY], tmp_path / "again.html")
    assert again.read_text("utf-8") == page


def test_the_pdf_gets_the_picture_and_the_alternative_text(folder, things, tmp_path):
    source, files = render_typst(read_report(folder, [STUDY]))
    assert sorted(files.values()) == sorted(standalone_svg(thing.svg()) for thing in things)
    assert r'alt: "A \"bowl\" & a ridge."' in source and "halves" not in source
    assert build_pdf(folder, [STUDY], tmp_path / "r.pdf").read_bytes().startswith(b"%PDF")


# Turning


@pytest.fixture(scope="module")
def browser():
    if BROWSER is None:
        pytest.skip("no chromium, chromium-browser or google-chrome is installed")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, page, folder):
    """Open the page; it keeps its requests and complaints."""
    contexts = []

    def open_page(width=1280, scheme="light", **options):
        viewport = {"width": width, "height": 900}
        contexts.append(browser.new_context(viewport=viewport, color_scheme=scheme, **options))
        made = contexts[-1].new_page()
        made.complaints = []
        made.on("console", lambda message: made.complaints.append(message.text))
        made.on("pageerror", lambda error: made.complaints.append(str(error)))
        made.on("request", lambda request: made.complaints.append(request.url))
        made.goto((folder / "report.html").as_uri())
        made.complaints = [url for url in made.complaints if not url.startswith(("file:", "data:"))]
        return made

    yield open_page
    for context in contexts:
        context.close()


def picture(shown, place=0):
    shown.wait_for_timeout(60)
    return shown.locator("canvas").nth(place).evaluate("canvas => canvas.toDataURL()")


def middle(shown, place=0):
    canvas = shown.locator("canvas").nth(place)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box


def test_dragging_turns_the_surface_and_a_double_click_turns_it_back(opened):
    shown = opened()
    start, other = picture(shown), picture(shown, 1)
    x, y, _ = middle(shown)
    shown.mouse.move(x, y)
    shown.mouse.down()
    shown.mouse.move(x + 120, y + 30, steps=4)
    shown.mouse.up()
    shown.mouse.move(5, 5)
    turned = picture(shown)
    assert turned != start and picture(shown, 1) == other
    shown.mouse.dblclick(x, y)
    shown.mouse.move(5, 5)
    assert picture(shown) == start
    assert shown.complaints == []


def test_keys_turn_and_zoom_and_go_back(opened):
    shown = opened()
    start = picture(shown)
    shown.locator("canvas").first.focus()
    seen = {start}
    for key in ("ArrowLeft", "ArrowUp", "+"):
        shown.keyboard.press(key)
        seen.add(picture(shown))
    assert len(seen) == 4
    for key in ("ArrowRight", "ArrowDown", "-"):
        shown.keyboard.press(key)
    assert picture(shown) == start
    shown.keyboard.press("+")
    shown.keyboard.press("0")
    assert picture(shown) == start


def test_a_wheel_scrolls_past_and_zooms_after_a_click(opened):
    shown = opened()
    x, y, _ = middle(shown)
    shown.mouse.move(x, y)
    shown.evaluate("window.scrollTo(0, 0)")
    x, y, _ = middle(shown)
    start, top = picture(shown), shown.evaluate("window.scrollY")
    shown.mouse.move(x, y)
    shown.mouse.wheel(0, 40)
    shown.wait_for_timeout(400)
    assert shown.evaluate("window.scrollY") > top
    x, y, _ = middle(shown)
    shown.mouse.click(x, y)
    top = shown.evaluate("window.scrollY")
    shown.mouse.wheel(0, -40)
    shown.mouse.move(5, 5)
    assert picture(shown) != start and shown.evaluate("window.scrollY") == top


def test_pointing_reads_values_of_the_grid(opened):
    shown = opened()
    x, y, box = middle(shown, 1)
    line = shown.locator(".readout").nth(1)
    assert "arrow keys" in line.inner_text()
    read = []
    for step in np.linspace(-0.25, 0.25, 9):
        shown.mouse.move(x + step * box["width"], y + 10)
        text = line.inner_text().replace("−", "-")
        if match := re.fullmatch(r"α = (\S+), β = (\S+), loss \(nats\) = (\S+)", text):
            read.append([x + step, *map(float, match.groups())])
    assert len(read) >= 5
    _, alphas, betas, losses = np.transpose(read)
    np.testing.assert_allclose(losses, 50 * loss_at(alphas, betas), rtol=1e-2)
    assert alphas[-1] > alphas[0] and betas[-1] < betas[0]  # To the right.
    shown.mouse.move(5, 5)
    assert "arrow keys" in line.inner_text()


def test_the_value_is_of_the_surface_under_the_pointer(opened):
    shown = opened()
    x, y, box = middle(shown)
    line = shown.locator(".readout").first
    for share, title in ((-0.25, "first </script>: "), (0.25, "second: ")):
        shown.mouse.move(x + share * box["width"], y + 30)
        assert line.inner_text().startswith(title)


def test_the_canvas_can_be_reached_and_says_what_it_shows(opened):
    shown = opened()
    canvas = shown.get_by_role("img", name=WORDS["alt"]).first
    assert canvas.evaluate("element => element.tagName + element.tabIndex") == "CANVAS0"
    described = canvas.get_attribute("aria-describedby")
    assert "arrow keys" in shown.evaluate(
        "id => document.getElementById(id).textContent", described
    )


def test_surfaces_follow_the_theme(opened):
    light, dark = (picture(opened(scheme=scheme)) for scheme in ("light", "dark"))
    assert light != dark
    shown = opened()
    shown.emulate_media(color_scheme="dark")
    assert picture(shown) == dark


@pytest.mark.parametrize("width", [1280, 400])
def test_surfaces_are_drawn_within_the_window(opened, width):
    shown = opened(width)
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    inked = """canvas => new Set(canvas.getContext('2d').getImageData(
        0, 0, canvas.width, canvas.height).data).size"""
    for canvas in shown.locator("canvas").all():
        assert canvas.bounding_box()["width"] > 250 and canvas.evaluate(inked) > 50


def test_without_scripts_and_on_paper_the_picture_stands(opened):
    assert opened(java_script_enabled=False).locator("figure.surface svg").first.is_visible()
    shown = opened()
    still = shown.locator("figure.surface svg").first
    assert not still.is_visible() and shown.locator("canvas").first.is_visible()
    shown.emulate_media(media="print")
    assert still.is_visible() and not shown.locator("canvas").first.is_visible()


# Units


def test_losses_of_the_report_are_in_nats_and_accuracies_shares():
    levels = plots.levels([plane()])
    shown = captioned.planes({"one": plane()}, levels=levels, label="fig-a", **WORDS)
    assert shown.figure.axes[1].get_xlabel().startswith("loss (nats)")
    options = {"quantity": "accuracy", "levels": [0.2, 0.4, 0.6], "label": "fig-a"}
    shown = captioned.planes({"one": plane()}, **options, **WORDS)
    assert shown.figure.axes[1].get_xlabel().startswith("accuracy (share correct)")
    assert surface().data["labels"][2] == "loss (nats)"
