"""How long a person waits in the studio, measured in a browser, with ResNet-50 at 224² opened and run.

Aims: layer click to picture below 100 ms at the 95th percentile, a unit's arithmetic below 50 ms, first paint
below a second, a graph of 5,000 operations below a second; ResNet-152 and DenseNet-201, opened fully, pan at
60 frames a second, and so does a map of 100,000 points. They are meant for two idle cores.
"""

from __future__ import annotations

import io
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from torch import nn

from bench.measure import Options, Turns, Work, timed
from pellucid.inspection.graph import graph_of
from pellucid.inspection.trace import Trace, trace
from pellucid.studio.app import House
from pellucid.studio.graphs import graph_info
from pellucid.studio.networks import Networks
from pellucid.studio.pictures import Pictures
from pellucid.studio.serving import open_studio

NETWORK = "torchvision/resnet50"
LAYERS = tuple(
    f"layer{stage}.{block}.conv{conv}" for stage in (1, 2, 3, 4) for block in (0, 1, 2) for conv in (1, 2, 3)
)
FRAMES = """async () => {
  const canvas = document.querySelector('.surface canvas'), box = canvas.getBoundingClientRect(), times = [];
  const [left, top] = [box.left + 300, box.top + 300];
  const mouse = (kind, x, y) => new MouseEvent(kind, {clientX: x, clientY: y, bubbles: true, view: window});
  let before = performance.now();
  const script = [], schedule = window.requestAnimationFrame;
  window.requestAnimationFrame = (work) => schedule((now) => {  // what the page itself does in a frame
    const began = performance.now();
    work(now);
    script.push(performance.now() - began);
  });
  const frame = async () => {
    await new Promise(schedule);
    const now = performance.now();
    times.push(now - before);
    before = now;
  };
  canvas.dispatchEvent(mouse('mousedown', left, top));
  for (let at = 0; at < 90; at++) {
    window.dispatchEvent(mouse('mousemove', left + 3 * at, top + 60 * Math.sin(at / 5)));
    await frame();
  }
  window.dispatchEvent(mouse('mouseup', left, top));
  for (let at = 0; at < 90; at++) {
    const turn = {deltaY: at < 45 ? -40 : 40, clientX: left, clientY: top, bubbles: true, cancelable: true};
    canvas.dispatchEvent(new WheelEvent('wheel', turn));
    await frame();
  }
  window.requestAnimationFrame = schedule;
  return {frame: times.slice(5), script};
}"""
SEARCH = """const search = (words) => {
  const input = document.querySelector('#search-layer');
  input.value = words;
  input.dispatchEvent(new Event('input', {bubbles: true}));
  input.form.requestSubmit();
};
const until = async (found) => {
  while (!found()) await new Promise(requestAnimationFrame);
};"""
# From the choice of a layer until its channels are drawn, in milliseconds; before it, a person's pause.
LAYER = f"""async ([layer]) => {{ {SEARCH}
  await new Promise((done) => setTimeout(done, 300));
  const began = performance.now();
  search(layer);
  await until(() => document.querySelector('.lens canvas')?.dataset.drawn === layer);
  return performance.now() - began;
}}"""
# From a move of the pointer over a channel's map until the arithmetic of the unit there is in the page.
UNIT = f"""async ([layer, channel, across]) => {{ {SEARCH}
  const name = `${{layer}}[${{channel}}]`;
  const shown = () => document.querySelector('section.unit')?.ariaLabel ?? '';
  search(name);
  const map = () => document.querySelector(`.lens canvas[aria-label^='${{name}}:']`);
  await until(() => map()?.width > 0 && document.querySelector('section.channel h2')?.innerText === name);
  await new Promise((done) => setTimeout(done, 300));
  const canvas = map(), box = canvas.getBoundingClientRect(), before = shown();
  const [x, y] = [box.left + across * box.width, box.top + 0.5 * box.height];
  const began = performance.now();
  canvas.dispatchEvent(new MouseEvent('mousemove', {{clientX: x, clientY: y, bubbles: true, view: window}}));
  await until(() => shown() !== before);
  return performance.now() - began;
}}"""


def works(options: Options) -> Iterator[Work]:
    rounds = 1 if options.quick else 3
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    network = _many_operations()
    yield Work(
        "A graph of 5,000 operations, laid out and written",
        "graphs",
        1,
        {
            "of a network that is open": timed(partial(_graph, _traced(network))),
            "of one that is run first": timed(lambda: _graph(_traced(network))),
        },
        rounds,
    )
    if chromium is None:
        return
    with _studio(chromium) as tab:
        found = {
            "layer": partial(_layer, tab),
            "unit": partial(_unit, tab),
            "first paint": partial(_paint, tab),
        }
        samples: dict[str, list[float]] = {name: [] for name in found}
        turns = {name: timed(partial(_keep, each, samples[name])) for name, each in found.items()}
        yield Work(
            f"{NETWORK} in the browser: click to picture",
            "clicks",
            1,
            turns,
            10 if options.quick else 60,
            findings=partial(_percentiles, samples),
        )
        frames: dict[str, list[float]] = {}
        names = ("torchvision/resnet152", "torchvision/densenet201")
        yield Work(
            "A graph that is opened fully: frames of a pan and a zoom of 1.5 s each",
            "pans",
            1,
            {name: timed(partial(_pan, tab, name, frames)) for name in names},
            rounds,
            findings=partial(_frame_findings, frames),
        )


def _many_operations() -> nn.Module:
    return nn.Sequential(*(nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()) for _ in range(2500)))


def _traced(model: nn.Module) -> Trace:
    return trace(model, [torch.empty(1, 4, 8, 8, device="meta")])


def _graph(found: Trace) -> None:
    graph_info(graph_of(found, depth=99), found).model_dump_json()


@contextmanager
def _studio(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "noise.png"
        stream = io.BytesIO()
        PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (224, 224, 3), np.uint8)).save(
            stream, "PNG"
        )
        picture.write_bytes(stream.getvalue())
        house = House(Networks(Path(folder) / "runs", (NETWORK,)), Pictures([picture]))
        with open_studio(house) as studio, sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            tab = browser.new_page(viewport={"width": 1280, "height": 860})
            tab.goto(studio.link)
            tab.locator("aside li").first.wait_for(timeout=120_000)  # the network has run
            yield tab
            browser.close()


def _layer(tab: Any) -> float:
    return float(tab.evaluate(LAYER, [LAYERS[next(_TURNS) % len(LAYERS)]]))


def _unit(tab: Any) -> float:
    turn = next(_TURNS)
    return float(tab.evaluate(UNIT, [LAYERS[turn % len(LAYERS)], turn % 60, (turn % 7 + 0.5) / 7]))


def _paint(tab: Any) -> float:
    """Milliseconds from opening the studio in a fresh window until its first words are there."""
    context = tab.context.browser.new_context(viewport={"width": 1280, "height": 860})
    context.add_cookies(tab.context.cookies())
    fresh = context.new_page()
    fresh.goto(tab.url.partition("?")[0])
    fresh.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length > 0")
    told = float(fresh.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    context.close()
    return told


_TURNS = iter(range(10**9))


def _keep(measure: Any, samples: list[float]) -> None:
    samples.append(measure())


def _percentiles(samples: Mapping[str, Sequence[float]], _: Turns) -> dict[str, float]:
    told = {}
    for name, times in samples.items():
        ordered = sorted(times[len(times) // 10 :])
        told[f"{name}, median ms"] = statistics.median(ordered)
        told[f"{name}, 95th percentile ms"] = ordered[int(0.95 * (len(ordered) - 1))]
    return told


def _pan(tab: Any, network: str, frames: dict[str, list[float]]) -> None:
    origin = tab.url.partition("?")[0]
    tab.goto(f"{origin}?network={network}&opened=*")
    tab.locator(".surface canvas").wait_for(timeout=120_000)
    tab.wait_for_timeout(3000)
    for what, times in tab.evaluate(FRAMES).items():
        frames.setdefault(f"{network}, {what}", []).extend(times)


def _frame_findings(frames: Mapping[str, Sequence[float]], _: Turns) -> dict[str, float]:
    told = {}
    for name, times in frames.items():
        ordered = sorted(times)
        told[f"{name}, median ms"] = statistics.median(ordered)
        told[f"{name}, 95th percentile ms"] = ordered[int(0.95 * (len(ordered) - 1))]
    return told
