"""The studio in a real browser: pages, the zoom to a unit, an upload, a live training, links, axe."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pellucid.studio.app import House
from pellucid.studio.networks import Networks
from pellucid.studio.pictures import Pictures
from pellucid.studio.serving import Serving, open_studio

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
NETWORK, LAYER = "cifar-resnet8", "layer1.0.conv1"
PAGES = ("network", "explain", "training", "data", "results", "whatif", "basics", "generation")
PATIENCE = 60_000  # milliseconds, on a machine that others use as well
Opens = Callable[..., Any]


def test_every_page_loads_and_none_is_wider_than_a_telephone(
    open_tab: Opens, studio: Serving, given: str
) -> None:
    narrow = open_tab(studio, width=400)
    for page in PAGES:
        shown = narrow.go(page=page, network=NETWORK, picture=given, methods=["grad-cam"], run="first")
        assert shown.locator("nav [aria-current=page]").count() <= 1
        assert shown.evaluate("document.documentElement.scrollWidth") <= 400, page
    assert narrow.complaints == []


def test_an_upload_is_explained(tab: Any, house: House, draw: Callable[[int], bytes]) -> None:
    page = tab.go(page="explain", network=NETWORK, methods=["grad-cam", "saliency"])
    page.get_by_role("button", name="Picture").click()
    page.locator("input[type=file]").set_input_files(
        {"name": "mine.png", "mimeType": "image/png", "buffer": draw(2)}
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


def test_a_training_runs_live_to_its_end_and_is_replayed(tab: Any) -> None:
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


def test_results_lead_to_an_explanation(tab: Any) -> None:
    page = tab.go(page="results", run="first")
    page.get_by_role("heading", name="Curves of each class").wait_for()
    page.get_by_role("button", name="PCA").click()
    page.locator(".surface canvas").wait_for()
    page.get_by_role("button", name="Explain").last.click()
    page.wait_for_url(lambda url: "page=explain" in url)
    page.locator("aside, .explain").first.wait_for()
    assert "network=run%3Afirst" in page.url


def test_language_and_theme_switch_and_are_remembered(tab: Any) -> None:
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


def test_a_copied_link_reopens_what_was_seen(open_tab: Opens, studio: Serving, tab: Any, given: str) -> None:
    address = f"{LAYER}[3, 4, 5]"
    page = tab.go(network=NETWORK, picture=given)
    page.get_by_label("find a layer").fill(address)
    page.keyboard.press("Enter")
    page.locator("section.unit").wait_for()
    other = open_tab(studio)
    other.page.goto(page.url)
    other.page.locator("section.unit").wait_for()
    texts = [each.locator("section.unit .big").inner_text() for each in (page, other.page)]
    assert texts[0] == texts[1]
    assert other.page.locator("section.unit").get_attribute("aria-label") == address
    assert other.complaints == []


def test_a_refusal_is_told_in_the_page(open_tab: Opens, studio: Serving) -> None:
    tab = open_tab(studio)
    page = tab.go(page="data")
    page.get_by_role("button", name="Picture").click()
    page.locator("input[type=file]").set_input_files(
        {"name": "text.png", "mimeType": "image/png", "buffer": b"only words"}
    )
    page.locator(".toast", has_text="text.png: not a JPEG").wait_for()


def test_a_lost_connection_is_told_and_found_again(open_tab: Opens, tmp_path: Path) -> None:
    with open_studio(House(Networks(tmp_path), Pictures()), token="same") as first:
        tab = open_tab(first)
        page, port = tab.go(page="data"), int(tab.base.rpartition(":")[2].strip("/"))
        page.get_by_role("heading", name="Samples").wait_for()
    page.get_by_text("connection to the studio was lost").wait_for()
    with open_studio(House(Networks(tmp_path), Pictures()), port=port, token="same"):
        page.get_by_text("connection to the studio was lost").wait_for(state="hidden")
        page.get_by_role("button", name="test").click()
        page.get_by_text("/ 2,000").wait_for()


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not there: npm ci in web/")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(tab: Any, given: str, theme: str) -> None:
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
