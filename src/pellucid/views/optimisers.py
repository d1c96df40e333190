"""Optimisers on a surface: their trails over its heights, and how high they still are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pellucid.views.axes import Axis
from pellucid.views.colours import series, unsigned
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Heat, Lines

Floats = NDArray[np.float64]
_LEAST = 1e-12  # below this nothing is told apart on the log axis


@dataclass(frozen=True)
class Trail:
    """`places` (n, 2) and the surface's `values` (n,) there."""

    name: str
    places: Floats = field(repr=False)
    values: Floats = field(repr=False)


def race_figure(
    surface: Floats, box: tuple[float, float, float, float], trails: Sequence[Trail], lowest: float
) -> Figure:
    """`surface` (s, s) over `box` (x0, x1, y0, y1), row 0 on top, with the trails on it; and their heights
    above the `lowest` over the steps.
    """
    x0, x1, y0, y1 = box
    rows, columns = surface.shape
    heights = np.log10(surface - surface.min() + 0.01 * np.ptp(surface))
    scale = unsigned(heights, "log height")
    inside = []
    for trail in trails:
        x, y = trail.places.T
        there = (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
        across = np.where(there, (x - x0) / (x1 - x0) * columns, np.nan)
        inside.append((across, np.where(there, (y1 - y) / (y1 - y0) * rows, np.nan)))
    names, colours = tuple(trail.name for trail in trails), tuple(series(at) for at in range(len(trails)))
    blank = ("",) * len(trails)
    ways = Lines(tuple(x for x, _ in inside), tuple(y for _, y in inside), blank, colours)
    plane = Panel(
        (Heat(heights, scale, opacity=0.75), ways),
        "The way down",
        frame=(float(rows), float(columns)),
        key=scale,
        caption="Where a trail leaves the picture it is not drawn.",
    )
    steps = tuple(np.arange(len(trail.values), dtype=np.float64) for trail in trails)
    over = tuple(np.maximum(trail.values - lowest, _LEAST) for trail in trails)
    curves = Lines(steps, over, names, colours)
    return Figure((plane, Panel((curves,), "Height above the minimum", x=Axis("step"), y=Axis(scale="log"))))
