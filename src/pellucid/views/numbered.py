"""Numbers written into the cells of a map, readable on every colour."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pellucid.views.axes import number
from pellucid.views.colours import ColourScale
from pellucid.views.marks import Mark, Text

Floats = NDArray[np.float64]


def numbers_in(values: Floats, scale: ColourScale, *, left: float = 0.0, top: float = 0.0) -> list[Mark]:
    """A text for each cell of `values` (h, w), a cell being the unit square from (left, top) on, with as many
    decimals as the greatest number of the scale needs; a dot where there is no number.
    """
    narrow = values.shape[1] > 3
    places = decimals(np.array([scale.low, scale.high]), 2 if narrow or scale.kind == "signed" else 3)
    colours = scale.rgba(values)
    marks: list[Mark] = []
    for row, column in np.ndindex(*values.shape):
        there = bool(np.isfinite(values[row, column]))
        words = fixed(float(values[row, column]), places) if there else "·"
        ink = _ink(colours[row, column]) if there else "muted"
        at = left + column + 0.5, top + row + 0.5
        marks.append(Text(*at, words, "middle", ink, 9.0 if narrow else 10.5))
    return marks


def decimals(values: Floats, digits: int = 3) -> int:
    """How many decimals give the greatest of these numbers so many digits."""
    sizes = np.abs(values[np.isfinite(values)])
    largest = float(sizes.max()) if sizes.size else 0.0
    return 0 if largest == 0 else max(0, digits - 1 - math.floor(math.log10(largest)))


def fixed(value: float, places: int) -> str:
    """The number with so many decimals, a true minus, and no minus before nothing."""
    if not math.isfinite(value) or places > 6 or abs(value) >= 1e4:
        return number(value + 0.0, 2)
    return f"{round(value, places) + 0.0:.{places}f}".replace("-", "−")


def _ink(colour: NDArray[np.uint8]) -> str:
    """Dark words on light cells and light ones on dark cells, in both themes."""
    bright = float(colour[:3].astype(float) @ np.array([0.299, 0.587, 0.114]))
    return "night" if bright > 140 else "paper"
