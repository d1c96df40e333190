"""The pages of generation in a real browser: a map that decodes, a game that is played, a picture painted."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from pellucid.cli import main
from pellucid.studio.app import House
from pellucid.studio.networks import Networks
from pellucid.studio.pictures import Pictures

NETWORK = "cifar-resnet8"
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
LABS = ({"lab": "latent", "sample": "3"}, {"lab": "gan", "moves": "b2"}, {"lab": "style"})


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, draw: Callable[[int], bytes]) -> House:
    folder: Path = tmp_path_factory.mktemp("generation")
    small = ["--epochs", "1", "--recorder.probes", "4"]
    coder = ["mnist-vae", "--data.name", "digits", "--task.code", "3", *small]
    assert main(["train", *coder, "--out", str(folder / "runs" / "coder")]) == 0
    assert main(["train", "gaussians-gan", *small, "--out", str(folder / "runs" / "game")]) == 0
    for name, seed in (("content.png", 0), ("style.png", 3)):
        (folder / name).write_bytes(draw(seed))
    pictures = Pictures([folder / "content.png", folder / "style.png"])
    return House(Networks(folder / "runs", (NETWORK,)), pictures)


def test_the_map_decodes_what_is_pointed_at_and_a_link_reopens_it(
    tab: Any, studio: Any, open_tab: Callable[..., Any]
) -> None:
    page = tab.go(page="generation", lab="latent")
    page.locator("canvas[data-ready=yes]").wait_for()
    canvas = page.locator("canvas[data-ready=yes]")
    canvas.hover(position={"x": 200, "y": 200})
    decoded = page.locator("img.decoded")
    decoded.wait_for()
    before = decoded.get_attribute("src")
    canvas.hover(position={"x": 320, "y": 260})
    page.wait_for_function(f"() => document.querySelector('img.decoded')?.getAttribute('src') !== {before!r}")
    assert page.evaluate("document.querySelector('img.decoded').naturalWidth") == 32
    canvas.focus()
    page.keyboard.press("Enter")
    page.get_by_label("decode everywhere").check()
    page.wait_for_function("() => location.search.includes('here=') && location.search.includes('tiles=1')")
    other = open_tab(studio)
    seen = dict(parse_qsl(urlsplit(page.url).query))
    other.go(**{**seen, "sample": "3", "ends": "3,9"})
    other.page.locator("img.decoded").wait_for()
    other.page.get_by_role("heading", name=re.compile("Picture 3")).wait_for()
    strips = other.page.locator("img.strip")
    strips.nth(1).wait_for()
    assert strips.count() == 2
    assert other.complaints == []


def test_what_the_address_names_in_vain_is_told(studio: Any, open_tab: Callable[..., Any]) -> None:
    page = open_tab(studio).go(page="generation", lab="latent", space="coder", axes="0,99")
    page.get_by_role("alert").get_by_text("numbers 0 to 2").wait_for()
    page = open_tab(studio).go(page="generation", lab="latent", space="game")
    page.get_by_role("alert").get_by_text("this one was trained for generation").wait_for()


def test_a_game_is_played_a_player_at_a_time(tab: Any) -> None:
    page = tab.go(page="generation", lab="gan", kind="wgan-gp", set="rings", iteration="2")
    plane = page.locator("canvas[data-step='0']")
    plane.wait_for()
    page.get_by_role("button", name="critic moves").click()
    page.locator("canvas[data-step='1']").wait_for()
    page.get_by_role("button", name="generator moves").click()
    page.locator("canvas[data-step='2']").wait_for()
    page.get_by_role("button", name="▶ play").first.click()
    page.wait_for_function("() => Number(document.querySelector('canvas[data-step]').dataset.step) >= 6")
    page.get_by_role("button", name="❚❚ pause").click()
    page.wait_for_function("() => /moves=c1g1b\\d+/.test(location.search)")
    assert "/ 2" in page.locator(".facts").inner_text()
    mixture = page.get_by_role("region", name="A mixture of Gaussians on the same points")
    said = mixture.locator("canvas[aria-label*='iteration 2:']")
    said.wait_for()
    mixture.get_by_role("button", name="one step").click()
    mixture.locator("canvas[aria-label*='iteration 3:']").wait_for()


def test_a_picture_is_painted_while_one_looks_on(tab: Any, house: House) -> None:
    content, style = (each.id for each in house.pictures.all()[:2])
    page = tab.go(page="generation", lab="style", network=NETWORK, content=content, side="96")
    page.get_by_text("Choose a picture for content and one for style").wait_for()
    page.get_by_role("button", name="Style: style.png").click()
    page.get_by_label("steps").fill("6")
    page.get_by_label("steps").press("Tab")
    page.get_by_role("button", name="paint", exact=True).click()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="download PNG").click()
    assert downloading.value.suggested_filename == "content-style.png"
    assert page.evaluate("document.querySelector('img[data-step]').naturalWidth") == 96
    page.get_by_text("command and Python").click()
    assert "pellucid style CONTENT STYLE --network cifar-resnet8" in page.locator("pre").first.inner_text()
    assert f"painting={style}" in page.url
    page.reload()
    page.locator("img[data-step='6']").wait_for()


def test_a_replay_shows_the_samples_and_both_losses(tab: Any) -> None:
    page = tab.go(page="training", runs=["game"])
    page.get_by_role("heading", name="What the same noise becomes").wait_for()
    page.get_by_text("What the critic minimises").wait_for()
    page.get_by_text("What the generator minimises").wait_for()


def test_korean_and_a_telephone(open_tab: Callable[..., Any], studio: Any) -> None:
    narrow = open_tab(studio, width=400)
    for lab, said in zip(LABS, ("코드 공간", "두 선수", "스타일 전이"), strict=True):
        page = narrow.go(page="generation", language="ko", theme="dark", network=NETWORK, **lab)
        page.get_by_role("button", name=said).wait_for()
        page.wait_for_function("() => !document.body.innerText.includes('불러오는 중')")
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, lab
        assert page.evaluate("document.body.dataset.theme") == "dark"
    assert narrow.complaints == []


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not there: npm ci in web/")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(tab: Any, theme: str) -> None:
    axe, found = AXE.read_text(encoding="utf-8"), []
    for lab in LABS:
        page = tab.go(page="generation", network=NETWORK, theme=theme, **lab)
        page.wait_for_function("() => !document.body.innerText.includes('loading …')")
        page.evaluate(f"{axe}; undefined")
        told = page.evaluate("axe.run({resultTypes: ['violations']})")
        found += [
            f"{lab}: {each['id']} {each['nodes'][0]['html'][:160]} {each['nodes'][0]['failureSummary']}"
            for each in told["violations"]
            if each["impact"] in ("serious", "critical")
        ]
    assert found == []
