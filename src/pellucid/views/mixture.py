"""A Gaussian mixture while it is fitted: who answers for which point, ellipses, likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.views.axes import Axis
from pellucid.views.colours import series
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Lines, Mark, Points

Floats = NDArray[np.float64]
_CORNERS = np.linspace(0, 2 * np.pi, 73)
_LEVELS = 8  # shades of doubt in which points are drawn


def ellipse(mean: Floats, covariance: Floats, deviations: float = 2.0) -> tuple[Floats, Floats]:
    """x and y of the line on which a normal distribution is `deviations` from its `mean` (2,)."""
    variances, axes = np.linalg.eigh(covariance)
    circle = np.stack([np.cos(_CORNERS), np.sin(_CORNERS)])
    line = mean[:, None] + deviations * axes @ (np.sqrt(np.maximum(variances, 0))[:, None] * circle)
    return line[0], line[1]


def mixture(
    points: Floats,
    responsibilities: Floats,
    means: Floats,
    covariances: Floats,
    title: str = "",
) -> Panel:
    """Points (n, 2), each in the colour of the component with the greatest of its `responsibilities` (n, k),
    paler the less sure it is; components as ellipses of two standard deviations around their `means` (k, 2).
    """
    owner, certainty = responsibilities.argmax(1), responsibilities.max(1)
    marks: list[Mark] = []
    for component in range(len(means)):
        for level in range(_LEVELS):
            chosen = (owner == component) & (np.ceil(certainty * _LEVELS).clip(1) == level + 1)
            if chosen.any():
                x, y = points[chosen].T
                marks.append(Points(x, y, series(component), 1.8, opacity=(level + 1) / _LEVELS * 0.6))
    lines = [ellipse(mean, covariance) for mean, covariance in zip(means, covariances, strict=True)]
    colours = tuple(series(component) for component in range(len(means)))
    names = ("",) * len(lines)
    marks.append(
        Lines(tuple(x for x, _ in lines), tuple(y for _, y in lines), names, ("ink",) * len(lines), 3.5)
    )
    x, y = zip(*lines, strict=True)
    marks.append(Lines(x, y, names, ("ink",) * len(lines), 3.5))
    marks.append(Lines(x, y, names, colours, 2.0))
    marks.append(Points(means[:, 0], means[:, 1], "ink", 4.0))
    return Panel(tuple(marks), title, x=_AXIS, y=_AXIS, aspect=1.0, width=420.0)


_AXIS = Axis(limits=(-3.0, 3.0), ticks=())


def scattered(points: Floats, title: str, colour: str = "blue") -> Panel:
    """Points of the plane on the same axes."""
    x, y = points.T
    return Panel((Points(x, y, colour, 1.8, opacity=0.5),), title, x=_AXIS, y=_AXIS, aspect=1.0, width=420.0)


def likelihood(values: Floats) -> Figure:
    """Mean log-likelihood of a point after each iteration, in nats."""
    at = np.arange(len(values), dtype=np.float64)
    panel = Panel(
        (Lines((at,), (values,), ("",), ("blue",)), Points(at, values, "blue", 2.5)),
        x=Axis("iteration of EM"),
        y=Axis("log-likelihood of a point, nats"),
        height=240.0,
        width=640.0,
    )
    return Figure((panel,), columns=1)


def criterion(
    components: Sequence[int], values: Mapping[str, Sequence[float]], best: tuple[str, int]
) -> Figure:
    """BIC by the number of components, a line for each kind of covariance; a dot on the `best`, the least."""
    at = np.array(components, dtype=np.float64)
    marks: list[Mark] = [
        Lines(
            (at,) * len(values),
            tuple(np.array(each, dtype=np.float64) for each in values.values()),
            tuple(values),
            tuple(series(place) for place in range(len(values))),
        )
    ]
    kind, count = best
    least = values[kind][list(components).index(count)]
    marks.append(Points(np.array([float(count)]), np.array([least]), "ink", 5.0))
    panel = Panel(
        tuple(marks),
        x=Axis("components", ticks=tuple((float(each), str(each)) for each in components)),
        y=Axis("BIC, lower is better"),
        height=280.0,
        width=640.0,
    )
    return Figure((panel,), columns=1)
