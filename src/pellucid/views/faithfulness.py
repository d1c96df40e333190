"""How true methods of explaining are, beside a map that knows nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pellucid.views.axes import Axis
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Bars, Lines


def faithfulness(
    means: Mapping[str, Mapping[str, float]], better: Mapping[str, str], random: Mapping[str, str]
) -> Figure:
    """A panel for each score in `better`, a bar for each method in `random` (method → score → mean in
    `means`), the best on top; the stroke across it is its `random` map's, by name in `means` too.
    """
    panels = [_panel(score, way, means, random) for score, way in better.items()]
    caption = (
        "The mean over the pictures. The stroke across a bar is a random map of the same grain: a method on "
        "its wrong side does worse than chance."
    )
    return Figure(tuple(panels), columns=2, caption=caption)


def _panel(
    score: str, way: str, means: Mapping[str, Mapping[str, float]], random: Mapping[str, str]
) -> Panel:
    found = {method: means[method][score] for method in random}
    order = sorted(found, key=found.__getitem__, reverse=way == "lower")  # the best last, which is on top
    places = np.arange(len(order), dtype=np.float64)
    blind = [means[random[method]][score] for method in order]
    strokes = Lines(
        tuple(np.array([value, value]) for value in blind),
        tuple(np.array([place - 0.42, place + 0.42]) for place in places),
        ("",) * len(order),
        ("ink",) * len(order),
    )
    marks = (_bars(places, [found[method] for method in order], order), strokes)
    ticks = tuple((float(place), method) for place, method in zip(places, order, strict=True))
    room = (-0.7, len(order) - 0.3)
    return Panel(marks, score, x=Axis(f"{way} is better"), y=Axis("", limits=room, ticks=ticks))


def _bars(places: np.ndarray, values: Sequence[float], names: Sequence[str]) -> Bars:
    return Bars(places, np.array(values), "orange", tuple(names), thickness=0.7, lying=True)
