"""The page in a real browser: it fetches nothing, draws everything, and fits a phone."""

import functools
import shutil

import pytest

from report.html import build_html
from tests import sample_report as sample

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        BROWSER is None, reason="no chromium, chromium-browser or google-chrome is installed"
    ),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = sample.write_sample(tmp_path_factory.mktemp("build") / "quick")
    return build_html(folder, sample.STUDIES, folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    folder = sample.write_sample(tmp_path_factory.mktemp("build") / "paper")
    return build_html(folder, sample.STUDIES, folder / "report.html").as_uri()


@pytest.fixture
def opener(browser):
    """Open an address at a width; the page keeps its requests and complaints."""
    contexts = []

    def opened(address, width=1280, scheme="light", at="", **options):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.requests, page.complaints = [], []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(address + at)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def open_page(opener, address):
    """Open a report that is no evidence."""
    return functools.partial(opener, address)


@pytest.fixture
def open_evidence(opener, evidence):
    """Open a report whose verdicts count."""
    return functools.partial(opener, evidence)


def test_no_request_leaves_the_page_and_nothing_is_complained_about(open_page, address):
    page = open_page()
    page.mouse.wheel(0, 100_000)
    page.wait_for_timeout(100)
    leaving = [url for url in page.requests if not url.startswith("data:")]
    assert leaving == [address]
    assert page.complaints == []


def test_every_image_is_drawn_and_described(open_page):
    page = open_page()
    broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth || !i.alt).length"
    assert page.evaluate(broken) == 0
    figures = page.locator("figure.figure svg")
    assert figures.count() == 3
    for index in range(figures.count()):
        box = figures.nth(index).bounding_box()
        assert box["width"] > 200 and box["height"] > 100
        assert figures.nth(index).get_attribute("role") == "img"
        assert figures.nth(index).get_attribute("aria-label")


def test_every_link_within_the_page_resolves(open_page):
    page = open_page()
    lost = """[...document.querySelectorAll('a[href^="#"]')].map(a => a.hash.slice(1))
        .filter(id => !document.getElementById(decodeURIComponent(id)))"""
    assert page.evaluate(lost) == []
    assert page.locator("nav.contents ol a").count() >= 8


@pytest.mark.parametrize("width", [1280, 768, 400])
@pytest.mark.parametrize("script", [True, False])
def test_the_page_is_never_wider_than_the_window(open_page, width, script):
    page = open_page(width, java_script_enabled=script)
    for code in page.locator("details.code summary").all():
        code.click() if script else None
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_wide_table_scrolls_in_its_own_box_on_a_phone(open_page):
    box = open_page(400).locator("figure.table .scroll").last
    assert box.evaluate("element => element.scrollWidth > element.clientWidth")


def test_the_measure_is_about_seventy_characters(open_page):
    prose = open_page().locator(".prose").first
    widths = prose.evaluate("""element => {
        const canvas = document.createElement('canvas').getContext('2d');
        canvas.font = getComputedStyle(element).font;
        const text = 'the loss of a network along a line between two of its solutions ';
        return element.clientWidth / (canvas.measureText(text).width / text.length);
    }""")
    assert 60 <= widths <= 85


def test_figures_take_the_ink_of_the_page_in_light_and_dark(open_page):
    ink = "getComputedStyle(document.querySelector('figure.figure svg')).color"
    light, dark = (open_page(scheme=scheme).evaluate(ink) for scheme in ("light", "dark"))
    assert light == "rgb(36, 41, 47)" and light != dark


def test_code_is_folded_and_one_control_unfolds_all_of_it(open_page):
    page = open_page()
    unfolded = page.locator("details.code[open]")
    assert unfolded.count() == 0
    page.get_by_role("button", name="Show all code").click()
    assert unfolded.count() == page.locator("details.code").count() > 0
    page.get_by_role("button", name="Hide all code").click()
    assert unfolded.count() == 0


def rows(page):
    return [row.get_attribute("id") for row in page.locator("details.claim:visible").all()]


def test_claims_are_filtered_and_the_address_holds_the_choice(open_evidence, evidence):
    page = open_evidence()
    page.locator("select[name=verdict]").select_option("contradicted")
    assert rows(page) == ["claim-S1.5"]
    assert page.locator(".filters .shown").text_content() == "1 of 4 claims"
    page.locator("select[name=source]").select_option("S2")
    assert rows(page) == [] and page.url == f"{evidence}#claims:source=S2&verdict=contradicted"
    page.get_by_role("button", name="Clear").click()
    assert len(rows(page)) == 4
    page = open_evidence(at="#claims:study=01_bn_ablation")
    assert rows(page) == ["claim-S1.1", "claim-S1.2"]
    page.evaluate("location.hash = '#claim-S2.9'")  # a link to a row that the filter hides
    page.wait_for_function("document.getElementById('claim-S2.9').open")
    assert len(rows(page)) == 4


def test_a_claim_opens_by_keyboard_and_reads_without_scripts(open_evidence):
    page = open_evidence()
    page.locator("[id='claim-S1.2'] > summary").focus()
    page.keyboard.press("Enter")
    assert page.locator(".part").get_by_text("1.52 times larger").is_visible()
    page = open_evidence(java_script_enabled=False)
    assert len(rows(page)) == 4 and not page.locator(".filters").is_visible()
    page.locator("[id='claim-S1.2'] > summary").click()
    assert page.locator(".part").get_by_text("1.52 times larger").is_visible()


def test_search_finds_and_jumps_by_keyboard(open_evidence):
    page = open_evidence()
    page.keyboard.press("/")
    page.keyboard.type("limits")
    results = page.locator(".search [role=option]")
    assert results.count() > 1 and results.first.get_attribute("aria-selected") == "true"
    chosen = "document.getElementById(document.activeElement.getAttribute('aria-activedescendant'))"
    page.keyboard.press("ArrowDown")
    assert page.evaluate(f"{chosen}.textContent") == results.nth(1).text_content()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "01-bn-ablation-limits"
    assert not results.first.is_visible()
    page.keyboard.press("/")
    page.keyboard.type("steadier")
    assert "S1.1" in results.first.text_content()
    page.keyboard.press("Escape")
    assert not results.first.is_visible()


def test_the_switch_of_light_and_dark_is_kept(open_page):
    page = open_page()
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Dark page").click()
    dark = page.evaluate(paper)
    assert dark != light
    page.reload()
    assert page.evaluate(paper) == dark
    page.get_by_role("button", name="Light page").click()
    assert page.evaluate(paper) == light


def test_the_opening_is_painted_while_studies_are_not_laid_out(open_evidence):
    page = open_evidence()
    style = "getComputedStyle(document.querySelector('.study')).contentVisibility"
    assert page.evaluate(style) == "auto"
    box = page.locator("header.opening").bounding_box()
    assert box["y"] + box["height"] < 900  # one screen


def test_the_contents_mark_the_section_being_read(open_page):
    page = open_page()
    # The third of this window that counts as read ends above the claims of so short an opening.
    page.set_viewport_size({"width": 1280, "height": 500})
    current = page.locator("nav.contents a[aria-current]")
    page.wait_for_timeout(150)
    assert current.get_attribute("href") == "#summary"
    for chapter, section in (
        ("#01-bn-ablation", "#01-bn-ablation-curvature"),
        ("#07-theory", "#07-theory-stationarity"),
    ):
        assert not page.locator(f'nav.contents a[href="{section}"]').is_visible()
        page.locator(f'nav.contents a[href="{chapter}"]').click()
        page.locator(f'nav.contents a[href="{section}"]').click()
        page.wait_for_timeout(150)
        assert current.get_attribute("href") == section


def test_the_contents_are_a_menu_on_a_phone(open_page):
    page = open_page(400)
    contents, menu = page.locator("nav.contents"), page.get_by_role("button", name="Contents")
    assert not contents.is_visible()
    menu.click()
    assert contents.is_visible() and menu.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Escape")
    assert not contents.is_visible()


def test_the_contents_are_readable_without_scripts(open_page):
    assert open_page(400, java_script_enabled=False).locator("nav.contents").is_visible()


def test_keyboard_reaches_the_content_first(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
