"""The report page in a real browser: opened from disk, no network, one slider for all sections."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.views import classification
from pellucid.views.contents import Code, Steps, Table
from pellucid.views.curves import Curve, over_training
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Image
from pellucid.views.page import Page, Section

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


def _picture(level: int) -> Figure:
    return Figure(
        (Panel((Image(np.full((2, 2, 3), level, np.uint8)),), frame=(2, 2), caption=f"level {level}"),)
    )


def _page() -> Page:
    often = Steps({step: _picture(step) for step in (0, 1, 10, 100)}, {100: "epoch 2"})
    seldom = Steps({0: _picture(50), 10: _picture(60)})
    curve = over_training("loss", [Curve(np.arange(5), np.arange(5), part="test with a rather long name")])
    wide = Table(tuple(f"column {index}" for index in range(12)), (tuple(range(12)),))
    return Page(
        "a-run-with-a-name-that-is-far-too-long-for-a-telephone",
        "sub",
        (
            Section("Curves", (curve, wide)),
            Section("Steps", (often, seldom)),
            Section("Code", (Code("x = 1"),)),
        ),
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=options)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """The page, opened; fails afterwards if anything was complained of or asked of the network."""
    path = tmp_path / "report.html"
    path.write_text(_page().to_html(), encoding="utf-8")
    tab = browser.new_page(viewport={"width": 400, "height": 800})
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on(
        "request",
        lambda request: request.url.startswith(("file:", "data:")) or complaints.append(request.url),
    )
    tab.goto(path.as_uri())
    yield tab
    tab.close()
    assert [each for each in complaints if not each.startswith(("file:", "data:"))] == []


def _seen(page: Any) -> list[str]:
    return [each.inner_text() for each in page.locator(".steps .caption").all() if each.is_visible()]


def test_it_starts_at_the_last_step(page: Any) -> None:
    assert _seen(page) == ["level 100", "level 60"]
    page.locator(".steps").first.scroll_into_view_if_needed()
    page.wait_for_selector("#scrubber", state="visible")
    assert page.locator("#scrubber output").inner_text() == "step 100 · epoch 2"


def test_the_slider_drives_all_sections(page: Any) -> None:
    page.locator(".steps").first.scroll_into_view_if_needed()
    slider = page.locator("#scrubber input")
    slider.fill("0")
    assert _seen(page) == ["level 0", "level 50"]
    slider.fill("1")
    assert _seen(page) == ["level 1", "level 50"]  # what is not recorded at step 1 keeps the last that was
    assert page.locator(".when").all_inner_texts() == ["step 1", "step 0"]


def test_arrow_keys_move_it(page: Any) -> None:
    page.locator(".steps").first.scroll_into_view_if_needed()
    page.keyboard.press("ArrowLeft")
    assert _seen(page) == ["level 10", "level 60"]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert _seen(page) == ["level 100", "level 60"]
    page.locator("#scrubber input").focus()
    page.keyboard.press("ArrowLeft")
    assert _seen(page)[0] == "level 10"


def test_play_runs_through_the_steps_and_stops(page: Any) -> None:
    page.locator(".steps").first.scroll_into_view_if_needed()
    page.get_by_role("button", name="Play").click()
    assert _seen(page)[0] == "level 0"
    page.get_by_text("step 1", exact=True).first.wait_for()
    page.get_by_role("button", name="Pause").click()
    paused = _seen(page)
    assert int(paused[0].removeprefix("level ")) >= 1
    page.wait_for_timeout(600)
    assert _seen(page) == paused


def test_the_slider_hides_where_there_are_no_steps(page: Any) -> None:
    page.locator(".steps").last.scroll_into_view_if_needed()
    page.wait_for_selector("#scrubber", state="visible")
    page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
    page.wait_for_selector("#scrubber", state="hidden")


@pytest.mark.parametrize("width", [320, 400, 1280])
def test_nothing_is_wider_than_the_window(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ends = page.locator("text.end").bounding_box()
    assert ends["x"] + ends["width"] <= width


@dataclass(frozen=True)
class _Scores:
    label: str
    support: int = 7
    precision: float = 0.5
    recall: float = 0.5
    f1: float = 0.5


def _named_page(names: list[str]) -> Page:
    counts = np.full((len(names), len(names)), 12)
    scores = [_Scores(name) for name in names]
    matrix = classification.confusion_matrix(counts, names), classification.most_confused(counts, names)
    chart = classification.per_class(scores), classification.per_class_table(scores)
    return Page("names", "", (Section("Errors", matrix), Section("Classes", chart)))


_LETTERS = {
    "latin": "Tomato___Spider_mites_Two-spotted_spider_mite",
    "hangul": "오리너구리" * 8,
    "capitals": "ORNITHORHYNCHUS ANATINUS PLATYPUS" * 4,
}


@pytest.mark.parametrize(("width", "least"), [(400, 20), (1280, 50)])
@pytest.mark.parametrize("letters", _LETTERS)
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_long_class_names_leave_room(
    browser: Any, tmp_path: Path, classes: int, letters: str, width: int, least: int
) -> None:
    path = tmp_path / "names.html"
    names = [f"{index}{_LETTERS[letters]}{index}" for index in range(classes)]
    path.write_text(_named_page(names).to_html(), encoding="utf-8")
    tab = browser.new_page(viewport={"width": width, "height": 800})
    tab.goto(path.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert min(_boxes(tab, "rect.cell", "width")) >= least
    bars, names_of = tab.locator("svg[aria-label^='F1']"), tab.locator("td:first-child").last
    assert bars.bounding_box()["width"] >= 0.55 * min(width - 32, 560)
    assert names_of.bounding_box()["width"] >= 100
    assert min(_boxes(tab, "text.tick", "left")) >= 0
    tab.close()


def _boxes(tab: Any, selector: str, what: str) -> list[float]:
    """One measure of the boxes of all elements, in one question to the browser."""
    measured: list[float] = tab.locator(selector).evaluate_all(
        f"all => all.map(each => each.getBoundingClientRect().{what})"
    )
    return measured


def test_words_keep_their_size_at_every_width(page: Any) -> None:
    heights = set()
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        heights.add(round(page.locator("text.tick").first.bounding_box()["height"]))
    assert len(heights) == 1


def test_both_themes(page: Any) -> None:
    colours = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(251, 251, 249)", "rgb(18, 20, 23)"]
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(28, 33, 38)"


def test_code_is_copied_or_marked(page: Any) -> None:
    page.get_by_role("button", name="Copy").click()
    page.wait_for_timeout(100)
    marked = page.evaluate("getSelection().toString()")
    assert marked == "x = 1" or page.locator(".copy").inner_text() == "Copied"
