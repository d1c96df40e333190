"""How true methods of explaining are, beside a map that knows nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pellucid.views.axes import Axis
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Bars, Lines


def faithfulness(
    means: Mapping[str, Mapping[str, float]], better: Mapping[str, str], random: str = "random map"
) -> Figure:
    """A panel for each score in `better`, a bar for each method of `means` (method → score → mean), the best
    on top; the line is the `random` map's.
    """
    panels = [_panel(score, way, means, random) for score, way in better.items()]
    caption = (
        "The mean over the pictures. The line is a random map: a method on its wrong side does worse "
        "than chance."
    )
    return Figure(tuple(panels), columns=2, caption=caption)


def _panel(score: str, way: str, means: Mapping[str, Mapping[str, float]], random: str) -> Panel:
    found = {method: numbers[score] for method, numbers in means.items() if method != random}
    order = sorted(found, key=found.__getitem__, reverse=way == "lower")  # the best last, which is on top
    places, line = np.arange(len(order), dtype=np.float64), means[random][score]
    marks = (
        _bars(places, [found[method] for method in order], order),
        Lines((np.array([line, line]),), (np.array([-0.5, len(order) - 0.5]),), (random,), ("ink",)),
    )
    ticks = tuple((float(place), method) for place, method in zip(places, order, strict=True))
    room = (-0.7, len(order) + 0.3)  # for the key above the bars
    return Panel(marks, score, x=Axis(f"{way} is better"), y=Axis("", limits=room, ticks=ticks))


def _bars(places: np.ndarray, values: Sequence[float], names: Sequence[str]) -> Bars:
    return Bars(places, np.array(values), "orange", tuple(names), thickness=0.7, lying=True)
