"""A layout of the generated world becomes a picture and everything that is true of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pellucid.data.shapes_geometry import SHAPES
from pellucid.data.shapes_patterns import PATTERNS, ramp
from pellucid.data.shapes_scene import Layout, Pattern, Shape

Array = NDArray[np.floating]
Integer = TypeVar("Integer", bound=np.integer)

SHADOW_SHIFT = 0.13  # in radii, to the lower right: the light comes from the upper left
SHADOW_REACH = 0.14  # in radii, how far a shadow's edge is blurred to either side
SHADOW_DEPTH = 0.42
BEVEL = 0.16  # in radii, the width of the darker rim

_DISTANCES = tuple(SHAPES.values())
_BACKGROUNDS = {kind: number for number, kind in enumerate(PATTERNS)}


@dataclass(frozen=True)
class Scene:
    """One picture of the generated world with its ground truth for every task.

    Lengths are pixels, x to the right and y down, from the upper left corner of the picture: the centre of
    the first pixel is (0.5, 0.5). k is the number of shapes of which at least one pixel is seen; the main
    shape comes first.

    - `image` (3, h, w) uint8, RGB.
    - `label`: the picture's class, a position in `SHAPES`: the main shape's, which is by far the largest.
    - `background`: a position in `PATTERNS`.
    - `labels` (k,) int64: positions in `SHAPES`.
    - `masks` (k, h, w) bool: the pixels where each shape is seen, those whose centre lies in it and in no
      shape in front of it; disjoint.
    - `boxes` (k, 4) float32, x1 y1 x2 y2: the tight bounds of `masks`; the last pixel lies within.
    - `centres` (k, 2) float32, x y: the centres of the shapes' circumscribed circles, seen or hidden.
    - `angles` (k,) float32: radians, anticlockwise from upright.
    - `visibility` (k,) float32 in (0, 1]: the share of a shape's pixels that is seen.
    - `tracks` (k,) int64 ≥ 1: a shape keeps its number through a clip.
    """

    image: NDArray[np.uint8]
    label: int
    background: int
    labels: NDArray[np.int64]
    masks: NDArray[np.bool_]
    boxes: NDArray[np.float32]
    centres: NDArray[np.float32]
    angles: NDArray[np.float32]
    visibility: NDArray[np.float32]
    tracks: NDArray[np.int64]

    @property
    def semantic(self) -> NDArray[np.uint8]:
        """(h, w): 0 for background, otherwise 1 + label."""
        return self._drawn(np.zeros(self.masks.shape[1:], np.uint8), self.labels + 1)

    @property
    def panoptic(self) -> NDArray[np.int32]:
        """(h, w): category · 1000 + instance, as in Cityscapes.

        Shapes are things: category 1 + label, and the track number as instance. The background is stuff:
        category 1 + len(SHAPES) + `background`, instance 0.
        """
        stuff = np.full(self.masks.shape[1:], 1000 * (1 + len(SHAPES) + self.background), np.int32)
        return self._drawn(stuff, 1000 * (self.labels + 1) + self.tracks)

    def _drawn(self, ground: NDArray[Integer], values: NDArray[np.int64]) -> NDArray[Integer]:
        """`ground` (h, w) with a value (k,) laid into each mask."""
        for mask, value in zip(self.masks, values.tolist(), strict=True):
            np.copyto(ground, value, where=mask)
        return ground


def render(layout: Layout, size: int) -> Scene:
    """The layout in a square picture of `size` pixels."""
    canvas = _background(layout.background, size)
    front = np.full((size, size), -1, np.int8)  # the number of the shape that is seen
    area = np.zeros(len(layout.shapes), np.float32)
    for number in layout.order:
        area[number] = _paint(canvas, front, layout.shapes[number], number)
    masks = front == np.arange(len(area), dtype=np.int8)[:, None, None]
    columns, rows = masks.any(1), masks.any(2)
    seen = rows.any(1)
    if not seen.all():
        masks, columns, rows = masks[seen], columns[seen], rows[seen]
    numbers = seen.nonzero()[0]
    shapes = [layout.shapes[number] for number in numbers]
    canvas += 0.5  # to round; nothing is below zero, but lit colours may be too bright
    return Scene(
        image=np.minimum(canvas, 255, out=canvas).astype(np.uint8),
        label=layout.shapes[0].label,
        background=_BACKGROUNDS[layout.background.kind],
        labels=np.array([shape.label for shape in shapes]),
        masks=masks,
        boxes=_bounds(columns, rows),
        centres=np.array([(shape.x * size, shape.y * size) for shape in shapes], np.float32),
        angles=np.array([shape.angle for shape in shapes], np.float32),
        visibility=np.array([np.count_nonzero(mask) for mask in masks], np.float32) / area[seen],
        tracks=numbers + 1,
    )


def _bounds(columns: NDArray[np.bool_], rows: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(k, 4) from which columns (k, w) and rows (k, h) of each mask hold something."""
    bounds = np.empty((len(rows), 4), np.float32)
    bounds[:, 0], bounds[:, 1] = columns.argmax(1), rows.argmax(1)
    bounds[:, 2] = columns.shape[1] - columns[:, ::-1].argmax(1)
    bounds[:, 3] = rows.shape[1] - rows[:, ::-1].argmax(1)
    return bounds


def _coloured(pattern: Pattern, x: Array, y: Array, angle: float, unit: float) -> Array:
    """(3, h, w): the pattern at x (w,), y (h,) in axes turned by `angle`; `unit` pixels are 1 in x and y."""
    u, v = _turned(x, y, angle + pattern.angle, pattern.periods, pattern.x, pattern.y)
    blend = PATTERNS[pattern.kind](u, v, unit / pattern.periods)
    colours = blend * (pattern.light - pattern.dark)
    colours += pattern.dark
    return colours


def _turned(
    x: Array, y: Array, angle: float, scale: float = 1, across: float = 0, up: float = 0
) -> tuple[Array, Array]:
    """The grid of x (w,) and y (h,) in axes turned anticlockwise by `angle`, times `scale`, moved."""
    cosine, sine = math.cos(angle) * scale, math.sin(angle) * scale
    y = y[:, None]
    return x * cosine + (y * sine + across), x * -sine + (y * cosine + up)


def _background(pattern: Pattern, size: int) -> Array:
    side = (np.arange(size, dtype=np.float32) + 0.5) / size
    canvas = _coloured(pattern, side, side, 0, size)
    fall = side * -0.09 + 0.545
    canvas *= fall + fall[:, None]
    return canvas


def _paint(canvas: Array, front: NDArray[np.int8], shape: Shape, number: int) -> int:
    """Lay one shape and its shadow over what is there; how many pixels the whole shape has."""
    size = canvas.shape[-1]
    radius = shape.radius * size
    columns, across = _span(shape.x * size, radius, size)
    rows, up = _span(shape.y * size, radius, size)
    up *= -1
    distance = _DISTANCES[shape.label](*_turned(across, up, shape.angle))
    _shade(canvas, rows, columns, distance, round(radius * SHADOW_SHIFT))
    colours = _coloured(shape.texture, across, up, shape.angle, radius)
    colours *= _light(across, up, distance)
    below = canvas[:, rows, columns]
    colours -= below
    colours *= ramp(distance, -radius)
    below += colours
    inside = distance < 0
    np.copyto(front[rows, columns], number, where=inside)
    return int(np.count_nonzero(inside))


def _span(centre: float, radius: float, size: int) -> tuple[slice, Array]:
    """The pixels of one axis that a shape and its shadow's blur can touch, and where they are, in radii."""
    reach = radius * (1 + SHADOW_REACH)
    start, stop = max(0, int(centre - reach)), min(size, math.ceil(centre + reach))
    return slice(start, stop), (np.arange(start, stop, dtype=np.float32) + (0.5 - centre)) / radius


def _shade(canvas: Array, rows: slice, columns: slice, distance: Array, shift: int) -> None:
    under = canvas[:, rows.start + shift : rows.stop + shift, columns.start + shift : columns.stop + shift]
    within = distance[: under.shape[1], : under.shape[2]]
    under *= ramp(within, SHADOW_DEPTH / (2 * SHADOW_REACH), 1 - SHADOW_DEPTH / 2, 1 - SHADOW_DEPTH)


def _light(across: Array, up: Array, distance: Array) -> Array:
    """Brighter towards the upper left, darker along the rim."""
    light = ramp(distance, 1 / BEVEL, 1)
    light *= light
    light *= -0.2
    light += (across * -0.11 + 1.06) + (up * 0.11)[:, None]
    return light
