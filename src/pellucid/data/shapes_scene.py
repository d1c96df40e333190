"""What a scene of the generated world shows: where its shapes stand, how they move, what they look like.

Lengths are in units of the picture's side (0 … 1, x to the right, y down), and everything is a pure
function of (seed, index): a scene is the same at every size, on every machine, whatever was drawn before
it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.shapes_colours import colour
from pellucid.data.shapes_geometry import SHAPES
from pellucid.data.shapes_patterns import PATTERNS
from pellucid.ops.random import keys, uniform

MAX_SMALL = 4  # small shapes beside the main one
CANDIDATES = 3  # places tried for a small shape; the freest is taken
MAIN_RADIUS = (0.19, 0.32)
SMALL_RADIUS = (0.35, 0.55)  # of the main shape's radius
MAX_TURN = math.radians(40)  # at frame 0, to either side
MAX_SPEED = 0.02  # a frame
MAX_SPIN = math.radians(5)  # a frame

# How many periods of a pattern cross a picture, or fit in a shape's radius.
_PERIODS = {"gradient": 1.6, "stripes": 6.0, "checks": 5.0, "dots": 7.0, "waves": 3.0, "clouds": 2.4}
_TEXTURE_PERIODS = {"gradient": 1.0, "stripes": 2.2, "checks": 1.6, "dots": 2.2, "waves": 1.4, "clouds": 1.2}
# Hues beside the background's, in degrees: complementary, triad, split complementary, warm and cool.
_SCHEMES = ((180, 150, 210), (120, 240, 180), (150, 210, 40), (60, 180, 300))

# Uniform numbers a scene is made of: for the scene itself, for each shape, and of these for its texture.
_SCENE_DRAWS, _PLACE_DRAWS, _TEXTURE_DRAWS = 12, 2 * CANDIDATES, 10
_SHAPE_DRAWS = 6 + _PLACE_DRAWS + _TEXTURE_DRAWS
_DRAWS = _SCENE_DRAWS + (1 + MAX_SMALL) * _SHAPE_DRAWS


class Pattern(NamedTuple):
    """`periods` of a pattern to the unit, turned by `angle`, moved by x, y periods, in two colours."""

    kind: str
    periods: float
    angle: float
    x: float
    y: float
    dark: NDArray[np.float32]
    light: NDArray[np.float32]


class Shape(NamedTuple):
    """`label` is a position in `SHAPES`; `angle` is in radians, anticlockwise; motion is per frame."""

    label: int
    radius: float
    x: float
    y: float
    angle: float
    speed_x: float
    speed_y: float
    spin: float
    texture: Pattern

    def at(self, frame: int) -> Shape:
        """The shape some frames later: it drifts and turns, and the picture's edges throw it back."""
        return self._replace(
            x=_reflected(self.x + self.speed_x * frame, self.radius),
            y=_reflected(self.y + self.speed_y * frame, self.radius),
            angle=self.angle + self.spin * frame,
        )


class Layout(NamedTuple):
    """`shapes[0]` is the main shape, by far the largest; `order` has their numbers from back to front."""

    background: Pattern
    shapes: tuple[Shape, ...]
    order: tuple[int, ...]

    def at(self, frame: int) -> Layout:
        return self._replace(shapes=tuple(shape.at(frame) for shape in self.shapes))


class _Mood(NamedTuple):
    """What a scene's colours share: the background's hue, night or day, the shapes' hues beside it."""

    hue: int
    night: bool
    scheme: tuple[int, int, int]


def layouts(seed: int, indices: Tensor) -> Iterator[Layout]:
    """The scenes at `indices` (b,) int64."""
    return map(_layout, uniform(keys(seed, indices), _DRAWS).tolist())


def _layout(draws: Sequence[float]) -> Layout:
    count, depth, hue, light, scheme = draws[:5]
    mood = _Mood(hue=10 * int(36 * hue), night=light < 0.5, scheme=_pick(_SCHEMES, scheme))
    small = int(count * (MAX_SMALL + 1))
    shapes: list[Shape] = []
    for start in range(_SCENE_DRAWS, _SCENE_DRAWS + (1 + small) * _SHAPE_DRAWS, _SHAPE_DRAWS):
        shapes.append(_shape(draws[start : start + _SHAPE_DRAWS], mood, shapes))
    order = list(range(1, 1 + small))
    order.insert(int(depth * (1 + small)), 0)
    return Layout(_background(draws[5:_SCENE_DRAWS], mood), tuple(shapes), tuple(order))


def _background(draws: Sequence[float], mood: _Mood) -> Pattern:
    """Two pale or two dark tones of neighbouring hues."""
    kind, periods, angle, x, y, light, tint = draws
    name = _pick(tuple(PATTERNS), kind)
    lightness = (22 if mood.night else 75) + 3 * int(light * 6)
    hue = mood.hue + 10 * int(tint * 7 - 3)
    return Pattern(
        name,
        _PERIODS[name] * (0.7 + 0.9 * periods),
        math.pi * angle,
        x,
        y,
        colour(lightness, 5, mood.hue),
        colour(lightness + 8, 5, hue % 360),
    )


def _shape(draws: Sequence[float], mood: _Mood, placed: Sequence[Shape]) -> Shape:
    label, size, turn, heading, speed, spin = draws[:6]
    (least, most), unit = (SMALL_RADIUS, placed[0].radius) if placed else (MAIN_RADIUS, 1)
    radius = unit * (least + (most - least) * size)
    x, y = _place(draws[6 : 6 + _PLACE_DRAWS], radius, placed)
    return Shape(
        label=int(label * len(SHAPES)),
        radius=radius,
        x=x,
        y=y,
        angle=(2 * turn - 1) * MAX_TURN,
        speed_x=speed * MAX_SPEED * math.cos(2 * math.pi * heading),
        speed_y=speed * MAX_SPEED * math.sin(2 * math.pi * heading),
        spin=(2 * spin - 1) * MAX_SPIN,
        texture=_texture(draws[-_TEXTURE_DRAWS:], mood),
    )


def _place(draws: Sequence[float], radius: float, placed: Sequence[Shape]) -> tuple[float, float]:
    """Of a few random places the one farthest from what is there (Mitchell's best candidate)."""
    span = 1 - 2 * radius
    places = [(radius + draws[i] * span, radius + draws[i + 1] * span) for i in range(0, len(draws), 2)]
    if not placed:
        return places[0]
    return max(places, key=lambda at: min(math.hypot(at[0] - s.x, at[1] - s.y) - s.radius for s in placed))


def _texture(draws: Sequence[float], mood: _Mood) -> Pattern:
    """Vivid tones that stand out from the background by hue and by lightness."""
    kind, periods, angle, x, y, which, light, vivid, contrast, tint = draws
    name = _pick(tuple(PATTERNS), kind)
    lightness = (61 if mood.night else 42) + 3 * int(light * 7)
    chroma = 10 + 3 * int(vivid * 3)
    hue = mood.hue + _pick(mood.scheme, which)
    return Pattern(
        name,
        _TEXTURE_PERIODS[name] * (0.8 + 0.6 * periods),
        math.pi * angle,
        x,
        y,
        colour(lightness, chroma, hue % 360),
        colour(lightness + 9 + 3 * int(contrast * 4), chroma, (hue + 10 * int(tint * 5 - 2)) % 360),
    )


T = TypeVar("T")


def _pick(choices: Sequence[T], draw: float) -> T:
    return choices[int(draw * len(choices))]


def _reflected(x: float, margin: float) -> float:
    """`x` folded into [margin, 1 − margin]."""
    if margin <= x <= 1 - margin:
        return x  # as it was, to the last bit
    span = 1 - 2 * margin
    x = (x - margin) % (2 * span)
    return margin + min(x, 2 * span - x)
