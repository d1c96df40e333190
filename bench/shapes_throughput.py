"""Rendering samples of the generated world, with every map. Aim: 2,000 a second and core at 64²."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import torch

from bench.measure import Options, Work, timed
from pellucid.data.shapes_render import render
from pellucid.data.shapes_scene import layouts

SIZES = (64, 32, 128, 256, 512)
SAMPLES = 60  # a turn


def works(options: Options) -> Iterator[Work]:
    turns = {f"{size}²": timed(rendering(size)) for size in SIZES}
    yield Work("the world of shapes, rendered", "samples", SAMPLES, turns, options.rounds)


def rendering(size: int) -> Callable[[], None]:
    """Other samples each time."""
    starts = count(step=SAMPLES)

    def turn() -> None:
        start = next(starts)
        for layout in layouts(0, torch.arange(start, start + SAMPLES)):
            scene = render(layout, size)
            _ = scene.semantic, scene.panoptic

    return turn
