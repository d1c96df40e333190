"""Pictures of every page of the studio, at two widths, in both themes and languages.

They show small runs that it trains itself, kept in OUT/runs for the next time.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from urllib.parse import urlencode

import torch
from playwright.sync_api import Browser, Page, sync_playwright

from pellucid.data.shapes import scene
from pellucid.studio.app import House
from pellucid.studio.networks import Networks
from pellucid.studio.pictures import Picture, Pictures
from pellucid.studio.serving import open_studio
from pellucid.studio.sets import picture_file

RUNS = {
    "shapes": ["shapes-resnet", "--epochs", "2"],
    "digits": ["digits-lenet5", "--epochs", "4", "--recorder.probes", "4"],
    "digits-mlp": ["digits-mlp", "--epochs", "4", "--recorder.probes", "4"],
    "digits-vae": ["mnist-vae", "--data.name", "digits", "--epochs", "20"],
    "gaussians-gan": ["gaussians-gan", "--epochs", "8"],
}
WIDTHS, THEMES, LANGUAGES = (1280, 400), ("light", "dark"), ("en", "ko")
COUNTED = """window.asked = new Set();
const [wanted, source] = [window.fetch, Object.getOwnPropertyDescriptor(Image.prototype, 'src')];
window.fetch = (...words) => {
  const answer = wanted(...words);
  window.asked.add(answer);
  return answer.finally(() => window.asked.delete(answer));
};
Object.defineProperty(Image.prototype, 'src', {...source, set(address) {
  if (!this.isConnected) {
    window.asked.add(this);
    for (const ended of ['load', 'error']) this.addEventListener(ended, () => window.asked.delete(this));
  }
  source.set.call(this, address);
}});"""
EAGER = "() => { for (const each of document.querySelectorAll('img[loading=lazy]')) each.loading = 'eager'; }"
QUIET = """() => window.asked.size === 0 && [...document.images].every((each) => each.complete)
    && !/loading …|불러오는 중/.test(document.body.innerText)
    && ![...document.querySelectorAll('main [role=status]')].some((each) => /…|%/.test(each.innerText))"""


def places(picture: str, other: str) -> dict[str, dict[str, str | list[str]]]:
    """What is shown, by the file's name: the studio's own addresses."""
    network: dict[str, str | list[str]] = {"network": "run:shapes", "picture": picture}
    return {
        "network": network,
        "network-opened": {**network, "opened": "*"},
        "network-table": {**network, "view": "table"},
        "layer": {**network, "address": "layer1.0.conv1"},
        "channel": {**network, "address": "layer1.0.conv1[3]"},
        "unit": {**network, "address": "layer1.0.conv1[3, 8, 8]"},
        "whatif": {**network, "page": "whatif"},
        "explain": {**network, "page": "explain", "check": "1"},
        "training": {"page": "training", "runs": ["digits", "digits-mlp"]},
        "replay": {"page": "training", "runs": ["shapes"]},
        "data": {"page": "data"},
        "results": {"page": "results", "run": "digits"},
        "basics": {"page": "basics"},
        "generation-replay": {"page": "training", "runs": ["gaussians-gan"]},
        "latent": {"page": "generation", "space": "digits-vae", "sample": "5"},
        "latent-grid": {"page": "generation", "space": "digits-vae", "tiles": "1", "here": "0.5,0.5"},
        "gan": {"page": "generation", "lab": "gan", "kind": "wgan-gp", "moves": "b300", "iteration": "4"},
        "style": {**network, "page": "generation", "lab": "style", "painting": other},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Pictures of every page of the studio.")
    parser.add_argument("out", type=Path, nargs="?", default=Path("build/screenshots"))
    parser.add_argument("--only", default="", help="places whose name contains this")
    parser.add_argument("--widths", type=int, nargs="*", default=WIDTHS)
    parser.add_argument("--themes", nargs="*", default=THEMES)
    parser.add_argument("--languages", nargs="*", default=LANGUAGES)
    asked = parser.parse_args()
    runs = asked.out / "runs"
    train(runs)
    house = House(Networks(runs, ("run:shapes",)), Pictures())
    given = [shapes_picture(house, index).id for index in (3, 5)]
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with open_studio(house) as studio, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for width, theme, language in product(asked.widths, asked.themes, asked.languages):
            tab = opened(browser, studio.link, width)
            for name, place in places(*given).items():
                if asked.only in name:
                    path = asked.out / f"{name}-{width}-{theme}-{language}.png"
                    shoot(tab, {**place, "theme": theme, "language": language}, path)
            tab.context.close()
        browser.close()


def train(runs: Path) -> None:
    for name, words in RUNS.items():
        if not (runs / name / "report.html").exists():
            shutil.rmtree(runs / name, ignore_errors=True)
            out = str(runs / name)
            subprocess.run([sys.executable, "-m", "pellucid", "train", *words, "--out", out], check=True)


def shapes_picture(house: House, index: int) -> Picture:
    return house.pictures.add(picture_file(torch.from_numpy(scene(11, index).image)), f"shape {index}.png")


def opened(browser: Browser, link: str, width: int) -> Page:
    """A tab that counts in `window.asked` what it waits for from the server."""
    tab = browser.new_context(viewport={"width": width, "height": 860}).new_page()
    tab.set_default_timeout(240_000)  # on a busy machine
    tab.add_init_script(COUNTED)
    tab.goto(link)
    return tab


def shoot(tab: Page, place: dict[str, str | list[str]], path: Path) -> None:
    tab.goto(f"{tab.url.partition('?')[0]}?{urlencode(place, doseq=True)}")
    tab.wait_for_load_state("load")
    tab.wait_for_timeout(900)
    tab.evaluate(EAGER)
    tab.wait_for_function(QUIET)
    tab.wait_for_timeout(2000)  # pictures come, and motion ends
    path.parent.mkdir(parents=True, exist_ok=True)
    tab.screenshot(path=path, full_page=True)
    print(path)


if __name__ == "__main__":
    main()
