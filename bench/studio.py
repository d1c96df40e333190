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
from pellucid.inspection.trace import trace
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
  const mouse = (kind, x, y) => new MouseEvent(kind, {clientX: x, clientY: y, bubbles: true, view: window});
  const at = (kind, x, y) => canvas.dispatchEvent(mouse(kind, x, y));
  at('mousedown', box.left + 300, box.top + 300);
  let before = performance.now();
  for (let frame = 0; frame < 90; frame++) {
    const [x, y] = [box.left + 300 + 3 * frame, box.top + 300 + 5 * Math.sin(frame)];
    window.dispatchEvent(mouse('mousemove', x, y));
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    times.push(now - before);
    before = now;
  }
  window.dispatchEvent(new MouseEvent('mouseup', {bubbles: true, view: window}));
  return times.slice(5);
}"""


def works(options: Options) -> Iterator[Work]:
    rounds = 1 if options.quick else 3
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    network = _many_operations()
    yield Work(
        "A graph of 5,000 operations, laid out and written",
        "graphs",
        1,
        {"pellucid": timed(partial(_graph, network))},
        rounds,
    )
    if chromium is None:
        return
    with _studio(chromium) as tab:
        found = {name: partial(_measured, tab, name) for name in ("layer", "unit")}
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
            "Panning a graph that is opened fully: frames of a pan of 1.5 s",
            "pans",
            1,
            {name: timed(partial(_pan, tab, name, frames)) for name in names},
            rounds,
            findings=partial(_frame_findings, frames),
        )


def _many_operations() -> nn.Module:
    return nn.Sequential(*(nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()) for _ in range(2500)))


def _graph(model: nn.Module) -> None:
    found = trace(model, [torch.empty(1, 4, 8, 8, device="meta")])
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


def _measured(tab: Any, what: str) -> float:
    """Milliseconds from the choice to what it shows."""
    turn = next(_TURNS)
    layer = LAYERS[turn % len(LAYERS)]
    address = layer if what == "layer" else f"{layer}[{turn % 60}, {turn % 7}, {turn % 5}]"
    asked = ["layer/sheet?", "layer?"] if what == "layer" else ["unit?"]
    script = """async ([routes, query]) => {
      const began = performance.now();
      await Promise.all(routes.map(async (route) => {
        const answer = await fetch(`api/${route}${query}`);
        if (!answer.ok) throw new Error(await answer.text());
        if (route.includes('sheet')) await createImageBitmap(await answer.blob());
        else await answer.json();
      }));
      return performance.now() - began;
    }"""
    picture = tab.evaluate("fetch('api/session').then((r) => r.json()).then((s) => s.pictures[0].id)")
    query = f"network={NETWORK}&picture={picture}&address={address}"
    return float(tab.evaluate(script, [asked, query]))


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
    frames.setdefault(network, []).extend(tab.evaluate(FRAMES))


def _frame_findings(frames: Mapping[str, Sequence[float]], _: Turns) -> dict[str, float]:
    told = {}
    for name, times in frames.items():
        ordered = sorted(times)
        told[f"{name}, median frame ms"] = statistics.median(ordered)
        told[f"{name}, 95th percentile frame ms"] = ordered[int(0.95 * (len(ordered) - 1))]
    return told
