"""Every colour a picture uses: names with a light and a dark form, and the scales that turn numbers into
colours.

Marks and renderers speak of colours by name only; what a name looks like is decided here. The eight series
colours differ in lightness as well as in hue, so that they stay apart with the common colour-vision
deficiencies; the test simulates these. Scales are interpolated in OKLab (B. Ottosson, "A perceptual color
space for image processing", 2020), in which equal steps look equal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.types.errors import unknown_name

# name: (on a light page, on a dark page)
COLOURS: dict[str, tuple[str, str]] = {
    "page": ("#fbfbf9", "#121417"),
    "surface": ("#ffffff", "#1a1d21"),
    "ink": ("#1c2126", "#e8eaed"),
    "muted": ("#5f6872", "#a2abb5"),
    "faint": ("#b9c0c7", "#565e68"),
    "grid": ("#e7e9ec", "#2b3036"),
    "blue": ("#3258d7", "#5b95fb"),
    "orange": ("#ec5400", "#f0a04b"),
    "green": ("#087a4c", "#4be28c"),
    "pink": ("#b52e87", "#ff7caa"),
    "cyan": ("#2293d0", "#a2ddeb"),
    "purple": ("#5e2c97", "#aa9fe0"),
    "gold": ("#928b13", "#f8d537"),
    "brown": ("#764e0a", "#c68363"),
    "night": ("#111418", "#111418"),
    "paper": ("#ffffff", "#ffffff"),
    "good": ("#087a4c", "#4be28c"),
    "bad": ("#c0392b", "#ff7b6b"),
}
SERIES = ("blue", "orange", "green", "pink", "cyan", "purple", "gold", "brown")

MISSING = 255  # the palette index of values that are not finite, and of empty tiles: transparent
STEPS = 255  # a scale's colours have the palette indices 0 … 254, so that 127 is exactly the middle

_UNSIGNED = ("#0a0b24", "#33206b", "#7b2382", "#bf3a76", "#ec6a56", "#f9a94f", "#fbe08a", "#fdfae6")
_SIGNED = ("#0a2a63", "#2766b1", "#7db1dc", "#f7f6f3", "#f0a172", "#c04f21", "#641b05")


def series(index: int) -> str:
    """The name of the colour of the `index`-th series; after eight they come again."""
    return SERIES[index % len(SERIES)]


def check_colour(name: str) -> None:
    if name not in COLOURS:
        raise unknown_name("colour", name, COLOURS)


def light(name: str) -> str:
    """The colour on paper and on a light page, as #rrggbb."""
    check_colour(name)
    return COLOURS[name][0]


@cache
def ink_on(name: str, shade: float) -> str:
    """The name of the colour in which words are most readable, in both themes, on `name` at opacity `shade`
    [0, 1].
    """
    return max(("ink", "surface", "night", "paper"), key=lambda ink: readability(ink, name, shade))


def readability(ink: str, name: str, shade: float) -> float:
    """WCAG 2's contrast ratio (1 … 21) of `ink` on `name` at that opacity over the page, in the theme where
    it is lower.
    """
    ratios = []
    for theme in (0, 1):
        over, under = (np.array(rgb(COLOURS[each][theme])) / 255 for each in (name, "page"))
        ground = _luminance(shade * over + (1 - shade) * under)
        words = _luminance(np.array(rgb(COLOURS[ink][theme])) / 255)
        ratios.append((max(ground, words) + 0.05) / (min(ground, words) + 0.05))
    return min(ratios)


def _luminance(srgb: NDArray[np.float64]) -> float:
    return float(_linear(srgb) @ np.array([0.2126, 0.7152, 0.0722]))


@dataclass(frozen=True)
class ColourScale:
    """Numbers to colours, linear from `low` to `high`; values outside get the end's colour.

    "signed" is blue below zero, near-white at zero, orange above it, and symmetric: `low` = −`high`.
    "unsigned" goes from dark to light. `label` says what the numbers are, with their unit.
    """

    kind: Literal["signed", "unsigned"]
    low: float
    high: float
    label: str = ""

    def __post_init__(self) -> None:
        if self.kind not in ("signed", "unsigned"):
            raise unknown_name("colour scale", str(self.kind), ("signed", "unsigned"))
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low <= self.high):
            raise ValueError(f"a colour scale needs finite low ≤ high; got {self.low} … {self.high}")
        if self.kind == "signed" and self.low != -self.high:
            raise ValueError(f"a signed scale is symmetric around zero; got {self.low} … {self.high}")

    def indices(self, values: ArrayLike) -> NDArray[np.uint8]:
        """Palette indices of the same shape. A scale without extent (all values equal) gives its zero or its
        lowest colour.
        """
        values = np.asarray(values)
        if values.dtype != np.float32:  # which is enough for 250 colours, in half the time
            values = values.astype(np.float64)
        span = self.high - self.low
        if span * float(np.finfo(values.dtype).max) > STEPS:
            position = (values - values.dtype.type(self.low)) * values.dtype.type((STEPS - 1) / span)
        elif span:  # so small that the factor would be infinite
            position = (values.astype(np.float64) - self.low) / span * (STEPS - 1)
        else:
            position = np.full_like(values, (STEPS - 1) / 2 if self.kind == "signed" else 0.0)
        finite = np.isfinite(values)
        position[~finite] = 0.0
        index: NDArray[np.uint8] = np.rint(position.clip(0, STEPS - 1)).astype(np.uint8)
        index[~finite] = MISSING
        return index

    def rgba(self, values: ArrayLike, *, fade: bool = False) -> NDArray[np.uint8]:
        """(…, 4) uint8; values that are not finite are transparent, the others as `opacities` says."""
        colours = np.zeros((256, 4), np.uint8)
        colours[:STEPS, :3], colours[:, 3] = palette(self.kind), self.opacities(fade)
        return colours[self.indices(values)]

    def opacities(self, fade: bool = False) -> NDArray[np.uint8]:
        """(256,) the opacity of each palette index, 255 for opaque. With `fade` it grows with the distance
        from the scale's zero, or lower end, where nothing is to be seen.
        """
        found = np.zeros(256, np.uint8)
        ends = (-1, 1) if self.kind == "signed" else (0, 1)
        strength = np.abs(np.linspace(*ends, STEPS)) ** 0.8 if fade else np.ones(STEPS)
        found[:STEPS] = np.rint(255 * strength)
        return found

    def css(self, stops: int = 9) -> str:
        """The scale from left to right as a CSS gradient."""
        chosen = palette(self.kind)[np.linspace(0, STEPS - 1, stops).round().astype(int)]
        return "linear-gradient(90deg," + ",".join(hex_colour(colour) for colour in chosen) + ")"


def signed(values: ArrayLike, label: str = "") -> ColourScale:
    """The symmetric scale that just holds `values`; not-finite ones do not count."""
    low, high = _extent(values)
    bound = max(abs(low), abs(high))
    return ColourScale("signed", -bound, bound, label)


def unsigned(values: ArrayLike, label: str = "", *, low: float | None = None) -> ColourScale:
    """The scale from `low`, or the least value, to the greatest."""
    least, most = _extent(values)
    least = least if low is None else low
    return ColourScale("unsigned", least, max(least, most), label)


def fitting(values: ArrayLike, label: str = "") -> ColourScale:
    """Signed if any value is negative; otherwise unsigned from zero."""
    return signed(values, label) if _extent(values)[0] < 0 else unsigned(values, label, low=0.0)


def joined(scales: list[ColourScale]) -> ColourScale:
    """One scale that holds all of these, so that pictures made at different times can be compared."""
    low, high = min(scale.low for scale in scales), max(scale.high for scale in scales)
    if any(scale.kind == "signed" for scale in scales):
        bound = max(abs(low), abs(high))
        return ColourScale("signed", -bound, bound, scales[0].label)
    return replace(scales[0], low=low, high=high)


def _extent(values: ArrayLike) -> tuple[float, float]:
    """The least and the greatest of the finite values; zeros where there are none."""
    values = np.asarray(values)
    least, most = (float(values.min()), float(values.max())) if values.size else (np.nan, np.nan)
    if np.isfinite(least) and np.isfinite(most):
        return least, most
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


@cache
def palette(kind: str) -> NDArray[np.uint8]:
    """(255, 3) uint8: a scale's colours. Unsigned: lightness grows evenly; signed: it falls evenly from the
    middle to both ends.
    """
    stops = _oklab(np.array([rgb(colour) for colour in (_SIGNED if kind == "signed" else _UNSIGNED)]) / 255)
    middle = len(stops) // 2
    if kind == "unsigned":
        at = _evenly(stops[:, 0])
    else:
        at = np.concatenate([_evenly(stops[: middle + 1, 0]) / 2, 0.5 + _evenly(stops[middle:, 0])[1:] / 2])
    grid = np.linspace(0, 1, STEPS)
    lab = np.stack([np.interp(grid, at, stops[:, axis]) for axis in range(3)], axis=-1)
    return np.rint(_srgb(lab) * 255).astype(np.uint8)


@cache
def class_colours(count: int) -> NDArray[np.uint8]:
    """(count, 3) uint8: colours for label maps of so many classes, the first of them a quiet grey.

    Each next colour is the one of a grid that is farthest in OKLab from all before it, so that the colours of
    few classes are the first of those of many.
    """
    steps = np.linspace(30, 255, 10).round()
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    lab = _oklab(grid / 255)
    grid, lab = grid[lab[:, 0] > 0.4], lab[lab[:, 0] > 0.4]  # dark ones are lost on photographs
    chosen = [int(np.abs(lab - np.array([0.62, 0.0, 0.0])).sum(1).argmin())]
    nearest = np.full(len(lab), np.inf)
    for _ in range(1, count):
        nearest = np.minimum(nearest, np.square(lab - lab[chosen[-1]]).sum(1))
        chosen.append(int(nearest.argmax()))
    return grid[chosen].astype(np.uint8)


def _evenly(lightness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where on [0, 1] the stops have to stand for the lightness to change evenly."""
    share: NDArray[np.float64] = (lightness - lightness[0]) / (lightness[-1] - lightness[0])
    return share


def rgb(colour: str) -> tuple[int, int, int]:
    """#rrggbb to three numbers in 0 … 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def hex_colour(colour: ArrayLike) -> str:
    red, green, blue = np.asarray(colour, int)
    return f"#{red:02x}{green:02x}{blue:02x}"


_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def _oklab(srgb: NDArray[np.float64]) -> NDArray[np.float64]:
    lab: NDArray[np.float64] = np.cbrt(_linear(srgb) @ _TO_LMS.T) @ _TO_LAB.T
    return lab


def _linear(srgb: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def _srgb(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = np.clip((lab @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_LMS).T, 0, 1)
    srgb: NDArray[np.float64] = np.where(
        linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055
    )
    return srgb
