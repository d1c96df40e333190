"""What excites something in a network: pictures made for it, and pictures of a data set that do it most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.views.axes import number
from pellucid.views.colours import ColourScale
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Boxes, Image, Mark, Tiles
from pellucid.views.pictures import rgb_pixels

Pixels = NDArray[np.uint8]
_SIDE = 64  # pixels of a crop on a sheet of many


@dataclass(frozen=True)
class Example:
    """A picture of a data set, uint8 (c, h, w), how strongly it excites, and where: `window` is (top, left,
    bottom, right).
    """

    picture: Pixels
    value: float
    name: str
    window: tuple[int, int, int, int]

    @property
    def crop(self) -> Pixels:
        top, left, bottom, right = self.window
        return self.picture[:, max(top, 0) : bottom, max(left, 0) : right]

    @property
    def partial(self) -> bool:
        """Whether the window is less than the picture."""
        return self.crop.shape != self.picture.shape


def excited(pictures: Pixels, scores: Sequence[float], target: str, caption: str = "") -> Figure:
    """Pictures (n, c, h, w) uint8 that were made to excite `target`, each with its score.

    With one or three channels they are drawn as they are; with any other number every channel is a grey tile
    of its own.
    """
    panels = []
    for index, (picture, score) in enumerate(zip(pictures, scores, strict=True)):
        words = f"made, {number(score)}"
        panels.append(_shown(picture, words, title="What it wants to see" if not index else ""))
    return Figure(tuple(panels), target, columns=min(4, len(panels)), caption=caption)


def excited_and_found(
    pictures: Pixels, scores: Sequence[float], examples: Sequence[Example], target: str, caption: str = ""
) -> Figure:
    """`excited`, and below it the pictures of a data set that excite the target most: what the strongest unit
    sees of each, and where that is in the picture.
    """
    made = excited(pictures, scores, target)
    crops = [
        _shown(each.crop, f"{number(each.value)}\n{each.name}", "What excites it most" if not at else "")
        for at, each in enumerate(examples)
    ]
    wholes = []
    if any(each.partial for each in examples):
        for at, each in enumerate(examples):
            panel = _shown(each.picture, each.name, "Where that is" if not at else "")
            wholes.append(_framed(panel, each.window))
    return Figure((*made.panels, *crops, *wholes), target, columns=4, caption=caption)


def channel_sheet(found: Mapping[str, Sequence[Example]], title: str, caption: str = "") -> Figure:
    """For each address the crops that excite it most, in a row."""
    panels = []
    for address, examples in found.items():
        crops = np.stack([_sized(rgb_pixels(each.crop.copy()), _SIDE) for each in examples])
        names = tuple(f"{address}: {number(each.value)}, {each.name}" for each in examples)
        tiles = Tiles(crops, len(crops), None, names)
        values = f"{number(examples[0].value)} … {number(examples[-1].value)}"
        panels.append(Panel((tiles,), address, frame=(1.0, float(len(crops))), caption=values))
    return Figure(tuple(panels), title, columns=3, caption=caption)


def _shown(picture: Pixels, caption: str, title: str = "") -> Panel:
    if len(picture) in (1, 3):
        pixels = rgb_pixels(picture.copy())
        return Panel((Image(pixels),), title, frame=pixels.shape[:2], caption=caption)
    columns = int(np.ceil(np.sqrt(len(picture))))
    tiles = Tiles(
        picture.astype(np.float32) / 255,
        columns,
        ColourScale("unsigned", 0.0, 1.0, "value"),
        tuple(f"channel {index}" for index in range(len(picture))),
    )
    aspect = columns * picture.shape[2] / (tiles.rows * picture.shape[1])
    return Panel((tiles,), title, (float(tiles.rows), float(columns)), aspect=aspect, caption=caption)


def _framed(panel: Panel, window: tuple[int, int, int, int]) -> Panel:
    top, left, bottom, right = window
    box = Boxes(np.array([[left, top, right, bottom]], np.float64), colours=("orange",))
    marks: tuple[Mark, ...] = (*panel.marks, box)
    return Panel(marks, panel.title, panel.frame, aspect=panel.aspect, caption=panel.caption)


def _sized(pixels: NDArray[Any], side: int) -> Pixels:
    """(h, w, 3) to (side, side, 3): its middle square, by the nearest pixel."""
    height, width = pixels.shape[:2]
    least = min(height, width)
    rows, columns = (
        (length - least) // 2 + ((np.arange(side) + 0.5) * least / side).astype(int)
        for length in (height, width)
    )
    small: Pixels = pixels[rows[:, None], columns[None, :]]
    return small
