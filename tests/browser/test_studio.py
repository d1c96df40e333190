"""The studio in a real browser: pages, the zoom to a unit, an upload, a live training, links, axe."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import PIL.Image
import pytest

from pellucid.cli import main
from pellucid.studio.app import STATIC, House
from pellucid.studio.networks import Networks
from pellucid.studio.pictures import Pictures
from pellucid.studio.serving import Serving, open_studio

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(not (STATIC / "index.html").exists(), reason="the pages are not built: make web"),
]
NETWORK, LAYER = "cifar-resnet8", "layer1.0.conv1"
PAGES = ("network", "explain", "training", "data", "results", "whatif", "basics", "generation")
PATIENCE = 60_000  # milliseconds, on a machine that others use as well


def picture_file(seed: int = 0) -> bytes:
    rows, columns = np.mgrid[0:48, 0:48] / 48
    waves = np.stack([np.sin(9 * rows + seed), np.cos(7 * columns), rows * columns], 2)
    stream = io.BytesIO()
    PIL.Image.fromarray((127 + 120 * waves).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    folder: Path = tmp_path_factory.mktemp("studio")
    assert main(["train", "digits-mlp", "--epochs", "1", "--out", str(folder / "runs" / "first")]) == 0
    (folder / "given.png").write_bytes(picture_file())
    return House(Networks(folder / "runs", (NETWORK,)), Pictures([folder / "given.png"]))


@pytest.fixture(scope="module")
def studio(house: House) -> Iterator[Serving]:
    with open_studio(house) as serving:
        yield serving


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


class Tab:
    """A page of the studio, and what it complained of."""

    def __init__(self, browser: Any, studio: Serving, width: int = 1280) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 860}, locale="en-GB")
        self.context.set_default_timeout(PATIENCE)
        self.page, self.complaints = self.context.new_page(), list[str]()
        self.page.on("console", lambda told: told.type == "error" and self.complaints.append(told.text))
        self.page.on("response", lambda got: got.status >= 400 and self.complaints.append(got.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.link, self.base = studio.link, studio.link.partition("?")[0]
        self.page.goto(studio.link)

    def go(self, **place: str | list[str]) -> Any:
        self.page.goto(f"{self.base}?{urlencode(place, doseq=True)}")
        self.page.wait_for_function("() => document.querySelector('main')?.children[0]?.tagName !== 'P'")
        return self.page


@pytest.fixture
def tab(browser: Any, studio: Serving) -> Iterator[Tab]:
    opened = Tab(browser, studio)
    yield opened
    opened.context.close()
    assert opened.complaints == []


@pytest.fixture
def given(house: House) -> str:
    return house.pictures.all()[0].id


def test_every_page_loads_and_none_is_wider_than_a_telephone(
    browser: Any, studio: Serving, given: str
) -> None:
    narrow = Tab(browser, studio, width=400)
    for page in PAGES:
        shown = narrow.go(page=page, network=NETWORK, picture=given, methods=["grad-cam"], run="first")
        assert shown.locator("nav [aria-current=page]").count() <= 1
        assert shown.evaluate("document.documentElement.scrollWidth") <= 400, page
    narrow.context.close()
    assert narrow.complaints == []


def test_the_zoom_ends_at_the_librarys_own_number(tab: Tab, house: House, given: str) -> None:
    page = tab.go(network=NETWORK, picture=given)
    page.get_by_label("find a layer").fill(LAYER)
    page.keyboard.press("Enter")
    channels = page.locator(f"canvas[aria-label^='{LAYER}:']")
    channels.click(position={"x": 12, "y": 12})
    page.get_by_role("button", name="to its strongest unit").click()
    told = page.locator("[data-value]")
    told.wait_for()
    address = page.locator("section.unit").get_attribute("aria-label")
    expected = house.networks.look(NETWORK, house.pictures[given]).unit(address, influence=False)
    assert float(told.get_attribute("data-value")) == pytest.approx(expected.value, rel=1e-6)
    assert told.inner_text() == f"{expected.value:.5g}"
    page.get_by_role("button", name=re.compile("follow back to")).click()
    page.wait_for_function(f"() => document.querySelector('section.unit').ariaLabel !== {address!r}")
    before = page.locator("section.unit").get_attribute("aria-label")
    assert before == strongest_source(house, given, address)
    page.get_by_label("the way back").get_by_role("button", name=address).click()
    page.wait_for_function(f"() => document.querySelector('section.unit').ariaLabel === {address!r}")


def strongest_source(house: House, picture: str, address: str) -> str:
    """The unit whose product with its weight is the greatest in magnitude, by the library."""
    opened = house.networks.look(NETWORK, house.pictures[picture]).unit(address, influence=False).arithmetic
    operand = opened.operands[0]
    order = np.argsort(-np.abs(operand.products), axis=None, kind="stable")
    sources = (operand.origin.at(np.unravel_index(at, operand.products.shape)) for at in order)
    return next(source for source in sources if source)


def test_an_upload_is_explained(tab: Tab, house: House) -> None:
    page = tab.go(page="explain", network=NETWORK, methods=["grad-cam", "saliency"])
    page.get_by_role("button", name="Picture").click()
    page.locator("input[type=file]").set_input_files(
        {"name": "mine.png", "mimeType": "image/png", "buffer": picture_file(2)}
    )
    page.get_by_role("heading", name="grad-cam").wait_for()
    page.get_by_role("heading", name="saliency").wait_for()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.heat canvas')].every((c) => c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.height).data.some((v) => v > 0))"
    )
    assert house.pictures.all()[-1].name == "mine.png"
    page.get_by_role("button", name="command and Python").first.click()
    assert "pellucid explain cifar-resnet8" in page.locator("pre").first.inner_text()


def test_a_training_runs_live_to_its_end_and_is_replayed(tab: Tab) -> None:
    page = tab.go(page="training")
    page.locator("details.card").first.evaluate("details => { details.open = true }")
    page.get_by_label("recipe").select_option("digits-mlp")
    page.locator("label.field", has_text="epochs").locator("input").first.fill("2")
    page.get_by_role("button", name="start").click()
    run = page.locator(".run.chosen")
    run.locator(".state", has_text="finished").wait_for(timeout=4 * PATIENCE)
    loss = page.locator("figure.curves", has_text="loss").first.locator("canvas")
    assert re.search(r"train: \d", loss.get_attribute("aria-label"))
    slider = page.get_by_label("Replay")
    slider.wait_for()
    slider.fill("0")
    page.wait_for_function("() => document.querySelector('.slider').innerText.includes('step 0')")
    page.wait_for_function("() => document.querySelectorAll('.main figure svg, .main figure img').length > 0")
    assert "step=0" in page.url
    first = page.locator(".main .card").last.inner_html()
    slider.press("End")
    page.wait_for_function("() => !document.querySelector('.slider').innerText.includes('step 0')")
    page.wait_for_function(
        f"() => document.querySelector('.main .card:last-child').innerHTML.length !== {len(first)}"
    )


def test_results_lead_to_an_explanation(tab: Tab) -> None:
    page = tab.go(page="results", run="first")
    page.get_by_role("heading", name="Curves of each class").wait_for()
    page.get_by_role("button", name="PCA").click()
    page.locator(".surface canvas").wait_for()
    page.get_by_role("button", name="Explain").last.click()
    page.wait_for_url(lambda url: "page=explain" in url)
    page.locator("aside, .explain").first.wait_for()
    assert "network=run%3Afirst" in page.url


def test_language_and_theme_switch_and_are_remembered(tab: Tab) -> None:
    page = tab.go(network=NETWORK)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="theme: as the system").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.get_by_role("button", name="한국어").click()
    page.get_by_role("button", name="학습").wait_for()
    assert page.evaluate("document.documentElement.lang") == "ko"
    page.reload()
    page.get_by_role("button", name="학습").wait_for()
    assert page.evaluate("document.body.dataset.theme") == "dark"


def test_a_copied_link_reopens_what_was_seen(browser: Any, studio: Serving, tab: Tab, given: str) -> None:
    address = f"{LAYER}[3, 4, 5]"
    page = tab.go(network=NETWORK, picture=given)
    page.get_by_label("find a layer").fill(address)
    page.keyboard.press("Enter")
    page.locator("section.unit").wait_for()
    other = Tab(browser, studio)
    other.page.goto(page.url)
    other.page.locator("section.unit").wait_for()
    texts = [each.locator("section.unit .big").inner_text() for each in (page, other.page)]
    assert texts[0] == texts[1]
    assert other.page.locator("section.unit").get_attribute("aria-label") == address
    other.context.close()
    assert other.complaints == []


def test_a_refusal_is_told_in_the_page(browser: Any, studio: Serving) -> None:
    tab = Tab(browser, studio)
    page = tab.go(page="data")
    page.get_by_role("button", name="Picture").click()
    page.locator("input[type=file]").set_input_files(
        {"name": "text.png", "mimeType": "image/png", "buffer": b"only words"}
    )
    page.locator(".toast", has_text="picture").wait_for()
    tab.context.close()


def test_a_lost_connection_is_told_and_found_again(browser: Any, tmp_path: Path) -> None:
    with open_studio(House(Networks(tmp_path), Pictures()), token="same") as first:
        tab = Tab(browser, first)
        page, port = tab.go(page="data"), int(tab.base.rpartition(":")[2].strip("/"))
        page.get_by_role("heading", name="Samples").wait_for()
    page.get_by_text("connection to the studio was lost").wait_for()
    with open_studio(House(Networks(tmp_path), Pictures()), port=port, token="same"):
        page.get_by_text("connection to the studio was lost").wait_for(state="hidden")
        page.get_by_role("button", name="test").click()
        page.get_by_text("/ 2,000").wait_for()
    tab.context.close()


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not there: npm ci in web/")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(tab: Tab, given: str, theme: str) -> None:
    axe = AXE.read_text(encoding="utf-8")
    unit = {"address": f"{LAYER}[3, 4, 5]"}
    places: list[dict[str, Any]] = [{"page": page} for page in PAGES]
    places += [unit, {"view": "table"}, {"page": "results", "run": "first"}]
    found = []
    for place in places:
        page = tab.go(network=NETWORK, picture=given, methods=["grad-cam"], theme=theme, **place)
        page.wait_for_function("() => !document.body.innerText.includes('loading …')")
        page.evaluate(f"{axe}; undefined")
        told = page.evaluate("axe.run({resultTypes: ['violations']})")
        found += [
            f"{place}: {each['id']} {each['nodes'][0]['html'][:160]} {each['nodes'][0]['failureSummary']}"
            for each in told["violations"]
            if each["impact"] in ("serious", "critical")
        ]
    assert found == []
