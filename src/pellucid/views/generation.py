"""What generators make: points beside real ones over the critic's surface, pictures in a sheet, and what is
known of the two players along training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.views.axes import Axis
from pellucid.views.colours import ColourScale
from pellucid.views.curves import Curve, over_training
from pellucid.views.figure import Figure, Panel, beside
from pellucid.views.marks import Heat, Image, Mark, Points
from pellucid.views.pictures import rgb_pixels

WINDOW = 3.0
"""Points are shown from −3 to 3 on both axes."""
_POINTS = 1000  # of each kind that are drawn
_SURFACE = ColourScale("signed", -1.0, 1.0, "critic's score, from its least (−1) to its greatest (1)")
_GAP = 1  # pixel between pictures


def plane(
    real: NDArray[Any], made: NDArray[Any], surface: NDArray[np.uint8] | None = None, title: str = ""
) -> Figure:
    """Points (n, 2), real ones dark, generated ones green, over the critic's score (h, w), where there is
    one.
    """
    marks: list[Mark] = []
    edge = (-WINDOW, WINDOW, -WINDOW, WINDOW)
    if surface is not None:
        values = surface.astype(np.float64) / 127.5 - 1
        marks.append(Heat(values, _SURFACE, edge, opacity=0.5))  # so that points are seen on it
    for points, colour, opacity in ((real, "ink", 0.5), (made, "green", 0.9)):
        some = points[:_POINTS].astype(np.float64)
        marks.append(Points(some[:, 0], some[:, 1], colour, radius=1.6, opacity=opacity))
    panel = Panel(
        tuple(marks),
        title,
        x=Axis(limits=(-WINDOW, WINDOW)),
        y=Axis(limits=(-WINDOW, WINDOW)),
        aspect=1.0,
        width=420,
        key=_SURFACE if surface is not None else None,
    )
    return Figure((panel,), columns=1)


def sheet(pictures: Sequence[NDArray[np.uint8]], columns: int = 8, caption: str = "") -> Figure:
    """Pictures of one size, (h, w) or (h, w, 3) uint8, as one picture."""
    tiles = [rgb_pixels(picture) for picture in pictures]
    height, width, _ = tiles[0].shape
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    size = (rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP)
    pixels = np.full((*size, 3), 255, np.uint8)
    for place, tile in enumerate(tiles):
        top, left = (place // columns) * (height + _GAP), (place % columns) * (width + _GAP)
        pixels[top : top + height, left : left + width] = tile
    wide = float(min(720, 2.5 * size[1]))
    return Figure((Panel((Image(pixels),), frame=size, caption=caption, width=wide),), columns=1)


def duel(steps: Sequence[int], gaps: Sequence[float], slopes: Sequence[float]) -> Figure:
    """At recorded steps: the gap between the scores of real and generated samples, the greatest slope of the
    score between them, and the one divided by the other.
    """
    gap, slope = np.asarray(gaps, np.float64), np.asarray(slopes, np.float64)
    distance = np.divide(gap, slope, out=np.full_like(gap, np.nan), where=slope > 0)
    named = {
        "Greatest slope of the critic": slope,
        "Wasserstein distance that it shows": distance,
    }
    return beside(
        *(over_training(title, [Curve(steps, values)], along="step") for title, values in named.items())
    )


def noise_error(steps: NDArray[np.float64], errors: NDArray[np.float64], bins: int = 20) -> Figure:
    """The mean of `errors` (n,) in so many equal parts of the range of `steps` (n,)."""
    edges = np.linspace(0, steps.max() + 1, bins + 1)
    place = np.clip(np.digitize(steps, edges) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.bincount(place, errors, minlength=bins) / counts
    middles = (edges[:-1] + edges[1:]) / 2
    return over_training(
        "Error of the noise", [Curve(middles, means)], along="step of the forward process", scale="log"
    )
