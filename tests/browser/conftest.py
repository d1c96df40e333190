"""A studio with a small network and a run, and tabs of a real browser in which it is opened."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
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

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NETWORK = "cifar-resnet8"
PATIENCE = 60_000  # milliseconds, on a machine that others use as well
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


def picture_file(seed: int = 0) -> bytes:
    rows, columns = np.mgrid[0:48, 0:48] / 48
    waves = np.stack([np.sin(9 * rows + seed), np.cos(7 * columns), rows * columns], 2)
    stream = io.BytesIO()
    PIL.Image.fromarray((127 + 120 * waves).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="session")
def draw() -> Callable[[int], bytes]:
    """Draws a picture file."""
    return picture_file


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
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    if not (STATIC / "index.html").exists():
        pytest.skip("the pages are not built: make web")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
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
def open_tab(browser: Any) -> Iterator[Callable[..., Tab]]:
    """Opens a tab of a studio; all are closed in the end."""
    opened: list[Tab] = []

    def another(studio: Serving, width: int = 1280) -> Tab:
        opened.append(Tab(browser, studio, width))
        return opened[-1]

    yield another
    for each in opened:
        each.context.close()


@pytest.fixture
def tab(open_tab: Callable[..., Tab], studio: Serving) -> Iterator[Tab]:
    """One that has nothing to complain of."""
    opened = open_tab(studio)
    yield opened
    assert opened.complaints == []


@pytest.fixture
def given(house: House) -> str:
    return house.pictures.all()[0].id
