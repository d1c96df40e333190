"""Pictures before and after a code, what the code's numbers do, and what is decoded between pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.views.axes import Axis
from pellucid.views.colours import ColourScale
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Bars, Heat, Image, Lines, Mark, Text, Tiles
from pellucid.views.pictures import rgb_pixels

Pixels = NDArray[np.uint8]
_DIFFERENCE = ColourScale("signed", -1.0, 1.0, "what came back − what was wanted")
_NAMES = {"wanted": "picture", "seen": "as seen", "made": "came back"}
_SIDE = 84.0  # CSS pixels of a picture


def unstacked(stacked: Pixels, channels: int) -> Pixels:
    """(c · h, w), channels below one another, as (h, w, 3)."""
    return rgb_pixels(stacked.reshape(channels, -1, stacked.shape[1]))


def there_and_back(columns: Sequence[Mapping[str, Pixels]], captions: Sequence[str]) -> Figure:
    """For each picture a column: "wanted", "seen" where it was spoiled, "made", (h, w, 3) each, and the mean
    difference over the colours.
    """
    names = [*columns[0], "difference"]
    height, width = columns[0]["wanted"].shape[:2]
    marks: list[Mark] = []
    for place, pictures in enumerate(columns):
        left = place * (width + _gap(width))
        for row, name in enumerate(names):
            extent = (
                left,
                left + width,
                row * (height + _gap(height)),
                row * (height + _gap(height)) + height,
            )
            if name in pictures:
                marks.append(Image(pictures[name], extent))
            else:
                change = pictures["made"].astype(np.float64) - pictures["wanted"]
                marks.append(Heat(change.mean(2) / 255, _DIFFERENCE, extent))
    across = len(columns) * (width + _gap(width)) - _gap(width)
    down = len(names) * (height + _gap(height)) - _gap(height)
    words = [_NAMES.get(name, name) for name in names]
    panel = Panel(
        tuple(marks),
        frame=(down, across),
        x=Axis(ticks=_middles(captions, width)),
        y=Axis(ticks=_middles(words, height)),
        width=_SIDE * len(columns),
        key=_DIFFERENCE,
    )
    return Figure((panel,), columns=1)


def _gap(side: float) -> float:
    return 0.08 * side


def _middles(words: Sequence[str], side: float) -> tuple[tuple[float, str], ...]:
    return tuple((place * (side + _gap(side)) + side / 2, word) for place, word in enumerate(words))


def rows(pictures: Sequence[Sequence[Pixels]], names: Sequence[str] = (), title: str = "") -> Figure:
    """Rows of pictures of one size, (h, w, 3), without captions; `names` stand before the rows."""
    most = max(len(row) for row in pictures)
    height, width = pictures[0][0].shape[:2]
    marks = [
        Image(picture, (x, x + width, y, y + height))
        for number, row in enumerate(pictures)
        for place, picture in enumerate(row)
        for x, y in [(place * (width + _gap(width)), number * (height + _gap(height)))]
    ]
    panel = Panel(
        tuple(marks),
        title,
        frame=(
            len(pictures) * (height + _gap(height)) - _gap(height),
            most * (width + _gap(width)) - _gap(width),
        ),
        y=Axis(ticks=_middles(names, height) if names else ()),
        x=Axis(ticks=()),
        width=_SIDE * most,
    )
    return Figure((panel,), columns=1)


def row(pictures: Sequence[Pixels]) -> Figure:
    """Pictures beside one another."""
    return rows([list(pictures)])


def per_number(values: NDArray[np.float64], label: str, asked: float | None = None) -> Figure:
    """A bar for each number of a code, sorted from the greatest; a line at what was `asked`."""
    order = np.argsort(-values, kind="stable")
    at = np.arange(len(values), dtype=np.float64)
    names = tuple(f"number {index}: {values[index]:.4g}" for index in order.tolist())
    marks: list[Mark] = [Bars(at, values[order], "blue", names)]
    if asked is not None:
        ends = np.array([-0.5, len(values) - 0.5])
        marks.append(Lines((ends,), (np.full(2, asked),), ("asked",), ("orange",), dashed=True))
    panel = Panel(
        tuple(marks),
        x=Axis("numbers of the code, sorted", ticks=()),
        y=Axis(label),
        height=220.0,
        width=860.0,
    )
    return Figure((panel,), columns=1)


def plane(
    pictures: NDArray[Any], across: tuple[float, float], along: tuple[float, float], names: tuple[str, str]
) -> Figure:
    """Decoded points of a plane through the space of codes: (rows, columns, h, w, 3) uint8. Columns go
    through `across` (first, last), rows, from the top, through `along`; `names` are those of the two numbers.
    """
    count, columns = pictures.shape[:2]
    panel = Panel(
        (Tiles(pictures.reshape(-1, *pictures.shape[2:]), columns),),
        frame=(float(count), float(columns)),
        x=Axis(names[0], ticks=((0.5, f"{across[0]:.2g}"), (columns - 0.5, f"{across[1]:.2g}"))),
        y=Axis(names[1], ticks=((0.5, f"{along[0]:.2g}"), (count - 0.5, f"{along[1]:.2g}"))),
        width=720.0,
        aspect=columns * pictures.shape[3] / (count * pictures.shape[2]),
    )
    return Figure((panel,), columns=1)


def histogram_pair(values: Mapping[str, NDArray[np.floating[Any]]], label: str, bins: int = 40) -> Figure:
    """How often each value comes, for two groups, on the same bins, as shares of each group."""
    every = np.concatenate([*values.values()]).astype(np.float64)
    edges = np.linspace(every.min(), np.quantile(every, 0.995), bins + 1)
    middles, marks = (edges[1:] + edges[:-1]) / 2, list[Mark]()
    for (name, each), colour in zip(values.items(), ("blue", "orange"), strict=False):
        shares = np.histogram(each, edges)[0] / len(each)
        marks.append(Bars(middles, shares, colour, thickness=float(edges[1] - edges[0]), opacity=0.55))
        top = int(shares.argmax())
        marks.append(Text(float(middles[top]), float(shares[top]) * 1.06, name, "middle", colour, halo=True))
    return Figure(
        (Panel(tuple(marks), x=Axis(label), y=Axis("share"), height=260.0, width=640.0),), columns=1
    )
