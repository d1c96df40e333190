"""What a small network made of the plane, and how it got there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.views.axes import Axis
from pellucid.views.colours import ColourScale
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Heat, Lines, Points

Floats = NDArray[np.float64]


def learning(
    probabilities: Floats, points: Floats, labels: Floats, losses: Sequence[float], reach: float
) -> Figure:
    """`probabilities` (s, s) over the plane from −`reach` to `reach`, row 0 on top, with the `points` (n, 2)
    on it; and the loss over the steps.
    """
    side = float(len(probabilities))
    scale = ColourScale("signed", -1.0, 1.0, "2p − 1")
    x = (points[:, 0] + reach) / (2 * reach) * side
    y = (reach - points[:, 1]) / (2 * reach) * side
    ones = labels > 0.5
    dots = [Points(x[ones], y[ones], "orange", 4), Points(x[~ones], y[~ones], "blue", 4)]
    plane = Panel(
        (Heat(2 * probabilities - 1, scale, opacity=0.8), *dots),
        "What it says of the plane",
        frame=(side, side),
        key=scale,
        caption="Orange: class 1, blue: class 0; pale is where it is not sure.",
    )
    steps = np.arange(len(losses), dtype=np.float64)
    line = Lines((steps,), (np.asarray(losses, np.float64),), ("",), ("blue",))
    return Figure((plane, Panel((line,), "Loss", x=Axis("step"))))
